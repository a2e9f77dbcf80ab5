"""A claim means what the pod meant before: the real code of node affinity and of DRA is asked."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest

from migrate.read import ruleset
from tests.oracle.ask import Oracle
from tests.oracle.objects import claim, device_class, exactly, reference, resource_slice
from tests.oracle.planned import Edited, Json, Planned, case_files, is_workload, pod_spec

pytestmark = pytest.mark.controlplane  # all fixtures are planned first, which takes a while

DRIVER = "gpu.nvidia.com"
IMPLICIT = "deviceclass.resource.kubernetes.io/"
OURS = re.compile(r"nvidia\.com/(gpu|mig-.+)")
MINORS = ("1.34", "")  # the oldest that has resource.k8s.io/v1, and the newest there is
VENDORS = {
    one.name: list(one.selectors)
    for rule in ruleset.rules()
    if rule.container
    for one in rule.container.classes
}


@dataclass(frozen=True)
class Model:
    """A node of one GPU model: what GPU Feature Discovery writes, and what the driver publishes.

    Shape: `profile` is that of its MIG devices, "" for whole GPUs; `is_single` where the plugin
    counts those as `nvidia.com/gpu`.
    """

    name: str
    product: str
    family: str
    memory: int
    capability: str
    driver: str = "580.95.5"
    cuda: str = "13.0.0"
    profile: str = ""
    is_single: bool = False

    @property
    def resource(self) -> str:
        """What the plugin counts."""
        if not self.profile or self.is_single:
            return "nvidia.com/gpu"
        return f"nvidia.com/mig-{self.profile.replace('+', '.')}"

    @property
    def labels(self) -> dict[str, str]:
        product = self.product.replace(" ", "-")
        major, minor, _ = self.capability.split(".")
        driver, runtime = self.driver.split("."), self.cuda.split(".")
        if self.is_single:
            product = f"{product}-MIG-{self.profile.replace('+', '.')}"
        return {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": product,
            "nvidia.com/gpu.family": self.family.lower().replace(" ", "-"),
            "nvidia.com/gpu.memory": str(self.memory),
            "nvidia.com/gpu.compute.major": major,
            "nvidia.com/gpu.compute.minor": minor,
            "nvidia.com/cuda.driver.major": driver[0],
            "nvidia.com/cuda.driver-version.major": driver[0],
            "nvidia.com/cuda.runtime-version.full": f"{runtime[0]}.{runtime[1]}",
            "nvidia.com/cuda.runtime-version.major": runtime[0],
        }

    @property
    def node(self) -> Json:
        node = reference("v1", "Node", self.name)
        node["metadata"]["labels"] = self.labels if self.product else {}
        return node

    @property
    def device(self) -> Json:
        """A device; of a model without a product, one that says no more than its type."""
        attributes: Json = {"type": {"string": "mig" if self.profile else "gpu"}}
        if not self.product:
            return {"name": "device", "attributes": attributes}
        attributes |= {
            "productName": {"string": self.product},
            "architecture": {"string": self.family},
            "cudaComputeCapability": {"version": self.capability},
            "driverVersion": {"version": self.driver},
            "cudaDriverVersion": {"version": self.cuda},
        }
        if self.profile:
            attributes["profile"] = {"string": self.profile}
        capacity = {"memory": {"value": f"{self.memory}Mi"}}
        return {"name": "device", "attributes": attributes, "capacity": capacity}

    def slice(self, count: int) -> Json:
        """So many devices; more than are needed would only be tried in vain."""
        devices = [{**self.device, "name": f"device-{i}"} for i in range(count)]
        return resource_slice(DRIVER, self.name, devices)


A100 = ("NVIDIA A100-SXM4-80GB", "Ampere", 81920, "8.0.0")
MODELS = (
    Model("h100", "NVIDIA H100 80GB HBM3", "Hopper", 81559, "9.0.0"),
    Model("h200", "NVIDIA H200", "Hopper", 143771, "9.0.0"),
    Model("a100", *A100),
    Model("a100-older", *A100, driver="550.54.15", cuda="12.4.0"),
    Model("a10", "NVIDIA A10", "Ampere", 23028, "8.6.0"),
    Model("l40s", "NVIDIA L40S", "Ada Lovelace", 46068, "8.9.0"),
    Model("l4", "NVIDIA L4", "Ada Lovelace", 23034, "8.9.0"),
    Model("t4", "Tesla T4", "Turing", 15360, "7.5.0"),
    Model("p4", "Tesla P4", "Pascal", 7680, "6.1.0"),
    Model("mig-1g", *A100, profile="1g.10gb"),
    Model("mig-1g-media", *A100, profile="1g.10gb+me"),
    Model("mig-2g", *A100, profile="2g.20gb"),
    Model("mig-3g", *A100, profile="3g.20gb"),
    Model("mig-1g-5gb", "NVIDIA A100-SXM4-40GB", "Ampere", 4864, "8.0.0", profile="1g.5gb"),
    Model("single-2g", *A100, profile="2g.20gb", is_single=True),
    Model("bare", "", "", 0, "0.0.0"),
    Model("bare-mig", "", "", 0, "0.0.0", profile="unknown"),
)


@pytest.mark.parametrize("minor", MINORS)
def test_a_pod_runs_on_the_same_nodes_as_before(
    oracle: Oracle, plans: tuple[Planned, ...], told: Callable[[str], None], minor: str
) -> None:
    """Placed by labels and a count before, by claims and the labels that stay after."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for plan in plans:
        for edited in plan.edited:
            if not is_workload(edited.before) or not claims_of(edited, plan):
                continue
            before = nodes_before(oracle, minor, edited)
            after, errors = nodes_after(oracle, minor, edited, plan)
            # A unit of a node with one kind of MIG device is one only for pods that say so.
            if before - {"single-2g"}:
                before, after = before - {"single-2g"}, after - {"single-2g"}
            if "single-2g" in before:
                before |= {"mig-2g"}  # The same device, where the plugin counted it by its profile.
            where = f"{plan.name}: {edited.label}"
            wrong += [f"{where}: {error}" for error in errors]
            if before != after:
                wrong.append(f"{where}: {sorted(before)} before, {sorted(after)} after")
            counts["pods"] += 1
            counts["pods that some model serves"] += bool(before)
            counts["pods that some model does not serve"] += len(before) < len(MODELS) - 3
    told(f"{minor or 'newest'}: {', '.join(f'{n} {what}' for what, n in counts.items())}")
    assert not wrong, "\n".join(wrong)
    assert counts["pods that some model serves"] > 60


def nodes_before(oracle: Oracle, minor: str, edited: Edited) -> set[str]:
    """The models of which a node serves the pod: its labels are right, and so is the resource."""
    body = unshared(edited.before)
    asked = {name for name in limits(pod_spec(body)) if OURS.fullmatch(name)}
    return {
        model.name
        for model in MODELS
        if asked <= {model.resource} and is_admitted(oracle, minor, body, model)
    }


def unshared(body: Json) -> Json:
    """The object as it would ask for the whole device of which it has a share.

    A plugin that shares devices puts an end to names of resources and products, and nothing else.
    """
    text = json.dumps(body).replace(".shared", "").replace("-SHARED", "")
    found: Json = json.loads(text)
    return found


def limits(spec: Json) -> dict[str, Any]:
    """What the containers of a pod ask for."""
    found: dict[str, Any] = {}
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        found |= container.get("resources", {}).get("limits") or {}
    return {name: value for name, value in found.items() if whole(value)}


def whole(value: Any) -> bool:
    return str(value) not in {"0", ""}


def is_admitted(oracle: Oracle, minor: str, body: Json, model: Model) -> bool:
    pod = reference("v1", "Pod", "p") | {"spec": placement(pod_spec(body))}
    answer = oracle.ask("nodeaffinity", minor=minor, pod=pod, nodes=[model.node])
    return bool(answer[model.name])


def placement(spec: Json) -> Json:
    """As much of a pod as says where it runs."""
    return {"containers": []} | {k: spec[k] for k in ("nodeSelector", "affinity") if spec.get(k)}


def claims_of(edited: Edited, plan: Planned) -> list[Json]:
    """The claims that the pod after would have, those of implicit names too."""
    kinds = {"ResourceClaimTemplate", "ResourceClaim"}
    known = {body["metadata"]["name"]: body for body in plan.created if body["kind"] in kinds}
    spec = pod_spec(edited.after)
    made = []
    for entry in spec.get("resourceClaims") or []:
        name = entry.get("resourceClaimTemplateName") or entry.get("resourceClaimName", "")
        body = known.get(name)
        if body is None:
            continue
        head = reference(body["apiVersion"], "ResourceClaim", entry["name"], "default")
        made.append(head | {"spec": copy.deepcopy(body["spec"].get("spec", body["spec"]))})
    for name, count in limits(spec).items():
        if name.startswith(IMPLICIT):
            of_class = exactly(name.removeprefix(IMPLICIT), count=int(count))
            made.append(claim(f"implicit-{len(made)}", of_class))
    return made if all(is_of_driver(one, plan) for one in made) else []


def is_of_driver(one: Json, plan: Planned) -> bool:
    return DRIVER in str(one["spec"])


def nodes_after(
    oracle: Oracle, minor: str, edited: Edited, plan: Planned
) -> tuple[set[str], list[str]]:
    """The models of which a node serves the pod, and what would end its scheduling everywhere."""
    classes = {name: device_class(name, *selectors) for name, selectors in VENDORS.items()}
    classes |= {b["metadata"]["name"]: b for b in plan.created if b["kind"] == "DeviceClass"}
    claims = [
        one if one["apiVersion"].endswith("/v1") else oracle.ask("convert", object=one)
        for one in claims_of(edited, plan)
    ]
    answer = oracle.ask(
        "allocate",
        minor=minor,
        claims=claims,
        classes=list(classes.values()),
        slices=[model.slice(sum(map(devices, claims))) for model in MODELS],
        nodes=[model.node for model in MODELS],
    )
    errors = [f"{name}: {one['error']}" for name, one in answer.items() if "error" in one]
    served = {name for name, one in answer.items() if "allocation" in one}
    admitted = {m.name for m in MODELS if is_admitted(oracle, minor, edited.after, m)}
    return served & admitted, errors


def devices(one: Json) -> int:
    """How many devices a claim asks for."""
    requests = one["spec"]["devices"]["requests"]
    return sum((r.get("exactly") or r["firstAvailable"][0]).get("count", 1) for r in requests)


# --- The expressions themselves -----------------------------------------------------------------


def texts(**attributes: str) -> Json:
    return {"attributes": {name: {"string": text} for name, text in attributes.items()}}


EXAMPLES: dict[str, list[Json]] = {
    DRIVER: [model.device for model in MODELS],
    "gpu.amd.com": [
        texts(productName="AMD_Instinct_MI300X_OAM", deviceID="0x74a1", partitionProfile="spx_nps1")
        | {"capacity": {"memory": {"value": "196592Mi"}, "computeUnits": {"value": "304"}}},
        texts(partitionProfile="cpx_nps4"),
    ],
    "gpu.intel.com": [texts(model="Flex 170", driver="i915"), texts(model="B580", driver="xe")],
    "qat.intel.com": [texts(services="sym;asym"), texts(services="asym;dc")],
    "neuron.aws.com": [texts(resourceType="neuron_device"), texts(resourceType="neuron_node")],
    "npu.rebellions.ai": [texts(productName="RBLN-CA22"), texts(productName="RBLN-CR03")],
    "tpu.google.com": [{}],
    "gpu.example.com": [{"capacity": {"memory": {"value": "80Gi"}}}],
    "spyre.ibm.com": [
        {"attributes": {"isPf": {"bool": True}}},
        {"attributes": {"isPf": {"bool": False}}},
    ],
}


@pytest.mark.parametrize("minor", MINORS)
def test_every_selector_of_a_plan_compiles_and_selects_and_never_raises(
    oracle: Oracle, plans: tuple[Planned, ...], told: Callable[[str], None], minor: str
) -> None:
    """It selects an example device of its driver; others and bare ones do not disturb it."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for cel, name in expressions(plans).items():
        own = [driver for driver in EXAMPLES if f'"{driver}"' in cel.replace("'", '"')]
        if not own:
            wrong.append(f"{name}: no example device for {cel}")
            continue
        examples = [{"driver": own[0], "name": "d", **device} for device in EXAMPLES[own[0]]]
        bare = {"driver": own[0], "name": "d"}
        stranger = {"driver": "stranger.example.com", "name": "d"}
        # What a vendor or a user wrote raises where he let it; the vendor's asks for the driver.
        is_foreign = "/dra-" in name or cel in chain.from_iterable(VENDORS.values())
        asked = [*examples] if "/dra-" in name else [*examples, stranger]
        asked += [] if is_foreign else [bare]
        answer = oracle.ask("compile", minor=minor, expression=cel, devices=asked)
        if not answer["compiles"]:
            wrong.append(f"{name}: {cel}: {answer['error']}")
            continue
        raised = [one["error"] for one in answer["devices"] if "error" in one]
        wrong += [f"{name}: {cel}: {error}" for error in raised]
        if not any(one["selected"] for one in answer["devices"][: len(examples)]):
            wrong.append(f"{name}: {cel} selects no example device")
        counts[own[0]] += 1
    told(f"{minor or 'newest'}: {', '.join(f'{n} of {driver}' for driver, n in counts.items())}")
    assert not wrong, "\n".join(wrong)
    assert counts[DRIVER] >= 20


def expressions(plans: tuple[Planned, ...]) -> dict[str, str]:
    """The expressions of what plans create, and a plan for each; those of users are left out."""
    found: dict[str, str] = {}
    for plan in plans:
        users = case_files(plan.name).replace("\\", "")
        for body in plan.created:
            for cel in selectors(body):
                if cel not in users:
                    found.setdefault(cel, plan.name)
    return found


def selectors(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("expression"), str):
            yield value["expression"]
        for one in value.values():
            yield from selectors(one)
    elif isinstance(value, list):
        for one in value:
            yield from selectors(one)
