"""What device plugins have in common: the kubelet's folder, and the kinds that install charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from migrate.kube.paths import is_at, steps
from migrate.kube.tables import table
from migrate.model import Field

_FOLDER: Final = "/kubelet/device-plugins"


def is_plugin_folder(path: str) -> bool:
    """Whether a path on the node is the folder in which device plugins register, or below it.

    Source: kubernetes/kubelet pkg/apis/deviceplugin/v1beta1/constants.go (DevicePluginPath)
    """
    return f"{path.rstrip('/')}/".find(f"{_FOLDER}/") >= 0


@dataclass(frozen=True, slots=True)
class Chart:
    """A place that names a chart; `values` is where its values stand, None where nowhere here."""

    values: Field | None


def chart(group: str, kind: str, field: Field) -> Chart | None:
    """What stands at `field` if it names the chart that an object installs."""
    for entry in table("charts")["kinds"].get(f"{group}/{kind}", ()):
        if is_at(steps(entry["chart"]), field):
            numbers = iter([step for step in field if isinstance(step, int)])
            values = tuple(
                next(numbers) if step == "[*]" else step for step in steps(entry["values"])
            )
            return Chart(values if entry["values"] else None)
    return None
