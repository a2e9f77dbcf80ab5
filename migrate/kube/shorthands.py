"""Fields of custom kinds that ask for devices without a map of resources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from migrate.kube.names import is_device_resource
from migrate.kube.paths import is_at, steps
from migrate.kube.tables import table
from migrate.model import Field, as_text, at

_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A field that asks for devices in a word of its kind.

    Shape: `resource` is the extended resource that the kind's controller makes of it; `why` says
    what it does besides, and where the kind takes claims; `is_carried` is whether the same
    resource, served by a DeviceClass that carries its name, does as well.
    """

    resource: str
    quantity: str
    why: str
    is_carried: bool


def has_shorthands(group: str, kind: str) -> bool:
    """Whether a kind has such fields."""
    known = table("shorthands")
    return any(f"{group}/{kind}" in known[section] for section in ("kinds", "selectors"))


def shorthand(group: str, kind: str, body: Any, field: Field) -> Shorthand | None:
    """What stands at `field` of an object if it asks for devices in a word of its kind."""
    for entry in _entries("kinds", group, kind):
        groups = _groups(entry, field)
        if groups is None:
            continue
        value = at(body, field)
        if isinstance(value, dict | list) or value is None:
            return None
        said = as_text(value)
        if not said:
            return None
        if "resource" not in entry:
            is_name = is_device_resource(said)
            return Shorthand(said, "1", entry["why"], is_carried=False) if is_name else None
        resource = _resource(entry, groups, body, field)
        why = str(entry["why"]).format(**groups)
        return Shorthand(resource, said, why, is_carried=True) if resource else None
    return None


def _resource(entry: Any, groups: dict[str, str], body: Any, field: Field) -> str:
    """The name that a number stands for, "" where what is beside it leaves none."""
    found = at(body, (*field[:-1], entry["named"].format(**groups)))
    named = found if isinstance(found, str) else ""
    if "key" not in entry:
        return named or str(entry["resource"])
    resource = str(entry["resource"]).format(named=named, **groups)
    return resource if is_device_resource(resource) else ""


def selected(group: str, kind: str, field: Field) -> str:
    """The node label that a field of a kind chooses nodes by in its own way, "" for none."""
    found = (_groups(entry, field) for entry in _entries("selectors", group, kind))
    return next((groups["label"] for groups in found if groups), "")


def _groups(entry: Any, field: Field) -> dict[str, str] | None:
    """What the last key of a field says where the entry is about it, None where it is not."""
    if not any(is_at(steps(path), field) for path in entry["at"]):
        return None
    if "key" not in entry:
        return {}
    found = re.fullmatch(entry["key"], str(field[-1])[:_LONGEST])
    return found.groupdict() if found else None


def _entries(section: str, group: str, kind: str) -> Iterator[Any]:
    known = table("shorthands")
    for name in known[section].get(f"{group}/{kind}", ()):
        yield known["forms"][name]
