"""What the API server or the scheduler refuses in objects of `resource.k8s.io`, and why.

Source: kubernetes/kubernetes pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate.kube import fields, selectors, upgrade
from migrate.kube.names import DEVICES_PER_CLAIM, whole
from migrate.model import Field

OLD_LABEL: Final = "resource.k8s.io/admin-access"
"""What allowed adminAccess in a namespace in Kubernetes 1.33."""
LABEL: Final = "resource.kubernetes.io/admin-access"
"""What allows it since 1.34."""

NO_EXACTLY: Final = "request without exactly"
EXACTLY: Final = "exactly in an older version"
BOTH: Final = "fields beside exactly"
ALL_COUNT: Final = "count with allocationMode All"
TOO_MANY: Final = "count over 32"
ADMIN: Final = "adminAccess"
CONSTRAINT: Final = "cel in a constraint"
UNQUALIFIED: Final = "constraint without the attribute's domain"
NOT_ASKED: Final = "name of no request"
BASIC: Final = "basic in a slice"
EMPTY_NODE: Final = "empty nodeName"
NO_NODES: Final = "allNodes: false"
COUNTERS: Final = "sharedCounters beside devices"
TAINTED: Final = "taint rule that selects by class or CEL"
CLASSIC: Final = "classic DRA"
STRAY: Final = "field of classic DRA beside devices"
NO_SELECTOR: Final = "taint rule without deviceSelector"
ADMIN_LABEL: Final = "old label for adminAccess"

MENDED: Final = frozenset(
    {
        NO_EXACTLY,
        EXACTLY,
        BASIC,
        EMPTY_NODE,
        NO_NODES,
        STRAY,
        selectors.SLASH,
        selectors.VALUE,
        selectors.COMPARED,
    }
)
"""Mistakes that have one meaning only, so that an edit puts them right."""
BLOCKING: Final = fields.NAMES | {
    BOTH,
    TAINTED,
    CLASSIC,
    ALL_COUNT,
    CONSTRAINT,
    UNQUALIFIED,
    NOT_ASKED,
    COUNTERS,
    selectors.DASH,
    selectors.LONG,
    selectors.UNBOUND,
    selectors.NO_DOMAIN,
    selectors.NUMBER,
    selectors.SYNTAX,
    selectors.STRANGER,
}
"""Mistakes that no version of the API has a place for, and that only their author can put right."""

INCOMPLETE: Final = frozenset({fields.MISSING, NOT_ASKED, NO_SELECTOR})
"""What is no mistake where a template fills in the rest."""
NOTED: Final = frozenset({NO_SELECTOR})
"""What is taken, and may mean something else in a later version."""

_SHOWN: Final = 5
_WHY: Final = {
    NO_EXACTLY: (
        "from v1beta2 the fields of a request stand under `exactly`; here the API server finds "
        "none and refuses the claim"
    ),
    EXACTLY: (
        "`exactly` came with v1beta2; this version knows no such field and refuses the claim"
    ),
    BOTH: (
        "a request holds its fields under `exactly` and beside it, and only one of the two counts: "
        "put all that is meant under `exactly`"
    ),
    ALL_COUNT: (
        "allocationMode All takes every device that matches, so it has no count, and the API "
        "server refuses the two together: leave out one of them"
    ),
    TOO_MANY: (
        "a claim is given at most 32 devices; more is accepted and never scheduled: ask for 32 or "
        "fewer, or split the work into several pods"
    ),
    ADMIN: (
        "security: adminAccess gives devices that others already use; it is for monitoring agents, "
        f'and for namespaces with the label {LABEL}: "true" (in 1.33 {OLD_LABEL}). To share a '
        "device, let pods name one ResourceClaim (resourceClaimName) instead"
    ),
    CONSTRAINT: (
        "a constraint compares the devices of one claim (matchAttribute, distinctAttribute) and "
        "has no cel: a condition on each device stands in the request, as "
        "selectors[].cel.expression"
    ),
    UNQUALIFIED: (
        "a constraint names an attribute with its domain, <driver>/<name>; without one the API "
        "server refuses the claim"
    ),
    BASIC: "from v1beta2 what stood in `basic` stands in the device itself",
    EMPTY_NODE: 'from v1beta2 a slice without a node has no nodeName; "" is refused',
    NO_NODES: "from v1beta2 allNodes is true or not there; false is refused",
    COUNTERS: (
        "from Kubernetes 1.35 one slice may not hold both: publish the sharedCounters in a slice "
        "of their own in the same pool, and raise resourceSliceCount"
    ),
    TAINTED: (
        "Kubernetes 1.35 dropped deviceClassName and selectors of a DeviceTaintRule, and what is "
        "left of this selector would taint more devices: name them by driver, pool and device"
    ),
    CLASSIC: (
        "this is the DRA of before Kubernetes 1.31, in which a driver's own controller allocated; "
        "no field of it says which devices were meant: install a driver that publishes "
        "ResourceSlices, and write its DeviceClass and ResourceClaimTemplate anew"
    ),
    STRAY: (
        "only the drivers' own controllers of before Kubernetes 1.31 looked at this field; it goes "
        "away, for the devices are asked for in `devices`"
    ),
    NO_SELECTOR: (
        "without deviceSelector Kubernetes up to 1.37 keeps new pods from every device and evicts "
        "none, and from 1.38 the rule taints no device at all: write `deviceSelector: {}` if every "
        "device of every driver is meant, or else name driver, pool or device"
    ),
    ADMIN_LABEL: f"only Kubernetes 1.33 knew this label; from 1.34 it is {LABEL}",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that cannot be meant.

    Shape: `name` is one of the constants of this package; `said` is the value or piece of text,
    "" where the field says it all; `why` says what is wrong and what to write instead.
    """

    name: str
    field: Field
    said: str
    why: str


def objects(body: Any, below: Iterator[tuple[Field, Any]]) -> Iterator[tuple[Field, Any]]:
    """The objects of `resource.k8s.io` at any depth, with their field; `below`: body's fields."""
    if _is_object(body):
        yield (), body
    yield from ((field, value) for field, value in below if _is_object(value))


def _is_object(value: Any) -> bool:
    if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
        return False
    return bool(upgrade.version(str(value.get("apiVersion"))))


def of_object(
    body: Mapping[str, Any], at: Field, versions: selectors.Known = frozenset()
) -> Iterator[Mistake]:
    """The mistakes of one object of `resource.k8s.io` that stands at `at`."""
    if upgrade.is_classic(body):
        yield _mistake(CLASSIC, (*at, "kind"), str(body["kind"]))
        return
    told = tuple(_of_kind(body, at, versions))
    yield from told
    if not any(m.name == CLASSIC for m in told):
        yield from _of_fields(body, at, told)


def _of_kind(body: Mapping[str, Any], at: Field, versions: selectors.Known) -> Iterator[Mistake]:
    """The mistakes that only objects of this kind can have."""
    kind, version = str(body["kind"]), upgrade.version(str(body["apiVersion"]))
    spec = body.get("spec")
    if kind == "ResourceClaim":
        yield from _of_claim(spec, (*at, "spec"), version, versions)
    elif kind == "ResourceClaimTemplate":
        inner = spec.get("spec") if isinstance(spec, Mapping) else None
        yield from _of_claim(inner, (*at, "spec", "spec"), version, versions)
    elif kind == "DeviceClass" and isinstance(spec, Mapping):
        if "suitableNodes" in spec:
            is_stray = bool(spec.get("selectors"))
            yield _mistake(STRAY if is_stray else CLASSIC, (*at, "spec", "suitableNodes"))
        yield from _of_selectors(spec, (*at, "spec"), versions)
    elif kind == "ResourceSlice" and isinstance(spec, Mapping):
        yield from _of_slice(spec, (*at, "spec"), version)
    elif kind == "DeviceTaintRule" and isinstance(spec, Mapping):
        yield from _of_taint_rule(spec, (*at, "spec"))


def _of_fields(body: Mapping[str, Any], at: Field, told: tuple[Mistake, ...]) -> Iterator[Mistake]:
    """What no field takes, where nothing more telling is said of the same place."""
    places = {m.field for m in told if m.field[-1] != "cel" or m.name == CONSTRAINT}
    places |= {m.field[:-1] for m in told if m.name == BOTH}
    is_whole = not at or at[0] in ("items", "objects")
    new = upgrade.newest_form(body)
    if is_whole and not _is_named(body):
        place = (*at, "metadata" if "metadata" in body else "kind")
        yield Mistake(fields.MISSING, place, "metadata.name", "an object has a name: write it")
    for found in fields.wrong(new, str(body["kind"])):
        own = upgrade.before(body, found.field)
        said = fields.path((*own, found.key) if found.key else own)
        field = (*at, *(own or ("kind",)))
        if not any(field[:length] in places for length in range(len(field) + 1)):
            yield Mistake(found.name, field, said, found.why)


def _is_named(body: Mapping[str, Any]) -> bool:
    metadata = body.get("metadata")
    if not isinstance(metadata, Mapping):
        return metadata is not None
    return bool(metadata.get("name") or metadata.get("generateName")) or any(
        fields.is_template(key) or key == "<<" for key in metadata
    )


def _of_taint_rule(spec: Mapping[str, Any], at: Field) -> Iterator[Mistake]:
    selector = spec.get("deviceSelector")
    if selector is None and spec.get("taint"):
        yield _mistake(NO_SELECTOR, (*at, "deviceSelector") if "deviceSelector" in spec else at)
    for key in ("deviceClassName", "selectors"):
        if isinstance(selector, Mapping) and selector.get(key):
            yield _mistake(TAINTED, (*at, "deviceSelector", key))


def of_namespace(body: Mapping[str, Any]) -> Iterator[Mistake]:
    """The label of a namespace that no longer allows what it was written for."""
    metadata = body.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    if isinstance(labels, Mapping) and OLD_LABEL in labels and LABEL not in labels:
        yield _mistake(ADMIN_LABEL, ("metadata", "labels", OLD_LABEL), str(labels[OLD_LABEL]))


def of_spec(
    spec: Mapping[str, Any], at: Field, versions: selectors.Known = frozenset()
) -> Iterator[Mistake]:
    """The mistakes of a claim's spec that stands in another kind, where no version is known."""
    yield from _of_claim(spec, at, "", versions)


def _of_claim(spec: Any, at: Field, version: str, versions: selectors.Known) -> Iterator[Mistake]:
    if not isinstance(spec, Mapping):
        return
    devices = spec.get("devices")
    is_stray = isinstance(devices, Mapping) and bool(devices.get("requests"))
    stray = [key for key in upgrade.STRAY if key in spec and version]
    for key in stray if is_stray else stray[:1]:
        yield _mistake(STRAY if is_stray else CLASSIC, (*at, key))
    for field, request in _items(devices, "requests", (*at, "devices")):
        yield from _of_form(request, field, version)
        yield from _of_request(request, field, versions)
        if isinstance(request.get("exactly"), Mapping):
            yield from _of_request(request["exactly"], (*field, "exactly"), versions)
        for inner, alternative in _items(request, "firstAvailable", field):
            yield from _of_request(alternative, inner, versions)
    for field, constraint in _items(devices, "constraints", (*at, "devices")):
        yield from _of_constraint(constraint, field)
    yield from _of_names_of_requests(devices, (*at, "devices"))


def _of_names_of_requests(devices: Any, at: Field) -> Iterator[Mistake]:
    """Constraints and configuration that name requests the claim does not have."""
    requests = [request for _, request in _items(devices, "requests", at)]
    names = {str(request.get("name")) for request in requests}
    for request in requests:
        for _, inner in _items(request, "firstAvailable", at):
            names.add(f"{request.get('name')}/{inner.get('name')}")
    is_known = not any(fields.is_template(name) for name in names)
    there = ", ".join(sorted(names)[:_SHOWN]) or "none"
    for key in ("constraints", "config"):
        for field, holder in _items(devices, key, at) if is_known else ():
            listed = holder.get("requests")
            for number, name in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(name, str) and name not in names and not fields.is_template(name):
                    why = f"the claim has no request {name}, so it is refused; it has {there}"
                    yield Mistake(NOT_ASKED, (*field, "requests", number), name, why)


def _of_form(request: Mapping[str, Any], at: Field, version: str) -> Iterator[Mistake]:
    """Whether the fields of a request stand where this version looks for them."""
    own = upgrade.direct(request)
    exactly = request.get("exactly")
    if own and exactly is not None:
        yield _mistake(BOTH, (*at, "exactly"))
    elif exactly is not None and upgrade.is_flat(version):
        yield _mistake(EXACTLY, (*at, "exactly"))
    elif own and version and not upgrade.is_flat(version) and "firstAvailable" not in request:
        yield _mistake(NO_EXACTLY, (*at, next(iter(own))))


def _of_request(
    request: Mapping[str, Any], at: Field, versions: selectors.Known
) -> Iterator[Mistake]:
    count = request.get("count")
    if request.get("allocationMode") == "All" and count is not None:
        yield _mistake(ALL_COUNT, (*at, "count"), str(count))
    elif (whole(count) or 0) > DEVICES_PER_CLAIM:
        yield _mistake(TOO_MANY, (*at, "count"), str(count))
    if request.get("adminAccess") is True:
        yield _mistake(ADMIN, (*at, "adminAccess"), "true")
    yield from _of_selectors(request, at, versions)


def _of_selectors(
    holder: Mapping[str, Any], at: Field, versions: selectors.Known
) -> Iterator[Mistake]:
    for field, selector in _items(holder, "selectors", at):
        cel = selector.get("cel")
        place = (*field, "cel", "expression") if isinstance(cel, Mapping) else (*field, "cel")
        text = cel.get("expression") if isinstance(cel, Mapping) else cel
        if isinstance(text, str) and text.strip():
            for name, said, why in selectors.mistakes(text, versions):
                yield Mistake(name, place, said, why)


def _of_constraint(constraint: Mapping[str, Any], at: Field) -> Iterator[Mistake]:
    if "cel" in constraint:
        yield _mistake(CONSTRAINT, (*at, "cel"))
    for key in ("matchAttribute", "distinctAttribute"):
        name = constraint.get(key)
        if isinstance(name, str) and name and "/" not in name:
            yield _mistake(UNQUALIFIED, (*at, key), name)
        elif isinstance(name, str) and "-" in name.rpartition("/")[2]:
            yield _dashed(name.rpartition("/")[2], (*at, key), name)


def _of_slice(spec: Mapping[str, Any], at: Field, version: str) -> Iterator[Mistake]:
    is_new = not upgrade.is_flat(version)
    if is_new and spec.get("nodeName") == "":
        yield _mistake(EMPTY_NODE, (*at, "nodeName"))
    if is_new and spec.get("allNodes") is False:
        yield _mistake(NO_NODES, (*at, "allNodes"))
    if spec.get("sharedCounters") and spec.get("devices"):
        yield _mistake(COUNTERS, (*at, "sharedCounters"))
    for field, device in _items(spec, "devices", at):
        basic = device.get("basic")
        if isinstance(basic, Mapping):
            if is_new:
                yield _mistake(BASIC, (*field, "basic"))
            yield from _of_names(basic, (*field, "basic"))
        yield from _of_names(device, field)


def _of_names(device: Mapping[str, Any], at: Field) -> Iterator[Mistake]:
    """Attributes and capacities of a device whose names no selector could ask for."""
    for key in ("attributes", "capacity"):
        names = device.get(key)
        for name in names if isinstance(names, Mapping) else ():
            if isinstance(name, str) and "-" in name.rpartition("/")[2]:
                yield _dashed(name.rpartition("/")[2], (*at, key, name), name)


def _items(holder: Any, key: str, at: Field) -> Iterator[tuple[Field, Mapping[str, Any]]]:
    """The mappings in a list of a mapping, with their fields."""
    items = holder.get(key) if isinstance(holder, Mapping) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping):
            yield (*at, key, number), item


def _mistake(name: str, field: Field, said: str = "") -> Mistake:
    return Mistake(name, field, said, _WHY[name])


def _dashed(name: str, field: Field, said: str) -> Mistake:
    why = (
        f"a name holds letters, digits and _ only, so no driver can publish {name}: look up the "
        "published name ('kubectl get resourceslices -o yaml')"
    )
    return Mistake(selectors.DASH, field, said, why)
