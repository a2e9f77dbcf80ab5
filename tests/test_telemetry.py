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
