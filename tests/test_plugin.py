"""The plugin and its stack: found once, kept off the nodes of the driver, off at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate import detect, kube, planning, translate
from migrate.model import Change, Finding, Plan
from migrate.read import files, ruleset
from migrate.translate.context import Options

RULES = ruleset.rules()

POLICY = """\
apiVersion: nvidia.com/v1
kind: ClusterPolicy
metadata: {name: cluster-policy}
spec:
  mig: {strategy: STRATEGY}
  devicePlugin: {enabled: true}
"""
PLUGIN = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: plugin, namespace: kube-system}
spec:
  selector: {matchLabels: {app: plugin}}
  template:
    metadata: {labels: {app: plugin}}
    spec:
      runtimeClassName: nvidia
      nodeSelector: {nvidia.com/gpu.present: "true"}
      containers:
        - name: plugin
          image: IMAGE
          env:
            - {name: NVIDIA_VISIBLE_DEVICES, value: all}
      volumes:
        - name: plugins
          hostPath: {path: PATH}
"""
FOLDER = "/var/lib/kubelet/device-plugins"
IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.18.0"
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: train, namespace: ml}
spec:
  containers:
    - name: main
      image: registry.example.com/train:1
      resources: {limits: {nvidia.com/gpu: 1}}
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(text: str, name: str = "it.yaml") -> list[Finding]:
    """What is found in one file."""
    Path(name).write_text(text)
    return list(detect.findings(files.reading([name], RULES).files, RULES))


def planned(text: str, version: str = "1.34") -> tuple[Plan, list[Change]]:
    """The plan of one file, and its changes."""
    findings = tuple(found(text))
    target = kube.target(version)
    changes = translate.changes(findings, RULES, target, Options()).changes
    return planning.plan(changes, target, RULES, findings), list(changes)


def checks(plan: Plan, name: str) -> str:
    return "\n".join(c.says for phase in plan.phases if phase.name == name for c in phase.before)


def plugin(image: str = IMAGE, path: str = FOLDER) -> str:
    return PLUGIN.replace("IMAGE", image).replace("PATH", path)


@pytest.mark.parametrize(
    ("image", "path"),
    [
        (IMAGE, FOLDER),
        (IMAGE, "/var/snap/microk8s/common/var/lib/kubelet/device-plugins/"),
        ("registry.example.com/mirror/nvidia/k8s-device-plugin@sha256:abc", "/elsewhere"),
        ("registry.example.com/renamed:1", FOLDER),
    ],
)
def test_a_plugin_is_one_finding_and_no_workload(image: str, path: str) -> None:
    """By image or by the kubelet's folder; its variables and labels are its own affair."""
    findings = found(plugin(image, path))
    assert [(f.usage, f.resource, f.rule) for f in findings] == [
        ("plugin", "device plugin", "nvidia/gpu")
    ]


def test_a_plugin_that_no_rule_knows_is_found_all_the_same() -> None:
    """The kubelet's folder says enough."""
    text = plugin("registry.example.com/acme:1").replace("NVIDIA_VISIBLE_DEVICES", "ACME")
    text = text.replace("runtimeClassName: nvidia", "hostNetwork: false")
    text = text.replace("nvidia.com/gpu.present", "acme.example.com/present")
    assert [(f.usage, f.rule) for f in found(text)] == [("plugin", "")]


@pytest.mark.parametrize("path", ["/var/lib/kubelet/pod-resources", "/var/lib/kubelet", "/dev"])
def test_other_folders_of_the_node_make_no_plugin(path: str) -> None:
    """Exporters look at the kubelet too."""
    assert "plugin" not in {f.usage for f in found(plugin("registry.example.com/x:1", path))}


def test_what_a_workload_asks_for_is_found_beside_a_plugin() -> None:
    """Only the plugin's own pod is left out."""
    usages = [f.usage for f in found(f"{plugin()}---\n{POD}")]
    assert usages == ["plugin", "container"]


def test_an_operator_is_switched_off_where_its_object_says_it_is_on() -> None:
    """One edit, in the last phase, for a person to look at."""
    _, changes = planned(POLICY)
    (change,) = changes
    assert (change.phase, change.safety) == ("retire", "review")
    assert [(e.field, e.old, e.new) for e in change.edits] == [
        (("spec", "devicePlugin", "enabled"), True, False)
    ]


def test_an_operator_that_is_switched_off_is_no_finding() -> None:
    """What is migrated is not found again."""
    assert found(POLICY.replace("enabled: true", "enabled: false")) == []


@pytest.mark.parametrize(("strategy", "said"), [("single", "migStrategy single"), ("mixed", "")])
def test_a_strategy_under_which_units_may_be_parts_is_told(strategy: str, said: str) -> None:
    """It is said at the plugin; pods are not taken for users of shares because of it."""
    findings = found(f"{POLICY.replace('STRATEGY', strategy)}---\n{POD}")
    assert [f.quantity for f in findings if f.usage == "plugin"] == [said]
    _, changes = planned(f"{POLICY.replace('STRATEGY', strategy)}---\n{POD}")
    pods = [c for c in changes if c.manifest and c.manifest.kind == "Pod"]
    assert not any("shared" in note for c in pods for note in c.notes)


def test_a_schema_of_an_operator_is_not_the_operator() -> None:
    """The same keys stand in CustomResourceDefinitions and JSON schemas."""
    keys = "{devicePlugin: {}, toolkit: {}, migManager: {}}"
    assert found(f"properties: {keys}\n# nvidia.com\n") == []
    assert [f.resource for f in found(f"chart: {keys}\n")] == ["GPU Operator"]


@pytest.mark.parametrize(("version", "phase"), [("1.34", "claim"), ("1.36", "bridge")])
def test_plugin_and_driver_are_kept_apart_before_the_first_node_moves(
    version: str, phase: str
) -> None:
    """In the phase in which nodes change hands, and per object that runs the plugin."""
    plan, _ = planned(f"{POLICY}---\n{POD}", version)
    assert "must never serve GPUs on the same node" in checks(plan, phase)
    assert "ClusterPolicy cluster-policy (it.yaml): " in checks(plan, phase)


@pytest.mark.parametrize(
    ("version", "said"),
    [("1.34", "DRAConsumableCapacity is off"), ("1.36", "consumableShares set to the same number")],
)
def test_sharing_is_told_what_it_becomes(version: str, said: str) -> None:
    """Claims used together, shares where the target has them, or what will change."""
    sharing = "sharing:\n  timeSlicing:\n    resources: [{name: nvidia.com/gpu, replicas: 4}]\n"
    _, (change,) = planned(sharing, version)
    assert change.safety == "manual"
    assert any(said in note for note in change.notes)
    assert any("one ResourceClaim" in note for note in change.notes)
    assert "where 4 pods used one device" in change.notes[-1]


@pytest.mark.parametrize(
    "text",
    [
        "args: [--shared-dev-num=3]\n",
        "args:\n  - -shared-dev-num=3\n",
        "spec: {sharedDevNum: 3}\n",
        "env:\n  - {name: x, value: y}\nsharedDevNum: 3\n",
        "data:\n  config: |\n    spec:\n      sharedDevNum: 3\n",
    ],
)
def test_a_setting_is_known_in_each_of_its_spellings(text: str) -> None:
    """As a key, an argument, or inside a text."""
    assert "sharedDevNum 3" in {f.quantity for f in found(text)}


def test_no_plan_gives_administrators_access() -> None:
    """`adminAccess` is no stand-in for sharing."""
    for text in (POLICY, plugin(), f"{POLICY}---\n{POD}"):
        _, changes = planned(text)
        assert "adminAccess" not in repr([(c.edits, c.creates) for c in changes])
