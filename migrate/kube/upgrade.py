"""Objects of `resource.k8s.io` from one version of the API to another, shape by shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from migrate.kube.tables import table
from migrate.kube.versions import GROUP
from migrate.model import ABSENT, Edit, Field

_FLAT: Final = ("v1alpha3", "v1beta1")
"""Versions whose requests have no `exactly` and whose devices stand in `basic`."""
_ORDER: Final = ("v1alpha1", "v1alpha2", "v1alpha3", "v1beta1", "v1beta2", "v1")
STRAY: Final = ("controller", "resourceClassName", "parametersRef")
"""Fields of the classic model in a claim, which say nothing where devices are asked for."""
_CLAIMS: Final = {"ResourceClaim": ("spec",), "ResourceClaimTemplate": ("spec", "spec")}


def version(api_version: str) -> str:
    """The version of `resource.k8s.io` that an apiVersion names, "" for any other group."""
    group, _, found = api_version.rpartition("/")
    return found if group == GROUP and found in _ORDER else ""


def is_flat(found: str) -> bool:
    """Whether requests of this version hold their fields themselves, without `exactly`.

    Shape: so does what is labelled with a version older than requests.
    """
    return found in _FLAT or found in table("dra")["classic"]["versions"]


def is_classic(body: Mapping[str, Any]) -> bool:
    """Whether the object is of the model in which a driver's own controller allocated.

    Shape: one that asks for devices is not, whatever version it says.
    """
    classic = table("dra")["classic"]
    kind, found = str(body.get("kind")), version(str(body.get("apiVersion")))
    if kind in classic["kinds"]:
        return True
    return found in classic["versions"] and not asks_for_devices(body)


def asks_for_devices(body: Mapping[str, Any]) -> bool:
    """Whether the spec of a claim or slice lists devices, as it does since Kubernetes 1.31."""
    spec: Any = body
    for key in _CLAIMS.get(str(body.get("kind")), ("spec",)):
        spec = spec.get(key) if isinstance(spec, Mapping) else None
    devices = spec.get("devices") if isinstance(spec, Mapping) else None
    return bool(devices.get("requests") if isinstance(devices, Mapping) else devices)


def is_cluster_scoped(kind: str) -> bool:
    """Whether objects of this kind stand in no namespace."""
    return kind in table("dra")["cluster"]


def is_old(kind: str, found: str) -> bool:
    """Whether a newer version of this kind exists, or no cluster serves the kind any more."""
    served = table("dra")["served"].get(kind, {})
    is_gone = kind in table("dra")["classic"]["kinds"]
    return is_gone or (bool(served) and found != max(served, key=_ORDER.index))


def gone(kind: str, found: str) -> int:
    """The minor version from which this version of a kind is no longer served, 0 for never."""
    return int(table("dra")["served"].get(kind, {}).get(found, (0, 0))[1])


def gates(kind: str) -> tuple[str, ...]:
    """The feature gates without which a whole kind does nothing."""
    return tuple(table("dra")["gates"].get(kind, ()))


def first(kind: str) -> int:
    """The minor version that first serves the newest version of a kind."""
    served = table("dra")["served"][kind]
    return int(served[max(served, key=_ORDER.index)][0])


def begins(kind: str, found: str) -> int:
    """The minor version that first serves this version of a kind, 0 where none does."""
    return int(table("dra")["served"].get(kind, {}).get(found, (0, 0))[0])


def serving(kind: str, minor: int) -> tuple[str, ...]:
    """The versions of a kind that a minor version serves, the newest first."""
    served = table("dra")["served"].get(kind, {})
    there = (v for v, (begin, end) in served.items() if begin <= minor and (not end or minor < end))
    return tuple(sorted(there, key=_ORDER.index, reverse=True))


def newest(kind: str, minor: int, found: str) -> str:
    """The newest version of a kind that a minor version serves, `found` where that is newer."""
    return max([*serving(kind, minor), found], key=_ORDER.index)


def upgraded(body: Mapping[str, Any], to: str) -> dict[str, Any]:
    """The object as version `to` writes it; parts that do not change are shared with `body`.

    Source: kubernetes/kubernetes pkg/apis/resource/v1beta1/conversion.go
    """
    new = {**body, "apiVersion": f"{GROUP}/{to}"}
    kind = str(body.get("kind"))
    if kind in _CLAIMS:
        return _within(new, _CLAIMS[kind], lambda spec: claim_spec(spec, to))
    if kind == "ResourceSlice":
        return _within(new, ("spec",), lambda spec: _slice_spec(spec, to))
    if kind == "DeviceClass":
        return _within(new, ("spec",), _class_spec)
    return new


def newest_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """The object as v1 has it, with what stands beside a request's name moved, known or not."""
    new = upgraded(body, "v1")
    path = _CLAIMS.get(str(body.get("kind")))
    if path is None or not is_flat(version(str(body.get("apiVersion")))):
        return new
    return _within(new, (*path, "devices"), _all_moved)


def _all_moved(devices: Any) -> Any:
    requests = devices.get("requests")
    moved = [_all_exactly(r) for r in requests] if isinstance(requests, list) else requests
    return {**devices, "requests": moved}


def _all_exactly(request: Any) -> Any:
    if not isinstance(request, Mapping) or "firstAvailable" in request:
        return request
    exactly = request.get("exactly", {})
    rest = {k: v for k, v in request.items() if k not in ("name", "exactly")}
    if not rest or not isinstance(exactly, Mapping):
        return request
    return {**{k: v for k, v in request.items() if k == "name"}, "exactly": {**exactly, **rest}}


def before(body: Any, field: Field) -> Field:
    """Where a field of the upgraded object stands in `body`; what holds it, where it is not there.

    Shape: only `exactly` and `basic` come and go between the versions, and a capacity's `value`.
    """
    old: list[str | int] = []
    for step in field:
        basic = body.get("basic") if isinstance(body, Mapping) else None
        if isinstance(basic, Mapping) and step not in body:
            old.append("basic")
            body = basic
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            if step == "exactly":
                continue
            break
        old.append(step)
    return tuple(old)


def claim_spec(spec: Any, to: str) -> Any:
    """The spec of a claim, its requests in the form of version `to`."""
    devices = spec.get("devices") if isinstance(spec, Mapping) else None
    if not isinstance(devices, Mapping) or not isinstance(devices.get("requests"), list):
        return spec
    requests = devices["requests"]
    kept = {k: v for k, v in spec.items() if k not in STRAY} if requests else spec
    return {**kept, "devices": {**devices, "requests": [_request(r, to) for r in requests]}}


def direct(request: Any) -> dict[str, Any]:
    """The fields that stand beside a request's name and belong under `exactly` from v1beta2."""
    if not isinstance(request, Mapping):
        return {}
    return {k: v for k, v in request.items() if k in table("dra")["exactly"]}


def _request(request: Any, to: str) -> Any:
    own = direct(request)
    if not isinstance(request, Mapping):
        return request
    exactly = request.get("exactly")
    if to in _FLAT and isinstance(exactly, Mapping) and not own:
        return {**{k: v for k, v in request.items() if k != "exactly"}, **exactly}
    if to in _FLAT or not own or exactly is not None:
        return request
    return {**{k: v for k, v in request.items() if k not in own}, "exactly": own}


def _class_spec(spec: Any) -> Any:
    """The spec of a class without what only drivers' own controllers looked at."""
    if isinstance(spec, Mapping) and spec.get("selectors"):
        return {k: v for k, v in spec.items() if k != "suitableNodes"}
    return spec


def _slice_spec(spec: Any, to: str) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    new = dict(spec)
    if isinstance(spec.get("devices"), list):
        new["devices"] = [_device(device, to) for device in spec["devices"]]
    if to not in _FLAT:
        if new.get("nodeName") == "":
            del new["nodeName"]
        if new.get("allNodes") is False:
            del new["allNodes"]
    return new


def _device(device: Any, to: str) -> Any:
    """A device of a slice: capacities as objects, and nothing in `basic` from v1beta2."""
    if not isinstance(device, Mapping):
        return device
    basic = device.get("basic")
    if not isinstance(basic, Mapping):
        return _with_capacity(device)
    inner = _with_capacity(basic)
    rest = {k: v for k, v in device.items() if k != "basic"}
    if to in _FLAT or rest.keys() & inner.keys():
        return {**device, "basic": inner}
    return {**rest, **inner}


def _with_capacity(device: Mapping[str, Any]) -> dict[str, Any]:
    capacity = device.get("capacity")
    if not isinstance(capacity, Mapping):
        return dict(device)
    wrapped = {k: v if isinstance(v, Mapping) else {"value": v} for k, v in capacity.items()}
    return {**device, "capacity": wrapped}


def _within(
    body: dict[str, Any], path: tuple[str, ...], change: Callable[[Any], Any]
) -> dict[str, Any]:
    """The object with the part at `path` changed; as it is where that part is missing."""
    key, *rest = path
    inner = body.get(key)
    if not isinstance(inner, Mapping):
        return body
    return {**body, key: _within(dict(inner), tuple(rest), change) if rest else change(inner)}


def edits(old: Any, new: Any, at: Field = ()) -> Iterator[Edit]:
    """The edits that make `new` of `old`: keys removed, added and changed, items one by one."""
    if old == new and type(old) is type(new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old:
        for key in old:
            if key not in new:
                yield Edit((*at, key), old[key], ABSENT)
            else:
                yield from edits(old[key], new[key], (*at, key))
        for key in new:
            if key not in old:
                yield Edit((*at, key), ABSENT, new[key])
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from edits(one, other, (*at, number))
    else:
        yield Edit(at, old, new)
