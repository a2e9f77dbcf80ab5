"""Extended resources that containers ask for, in limits and requests of every spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from migrate import kube
from migrate.model import Entries, Field, Finding, Manifest, Rule, Shape, as_text
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

_PATCH_PATH: Final = re.compile(r"/(?:limits|requests)/(?P<name>[^/]+)$")
_MAPS: Final = frozenset({"limits", "requests"})
_NOT_ASKED: Final = frozenset({"status", "hard"})


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every resource name under one limits or requests map, or its shorthand."""
    found = [
        (field, name, quantity)
        for field, value in entries
        if (isinstance(value, dict) or "/" in (key := str(field[-1])) or "{{" in key)
        for name, quantity in [_asked(field, value)]
        if name
    ]
    if kube.has_shorthands(manifest.group, manifest.kind):
        found += _shorthands(manifest, entries)
    pods = [(pod.field, pod) for pod in kube.podspecs(manifest.body)] if found else []
    for field, name, quantity in found:
        match = ruleset.resource(rules, name)
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
            resource=name,
            quantity=quantity,
            rule=match.rule.name if match else "",
            line=line,
            column=column,
            shape=shape,
            container=container or _name_above(manifest.body, field),
        )


def _shorthands(manifest: Manifest, entries: Entries) -> Iterator[tuple[Field, str, str]]:
    """The field, resource and quantity of what the object asks for in a word of its kind."""
    for field, _ in entries:
        short = kube.shorthand(manifest.group, manifest.kind, manifest.body, field)
        if short:
            yield field, short.resource, short.quantity


def is_capacity(field: Field) -> bool:
    """Whether the field bounds a namespace, a pool or a node instead of asking for a container.

    Source: ResourceQuota `spec.hard`; LimitRange and NodePool `spec.limits`; Node `status`.
    """
    return field[:2] == ("spec", "limits") or bool(_NOT_ASKED.intersection(field[:-1]))


def _asked(field: Field, value: Any) -> tuple[str, str]:
    """The resource name and quantity asked for at this field, or two empty strings."""
    key = field[-1]
    if isinstance(key, int):
        return _by_value(value) if isinstance(value, dict) else ("", "")
    above = field[-2:-1]
    if "{{" in key and above and above[0] in _MAPS and not is_capacity(field):
        # A DeviceClass answers for this name already, whichever class it turns out to be.
        is_class = key.startswith(kube.CLASS_RESOURCE_PREFIX)
        return ("", "") if is_class else (key, as_text(value))
    if "/" in key and kube.is_device_resource(key) and not is_capacity(field):
        near = {*above, *_MAPS.intersection(field[-3:-2])}
        if near & ASKS:
            return key, as_text(value)
    if isinstance(value, dict):
        return _by_value(value)
    return "", ""


def _by_value(value: Mapping[str, Any]) -> tuple[str, str]:
    """The resource named by a value: a JSON Patch operation, or a name with a quantity.

    Source: RFC 6902; SparkApplication `spec.executor.gpu {name, quantity}`.
    """
    path = value.get("path")
    if isinstance(path, str) and isinstance(value.get("op"), str):
        found = _PATCH_PATH.search(path)
        name = found["name"].replace("~1", "/").replace("~0", "~") if found else ""
        if kube.is_device_resource(name):
            return name, as_text(value.get("value", value["op"]))
    name = value.get("name", "")
    if set(value) == {"name", "quantity"} and isinstance(name, str):
        return (name, as_text(value["quantity"])) if kube.is_device_resource(name) else ("", "")
    return "", ""


def _name_above(body: Any, field: Field) -> str:
    """The name of the nearest list item that has one and stands above the field."""
    name, here = "", body
    for key in field[:-1]:
        here = here[key]
        if isinstance(key, int) and isinstance(here, dict) and isinstance(here.get("name"), str):
            name = here["name"]
    return name
