"""Claims already written: upgraded as Kubernetes would, mistakes told from what works."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from migrate import detect, kube, yamltext
from migrate.cli import app
from migrate.kube import mistakes, selectors, upgrade
from migrate.model import Finding
from migrate.read import files, ruleset
from tests.oracle.ask import NoAnswer, Oracle

RULES = ruleset.rules()
DRIVER = "gpu.example.com"
DEVICE = {
    "driver": DRIVER,
    "name": "gpu-0",
    "attributes": {
        "model": {"string": "XL"},
        "driverVersion": {"version": "550.1.0"},
    },
    "capacity": {"memory": {"value": "80Gi"}},
}
MEMORY = f'device.capacity["{DRIVER}"].memory'
MODEL = f'device.attributes["{DRIVER}"].model'
VERSION = f'device.attributes["{DRIVER}"].driverVersion'


# --- Selectors ----------------------------------------------------------------------------------

WRONG = {
    'device.attributes["model"] == "XL"': selectors.NO_DOMAIN,
    "device.attributes['model'].string == 'XL'": selectors.NO_DOMAIN,
    'device.attributes.model == "XL"': selectors.NO_DOMAIN,
    'device.capacity["memory"].compareTo(quantity("1Gi")) >= 0': selectors.NO_DOMAIN,
    f'device.attributes["{DRIVER}/model"] == "XL"': selectors.SLASH,
    f'device.attributes["{DRIVER}"].product-name == "XL"': selectors.DASH,
    f'device.attributes["{DRIVER}"]["product-name"] == "XL"': selectors.DASH,
    f'{MEMORY}.value() >= quantity("40Gi").value()': selectors.VALUE,
    f'{MEMORY} >= quantity("40Gi")': selectors.COMPARED,
    f'{MEMORY} == "80Gi"': selectors.COMPARED,
    f"{MEMORY} >= 40": selectors.NUMBER,
    f'{VERSION} >= "550.0.0"': selectors.VERSION,
    "true || " * 2000 + "true": selectors.LONG,
}
RIGHT = (
    f'device.driver == "{DRIVER}"',
    f'{MODEL} != "X-L"',
    f"has({MODEL}) && {MODEL} == 'XL'",
    f'"model" in device.attributes["{DRIVER}"]',
    f'device.attributes["{DRIVER}"].?model.orValue("") == "XL"',
    f'cel.bind(dra, device.attributes["{DRIVER}"], dra.model == "XL")',
    f'{MEMORY}.compareTo(quantity("40Gi")) >= 0',
    f'{MEMORY}.asInteger() >= quantity("40Gi").asInteger()',
    f'{MEMORY} == quantity("80Gi")',
    f'{VERSION}.compareTo(semver("550.0.0")) >= 0',
    f'{MODEL}.matches("^X-?L$")',
)


@pytest.mark.parametrize(("expression", "name"), WRONG.items(), ids=lambda part: part[:40])
def test_a_selector_that_cannot_be_meant_is_told(expression: str, name: str) -> None:
    found = selectors.mistakes(expression, frozenset({(DRIVER, "driverVersion")}))
    assert {seen for seen, _, _ in found} == {name}
    assert all(why for _, _, why in found)


@pytest.mark.parametrize("expression", WRONG, ids=lambda part: part[:40])
def test_kubernetes_refuses_what_is_told(oracle: Oracle, expression: str) -> None:
    """Nothing is called a mistake that the real compiler takes and that then finds the device."""
    assert not finds(oracle, expression)


@pytest.mark.parametrize("expression", RIGHT)
def test_kubernetes_takes_what_is_not_told(oracle: Oracle, expression: str) -> None:
    assert not selectors.mistakes(expression, frozenset({(DRIVER, "driverVersion")}))
    assert selectors.mended(expression) == expression
    assert finds(oracle, expression)


@pytest.mark.parametrize(
    "expression",
    [
        f'device.attributes["{DRIVER}/model"] == "XL"',
        f"device.attributes['{DRIVER}/model'] == 'XL' && {MEMORY} > quantity('1Gi')",
        f'{MEMORY}.value() >= quantity("40Gi").value()',
        f'{MEMORY} >= quantity("40Gi")',
        f'{MEMORY} == "80Gi"',
        f'({MEMORY} < "81Gi") && device.driver == "{DRIVER}"',
        f'{MEMORY} != "79Gi"',
        f'device.capacity["{DRIVER}/memory"] >= quantity("40Gi")',
    ],
)
def test_what_is_mended_works(oracle: Oracle, expression: str) -> None:
    """The real compiler refuses or passes over what was written, and takes what it becomes."""
    assert not finds(oracle, expression)
    new = selectors.mended(expression)
    assert finds(oracle, new), new
    assert selectors.mended(new) == new
    assert not selectors.mistakes(new)


def finds(oracle: Oracle, expression: str) -> bool:
    """Whether the real compiler takes a selector, and the device is among those it selects."""
    answer = oracle.ask("compile", expression=expression, devices=[DEVICE])
    return bool(answer["compiles"]) and bool(answer["devices"][0]["selected"])


# --- Versions -----------------------------------------------------------------------------------

NAMES = st.sampled_from(["gpu", "nic", "disk", "a", "b"])
SELECTORS = st.lists(
    st.sampled_from(['device.driver == "a"', "true"]).map(lambda cel: {"cel": {"expression": cel}}),
    min_size=1,
    max_size=2,
)
BODIES = st.fixed_dictionaries(
    {"deviceClassName": st.sampled_from(["gpu.example.com", "nic.example.com"])},
    optional={
        "selectors": SELECTORS,
        "allocationMode": st.sampled_from(["All", "ExactCount"]),
        "count": st.integers(1, 9),
        "tolerations": st.just([{"key": "example.com/broken", "operator": "Exists"}]),
        "capacity": st.just({"requests": {"memory": "10Gi"}}),
    },
)
FORMS: list[Callable[[str, dict[str, Any]], dict[str, Any]]] = [
    lambda name, body: {"name": name, **body},
    lambda name, body: {**body, "name": name},
    lambda name, body: {"name": name, **body, "adminAccess": True},
    lambda name, body: {"name": name, "firstAvailable": [{"name": "one", **body}]},
]
REQUESTS = st.builds(
    lambda form, name, body: form(name, body), st.sampled_from(FORMS), NAMES, BODIES
)
SPECS = st.fixed_dictionaries(
    {"requests": st.lists(REQUESTS, max_size=3)},
    optional={
        "constraints": st.just([{"matchAttribute": "gpu.example.com/model"}]),
        "config": st.just([{"opaque": {"driver": DRIVER, "parameters": {"cel": {"x": 1}}}}]),
    },
).map(lambda devices: {"devices": devices})
DEVICES = st.fixed_dictionaries(
    {
        "name": NAMES,
        "basic": st.fixed_dictionaries(
            {},
            optional={
                "attributes": st.just({"model": {"string": "XL"}, "cores": {"int": 8}}),
                "capacity": st.just({"memory": {"value": "80Gi"}}),
                "nodeName": st.just("node-a"),
                "allNodes": st.booleans(),
                "allowMultipleAllocations": st.booleans(),
            },
        ),
    }
)
SLICES = st.fixed_dictionaries(
    {
        "driver": st.just(DRIVER),
        "pool": st.just({"name": "a", "generation": 1, "resourceSliceCount": 1}),
        "devices": st.lists(DEVICES, max_size=3),
    },
    optional={"nodeName": st.sampled_from(["", "node-a"]), "allNodes": st.booleans()},
)
OLD = st.one_of(
    SPECS.map(lambda spec: whole("v1beta1", "ResourceClaim", spec)),
    SPECS.map(lambda spec: whole("v1beta1", "ResourceClaimTemplate", {"spec": spec})),
    SLICES.map(lambda spec: whole("v1beta1", "ResourceSlice", spec)),
    SELECTORS.map(lambda s: whole("v1beta2", "DeviceClass", {"selectors": s})),
    SPECS.map(lambda spec: upgrade.upgraded(whole("v1beta1", "ResourceClaim", spec), "v1beta2")),
)


def whole(version: str, kind: str, spec: Any) -> dict[str, Any]:
    """An object of the group."""
    return {
        "apiVersion": f"{kube.GROUP}/{version}",
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": spec,
    }


@given(OLD)
@settings(max_examples=200)
def test_an_upgrade_is_the_one_kubernetes_makes(oracle: Oracle, old: dict[str, Any]) -> None:
    """Its own converter, given the old object or ours, says the same and misses no field."""
    new = upgrade.upgraded(old, "v1")
    assert oracle.ask("convert", object=new) == oracle.ask("convert", object=old)
    left = {mistake.name for mistake in mistakes.of_object(new, ())}
    assert left <= {mistakes.ADMIN, mistakes.ALL_COUNT}, "what no version takes, and nothing else"


@given(OLD)
def test_the_edits_of_an_upgrade_make_the_upgrade(old: dict[str, Any]) -> None:
    new = upgrade.upgraded(old, "v1")
    made = yamltext.intended(old, tuple(upgrade.edits(old, new)))
    assert pruned(made) == pruned(new)


def pruned(value: Any) -> Any:
    """The object without empty parts, which an edit that empties them takes along."""
    if isinstance(value, dict):
        return {k: p for k, v in value.items() if (p := pruned(v)) not in ({}, [])}
    return [pruned(item) for item in value] if isinstance(value, list) else value


@given(SPECS)
def test_there_and_back_is_the_same(spec: dict[str, Any]) -> None:
    """Fields under `exactly` go back beside the name for a cluster that knows no `exactly`."""
    assert upgrade.claim_spec(upgrade.claim_spec(spec, "v1"), "v1beta1") == spec


def test_what_has_no_counterpart_is_not_converted(oracle: Oracle) -> None:
    """The tables call classic what Kubernetes' own converter does not know either."""
    old = whole("v1alpha2", "ResourceClass", {})
    assert upgrade.is_classic(old)
    with pytest.raises(NoAnswer, match="no kind"):
        oracle.ask("convert", object=old)


@pytest.mark.parametrize(
    ("kind", "minor", "found", "newest"),
    [
        ("ResourceClaim", 32, "v1beta1", "v1beta1"),
        ("ResourceClaim", 33, "v1beta1", "v1beta2"),
        ("ResourceClaim", 34, "v1alpha3", "v1"),
        ("DeviceTaintRule", 35, "v1alpha3", "v1alpha3"),
        ("DeviceTaintRule", 36, "v1alpha3", "v1beta2"),
        ("DeviceTaintRule", 37, "v1alpha3", "v1"),
        ("ResourceClaim", 33, "v1", "v1"),
    ],
)
def test_the_newest_version_that_a_cluster_serves(
    kind: str, minor: int, found: str, newest: str
) -> None:
    """Never an older one than the object has: what is there was written for something."""
    assert upgrade.newest(kind, minor, found) == newest


# --- Whole files --------------------------------------------------------------------------------


def found_in(path: Path, text: str) -> list[Finding]:
    """The findings of this usage in one file."""
    path.write_text(text)
    return [
        f
        for f in detect.findings(files.reading([str(path)], RULES).files, RULES)
        if f.usage == "dra"
    ]


def test_a_mistake_is_told_once_per_place(tmp_path: Path) -> None:
    cel = f'{MEMORY} >= quantity("1Gi") && {MEMORY} >= quantity("1Gi")'
    spec = {"selectors": [{"cel": {"expression": cel}}]}
    found = found_in(tmp_path / "a.yaml", yaml.safe_dump(whole("v1", "DeviceClass", spec)))
    assert [f.resource for f in found] == [selectors.COMPARED]


@pytest.mark.parametrize("kind", ["RayCluster", "Deployment"])
def test_claims_of_kinds_that_fill_them_in_themselves_are_left_alone(
    tmp_path: Path, kind: str
) -> None:
    """Whether a claim is missing can be told of Kubernetes' own kinds only."""
    pod = {
        "containers": [
            {"name": "a", "image": "b", "resources": {"claims": [{"name": "gpu"}]}},
        ]
    }
    group = "ray.io/v1" if kind == "RayCluster" else "apps/v1"
    body = {"apiVersion": group, "kind": kind, "spec": {"template": {"spec": pod}}}
    found = found_in(tmp_path / "a.yaml", yaml.safe_dump(body))
    assert bool(found) == (kind == "Deployment")


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        {"devices": None},
        {"devices": {"requests": None}},
        {"devices": {"requests": [None, "a", []], "constraints": [None]}},
        {"devices": {"requests": [{"name": None, "exactly": None, "count": []}]}},
        {"devices": {"requests": [{"exactly": [], "selectors": [{"cel": None}, {"cel": []}]}]}},
        {"devices": {"requests": {"a": 1}}},
    ],
)
@pytest.mark.parametrize("kind", ["ResourceClaim", "ResourceClaimTemplate", "ResourceSlice"])
def test_nonsense_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: Any, kind: str
) -> None:
    """Only the version of such an object can be said to be old."""
    monkeypatch.chdir(tmp_path)
    inner = {"spec": spec} if kind == "ResourceClaimTemplate" else spec
    Path("a.yaml").write_text(yaml.safe_dump(whole("v1beta1", kind, inner)))
    result = CliRunner().invoke(app, ["upgrade", "."], catch_exceptions=False)
    assert result.exit_code == 0, result.output


# --- The verb -----------------------------------------------------------------------------------

BOTH = """\
apiVersion: resource.k8s.io/v1beta1
kind: ResourceClaimTemplate
metadata: {name: a}
spec:
  spec:
    devices:
      requests:
        - name: gpu # kept
          deviceClassName: gpu.example.com # moved
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec:
  containers:
    - name: main
      image: registry.example.com/main:1
      resources: {limits: {nvidia.com/gpu: 1}}
"""


def run(*args: str) -> str:
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_upgrade_plans_claims_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(BOTH)
    run("upgrade", ".", "-o", "plan")
    run("apply", "plan", "--phase", "claim", "--yes")
    new = Path("a.yaml").read_text()
    claim, pod = yaml.safe_load_all(new)
    assert claim["apiVersion"] == "resource.k8s.io/v1"
    assert claim["spec"]["spec"]["devices"]["requests"] == [
        {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}
    ]
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": 1}}
    assert "# kept" in new
    assert "deviceClassName: gpu.example.com # moved" in new
    assert "# moved" not in Path("plan/3-claim/README.md").read_text()
    assert "0 changes" in run("upgrade", ".")
    run("rollback", "plan")
    assert Path("a.yaml").read_text() == BOTH


def test_upgrade_heeds_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(BOTH)
    said = json.loads(run("upgrade", ".", "--kubernetes", "1.33", "--format", "json"))
    after = [c["after"] for phase in said["phases"] for c in phase["changes"]]
    assert after == [["resource.k8s.io/v1beta2", "request fields under exactly"]]


def test_check_leaves_with_1_when_something_is_left_to_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(BOTH)
    assert CliRunner().invoke(app, ["upgrade", ".", "--check"]).exit_code == 0
    Path("a.yaml").write_text(
        BOTH.replace("deviceClassName", "count: 40\n          deviceClassName")
    )
    assert CliRunner().invoke(app, ["upgrade", ".", "--check"]).exit_code == 1


def test_scan_says_whose_knowledge_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No rule speaks of the API itself, and `none` would say that nobody knows it."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(BOTH)
    line = run("scan", ".").splitlines()[0]
    assert line.split()[1:4] == ["dra", "ResourceClaimTemplate@v1beta1", "kubernetes"]
