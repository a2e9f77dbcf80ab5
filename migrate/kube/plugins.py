"""What device plugins have in common: the kubelet's folder."""

from __future__ import annotations

from typing import Final

_FOLDER: Final = "/kubelet/device-plugins"


def is_plugin_folder(path: str) -> bool:
    """Whether a path on the node is the folder in which device plugins register, or below it.

    Source: kubernetes/kubelet pkg/apis/deviceplugin/v1beta1/constants.go (DevicePluginPath)
    """
    return f"{path.rstrip('/')}/".find(f"{_FOLDER}/") >= 0
