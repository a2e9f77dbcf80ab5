"""The whole rollout on a made-up cluster: what the plan says runs at a step, runs at that step."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from migrate import apply
from tests.oracle import cluster as clusters
from tests.oracle.cluster import Cluster, is_ready, until
from tests.oracle.fixtures import ControlPlane
from tests.oracle.objects import device_class, reference, resource_slice
from tests.oracle.planned import Json, documents, run

pytestmark = pytest.mark.controlplane

DRIVER = "gpu.nvidia.com"
GPU, MIG = "nvidia.com/gpu", "nvidia.com/mig-1g.5gb"
SPACE = "research"
RESOURCE = "resource.k8s.io/v1"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
TOLERATES = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}


# --- Nodes: what the plugin and its stack say of them, and what the driver publishes


@dataclass(frozen=True)
class Pool:
    """Nodes of one model; `gpus` and `slices` are whole GPUs and MIG devices per node."""

    nodes: tuple[str, ...]
    product: str
    family: str
    memory: int
    capability: str
    gpus: int
    slices: int = 0
    taints: tuple[Json, ...] = (TAINT,)

    @property
    def allocatable(self) -> dict[str, str]:
        """What the device plugin reports."""
        return {GPU: str(self.gpus)} | ({MIG: str(self.slices)} if self.slices else {})

    @property
    def labels(self) -> dict[str, str]:
        """What GPU Feature Discovery writes."""
        major, minor, _ = self.capability.split(".")
        return {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.count": str(self.gpus),
            "nvidia.com/gpu.product": self.product.replace(" ", "-"),
            "nvidia.com/gpu.family": self.family.lower().replace(" ", "-"),
            "nvidia.com/gpu.memory": str(self.memory),
            "nvidia.com/gpu.compute.major": major,
            "nvidia.com/gpu.compute.minor": minor,
        }

    def devices(self, node: str) -> list[Json]:
        """What the DRA driver publishes."""
        whole = [
            self.device(f"gpu-{i}", f"GPU-{node}-{i}", "gpu", self.memory) for i in range(self.gpus)
        ]
        parts = [
            self.device(f"gpu-9-mig-1g5gb-19-{i}", f"MIG-{node}-{i}", "mig", 4864)
            for i in range(self.slices)
        ]
        for one in parts:
            one["attributes"] |= {
                "profile": {"string": "1g.5gb"},
                "parentUUID": {"string": f"GPU-{node}-9"},
            }
        return [*whole, *parts]

    def device(self, name: str, uuid: str, kind: str, memory: int) -> Json:
        return {
            "name": name,
            "attributes": {
                "type": {"string": kind},
                "uuid": {"string": uuid},
                "productName": {"string": self.product},
                "brand": {"string": "Nvidia"},
                "architecture": {"string": self.family},
                "cudaComputeCapability": {"version": self.capability},
                "driverVersion": {"version": "580.95.5"},
                "cudaDriverVersion": {"version": "13.0.0"},
                "resource.kubernetes.io/pcieRoot": {"string": "pci0000:00"},
            },
            "capacity": {"memory": {"value": f"{memory}Mi"}},
        }


DEDICATED = {"key": "dedicated", "value": "parts", "effect": "NoSchedule"}
POOLS = {
    "h100": Pool(("h100-a", "h100-b"), "NVIDIA H100 80GB HBM3", "Hopper", 81559, "9.0.0", 16),
    "t4": Pool(("t4-a", "t4-b"), "Tesla T4", "Turing", 15360, "7.5.0", 8),
    "a100": Pool(
        ("a100-a", "a100-b"),
        "NVIDIA A100-SXM4-40GB",
        "Ampere",
        40960,
        "8.0.0",
        gpus=4,
        slices=7,
        taints=(TAINT, DEDICATED),
    ),
}
CLASSES = {f"{kind}.nvidia.com": kind for kind in ("gpu", "mig")}


def vendor_class(name: str) -> Json:
    """A DeviceClass as the driver's chart renders it."""
    of_type = f"device.attributes['{DRIVER}'].type == '{CLASSES[name]}'"
    return device_class(name, f"device.driver == '{DRIVER}' && {of_type}")


# --- Workloads: twenty shapes, as files ---------------------------------------------------------


@dataclass(frozen=True)
class Workload:
    """One workload, where it is at home, and how many pods of it run."""

    name: str
    home: str
    pods: int
    body: Json

    @property
    def labels(self) -> str:
        return f"app={self.name}"


def container(name: str, **limits: int) -> Json:
    amounts = {GPU if key == "gpu" else MIG: count for key, count in limits.items()}
    return {"name": name, "image": f"registry.invalid/{name}:1", "resources": {"limits": amounts}}


def labelled(**values: str) -> Json:
    """A node selector of the labels that GPU Feature Discovery writes."""
    return {"nodeSelector": {f"nvidia.com/gpu.{k.replace('_', '.')}": v for k, v in values.items()}}


def required(key: str, operator: str, *values: str) -> Json:
    """Required node affinity of one such label."""
    match = {"key": f"nvidia.com/gpu.{key}", "operator": operator, "values": list(values)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [match]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def preferred(key: str, value: str) -> Json:
    match = {"key": f"nvidia.com/gpu.{key}", "operator": "In", "values": [value]}
    wish = [{"weight": 10, "preference": {"matchExpressions": [match]}}]
    return {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}}}


def workload(
    kind: str, name: str, home: str, pods: int, *containers: Json, **spec: Any
) -> Workload:
    """A workload of a kind whose pods are made of these containers."""
    group = {"Pod": "v1", "ReplicationController": "v1", "Job": "batch/v1"}.get(kind, "apps/v1")
    inside = {"containers": list(containers)} | spec
    body = reference(group, kind, name, SPACE)
    if kind == "Pod":
        body["metadata"]["labels"] = {"app": name}
        return Workload(name, home, pods, body | {"spec": inside})
    template = {"metadata": {"labels": {"app": name}}, "spec": inside}
    outside: Json = {"template": template}
    if kind not in {"Job", "ReplicationController"}:
        outside["selector"] = {"matchLabels": {"app": name}}
    if kind == "StatefulSet":
        outside["serviceName"] = name
    if kind == "Job":
        # A pod that is drained is no failure of its own.
        ignored = [{"type": "DisruptionTarget"}]
        rules = [{"action": "Ignore", "onPodConditions": ignored}]
        outside |= {"parallelism": pods, "podFailurePolicy": {"rules": rules}}
        inside["restartPolicy"] = "Never"
    elif kind != "DaemonSet":
        outside["replicas"] = pods
    return Workload(name, home, pods, body | {"spec": outside})


H100 = labelled(product="NVIDIA-H100-80GB-HBM3")
T4 = labelled(product="Tesla-T4")
# Admission knows the name of a MIG device, not the taint's.
PARTS = {"tolerations": [{"key": "dedicated", "operator": "Exists"}, TOLERATES]}
SIDECAR = container("cache", gpu=1) | {"restartPolicy": "Always"}

WORKLOADS = (
    workload("Deployment", "train", "h100", 2, container("main", gpu=1), **H100),
    workload(
        "StatefulSet",
        "vllm",
        "h100",
        2,
        container("main", gpu=1),
        **required("product", "In", "NVIDIA-H100-80GB-HBM3"),
    ),
    workload("Job", "sweep", "h100", 2, container("main", gpu=1), **H100),
    workload("Deployment", "duo", "h100", 1, container("a", gpu=1), container("b", gpu=1), **H100),
    workload(
        "Deployment",
        "warm",
        "h100",
        1,
        container("main", gpu=1),
        initContainers=[container("load", gpu=1)],
        **H100,
    ),
    workload(
        "Deployment",
        "prime",
        "h100",
        1,
        container("main", gpu=1),
        initContainers=[container("compile", gpu=2)],
        **H100,
    ),
    workload(
        "Deployment",
        "large",
        "h100",
        1,
        container("main", gpu=1),
        **required("memory", "Gt", "70000"),
    ),
    workload(
        "Deployment",
        "fresh",
        "h100",
        1,
        container("main", gpu=1),
        **labelled(family="hopper", compute_major="9"),
    ),
    workload(
        "DaemonSet", "burn-in", "h100", 2, container("main", gpu=1), **H100, tolerations=[TOLERATES]
    ),
    workload("Deployment", "web", "t4", 2, container("main", gpu=1), **T4),
    workload("Pod", "notebook", "t4", 1, container("main", gpu=1), **T4, tolerations=[TOLERATES]),
    workload(
        "Deployment", "cached", "t4", 1, container("main", gpu=1), initContainers=[SIDECAR], **T4
    ),
    workload(
        "Deployment",
        "modest",
        "t4",
        1,
        container("main", gpu=1),
        **required("product", "NotIn", "NVIDIA-H100-80GB-HBM3"),
    ),
    workload("Deployment", "tiny", "a100", 3, container("main", mig=1), **PARTS),
    workload(
        "StatefulSet", "split", "a100", 1, container("a", mig=1), container("b", mig=1), **PARTS
    ),
    workload(
        "Deployment",
        "both",
        "a100",
        1,
        container("whole", gpu=1),
        container("part", mig=1),
        **labelled(product="NVIDIA-A100-SXM4-40GB"),
        **PARTS,
    ),
    workload("Deployment", "plain", "any", 2, container("main", gpu=1)),
    workload(
        "Deployment", "wish", "any", 1, container("main", gpu=1), **preferred("family", "hopper")
    ),
    workload("ReplicationController", "old", "any", 1, container("main", gpu=1)),
    workload("Deployment", "four", "any", 1, container("main", gpu=4), tolerations=[TOLERATES]),
)


# --- The rehearsal ------------------------------------------------------------------------------


@dataclass
class Rehearsal:
    """A cluster, the files, their plan, and what has been seen at each step.

    Shape: `moved` are the workloads whose new manifests were applied, `switched` the nodes that
    the driver serves.
    """

    cluster: Cluster
    tree: Path
    plan: Path
    moved: set[str] = field(default_factory=set)
    switched: set[str] = field(default_factory=set)
    rows: list[str] = field(default_factory=list)

    # Files

    def files(self, name: str) -> list[Json]:
        """The objects of a workload's file, as the file is now."""
        [path] = self.tree.glob(f"*/{name}.yaml")
        return documents(path)

    def planned(self, phase: str) -> Json:
        body = json.loads((self.plan / "plan.json").read_text())
        return next(one for one in body["phases"] if one["name"] == phase)

    def new(self, phase: str) -> list[Json]:
        """The objects that a phase has for the cluster's administrator."""
        paths = sorted(self.plan.glob(f"*-{phase}/new/*.yaml"))
        return [yaml.safe_load(path.read_bytes()) for path in paths]

    # Workloads

    def put(self, one: Workload) -> None:
        """Applies a workload's file; what cannot be edited in place is made anew."""
        *others, body = self.files(one.name)
        for other in others:
            self.cluster.apply(other)
        if self.cluster.exists(body) and one.name in self.recreated():
            self.remove(body)
            until(lambda: not self.cluster.exists(body), f"{one.name} does not go")
            until(lambda: not self.pods(one), f"the pods of {one.name} do not go")
        self.cluster.apply(body)
        if body["kind"] == "StatefulSet" and one.name in self.moved:
            self.unblock(one)

    def put_again(self, one: Workload) -> None:
        """Applies the file of a pod that is on its way out."""
        until(lambda: not self.cluster.exists(one.body), f"{one.name} does not go")
        self.put(one)

    def unblock(self, one: Workload) -> None:
        """What the plan asks for: pods of a StatefulSet that are Pending are deleted."""
        for pod in self.pods(one):
            if pod["status"].get("phase") == "Pending":
                self.end(pod)

    def recreated(self) -> set[str]:
        """The workloads that the plan says have to be made anew."""
        changes = self.planned("claim")["changes"]
        return {
            one["object"].rpartition("/")[2] for one in changes if one["disruption"] == "recreate"
        }

    def remove(self, body: Json) -> None:
        path = self.cluster.path(body, body["metadata"]["name"])
        self.cluster.request("DELETE", path, propagationPolicy="Background")

    def pods(self, one: Workload) -> list[Json]:
        """The pods of a workload that have not ended."""
        found = self.cluster.pods(SPACE, one.labels)
        return [pod for pod in found if pod["status"].get("phase") not in {"Failed", "Succeeded"}]

    def running(self, one: Workload) -> int:
        return sum(is_ready(pod) for pod in self.pods(one))

    # Nodes

    def drain(self, node: str) -> None:
        """No pod but those of DaemonSets is left, as `kubectl drain` has it."""
        self.cordon(node, is_cordoned=True)
        for pod in self.on(node):
            if not is_of(pod, "DaemonSet"):
                head = reference("policy/v1", "Eviction", pod["metadata"]["name"], SPACE)
                path = self.cluster.path(reference("v1", "Pod", "", SPACE), pod["metadata"]["name"])
                self.cluster.request("POST", f"{path}/eviction", head)
        until(
            lambda: all(is_of(pod, "DaemonSet") for pod in self.on(node)),
            lambda: f"{node} is not empty: {[p['metadata']['name'] for p in self.on(node)]}",
        )
        for one in WORKLOADS:
            if one.body["kind"] == "Pod" and not self.cluster.exists(one.body):
                self.put(one)  # Nobody else makes it again.

    def on(self, node: str) -> list[Json]:
        return [pod for pod in self.cluster.pods(SPACE) if pod["spec"].get("nodeName") == node]

    def cordon(self, node: str, *, is_cordoned: bool) -> None:
        body = {"spec": {"unschedulable": is_cordoned or None}}
        self.cluster.patch(reference("v1", "Node", node), body, clusters.MERGE)

    def restart_daemons(self, node: str) -> None:
        """The pods of DaemonSets go as well, because what served them has gone."""
        for pod in self.on(node):
            self.end(pod)

    def end(self, pod: Json) -> None:
        self.cluster.delete(reference("v1", "Pod", pod["metadata"]["name"], SPACE))

    def switch(self, pool: str, node: str) -> None:
        """The plugin leaves the node, the driver comes."""
        self.drain(node)
        gone = None if len(self.switched) % 2 else "0"
        if self.cluster.request("GET", "/version")["emulationMinor"] == "34":
            gone = None  # There a zero that is left behind keeps the driver out.
        self.cluster.allocatable(node, dict.fromkeys(POOLS[pool].allocatable, gone))
        self.restart_daemons(node)
        self.cluster.create(resource_slice(DRIVER, node, POOLS[pool].devices(node), node))
        self.switched.add(node)
        self.cordon(node, is_cordoned=False)

    def switch_back(self, pool: str, node: str) -> None:
        """The driver leaves the node, the plugin comes."""
        self.drain(node)
        self.cluster.delete(reference(RESOURCE, "ResourceSlice", node))
        self.restart_daemons(node)
        self.cluster.allocatable(node, dict.fromkeys(POOLS[pool].allocatable, None))
        self.cluster.allocatable(node, POOLS[pool].allocatable)
        self.switched.discard(node)
        self.cordon(node, is_cordoned=False)

    # What is seen

    def step(self, says: str, *waiting: str) -> None:
        """Every workload runs but those that wait: by name, or not moved and at home in a pool."""
        at_home = {w.name for w in WORKLOADS if w.home in waiting} - self.moved
        expected = [w for w in WORKLOADS if w.name not in at_home | set(waiting)]

        def settled() -> bool:
            return all(len(self.pods(w)) == self.running(w) == w.pods for w in expected)

        until(settled, lambda: f"{says}: {self.late(expected)}\n{chr(10).join(self.rows)}")
        self.see_claims()
        runs = sum(self.running(w) for w in expected)
        self.rows.append(row(says, f"{runs} / {sum(w.pods for w in expected)}", *self.counts()))

    def late(self, expected: list[Workload]) -> str:
        """The workloads that do not run as they should, and what is said of their pods."""
        lines = []
        for one in expected:
            pods = self.pods(one)
            if len(pods) == self.running(one) == one.pods:
                continue
            lines.append(f"{one.name}: {self.running(one)} of {one.pods}")
            for pod in pods:
                status = pod["status"]
                why = [c["message"] for c in status.get("conditions", []) if "message" in c]
                lines.append(f"  {pod['metadata']['name']} {status.get('phase')} {' '.join(why)}")
        return "\n".join(lines)

    def see_claims(self) -> None:
        """A pod where the driver serves holds a claim of its own, whole; elsewhere none does."""
        for pod in self.cluster.pods(SPACE):
            if not is_ready(pod):
                continue
            where, name = pod["spec"]["nodeName"], pod["metadata"]["name"]
            held = held_claims(pod)
            assert bool(held) == (where in self.switched), f"{name} on {where} holds {held}"
        used = [
            (result["pool"], result["device"])
            for one in self.cluster.items(RESOURCE, "ResourceClaim")
            for result in one.get("status", {})
            .get("allocation", {})
            .get("devices", {})
            .get("results", [])
        ]
        assert len(used) == len(set(used)), "a device was given out twice"

    def counts(self) -> tuple[str, str, str]:
        """Nodes switched, pods served by a claim of their own, pods served by the bridge."""
        pods = [pod for pod in self.cluster.pods(SPACE) if is_ready(pod)]
        own = sum("resourceClaims" in pod["spec"] for pod in pods)
        bridged = sum("extendedResourceClaimStatus" in pod["status"] for pod in pods)
        return str(len(self.switched)), str(own), str(bridged)


def is_of(pod: Json, kind: str) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return any(owner["kind"] == kind for owner in owners)


def held_claims(pod: Json) -> list[str]:
    status = pod["status"]
    own = [one["resourceClaimName"] for one in status.get("resourceClaimStatuses", [])]
    bridge = status.get("extendedResourceClaimStatus")
    return own + ([bridge["resourceClaimName"]] if bridge else [])


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(rehearsal: Rehearsal) -> str:
    heads = ("step", "pods running / expected", "nodes switched", "with a claim", "by the bridge")
    return "\n".join([row(*heads), row("---", *["---:"] * 4), *rehearsal.rows])


Begin = Callable[[str], Rehearsal]


@pytest.fixture
def begin(control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """A cluster on which all workloads run as they do today, and the plan of their files."""
    monkeypatch.setattr(clusters, "PATIENCE", 60.0)

    def begun(minor: str) -> Rehearsal:
        cluster = control_plane(minor, admission=("ExtendedResourceToleration",))
        tree, plan = tmp_path / "k8s", tmp_path / "plan"
        for one in WORKLOADS:
            (tree / one.home).mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(one.body, sort_keys=False)
            (tree / one.home / f"{one.name}.yaml").write_text(text)
        with contextlib.chdir(tree):
            run("plan", ".", "-o", str(plan), "--kubernetes", minor, "-q")
        cluster.namespace(SPACE)
        cluster.node("cpu-a")
        for pool in POOLS.values():
            for node in pool.nodes:
                cluster.node(
                    node, labels=pool.labels, taints=pool.taints, allocatable=pool.allocatable
                )
        rehearsal = Rehearsal(cluster, tree, plan)
        for one in WORKLOADS:
            rehearsal.put(one)
        rehearsal.step("as it is today")
        return rehearsal

    return begun


def prepare(rehearsal: Rehearsal) -> None:
    """The driver is installed, though it serves no node yet; the plan's classes are created."""
    for name in CLASSES:
        rehearsal.cluster.apply(vendor_class(name))
    for body in rehearsal.new("prepare"):
        rehearsal.cluster.apply(body)
    rehearsal.step("1 prepare: classes created")


def write(rehearsal: Rehearsal) -> None:
    """The files of the claim phase are written; nothing happens in the cluster."""
    written = apply.phase(rehearsal.plan, "claim").written
    assert len(written) == len(WORKLOADS), written


def move(rehearsal: Rehearsal, *homes: str) -> None:
    for one in WORKLOADS:
        if one.home in homes:
            rehearsal.moved.add(one.name)
            rehearsal.put(one)


def retire(rehearsal: Rehearsal) -> None:
    """The labels of the plugin's stack go, and every pod has to find its place without them.

    All but those of the DaemonSet do, of which the plan says that its labels must stay.
    """
    [daemon] = [w for w in WORKLOADS if w.body["kind"] == "DaemonSet"]
    notes = [
        one["notes"]
        for one in rehearsal.planned("claim")["changes"]
        if daemon.name in one["object"]
    ]
    assert "labels stay, and must stay on the nodes" in str(notes)
    label_nodes(rehearsal.cluster, is_labelled=False)
    for one in WORKLOADS:
        for pod in rehearsal.pods(one):
            rehearsal.end(pod)
        if one.body["kind"] == "Pod":
            body = one.body
            until(partial(_is_gone, rehearsal.cluster, body), f"{one.name} stays")
            rehearsal.put(one)
    rehearsal.step(f"4 retire: labels gone, every pod but {daemon.name}'s made anew", daemon.name)
    assert not rehearsal.pods(daemon)


def _is_gone(cluster: Cluster, body: dict[str, Any]) -> bool:
    return not cluster.exists(body)


def label_nodes(cluster: Cluster, *, is_labelled: bool) -> None:
    """What GPU Feature Discovery writes comes or goes, but for what the driver itself looks for."""
    for pool in POOLS.values():
        labels = {k: v for k, v in pool.labels.items() if k != "nvidia.com/gpu.present"}
        body = {"metadata": {"labels": labels if is_labelled else dict.fromkeys(labels)}}
        for node in pool.nodes:
            cluster.patch(reference("v1", "Node", node), body, clusters.MERGE)


def see_all_moved(rehearsal: Rehearsal) -> None:
    """All pods hold claims that they asked for, and none asks for the extended resource."""
    for one in WORKLOADS:
        for pod in rehearsal.pods(one):
            assert pod["status"]["resourceClaimStatuses"], one.name
            assert "nvidia.com/" not in json.dumps(resources_of(pod)), one.name


def resources_of(pod: Json) -> list[Any]:
    spec = pod["spec"]
    return [c.get("resources") for c in (*spec["containers"], *spec.get("initContainers", []))]


def test_without_the_bridge(begin: Begin, told: Callable[[str], None]) -> None:
    """1.34: a pool of nodes and the workloads at home there move together."""
    rehearsal = begin("1.34")
    assert not rehearsal.new("bridge")
    prepare(rehearsal)
    write(rehearsal)
    for pool, at_home in (("h100", ("h100", "any")), ("t4", ("t4",)), ("a100", ("a100",))):
        for node in POOLS[pool].nodes:
            rehearsal.switch(pool, node)
            rehearsal.step(f"3 claim: node {node} switched", pool)
        move(rehearsal, *at_home)
        rehearsal.step(f"3 claim: workloads of {' and '.join(at_home)} moved")
    retire(rehearsal)
    told(table(rehearsal))
    see_all_moved(rehearsal)


def test_with_the_bridge_and_all_the_way_back(begin: Begin, told: Callable[[str], None]) -> None:
    """1.36: nodes first, workloads when they like; rolled back, every object is what it was."""
    rehearsal = begin("1.36")
    first = state(rehearsal.cluster)
    prepare(rehearsal)
    for body in rehearsal.new("bridge"):
        rehearsal.cluster.apply(body)
    rehearsal.step("2 bridge: classes serve the names")
    for name, pool in POOLS.items():
        for node in pool.nodes:
            rehearsal.switch(name, node)
            rehearsal.step(f"2 bridge: node {node} switched")
    write(rehearsal)
    for home in (*POOLS, "any"):
        move(rehearsal, home)
        rehearsal.step(f"3 claim: workloads of {home} moved")
    see_all_moved(rehearsal)
    retire(rehearsal)
    see_all_moved(rehearsal)
    told(table(rehearsal))

    rehearsal.rows.clear()
    go_back(rehearsal)
    told(table(rehearsal))
    last = state(rehearsal.cluster)
    assert last.keys() == first.keys()
    for name, body in first.items():
        assert last[name] == body, name


def go_back(rehearsal: Rehearsal) -> None:
    """The rollout from its end to its beginning."""
    cluster = rehearsal.cluster
    label_nodes(cluster, is_labelled=True)
    rehearsal.step("4 retire, undone: labels written again")
    apply.rollback(rehearsal.plan)
    for home in ("any", *reversed(POOLS)):
        for one in WORKLOADS:
            if one.home == home:
                rehearsal.put(one)
                rehearsal.moved.discard(one.name)
        rehearsal.step(f"3 claim, undone: workloads of {home} as before")
    for body in rehearsal.new("claim"):
        cluster.delete(body)
    for name, pool in reversed(POOLS.items()):
        for node in reversed(pool.nodes):
            rehearsal.switch_back(name, node)
            rehearsal.step(f"2 bridge, undone: node {node} switched back")
    for body in [*rehearsal.new("bridge"), *rehearsal.new("prepare"), *map(vendor_class, CLASSES)]:
        if cluster.exists(body):
            cluster.delete(body)
    rehearsal.step("1 prepare, undone: classes deleted")


def state(cluster: Cluster) -> dict[str, Any]:
    """What the rollout touches, without what a cluster makes up anew each time."""
    found: dict[str, Any] = {w.name: settled(cluster.read(w.body)) for w in WORKLOADS}
    for pool in POOLS.values():
        for name in pool.nodes:
            node = cluster.read(reference("v1", "Node", name))
            has = node["status"]["allocatable"]
            found[name] = (node["spec"], node["metadata"]["labels"], has)
    for kind in ("ResourceClaim", "ResourceClaimTemplate", "ResourceSlice", "DeviceClass"):
        found[kind] = [one["metadata"]["name"] for one in cluster.items(RESOURCE, kind)]
    return found


def settled(body: Json) -> Json:
    """A workload's spec without its generated parts: a Job's identity, a pod's node and token."""
    spec: Json = body["spec"]
    if body["kind"] == "Job":
        del spec["selector"], spec["template"]["metadata"]["labels"]
    if body["kind"] == "Pod":
        del spec["nodeName"], spec["volumes"]
        for one in spec["containers"]:
            del one["volumeMounts"]
    return spec
