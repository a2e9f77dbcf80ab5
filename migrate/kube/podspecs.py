"""What a pod spec is, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from migrate.model import Field

Role = Literal["container", "init", "sidecar", "ephemeral"]

_COLLECTIONS: Final = (dict, list, tuple)
_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_CONTAINER_KEYS: Final = frozenset(
    ("name", "image", "resources", "command", "args", "env", "envFrom", "ports", "volumeMounts")
)


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod spec; `field` is its path inside the object.

    Shape: `role` is sidecar for an init container that restarts always.
    """

    field: Field
    name: str
    role: Role
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodSpec:
    """One pod spec of an object.

    Shape: `metadata` is the path of the pod's labels and annotations, None where there are none;
    `containers` come in the order they start: init, then the others, then ephemeral ones.
    """

    field: Field
    body: Mapping[str, Any]
    metadata: Field | None
    containers: tuple[Container, ...]


def podspecs(body: Any) -> tuple[PodSpec, ...]:
    """The pod specs of an object, found by their shape, in the order they stand.

    `status` tells of pods that were and is passed over. `body` must be a tree.
    """
    found: list[PodSpec] = []
    todo: list[tuple[Field, Any, Any]] = [((), body, None)]
    while todo:
        field, value, parent = todo.pop()
        if isinstance(value, Mapping) and (containers := _containers(field, value)):
            found.append(PodSpec(field, value, _metadata(field, parent), containers))
        todo.extend(reversed(_children(field, value)))
    return tuple(found)


def _children(field: Field, value: Any) -> list[tuple[Field, Any, Any]]:
    """The collections that stand in this one, each with its path and this one."""
    if isinstance(value, Mapping):
        return [
            ((*field, key), child, value)
            for key, child in value.items()
            if isinstance(child, _COLLECTIONS)
            and isinstance(key, str | int)
            and not (key == "status" and "kind" in value)
        ]
    if isinstance(value, list | tuple):
        return [
            ((*field, index), child, value)
            for index, child in enumerate(value)
            if isinstance(child, _COLLECTIONS)
        ]
    return []


def _containers(field: Field, spec: Mapping[Any, Any]) -> tuple[Container, ...]:
    containers = tuple(
        Container((*field, key, index), _name(item), _role(key, item), item)
        for key in _LISTS
        if isinstance(spec.get(key), list | tuple)
        for index, item in enumerate(spec[key])
        if isinstance(item, Mapping)
    )
    is_pod = any(c.role != "ephemeral" and _CONTAINER_KEYS & c.body.keys() for c in containers)
    return containers if is_pod else ()


def _name(container: Mapping[str, Any]) -> str:
    name = container.get("name")
    return name if isinstance(name, str) else ""


def _role(key: str, container: Mapping[str, Any]) -> Role:
    if key == "initContainers":
        return "sidecar" if container.get("restartPolicy") == "Always" else "init"
    return "ephemeral" if key == "ephemeralContainers" else "container"


def _metadata(field: Field, parent: Any) -> Field | None:
    """The metadata beside a pod spec, unless it belongs to an object of another kind."""
    if not field or field[-1] != "spec" or not isinstance(parent, Mapping):
        return None
    is_pods = parent.get("kind", "Pod") in ("Pod", "PodTemplateSpec")
    return (*field[:-1], "metadata") if is_pods and parent.get("metadata") is not None else None
