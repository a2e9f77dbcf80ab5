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
_CLAIMS: Final = {"ResourceClaim": ("spec",), "ResourceClaimTemplate": ("spec", "spec")}


def version(api_version: str) -> str:
    """The version of `resource.k8s.io` that an apiVersion names, "" for any other group."""
    group, _, found = api_version.rpartition("/")
    return found if group == GROUP and found in _ORDER else ""


def is_flat(found: str) -> bool:
    """Whether requests of this version hold their fields themselves, without `exactly`."""
    return found in _FLAT


def is_classic(kind: str, found: str) -> bool:
    """Whether the object is of the model in which a driver's own controller allocated."""
    classic = table("dra")["classic"]
    return kind in classic["kinds"] or found in classic["versions"]


def is_cluster_scoped(kind: str) -> bool:
    """Whether objects of this kind stand in no namespace."""
    return kind in table("dra")["cluster"]


def is_old(kind: str, found: str) -> bool:
    """Whether a newer version of this kind exists, or no cluster serves the kind any more."""
    served = table("dra")["served"].get(kind, {})
    return is_classic(kind, found) or (bool(served) and found != max(served, key=_ORDER.index))


def gone(kind: str, found: str) -> int:
    """The minor version from which this version of a kind is no longer served, 0 for never."""
    return int(table("dra")["served"].get(kind, {}).get(found, (0, 0))[1])


def first(kind: str) -> int:
    """The minor version that first serves the newest version of a kind."""
    served = table("dra")["served"][kind]
    return int(served[max(served, key=_ORDER.index)][0])


def newest(kind: str, minor: int, found: str) -> str:
    """The newest version of a kind that a minor version serves, `found` where that is newer."""
    served = table("dra")["served"].get(kind, {})
    there = [v for v, (first, end) in served.items() if first <= minor and (not end or minor < end)]
    return str(max([*there, found], key=_ORDER.index))


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
    return new


def claim_spec(spec: Any, to: str) -> Any:
    """The spec of a claim, its requests in the form of version `to`."""
    devices = spec.get("devices") if isinstance(spec, Mapping) else None
    if not isinstance(devices, Mapping) or not isinstance(devices.get("requests"), list):
        return spec
    requests = devices["requests"]
    return {**spec, "devices": {**devices, "requests": [_request(r, to) for r in requests]}}


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
