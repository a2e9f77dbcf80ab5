"""Fields of custom kinds that ask for devices without a map of resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migrate.kube.names import is_device_resource
from migrate.kube.paths import is_at, steps
from migrate.kube.tables import table
from migrate.model import Field, as_text, at


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
    return f"{group}/{kind}" in table("shorthands")["kinds"]


def shorthand(group: str, kind: str, body: Any, field: Field) -> Shorthand | None:
    """What stands at `field` of an object if it asks for devices in a word of its kind."""
    for entry in _entries(group, kind):
        if not any(is_at(steps(path), field) for path in entry["at"]):
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
        named = at(body, (*field[:-1], entry["named"]))
        resource = named if isinstance(named, str) and named else entry["resource"]
        return Shorthand(resource, said, entry["why"], is_carried=True)
    return None


def _entries(group: str, kind: str) -> Iterator[Any]:
    known = table("shorthands")
    for name in known["kinds"].get(f"{group}/{kind}", ()):
        yield known["forms"][name]
