"""What the tool's advice rests on: each of these fails when Kubernetes changes its mind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.cluster import Cluster, Refused, until
from tests.oracle.fixtures import ControlPlane
from tests.oracle.objects import claim, container, device_class, exactly, pod, reference, template

pytestmark = pytest.mark.controlplane

DRIVER = "gpu.nvidia.com"
NAME = "nvidia.com/gpu"
IMPLICIT = "deviceclass.resource.kubernetes.io/gpu"
IS_OURS = f'device.driver == "{DRIVER}"'
MODEL = f'device.attributes["{DRIVER}"].model'
H100 = {"model": {"string": "H100"}}


def gpus(cluster: Cluster, node: str, *attributes: dict[str, Any]) -> None:
    """A node with a GPU per set of attributes."""
    cluster.node(node)
    devices = [{"name": f"gpu-{i}", "attributes": each} for i, each in enumerate(attributes)]
    cluster.slice(DRIVER, node, devices)


def quota(cluster: Cluster, **hard: int) -> None:
    """A quota that admission knows of."""
    body = reference("v1", "ResourceQuota", "quota", "default")
    limits = {name: str(amount) for name, amount in hard.items()}
    cluster.create(body | {"spec": {"hard": limits}})
    until(
        lambda: cluster.read(body).get("status", {}).get("used", {}).keys() == limits.keys(),
        "the quota has not been counted",
    )


def is_refused(cluster: Cluster, body: dict[str, Any]) -> bool:
    """Whether the quota stands against it; any other refusal is an error."""
    try:
        cluster.create(body, dry_run=True)
    except Refused as no:
        if "exceeded quota" not in no.message:
            raise
        return True
    return False


def with_claim(name: str, *containers: dict[str, Any], claimed: str = "c") -> dict[str, Any]:
    """A pod whose containers use one claim, called `gpu` inside it."""
    entry = {"name": "gpu", "resourceClaimName": claimed}
    return pod(name, *(containers or [container(claims=[{"name": "gpu"}])]), claims=[entry])


def devices_of(cluster: Cluster, name: str) -> list[str]:
    """The devices that a claim was given, one per result."""
    body = cluster.read(reference("resource.k8s.io/v1", "ResourceClaim", name))
    return [result["device"] for result in body["status"]["allocation"]["devices"]["results"]]


@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_admission_tolerates_for_a_resource_name_and_not_for_a_claim(
    control_plane: ControlPlane, minor: str
) -> None:
    """So a claim needs its toleration written down."""
    cluster = control_plane(minor, admission=("ExtendedResourceToleration",))

    def added(body: dict[str, Any]) -> list[dict[str, str]]:
        made = cluster.create(body, dry_run=True)
        return [t for t in made["spec"]["tolerations"] if "node.kubernetes.io" not in t["key"]]

    by_name = pod("p", container(limits={NAME: "1"}))
    assert added(by_name) == [{"key": NAME, "operator": "Exists", "effect": "NoSchedule"}]
    assert added(with_claim("p")) == []
    assert added(pod("p", container(limits={IMPLICIT: "1"}))) == []


@pytest.mark.parametrize("minor", ["1.34", "1.35", "1.36"])
def test_a_claim_is_charged_to_the_quota_of_its_class(
    control_plane: ControlPlane, minor: str
) -> None:
    cluster = control_plane(minor)
    quota(cluster, **{"gpu.deviceclass.resource.k8s.io/devices": 2})
    assert is_refused(cluster, claim("three", exactly("gpu", count=3)))
    assert not is_refused(cluster, claim("other", exactly("nic", count=3)))
    cluster.create(claim("two", exactly("gpu", count=2)))
    assert is_refused(cluster, claim("one", exactly("gpu")))


def test_all_is_charged_as_thirty_two(control_plane: ControlPlane) -> None:
    cluster = control_plane("1.36")
    quota(cluster, **{"gpu.deviceclass.resource.k8s.io/devices": 32})
    cluster.create(claim("all", exactly("gpu", allocationMode="All")))
    assert is_refused(cluster, claim("one", exactly("gpu")))


def test_a_claim_is_charged_to_the_old_quota_where_there_is_a_bridge(
    control_plane: ControlPlane,
) -> None:
    cluster = control_plane("1.36")
    cluster.device_class("gpu", IS_OURS, extended_resource_name=NAME)
    quota(cluster, **{f"requests.{NAME}": 1})
    until(
        lambda: is_refused(cluster, claim("two", exactly("gpu", count=2))),
        "the claim is not charged",
    )
    assert not is_refused(cluster, claim("one", exactly("gpu")))


@pytest.mark.parametrize("minor", ["1.34", "1.35"])
def test_a_claim_slips_past_the_old_quota_where_there_is_no_bridge(
    control_plane: ControlPlane, minor: str
) -> None:
    cluster = control_plane(minor)
    cluster.device_class("gpu", IS_OURS, extended_resource_name=NAME)
    quota(cluster, **{f"requests.{NAME}": 1})
    assert not is_refused(cluster, claim("two", exactly("gpu", count=2)))
    assert is_refused(cluster, pod("p", container(limits={NAME: "2"})))


def test_a_pod_over_the_claim_quota_is_made_and_waits(control_plane: ControlPlane) -> None:
    """By the resource name it was refused at once; now an event of the pod is the only word."""
    cluster = control_plane("1.36")
    cluster.node("a")
    quota(cluster, **{"gpu.deviceclass.resource.k8s.io/devices": 0})
    cluster.create(template("t", exactly("gpu")))
    cluster.create(pod("p", claims=[{"name": "gpu", "resourceClaimTemplateName": "t"}]))
    until(lambda: "exceeded quota" in cluster.story("default"), "nothing says why the pod waits")


@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_two_containers_with_one_claim_share_and_with_two_requests_do_not(
    control_plane: ControlPlane, minor: str
) -> None:
    cluster = control_plane(minor)
    gpus(cluster, "a", H100, H100, H100)
    cluster.device_class("gpu", IS_OURS)
    cluster.create(claim("one", exactly("gpu")))
    cluster.create(claim("two", exactly("gpu", "left"), exactly("gpu", "right")))
    both = (
        container("left", claims=[{"name": "gpu"}]),
        container("right", claims=[{"name": "gpu"}]),
    )
    each = tuple(
        container(side, claims=[{"name": "gpu", "request": side}]) for side in ("left", "right")
    )
    cluster.create(with_claim("shares", *both, claimed="one"))
    cluster.create(with_claim("apart", *each, claimed="two"))
    cluster.running("default", 2)
    assert len(devices_of(cluster, "one")) == 1
    assert len(set(devices_of(cluster, "two"))) == 2
    assert not set(devices_of(cluster, "one")) & set(devices_of(cluster, "two"))


@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_pods_that_name_one_claim_use_one_device_on_its_node(
    control_plane: ControlPlane, minor: str
) -> None:
    """What '--sharing claim' promises: no more devices than before, and all pods together."""
    cluster = control_plane(minor)
    for node in ("a", "b", "c"):
        gpus(cluster, node, H100)
    cluster.device_class("gpu", IS_OURS)
    cluster.create(claim("shared", exactly("gpu")))
    for name in ("films", "photos", "music"):
        cluster.create(with_claim(name, claimed="shared"))
    running = cluster.running("default", 3)
    assert len({each["spec"]["nodeName"] for each in running}) == 1
    assert len(devices_of(cluster, "shared")) == 1


def test_claims_get_shares_of_a_device_that_has_them(control_plane: ControlPlane) -> None:
    """What `shares` of a rule promises, with its gate: claims of their own, and one device."""
    cluster = control_plane("1.36")
    cluster.node("a")
    shares = {"value": "2", "requestPolicy": {"default": "1"}}
    device = {"name": "gpu-0", "allowMultipleAllocations": True, "capacity": {"shares": shares}}
    cluster.slice(DRIVER, "a", [device])
    cluster.device_class("gpu", IS_OURS)
    for name in ("one", "two", "three"):
        cluster.create(claim(name, exactly("gpu")))
    for name in ("one", "two"):
        cluster.create(with_claim(name, claimed=name))
    cluster.running("default", 2)
    assert devices_of(cluster, "one") == devices_of(cluster, "two") == ["gpu-0"]
    cluster.create(with_claim("three", claimed="three"))
    until(
        lambda: "cannot allocate all claims" in cluster.story("default"),
        "nothing says that the shares are used up",
    )


@pytest.mark.parametrize("minor", ["1.34", "1.35", "1.36"])
def test_a_template_cannot_be_edited(control_plane: ControlPlane, minor: str) -> None:
    cluster = control_plane(minor)
    before = cluster.create(template("t", exactly("gpu")))
    where = "/spec/spec/devices/requests/0/exactly/count"
    with pytest.raises(Refused, match="field is immutable"):
        cluster.patch(before, [{"op": "replace", "path": where, "value": 2}])
    assert cluster.read(before)["spec"] == before["spec"]


@pytest.mark.parametrize("minor", ["1.34", "1.35", "1.36"])
def test_a_missing_attribute_without_a_guard_stops_the_pod_everywhere(
    control_plane: ControlPlane, minor: str
) -> None:
    """Node a has all that is asked for; a device of node b lacks the attribute."""
    cluster = control_plane(minor)
    gpus(cluster, "a", H100)
    gpus(cluster, "b", {})
    cluster.device_class("gpu", IS_OURS)
    bare = f'{MODEL} == "H100"'
    for name, text in (("bare", bare), ("guarded", f"has({MODEL}) && {bare}")):
        selectors = [{"cel": {"expression": text}}]
        cluster.create(claim(name, exactly("gpu", selectors=selectors)))
    fails = with_claim("fails", claimed="bare")
    cluster.create(fails)
    assert "no such key: model" in cluster.unschedulable(fails)
    cluster.create(with_claim("runs", claimed="guarded"))
    [runs] = cluster.running("default", 1)
    assert (runs["metadata"]["name"], runs["spec"]["nodeName"]) == ("runs", "a")


@pytest.mark.parametrize(
    ("minor", "gates", "kept"),
    [
        ("1.34", {}, False),
        ("1.35", {}, False),
        ("1.35", {"DRAExtendedResource": True}, True),
        ("1.36", {}, True),
    ],
)
def test_the_name_of_the_bridge_is_dropped_in_silence_where_the_gate_is_off(
    control_plane: ControlPlane, minor: str, gates: dict[str, bool], kept: bool
) -> None:
    """The server answers 201 either way; only what it answers tells."""
    cluster = control_plane(minor, gates)
    made = cluster.create(device_class("gpu", IS_OURS, extended_resource_name=NAME))
    assert ("extendedResourceName" in made["spec"]) is kept


def test_the_bridge_serves_nodes_with_a_plugin_and_nodes_with_a_driver(
    control_plane: ControlPlane,
) -> None:
    """Also a node on which the plugin has left a zero behind; each device is given once."""
    cluster = control_plane("1.36")
    cluster.node("plugin", allocatable={NAME: "1"})
    gpus(cluster, "driver", H100)
    gpus(cluster, "switched", H100)
    cluster.allocatable("switched", {NAME: "0"})
    cluster.device_class("gpu", IS_OURS, extended_resource_name=NAME)
    for i in range(3):
        cluster.create(pod(f"p{i}", container(limits={NAME: "1"})))
    running = cluster.running("default", 3)
    assert {p["spec"]["nodeName"] for p in running} == {"plugin", "driver", "switched"}
    claimed = {
        p["spec"]["nodeName"] for p in running if "extendedResourceClaimStatus" in p["status"]
    }
    assert claimed == {"driver", "switched"}


def test_the_bridge_is_closed_in_1_34(control_plane: ControlPlane) -> None:
    cluster = control_plane("1.34")
    gpus(cluster, "driver", H100)
    cluster.device_class("gpu", IS_OURS, extended_resource_name=NAME)
    asks = pod("p", container(limits={NAME: "1"}))
    cluster.create(asks)
    assert f"Insufficient {NAME}" in cluster.unschedulable(asks)


@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_two_entries_of_one_claim_are_for_create_and_not_for_apply(
    control_plane: ControlPlane, minor: str
) -> None:
    """A server-side apply takes the claim's name alone for the key of the list."""
    cluster = control_plane(minor)
    entries = [{"name": "gpu", "request": "left"}, {"name": "gpu", "request": "right"}]
    body = with_claim("p", container(claims=entries))
    made = cluster.create(body)
    assert made["spec"]["containers"][0]["resources"]["claims"] == entries
    cluster.delete(body)
    until(lambda: not cluster.exists(body), "the pod is still there")
    with pytest.raises(Refused, match="duplicate entries for key"):
        cluster.apply(body)


def test_a_job_cannot_be_given_claims_afterwards(control_plane: ControlPlane) -> None:
    """Not even while it is suspended."""
    cluster = control_plane("1.36")
    inside = pod("", container(limits={NAME: "1"}), restartPolicy="Never")["spec"]
    for suspended in (False, True):
        job = reference("batch/v1", "Job", f"j-{suspended}".lower(), "default")
        cluster.create(job | {"spec": {"suspend": suspended, "template": {"spec": inside}}})
        entry = [{"name": "gpu", "resourceClaimTemplateName": "t"}]
        change = [{"op": "add", "path": "/spec/template/spec/resourceClaims", "value": entry}]
        with pytest.raises(Refused, match="field is immutable"):
            cluster.patch(job, change)


def test_a_stale_patch_is_refused_and_changes_nothing(control_plane: ControlPlane) -> None:
    """The operations before the one that fails are not kept either."""
    cluster = control_plane("1.36")
    spec = {
        "selector": {"matchLabels": {"app": "w"}},
        "template": {
            "metadata": {"labels": {"app": "w"}},
            "spec": pod("", container(limits={NAME: "1"}))["spec"],
        },
    }
    before = cluster.create(reference("apps/v1", "Deployment", "w", "default") | {"spec": spec})
    limits = "/spec/template/spec/containers/0/resources/limits"
    patch: list[dict[str, Any]] = [
        {"op": "add", "path": "/metadata/labels", "value": {"migrated": "true"}},
        {"op": "test", "path": f"{limits}/nvidia.com~1gpu", "value": "2"},
        {"op": "remove", "path": f"{limits}/nvidia.com~1gpu"},
    ]
    with pytest.raises(Refused) as refused:
        cluster.patch(before, patch)
    assert (refused.value.status, refused.value.reason) == (422, "Invalid")
    after = cluster.read(before)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert "labels" not in after["metadata"]
    patch[1]["value"] = "1"
    cluster.patch(before, patch)


@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_the_first_alternative_that_is_there_is_given(
    control_plane: ControlPlane, minor: str
) -> None:
    cluster = control_plane(minor)
    gpus(cluster, "a", H100)
    cluster.device_class("gpu", IS_OURS)

    def alternative(name: str, model: str) -> dict[str, Any]:
        text = f'has({MODEL}) && {MODEL} == "{model}"'
        selectors = [{"cel": {"expression": text}}]
        return {"name": name, "deviceClassName": "gpu", "selectors": selectors}

    either = [alternative("best", "B200"), alternative("good", "H100")]
    cluster.create(claim("c", {"name": "gpu", "firstAvailable": either}))
    cluster.create(with_claim("p"))
    cluster.running("default", 1)
    body = cluster.read(reference("resource.k8s.io/v1", "ResourceClaim", "c"))
    [result] = body["status"]["allocation"]["devices"]["results"]
    assert result["request"] == "gpu/good"


def test_a_preset_node_waits_for_a_claim_that_nobody_allocates(
    control_plane: ControlPlane,
) -> None:
    """The scheduler never sees such a pod, and a kubelet does not start it."""
    cluster = control_plane("1.36")
    gpus(cluster, "a", H100, H100)
    cluster.device_class("gpu", IS_OURS)
    for name in ("c", "d"):
        cluster.create(claim(name, exactly("gpu")))
    waits = with_claim("waits")
    waits["spec"]["nodeName"] = "a"
    cluster.create(waits)
    cluster.create(with_claim("free", claimed="d"))
    [running] = cluster.running("default", 1)
    assert running["metadata"]["name"] == "free"
    assert cluster.read(waits)["status"]["phase"] == "Pending"
    unallocated = cluster.read(reference("resource.k8s.io/v1", "ResourceClaim", "c"))
    assert "allocation" not in unallocated.get("status", {})
