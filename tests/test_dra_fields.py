"""Fields of claims, classes, slices, taint rules and pods: what the API server refuses is told."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from migrate import kube
from migrate.kube import fields, mistakes, podclaims
from tests.oracle.cluster import Cluster, Refused
from tests.oracle.fixtures import ControlPlane

CEL = {"cel": {"expression": 'device.driver == "gpu.example.com"'}}
OPAQUE = {"opaque": {"driver": "gpu.example.com", "parameters": {"mode": "fast"}}}
EXACT = {
    "deviceClassName": "gpu.example.com",
    "selectors": [CEL],
    "allocationMode": "ExactCount",
    "count": 2,
    "tolerations": [
        {
            "key": "gpu.example.com/broken",
            "operator": "Equal",
            "value": "a",
            "effect": "NoExecute",
            "tolerationSeconds": 60,
        }
    ],
    "capacity": {"requests": {"memory": "10Gi"}},
}
DEVICES = {
    "requests": [
        {"name": "gpu", "exactly": EXACT},
        {"name": "any", "firstAvailable": [{"name": "one", **EXACT}]},
    ],
    "constraints": [
        {"requests": ["gpu"], "matchAttribute": "gpu.example.com/model"},
        {"requests": ["gpu"], "distinctAttribute": "gpu.example.com/uuid"},
    ],
    "config": [{"requests": ["gpu"], **OPAQUE}],
}
NODES = {
    "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]
}


def whole(kind: str, spec: Any, version: str = "v1") -> dict[str, Any]:
    """An object of the group, in the namespace that there is."""
    metadata: dict[str, Any] = {"name": "x", "labels": {"a": "b"}, "annotations": {"a": "b"}}
    if kind in ("ResourceClaim", "ResourceClaimTemplate"):
        metadata["namespace"] = "default"
    return {
        "apiVersion": f"{kube.GROUP}/{version}",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


DEVICE = {
    "name": "gpu-0",
    "attributes": {"model": {"string": "XL"}, "cores": {"int": 8}, "ecc": {"bool": True}},
    "capacity": {
        "memory": {
            "value": "80Gi",
            "requestPolicy": {"default": "1Gi", "validRange": {"min": "1Gi", "max": "80Gi"}},
        }
    },
    "taints": [{"key": "a", "value": "b", "effect": "NoSchedule"}],
    "allowMultipleAllocations": True,
}
OBJECTS = {
    "claim": whole("ResourceClaim", {"devices": DEVICES}),
    "template": whole(
        "ResourceClaimTemplate", {"metadata": {"labels": {"a": "b"}}, "spec": {"devices": DEVICES}}
    ),
    "class": whole(
        "DeviceClass",
        {"selectors": [CEL], "config": [OPAQUE], "extendedResourceName": "example.com/gpu"},
    ),
    "slice": whole(
        "ResourceSlice",
        {
            "driver": "gpu.example.com",
            "pool": {"name": "a", "generation": 1, "resourceSliceCount": 1},
            "nodeSelector": NODES,
            "devices": [DEVICE],
        },
    ),
    "rule": whole(
        "DeviceTaintRule",
        {
            "deviceSelector": {"driver": "gpu.example.com", "pool": "a", "device": "gpu-0"},
            "taint": {"key": "a", "value": "b", "effect": "NoExecute"},
        },
        "v1beta2",
    ),
    "old": whole(
        "ResourceClaim",
        {
            "devices": {
                "requests": [{"name": "gpu", **EXACT}],
                "config": [OPAQUE],
            }
        },
        "v1beta1",
    ),
    "pod": {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": "default"},
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "registry.example.com/main:1",
                    "resources": {"claims": [{"name": "gpu", "request": "gpu"}]},
                }
            ],
            "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
        },
    },
}
VALUES = (None, "", "a", 7, 7.5, True, [], ["a"], {}, {"a": "b"}, "x" * 300, "Not_A-Name", "A.B")
OTHERS = {
    "selectors[0].cel.expression": "whether a selector means what it says is another question",
    "matchAttribute": "an attribute's name is looked at by itself",
    "distinctAttribute": "an attribute's name is looked at by itself",
}


def told(body: Any) -> list[str]:
    """What is said of an object that stops it."""
    if body.get("kind") == "Pod":
        pods = tuple(kube.podspecs(body))
        found = [m for pod in pods for m in podclaims.refused(pod)]
        return [f"{m.name}: {m.said}" for m in found]
    found = list(mistakes.of_object(body, ()))
    return [f"{m.name}: {m.said}" for m in found if m.name in mistakes.BLOCKING]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an object, from the outside in."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*at, key))


def within(body: Any, at: tuple[Any, ...]) -> Any:
    for step in at:
        body = body[step]
    return body


def bent(name: str) -> Iterator[tuple[str, tuple[Any, ...], Any]]:
    """An object with one field gone, one more, or another value in one, and what was done."""
    good = OBJECTS[name]
    for at in places(good):
        if at[:1] in (("apiVersion",), ("kind",)) or not at:
            continue
        if at[0] == "metadata" or "parameters" in at[:-1]:
            continue
        if name == "pod" and not {"resourceClaims", "claims"} & set(at):
            continue
        holder, key = at[:-1], at[-1]
        for value in VALUES:
            new = copy.deepcopy(good)
            within(new, holder)[key] = value
            yield f"{fields.path(at)} = {value!r:.20}", at, new
        if isinstance(key, str):
            new = copy.deepcopy(good)
            del within(new, holder)[key]
            yield f"without {fields.path(at)}", at, new
        if isinstance(within(good, at), dict) and at[-1] not in ("attributes", "capacity", "requests", "labels", "annotations", "parameters"):
            new = copy.deepcopy(good)
            within(new, at)["stranger"] = "a"
            yield f"{fields.path(at)} with a stranger", at, new


def answer(cluster: Cluster, body: Any) -> str:
    try:
        cluster.create(body, dry_run=True)
    except Refused as error:
        return error.message
    return ""


@pytest.mark.controlplane
@pytest.mark.parametrize("name", OBJECTS)
def test_the_server_refuses_what_is_told(control_plane: ControlPlane, name: str) -> None:
    cluster = control_plane("1.36", {"DRADeviceTaintRules": True, "DRAConsumableCapacity": True, "DRADeviceTaints": True}, apis=("resource.k8s.io/v1beta1=true", "resource.k8s.io/v1beta2=true"))
    assert answer(cluster, OBJECTS[name]) == ""
    assert not told(OBJECTS[name])
    wrong, missed, count = [], [], 0
    for what, at, body in bent(name):
        said, ours = answer(cluster, body), told(body)
        count += 1
        if ours and not said:
            wrong.append((what, ours))
        elif said and not ours:
            missed.append((what, said))
    import json
    open(f"/tmp/g5/{name}.json", "w").write(json.dumps({"count": count, "wrong": wrong, "missed": missed}, indent=1))
