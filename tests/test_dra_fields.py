"""Fields of claims, classes, slices, taint rules and pods: what the API server refuses is told."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from migrate import kube
from migrate.cli import app
from migrate.kube import fields, mistakes, podclaims
from tests.oracle.cluster import Cluster, Refused
from tests.oracle.fixtures import ControlPlane

BETA = ("resource.k8s.io/v1beta1=true", "resource.k8s.io/v1beta2=true")
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


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values around others, under keys that claims have, and others."""
    keys = st.sampled_from(
        ["devices", "requests", "exactly", "selectors", "cel", "expression", "basic", "a", "spec"]
    )
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)


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
VALUES: tuple[Any, ...] = (
    None,
    "",
    "a",
    7,
    7.5,
    True,
    [],
    ["a"],
    {},
    {"a": "b"},
    "x" * 300,
    "Not_A-Name",
    "A.B",
)
MAPS = {"attributes", "capacity", "requests", "parameters"}
"""Mappings in which a new key is a new entry."""
LEFT = {
    "claim": {r"(constraints|config)\[.\]\.requests\[0\] = None", r"Attribute = ''"},
    "template": {
        r"(constraints|config)\[.\]\.requests\[0\] = None",
        r"Attribute = ''",
        r"spec\.metadata\.",
    },
    "class": {r"extendedResourceName = ''"},
    # Drivers write slices; what the fields of one mean together is theirs to know.
    "slice": {
        *(r"nodeSelector", r"requestPolicy", r"pool\.name", r"memory(\.value)?( = (7|None)|$)"),
        *(r"attributes\.\w+ = None", r"allowMultipleAllocations"),
    },
    "rule": {r"deviceSelector\.\w+ = ''", r"deviceSelector\.pool"},
    # A claim that the pod does not list is told by itself.
    "pod": {
        r"claims\[0\]\.name",
        r"resourceClaims( = |$)",
        r"resourceClaims\[0\]\.name = 'a'",
        r"= ''",
    },
}
"""What is refused and not told, because nobody is likely to write it."""


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
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in items:
        yield from places(part, (*at, key))


def within(body: Any, at: tuple[Any, ...]) -> Any:
    for step in at:
        body = body[step]
    return body


def bent(name: str) -> Iterator[tuple[str, Any]]:
    """An object with one field gone, one more, or another value in one, and what was done."""
    good = OBJECTS[name]
    for at in places(good):
        if at[:1] != ("spec",) or "parameters" in at[:-1]:
            continue
        if name == "pod" and not {"resourceClaims", "claims"}.intersection(at):
            continue
        for value in VALUES:
            new = copy.deepcopy(good)
            within(new, at[:-1])[at[-1]] = value
            yield f"{fields.path(at)} = {value!r:.20}", new
        if isinstance(at[-1], str):
            new = copy.deepcopy(good)
            del within(new, at[:-1])[at[-1]]
            yield f"without {fields.path(at)}", new
        if isinstance(within(good, at), dict) and at[-1] not in MAPS | {"labels"}:
            new = copy.deepcopy(good)
            within(new, at)["stranger"] = "a"
            yield f"{fields.path(at)} with a stranger", new


def answer(cluster: Cluster, body: Any) -> str:
    """What the API server has against an object, "" for nothing."""
    try:
        cluster.create(body, dry_run=True)
    except Refused as error:
        return error.message
    return ""


@pytest.mark.controlplane
@pytest.mark.parametrize("name", OBJECTS)
def test_the_server_refuses_what_is_told(control_plane: ControlPlane, name: str) -> None:
    """And it refuses little else: of every field, gone, unknown and with all sorts of values."""
    cluster = control_plane("1.36", {"DRADeviceTaintRules": True}, apis=BETA)
    assert (answer(cluster, OBJECTS[name]), told(OBJECTS[name])) == ("", [])
    missed = []
    for what, body in bent(name):
        said, ours = answer(cluster, body), told(body)
        assert said or not ours, (what, ours)
        if said and not ours:
            missed.append((what, said))
    left = [each for each in missed if not any(re.search(p, each[0]) for p in LEFT.get(name, ()))]
    assert not left


# --- What is said of it -------------------------------------------------------------------------

TRAILING = """\
        selectors:
          - cel:
              expression: device.driver == 'a' ||"""


def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *args: str) -> str:
    """The lines that upgrade prints of one file."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(text)
    result = CliRunner().invoke(app, ["upgrade", "a.yaml", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return "\n".join(line for line in result.stdout.splitlines() if line.startswith("a.yaml:"))


def claim(version: str, request: str) -> str:
    """A ResourceClaim with one request, which stands on line 8."""
    return f"""\
apiVersion: resource.k8s.io/{version}
kind: ResourceClaim
metadata:
  name: a
spec:
  devices:
    requests:
      - {request}
"""


@pytest.mark.parametrize(
    ("request_", "line", "says"),
    [
        ("deviceClassName: a", 8, "write name here"),
        ("{name: gpu, deviceClassName: a, count: '2'}", 8, "write 2 without quotes"),
        ("{name: gpu, deviceClass: a}", 8, "write deviceClassName"),
        ("{name: gpu, deviceClassName: a, selectors: [{cel: a == 1}]}", 8, "expression: a == 1"),
        ("{name: GPU, deviceClassName: a}", 8, "small letters"),
        ("name: gpu\n        deviceClassName: a\n        nodeName: b", 10, "nodeName"),
        (f"name: gpu\n        deviceClassName: a\n{TRAILING}", 12, "ends with ||"),
    ],
)
@pytest.mark.parametrize("version", ["v1alpha3", "v1beta1"])
def test_what_is_refused_is_left_to_a_person_with_its_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_: str,
    line: int,
    says: str,
    version: str,
) -> None:
    told = upgraded(tmp_path, monkeypatch, claim(version, request_))
    assert f"a.yaml:{line}\t" in told
    assert says in told
    assert "manual" in told
    assert "safe" not in told


def test_what_the_newest_version_has_is_known_in_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "{name: gpu, exactly: {deviceClassName: a, selectors: [{cel: {expression: 24Gi}}]}}"
    told = upgraded(tmp_path, monkeypatch, claim("v1", body))
    assert 'quantity("24Gi")' in told


@pytest.mark.parametrize(
    "value", ["{{ .Values.name }}", "${NAME}", "$(NAME)", "{{ x }}-gpu", "{% raw %}"]
)
def test_template_text_is_never_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """What is filled in later cannot be judged, wherever it stands."""
    fields_ = ("name", "deviceClassName", "count", "allocationMode", "selectors", "tolerations")
    body = ", ".join(f'{name}: "{value}"' for name in fields_)
    assert "manual" not in upgraded(tmp_path, monkeypatch, claim("v1beta1", f"{{{body}}}"))


def test_a_class_asked_for_by_its_implicit_name_is_no_device_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor where a template fills in which class it is."""
    monkeypatch.chdir(tmp_path)
    pod = {**OBJECTS["pod"], "spec": copy.deepcopy(OBJECTS["pod"]["spec"])}
    name = "deviceclass.resource.kubernetes.io/class-{{ .Index }}"
    pod["spec"]["containers"][0]["resources"] = {"limits": {name: 1}}
    del pod["spec"]["resourceClaims"]
    Path("a.yaml").write_text(yaml.safe_dump(pod))
    result = CliRunner().invoke(app, ["plan", "a.yaml"], catch_exceptions=False)
    assert "a.yaml:" not in result.stdout


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=4), nested))
def test_nothing_that_is_read_breaks_the_walk(value: Any) -> None:
    for kind in ("ResourceClaim", "ResourceClaimTemplate", "DeviceClass", "ResourceSlice"):
        body = whole(kind, value)
        found = tuple(mistakes.of_object(body, ()))
        assert all(m.why and is_there(body, m.field) for m in found)


def is_there(body: Any, field: tuple[Any, ...]) -> bool:
    """Whether a field that is told is there."""
    for step in field:
        there = (
            body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
        )
        if step not in there:
            return False
        body = body[step]
    return True
