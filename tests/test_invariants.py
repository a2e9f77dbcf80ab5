"""What must hold for every input: for all fixtures, and for pods that nobody thought of."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from migrate import detect, kube, translate, yamltext
from migrate.cli import app
from migrate.model import Change, Finding, Manifest
from migrate.read import files, ruleset

ROOT = Path(__file__).parent.parent / "fixtures"
RULES = ruleset.rules()
CASES = sorted(before.parent for before in ROOT.glob("*/*/before"))
CHOICES = (
    ("1.32", translate.Options()),
    ("1.34", translate.Options()),
    ("1.34", translate.Options(placement="both", classes="flavour")),
    ("1.36", translate.Options(strategy="least")),
    ("1.36", translate.Options(strategy="class", classes="vendor")),
    ("1.36", translate.Options(strategy="bridge")),
    ("1.34", translate.Options(sharing="claim")),
    ("1.36", translate.Options(strategy="least", sharing="whole")),
)
"""Versions and choices under which everything is planned."""

GPU, MIG, NIC = "nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "rdma/rail0"
SHARE = "nvidia.com/gpu.shared"


@dataclass(frozen=True)
class Planned:
    """What was found and what becomes of it.

    Shape: `templates` are the requests of every new claim and claim template, by its name;
    `counted` those that take the place of an extended resource.
    """

    findings: tuple[Finding, ...]
    changes: tuple[Change, ...]
    templates: dict[str, Any]
    counted: dict[str, Any]

    @property
    def objects(self) -> Iterator[tuple[Manifest, Any]]:
        """Every object that is edited, with its body after all edits."""
        edited: dict[int, list[Change]] = {}
        for change in self.changes:
            if change.manifest is not None and change.edits:
                edited.setdefault(id(change.manifest), []).append(change)
        for group in edited.values():
            manifest = group[0].manifest
            assert manifest is not None
            edits = [edit for change in group for edit in change.edits]
            yield manifest, yamltext.intended(manifest.body, edits)

    @property
    def pods(self) -> Iterator[tuple[kube.PodSpec, kube.PodSpec]]:
        """Every pod of these objects, before and after."""
        for manifest, after in self.objects:
            new = {pod.field: pod for pod in kube.podspecs(after)}
            for pod in kube.podspecs(manifest.body):
                yield pod, new[pod.field]


def planned(reading: files.Reading, version: str, options: translate.Options) -> Planned:
    """What becomes of everything that was read."""
    findings = detect.findings(reading.files, RULES)
    changes = translate.changes(findings, RULES, kube.target(version), options).changes
    made = [(change, creation) for change in changes for creation in change.creates]
    templates, counted = (
        {
            creation.name: requests(creation.body["spec"])
            for change, creation in made
            if not creation.is_cluster_scoped and change.strategy in strategies
        }
        for strategies in (("claim", ""), ("claim",))
    )
    return Planned(findings, changes, templates, counted)


def requests(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests of a claim, or of a claim template."""
    found: list[dict[str, Any]] = spec.get("spec", spec)["devices"]["requests"]
    return found


def source(entry: dict[str, Any]) -> str:
    """What an entry of `resourceClaims` names: a template, or a claim."""
    return str(entry.get("resourceClaimTemplateName") or entry.get("resourceClaimName"))


def holds(plan: Planned) -> None:
    """Everything that must hold of any plan."""
    every_finding_is_answered(plan)
    what_is_left_says_why(plan)
    for change in plan.changes:
        for creation in change.creates:
            assert kube.is_dns_subdomain(creation.name), creation.name
    for wanted in plan.templates.values():
        names = [request["name"] for request in wanted]
        assert len(set(names)) == len(names)
        assert all(kube.is_dns_label(name) for name in names), names
        assert sum(map(devices, wanted)) <= kube.DEVICES_PER_CLAIM, "never schedulable"
    for before, after in plan.pods:
        references_exist(after, plan.templates)
        if is_counted(after, plan.counted):
            assert taken(after, plan.counted) == accounted(before, after, plan.counted)


def every_finding_is_answered(plan: Planned) -> None:
    told = {id(finding) for change in plan.changes for finding in change.findings}
    assert all(id(finding) in told for finding in plan.findings)


def what_is_left_says_why(plan: Planned) -> None:
    for change in plan.changes:
        assert change.why
        if change.edits or change.creates or change.strategy == "bridge":
            assert change.safety != "manual"
        elif change.safety != "manual":
            assert change.after == ("stays as it is",)
            assert change.disruption == "none"


def references_exist(pod: kube.PodSpec, templates: dict[str, Any]) -> None:
    """Containers name entries and requests that are there, and every new request is used."""
    listed = pod.body.get("resourceClaims") or []
    entries = {entry["name"]: source(entry) for entry in listed}
    assert len(entries) == len(listed), "an entry stands twice"
    assert all(kube.is_dns_label(name) for name in entries)
    used: set[tuple[str, str]] = set()
    for container in pod.containers:
        claims = container.body.get("resources", {}).get("claims", [])
        names = [claim["name"] for claim in claims]
        assert len(set(names)) == len(names), f"{container.name} lists one claim twice"
        for claim in claims:
            assert claim["name"] in entries, f"{container.name} names a claim that is not there"
            known = templates.get(entries[claim["name"]], [])
            if "request" in claim and known:
                assert claim["request"] in {request["name"] for request in known}
            used |= {
                (claim["name"], request["name"])
                for request in known
                if claim.get("request", request["name"]) == request["name"]
            }
    wanted = {
        (entry, request["name"])
        for entry, template in entries.items()
        for request in templates.get(template, [])
    }
    assert used == wanted, "a request that no container uses"


def devices(request: dict[str, Any]) -> int:
    """How many devices a request takes, of its first alternative where it has several."""
    body = request.get("exactly") or (request.get("firstAvailable") or [request])[0]
    return int(body.get("count", 1))


def is_counted(pod: kube.PodSpec, templates: dict[str, Any]) -> bool:
    """Whether the new claims of a pod say how many devices they take, and not all of a node's."""
    return not any(
        "All"
        in [
            request.get("exactly", request).get("allocationMode")
            for request in templates.get(source(entry), [])
        ]
        for entry in pod.body.get("resourceClaims") or []
    )


def taken(pod: kube.PodSpec, templates: dict[str, Any]) -> int:
    """How many devices the new claims of a pod take."""
    return sum(
        devices(request)
        for entry in (pod.body.get("resourceClaims") or [])
        for request in templates.get(source(entry), [])
    )


def accounted(before: kube.PodSpec, after: kube.PodSpec, templates: dict[str, Any]) -> int:
    """How many devices the scheduler counted of the resources that are gone from a pod's limits.

    Containers and sidecars hold theirs together; an init container runs with the sidecars that
    started before it, and what it held is free for those that come after it. Those that named a
    share, and name one request of a claim now, hold one device together.
    Source: Kubernetes, `PodRequests` in component-helpers.
    """
    gone: dict[str, list[tuple[str, int]]] = {}
    for old, new in zip(before.containers, after.containers, strict=True):
        limits, left = limited(old), limited(new)
        prefix = kube.CLASS_RESOURCE_PREFIX
        if any(key.startswith(prefix) and key not in limits for key in left):
            continue
        for key, value in limits.items():
            is_share = key == SHARE or "-SHARED" in str(before.body)
            is_held = any(count for _, count in gone.get(key, ()))
            if is_share and key not in left and is_held and is_together(after, templates):
                continue
            if key not in left:
                gone.setdefault(key, []).append((old.role, kube.whole(value) or 0))
    return sum(_most(asks) for asks in gone.values())


def is_together(pod: kube.PodSpec, templates: dict[str, Any]) -> bool:
    """Whether running containers of the pod use the same request of a claim."""
    entries = {e["name"]: source(e) for e in pod.body.get("resourceClaims") or []}
    used = [
        (claim["name"], request["name"])
        for container in pod.containers
        if container.role != "init"
        for claim in container.body.get("resources", {}).get("claims", [])
        for request in templates.get(entries[claim["name"]], [])
        if claim.get("request", request["name"]) == request["name"]
    ]
    return len(set(used)) < len(used)


def _most(asks: list[tuple[str, int]]) -> int:
    sidecars, most = 0, 0
    for role, count in asks:
        if role == "sidecar":
            sidecars += count
        if role == "init":
            most = max(most, sidecars + count)
    running = sum(count for role, count in asks if role in {"container", "sidecar"})
    return max(most, running)


def limited(container: kube.Container) -> dict[str, Any]:
    resources = container.body.get("resources")
    limits = resources.get("limits") if isinstance(resources, dict) else None
    return limits if isinstance(limits, dict) else {}


# --- For every fixture --------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_of_every_fixture(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(case / "before")
    reading = files.reading(["."], RULES)
    for version, options in CHOICES:
        holds(planned(reading, version, options))


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if len(list((case / "before").rglob("*.yaml"))) > 1],
    ids=lambda case: f"{case.parent.name}/{case.name}",
)
def test_the_order_of_paths_does_not_matter(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a fixture, named one by one and the other way round, give one plan."""
    monkeypatch.chdir(case / "before")
    paths = sorted(str(p.relative_to(case / "before")) for p in Path.cwd().rglob("*.yaml"))
    assert spoken(paths) == spoken(paths[::-1]) == spoken([*paths[::2], *paths[1::2], paths[0]])


def spoken(paths: list[str]) -> dict[str, Any]:
    """The plan of these paths as JSON."""
    result = CliRunner().invoke(app, ["plan", *paths, "--format", "json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    plan: dict[str, Any] = json.loads(result.stdout)
    return plan


# --- For pods that nobody thought of ------------------------------------------------------------

LABELS = {
    "nvidia.com/gpu.product": ["NVIDIA-L4", "Tesla-T4-SHARED", "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"],
    "nvidia.com/gpu.memory": ["81559", "80Gi"],
    "nvidia.com/gpu.family": ["hopper", "ampere", "voodoo"],
    "nvidia.com/gpu.present": ["true"],
    "nvidia.com/gpu.count": ["8"],
    "topology.kubernetes.io/zone": ["a", "b"],
}


@st.composite
def requirement(draw: st.DrawFn) -> dict[str, Any]:
    """One expression of node affinity."""
    key = draw(st.sampled_from(sorted(LABELS)))
    operator = draw(st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]))
    made: dict[str, Any] = {"key": key, "operator": operator}
    if operator in {"In", "NotIn"}:
        made["values"] = draw(
            st.lists(st.sampled_from(LABELS[key]), min_size=1, max_size=3, unique=True)
        )
    elif operator in {"Gt", "Lt"}:
        made["values"] = [draw(st.sampled_from(["8", "40000", "many"]))]
    return made


@st.composite
def affinity(draw: st.DrawFn) -> dict[str, Any]:
    """Required and preferred node affinity."""
    term = st.fixed_dictionaries(
        {"matchExpressions": st.lists(requirement(), min_size=1, max_size=3)}
    )
    node: dict[str, Any] = {}
    if terms := draw(st.lists(term, max_size=2)):
        node["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    wish = st.fixed_dictionaries({"weight": st.integers(1, 100), "preference": term})
    if wishes := draw(st.lists(wish, max_size=3)):
        node["preferredDuringSchedulingIgnoredDuringExecution"] = wishes
    return {"nodeAffinity": node}


@st.composite
def container(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A container that asks for some devices, or for none."""
    limits: dict[str, Any] = {}
    for resource in draw(st.lists(st.sampled_from([GPU, GPU, MIG, NIC, SHARE]), max_size=2)):
        limits[resource] = draw(st.sampled_from([0, 1, 1, 2, "2", 3, 8, 20]))
    if draw(st.booleans()):
        limits["cpu"] = 1
    made: dict[str, Any] = {"name": name, "image": "registry.example.com/any:1"}
    if limits:
        made["resources"] = {"limits": limits}
        if draw(st.booleans()):
            made["resources"]["requests"] = dict(limits)
    return made


@st.composite
def deployment(draw: st.DrawFn) -> dict[str, Any]:
    """A Deployment with containers, init containers, sidecars, labels, affinity, tolerations."""
    pod: dict[str, Any] = {
        "containers": [
            draw(container(name))
            for name in ("main", "Side.Two", "c" * 63)[: draw(st.integers(1, 3))]
        ]
    }
    first = [draw(container(f"init-{i}")) for i in range(draw(st.integers(0, 3)))]
    for each in first:
        if draw(st.booleans()):
            each["restartPolicy"] = "Always"
    if first:
        pod["initContainers"] = first
    if draw(st.booleans()):
        keys = draw(st.lists(st.sampled_from(sorted(LABELS)), max_size=3, unique=True))
        pod["nodeSelector"] = {key: draw(st.sampled_from(LABELS[key])) for key in keys}
    if draw(st.booleans()):
        pod["affinity"] = draw(affinity())
    if draw(st.booleans()):
        pod["tolerations"] = draw(
            st.lists(
                st.sampled_from(
                    [
                        {"operator": "Exists"},
                        {"key": GPU, "operator": "Exists", "effect": "NoSchedule"},
                        {"key": "dedicated", "value": "research"},
                    ]
                ),
                max_size=2,
            )
        )
    if draw(st.booleans()):
        pod["resourceClaims"] = [{"name": "gpu", "resourceClaimName": "shared"}]
    name = draw(st.sampled_from(["train", "a.b", "x" * 63, "gpu"]))
    return {
        "apiVersion": "apps/v1",
        "kind": draw(st.sampled_from(["Deployment", "StatefulSet", "DaemonSet"])),
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"template": {"metadata": {"labels": {"app": "x"}}, "spec": pod}},
    }


def piped(bodies: list[dict[str, Any]]) -> files.Reading:
    """These objects, read from standard input."""
    text = yaml.safe_dump_all(bodies, sort_keys=False)
    return files.reading(["-"], RULES, stdin=io.BytesIO(text.encode()))


@pytest.mark.thorough
@settings(max_examples=300)
@given(st.lists(deployment(), min_size=1, max_size=2), st.sampled_from(CHOICES))
def test_of_every_pod(bodies: list[dict[str, Any]], choice: tuple[str, translate.Options]) -> None:
    reading = piped(bodies)
    plan = planned(reading, *choice)
    holds(plan)
    assert planned(reading, *choice).changes == plan.changes, "planned twice, not the same"
