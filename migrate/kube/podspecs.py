"""What a pod spec is, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from migrate.kube.tables import table
from migrate.model import ABSENT, Field, as_text, at

Role = Literal["container", "init", "sidecar", "ephemeral"]

_COLLECTIONS: Final = (dict, list, tuple)
_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_DEPTH: Final = 8
"""How deep mappings in values are merged: deeper than any of a pod's that are maps all the way."""
_CONTAINER_KEYS: Final = frozenset(
    ("name", "image", "resources", "command", "args", "env", "envFrom", "ports", "volumeMounts")
)


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod spec; `field` is its path inside the object.

    Shape: `role` is sidecar for an init container that restarts always; the image of `body` is text
    even where its parts are given.
    """

    field: Field
    name: str
    role: Role
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Values:
    """How a pod stands in the values of a chart.

    Shape: `chart` is whose form the values have; `name` is the pod's among the `count` there, and
    `kind` what is made of it; its fields stand below `own`, those of `shared` below `defaults`.
    """

    chart: str
    name: str
    kind: str
    count: int
    own: Field
    defaults: Field
    shared: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodSpec:
    """One pod spec of an object.

    Shape: `field` leads to what holds it and its containers; `metadata` is the path of the pod's
    labels and annotations, None where there are none; `containers` come in the order they start:
    init, then the others, then ephemeral ones; `values` is None but for a pod in a chart's values.
    """

    field: Field
    body: Mapping[str, Any]
    metadata: Field | None
    containers: tuple[Container, ...]
    values: Values | None = None

    def at(self, *path: str | int) -> Field:
        """Where a part of `body` stands in the object, or would stand."""
        if self.values is None:
            return (*self.field, *path)
        is_shared = at(self.values.shared, path) is not ABSENT
        return (*(self.values.defaults if is_shared else self.values.own), *path)

    def holds(self, field: Field) -> bool:
        """Whether a field of the object is the pod's."""
        places = [self.field, *([self.metadata] if self.metadata else [])]
        return any(field[: len(p)] == p for p in places) or self.borrows(field)

    def borrows(self, field: Field) -> bool:
        """Whether a field is the pod's by standing where all pods of the values take it from."""
        if self.values is None or field[: len(self.values.defaults)] != self.values.defaults:
            return False
        return at(self.values.shared, field[len(self.values.defaults) :]) is not ABSENT

    def is_common(self, field: Field) -> bool:
        """Whether what stands at a field is that of other pods as well."""
        return self.values is not None and self.values.count > 1 and self.borrows(field)


def podspecs(body: Any) -> tuple[PodSpec, ...]:
    """The pod specs of an object, found by their shape, in the order they stand.

    `status` tells of pods that were and is passed over. `body` must be a tree.
    """
    found: list[PodSpec] = []
    is_values = _has_values(body)
    todo: list[tuple[Field, Any, Any]] = [((), body, None)]
    while todo:
        field, value, parent = todo.pop()
        if isinstance(value, Mapping) and (containers := _containers(field, value)):
            found.append(PodSpec(field, value, _metadata(field, parent), containers))
        elif is_values and isinstance(value, Mapping):
            found.extend(_in_values(field, value))
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
        Container((*field, key, index), _name(item), _role(key, item), _with_image(item))
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


def _has_values(body: Any) -> bool:
    """Whether values of a chart can stand in an object: in a file of them, or where it installs."""
    if not isinstance(body, Mapping) or not isinstance(body.get("kind"), str):
        return True
    group = str(body.get("apiVersion", "")).rpartition("/")[0]
    return f"{group}/{body['kind']}" in table("charts")["kinds"]


def _in_values(field: Field, values: Mapping[Any, Any]) -> Iterator[PodSpec]:
    """The pods of values that have the form of a known chart's."""
    for chart, known in table("charts")["charts"].items():
        form = known.get("pods")
        pods = values.get(form["at"]) if form else None
        if not isinstance(pods, Mapping):
            continue
        count = sum(isinstance(pod, Mapping) for pod in pods.values())
        for name, pod in pods.items():
            where = (*field, form["at"], name)
            if not isinstance(pod, Mapping) or not isinstance(name, str):
                continue
            containers = tuple(_by_name(where, pod, form))
            if containers:
                body, shared = _options(values, pod, form)
                own, defaults = (*where, form["own"]), (*field, form["defaults"])
                held = Values(chart, name, _kind(pod, form), count, own, defaults, shared)
                yield PodSpec(where, body, None, containers, held)


def _kind(pod: Mapping[Any, Any], form: Mapping[str, Any]) -> str:
    """The kind that is made of a pod in values."""
    said, types = pod.get(form["type"]), form["types"]
    return str(types.get(said) if said in list(types) else next(iter(types.values())))


def _by_name(field: Field, pod: Mapping[Any, Any], form: Mapping[str, Any]) -> Iterator[Container]:
    for key, lists in ((form["init"], "initContainers"), (form["containers"], "containers")):
        found = pod.get(key)
        for name, item in found.items() if isinstance(found, Mapping) else ():
            is_container = isinstance(item, Mapping) and _CONTAINER_KEYS & item.keys()
            if isinstance(name, str) and is_container:
                yield Container((*field, key, name), name, _role(lists, item), _with_image(item))


def _options(
    values: Mapping[Any, Any], pod: Mapping[Any, Any], form: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The fields of a pod, and those of them that it takes from the defaults."""
    own, defaults = pod.get(form["own"]), values.get(form["defaults"])
    own = own if isinstance(own, Mapping) else {}
    defaults = defaults if isinstance(defaults, Mapping) else {}
    depth = _DEPTH if values.get(form["strategy"]) == "merge" else 1
    return _merged(defaults, own, depth), _without(defaults, own, depth)


def _merged(below: Any, above: Any, depth: int) -> Any:
    """Mappings laid over one another, as many levels deep."""
    if not depth or not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    both = {k: _merged(below[k], v, depth - 1) if k in below else v for k, v in above.items()}
    return {**below, **both}


def _without(below: Any, above: Any, depth: int) -> Any:
    """What stays of one mapping when another is laid over it, as many levels deep."""
    kept = {}
    for key, value in below.items():
        if key not in above:
            kept[key] = value
        elif depth > 1 and isinstance(value, Mapping) and isinstance(above[key], Mapping):
            kept[key] = _without(value, above[key], depth - 1)
    return kept


def _with_image(container: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The container with its image as text, where its values give the parts of it."""
    image = container.get("image")
    repository = image.get("repository") if isinstance(image, Mapping) else None
    if not isinstance(image, Mapping) or not isinstance(repository, str):
        return container
    registry, tag, digest = (
        as_text(part) if isinstance(part := image.get(key), str | int | float) else ""
        for key in ("registry", "tag", "digest")
    )
    name = f"{registry}/{repository}" if registry else repository
    named = f"{name}:{tag}" if tag else name
    return {**container, "image": f"{named}@{digest}" if digest else named}
