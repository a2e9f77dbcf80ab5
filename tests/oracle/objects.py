"""Kubernetes' objects as tests make them: plain dictionaries of its own JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]


def reference(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    """As much of an object as names it."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def resource_slice(
    driver: str, node: str, devices: Sequence[Body], pool: str = ""
) -> dict[str, Any]:
    """A ResourceSlice that is a whole pool."""
    name = pool or f"{node}-{driver.replace('/', '-')}"
    return reference("resource.k8s.io/v1", "ResourceSlice", name) | {
        "spec": {
            "driver": driver,
            "nodeName": node,
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
            "devices": [dict(device) for device in devices],
        }
    }


def device_class(name: str, *selectors: str, extended_resource_name: str = "") -> dict[str, Any]:
    """A DeviceClass, with the bridge's name where one is given."""
    spec: dict[str, Any] = {"selectors": [{"cel": {"expression": text}} for text in selectors]}
    if extended_resource_name:
        spec["extendedResourceName"] = extended_resource_name
    return reference("resource.k8s.io/v1", "DeviceClass", name) | {"spec": spec}


def claim(name: str, *requests: Body, namespace: str = "default") -> dict[str, Any]:
    """A ResourceClaim of these requests."""
    head = reference("resource.k8s.io/v1", "ResourceClaim", name, namespace)
    return head | {"spec": {"devices": {"requests": [dict(request) for request in requests]}}}


def template(name: str, *requests: Body, namespace: str = "default") -> dict[str, Any]:
    """A ResourceClaimTemplate of these requests."""
    head = reference("resource.k8s.io/v1", "ResourceClaimTemplate", name, namespace)
    devices = {"requests": [dict(request) for request in requests]}
    return head | {"spec": {"spec": {"devices": devices}}}


def exactly(device_class_name: str, name: str = "gpu", **more: Any) -> dict[str, Any]:
    """A request of that many devices of a class."""
    return {"name": name, "exactly": {"deviceClassName": device_class_name} | more}


def pod(
    name: str,
    *containers: Body,
    claims: Sequence[Body] = (),
    namespace: str = "default",
    **spec: Any,
) -> dict[str, Any]:
    """A pod of these containers, or of one that asks for nothing."""
    whole = {"containers": [dict(one) for one in containers or [container()]]} | spec
    if claims:
        whole["resourceClaims"] = [dict(one) for one in claims]
    return reference("v1", "Pod", name, namespace) | {"spec": whole}


def container(
    name: str = "main",
    *,
    claims: Sequence[Body] = (),
    limits: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A container that is given these claims and limits."""
    resources: dict[str, Any] = {}
    if claims:
        resources["claims"] = [dict(one) for one in claims]
    if limits:
        resources["limits"] = dict(limits)
    return {"name": name, "image": "registry.invalid/image:1", "resources": resources}
