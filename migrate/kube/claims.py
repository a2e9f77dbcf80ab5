"""The objects of `resource.k8s.io`, in the form the target serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migrate.errors import PlanError
from migrate.kube.versions import GROUP, serves
from migrate.model import Target


def request(
    target: Target, name: str, device_class: str, count: int | None, selectors: Sequence[str] = ()
) -> dict[str, Any]:
    """A request for `count` devices of a class that fulfil every CEL selector; None: for all."""
    devices = _devices(device_class, count, selectors)
    # v1beta1 has the same fields beside the name; the later versions know them only in `exactly`.
    if target.api_version == "v1beta1":
        return {"name": name, **devices}
    return {"name": name, "exactly": devices}


def subrequest(
    name: str, device_class: str, count: int | None, selectors: Sequence[str] = ()
) -> dict[str, Any]:
    """One alternative of a prioritized request; the same in every version."""
    return {"name": name, **_devices(device_class, count, selectors)}


def prioritized_request(
    target: Target, name: str, alternatives: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A request that is met by the first of its alternatives that can be.

    Shape: `alternatives` as `subrequest` makes them, the one preferred first.
    Raises: PlanError where the target would drop the field.
    """
    _require(target, "DRAPrioritizedList", "firstAvailable")
    return {"name": name, "firstAvailable": [dict(a) for a in alternatives]}


def claim_template(
    target: Target,
    name: str,
    namespace: str,
    requests: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A ResourceClaimTemplate with these requests; `namespace` "" leaves the namespace out."""
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {
        "apiVersion": f"{GROUP}/{target.api_version}",
        "kind": "ResourceClaimTemplate",
        "metadata": metadata,
        "spec": {"spec": {"devices": {"requests": [dict(r) for r in requests]}}},
    }


def claim(
    target: Target, name: str, namespace: str, requests: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A ResourceClaim with these requests; `namespace` "" leaves the namespace out."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": f"{GROUP}/{target.api_version}",
        "kind": "ResourceClaim",
        "metadata": metadata,
        "spec": {"devices": {"requests": [dict(r) for r in requests]}},
    }


def device_class(
    target: Target, name: str, selectors: Sequence[str], extended_resource_name: str = ""
) -> dict[str, Any]:
    """A DeviceClass, serving pods that ask for `extended_resource_name` where one is given.

    Raises: PlanError where the target would drop the name.
    """
    spec: dict[str, Any] = {}
    if selectors:
        spec["selectors"] = _cel(selectors)
    if extended_resource_name:
        _require(target, "DRAExtendedResource", "extendedResourceName")
        spec["extendedResourceName"] = extended_resource_name
    return {
        "apiVersion": f"{GROUP}/{target.api_version}",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": spec,
    }


def _devices(device_class: str, count: int | None, selectors: Sequence[str]) -> dict[str, Any]:
    wanted = {"allocationMode": "All"} if count is None else {"count": count}
    devices: dict[str, Any] = {"deviceClassName": device_class, **wanted}
    if selectors:
        devices["selectors"] = _cel(selectors)
    return devices


def _cel(selectors: Sequence[str]) -> list[dict[str, Any]]:
    return [{"cel": {"expression": selector}} for selector in selectors]


def _require(target: Target, gate: str, field: str) -> None:
    """Nothing; the API server drops a field whose gate is off without a word, so it is refused."""
    if not serves(target, gate):
        raise PlanError(
            f"Kubernetes {target.kubernetes} would drop `{field}`: its feature gate is off",
            remedy=f"Switch {gate} on, or plan for a later version.",
        )
