"""Facts of Kubernetes, each against what the API server or the scheduler would do."""

from __future__ import annotations

import importlib.util
import json
import re
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate import kube
from migrate.errors import InputError, PlanError
from migrate.model import Field

ROOT = Path(__file__).parents[1]
SURVEY = ROOT.parent / "shared" / "reference" / "crd-pod-paths.json"


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "nvidia.com/gpu",
        "nvidia.com/mig-1g.5gb",
        "amd.com/gpu_vcpu",
        "rdma/hca",
        "smarter-devices/fuse",
        "gpu.intel.com/i915",
        "huawei.com/Ascend910",
        f"example.com/{'x' * 63}",
    ],
)
def test_a_device_plugins_name_is_an_extended_resource(name: str) -> None:
    assert kube.is_extended_resource(name)
    assert kube.is_device_resource(name)


@pytest.mark.parametrize(
    "name",
    [
        "cpu",
        "memory",
        "ephemeral-storage",
        "hugepages-2Mi",
        "attachable-volumes-aws-ebs",
        "requests.nvidia.com/gpu",
        "kubernetes.io/batch-cpu",
        "resource.kubernetes.io/x",
        "deviceclass.resource.kubernetes.io/gpu.nvidia.com",
        "node.alpha.kubernetes.io/x",
        "nvidia.com/",
        "/gpu",
        "nvidia.com/gpu/0",
        "Nvidia.com/gpu",
        "nvidia_com/gpu",
        "nvidia.com/gpu ",
        "nvidia.com/gpu\n",
        "{{ .Values.vendor }}/gpu",
        f"example.com/{'x' * 64}",
        f"{'x' * 250}/gpu",
        "",
    ],
)
def test_another_name_is_not_an_extended_resource(name: str) -> None:
    assert not kube.is_extended_resource(name)
    assert not kube.is_device_resource(name)


def test_the_oldest_device_name_counts_as_a_device_though_not_as_extended() -> None:
    assert kube.is_device_resource("alpha.kubernetes.io/nvidia-gpu")
    assert not kube.is_extended_resource("alpha.kubernetes.io/nvidia-gpu")
    assert not kube.is_device_resource("alpha.kubernetes.io/nvidia-gpu-name")
    assert not kube.is_device_resource("alpha.kubernetes.io/-gpu")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deviceclass.resource.kubernetes.io/gpu.nvidia.com", True),
        ("deviceclass.resource.kubernetes.io/mig", True),
        (f"deviceclass.resource.kubernetes.io/{'x' * 63}", True),
        (f"deviceclass.resource.kubernetes.io/{'x' * 64}", False),
        ("deviceclass.resource.kubernetes.io/", False),
        ("deviceclass.resource.kubernetes.io/GPU", False),
        ("requests.deviceclass.resource.kubernetes.io/mig", False),
        ("nvidia.com/gpu", False),
    ],
)
def test_the_implicit_name_of_a_class(name: str, expected: bool) -> None:
    assert kube.is_implicit_class_resource(name) is expected


@pytest.mark.parametrize(
    ("text", "label", "subdomain", "value", "key"),
    [
        ("gpu", True, True, True, True),
        ("gpu.nvidia.com", False, True, True, True),
        ("A100-SXM4-80GB", False, False, True, True),
        ("nvidia.com/gpu.product", False, False, False, True),
        ("", False, False, True, False),
        ("-gpu", False, False, False, False),
        ("gpu-", False, False, False, False),
        ("a..b", False, False, True, True),
        ("/gpu", False, False, False, False),
        ("a/b/c", False, False, False, False),
        ("gpu\n", False, False, False, False),
        ("x" * 63, True, True, True, True),
        ("x" * 64, False, True, False, False),
        ("x" * 254, False, False, False, False),
        (f"{'x' * 253}/gpu", False, False, False, True),
        (f"{'x' * 254}/gpu", False, False, False, False),
    ],
)
def test_what_can_be_named_so(
    text: str, label: bool, subdomain: bool, value: bool, key: bool
) -> None:
    assert kube.is_dns_label(text) is label
    assert kube.is_dns_subdomain(text) is subdomain
    assert kube.is_label_value(text) is value
    assert kube.is_label_key(text) is key


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("train", "gpu"), "train-gpu"),
        (("My_App", "GPU.0"), "my-app-gpu-0"),
        (("", "gpu", ""), "gpu"),
        (("--", "."), "x"),
        ((), "x"),
        (("a" * 62, "b"), "a" * 62),
        (("{{ .Release.Name }}", "gpu"), "release-name-gpu"),
    ],
)
def test_dns_label_is_made_of_what_is_legal(parts: tuple[str, ...], expected: str) -> None:
    assert kube.dns_label(*parts) == expected


@given(st.lists(st.text(), max_size=4), st.integers(min_value=1, max_value=63))
def test_dns_label_is_always_one_and_stays_what_it_is(parts: list[str], limit: int) -> None:
    label = kube.dns_label(*parts, limit=limit)
    assert kube.is_dns_label(label)
    assert len(label) <= limit
    assert kube.dns_label(label, limit=limit) == label


# --- quantities ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (1, Fraction(1)),
        ("1", Fraction(1)),
        (0.5, Fraction(1, 2)),
        ("500m", Fraction(1, 2)),
        ("-1.5", Fraction(-3, 2)),
        (".5", Fraction(1, 2)),
        ("1.", Fraction(1)),
        ("1k", Fraction(1000)),
        ("1Ki", Fraction(1024)),
        ("1E", Fraction(10**18)),
        ("1Ei", Fraction(1024**6)),
        ("1e3", Fraction(1000)),
        ("1E3", Fraction(1000)),
        ("2e-3", Fraction(2, 1000)),
        ("100n", Fraction(1, 10**7)),
    ],
)
def test_a_quantity_has_its_value(text: object, expected: Fraction) -> None:
    assert kube.quantity(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k",
        "1K",
        "1ki",
        "1 Gi",
        "1e",
        "1e3k",
        "1.1.1",
        "0x10",
        "1_000",
        "١",
        "${GPUS}",
        "{{ .Values.gpus }}",
        "1\n",
        "1e999999999",
        "9" * 5000,
        True,
        None,
        [],
        {},
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_quantity_has_no_value(text: object) -> None:
    assert kube.quantity(text) is None


@given(st.integers(), st.sampled_from(["", "k", "Ki", "M", "Mi", "m", "n", "e2", "E-2"]))
def test_a_quantity_is_its_number_times_its_suffix(number: int, suffix: str) -> None:
    scale = kube.quantity(f"1{suffix}")
    assert scale is not None
    assert kube.quantity(f"{number}{suffix}") in {number * scale, None}
    if abs(number) < 10**18:
        assert kube.quantity(f"{number}{suffix}") == number * scale


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_every_count_is_a_quantity_of_the_same_value(text: Any) -> None:
    count = kube.whole(text)
    assert count is None or (count >= 0 and kube.quantity(text) == count)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (0, 0),
        (8, 8),
        ("8", 8),
        ("01", 1),
        (-1, None),
        ("-1", None),
        ("+1", None),
        ("1k", None),
        ("1.0", None),
        (1.0, None),
        ("", None),
        (" 1", None),
        ("1\n", None),
        ("²", None),
        ("$(GPUS)", None),
        ("9" * 5000, None),
        (True, None),
        (None, None),
    ],
)
def test_only_plain_digits_are_a_count(text: object, expected: int | None) -> None:
    assert kube.whole(text) == expected


# --- pod specs -----------------------------------------------------------------------------------

POD: dict[str, Any] = {
    "containers": [{"name": "main", "image": "x"}, {"name": "side", "image": "y"}],
    "initContainers": [
        {"name": "wait", "image": "z"},
        {"name": "proxy", "image": "z", "restartPolicy": "Always"},
    ],
    "ephemeralContainers": [{"name": "debug", "image": "z"}],
}


def test_a_pods_containers_come_in_the_order_they_start_with_their_roles() -> None:
    (pod,) = kube.podspecs({"kind": "Pod", "metadata": {"name": "a"}, "spec": POD})
    assert pod.field == ("spec",)
    assert pod.metadata == ("metadata",)
    assert [(c.name, c.role, c.field[1:]) for c in pod.containers] == [
        ("wait", "init", ("initContainers", 0)),
        ("proxy", "sidecar", ("initContainers", 1)),
        ("main", "container", ("containers", 0)),
        ("side", "container", ("containers", 1)),
        ("debug", "ephemeral", ("ephemeralContainers", 0)),
    ]


TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": POD}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"kind": "Deployment", "spec": {"template": TEMPLATE}},
            [(("spec", "template", "spec"), ("spec", "template", "metadata"))],
        ),
        (
            {"kind": "Deployment", "spec": {"template": {"spec": POD}}},
            [(("spec", "template", "spec"), None)],
        ),
        (
            {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}},
            [
                (
                    ("spec", "jobTemplate", "spec", "template", "spec"),
                    ("spec", "jobTemplate", "spec", "template", "metadata"),
                )
            ],
        ),
        (
            {"kind": "RayCluster", "spec": {"workerGroupSpecs": [{"template": TEMPLATE}] * 2}},
            [
                (
                    ("spec", "workerGroupSpecs", index, "template", "spec"),
                    ("spec", "workerGroupSpecs", index, "template", "metadata"),
                )
                for index in (0, 1)
            ],
        ),
        (
            {"kind": "ServingRuntime", "metadata": {"name": "x"}, "spec": POD},
            [(("spec",), None)],
        ),
        (
            {"kind": "Widget", "spec": {"initContainers": POD["initContainers"]}},
            [(("spec",), None)],
        ),
        ({"worker": {"spec": POD}}, [(("worker", "spec"), None)]),
        ([{"kind": "Pod", "metadata": {}, "spec": POD}], [((0, "spec"), (0, "metadata"))]),
    ],
)
def test_pod_specs_are_found_by_shape_in_any_kind(
    body: Any, expected: list[tuple[Field, Field | None]]
) -> None:
    assert [(pod.field, pod.metadata) for pod in kube.podspecs(body)] == expected


@pytest.mark.parametrize(
    "body",
    [
        None,
        "spec: {containers: [{name: a, image: b}]}",
        {"kind": "X", "spec": {"containers": []}},
        {"kind": "X", "spec": {"containers": ["a", None, 3]}},
        {"kind": "X", "spec": {"containers": {"name": "a"}}},
        {"kind": "X", "spec": {"containers": [{"volume": "a"}]}},
        {"kind": "X", "spec": {"ephemeralContainers": [{"name": "a"}]}},
        {"kind": "Workload", "status": {"template": {"spec": POD}}},
        {"kind": "List", "items": [{"kind": "Workload", "status": {"spec": POD}}]},
    ],
)
def test_what_only_looks_like_a_pod_is_passed_over(body: Any) -> None:
    assert kube.podspecs(body) == ()


def test_containers_that_are_no_mappings_do_not_hide_the_others() -> None:
    (pod,) = kube.podspecs({"containers": [None, {"image": "x", "name": 3}]})
    assert [(c.field, c.name) for c in pod.containers] == [(("containers", 1), "")]


def test_an_object_may_be_deeper_than_the_stack_of_the_interpreter() -> None:
    body: Any = {"spec": POD}
    for _ in range(20_000):
        body = {"a": body}
    assert len(kube.podspecs(body)) == 1


# --- places --------------------------------------------------------------------------------------

TEMPLATE_SPEC: Field = ("spec", "template", "spec")


@pytest.mark.parametrize(
    ("api_version", "kind", "field", "support"),
    [
        ("v1", "Pod", ("spec",), "keeps"),
        ("apps/v1", "Deployment", TEMPLATE_SPEC, "keeps"),
        ("extensions/v1beta1", "Deployment", TEMPLATE_SPEC, "keeps"),
        ("batch/v1", "CronJob", ("spec", "jobTemplate", "spec", "template", "spec"), "keeps"),
        ("batch.volcano.sh/v1alpha1", "Job", ("spec", "tasks", 0, "template", "spec"), "keeps"),
        (
            "batch.volcano.sh/v1alpha1",
            "Job",
            ("spec", "tasks", 0, "template", "spec", "containers", 0, "resources", "limits", "a/b"),
            "keeps",
        ),
        ("batch.volcano.sh/v1alpha1", "Job", ("spec", "template", "spec"), "unknown"),
        (
            "kubeflow.org/v1",
            "PyTorchJob",
            ("spec", "pytorchReplicaSpecs", "Worker", "template", "spec"),
            "keeps",
        ),
        (
            "kubeflow.org/v2beta1",
            "MPIJob",
            ("spec", "mpiReplicaSpecs", "Worker", "template", "spec"),
            "varies",
        ),
        ("kubeflow.org/v1", "Notebook", TEMPLATE_SPEC, "drops"),
        ("argoproj.io/v1alpha1", "Workflow", ("spec", "templates", 0, "containerSet"), "drops"),
        ("argoproj.io/v1alpha1", "Workflow", ("spec", "templates", 0, "container"), "drops"),
        ("serving.knative.dev/v1", "Service", TEMPLATE_SPEC, "drops"),
        ("serving.kserve.io/v1alpha1", "ServingRuntime", ("spec",), "varies"),
        ("serving.kserve.io/v1alpha1", "ServingRuntime", ("spec", "workerSpec"), "varies"),
        ("serving.kserve.io/v1beta1", "InferenceService", ("spec", "predictor"), "keeps"),
        ("kaito.sh/v1alpha1", "Workspace", ("inference", "template", "spec"), "varies"),
        ("apps.nvidia.com/v1alpha1", "NIMService", ("spec", "resources"), "drops"),
        ("trainer.kubeflow.org/v1alpha1", "TrainJob", ("spec", "trainer"), "drops"),
        ("example.com/v1", "Widget", TEMPLATE_SPEC, "unknown"),
        ("example.com/v1", "Pod", ("spec",), "unknown"),
        ("example.com/v1", "Widget", ("spec", "resources", "limits", "a/b"), "drops"),
        ("example.com/v1", "Widget", ("spec", "resources", 0, "spec"), "unknown"),
        ("example.com/v1", "Widget", ("spec", "resources", "web", "spec"), "unknown"),
        ("", "", ("worker", "resources"), "drops"),
        ("", "", ("worker", "spec"), "unknown"),
        ("", "", ("containers", 0, "resources"), "unknown"),
    ],
)
def test_whether_claims_arrive_where_a_pod_stands(
    api_version: str, kind: str, field: Field, support: str
) -> None:
    """Every place that does not keep claims says why; one that does needs no words."""
    place = kube.place(api_version, kind, field)
    assert place.support == support
    assert bool(place.why) is (support != "keeps")


@pytest.mark.parametrize(
    ("api_version", "kind", "field", "switch"),
    [
        ("apps.nvidia.com/v1alpha1", "NIMService", ("spec", "resources"), "spec.draResources"),
        (
            "apps.nvidia.com/v1alpha1",
            "NIMPipeline",
            ("spec", "services", 2, "spec", "resources"),
            "spec.services[2].spec.draResources",
        ),
        (
            "argoproj.io/v1alpha1",
            "Workflow",
            ("spec", "templates", 1, "container", "resources", "limits", "nvidia.com/gpu"),
            "spec.templates[1].podSpecPatch",
        ),
        (
            "sparkoperator.k8s.io/v1beta2",
            "SparkApplication",
            ("spec", "executor", "sidecars", 0, "resources"),
            "spec.executor.template.spec.resourceClaims",
        ),
        (
            "serving.kserve.io/v1beta1",
            "InferenceService",
            ("spec", "predictor", "huggingface", "resources"),
            "spec.predictor.resourceClaims",
        ),
        ("ray.io/v1", "RayCluster", ("spec", "autoscalerOptions", "resources"), ""),
    ],
)
def test_a_kinds_own_field_for_claims_is_named_as_it_stands_in_the_object(
    api_version: str, kind: str, field: Field, switch: str
) -> None:
    place = kube.place(api_version, kind, field)
    assert (place.support, place.switch) == ("drops", switch)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Deployment", "rollout"),
        ("StatefulSet", "rollout"),
        ("DaemonSet", "rollout"),
        ("Widget", "rollout"),
        ("Pod", "recreate"),
        ("Job", "recreate"),
        ("PyTorchJob", "recreate"),
        ("JobSet", "recreate"),
        ("CronJob", "none"),
        ("ScheduledSparkApplication", "none"),
        ("PodTemplate", "none"),
    ],
)
def test_what_an_edit_of_a_pod_template_restarts(kind: str, expected: str) -> None:
    assert kube.restart(kind) == expected


def test_the_table_of_kinds_is_what_the_survey_gives() -> None:
    """The committed table is made again; without the survey it is held to its own form."""
    committed = (resources.files("migrate") / "data" / "kinds.json").read_text(encoding="utf-8")
    kinds = json.loads(committed)["kinds"]
    assert list(kinds) == sorted(kinds)
    for name, places in kinds.items():
        assert re.fullmatch(r"[a-z0-9.-]+/[A-Z][A-Za-z]+", name), name
        assert places.keys() <= {"pods", "bare"}, name
        assert places, name
        assert set(places.get("pods", {}).values()) <= {"keeps", "drops", "varies"}, name
        for path in (*places.get("pods", ()), *places.get("bare", ())):
            assert re.fullmatch(r"(\w+(\[\*\])*|\{key\})(\.(\w+(\[\*\])*|\{key\}))*", path), path
    if SURVEY.exists():
        assert _generator().table(json.loads(SURVEY.read_text(encoding="utf-8"))) == committed


def test_a_kind_whose_schemas_disagree_is_promised_nothing() -> None:
    entry = {
        "podSpecPaths": [
            {"path": ".spec.old", "schemaHasResourceClaims": False},
            {"path": ".spec.new", "schemaHasResourceClaims": True},
        ],
        "bareResources": [],
    }
    assert _generator().places(entry) == {"pods": {"spec.new": "varies", "spec.old": "varies"}}


def test_what_is_written_by_hand_says_where_it_was_read() -> None:
    text = (resources.files("migrate") / "data" / "switches.json").read_text(encoding="utf-8")
    for name, entries in json.loads(text)["kinds"].items():
        for entry in entries:
            assert entry.keys() <= {"at", "support", "switch", "why", "source"}, name
            assert entry["at"], name
            assert entry["why"], name
            assert entry["source"], name
            assert entry.get("support", "drops") in {"keeps", "drops", "varies", "bare"}, name


def test_every_shorthand_says_what_is_made_of_it_and_where_that_was_read() -> None:
    text = (resources.files("migrate") / "data" / "shorthands.json").read_text(encoding="utf-8")
    known = json.loads(text)
    for entry in known["forms"].values():
        assert entry.keys() <= {"at", "key", "resource", "named", "why", "source"}
        assert entry["at"]
        assert entry["why"]
        assert entry["source"]
        assert ("named" in entry) is ("resource" in entry)
        re.compile(entry.get("key", ""))
    named = {form for forms in known["kinds"].values() for form in forms}
    labels = {form for forms in known["selectors"].values() for form in forms}
    assert named | labels == set(known["forms"])
    assert all("(?P<label>" in known["forms"][form]["key"] for form in labels)


def test_every_script_says_where_claims_go_and_where_that_was_read() -> None:
    text = (resources.files("migrate") / "data" / "scripts.json").read_text(encoding="utf-8")
    for entry in json.loads(text)["scripts"]:
        assert entry.keys() - {"form"} == {"marks", "asks", "places", "why", "source"}
        assert entry.get("form", "word") in {"word", "key"}
        assert all(entry.values())
        assert kube.script(" ".join(entry["marks"][0])) is not None
    assert kube.script("resources:\n  limits: {nvidia.com/gpu: 1}\n") is None


@pytest.mark.parametrize(
    ("limits", "resource"),
    [
        ({"gpu": "4"}, "nvidia.com/gpu"),
        ({"gpu": 4}, "nvidia.com/gpu"),
        ({"gpu": "4", "gpuType": "gpu.intel.com/xe"}, "gpu.intel.com/xe"),
        ({"gpu": ""}, None),
        ({"gpu": None}, None),
        ({"gpu": {"count": 4}}, None),
    ],
)
def test_a_number_in_a_word_of_the_kind_stands_for_its_resource(
    limits: dict[str, Any], resource: str | None
) -> None:
    body = {"spec": {"services": {"decode": {"resources": {"limits": limits}}}}}
    field = ("spec", "services", "decode", "resources", "limits", "gpu")
    found = kube.shorthand("nvidia.com", "DynamoGraphDeployment", body, field)
    assert (found and found.resource) == resource
    assert kube.shorthand("example.com", "Graph", body, field) is None


@pytest.mark.parametrize("name", ["nvidia.com/GA102GL_A10", "not a name", "cpu", 7])
def test_a_device_of_a_virtual_machine_is_named_by_a_value(name: Any) -> None:
    body = {"spec": {"domain": {"devices": {"gpus": [{"name": "gpu0", "deviceName": name}]}}}}
    field = ("spec", "domain", "devices", "gpus", 0, "deviceName")
    found = kube.shorthand("kubevirt.io", "VirtualMachineInstance", body, field)
    assert (found and found.resource) == (name if name == "nvidia.com/GA102GL_A10" else None)


@pytest.mark.parametrize(
    ("group", "kind", "body", "names", "words"),
    [
        ("ray.io", "RayCluster", {}, ["nvidia.com/gpu"], ["num-gpus"]),
        ("ray.io", "RayJob", {}, ["nvidia.com/mig-1g.5gb"], ["num-gpus"]),
        ("ray.io", "RayCluster", {}, ["google.com/tpu"], ["resource TPU", "TPU_WORKER_ID"]),
        ("ray.io", "RayCluster", {}, ["example.com/nic"], []),
        ("ray.io", "RayCluster", {}, [], []),
        ("trainer.kubeflow.org", "TrainingRuntime", {}, ["nvidia.com/gpu"], ["numProcPerNode"]),
        (
            "trainer.kubeflow.org",
            "TrainingRuntime",
            {"spec": {"mlPolicy": {"torch": {"numProcPerNode": 2}}}},
            ["nvidia.com/gpu"],
            [],
        ),
        ("apps", "Deployment", {}, ["nvidia.com/gpu"], []),
    ],
)
def test_a_framework_is_told_of_for_what_it_reads(
    group: str, kind: str, body: dict[str, Any], names: list[str], words: list[str]
) -> None:
    said = kube.readers(group, kind, body, names)
    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location(
        "generate_crd_table", ROOT / "tests" / "generate_crd_table.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "minor", "api_version"),
    [
        ("1.32", 32, "v1beta1"),
        ("1.33", 33, "v1beta2"),
        ("1.34", 34, "v1"),
        ("v1.34.2-gke.1293000", 34, "v1"),
        ("1.35+", 35, "v1"),
        ("v1.36.0+k3s1", 36, "v1"),
        (" 1.37 ", 37, "v1"),
    ],
)
def test_a_version_is_read_as_clusters_write_it(version: str, minor: int, api_version: str) -> None:
    target = kube.target(version)
    assert (target.minor, target.api_version) == (minor, api_version)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.31", "1.32 or later"),
        ("1.38", "plan for 1.37"),
        ("1.999", "plan for 1.37"),
        ("2.0", "for example 1.34"),
        ("1", "for example 1.34"),
        ("1.34rc", "for example 1.34"),
        ("newest", "for example 1.34"),
        ("", "for example 1.34"),
    ],
)
def test_a_version_that_cannot_be_planned_for_says_what_to_write(version: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        kube.target(version)
    assert words in refused.value.remedy


@pytest.mark.parametrize(
    ("gate", "on_from"),
    [
        ("DynamicResourceAllocation", 34),
        ("DRAPrioritizedList", 34),
        ("DRAAdminAccess", 34),
        ("DRAExtendedResource", 36),
        ("DRAConsumableCapacity", 36),
        ("DRADeviceTaintRules", 37),
    ],
)
def test_a_gate_is_on_by_default_from_its_minor_version(gate: str, on_from: int) -> None:
    on = [kube.serves(kube.target(f"1.{minor}"), gate) for minor in range(32, 38)]
    assert on == [minor >= on_from for minor in range(32, 38)]


def test_a_gate_can_be_set_against_its_default() -> None:
    assert kube.serves(kube.target("1.34", {"DRAExtendedResource": True}), "DRAExtendedResource")
    off = kube.target("1.36", {"DRAExtendedResource": False})
    assert not kube.serves(off, "DRAExtendedResource")
    assert kube.gates(36)["DRAExtendedResource"]


@pytest.mark.parametrize(
    ("version", "gate", "wanted", "words"),
    [
        ("1.33", "DRAExtendedResource", True, "came with 1.34"),
        ("1.36", "DRAExtendedResources", True, "DRAExtendedResource,"),
        ("1.37", "DRAExtendedResource", False, "Leave it out"),
    ],
)
def test_a_gate_that_cannot_be_set_is_refused(
    version: str, gate: str, wanted: bool, words: str
) -> None:
    with pytest.raises(InputError, match=gate) as refused:
        kube.target(version, {gate: wanted})
    assert words in refused.value.remedy


def test_every_minor_version_that_can_be_planned_for_has_its_facts() -> None:
    for minor in range(kube.OLDEST, kube.NEWEST + 1):
        assert kube.target(f"1.{minor}").api_version
        assert "DynamicResourceAllocation" in kube.gates(minor)


def test_older_versions_of_the_api_go_and_v1_stays() -> None:
    assert [kube.removed(v) for v in ("v1alpha3", "v1beta1", "v1beta2", "v1")] == [34, 38, 39, 0]


def test_the_report_names_what_later_versions_add() -> None:
    assert [line[:4] for line in kube.newer(kube.target("1.36"))] == ["1.37"]
    assert any("extendedResourceName" in line for line in kube.newer(kube.target("1.34")))
    bridged = kube.target("1.34", {"DRAExtendedResource": True})
    assert not any("extendedResourceName" in line for line in kube.newer(bridged))
    assert kube.newer(kube.target("1.37")) == ()


def test_news_are_told_of_gates_that_are_then_on_by_default() -> None:
    text = (resources.files("migrate") / "data" / "kubernetes.json").read_text(encoding="utf-8")
    for news in json.loads(text)["news"]:
        assert kube.gates(news["minor"])[news["gate"]], news
        assert not kube.gates(news["minor"] - 1).get(news["gate"], False), news
        assert news["says"].startswith(f"1.{news['minor']} "), news


# --- objects -------------------------------------------------------------------------------------

CEL = [{"cel": {"expression": "device.driver == 'a'"}}]


def test_a_request_has_the_form_of_the_version_served() -> None:
    """v1beta1 knows no `exactly`; the later versions know nothing beside it."""
    devices = {"deviceClassName": "gpu.example.com", "count": 2, "selectors": CEL}
    for version, expected in (
        ("1.32", {"name": "gpu", **devices}),
        ("1.33", {"name": "gpu", "exactly": devices}),
        ("1.34", {"name": "gpu", "exactly": devices}),
    ):
        made = kube.request(
            kube.target(version), "gpu", "gpu.example.com", 2, ["device.driver == 'a'"]
        )
        assert made == expected


def test_a_request_without_selectors_has_no_empty_list() -> None:
    made = kube.request(kube.target("1.34"), "gpu", "c", 1)
    assert made == {"name": "gpu", "exactly": {"deviceClassName": "c", "count": 1}}


def test_alternatives_stand_beside_the_name_in_the_order_given() -> None:
    alternatives = [kube.subrequest("big", "c", 1, ["device.driver == 'a'"])]
    made = kube.prioritized_request(kube.target("1.34"), "gpu", alternatives)
    assert made == {
        "name": "gpu",
        "firstAvailable": [{"name": "big", "deviceClassName": "c", "count": 1, "selectors": CEL}],
    }


@pytest.mark.parametrize("version", ["1.32", "1.33"])
def test_alternatives_that_would_be_dropped_are_not_written(version: str) -> None:
    with pytest.raises(PlanError, match="firstAvailable"):
        kube.prioritized_request(kube.target(version), "gpu", [])


def test_a_claim_template_says_where_it_lives_only_when_that_is_known() -> None:
    target = kube.target("1.33")
    requests = [kube.request(target, "gpu", "c", 1)]
    assert kube.claim_template(target, "train-gpu", "ml", requests, {"a": "b"}) == {
        "apiVersion": "resource.k8s.io/v1beta2",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "train-gpu", "namespace": "ml", "labels": {"a": "b"}},
        "spec": {"spec": {"devices": {"requests": requests}}},
    }
    bare = kube.claim_template(target, "train-gpu", "", requests)
    assert bare["metadata"] == {"name": "train-gpu"}


def test_a_device_class_answers_for_an_extended_resource_where_the_gate_is_on() -> None:
    made = kube.device_class(
        kube.target("1.36"), "gpu", ["device.driver == 'a'"], "example.com/gpu"
    )
    assert made == {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": "gpu"},
        "spec": {"selectors": CEL, "extendedResourceName": "example.com/gpu"},
    }
    with pytest.raises(PlanError, match="extendedResourceName") as refused:
        kube.device_class(kube.target("1.35"), "gpu", [], "example.com/gpu")
    assert "DRAExtendedResource" in refused.value.remedy
    assert kube.device_class(kube.target("1.35"), "gpu", [])["spec"] == {}
