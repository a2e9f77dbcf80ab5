"""The rules that travel with the project, and what a user's own rules may and may not do."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from migrate.errors import InputError
from migrate.model import Rule
from migrate.read import ruleset
from tests.rule_cases import proving

RULES = ruleset.rules([ruleset.rules_directory()])
"""The project's rules, read as a user's would be: with every check."""

PRODUCT = 'device.attributes["gpu.nvidia.com"].productName.replace(" ", "-")'

ARCHITECTURE = 'device.attributes["gpu.nvidia.com"].architecture.lowerAscii().replace(" ", "-")'
DRIVER = 'device.attributes["gpu.nvidia.com"].driverVersion'

MINIMAL = """\
name: acme/npu
title: ACME NPUs
sources: [acme/driver@1f2e3d4c]
container:
  resources:
    - name: acme.example/npu
      maps: exact
      device_class: npu.acme.example
      noun: npu
  classes:
    - name: npu.acme.example
      selectors: ['device.driver == "npu.acme.example"']
"""


def written(directory: Path, name: str, text: str) -> Path:
    path = directory / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(directory: Path) -> str:
    with pytest.raises(InputError) as caught:
        ruleset.rules([directory])
    return str(caught.value)


def answered(name: str) -> tuple[str, str, list[str]] | None:
    match = ruleset.resource(RULES, name)
    if match is None:
        return None
    resource = match.resource
    filled = [ruleset.expression(s, match.groups, resource.groups) for s in resource.selectors]
    return match.rule.name, resource.maps, filled


def said(key: str, value: str) -> tuple[str, str, str]:
    """How a label's value maps, the CEL it becomes, and the class it asks for."""
    ((_, label),) = ruleset.label(RULES, key)
    found = ruleset.label_value(label, value)
    assert found is not None
    form, groups = found
    cel = ruleset.expression(form.cel, groups, form.groups)
    return form.maps, cel, form.device_class


# The project's own rules


def test_the_projects_rules_pass_the_checks_that_users_rules_pass() -> None:
    names = [rule.name for rule in RULES]
    assert names == sorted(names)
    assert {"nvidia/gpu", "nvidia/mig", "nvidia/vfio", "gke/labels"} <= set(names)
    assert ruleset.rules() == RULES


def test_every_file_of_the_rules_directory_is_a_rule() -> None:
    directory = ruleset.rules_directory()
    files = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    assert files == {"schema.json"} | {f"{rule.name}.yaml" for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_every_fact_of_a_rule_has_a_source(rule: Rule) -> None:
    facts: list[Any] = [
        *(rule.container.resources if rule.container else ()),
        *(rule.container.classes if rule.container else ()),
        *(rule.placement.labels if rule.placement else ()),
        *(rule.placement.tolerations if rule.placement else ()),
        *(rule.runtime.env if rule.runtime else ()),
        *(rule.runtime.runtime_classes if rule.runtime else ()),
        *(rule.runtime.host_paths if rule.runtime else ()),
        *(rule.runtime.annotations if rule.runtime else ()),
        *(rule.plugin.sharing if rule.plugin else ()),
        *(rule.plugin.parts if rule.plugin else ()),
    ]
    assert facts
    assert [fact for fact in facts if not fact.source] == []


def test_the_schema_beside_the_rules_is_the_models() -> None:
    file = ruleset.rules_directory() / "schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == ruleset.schema()


def test_the_schema_describes_every_field_in_words() -> None:
    schema = ruleset.schema()
    fields = {
        (name, field): described.get("description", "")
        for name, part in schema["$defs"].items()
        for field, described in part["properties"].items()
    }
    fields |= {("Rule", f): d.get("description", "") for f, d in schema["properties"].items()}
    sections = {"container", "placement", "runtime", "plugin", "telemetry"}
    missing = {field for field, text in fields.items() if not text}
    assert missing <= {("Rule", section) for section in sections}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_every_file_names_its_schema(rule: Rule) -> None:
    file = ruleset.rules_directory() / f"{rule.name}.yaml"
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema.json"


# Which rule answers for a resource


@pytest.mark.parametrize(
    ("name", "rule", "maps"),
    [
        ("nvidia.com/gpu", "nvidia/gpu", "exact"),
        ("nvidia.com/gpu.shared", "nvidia/gpu", "approx"),
        ("nvidia.com/mig-1g.5gb", "nvidia/mig", "exact"),
        ("nvidia.com/mig-3g.20gb", "nvidia/mig", "exact"),
        ("nvidia.com/mig-7g.141gb", "nvidia/mig", "exact"),
        ("nvidia.com/mig-1g.10gb.me", "nvidia/mig", "exact"),
        ("nvidia.com/mig-1g.5gb.shared", "nvidia/mig", "approx"),
        ("nvidia.com/mig-1g.10gb.me.shared", "nvidia/mig", "approx"),
        ("nvidia.com/GA102GL_A10", "nvidia/vfio", "approx"),
        ("nvidia.com/GH100_H200_141GB", "nvidia/vfio", "approx"),
        ("nvidia.com/GB100_B200", "nvidia/vfio", "approx"),
        ("nvidia.com/TU104GL_TESLA_T4", "nvidia/vfio", "approx"),
        ("nvidia.com/AD102GL_L40S", "nvidia/vfio", "approx"),
        ("nvidia.com/pgpu", "nvidia/vfio", "approx"),
        ("nvidia.com/NVIDIA_A10-12Q", "nvidia/vfio", "none"),
        ("nvidia.com/GRID_T4-1Q", "nvidia/vfio", "none"),
        ("nvidia.com/hostdev", "nvidia/network", "none"),
        ("nvidia.com/rdma-vf", "nvidia/network", "none"),
        ("nvidia.com/gpumem", "hami/gpu", "none"),
        ("nvidia.com/gpumem-percentage", "hami/gpu", "none"),
        ("nvidia.com/gpucores", "hami/gpu", "none"),
        ("nvidia.com/priority", "hami/gpu", "none"),
    ],
)
def test_a_resource_is_answered_by_its_rule(name: str, rule: str, maps: str) -> None:
    found = answered(name)
    assert found is not None
    assert found[:2] == (rule, maps)


@pytest.mark.parametrize(
    "name",
    [
        "nvidia.com/gpux",
        "nvidia.com/GPU",
        "xnvidia.com/gpu",
        "nvidia_com/gpu",
        "nvidia.com/mig-",
        "nvidia.com/mig-1g.5gb.other",
        "nvidia.com/mig-1g.5gb\n",
        "nvidia.com/sriov_rdma",
        "nvidia.com/mlnx_rdma_vf",
        "amd.com/gpux",
        "amd.com/cpx",
        "amd.com/cpx_nps8",
        "gpu.intel.com/gpu",
        "qat.intel.com/dcc-sym",
        "google.com/tpux",
        "devices.kubevirt.io",
        "huawei.com/Ascend",
        "rdma/",
        "",
        "nvidia.com/" + "a" * 100_000,
    ],
)
def test_no_rule_answers_for_what_only_looks_alike(name: str) -> None:
    assert ruleset.resource(RULES, name) is None


ANSWERS = {
    "nvidia.com/gpu": ("nvidia.com/gpu", "nvidia/gpu", "exact"),
    "nvidia.com/gpu.shared": ("nvidia.com/gpu.shared", "nvidia/gpu", "approx"),
    "nvidia.com/mig-{g}g.{gb}gb": ("nvidia.com/mig-1g.5gb", "nvidia/mig", "exact"),
    "nvidia.com/mig-{g}g.{gb}gb.shared": ("nvidia.com/mig-1g.5gb.shared", "nvidia/mig", "approx"),
    "nvidia.com/<GPU model>": ("nvidia.com/GA102GL_A10", "nvidia/vfio", "approx"),
    "nvidia.com/<name>": ("nvidia.com/hostdev", "nvidia/network", "none"),
    "amd.com/gpu": ("amd.com/gpu", "amd/gpu", "exact"),
    "amd.com/{compute}_{memory}": ("amd.com/cpx_nps4", "amd/gpu", "exact"),
    "amd.com/xilinx_<shell>-<timestamp>": (
        "amd.com/xilinx_u200_xdma_201830_1-1561465320",
        "xilinx/fpga",
        "none",
    ),
    "gpu.intel.com/i915": ("gpu.intel.com/i915", "intel/gpu", "exact"),
    "gpu.intel.com/xe": ("gpu.intel.com/xe", "intel/gpu", "exact"),
    "gpu.intel.com/monitoring": ("gpu.intel.com/monitoring", "intel/gpu", "approx"),
    "gpu.intel.com/i915_monitoring": ("gpu.intel.com/i915_monitoring", "intel/gpu", "approx"),
    "gpu.intel.com/xe_monitoring": ("gpu.intel.com/xe_monitoring", "intel/gpu", "approx"),
    "gpu.intel.com/millicores": ("gpu.intel.com/millicores", "intel/gpu", "none"),
    "gpu.intel.com/memory.max": ("gpu.intel.com/memory.max", "intel/gpu", "approx"),
    "gpu.intel.com/tiles": ("gpu.intel.com/tiles", "intel/gpu", "none"),
    "habana.ai/gaudi": ("habana.ai/gaudi", "intel/gaudi", "exact"),
    "qat.intel.com/generic": ("qat.intel.com/generic", "intel/qat", "exact"),
    "qat.intel.com/cy": ("qat.intel.com/cy", "intel/qat", "exact"),
    "qat.intel.com/dc": ("qat.intel.com/dc", "intel/qat", "exact"),
    "qat.intel.com/sym": ("qat.intel.com/sym", "intel/qat", "exact"),
    "qat.intel.com/asym": ("qat.intel.com/asym", "intel/qat", "exact"),
    "npu.intel.com/accel": ("npu.intel.com/accel", "intel/npu", "none"),
    "dsa.intel.com/wq-user-dedicated": ("dsa.intel.com/wq-user-dedicated", "intel/dsa", "none"),
    "iaa.intel.com/wq-user-dedicated": ("iaa.intel.com/wq-user-dedicated", "intel/dsa", "none"),
    "dlb.intel.com/pf": ("dlb.intel.com/pf", "intel/dlb", "none"),
    "sgx.intel.com/epc": ("sgx.intel.com/epc", "intel/sgx", "none"),
    "fpga.intel.com/{region|af}-<id>": (
        "fpga.intel.com/af-d8424dc4a4a3c413f89e433683f9040b",
        "intel/fpga",
        "none",
    ),
    "google.com/tpu": ("google.com/tpu", "google/tpu", "exact"),
    "aws.amazon.com/neuron": ("aws.amazon.com/neuron", "aws/neuron", "exact"),
    "aws.amazon.com/neuroncore": ("aws.amazon.com/neuroncore", "aws/neuron", "approx"),
    "aws.amazon.com/neurondevice": ("aws.amazon.com/neurondevice", "aws/neuron", "exact"),
    "vpc.amazonaws.com/efa": ("vpc.amazonaws.com/efa", "aws/efa", "exact"),
    "rdma/<name>": ("rdma/hca_shared_devices_a", "rdma/shared", "approx"),
    "networking.gke.io.networks/<net>": (
        "networking.gke.io.networks/rdma-0",
        "gke/network",
        "approx",
    ),
    "intel.com/<name>": ("intel.com/intel_sriov_netdevice", "sriov/network", "approx"),
    "openshift.io/<name>": ("openshift.io/sriovnics", "sriov/network", "approx"),
    "nvidia.com/gpumem": ("nvidia.com/gpumem", "hami/gpu", "none"),
    "nvidia.com/gpumem-percentage": ("nvidia.com/gpumem-percentage", "hami/gpu", "none"),
    "nvidia.com/gpucores": ("nvidia.com/gpucores", "hami/gpu", "none"),
    "nvidia.com/priority": ("nvidia.com/priority", "hami/gpu", "none"),
    "huawei.com/Ascend910": ("huawei.com/Ascend910", "huawei/ascend", "approx"),
    "huawei.com/Ascend{chip}": ("huawei.com/Ascend910B3-memory", "huawei/ascend", "approx"),
    "hygon.cn/hcu": ("hygon.cn/hcu", "hygon/dcu", "exact"),
    "hygon.com/hcunum": ("hygon.com/hcunum", "hygon/dcu", "exact"),
    "hygon.com/hcumem": ("hygon.com/hcumem", "hygon/dcu", "approx"),
    "hygon.com/hcucores": ("hygon.com/hcucores", "hygon/dcu", "approx"),
    "rebellions.ai/npu": ("rebellions.ai/npu", "rebellions/npu", "exact"),
    "rebellions.ai/ATOM": ("rebellions.ai/ATOM", "rebellions/npu", "exact"),
    "furiosa.ai/rngd": ("furiosa.ai/rngd", "furiosa/npu", "none"),
    "tenstorrent.com/chip": ("tenstorrent.com/chip", "tenstorrent/board", "exact"),
    "ibm.com/spyre_pf": ("ibm.com/spyre_pf", "ibm/spyre", "exact"),
    "ibm.com/spyre_pf_tier0": ("ibm.com/spyre_pf_tier0", "ibm/spyre", "approx"),
    "devices.kubevirt.io/kvm": ("devices.kubevirt.io/kvm", "kubevirt/devices", "none"),
    "smarter-devices/<name>": ("smarter-devices/fuse", "smarter/devices", "none"),
    "squat.ai/<name>": ("squat.ai/tun", "squat/devices", "none"),
    "aliyun.com/gpu-mem": ("aliyun.com/gpu-mem", "alibaba/gpushare", "approx"),
    "volcano.sh/vgpu-number": ("volcano.sh/vgpu-number", "volcano/vgpu", "approx"),
    "cambricon.com/vmlu": ("cambricon.com/vmlu", "cambricon/mlu", "none"),
    "qualcomm.com/qaic": ("qualcomm.com/qaic", "qualcomm/ai100", "none"),
}
"""Resource names as the vendors' table writes them: an example, its rule, and how it maps."""

SETTINGS = {"imex.channelIDs (device-plugin config)"}
"""What the table lists among the resources and is none."""

ALSO = [
    ("vke.volcengine.com/rdma", "volcengine/rdma"),
    ("intel.com/gpu", "intel/gpu"),
    ("intel.com/gaudi", "intel/gaudi"),
    ("intel.com/qat", "intel/qat"),
    ("gpu.intel.com/dxg", "intel/gpu"),
    ("qat.intel.com/asym-dc", "intel/qat"),
    ("dsa.intel.com/vfio", "intel/dsa"),
    ("dlb.intel.com/vf", "intel/dlb"),
    ("sgx.intel.com/provision", "intel/sgx"),
    ("fpga.intel.com/arria10.dcp1.2-nlb3-orchestrated", "intel/fpga"),
    ("amd.com/ama_u30-1628092800", "xilinx/fpga"),
    ("xilinx.com/fpga-xilinx_u200_xdma-1561465320", "xilinx/fpga"),
    ("rdma/roce_gdr", "rdma/shared"),
    ("rdma/ib", "rdma/shared"),
    ("networking.gke.io.networks/rdma-0.IP", "gke/network"),
    ("mellanox.com/mlnx_connectx5", "sriov/network"),
    ("openshift.io/intelnics_radio_uplink", "sriov/network"),
    ("intel.com/e800_comms", "sriov/network"),
    ("huawei.com/Ascend310", "huawei/ascend"),
    ("huawei.com/Ascend310P", "huawei/ascend"),
    ("huawei.com/Ascend310P-memory", "huawei/ascend"),
    ("huawei.com/Ascend310P-2c.1cpu", "huawei/ascend"),
    ("huawei.com/Ascend910A", "huawei/ascend"),
    ("huawei.com/Ascend910B4-1", "huawei/ascend"),
    ("huawei.com/Ascend910B4-1-core", "huawei/ascend"),
    ("huawei.com/Ascend910C-memory", "huawei/ascend"),
    ("huawei.com/npu-core", "huawei/ascend"),
    ("hygon.com/dcunum", "hygon/dcu"),
    ("hygon.com/dcumem", "hygon/dcu"),
    ("rebellions.ai/REBEL", "rebellions/npu"),
    ("rebellions.ai/ATOM_CA22_PT", "rebellions/npu"),
    ("aliyun.com/gpu", "alibaba/gpushare"),
    ("aliyun.com/gpu-count", "alibaba/gpushare"),
    ("aliyun.com/gpu-core.percentage", "alibaba/gpushare"),
    ("volcano.sh/vgpu-memory-percentage", "volcano/vgpu"),
    ("volcano.sh/gpu-memory", "volcano/vgpu"),
    ("cambricon.com/mlu", "cambricon/mlu"),
    ("cambricon.com/mlu370.smlu.vcore", "cambricon/mlu"),
    ("cambricon.com/mlu.smlu.vmemory", "cambricon/mlu"),
    ("metax-tech.com/gpu", "metax/gpu"),
    ("metax-tech.com/vmemory", "metax/gpu"),
    ("enflame.com/gcu", "enflame/gcu"),
    ("enflame.com/drs-gcu", "enflame/gcu"),
    ("enflame.com/gcu-core", "enflame/gcu"),
    ("kunlunxin.com/vxpu", "kunlunxin/xpu"),
    ("kunlunxin.com/vxpu-memory", "kunlunxin/xpu"),
    ("vastaitech.com/va", "vastaitech/va"),
    ("birentech.com/gpu", "birentech/gpu"),
    ("mthreads.com/vgpu", "mthreads/gpu"),
    ("mthreads.com/sgpu-core", "mthreads/gpu"),
    ("iluvatar.ai/BI-V100-vgpu", "iluvatar/gpu"),
    ("iluvatar.ai/MR-V100.vMem", "iluvatar/gpu"),
]
"""Names that the table has in its notes, or that were seen in public manifests."""


@pytest.mark.parametrize(("name", "rule", "maps"), ANSWERS.values(), ids=ANSWERS)
def test_every_resource_name_of_the_vendors_is_answered(name: str, rule: str, maps: str) -> None:
    found = answered(name)
    assert found is not None
    assert found[:2] == (rule, maps)


@pytest.mark.parametrize(("name", "rule"), ALSO)
def test_a_name_seen_in_the_wild_is_answered(name: str, rule: str) -> None:
    found = answered(name)
    assert found is not None
    assert found[0] == rule


def vendors_names() -> set[str]:
    """The resource names of the vendors' table where it lies beside this repository, else ours."""
    table = Path(__file__).parents[2] / "shared" / "reference" / "vendors.yaml"
    if not table.exists():
        return set(ANSWERS) | SETTINGS
    entries = yaml.safe_load(table.read_text(encoding="utf-8"))
    return {resource["name"] for entry in entries for resource in entry["legacy"]["resources"]}


def test_the_list_of_resource_names_leaves_none_of_the_vendors_out() -> None:
    names = vendors_names()
    assert names
    assert names - set(ANSWERS) - SETTINGS == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.name))
def test_every_rule_has_a_case_that_proves_it(rule: Rule) -> None:
    """A case in which it finds something; for labels that all stay, one whose report says why."""
    assert proving(rule)


@pytest.mark.parametrize(
    ("name", "selectors"),
    [
        ("gpu.intel.com/xe", ['driver == "xe"']),
        ("qat.intel.com/cy", ['services == "sym;asym"']),
        ("qat.intel.com/sym-dc", ['services == "sym;dc"']),
        ("aws.amazon.com/neuron", ['resourceType == "neuron_device"']),
        ("rebellions.ai/ATOM", ['productName.startsWith("RBLN-CA")']),
        ("amd.com/gpu", []),
        ("google.com/tpu", []),
    ],
)
def test_a_name_says_in_its_selectors_what_the_class_does_not(
    name: str, selectors: list[str]
) -> None:
    found = answered(name)
    assert found is not None
    assert [cel.partition(" && ")[2].partition('"].')[2] for cel in found[2]] == selectors


def test_a_pool_is_selected_by_either_attribute_with_its_prefix_or_without() -> None:
    """By hand the driver's own attribute is written, by the operator the one that Multus reads."""
    found = answered("openshift.io/sriovnics")
    assert found is not None
    (cel,) = found[2]
    own, of_multus = cel.split(" || ")
    assert own.endswith('["sriovnetwork.k8snetworkplumbingwg.io"].resourceName == "sriovnics"')
    assert of_multus.startswith('has(device.attributes["k8s.cni.cncf.io"].resourceName) && ')
    assert of_multus.endswith('.resourceName in ["sriovnics", "openshift.io/sriovnics"])')


def test_a_partition_is_selected_whether_the_driver_made_it_or_found_it() -> None:
    found = answered("amd.com/cpx_nps4")
    assert found is not None
    (cel,) = found[2]
    assert '.partitionProfile == "cpx_nps4"' in cel
    assert '.computePartition == "cpx"' in cel
    assert '.memoryPartition == "nps4"' in cel


def test_what_is_given_out_together_is_asked_for_together() -> None:
    """A count of chips that is not all of a node's would be scheduled and never prepared."""
    match = ruleset.resource(RULES, "google.com/tpu")
    assert match is not None
    assert match.resource.maps == "exact"
    assert match.resource.allocation_mode == "All"


def test_no_claim_of_ours_ever_has_admin_access() -> None:
    """Seeing all devices is no stand-in for sharing one: it is told and never mapped exactly."""
    for name in ("gpu.intel.com/monitoring", "gpu.intel.com/i915_monitoring"):
        match = ruleset.resource(RULES, name)
        assert match is not None
        assert match.resource.maps == "approx"
        assert "adminAccess" in match.resource.why


@pytest.mark.parametrize("name", ["nvidia.com/hostdev", "nvidia.com/rdma-vf"])
def test_a_network_card_with_nvidias_prefix_is_not_a_gpu(name: str) -> None:
    match = ruleset.resource(RULES, name)
    assert match is not None
    assert match.resource.device_class == ""
    assert "not a GPU" in match.resource.why


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("nvidia.com/mig-1g.5gb", "1g.5gb"),
        ("nvidia.com/mig-1g.10gb.me", "1g.10gb+me"),
        ("nvidia.com/mig-1g.24gb.me.all", "1g.24gb+me.all"),
        ("nvidia.com/mig-1g.24gb.gfx", "1g.24gb+gfx"),
        ("nvidia.com/mig-1g.24gb-me", "1g.24gb-me"),
        ("nvidia.com/mig-1g.10gb.me.shared", "1g.10gb+me"),
    ],
)
def test_a_mig_name_becomes_the_profile_that_the_driver_publishes(name: str, profile: str) -> None:
    found = answered(name)
    assert found is not None
    (cel,) = found[2]
    assert cel.endswith(f'device.attributes["gpu.nvidia.com"].profile == "{profile}"')


# What a label's value says


@pytest.mark.parametrize(
    ("key", "value", "cel"),
    [
        ("nvidia.com/gpu.product", "Tesla-T4", f'{PRODUCT} == "Tesla-T4"'),
        (
            "nvidia.com/gpu.product",
            "NVIDIA-A100-SXM4-80GB",
            f'{PRODUCT} == "NVIDIA-A100-SXM4-80GB"',
        ),
        (
            "nvidia.com/gpu.memory",
            "81559",
            'device.capacity["gpu.nvidia.com"].memory.asInteger() / 1048576 == 81559',
        ),
        (
            "nvidia.com/gpu.family",
            "ada-lovelace",
            f'{ARCHITECTURE} == "ada-lovelace"',
        ),
        (
            "nvidia.com/gpu.compute.major",
            "8",
            'device.attributes["gpu.nvidia.com"].cudaComputeCapability.major() == 8',
        ),
        (
            "nvidia.com/cuda.driver-version.full",
            "550.107.02",
            f'{DRIVER}.compareTo(semver("550.107.02", true)) == 0',
        ),
        (
            "nvidia.com/cuda.driver.rev",
            "02",
            'device.attributes["gpu.nvidia.com"].driverVersion.patch() == 2',
        ),
        (
            "nvidia.com/cuda.runtime.major",
            "12",
            'device.attributes["gpu.nvidia.com"].cudaDriverVersion.major() == 12',
        ),
        ("nvidia.com/gpu.present", "true", ""),
    ],
)
def test_an_exact_label_becomes_a_selector(key: str, value: str, cel: str) -> None:
    assert said(key, value) == ("exact", cel, "")


AMD = 'device.attributes["gpu.amd.com"]'
AMD_MEMORY = 'device.capacity["gpu.amd.com"].memory.asInteger()'
INTEL = 'device.attributes["gpu.intel.com"]'
REBELLIONS = 'device.attributes["npu.rebellions.ai"]'


@pytest.mark.parametrize(
    ("key", "value", "cel"),
    [
        (
            "amd.com/gpu.product-name",
            "AMD_Instinct_MI300X_OAM",
            f'{AMD}.productName == "AMD_Instinct_MI300X_OAM"',
        ),
        ("amd.com/gpu.device-id", "74a1", f'{AMD}.deviceID == "0x74a1"'),
        ("amd.com/gpu.vram", "192G", f"({AMD_MEMORY} / 1048576 + 512) / 1024 == 192"),
        ("gpu.intel.com/product", "Flex_170", f'{INTEL}.model == "Flex 170"'),
        ("rebellions.ai/npu.product", "RBLN-CA22", f'{REBELLIONS}.productName == "RBLN-CA22"'),
        ("intel.feature.node.kubernetes.io/gaudi", "true", ""),
    ],
)
def test_a_label_of_another_vendor_becomes_a_selector(key: str, value: str, cel: str) -> None:
    assert said(key, value) == ("exact", cel, "")


@pytest.mark.parametrize(
    ("key", "value", "maps"),
    [
        ("amd.com/gpu.vram", "192Gi", "none"),
        ("amd.com/gpu.product-name", "AMD_Radeon_Graphics", "approx"),
        ("gpu.intel.com/product", "Arc_A770", "none"),
        ("gpu.intel.com/family", "Flex_Series", "approx"),
        ("rebellions.ai/npu.family", "ATOM", "approx"),
        ("cloud.google.com/gke-tpu-accelerator", "tpu7x", "none"),
        ("machine.cluster.vke.volcengine.com/gpu-name", "Tesla-A100-80G", "none"),
    ],
)
def test_a_value_that_is_not_the_drivers_is_never_exact(key: str, value: str, maps: str) -> None:
    assert said(key, value)[0] == maps


@pytest.mark.parametrize("key", ["gpu.nvidia.com/vram", "karpenter.k8s.aws/instance-gpu-memory"])
def test_a_nominal_size_is_no_bound_on_what_devices_report(key: str) -> None:
    """An H100 of 80 GB has 79.6 GiB: a bound of 80 GiB would exclude every one of them."""
    for _, label in ruleset.label(RULES, key):
        assert label.values == ()
        assert not label.number


@pytest.mark.parametrize(
    ("value", "meant"),
    [("nvidia", ["azure/labels"]), ("huawei-Ascend910", ["huawei/ascend"]), ("nvidia-gpu", [])],
)
def test_a_key_of_several_writers_is_spoken_of_by_its_value(value: str, meant: list[str]) -> None:
    """A value that none of them writes is the site's own, of which nothing is known."""
    known = ruleset.label(RULES, "accelerator")
    assert [rule.name for rule, label in known if ruleset.label_value(label, value)] == meant
    assert not any(label.why for _, label in known)


def test_a_product_of_the_single_strategy_asks_for_the_mig_class() -> None:
    value = "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb.me"
    maps, cel, device_class = said("nvidia.com/gpu.product", value)
    assert (maps, device_class) == ("exact", "mig.nvidia.com")
    assert cel.startswith(f'{PRODUCT} == "NVIDIA-A100-SXM4-80GB" && ')
    assert cel.endswith('.profile == "1g.10gb+me"')


@pytest.mark.parametrize(
    ("value", "maps"),
    [
        ("A100-SXM4-40GB", "approx"),
        ("NVIDIA-A100-SXM4-80GB-MIG-INVALID", "none"),
        ("NVIDIA-H100-SXM4-80GB", "none"),
        ("H100-SXM5-80GB", "none"),
        ("NVIDIA-Tesla-T4", "none"),
        ("nvidia-tesla-t4", "none"),
        ("T4", "none"),
    ],
)
def test_a_product_that_is_old_or_invented_is_never_exact(value: str, maps: str) -> None:
    ((_, label),) = ruleset.label(RULES, "nvidia.com/gpu.product")
    found = ruleset.label_value(label, value)
    assert found is not None
    assert found[0].maps == maps
    assert found[0].why


@pytest.mark.parametrize(
    ("value", "device_class"),
    [
        ("Tesla-T4-SHARED", ""),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb-SHARED", "mig.nvidia.com"),
    ],
)
def test_a_shared_product_says_what_it_is_and_that_a_unit_is_a_share(
    value: str, device_class: str
) -> None:
    ((_, label),) = ruleset.label(RULES, "nvidia.com/gpu.product")
    found = ruleset.label_value(label, value)
    assert found is not None
    assert found[0].share
    maps, cel, of_class = said("nvidia.com/gpu.product", value)
    assert (maps, of_class) == ("exact", device_class)
    assert "SHARED" not in cel


@pytest.mark.parametrize("value", ["80Gi", "81920Mi", "8e4", "-1", "", "9" * 20])
def test_a_memory_that_is_no_mib_is_not_translated(value: str) -> None:
    assert said("nvidia.com/gpu.memory", value)[0] == "none"


@pytest.mark.parametrize(
    "key",
    [
        "cloud.google.com/gke-accelerator",
        "cloud.google.com/gke-gpu-partition-size",
        "karpenter.k8s.aws/instance-gpu-name",
        "eks.amazonaws.com/instance-gpu-memory",
        "k8s.amazonaws.com/accelerator",
        "kubernetes.azure.com/accelerator",
        "karpenter.azure.com/sku-gpu-name",
        "accelerator",
        "gpu.nvidia.com/class",
        "gpu.nvidia.com/vram",
        "feature.node.kubernetes.io/pci-10de.present",
        "nvidia.com/gpu.deploy.dra-driver",
    ],
)
def test_a_label_that_the_plugin_does_not_write_outlives_it(key: str) -> None:
    found = ruleset.label(RULES, key)
    assert found
    assert [label.writer for _, label in found if label.writer == "plugin"] == []


@pytest.mark.parametrize(
    "key",
    [
        "nvidia.com/gpu.count",
        "nvidia.com/gpu.replicas",
        "nvidia.com/gpu.sharing-strategy",
        "nvidia.com/gpu.machine",
        "nvidia.com/gpu.mode",
        "nvidia.com/gpu.clique",
        "nvidia.com/mig.capable",
        "nvidia.com/mps.capable",
        "nvidia.com/vgpu.present",
        "nvidia.com/gfd.timestamp",
        "nvidia.com/mig-1g.5gb.count",
        "nvidia.com/mig-1g.10gb.me.engines.copy",
        "nvidia.com/gpu.deploy.device-plugin",
    ],
)
def test_a_label_that_goes_and_says_nothing_of_a_device_says_why(key: str) -> None:
    ((_, label),) = ruleset.label(RULES, key)
    assert label.writer == "plugin"
    assert label.values == ()
    assert label.why


def test_a_label_nobody_knows_has_no_rule() -> None:
    assert ruleset.label(RULES, "kubernetes.io/hostname") == ()
    assert ruleset.label(RULES, "nvidia.com/gpu." + "x" * 100_000) == ()


# Markers


@pytest.mark.parametrize(
    ("section", "name", "warns"),
    [
        ("env", "NVIDIA_VISIBLE_DEVICES", True),
        ("env", "NVIDIA_REQUIRE_CUDA", False),
        ("env", "CUDA_VISIBLE_DEVICES", False),
        ("runtime_classes", "nvidia", False),
        ("host_paths", "/dev/nvidia0", True),
        ("host_paths", "/home/kubernetes/bin/nvidia/lib64", False),
        ("host_paths", "/run/nvidia-fabricmanager", False),
        ("annotations", "nvidia.cdi.k8s.io/container.cuda", True),
    ],
)
def test_a_marker_is_known_and_says_whether_it_is_a_danger(
    section: str, name: str, warns: bool
) -> None:
    found = ruleset.marker(RULES, section, name)
    assert found is not None
    assert found[1].warns is warns


def test_a_harmless_value_of_a_dangerous_variable_has_its_own_sentence() -> None:
    found = ruleset.marker(RULES, "env", "NVIDIA_VISIBLE_DEVICES")
    assert found is not None
    assert {"void", "none", ""} == set(found[1].values)


def test_a_path_beside_the_drivers_is_no_marker() -> None:
    assert ruleset.marker(RULES, "host_paths", "/run/nvidiafoo") is None
    assert ruleset.marker(RULES, "host_paths", "/dev/shm") is None


# Filling in values that nobody vouches for


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_value_leaves_its_double_quotes(value: str) -> None:
    filled = ruleset.expression('x == "a{value}b" && y', {"value": value})
    assert filled.startswith('x == "a')
    assert filled.endswith('b" && y')
    literal = filled[len("x == ") : -len(" && y")]
    assert ast.literal_eval(literal) == f"a{value}b"
    assert '"' not in literal[1:-1].replace("\\\\", "").replace('\\"', "")
    assert all(character >= " " for character in literal)


@given(st.text())
def test_outside_quotes_only_an_integer_is_let_in(value: str) -> None:
    try:
        filled = ruleset.expression("x.major() == {value}", {"value": value})
    except InputError:
        return
    assert filled == f"x.major() == {int(value)}"
    assert -(2**63) <= int(value) < 2**63


@pytest.mark.parametrize("value", ["1 || true", "0x10", "1.5", "", "٣", "9" * 19, "-", "+1"])
def test_outside_quotes_anything_else_is_refused(value: str) -> None:
    with pytest.raises(InputError):
        ruleset.expression("x == {value}", {"value": value})


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InputError):
        ruleset.expression('x == "{value}"', {"value": "\ud800"})


def test_a_value_is_filled_in_once() -> None:
    filled = ruleset.expression('x == "{a}{b}"', {"a": "{b}", "b": "c"})
    assert filled == 'x == "{b}c"'


def test_replacements_are_made_in_the_order_given() -> None:
    swapped = {"a": {".me": "+me", "+": "-"}}
    assert ruleset.expression('"{a}"', {"a": "1g.me"}, swapped) == '"1g-me"'


@given(st.text(max_size=100))
def test_any_product_value_is_either_refused_or_stays_in_quotes(value: str) -> None:
    ((_, label),) = ruleset.label(RULES, "nvidia.com/gpu.product")
    found = ruleset.label_value(label, value)
    if found is None or not found[0].cel:
        return
    form, groups = found
    plain = ruleset.expression(form.cel, dict.fromkeys(groups, ""), form.groups)
    filled = ruleset.expression(form.cel, groups, form.groups)
    assert filled.count('"') == plain.count('"')


# Rules of one's own


def test_a_users_rule_is_added(tmp_path: Path) -> None:
    written(tmp_path, "acme/npu", MINIMAL)
    rules = ruleset.rules([tmp_path])
    assert len(rules) == len(RULES) + 1
    match = ruleset.resource(rules, "acme.example/npu")
    assert match is not None
    assert match.resource.device_class == "npu.acme.example"
    assert ruleset.resource(rules, "nvidia.com/gpu") is not None


def test_the_rule_that_the_documentation_shows_is_a_rule(tmp_path: Path) -> None:
    page = Path(__file__).parent.parent / "docs" / "writing-a-rule.md"
    example = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    written(tmp_path, "acme/npu", example)
    assert ruleset.resource(ruleset.rules([tmp_path]), "acme.example/npu-16g") is not None


def test_a_users_rule_replaces_ours_of_the_same_name(tmp_path: Path) -> None:
    text = MINIMAL.replace("acme/npu", "nvidia/network").replace("ACME NPUs", "our cards")
    written(tmp_path, "nvidia/network", text)
    rules = ruleset.rules([tmp_path])
    assert len(rules) == len(RULES)
    assert [rule.title for rule in rules if rule.name == "nvidia/network"] == ["our cards"]
    assert ruleset.resource(rules, "nvidia.com/hostdev") is None


def test_a_later_directory_replaces_an_earlier_one(tmp_path: Path) -> None:
    written(tmp_path / "a", "acme/npu", MINIMAL.replace("ACME NPUs", "first"))
    written(tmp_path / "b", "acme/npu", MINIMAL.replace("ACME NPUs", "second"))
    rules = ruleset.rules([tmp_path / "a", tmp_path / "b"])
    assert [rule.title for rule in rules if rule.name == "acme/npu"] == ["second"]


def test_a_resource_that_two_rules_name_is_refused_with_both_places(tmp_path: Path) -> None:
    mine = written(tmp_path, "acme/npu", MINIMAL.replace("acme.example/npu", "nvidia.com/gpu"))
    told = refused(tmp_path)
    ours = ruleset.rules_directory() / "nvidia" / "gpu.yaml"
    line = ours.read_text(encoding="utf-8").splitlines().index("    - name: nvidia.com/gpu") + 1
    assert "nvidia.com/gpu is already in" in told
    assert told.startswith(f"{mine}:6: ")
    assert f"{ours}:{line}" in told


def test_an_exact_name_beats_a_pattern_and_a_longer_beginning_beats_a_shorter(
    tmp_path: Path,
) -> None:
    text = MINIMAL.replace(
        "    - name: acme.example/npu\n",
        "    - {pattern: 'acme\\.example/.+', maps: none, why: any}\n"
        "    - {pattern: 'acme\\.example/np.+', maps: none, why: longer}\n"
        "    - name: acme.example/npu\n",
    )
    written(tmp_path, "acme/npu", text)
    rules = ruleset.rules([tmp_path])

    def why(name: str) -> str:
        match = ruleset.resource(rules, name)
        assert match is not None
        return match.resource.why

    assert (why("acme.example/npu"), why("acme.example/npx"), why("acme.example/x")) == (
        "",
        "longer",
        "any",
    )


def test_two_patterns_with_equal_claims_are_refused_when_both_match(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "    - name: acme.example/npu\n",
        "    - {pattern: 'acme\\.example/[a-m]+', maps: none, why: one}\n"
        "    - {pattern: 'acme\\.example/[g-z]+', maps: none, why: other}\n"
        "    - name: acme.example/npu\n",
    )
    written(tmp_path, "acme/npu", text)
    rules = ruleset.rules([tmp_path])
    assert ruleset.resource(rules, "acme.example/abc") is not None
    with pytest.raises(InputError, match="equally well"):
        ruleset.resource(rules, "acme.example/hij")


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    one = written(
        tmp_path,
        "acme/npu",
        MINIMAL.replace("maps: exact", "maps: roughly")
        .replace("title: ACME NPUs", "titel: ACME NPUs")
        .replace("noun: npu", "noun: npu\n      colour: red"),
    )
    two = written(
        tmp_path,
        "acme/tpu",
        MINIMAL.replace("acme.example/npu", "acme.example/tpu")
        .replace("noun: npu", "noun: Not A Label")
        .replace("sources: [acme/driver@1f2e3d4c]", "sources: []"),
    )
    three = written(tmp_path, "acme/xpu", "name: [unclosed\n")
    told = refused(tmp_path).splitlines()
    assert told[0] == "8 mistakes in the rules:"
    where = {line.strip().split(" ")[0] for line in told[1:]}
    assert {f"{one}:{n}:" for n in (2, 7, 10)} <= where
    assert {f"{two}:{n}:" for n in (1, 3, 9)} <= where
    assert any(place.startswith(f"{three}:") for place in where)


def resource_of(text: str) -> str:
    return MINIMAL.replace("    - name: acme.example/npu\n", text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (MINIMAL.replace("name: acme/npu", "name: acme/other"), "the file's place calls it"),
        (MINIMAL.replace("[acme/driver@1f2e3d4c]", '[" "]'), "no source is given"),
        (MINIMAL.replace("maps: exact", "maps: approx"), "there is no why"),
        (MINIMAL.replace("noun: npu", 'noun: ""'), "no noun"),
        (MINIMAL.replace("maps: exact", "maps: exact\n      allocation_mode: All"), "is All"),
        (
            MINIMAL.replace("device_class: npu.", "device_class: other."),
            "no rule has a class other.acme.example",
        ),
        (
            resource_of("    - name: acme.example/npu\n      pattern: acme\n"),
            "exactly one of name and pattern",
        ),
        (resource_of("    - title: x\n"), "title is not a field of a rule"),
        (resource_of("    - pattern: 'a('\n"), "not a regular expression"),
        (resource_of("    - pattern: '(?:a+)+b'\n"), "but not repeated"),
        (resource_of("    - pattern: 'a+b+c+d+e+f+'\n"), "at most 5 repetitions"),
        (resource_of("    - pattern: '(?=a)a'\n"), "groups are"),
        (resource_of("    - pattern: '(a)\\1'\n"), "refer back"),
        (resource_of("    - pattern: '^acme$'\n"), "no ^ and no $"),
        (resource_of(f"    - pattern: {'a' * 401}\n"), "at most 400 characters"),
        (
            resource_of("    - pattern: '(?P<a>.+)'\n      selectors: ['x == \"{b}\"']\n"),
            "{b} is no group",
        ),
        (
            resource_of("    - pattern: '(?P<a>.+)'\n      groups: {b: {x: z}}\n"),
            "has no group b",
        ),
        (
            resource_of("    - pattern: '(?P<a>.+)'\n      groups: {a: {\"\": z}}\n"),
            "an empty text cannot be replaced",
        ),
        (
            resource_of("    - pattern: '(?P<a>.+)'\n      selectors: [\"x == '{a}'\"]\n"),
            "single quotes",
        ),
        (
            resource_of("    - pattern: '(?P<a>.+)'\n      selectors: ['x.matches(\"{a}\")']\n"),
            "in a regular expression",
        ),
    ],
)
def test_a_mistake_is_told_in_words(tmp_path: Path, text: str, what: str) -> None:
    path = written(tmp_path, "acme/npu", text)
    told = refused(tmp_path)
    assert what in told
    assert f"{path}:" in told


@pytest.mark.parametrize(
    ("cel", "what"),
    [
        ('device.driver == "x', "odd quotes"),
        ('device.driver == r"x"', "odd quotes"),
        ('device.driver == """x"""', "odd quotes"),
        ("device.driver == x // y", "odd quotes or a comment"),
        ('(device.driver == "x"', "( has no other half"),
        ('device.driver == "x")', ") has no other half"),
        ('device.attributes["x"][0] == "y"', "a device is asked by"),
        ('device.attributes.x == "y"', "a device is asked by"),
        ('device.name == "y"', "a device is asked by"),
    ],
)
def test_a_class_with_odd_cel_is_refused_at_its_line(tmp_path: Path, cel: str, what: str) -> None:
    text = MINIMAL.replace("""['device.driver == "npu.acme.example"']""", json.dumps([cel]))
    path = written(tmp_path, "acme/npu", text)
    told = refused(tmp_path)
    assert told.startswith(f"{path}:12: ")
    assert what in told


def test_an_expression_that_others_stand_beside_has_its_or_in_brackets(tmp_path: Path) -> None:
    label = """\
placement:
  labels:
    - key: acme.example/model
      writer: plugin
      values:
        - maps: exact
          cel: 'device.driver == "a" || device.driver == "b"'
"""
    path = written(tmp_path, "acme/npu", MINIMAL + label)
    assert refused(tmp_path).startswith(f"{path}:19: ")
    written(
        tmp_path,
        "acme/npu",
        MINIMAL + label.replace("'device", "'(device").replace("b\"'", "b\")'"),
    )
    assert len(ruleset.rules([tmp_path])) == len(RULES) + 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list\n",
        "just text\n",
        "name: &a acme/npu\ntitle: *a\nsources: [x]\n",
        "name: !!python/object/apply:os.system [true]\n",
        MINIMAL + "title: again\n",
        MINIMAL + "---\n" + MINIMAL,
        "name: " + "[" * 5000,
        "name: \x00\n",
        "name: 7\ntitle: x\nsources: [y]\n",
    ],
)
def test_text_that_is_no_rule_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "acme/npu", text)
    assert str(path) in refused(tmp_path)


def test_bytes_that_are_no_text_are_refused_with_their_path(tmp_path: Path) -> None:
    path = written(tmp_path, "acme/npu", "")
    path.write_bytes(b"name: \xff\xfe\xfa\n")
    assert str(path) in refused(tmp_path)


def test_a_file_larger_than_any_rule_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "acme/npu", MINIMAL + "#" * 600_000)
    assert str(path) in refused(tmp_path)


def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    secret = written(tmp_path / "elsewhere", "acme/npu", MINIMAL)
    link = tmp_path / "mine" / "acme" / "npu.yaml"
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    assert "not a file of this directory" in refused(tmp_path / "mine")


@pytest.mark.parametrize("name", ["npu.yaml", "npu.yml", "acme/npu.yml"])
def test_a_file_in_the_wrong_place_is_told_and_not_passed_over(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(MINIMAL, encoding="utf-8")
    assert f"{path}: a rule's file is called <vendor>/<family>.yaml" in refused(tmp_path)


def test_a_directory_without_rules_is_told(tmp_path: Path) -> None:
    assert "no rules are here" in refused(tmp_path)
    assert "no rules are here" in refused(tmp_path / "missing")


def test_a_node_that_counts_mig_devices_as_gpus_says_that_a_unit_is_a_part() -> None:
    ((_, label),) = ruleset.label(RULES, "nvidia.com/mig.strategy")
    found = ruleset.label_value(label, "single")
    assert found is not None
    assert found[0].part
    other = ruleset.label_value(label, "mixed")
    assert other is not None
    assert not other[0].part
