"""What is wrong with the claims of a pod spec, and why.

Source: kubernetes/kubernetes pkg/apis/core/validation/validation.go; core/v1 PodResourceClaim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from migrate.kube import fields
from migrate.kube.mistakes import Mistake
from migrate.kube.names import whole
from migrate.kube.podspecs import PodSpec
from migrate.model import Field

SOURCE: Final = "source around a claim's name"
INLINED: Final = "claim template inside the pod"
UNLISTED: Final = "claim that the pod does not list"
SHARED: Final = "one claim for every replica"

_NAMES: Final = ("resourceClaimName", "resourceClaimTemplateName")
_DEPTH: Final = 4
_WHY: Final = {
    SOURCE: (
        "from Kubernetes 1.31 the name stands in the entry itself; under `source` it is dropped, "
        "and the pod refused"
    ),
    INLINED: (
        "a pod only names its claims: the template is a ResourceClaimTemplate of its own, and the "
        "entry says resourceClaimTemplateName"
    ),
}


def entries(spec: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The entries of `resourceClaims` with their numbers."""
    listed = spec.get("resourceClaims")
    for number, entry in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(entry, Mapping):
            yield number, entry


def mistakes(pod: PodSpec) -> Iterator[Mistake]:
    """What is wrong with the entries of `resourceClaims`, whatever kind the pod stands in."""
    for number, entry in entries(pod.body):
        at = pod.at("resourceClaims", number)
        inside = inlined(entry)
        if inside is not None:
            yield Mistake(INLINED, (*at, inside[0]), "", _WHY[INLINED])
        elif without_source(entry) != entry:
            yield Mistake(SOURCE, (*at, "source"), "", _WHY[SOURCE])


def refused(pod: PodSpec) -> Iterator[Mistake]:
    """What the API server does not take in the claims of a pod and of its containers."""
    listed = pod.body.get("resourceClaims")
    if listed is not None:
        yield from _refused(listed, "[]core.PodResourceClaim", pod.at("resourceClaims"))
    for container in pod.containers:
        resources = container.body.get("resources")
        claims = resources.get("claims") if isinstance(resources, Mapping) else None
        place = (*container.field, "resources", "claims")
        yield from _refused(claims, "[]core.ResourceClaim", place)


def _refused(listed: Any, type_name: str, at: Field) -> Iterator[Mistake]:
    """The same for one list; entries that are told and mended as a whole are passed over."""
    items = listed
    told: set[Field] = set()
    if isinstance(listed, list):
        items = [without_source(item) if isinstance(item, Mapping) else item for item in listed]
        inside = (isinstance(item, Mapping) and inlined(item) is not None for item in listed)
        told = {(*at, number) for number, is_told in enumerate(inside) if is_told}
    for found in fields.of_type(items, type_name, at):
        if found.field[: len(at) + 1] in told:
            continue
        yield Mistake(found.name, found.field, found.said, found.why)


def unlisted(pod: PodSpec) -> Iterator[Mistake]:
    """Claims that containers name and the pod does not list."""
    listed = [str(entry.get("name")) for _, entry in entries(pod.body)]
    for container in pod.containers:
        resources = container.body.get("resources")
        claims = resources.get("claims") if isinstance(resources, Mapping) else None
        for number, claim in enumerate(claims if isinstance(claims, list) else ()):
            name = claim.get("name") if isinstance(claim, Mapping) else None
            if isinstance(name, str) and name not in listed:
                has = f"lists only {', '.join(listed)}" if listed else "has no resourceClaims"
                why = (
                    f"container {container.name} uses claim {name}, but the pod {has}, so it is "
                    f"refused: add '- name: {name}' with its resourceClaimTemplateName to "
                    "resourceClaims of the pod"
                )
                field = (*container.field, "resources", "claims", number, "name")
                yield Mistake(UNLISTED, field, name, why)


def shared(pod: PodSpec, kind: str, body: Any) -> Iterator[Mistake]:
    """Claims that all pods made from one pod template name together."""
    many = replicas(pod, kind, body)
    for number, entry in entries(pod.body) if many else ():
        name = without_source(entry).get("resourceClaimName")
        if isinstance(name, str):
            why = (
                f"{many} use the devices of one claim, {name}, and run where those are: for "
                "devices of their own name a ResourceClaimTemplate (resourceClaimTemplateName); "
                "if they are to share, nothing is wrong"
            )
            at = pod.at("resourceClaims", number)
            key = "resourceClaimName" if "resourceClaimName" in entry else "source"
            yield Mistake(SHARED, (*at, key), name, why)


def replicas(pod: PodSpec, kind: str, body: Any) -> str:
    """How many pods a template stands for, in words; "" where it is one at a time."""
    if kind == "DaemonSet":
        return "the pods of all nodes"
    key = "parallelism" if kind in ("Job", "CronJob") else "replicas"
    holder = body
    for step in pod.field[:-2]:
        holder = holder[step]
    count = whole(holder.get(key)) if isinstance(holder, Mapping) else None
    return f"all {count} pods" if count and count > 1 else ""


def without_source(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with the name of its claim or template taken out of `source`."""
    source = entry.get("source")
    if not isinstance(source, Mapping) or len(source) != 1 or any(k in entry for k in _NAMES):
        return dict(entry)
    named = {key: source[key] for key in _NAMES if isinstance(source.get(key), str)}
    return {**{k: v for k, v in entry.items() if k != "source"}, **named} if named else dict(entry)


def inlined(entry: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The key of an entry that holds a claim's spec, and the spec; None where there is none."""
    for key, value in entry.items():
        spec = _spec(value if key != "devices" else entry, 0)
        if spec is not None:
            return key, {"devices": spec["devices"]}
    return None


def _spec(value: Any, depth: int) -> Mapping[str, Any] | None:
    if not isinstance(value, Mapping) or depth > _DEPTH:
        return None
    devices = value.get("devices")
    requests = devices.get("requests") if isinstance(devices, Mapping) else None
    if isinstance(requests, list) and all(isinstance(r, Mapping) for r in requests):
        return value
    found = (_spec(value[key], depth + 1) for key in value)
    return next((spec for spec in found if spec is not None), None)


def claim_specs(below: Iterator[tuple[Field, Any]]) -> Iterator[tuple[Field, Mapping[str, Any]]]:
    """Every part that has the shape of a claim's spec, with its field."""
    for field, value in below:
        if isinstance(value, Mapping) and isinstance(value.get("devices"), Mapping):
            requests = value["devices"].get("requests")
            items = requests if isinstance(requests, list) else ()
            if any(_names_a_class(request) for request in items):
                yield field, value


def _names_a_class(request: Any) -> bool:
    if not isinstance(request, Mapping):
        return False
    alternatives = request.get("firstAvailable")
    bodies = (
        request,
        request.get("exactly"),
        *(alternatives if isinstance(alternatives, list) else ()),
    )
    return any(isinstance(body, Mapping) and "deviceClassName" in body for body in bodies)
