"""Pods kept together or apart by a label of the plugin's: found, explained, otherwise moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate import detect, kube, translate
from migrate.kube.tables import table
from migrate.model import Change, Finding
from migrate.read import files, ruleset
from migrate.translate.context import Options

RULES = ruleset.rules()

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: train}}
spec:
  nodeSelector: {{nvidia.com/gpu.product: NVIDIA-L4}}
  {term}
  containers:
    - name: main
      image: registry.example.com/train:1
      resources: {{limits: {{nvidia.com/gpu: 1}}}}
"""
FORMS = [
    ("podAffinity", "required", "{topologyKey: KEY}", "stays Pending"),
    ("podAffinity", "preferred", "{podAffinityTerm: {topologyKey: KEY}}", "it is ignored"),
    ("podAntiAffinity", "required", "{topologyKey: KEY}", "no pods are kept apart"),
    ("podAntiAffinity", "preferred", "{podAffinityTerm: {topologyKey: KEY}}", "it is ignored"),
    ("", "DoNotSchedule", "", "stays Pending"),
    ("", "ScheduleAnyway", "", "all of them are ignored"),
]


def pod(kind: str, strength: str, term: str, key: str) -> str:
    """A pod with an affinity of this kind and strength, or a spread constraint."""
    if kind:
        line = (
            f"affinity: {{{kind}: {{{strength}DuringSchedulingIgnoredDuringExecution: [{term}]}}}}"
        )
    else:
        line = f"topologySpreadConstraints: [{{topologyKey: KEY, whenUnsatisfiable: {strength}}}]"
    return POD.format(term=line.replace("KEY", key))


def planned(text: str, folder: Path) -> tuple[list[Finding], list[Change]]:
    """What places the pods of a file, and its changes."""
    (folder / "pod.yaml").write_text(text)
    found = detect.findings(files.reading([str(folder)], RULES).files, RULES)
    made = translate.changes(found, RULES, kube.target("1.34"), Options()).changes
    return [f for f in found if f.usage == "placement"], list(made)


@pytest.mark.parametrize(("kind", "strength", "term", "becomes"), FORMS)
def test_a_topology_is_told_and_the_rest_moves(
    kind: str, strength: str, term: str, becomes: str, tmp_path: Path
) -> None:
    """Each form says what the scheduler does without the label; the claim is made all the same."""
    text = pod(kind, strength, term, "nvidia.com/gpu.clique")
    placed, changes = planned(text, tmp_path)
    assert [f.resource for f in placed] == ["nvidia.com/gpu.product", "nvidia.com/gpu.clique"]
    line = text.splitlines()[placed[1].line - 1]
    assert line[placed[1].column - 1 :].startswith("topologyKey:")
    (change,) = changes
    assert change.safety == "review"
    said = [note for note in change.notes if note.startswith("topologyKey nvidia.com/gpu.clique")]
    assert len(said) == 1
    assert becomes in said[0]
    removed = [edit.field for edit in change.edits]
    assert ("spec", "nodeSelector", "nvidia.com/gpu.product") in removed
    assert not any("topologyKey" in field or "affinity" in field for field in removed)


def test_a_topology_of_the_cluster_is_nothing_to_us(tmp_path: Path) -> None:
    """Labels that no plugin writes go on placing pods."""
    text = pod("", "DoNotSchedule", "", "kubernetes.io/hostname")
    placed, changes = planned(text, tmp_path)
    assert [f.resource for f in placed] == ["nvidia.com/gpu.product"]
    assert not any("topologyKey" in note for change in changes for note in change.notes)


def test_a_pointer_to_a_selector_is_found(tmp_path: Path) -> None:
    """JSON Patch writes the slash of a label as `~1`."""
    patch = """\
- op: add
  path: /spec/template/spec/nodeSelector/nvidia.com~1gpu.product
  value: NVIDIA-L4
"""
    (finding,), changes = planned(patch, tmp_path)
    assert (finding.resource, finding.quantity) == ("nvidia.com/gpu.product", "NVIDIA-L4")
    assert [change.safety for change in changes] == ["manual"]


def test_every_form_has_a_source() -> None:
    """What the scheduler does is read in its source."""
    assert all(form["source"] and form["missing"] for form in table("topology")["forms"])
