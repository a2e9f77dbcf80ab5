"""What looks at a device by its resource's name: found in every form, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import detect, kube, translate
from migrate.model import Change, Finding
from migrate.read import files, ruleset

RULES = ruleset.rules()
NAMES = [
    (resource.name, rule.name)
    for rule in RULES
    for resource in (rule.container.resources if rule.container else ())
    if resource.name and "." in resource.name.partition("/")[0]
]


def found(path: Path, body: Any) -> list[Finding]:
    """Everything found in one file of this body."""
    path.write_text(yaml.safe_dump(body))
    return list(detect.findings(files.reading([str(path)], RULES).files, RULES))


def told(findings: list[Finding], version: str = "1.34") -> list[Change]:
    """What becomes of the findings."""
    options = translate.Options()
    changes = translate.changes(tuple(findings), RULES, kube.target(version), options).changes
    return [c for c in changes if c.findings[0].usage == "telemetry"]


def alert(expression: str) -> dict[str, Any]:
    """A PrometheusRule with one alert."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "a"},
        "spec": {"groups": [{"name": "a", "rules": [{"alert": "A", "expr": expression}]}]},
    }


@pytest.mark.parametrize(("name", "rule"), NAMES, ids=str)
def test_every_name_of_the_rules_is_known_in_metrics(tmp_path: Path, name: str, rule: str) -> None:
    """Prometheus puts `_` for everything that a label's name cannot hold."""
    written = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    query = f'sum(kube_node_status_allocatable{{resource="{written}"}})'
    [finding] = found(tmp_path / "a.yaml", alert(query))
    assert (finding.usage, finding.resource) == ("telemetry", written)
    assert finding.quantity == "kube_node_status_allocatable"
    assert finding.rule in {other for also, other in NAMES if _same(also, name)}


def _same(one: str, other: str) -> bool:
    """Whether metrics write two names alike."""
    return re.sub(r"\W", "_", one) == re.sub(r"\W", "_", other)


@pytest.mark.parametrize(
    ("query", "resource", "metric"),
    [
        (
            'kube_pod_container_resource_limits{resource=~"cpu|nvidia_com_mig_1g_10gb"}',
            "nvidia_com_mig_1g_10gb",
            "kube_pod_container_resource_limits",
        ),
        (
            'kube_pod_resource_request{namespace="a", resource="nvidia.com/gpu"}',
            "nvidia.com/gpu",
            "kube_pod_resource_request",
        ),
        (
            'kube_resourcequota{resource="requests.nvidia.com/gpu"}',
            "requests.nvidia.com/gpu",
            "kube_resourcequota",
        ),
        ("queue_used_nvidia_com_gpu + nvidia_com_gpu", "nvidia_com_gpu", ""),
    ],
)
def test_a_query_is_found_with_its_metric(
    tmp_path: Path, query: str, resource: str, metric: str
) -> None:
    findings = found(tmp_path / "a.yaml", alert(query))
    assert [(f.resource, f.quantity) for f in findings] == [(resource, metric)]


@pytest.mark.parametrize(
    "text",
    [
        'kube_node_status_allocatable{resource="cpu"}',
        "node_infiniband_port_data_received_bytes_total + rdma_tx_bytes",
        "DCGM_FI_DEV_GPU_UTIL, gauge, GPU utilization (in %).",
        "avg by (Hostname) (DCGM_FI_DEV_GPU_TEMP)",
        "see nvidia.com/gpu in the manual of the resource",
        "my_nvidia_com_gpu_total",
        "nvidia_com_",
    ],
)
def test_what_does_not_hang_on_pods_or_names_is_left_alone(tmp_path: Path, text: str) -> None:
    assert not found(tmp_path / "a.yaml", alert(text + " # nvidia.com"))


BUSY = "DCGM_FI_DEV_GPU_UTIL"


@pytest.mark.parametrize("operator", ["=", "!=", "=~", "!~"])
@pytest.mark.parametrize(
    "label", ["pod", "exported_pod", "pod_name", "namespace", "pod_namespace", "exported_container"]
)
def test_a_matcher_by_pod_is_found_whatever_its_operator(
    tmp_path: Path, label: str, operator: str
) -> None:
    findings = found(tmp_path / "a.yaml", alert(f'{BUSY}{{gpu="0", {label}{operator}"a"}} > 90'))
    assert [f.resource for f in findings] == [BUSY]


@pytest.mark.parametrize(
    "query",
    [
        f"sum by (namespace) ({BUSY})",
        f"sum({BUSY}) by (gpu, exported_container)",
        f"{BUSY} * on (pod, namespace) group_left (owner_name) kube_pod_owner",
        f"power * on (gpu) group_left (exported_pod) {BUSY}",
        f"max without (pod) ({BUSY})",
        f'label_replace({BUSY}, "who", "$1", "exported_pod", "(.+)")',
        f"label_replace({BUSY}, 'who', '$1', 'pod', '(.+)')",
        f'label_join({BUSY}, "who", "/", "Hostname", "exported_namespace")',
        f'{{__name__=~"{BUSY}|x", pod!=""}}',
        f"label_values({BUSY}, exported_pod)",
        f"sum(rate({BUSY}[5m])) by (pod) > on () group_left () max(x)",
    ],
)
@pytest.mark.parametrize("is_within_json", [False, True])
def test_a_query_that_reads_what_the_kubelet_tells_is_found(
    tmp_path: Path, query: str, is_within_json: bool
) -> None:
    """Also where it stands in a dashboard that is a string itself, with all that this escapes."""
    text = json.dumps({"expr": f"\n\t{query}".replace(", ", ",\n\t")}) if is_within_json else query
    assert BUSY in {f.resource for f in found(tmp_path / "a.yaml", alert(text))}


@pytest.mark.parametrize(
    "query",
    [
        f"max by (Hostname) ({BUSY})",
        f"max without (pod, exported_namespace, container) ({BUSY})",
        f"max without (instance) ({BUSY})",
        f'label_replace({BUSY}, "pod", "$1", "Hostname", "(.+)")',
        f'{BUSY}{{podium="a", gpu_namespaces="b"}}',
        f"sum by (pod_ip) ({BUSY})",
        f"label_values({BUSY}, Hostname)",
        f'{BUSY} and on () kube_pod_info{{pod="a"}}',
        f'label_replace(kube_pod_info, "a", "$1", "pod", "(.*)") * on (node) {BUSY}',
        f"sum by (pod) (kube_pod_info) > on () group_left () max({BUSY})",
        f"sum(kube_pod_info) by (pod) > on () group_left () max({BUSY})",
        "count by (label_nvidia_com_gpu_product) (kube_pod_labels)",
    ],
)
def test_a_query_that_reads_nothing_of_the_kubelet_is_left_alone(
    tmp_path: Path, query: str
) -> None:
    assert not found(tmp_path / "a.yaml", alert(query))


@pytest.mark.parametrize(
    ("matcher", "named"),
    [
        ('=~"nvidia.*"', [("nvidia.*", "nvidia/gpu")]),
        ('=~"^nvidia_com_.+$"', [("nvidia_com_.+", "nvidia/gpu")]),
        ('=~"nvidia_com_mig_.+"', [("nvidia_com_mig_.+", "nvidia/mig")]),
        ('=~"nvidia_com_mig-[0-9]g.*"', [("nvidia_com_mig-.*", "nvidia/mig")]),
        ('=~"nvidia_com_gpu.*"', [("nvidia_com_gpu", "nvidia/gpu")]),
        ('=~"cpu|amd.+"', [("amd.+", "amd/gpu")]),
        ('=~".*nvidia.*"', [(".*nvidia.*", "nvidia/gpu")]),
        (
            '=~"(nvidia|amd)_com_gpu"',
            [("amd_com_gpu", "amd/gpu"), ("nvidia_com_gpu", "nvidia/gpu")],
        ),
        ('=~"nvidia_com_(?:mig.*|example)"', [("nvidia_com_mig.*", "nvidia/mig")]),
        (r'=~"requests\\.nvidia\\.com/.*"', [("requests.nvidia.com/.*", "nvidia/gpu")]),
        ('!="nvidia_com_gpu"', [("nvidia_com_gpu", "nvidia/gpu")]),
        ('!~"cpu|nvidia.*"', [("nvidia.*", "nvidia/gpu")]),
        ('=~"openshift_io_.*"', [("openshift_io_.*", "sriov/network")]),
        ('=~".*"', []),
        ('=~".+"', []),
        ('=~"(.*)"', []),
        ('!~"cpu|memory"', []),
        ('=~"cpu|mem.*|ephemeral.+"', []),
        ('=~"n.*"', []),
        ('=~"requests.*"', []),
        ('=~"$resource"', []),
        ('=~"nvidia_example_.*"', []),
        ('=~"(((((nvidia"', []),
        ('=~"[nvidia]+"', []),
        ('=~"(n|v)+idia.*"', []),
    ],
)
def test_a_pattern_names_the_resources_that_it_matches(
    tmp_path: Path, matcher: str, named: list[tuple[str, str]]
) -> None:
    """One that says nothing of devices names none."""
    findings = found(tmp_path / "a.yaml", alert(f"sum(kube_resourcequota{{resource{matcher}}})"))
    assert sorted((f.resource, f.rule) for f in findings) == named
    assert {f.quantity for f in findings} <= {"kube_resourcequota"}


def test_what_is_left_out_is_not_said_to_be_missed(tmp_path: Path) -> None:
    """A query for all but a device finds no less of anything."""
    asked = 'sum(kube_node_status_allocatable{resource="nvidia_com_gpu"})'
    [all_of_it] = told(found(tmp_path / "a.yaml", alert(asked)))
    [rest] = told(found(tmp_path / "a.yaml", alert(asked.replace('="', '!="'))))
    [quota] = told(found(tmp_path / "a.yaml", alert('kube_resourcequota{resource!~"nvidia.*"}')))
    assert "falls to 0" in all_of_it.why
    assert "falls to 0" not in rest.why
    assert "leaves nvidia_com_gpu out" in rest.why
    assert "deviceclass.resource.k8s.io" in quota.why


@pytest.mark.parametrize(
    ("query", "label", "rule"),
    [
        (
            'kube_node_labels{label_nvidia_com_gpu_product=~"H100.*"}',
            "label_nvidia_com_gpu_product",
            "nvidia/gpu",
        ),
        ("count by (label_amd_com_gpu_vram) (a)", "label_amd_com_gpu_vram", "amd/gpu"),
        (
            "a * on (node) group_left (label_intel_feature_node_kubernetes_io_gpu) b",
            "label_intel_feature_node_kubernetes_io_gpu",
            "intel/gpu",
        ),
        (
            "__meta_kubernetes_node_label_nvidia_com_gpu_present",
            "__meta_kubernetes_node_label_nvidia_com_gpu_present",
            "nvidia/gpu",
        ),
        ("label_nvidia_com_mig_1g_5gb_count", "label_nvidia_com_mig_1g_5gb_count", "nvidia/mig"),
    ],
)
def test_a_node_label_that_goes_with_the_plugin_is_found_in_metrics(
    tmp_path: Path, query: str, label: str, rule: str
) -> None:
    [finding] = found(tmp_path / "a.yaml", alert(query))
    assert (finding.resource, finding.rule) == (label, rule)
    [change] = told([finding])
    assert "goes with the device plugin" in change.why


@pytest.mark.parametrize(
    "label",
    [
        "label_cloud_google_com_gke_accelerator",
        "label_nvidia_com_mig_config",
        "label_nvidia_com_gpu_deploy_driver",
        "label_app_nvidia_com_gpu_product",
        "my_label_nvidia_com_gpu_product",
        "label_nvidia_com_gpu_made_up",
    ],
)
def test_a_node_label_that_stays_is_left_alone(tmp_path: Path, label: str) -> None:
    assert not found(tmp_path / "a.yaml", alert(f"count by ({label}) (kube_node_labels)"))


@pytest.mark.parametrize(
    "text",
    [
        'DCGM_FI_A{resource=~"' + "(" * 5000,
        'DCGM_FI_A{resource=~"' + "(a|b)" * 400 + '"}',
        'DCGM_FI_A{resource=~"nvidia' + ".*a" * 600 + '"}',
        'DCGM_FI_A{resource=~"' + "nvidia.*|" * 200 + '"}',
        "DCGM_FI_A by (" * 20000,
        "DCGM_FI_A" + ', "a' * 20000,
        'DCGM_FI_A label_replace(a, "' + "\\" * 40000,
        'DCGM_FI_A{pod="a"} ' * 20000,
        "DCGM_FI_A " + "({" * 40000,
        "DCGM_FI_A by (pod) (" * 10000,
    ],
    ids=lambda text: text[:24] + str(len(text)),
)
def test_text_that_means_harm_is_read_to_its_end(tmp_path: Path, text: str) -> None:
    """Neither groups in groups nor hundreds of holes keep a query after them from being found."""
    first, second = alert(text), alert('kube_node_status_allocatable{resource="nvidia_com_gpu"}')
    findings = found(tmp_path / "a.yaml", {"apiVersion": "v1", "kind": "L", "a": [first, second]})
    assert "nvidia_com_gpu" in {f.resource for f in findings}


@pytest.mark.parametrize("key", ["description", "summary", "message", "title"])
def test_what_people_are_told_is_no_query(tmp_path: Path, key: str) -> None:
    """As a field, and in a string that is JSON or YAML."""
    said = f'{BUSY}{{pod="a"}} and resource="nvidia_com_gpu"'
    body = alert("vector(1)")
    body["spec"]["groups"][0]["rules"][0]["annotations"] = {key: said}
    assert not found(tmp_path / "a.yaml", body)
    texts = {"a.json": json.dumps({"panels": [{key: said}]}), "b.yaml": f"a: b\n{key}: {said}\n"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": texts}
    assert not found(tmp_path / "a.yaml", config)


def test_a_driver_is_no_device_plugin_to_the_kubelet(tmp_path: Path) -> None:
    """Its counts of plugins have counterparts for drivers, which are named."""
    query = 'rate(kubelet_device_plugin_registration_total{resource_name="nvidia.com/gpu"}[5m])'
    [change] = told(found(tmp_path / "a.yaml", alert(query)))
    assert "dra_operations_duration_seconds" in change.why


def test_of_a_dashboard_only_queries_by_pod_are_told(tmp_path: Path) -> None:
    """In a ConfigMap a whole dashboard is one string; each query is judged by itself."""
    panels = [
        {"targets": [{"expr": 'max(DCGM_FI_DEV_GPU_TEMP{Hostname="a"})'}]},
        {"targets": [{"expr": 'avg(DCGM_FI_DEV_GPU_UTIL{exported_pod=~"$pod"})'}]},
    ]
    data = {"a.json": json.dumps({"panels": panels})}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}
    findings = found(tmp_path / "a.yaml", body)
    assert [f.resource for f in findings] == ["DCGM_FI_DEV_GPU_UTIL"]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("kyverno.io/v1", "ClusterPolicy"),
        ("constraints.gatekeeper.sh/v1beta1", "K8sLimits"),
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ],
)
def test_a_policy_asks_for_nothing(tmp_path: Path, api_version: str, kind: str) -> None:
    """The same spec in a Pod asks for a device; in a policy it is a pattern, and never edited."""
    spec = {
        "containers": [
            {"name": "a", "image": "b", "resources": {"limits": {"nvidia.com/gpu": 1}}},
        ]
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    assert {f.usage for f in found(tmp_path / "a.yaml", pod)} == {"container"}
    policy = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}}
    findings = found(tmp_path / "a.yaml", {**policy, "spec": {"rules": [{"mutate": spec}]}})
    assert {f.usage for f in findings} == {"telemetry"}
    [change] = told(findings)
    assert change.safety == "manual"
    assert not change.edits
    assert "resourceClaims" in change.why


def test_an_expression_of_a_policy_is_read(tmp_path: Path) -> None:
    """In CEL, Rego and JSON Pointers too."""
    body = {
        "apiVersion": "kyverno.io/v1",
        "kind": "Policy",
        "metadata": {"name": "a", "annotations": {"about": "nvidia.com/gpu"}},
        "spec": {
            "message": "no nvidia.com/gpu here",
            "cel": '"amd.com/gpu" in c.resources.limits',
            "patch": "- {op: remove, path: /spec/containers/0/resources/limits/nvidia.com~1gpu}",
        },
    }
    findings = found(tmp_path / "a.yaml", body)
    assert sorted(f.resource for f in findings) == ["amd.com/gpu", "nvidia.com/gpu"]


def test_the_bridge_keeps_pods_in_their_metrics(tmp_path: Path) -> None:
    """Where DRAExtendedResource is on, a pod that stays as it is stays in the query."""
    findings = found(
        tmp_path / "a.yaml",
        alert('kube_pod_container_resource_requests{resource="nvidia_com_gpu"}'),
    )
    assert "bridge" not in told(findings, "1.34")[0].why
    assert "bridge" in told(findings, "1.36")[0].why
