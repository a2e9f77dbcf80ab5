"""Objects as they were read, and their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal, Protocol

Via = Literal["file", "template", "stream", "helm", "kustomize", "cluster", "snapshot"]
Field = tuple[str | int, ...]
"""A path inside an object, such as `("spec", "containers", 0, "resources")`."""


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT
"""No value: as `Edit.old` the edit adds, as `Edit.new` it removes."""


Entries = tuple[tuple[Field, Any], ...]
"""The fields of an object with their values, in document order."""


def fields(body: Any) -> Iterator[tuple[Field, Any]]:
    """Every field below `body` with its value, in document order, without recursion.

    Shape: aliases share objects, so a shared part comes once for every place it is used at; the
    reader has bounded how often that can be.
    """
    stack: list[tuple[Field, Any]] = [((), body)]
    while stack:
        field, value = stack.pop()
        if field:
            yield field, value
        if isinstance(value, dict):
            stack += [((*field, key), value[key]) for key in reversed(value)]
        elif isinstance(value, list):
            stack += [((*field, i), value[i]) for i in range(len(value) - 1, -1, -1)]


def at(body: Any, field: Field) -> Any:
    """The value at `field`, ABSENT where there is none."""
    for key in field:
        if isinstance(body, Mapping) and isinstance(key, str):
            body = body.get(key, ABSENT)
        elif isinstance(body, list) and isinstance(key, int) and 0 <= key < len(body):
            body = body[key]
        else:
            return ABSENT
    return body


def as_text(value: Any) -> str:
    """A scalar as a manifest would write it; a collection as `{…}`, or `{}` when it is empty."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | list):
        return "{…}" if value else "{}"
    return str(value)


class Positions(Protocol):
    """Where the parts of one document stand in their text."""

    def position(self, field: Field) -> tuple[int, int]:
        """Line and column, both from 1, of the key (or the list item) that `field` names."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a manifest was read, and whether we may write there.

    Shape: `line` from 1 is the first line of the object; `readonly` says why we may not write,
    "" where we may; `document` counts the documents of the file from 0; `within` is the path of
    the object inside its document (`("items", 2)` for the third item of a List);
    `source` is what a renderer said of it (`chart/templates/x.yaml`), "" where nothing did.
    """

    via: Via
    path: str
    line: int = 1
    readonly: str = ""
    document: int = 0
    within: Field = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as read; `kind` is "" for a document that is not a Kubernetes object."""

    api_version: str
    kind: str
    namespace: str
    name: str
    body: Any
    origin: Origin
    positions: Positions

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def label(self) -> str:
        """`Kind namespace/name` for people; the path where there is no object."""
        if not self.kind:
            return self.origin.path
        name = self.name or "(no name)"
        return f"{self.kind} {self.namespace}/{name}" if self.namespace else f"{self.kind} {name}"

    def position(self, field: Field) -> tuple[int, int]:
        """Line and column, from 1, of a field of this object in its file."""
        return self.positions.position((*self.origin.within, *field))
