"""The judges can fail: a plan that is broken on purpose is found out, and the reason is said."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.oracle.cluster import Cluster, until
from tests.oracle.fixtures import ControlPlane
from tests.oracle.objects import device_class, reference
from tests.oracle.planned import Json, Planned, pod_spec
from tests.test_plans_accepted import judge_all

pytestmark = pytest.mark.controlplane

DRIVER = "gpu.nvidia.com"
H100 = {
    "name": "gpu-0",
    "attributes": {
        "type": {"string": "gpu"},
        "productName": {"string": "NVIDIA H100 80GB HBM3"},
    },
}
MINORS = ("1.34", "1.36")


@pytest.fixture
def plan(plans: tuple[Planned, ...]) -> Planned:
    """A plan of one Deployment whose label becomes a selector, in objects of our own."""
    [found] = [one for one in plans if one.name == "nvidia/container-one-gpu"]
    return replace(
        found,
        created=tuple(copy.deepcopy(found.created)),
        edited=tuple(replace(one, after=copy.deepcopy(one.after)) for one in found.edited),
    )


def request(plan: Planned) -> Any:
    """The one request of the plan's claim template."""
    [template] = plan.created
    return template["spec"]["spec"]["devices"]["requests"][0]


def selector(plan: Planned) -> Any:
    return request(plan)["exactly"]["selectors"][0]["cel"]


def use(plan: Planned) -> Any:
    """The claim that the container names."""
    [edited] = plan.edited
    return pod_spec(edited.after)["containers"][0]["resources"]["claims"][0]


def unknown_class(plan: Planned) -> None:
    request(plan)["exactly"]["deviceClassName"] = "gpuu.nvidia.com"


def no_form(plan: Planned) -> None:
    del request(plan)["exactly"]


def older_form(plan: Planned) -> None:
    request(plan).update(request(plan).pop("exactly"))


def count_with_all(plan: Planned) -> None:
    request(plan)["exactly"] |= {"allocationMode": "All", "count": 1}


def typo_in_cel(plan: Planned) -> None:
    selector(plan)["expression"] = selector(plan)["expression"].replace("device.", "devise.")


def typo_in_attribute(plan: Planned) -> None:
    selector(plan)["expression"] = selector(plan)["expression"].replace("productName", "product")


def typo_without_guard(plan: Planned) -> None:
    _, _, unguarded = selector(plan)["expression"].partition(" && ")
    selector(plan)["expression"] = unguarded.replace("productName", "product")


def no_such_request(plan: Planned) -> None:
    use(plan)["request"] = "cpu"


def no_such_entry(plan: Planned) -> None:
    use(plan)["name"] = "cpu"


def named(value: object) -> str:
    """What is broken, as the name of a test."""
    return getattr(value, "__name__", "says why").replace("_", " ")


@pytest.mark.parametrize("minor", MINORS)
def test_the_plan_is_sound_before_it_is_broken(
    control_plane: ControlPlane, plan: Planned, minor: str
) -> None:
    cluster = control_plane(minor)
    assert not judge_all(cluster, [plan], minor).wrong
    assert placed(cluster, plan) == ""


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        (no_form, "exactly one of `exactly` or `firstAvailable` is required"),
        (older_form, 'unknown field "spec.spec.devices.requests[0].deviceClassName"'),
        (count_with_all, "must not be specified when"),
        (typo_in_cel, "undeclared reference to 'devise'"),
        (no_such_entry, 'claims[0]: Not found: "cpu"'),
        (no_such_request, "container main uses request cpu, and train-gpu-"),
    ],
    ids=named,
)
def test_a_broken_plan_is_not_accepted(
    control_plane: ControlPlane,
    plan: Planned,
    minor: str,
    breaks: Callable[[Planned], None],
    reason: str,
) -> None:
    """By the very check that every plan of every fixture passes."""
    breaks(plan)
    wrong = "\n".join(judge_all(control_plane(minor), [plan], minor).wrong)
    assert reason in wrong, wrong or "nothing was found to be wrong"


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(
    ("breaks", "reason"),
    [
        (unknown_class, "device class gpuu.nvidia.com does not exist"),
        (typo_in_attribute, "cannot allocate all claims"),
        (typo_without_guard, "no such key: product"),
    ],
    ids=named,
)
def test_a_broken_plan_is_not_scheduled(
    control_plane: ControlPlane,
    plan: Planned,
    minor: str,
    breaks: Callable[[Planned], None],
    reason: str,
) -> None:
    """The API server takes it; the scheduler does not, and says why."""
    cluster = control_plane(minor)
    breaks(plan)
    assert not judge_all(cluster, [plan], minor).wrong
    assert reason in placed(cluster, plan)


def placed(cluster: Cluster, plan: Planned) -> str:
    """Why the scheduler does not place the pod, "" where it does and the pod runs."""
    cluster.node("h100")
    cluster.slice(DRIVER, "h100", [H100])
    is_gpu = f"device.attributes['{DRIVER}'].type == 'gpu'"
    cluster.create(device_class(DRIVER, f"device.driver == '{DRIVER}' && {is_gpu}"))
    for body in plan.created:
        cluster.create(body)
    [edited] = plan.edited
    pod = reference("v1", "Pod", "p", "ml") | {"spec": pod_spec(edited.after)}
    cluster.create(pod)

    def said() -> list[Json]:
        conditions = cluster.read(pod).get("status", {}).get("conditions", [])
        return [one for one in conditions if one["type"] == "PodScheduled"]

    [condition] = until(said, "the scheduler says nothing")
    return str(condition.get("message", ""))
