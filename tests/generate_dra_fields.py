"""Make migrate/data/fields.json from the Go types of Kubernetes' API.

    python tests/generate_dra_fields.py "$(go env GOMODCACHE)/k8s.io" 0.37.2 > \
        migrate/data/fields.json

Limits that the types say in constants and prose only, and not in a marker, stand below.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = {
    "DeviceClass": "v1",
    "DeviceTaintRule": "v1",
    "ResourceClaim": "v1",
    "ResourceClaimTemplate": "v1",
    "ResourcePoolStatusRequest": "v1alpha3",
    "ResourceSlice": "v1",
}
POD = {"PodResourceClaim": "core.PodResourceClaim", "ResourceClaim": "core.ResourceClaim"}
SCALARS = {
    **dict.fromkeys(("string", "types.UID", "metav1.Time"), "string"),
    **dict.fromkeys(("int32", "int64", "int"), "int"),
    "bool": "bool",
    "resource.Quantity": "quantity",
    "runtime.RawExtension": "object",
    **dict.fromkeys(("Time", "MicroTime"), "string"),
    "[]ManagedFieldsEntry": "[]object",
}
LIMITS = {
    "ResourceSliceSpec.devices": 128,
    "ResourceSliceSpec.driver": 63,
    "ResourcePool.name": 253,
    "Device.taints": 16,
    "DeviceAttribute.string": 64,
    "DeviceAttribute.version": 64,
    "CounterSet.counters": 32,
    "DeviceCounterConsumption.counters": 32,
    "ExactDeviceRequest.tolerations": 16,
    "DeviceSubRequest.tolerations": 16,
    "DeviceRequest.name": 63,
    "DeviceSubRequest.name": 63,
    "Device.name": 63,
    "CELDeviceSelector.expression": 10240,
}
OTHERS = {"Device": {"nodeAllocatableResourceMappings": {"type": "object"}}}
"""Fields that an older minor version had in the same version of the API."""
FORMATS = {
    "label": {
        *("DeviceRequest.name", "DeviceSubRequest.name", "Device.name", "CounterSet.name"),
        *("DeviceCounterConsumption.counterSet", "DeviceTaintSelector.device"),
        *("core.PodResourceClaim.name", "core.ResourceClaim.request"),
    },
    "subdomain": {
        *("ExactDeviceRequest.deviceClassName", "DeviceSubRequest.deviceClassName"),
        "meta.ObjectMeta.name",
        "core.PodResourceClaim.resourceClaimName",
        "core.PodResourceClaim.resourceClaimTemplateName",
    },
    "driver": {
        *("ResourceSliceSpec.driver", "DeviceTaintSelector.driver"),
        "OpaqueDeviceConfiguration.driver",
    },
    "resource": {"DeviceClassSpec.extendedResourceName"},
    "key": {"DeviceToleration.key", "DeviceTaint.key"},
    "value": {"DeviceToleration.value", "DeviceTaint.value"},
}
STATED = {"DeviceTaintRuleStatus", "ResourceClaimStatus", "ResourcePoolStatusRequestStatus"}
"""What the API server drops when a person writes it, so that nothing in it is looked at."""
UNIONS = {
    *("DeviceAttribute", "deviceRequestType", "ConstraintType", "SelectorType"),
    *("ConfigurationType", "core.PodResourceClaim.resourceClaimName"),
    "core.PodResourceClaim.resourceClaimTemplateName",
}
"""Of whose members exactly one is there: by marker, by struct, by field."""
WORDS = {
    "DeviceAllocationMode": ["ExactCount", "All"],
    "DeviceTaintEffect": ["None", "NoSchedule", "NoExecute"],
    "DeviceTolerationOperator": ["Equal", "Exists"],
    "NodeSelectorOperator": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"],
}

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^type (\w+) string$", re.MULTILINE)
FIELD = re.compile(r'^(?:(\w+)\s+)?(\S+)\s+`json:"([^"]*)"')


def fields(body: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """The name, Go type, JSON tag and markers of each field."""
    markers: list[str] = []
    for line in map(str.strip, body.split("\n")):
        if line.startswith("//"):
            markers.append(line)
        elif found := FIELD.match(line):
            yield found[1] or "", found[2], found[3], markers
            markers = []
        elif not line:
            markers = [m for m in markers if m.startswith("// +")]


class Types:
    """The structs of several packages, by the name they have in the table."""

    def __init__(self, modules: Path, version: str) -> None:
        sources = {
            "": modules / f"api@v{version}/resource/v1/types.go",
            "alpha.": modules / f"api@v{version}/resource/v1alpha3/types.go",
            "core.": modules / f"api@v{version}/core/v1/types.go",
            "meta.": modules / f"apimachinery@v{version}/pkg/apis/meta/v1/types.go",
        }
        self.structs: dict[str, str] = {}
        self.names: set[str] = set()
        for prefix, path in sources.items():
            text = path.read_text(encoding="utf-8")
            self.structs |= {prefix + m[1]: m[2] for m in STRUCT.finditer(text)}
            self.names |= {prefix + m for m in NAMED.findall(text)}
        self.table: dict[str, Any] = {}

    def spelled(self, go: str, prefix: str) -> str:
        """A Go type as the table spells it."""
        go = go.lstrip("*")
        if go in SCALARS:
            return SCALARS[go]
        if go.startswith("[]"):
            return "[]" + self.spelled(go[2:], prefix)
        if found := re.fullmatch(r"map\[[\w.]+\](.+)", go):
            return "{}" + self.spelled(found[1], prefix)
        package, _, bare = go.rpartition(".")
        name = {"v1": "core.", "metav1": "meta."}.get(package, prefix) + bare
        if name in self.names:
            return "string"
        if name in self.structs:
            self.add(name)
            return name
        raise SystemExit(f"no type {go} for {prefix}")

    def add(self, name: str) -> None:
        """Nothing; the struct and all that it holds are in the table."""
        if name in self.table:
            return
        self.table[name] = made = dict(OTHERS.get(name, {}))
        prefix = name.rpartition(".")[0]
        for own, go, tag, markers in fields(self.structs[name]):
            key, _, options = tag.partition(",")
            if go == "metav1.TypeMeta" or (not own and go == "TypeMeta"):
                continue
            if not key:
                made |= self.inlined(go.lstrip("*"))
                continue
            made[key] = self.entry(name, key, go, options, markers, f"{prefix}." if prefix else "")

    def inlined(self, name: str) -> dict[str, Any]:
        """The fields of a struct that stands without a name in another."""
        own = fields(self.structs[name])
        return {
            tag.partition(",")[0]: self.entry(name, tag.partition(",")[0], go, tag, markers, "")
            for _, go, tag, markers in own
        }

    def entry(
        self, name: str, key: str, go: str, options: str, markers: list[str], prefix: str
    ) -> dict[str, Any]:
        text = "\n".join(markers)
        bare = go.lstrip("*").rpartition(".")[2].lstrip("[]")
        entry: dict[str, Any] = {"type": "any" if bare in STATED else self.spelled(go, prefix)}
        is_told = re.search(r"\+(k8s:)?required\b", text)
        is_core = prefix in ("core.", "meta.") and "omitempty" not in options
        is_zero = go in ("int32", "int64", "resource.Quantity") and key != "resourceSliceCount"
        if not is_zero and (is_told or (is_core and "+optional" not in text)):
            entry["required"] = True
        limit = re.search(r"k8s:max(?:Items|Length|Bytes)=(\d+)", text)
        if limit and "eachVal" not in limit.string[: limit.start()].rpartition("\n")[2]:
            entry["limit"] = int(limit[1])
        if f"{name}.{key}" in LIMITS:
            entry["limit"] = LIMITS[f"{name}.{key}"]
        for form, places in FORMATS.items():
            if f"{name}.{key}" in places:
                entry["format"] = form
        if bare in WORDS:
            entry["words"] = WORDS[bare]
        union = re.search(r"\+oneOf=(\w+)", text)
        is_said = union is not None and union[1] in UNIONS
        if is_said or name in UNIONS or f"{name}.{key}" in UNIONS:
            entry["one"] = True
        if gates := re.search(r"\+featureGate=([\w,]+)", text):
            entry["gates"] = gates[1].split(",")
        return entry


def table(modules: Path, version: str) -> str:
    """The text of the table: one line per field, so that a difference can be read."""
    types = Types(modules, version)
    kinds = {k: ("alpha." if v == "v1alpha3" else "") + k for k, v in KINDS.items()}
    for name in (*kinds.values(), *POD.values()):
        types.add(name)
    paths = "resource/v1/types.go, resource/v1alpha3/types.go, core/v1/types.go"
    sources = [
        f"kubernetes/api v{version}: {paths}",
        f"kubernetes/apimachinery v{version}: pkg/apis/meta/v1/types.go",
    ]
    lines = [f'  "sources": {json.dumps(sources)}', f'  "kinds": {json.dumps(kinds)}']
    parts = []
    for name in sorted(types.table):
        entries = types.table[name]
        if name.endswith("Status") or not entries:
            continue
        own = ",\n".join(f"      {json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items())
        parts.append(f"    {json.dumps(name)}: {{\n{own}\n    }}")
    lines.append('  "types": {\n' + ",\n".join(parts) + "\n  }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1]), sys.argv[2]))
