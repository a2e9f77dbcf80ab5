"""Quotas: the same number on claims, beside the old one and then instead; the rest explained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from migrate import apply, detect, kube, planning, translate
from migrate.emit import folder, rewrite, tree
from migrate.errors import MigrateError
from migrate.kube.tables import table
from migrate.model import PHASES, Change, Plan
from migrate.read import files, ruleset
from migrate.translate.context import Options

RULES = ruleset.rules()
NEW = "gpu.nvidia.com.deviceclass.resource.k8s.io/devices"

QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: cards, namespace: ml}
spec:
  hard:
    requests.nvidia.com/gpu: "8"
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: ml}
spec:
  containers:
    - name: main
      image: registry.example.com/train:1
      resources:
        limits:
          nvidia.com/gpu: 1
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    monkeypatch.chdir(tmp_path / "tree")


def planned(text: str, version: str = "1.34", **options: Any) -> tuple[Plan, list[Change]]:
    """The plan of one file, written to a folder beside the tree, and its changes."""
    Path("team.yaml").write_text(text)
    reading = files.reading(["."], RULES)
    found = detect.findings(reading.files, RULES)
    target = kube.target(version)
    translated = translate.changes(found, RULES, target, Options(**options))
    plan = planning.plan(translated.changes, target, RULES, found)
    plan, rewrites = rewrite.rewritten(plan, tree.tree(reading.files, reading.kustomizations))
    facts = folder.Facts(root="../tree", options={}, counts={"files": 1, "with_findings": 1})
    for path, data in folder.files(plan, rewrites, facts, RULES).items():
        place = Path("../plan") / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return plan, [c for phase in plan.phases for c in phase.changes]


def quotas(changes: list[Change]) -> list[Change]:
    return [c for c in changes if any(f.usage == "quota" for f in c.findings)]


def hard() -> list[dict[str, Any]]:
    """The `hard` maps of the tree as it stands."""
    bodies = yaml.safe_load_all(Path("team.yaml").read_text())
    return [b["spec"]["hard"] for b in bodies if b["kind"] == "ResourceQuota"]


def test_both_bounds_stand_while_pods_of_both_kinds_run() -> None:
    """Phase prepare adds, phase retire takes away, and rollback gives every byte back."""
    planned(QUOTA)
    apply.phase(Path("../plan"), "prepare")
    assert hard() == [{"requests.nvidia.com/gpu": "8", NEW: "8"}]
    apply.phase(Path("../plan"), "retire")
    assert hard() == [{NEW: "8"}]
    apply.rollback(Path("../plan"))
    assert Path("team.yaml").read_text() == QUOTA


def test_retire_does_not_come_before_prepare() -> None:
    """The old bound cannot go while there is none to take its place."""
    planned(QUOTA)
    with pytest.raises(MigrateError, match="phase prepare comes first"):
        apply.phase(Path("../plan"), "retire")
    assert Path("team.yaml").read_text() == QUOTA


@pytest.mark.parametrize("text", [f"{POD}---\n{QUOTA}", f"{QUOTA}---\n{POD}"])
def test_three_phases_go_through_one_file(text: str) -> None:
    """New documents that one phase puts in do not lead the next one to the wrong object."""
    planned(text)
    for phase in PHASES:
        apply.phase(Path("../plan"), phase)
    assert hard() == [{NEW: "8"}]
    kinds = [b["kind"] for b in yaml.safe_load_all(Path("team.yaml").read_text())]
    assert sorted(kinds) == ["Pod", "ResourceClaimTemplate", "ResourceQuota"]
    apply.rollback(Path("../plan"))
    assert Path("team.yaml").read_text() == text


def test_a_bound_that_could_not_be_added_is_not_taken_away() -> None:
    """Where YAML refuses the first edit, the second is left to a person as well."""
    anchored = QUOTA.replace("  hard:\n", "  hard: &all\n") + "  other: *all\n"
    _, changes = planned(anchored)
    assert {c.safety for c in quotas(changes)} == {"manual"}
    assert not any(c.edits for c in changes)


def test_half_of_the_work_is_gone_on_with() -> None:
    """Where the new bound stands, only the old one is left to take away."""
    planned(QUOTA)
    apply.phase(Path("../plan"), "prepare")
    _, changes = planned(Path("team.yaml").read_text())
    assert [c.phase for c in quotas(changes)] == ["retire"]


@pytest.mark.parametrize(
    ("version", "said"),
    [("1.34", "counts claims under the new key only"), ("1.36", "counts under both keys")],
)
def test_hole_and_double_charge_are_told_by_version(version: str, said: str) -> None:
    """The gate DRAExtendedResource decides what a claim is charged to."""
    _, changes = planned(QUOTA, version)
    assert any(said in note for note in quotas(changes)[0].notes)


@pytest.mark.parametrize("strategy", ["bridge", "least"])
def test_a_name_that_is_still_asked_for_stays_bounded(strategy: str) -> None:
    """With these strategies pods keep the name, and so does the quota."""
    _, changes = planned(f"{QUOTA}---\n{POD}", "1.36", strategy=strategy)
    assert {c.phase for c in quotas(changes)} == {"prepare"}


def test_forms_of_one_class_are_added_up() -> None:
    """One class stands for all MIG profiles: its bound refuses nothing that was allowed."""
    text = QUOTA.replace('gpu: "8"', 'mig-1g.5gb: "7"\n    requests.nvidia.com/mig-3g.20gb: "2"')
    _, changes = planned(text)
    first = quotas(changes)[0]
    assert [(e.field[-1], e.new) for e in first.edits] == [
        ("mig.nvidia.com.deviceclass.resource.k8s.io/devices", "9")
    ]
    assert first.safety == "review"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('requests.nvidia.com/gpu.shared: "8"', "no number follows"),
        ('limits.nvidia.com/gpu: "8"', "nothing is charged"),
        ('nvidia.com/gpu: "8"', "nothing is charged"),
        ("requests.nvidia.com/gpu: ${GPUS}", "no plain number"),
        ('requests.acme.example.com/card: "8"', "no rule knows"),
        ('requests.google.com/tpu: "8"', "counted as 32"),
        ('count/resourceclaims.resource.k8s.io: "8"', "claim of its own"),
        ('requests.nvidia.com/gpu: "8"\n  scopes: [Terminating]', "scopes"),
    ],
)
def test_what_has_no_counterpart_is_explained(line: str, why: str) -> None:
    """No number is made up."""
    _, changes = planned(QUOTA.replace('requests.nvidia.com/gpu: "8"', line))
    assert [c.safety for c in quotas(changes)] == ["manual"]
    assert why in quotas(changes)[0].why


@pytest.mark.parametrize(
    ("quota", "pod", "safety"),
    [
        ("namespace: ml", "namespace: ml", "safe"),
        ("namespace: ml", "namespace: web", "review"),
        ("namespace: ml", "labels: {}", "review"),
        ("labels: {}", "labels: {}", "safe"),
        ("labels: {}", "namespace: ml", "review"),
    ],
)
def test_an_old_bound_goes_unlooked_at_only_with_what_it_bounds(
    quota: str, pod: str, safety: str
) -> None:
    """Only where workloads of the namespace were read, and all of them move, is it safe."""
    old = QUOTA.replace("namespace: ml", quota)
    _, changes = planned(f"{old}---\n{POD.replace('namespace: ml', pod)}")
    (retire,) = [c for c in quotas(changes) if c.phase == "retire"]
    assert retire.safety == safety
    assert any("still ask by name" in note for note in retire.notes) is (safety == "review")


def test_a_bound_without_workloads_is_asked_about_before_it_goes() -> None:
    """The bound on claims alone says nothing of pods that were not read."""
    plan, changes = planned(f'{QUOTA}    {NEW}: "8"\n')
    assert [(c.phase, c.safety) for c in quotas(changes)] == [("retire", "review")]
    asked = [check.ask for check in plan.phases[-1].before]
    assert any("get pods -n ml" in ask and r".requests.nvidia\.com/gpu" in ask for ask in asked)


def test_each_bounded_name_has_to_be_asked_for() -> None:
    """A workload that moves vouches for its own resource, and for no other of the quota."""
    both = f'{QUOTA}    requests.nvidia.com/mig-1g.5gb: "7"\n'
    _, changes = planned(f"{both}---\n{POD}")
    (retire,) = [c for c in quotas(changes) if c.phase == "retire"]
    assert "asks for nvidia.com/mig-1g.5gb is" in retire.notes[0]


def test_a_profile_bounds_the_namespace_of_its_name() -> None:
    """It has no namespace itself, and is not taken to bound any."""
    profile = QUOTA.replace("v1", "kubeflow.org/v1", 1).replace("ResourceQuota", "Profile")
    profile = profile.replace("name: cards, namespace: ml", "name: ml")
    profile = profile.replace("  hard:", "  resourceQuotaSpec:\n   hard:")
    for space, safety in (("ml", "safe"), ("web", "review")):
        _, changes = planned(f"{profile}---\n{POD.replace('namespace: ml', f'namespace: {space}')}")
        assert [c.safety for c in quotas(changes) if c.phase == "retire"] == [safety]


def test_a_request_that_cannot_be_edited_keeps_a_bound_that_names_no_namespace() -> None:
    """Wherever the quota is applied, the pod may be of its namespace."""
    anywhere = QUOTA.replace(", namespace: ml", "")
    refused = POD.replace("resources:", "resources: &all")
    refused += "    - {name: other, image: registry.example.com/other:1, resources: *all}\n"
    _, changes = planned(f"{anywhere}---\n{refused}")
    (retire,) = [c for c in quotas(changes) if c.phase == "retire"]
    assert retire.safety == "manual"
    assert not retire.edits


@pytest.mark.parametrize(
    "key",
    [
        "count/pods",
        "count/deployments.apps",
        "count/widgets.acme.example.com",
        "gold.storageclass.storage.k8s.io/requests.storage",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims",
        "requests.storage",
        "requests.ephemeral-storage",
        "hugepages-2Mi",
        "requests.hugepages-1Gi",
        "requests.deviceclass.resource.kubernetes.io/gpu.example.com",
        "openshift.io/imagestreams",
        "openshift.io/image-tags",
        "requests.cpu/vmi",
    ],
)
def test_keys_of_other_things_are_no_dependence(key: str) -> None:
    """They are enforced, and count no device; in a LimitRange as little."""
    limits = f"kind: LimitRange\napiVersion: v1\nspec:\n  limits:\n    - max: {{{key}: 8}}\n"
    Path("team.yaml").write_text(f"{QUOTA.replace('requests.nvidia.com/gpu', key)}---\n{limits}")
    reading = files.reading(["."], RULES)
    assert detect.findings(reading.files, RULES) == ()


@pytest.mark.parametrize(
    ("group", "kind", "path"),
    [
        ("scheduling.volcano.sh/v1beta1", "PodGroup", "minResources"),
        ("scheduling.x-k8s.io/v1alpha1", "PodGroup", "minResources"),
        ("kubeflow.org/v1", "PyTorchJob", "runPolicy.schedulingPolicy.minResources"),
        ("sparkoperator.k8s.io/v1beta2", "SparkApplication", "batchSchedulerOptions.resources"),
    ],
)
def test_what_a_gang_demands_goes_with_its_pods(group: str, kind: str, path: str) -> None:
    """It would wait for ever for nodes that list the resource; it is told once, in its phase."""
    body: Any = {"cpu": "4", "nvidia.com/gpu": "2"}
    for step in reversed(path.split(".")):
        body = {step: body}
    _, changes = planned(
        yaml.safe_dump({"apiVersion": group, "kind": kind, "metadata": {"name": "g"}, "spec": body})
    )
    assert [(c.phase, c.safety) for c in changes] == [("claim", "manual")]
    assert "Take nvidia.com/gpu out" in changes[0].why


def test_a_number_that_is_written_onto_nodes_is_no_bound() -> None:
    """It stays as long as pods ask by it, and its finding says what a unit of it is."""
    rule = {"name": "parts", "extendedResources": {"gpu.intel.com/tiles": "2", "seats": "4"}}
    _, (change,) = planned(
        yaml.safe_dump(
            {
                "apiVersion": "nfd.k8s-sigs.io/v1alpha1",
                "kind": "NodeFeatureRule",
                "metadata": {"name": "parts"},
                "spec": {"rules": [rule]},
            }
        ),
        "1.36",
    )
    assert (change.phase, change.safety) == ("retire", "manual")
    assert [f.resource for f in change.findings] == ["gpu.intel.com/tiles"]
    assert any("gets no device" in note for note in change.notes)
    assert any(note.startswith("gpu.intel.com/tiles: A part of a GPU") for note in change.notes)


def test_a_quota_on_claims_is_no_dependence() -> None:
    """What is migrated is not found again."""
    planned(QUOTA.replace("requests.nvidia.com/gpu", NEW))
    reading = files.reading(["."], RULES)
    assert detect.findings(reading.files, RULES) == ()


@given(counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=4), quoted=st.booleans())
def test_no_number_is_lost(counts: list[int], quoted: bool) -> None:
    """What is added is the sum of what goes, whatever the numbers are and however written."""
    names = [f"requests.nvidia.com/mig-{n + 1}g.{n + 5}gb" for n in range(len(counts))]
    values = [f'"{count}"' if quoted else str(count) for count in counts]
    lines = "".join(f"    {n}: {v}\n" for n, v in zip(names, values, strict=True))
    text = QUOTA.replace('    requests.nvidia.com/gpu: "8"\n', lines)
    _, changes = planned(text)
    added = [e.new for c in changes if c.phase == "prepare" for e in c.edits]
    gone = {str(e.field[-1]) for c in changes if c.phase == "retire" for e in c.edits}
    assert [int(value) for value in added] == [sum(counts)]
    assert gone == set(names)
    assert all(isinstance(value, str) is quoted for value in added)


def test_every_kind_that_is_known_has_a_source_and_a_reason() -> None:
    """A kind is edited, or its change says why not; holes are of those that are filled."""
    for name, entry in table("quota")["kinds"].items():
        assert entry["source"], name
        assert entry.get("quota") or entry["why"], name
        texts = [entry.get("why", ""), *entry.get("whys", {}).values(), *entry.get("notes", [])]
        texts += [entry.get("later", ""), entry.get("sooner", "")]
        rest = "".join((*texts, entry.get("settled", "")))
        for hole in ("{names}", "{keys}", "{classes}", "{counts}", "{mapping}", "{places}"):
            rest = rest.replace(hole, "")
        # What is left are mappings to be written, on one line.
        assert all(yaml.safe_load(found) for found in re.findall(r"\{[^{}]*\}", rest)), name
        paths = {*entry.get("resources", {}), *entry.get("prefixes", [])}
        assert entry.get("whys", {}).keys() <= paths, name
        assert "settled" not in entry or entry["settled_by"] in table("quota")["kinds"], name
        assert entry.get("phase", "prepare") in PHASES, name
        assert entry.get("quota", "name") in {"name", "namespace"}, name


def test_every_key_that_bounds_no_device_has_a_source() -> None:
    for other in table("quota")["other_keys"]:
        assert other["source"], other
        assert other["what"], other
        assert {"begins", "holds", "names"} & other.keys(), other
