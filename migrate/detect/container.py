"""Extended resources that containers ask for, in limits and requests of every spelling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate import kube
from migrate.model import ABSENT, Entries, Field, Finding, Manifest, Rule, Shape, as_text
from migrate.read import ruleset

ASKS: Final = frozenset(
    {
        "limits",
        "requests",
        "resources",
        "resourcesPerNode",
        "extra_resource_limits",
        "extra_resource_guarantees",
    }
)
"""Keys below which a resource name is a request.

Source: Kubernetes core/v1 ResourceRequirements; Kubeflow Trainer `spec.trainer.resourcesPerNode`;
kubespawner `extra_resource_limits`, `extra_resource_guarantees`.
"""

_MAPS: Final = frozenset({"limits", "requests"})
_NOT_ASKED: Final = frozenset({"status", "hard"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A resource that is asked for at a field; `note` says what else is to be known of it."""

    field: Field
    resource: str
    quantity: str
    note: str = ""


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every resource name under one limits or requests map, or its shorthand."""
    found = [
        asked
        for field, value in entries
        if (isinstance(value, dict) or "/" in (key := str(field[-1])) or "{{" in key)
        for asked in _asked(field, value)
        if not kube.spot(manifest.group, manifest.kind, field)
    ]
    if kube.has_shorthands(manifest.group, manifest.kind):
        found += _shorthands(manifest, entries)
    pods = [(pod.field, pod) for pod in kube.podspecs(manifest.body)] if found else []
    for asked in found:
        field = asked.field
        match = ruleset.resource(rules, asked.resource)
        line, column = manifest.position(field)
        container = next(
            (
                c.name
                for at, pod in pods
                if field[: len(at)] == at
                for c in pod.containers
                if field[: len(c.field)] == c.field
            ),
            "",
        )
        is_pod = any(
            field[: len(c.field)] == c.field and field[len(c.field)] == "resources"
            for _, pod in pods
            for c in pod.containers
        )
        shape: Shape = "pod" if is_pod else "bare"
        yield Finding(
            usage="container",
            manifest=manifest,
            field=field,
            resource=asked.resource,
            quantity=asked.quantity,
            rule=match.rule.name if match else "",
            line=line,
            column=column,
            shape=shape,
            container=container or ("" if asked.note else _name_above(manifest.body, field)),
            note=asked.note,
        )


def _shorthands(manifest: Manifest, entries: Entries) -> Iterator[_Asked]:
    """The field, resource and quantity of what the object asks for in a word of its kind."""
    for field, _ in entries:
        short = kube.shorthand(manifest.group, manifest.kind, manifest.body, field)
        if short:
            yield _Asked(field, short.resource, short.quantity)


def is_capacity(field: Field) -> bool:
    """Whether the field bounds a namespace, a pool or a node instead of asking for a container.

    Source: ResourceQuota `spec.hard`; LimitRange and NodePool `spec.limits`; Node `status`.
    """
    return field[:2] == ("spec", "limits") or bool(_NOT_ASKED.intersection(field[:-1]))


def _asked(field: Field, value: Any) -> Iterator[_Asked]:
    """What is asked for at this field."""
    key = field[-1]
    if isinstance(key, int):
        yield from _by_value(field, value) if isinstance(value, dict) else ()
        return
    above = field[-2:-1]
    if "{{" in key and above and above[0] in _MAPS and not is_capacity(field):
        # A DeviceClass answers for this name already, whichever class it turns out to be.
        if not key.startswith(kube.CLASS_RESOURCE_PREFIX):
            yield _Asked(field, key, as_text(value))
        return
    if "/" in key and kube.is_device_resource(key) and not is_capacity(field):
        near = {*above, *_MAPS.intersection(field[-3:-2])}
        if near & ASKS:
            yield _Asked(field, key, as_text(value))
            return
    if isinstance(value, dict):
        yield from _by_value(field, value)


def _by_value(field: Field, value: Mapping[str, Any]) -> Iterator[_Asked]:
    """What is asked for by a value: a field set elsewhere, or a name with a quantity.

    Source: SparkApplication `spec.executor.gpu {name, quantity}`.
    """
    if found := kube.assignment(value):
        yield from _assigned(field, found)
    name = value.get("name", "")
    is_asked = set(value) == {"name", "quantity"} and isinstance(name, str)
    if is_asked and kube.is_device_resource(name):
        yield _Asked(field, name, as_text(value["quantity"]))


def _assigned(field: Field, found: kube.Assignment) -> Iterator[_Asked]:
    """The requests that are set elsewhere: one by its own name, or a map of them."""
    *above, last = found.path or ("",)
    if above and above[-1] in _MAPS and kube.is_device_resource(last):
        said = found.done if found.value is ABSENT else as_text(found.value)
        yield _Asked((*field, found.key), last, said, found.why)
    elif last in _MAPS and isinstance(found.value, dict):
        for name, quantity in found.value.items():
            if kube.is_device_resource(name):
                yield _Asked((*field, "value", name), name, as_text(quantity), found.why)


def _name_above(body: Any, field: Field) -> str:
    """The name of the nearest list item that has one and stands above the field."""
    name, here = "", body
    for key in field[:-1]:
        here = here[key]
        if isinstance(key, int) and isinstance(here, dict) and isinstance(here.get("name"), str):
            name = here["name"]
    return name
