"""Every CEL expression of the project's rules, put to the real compiler."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.model import DeviceClass, Label, LabelValue, Resource, Rule
from migrate.read import ruleset
from tests.oracle.ask import Oracle

RULES = ruleset.rules()
MINORS = ("1.34", "")
"""The oldest that has resource.k8s.io/v1, and the newest there is."""

LETTERS = st.sampled_from(string.ascii_letters + string.digits + "._-")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)


def resources() -> Iterator[tuple[Rule, Resource]]:
    for rule in RULES:
        for resource in rule.container.resources if rule.container else ():
            yield rule, resource


def classes() -> Iterator[tuple[Rule, DeviceClass]]:
    for rule in RULES:
        for device_class in rule.container.classes if rule.container else ():
            yield rule, device_class


def labels() -> Iterator[tuple[Rule, Label]]:
    for rule in RULES:
        for label in rule.placement.labels if rule.placement else ():
            yield rule, label


CLASSES = [pytest.param(rule, each, id=each.name) for rule, each in classes()]
SELECTED = [
    pytest.param(rule, each, id=each.name or each.pattern)
    for rule, each in resources()
    if each.selectors
]
NUMBERS = [
    pytest.param(rule, each, id=f"{rule.name} {each.key or each.pattern}")
    for rule, each in labels()
    if each.number
]
FORMS = [
    pytest.param(rule, each, form, id=f"{rule.name} {each.key or each.pattern} {form.match}")
    for rule, each in labels()
    for form in each.values
    if form.cel
]


def filled(template: str, pattern: str, value: str, entry: Resource | LabelValue) -> str:
    match = re.fullmatch(pattern, value)
    assert match is not None
    return ruleset.expression(template, {**match.groupdict(""), "value": value}, entry.groups)


def behind(guard: str, cel: str) -> str:
    """An expression as a request has it: the guard in front."""
    return f"{guard} && {cel}" if guard else cel


def asked(oracle: Oracle, minor: str, rule: Rule, cel: str, *devices: Mapping[str, Any]) -> Any:
    """What devices of the rule's driver are told; that the expression compiles is asked of all."""
    listed = [{"driver": rule.driver, "name": "device", **device} for device in devices]
    answer = oracle.ask("compile", minor=minor, expression=cel, devices=listed)
    assert answer["compiles"], f"{cel}\n{answer.get('error')}"
    return answer.get("devices", [])


def test_the_rules_have_expressions_to_ask_about() -> None:
    assert len(CLASSES) >= 3
    assert len(SELECTED) >= 2
    assert len(NUMBERS) >= 5
    assert len(FORMS) >= 10


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(("rule", "device_class"), CLASSES)
def test_a_class_compiles_and_passes_over_the_devices_of_others(
    oracle: Oracle, minor: str, rule: Rule, device_class: DeviceClass
) -> None:
    """A claim of this class is asked of every device in the cluster."""
    stranger = {"driver": "stranger.example.com"}
    for cel in device_class.selectors:
        assert asked(oracle, minor, rule, cel, stranger) == [{"selected": False}]


@settings(max_examples=10)
@given(data=st.data())
@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(("rule", "resource"), SELECTED)
def test_a_resource_becomes_selectors_that_compile(
    oracle: Oracle, minor: str, rule: Rule, resource: Resource, data: st.DataObject
) -> None:
    name = resource.name or data.draw(st.from_regex(resource.pattern, fullmatch=True))
    for selector in resource.selectors:
        asked(oracle, minor, rule, filled(selector, resource.pattern or ".*", name, resource))


@settings(max_examples=10)
@given(data=st.data())
@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(("rule", "label", "form"), FORMS)
def test_a_label_value_becomes_a_selector_that_never_raises(
    oracle: Oracle, minor: str, rule: Rule, label: Label, form: LabelValue, data: st.DataObject
) -> None:
    """A device of the driver without any attribute is passed over; it must not stop the pod."""
    values = st.from_regex(form.match, fullmatch=True, alphabet=LETTERS)
    value = data.draw(values.filter(LABEL_VALUE.fullmatch))
    cel = behind(label.guard, filled(form.cel, form.match, value, form))
    [bare] = asked(oracle, minor, rule, cel, {})
    assert "error" not in bare, f"{cel}\n{bare}"


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(("rule", "label"), NUMBERS)
def test_a_label_can_be_compared_by_number(
    oracle: Oracle, minor: str, rule: Rule, label: Label
) -> None:
    for operator in (">", "<"):
        cel = behind(label.guard, f"{label.number} {operator} 4")
        assert asked(oracle, minor, rule, cel, {}) == [{"selected": False}]


H100 = {
    "attributes": {
        "type": {"string": "gpu"},
        "productName": {"string": "NVIDIA H100 80GB HBM3"},
        "architecture": {"string": "Hopper"},
        "cudaComputeCapability": {"version": "9.0.0"},
        "driverVersion": {"version": "580.95.5"},
    },
    "capacity": {"memory": {"value": "81559Mi"}},
}
MIG = {
    "attributes": {
        "type": {"string": "mig"},
        "productName": {"string": "NVIDIA A100-SXM4-40GB"},
        "profile": {"string": "1g.5gb"},
    },
    "capacity": {"memory": {"value": "4864Mi"}, "multiprocessors": {"value": "14"}},
}


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(
    ("key", "value", "selects"),
    [
        ("nvidia.com/gpu.product", "NVIDIA-H100-80GB-HBM3", [True, False]),
        ("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB", [False, True]),
        ("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", [False, True]),
        ("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-40GB-MIG-2g.10gb", [False, False]),
        ("nvidia.com/gpu.memory", "81559", [True, False]),
        ("nvidia.com/gpu.family", "hopper", [True, False]),
        ("nvidia.com/gpu.compute.major", "9", [True, False]),
        ("nvidia.com/gpu.compute.major", "8", [False, False]),
        ("nvidia.com/cuda.driver-version.full", "580.95.05", [True, False]),
        ("nvidia.com/gpu.multiprocessors", "14", [False, True]),
    ],
)
def test_a_label_value_selects_the_devices_it_stands_for(
    oracle: Oracle, minor: str, key: str, value: str, selects: list[bool]
) -> None:
    """As the driver publishes them: a whole H100, and a MIG device of an A100."""
    [(rule, label)] = ruleset.label(RULES, key)
    found = ruleset.label_value(label, value)
    assert found is not None
    form, groups = found
    cel = behind(label.guard, ruleset.expression(form.cel, groups, form.groups))
    devices = asked(oracle, minor, rule, cel, H100, MIG)
    assert devices == [{"selected": each} for each in selects]


def device(attributes: Mapping[str, str | int | bool], **capacity: str) -> dict[str, Any]:
    kinds: dict[type, str] = {str: "string", int: "int", bool: "bool"}
    return {
        "attributes": {name: {kinds[type(value)]: value} for name, value in attributes.items()},
        "capacity": {name: {"value": value} for name, value in capacity.items()},
    }


MI300X = device(
    {
        "productName": "AMD_Instinct_MI300X_OAM",
        "deviceID": "0x74a1",
        "partitionProfile": "spx_nps1",
    },
    memory="196592Mi",
    computeUnits="304",
)
CPX_FOUND = device({"partitionProfile": "cpx_nps4"}, memory="24574Mi")
CPX_MADE = device({"computePartition": "cpx", "memoryPartition": "nps4"}, partitions="8")
FLEX = device({"model": "Flex 170", "family": "Data Center Flex", "driver": "i915"})
ARC = device({"model": "B580", "family": "Arc B-Series", "driver": "xe"})
CRYPTO, ZIP = device({"services": "sym;asym"}), device({"services": "dc"})
NEURON = device({"resourceType": "neuron_device", "instanceType": "trn2.48xlarge"})
NEURONS = device({"resourceType": "neuron_node", "instanceType": "trn2.48xlarge"})
ATOM, REBEL = device({"productName": "RBLN-CA22"}), device({"productName": "RBLN-CR03"})
PF, VF = device({"isPf": True}), device({"isPf": False})


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(
    ("key", "value", "devices", "selects"),
    [
        ("amd.com/gpu.product-name", "AMD_Instinct_MI300X_OAM", [MI300X, CPX_MADE], [True, False]),
        ("amd.com/gpu.device-id", "74a1", [MI300X, CPX_FOUND], [True, False]),
        ("amd.com/gpu.vram", "192G", [MI300X, CPX_FOUND, CPX_MADE], [True, False, False]),
        ("amd.com/gpu.vram", "24G", [MI300X, CPX_FOUND, CPX_MADE], [False, True, False]),
        ("amd.com/gpu.cu-count", "304", [MI300X, CPX_FOUND], [True, False]),
        (
            "amd.com/gpu.compute-memory-partition",
            "cpx_nps4",
            [MI300X, CPX_FOUND, CPX_MADE],
            [False, True, True],
        ),
        ("gpu.intel.com/product", "Flex_170", [FLEX, ARC], [True, False]),
        ("rebellions.ai/npu.product", "RBLN-CA22", [ATOM, REBEL], [True, False]),
    ],
)
def test_a_label_of_another_vendor_selects_the_devices_it_stands_for(
    oracle: Oracle,
    minor: str,
    key: str,
    value: str,
    devices: list[dict[str, Any]],
    selects: list[bool],
) -> None:
    """As those drivers publish them, with memory in MiB, underscores and 0x."""
    [(rule, label)] = ruleset.label(RULES, key)
    found = ruleset.label_value(label, value)
    assert found is not None
    form, groups = found
    cel = behind(label.guard, ruleset.expression(form.cel, groups, form.groups))
    assert asked(oracle, minor, rule, cel, *devices) == [{"selected": each} for each in selects]


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize(
    ("name", "devices", "selects"),
    [
        ("amd.com/spx_nps1", [MI300X, CPX_FOUND, CPX_MADE], [True, False, False]),
        ("amd.com/cpx_nps4", [MI300X, CPX_FOUND, CPX_MADE], [False, True, True]),
        ("gpu.intel.com/i915", [FLEX, ARC], [True, False]),
        ("gpu.intel.com/xe", [FLEX, ARC], [False, True]),
        ("qat.intel.com/cy", [CRYPTO, ZIP], [True, False]),
        ("qat.intel.com/dc", [CRYPTO, ZIP], [False, True]),
        ("aws.amazon.com/neuron", [NEURON, NEURONS], [True, False]),
        ("rebellions.ai/ATOM", [ATOM, REBEL], [True, False]),
        ("rebellions.ai/REBEL", [ATOM, REBEL], [False, True]),
        ("ibm.com/spyre_pf", [PF, VF], [True, False]),
    ],
)
def test_a_resource_selects_the_devices_it_stands_for(
    oracle: Oracle, minor: str, name: str, devices: list[dict[str, Any]], selects: list[bool]
) -> None:
    match = ruleset.resource(RULES, name)
    assert match is not None
    [template] = match.resource.selectors
    cel = ruleset.expression(template, match.groups, match.resource.groups)
    answers = asked(oracle, minor, match.rule, cel, *devices)
    assert answers == [{"selected": each} for each in selects]


@pytest.mark.parametrize("minor", MINORS)
def test_the_classes_of_the_gpu_driver_tell_its_devices_apart(oracle: Oracle, minor: str) -> None:
    selected = {}
    for rule, device_class in classes():
        if rule.driver == "gpu.nvidia.com":
            [cel] = device_class.selectors
            devices = asked(oracle, minor, rule, cel, H100, MIG)
            selected[device_class.name] = [device["selected"] for device in devices]
    assert selected["gpu.nvidia.com"] == [True, False]
    assert selected["mig.nvidia.com"] == [False, True]
