"""The oracle says what Kubernetes says, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import build
from tests.oracle.ask import NoAnswer, Oracle
from tests.oracle.cluster import Overdue, Refused, until
from tests.oracle.fixtures import ControlPlane
from tests.oracle.objects import (
    Body,
    claim,
    container,
    device_class,
    exactly,
    pod,
    reference,
    resource_slice,
)
from tests.oracle.plane import Died, Settings, start

ROOT = Path(__file__).parents[1]
DRIVER = "gpu.example.com"
IS_OURS = f'device.driver == "{DRIVER}"'
MODEL = f'device.attributes["{DRIVER}"].model'
H100 = {"name": "gpu-0", "attributes": {"model": {"string": "H100"}}}
NAMELESS = {"name": "gpu-1"}


def compiled(
    oracle: Oracle, expression: str, minor: str = "", devices: tuple[Body, ...] = ()
) -> Any:
    listed = [{"driver": DRIVER, **device} for device in devices]
    return oracle.ask("compile", minor=minor, expression=expression, devices=listed)


@pytest.mark.parametrize("minor", ["1.34", "1.35", "1.36", ""])
def test_a_selector_compiles_or_says_why_not(oracle: Oracle, minor: str) -> None:
    assert compiled(oracle, f'{IS_OURS} && {MODEL} == "H100"', minor)["compiles"]
    assert "Syntax error" in compiled(oracle, "device.driver = 'x'", minor)["error"]
    assert "undefined field 'drivers'" in compiled(oracle, "device.drivers == 'x'", minor)["error"]
    assert "must evaluate to bool" in compiled(oracle, "device.driver", minor)["error"]


def test_a_selector_may_be_too_costly(oracle: Oracle) -> None:
    maps = f'device.attributes["{DRIVER}"]'
    loops = "".join(f"{maps}.all(k{i}, " for i in range(4)) + "true" + ")" * 4
    answer = compiled(oracle, loops)
    assert not answer["compiles"]
    assert answer["cost"] > 1_000_000


def test_a_selector_is_judged_by_the_gates_of_its_minor(oracle: Oracle) -> None:
    """What 1.36 admits may be unknown to 1.34."""
    assert not compiled(oracle, "device.allowMultipleAllocations", "1.34")["compiles"]
    assert compiled(oracle, "device.allowMultipleAllocations", "1.36")["compiles"]
    on = {"DRAConsumableCapacity": True}
    expression = "device.allowMultipleAllocations"
    answer = oracle.ask("compile", minor="1.35", gates=on, expression=expression)
    assert answer["compiles"]


def test_a_missing_attribute_raises_unless_it_is_guarded(oracle: Oracle) -> None:
    """An error is not a device that is passed over: it ends the scheduling of the pod."""
    bare = compiled(oracle, f'{MODEL} == "H100"', devices=(H100, NAMELESS))["devices"]
    assert bare == [{"selected": True}, {"selected": False, "error": "no such key: model"}]
    guarded = compiled(oracle, f'has({MODEL}) && {MODEL} == "H100"', devices=(H100, NAMELESS))
    assert guarded["devices"] == [{"selected": True}, {"selected": False}]


def allocated(oracle: Oracle, *requests: Body, minor: str = "", held: tuple[Any, ...] = ()) -> Any:
    """What two nodes answer: a has a device with a model, b one without."""
    return oracle.ask(
        "allocate",
        minor=minor,
        claims=[claim("c", *requests)],
        classes=[device_class("gpu", IS_OURS)],
        slices=[resource_slice(DRIVER, "a", [H100]), resource_slice(DRIVER, "b", [NAMELESS])],
        nodes=[reference("v1", "Node", "a"), reference("v1", "Node", "b")],
        allocated=[{"driver": DRIVER, "pool": f"{node}-{DRIVER}", **rest} for node, rest in held],
    )


@pytest.mark.parametrize("minor", ["1.34", "1.36", ""])
def test_devices_are_allocated_per_node(oracle: Oracle, minor: str) -> None:
    nodes = allocated(oracle, exactly("gpu"), minor=minor)
    [result] = nodes["a"]["allocation"][0]["devices"]["results"]
    assert (result["request"], result["device"]) == ("gpu", "gpu-0")
    assert nodes["b"]["allocation"][0]["devices"]["results"][0]["device"] == "gpu-1"


def test_a_device_in_use_is_not_given_again(oracle: Oracle) -> None:
    held = (("a", {"request": "x", "device": "gpu-0"}),)
    nodes = allocated(oracle, exactly("gpu"), held=held)
    assert nodes["a"] == {"reason": "cannot allocate all claims"}
    assert "allocation" in nodes["b"]


def test_an_error_is_told_from_a_node_that_does_not_fit(oracle: Oracle) -> None:
    selectors = [{"cel": {"expression": f'{MODEL} == "H100"'}}]
    nodes = allocated(oracle, exactly("gpu", selectors=selectors))
    assert "allocation" in nodes["a"]
    assert "no such key: model" in nodes["b"]["error"]


def test_an_older_claim_becomes_one_of_v1(oracle: Oracle) -> None:
    old = {
        "apiVersion": "resource.k8s.io/v1beta1",
        "kind": "ResourceClaim",
        "metadata": {"name": "c"},
        "spec": {"devices": {"requests": [{"name": "gpu", "deviceClassName": "gpu", "count": 2}]}},
    }
    new = oracle.ask("convert", object=old)
    assert new["apiVersion"] == "resource.k8s.io/v1"
    assert new["spec"]["devices"]["requests"] == [exactly("gpu", count=2)]


def test_what_cannot_be_converted_is_not_guessed(oracle: Oracle) -> None:
    old = {"apiVersion": "resource.k8s.io/v1alpha3", "kind": "ResourceClaim", "metadata": {}}
    with pytest.raises(NoAnswer, match="no kind"):
        oracle.ask("convert", object=old)
    misspelt = old | {"apiVersion": "resource.k8s.io/v1beta1", "spec": {"device": {}}}
    with pytest.raises(NoAnswer, match=r'unknown field "spec\.device"'):
        oracle.ask("convert", object=misspelt)


def test_node_affinity_is_kubernetes_own(oracle: Oracle) -> None:
    nodes = [
        reference("v1", "Node", name) | {"metadata": {"name": name, "labels": labels}}
        for name, labels in (("a", {"gpu.count": "8"}), ("b", {"gpu.count": "2"}), ("c", {}))
    ]
    term = {"matchExpressions": [{"key": "gpu.count", "operator": "Gt", "values": ["4"]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    by_affinity = oracle.ask(
        "nodeaffinity", pod=pod("p", affinity={"nodeAffinity": required}), nodes=nodes
    )
    assert by_affinity == {"a": True, "b": False, "c": False}
    by_selector = oracle.ask(
        "nodeaffinity", pod=pod("p", nodeSelector={"gpu.count": "2"}), nodes=nodes
    )
    assert by_selector == {"a": False, "b": True, "c": False}


def test_taints_are_tolerated_as_kubernetes_does(oracle: Oracle) -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    exists = {"key": "nvidia.com/gpu", "operator": "Exists"}
    for op in ("tolerates", "toleratesdevice"):
        assert oracle.ask(op, tolerations=[exists], taints=[taint])["tolerates"]
        refused = oracle.ask(op, tolerations=[], taints=[taint])
        assert refused == {"tolerates": False, "because": taint}
    soft = taint | {"effect": "PreferNoSchedule"}
    assert oracle.ask("tolerates", tolerations=[], taints=[soft])["tolerates"]
    unknown = taint | {"effect": "None"}
    assert oracle.ask("toleratesdevice", tolerations=[], taints=[unknown])["tolerates"]


def test_a_question_without_meaning_is_refused(oracle: Oracle) -> None:
    with pytest.raises(NoAnswer, match="no operation"):
        oracle.ask("guess")
    with pytest.raises(NoAnswer, match='unknown field "expresion"'):
        oracle.ask("compile", expresion="true")


def test_a_question_that_kubernetes_cannot_stand_is_answered(oracle: Oracle) -> None:
    """A null where an object belongs never gets past an API server."""
    with pytest.raises(NoAnswer, match="panic"):
        oracle.ask("allocate", claims=[None])
    assert oracle.ask("compile", expression="true")["compiles"]


@pytest.mark.controlplane
@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_a_control_plane_runs_pods_with_claims(control_plane: ControlPlane, minor: str) -> None:
    cluster = control_plane(minor)
    assert cluster.request("GET", "/version")["emulationMinor"] == minor.removeprefix("1.")
    cluster.node("a")
    cluster.slice(DRIVER, "a", [H100])
    cluster.device_class("gpu", IS_OURS)
    cluster.create(claim("c", exactly("gpu")))
    uses = container(claims=[{"name": "gpu"}])
    cluster.create(pod("p", uses, claims=[{"name": "gpu", "resourceClaimName": "c"}]))
    cluster.running("default", 1)
    cluster.delete(reference("v1", "Pod", "p"))
    until(lambda: not cluster.pods("default"), "a deleted pod is still there")


@pytest.mark.controlplane
def test_a_control_plane_is_empty_at_the_start_of_a_test(control_plane: ControlPlane) -> None:
    """The test before this one left a node, a slice, a class and a claim behind."""
    cluster = control_plane("1.36")
    for kind in ("ResourceSlice", "DeviceClass", "ResourceClaim"):
        assert not cluster.items("resource.k8s.io/v1", kind)
    assert not cluster.items("v1", "Node")
    spaces = {item["metadata"]["name"] for item in cluster.items("v1", "Namespace")}
    assert spaces == {"default", "kube-node-lease", "kube-public", "kube-system"}


@pytest.mark.controlplane
def test_a_job_finishes_when_its_pods_are_told_to(control_plane: ControlPlane) -> None:
    cluster = control_plane("1.36")
    cluster.node("a")
    inside = pod("", restartPolicy="Never")["spec"]
    done = {"annotations": {"dra-migrate.test/finishes": "Succeeded"}}
    job = reference("batch/v1", "Job", "j", "default")
    cluster.create(job | {"spec": {"template": {"metadata": done, "spec": inside}}})
    until(lambda: cluster.read(job)["status"].get("succeeded") == 1, "the job does not finish")


@pytest.mark.controlplane
@pytest.mark.parametrize("minor", ["1.34", "1.35", "1.36"])
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"name": "gpu"}, "exactly one of `exactly` or `firstAvailable` is required"),
        ({"name": "gpu", "deviceClassName": "gpu"}, "unknown field"),
        (exactly("gpu", allocationMode="All", count=2), "must not be specified when"),
        (exactly("gpu", selectors=[{"cel": {"expression": "devise.driver == 'x'"}}]), "undeclared"),
        (exactly(""), "deviceClassName: Required value"),
    ],
    ids=["neither form", "the form of v1beta1", "count with All", "typo in CEL", "no class"],
)
def test_a_broken_claim_is_refused(
    control_plane: ControlPlane, minor: str, request_: Body, reason: str
) -> None:
    """As it is by a dry run, so that both can be relied on."""
    cluster = control_plane(minor)
    with pytest.raises(Refused, match=reason):
        cluster.create(claim("c", request_), dry_run=True)
    with pytest.raises(Refused, match=reason):
        cluster.create(claim("c", request_))
    assert not cluster.items("resource.k8s.io/v1", "ResourceClaim")


@pytest.mark.controlplane
def test_an_unknown_class_is_found_out_by_the_scheduler(control_plane: ControlPlane) -> None:
    """The API server takes the claim; the pod stays Pending and the reason can be read."""
    cluster = control_plane("1.36")
    cluster.node("a")
    cluster.create(claim("c", exactly("gpuu")))
    uses = pod("p", claims=[{"name": "gpu", "resourceClaimName": "c"}])
    cluster.create(uses)
    assert "device class gpuu does not exist" in cluster.unschedulable(uses)


@pytest.mark.controlplane
def test_1_33_serves_the_beta_versions_and_not_v1(control_plane: ControlPlane) -> None:
    cluster = control_plane("1.33")
    served = cluster.request("GET", "/apis/resource.k8s.io")["versions"]
    assert {one["version"] for one in served} == {"v1beta1", "v1beta2"}
    newer = claim("c", exactly("gpu")) | {"apiVersion": "resource.k8s.io/v1beta2"}
    assert cluster.create(newer, dry_run=True)["kind"] == "ResourceClaim"


@pytest.mark.controlplane
def test_a_control_plane_that_cannot_start_says_why() -> None:
    with pytest.raises(Died, match=r"apiserver ended(.|\n)*unrecognized feature gate: NoSuchGate"):
        start(Settings.of("1.36", {"NoSuchGate": True}))


def parts_of(folder: Path) -> list[str]:
    """The processes that work in this folder."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if str(folder) in line]


@pytest.mark.controlplane
def test_nothing_outlives_a_test_run_that_is_killed() -> None:
    """Neither a process nor a file, though nobody had a chance to clean up."""
    program = (
        "from tests.oracle.plane import Settings, start\n"
        "plane = start(Settings.of('1.36'))\n"
        "print(plane.folder, flush=True)\n"
        "import time; time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        parts = parts_of(folder)
        process.kill()
    assert len(parts) == 5, parts
    until(lambda: not parts_of(folder), lambda: "\n".join(parts_of(folder)))
    until(lambda: not folder.exists(), f"{folder} is still there")


@pytest.mark.controlplane
def test_every_part_ends_with_the_one_that_started_it() -> None:
    plane = start(Settings.of("1.36"))
    plane.process.kill()
    until(lambda: not parts_of(plane.folder), lambda: "\n".join(parts_of(plane.folder)))
    with pytest.raises(Died):
        plane.clean()
    plane.close()
    assert not plane.folder.exists()


def test_a_machine_without_go_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "toolchains", lambda: iter(()))
    with pytest.raises(build.Unavailable, match=r"no Go toolchain of at least 1\.\d+"):
        build.go()


def test_a_build_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does where the modules cannot be fetched; nothing half-built is kept."""
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(build.Unavailable, match=r"module lookup disabled by GOPROXY=off"):
        build.binary("ask")
    assert [path.name for path in build.cache().iterdir()] == ["ask.lock"]


def test_waiting_ends_with_what_is_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.oracle.cluster.PATIENCE", 0.0)
    with pytest.raises(Overdue, match="so it is"):
        until(lambda: time.sleep(0.001), "so it is")
