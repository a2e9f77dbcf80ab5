"""What edits mean: the object they leave, and what becomes of each container on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from migrate.errors import EditRefused
from migrate.model import ABSENT, Edit, Field


@dataclass(slots=True)
class Ops:
    """What becomes of the entries of one container, its items counted as they stand before.

    Shape: `places` are added keys that stand where a removed one stood.
    """

    sets: dict[str | int, Any] = field(default_factory=dict)
    removes: list[str | int] = field(default_factory=list)
    adds: list[tuple[Any, Any]] = field(default_factory=list)
    places: dict[Any, Any] = field(default_factory=dict)


def lookup(body: Any, path: Field) -> Any:
    """The value at `path`, or ABSENT."""
    for step in path:
        is_item = isinstance(body, list) and isinstance(step, int) and 0 <= step < len(body)
        if not is_item and not (isinstance(body, dict) and step in body):
            return ABSENT
        body = body[step]
    return body


def shown(path: Field) -> str:
    """A field as people write it: `spec.containers[0].resources`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "the document"


def outcome(
    body: Any, edits: Iterable[Edit], roots: Collection[Field] = frozenset()
) -> dict[Field, Ops]:
    """Per container that changes, what becomes of its entries; parents are made and pruned here.

    Raises: EditRefused where a path is missing, taken, or meant twice.
    """
    edits = list(edits)
    _check_apart(edits)
    ops: dict[Field, Ops] = {}
    lengths: dict[int, set[Field]] = {}

    def at(path: Field) -> Ops:
        lengths.setdefault(len(path), set()).add(path)
        return ops.setdefault(path, Ops())

    for edit in edits:
        if not edit.field:
            raise EditRefused("a document is not replaced as a whole")
        own, step = at(edit.field[:-1]), edit.field[-1]
        if edit.old is ABSENT:
            own.adds.append((step, edit.new))
        elif edit.new is ABSENT:
            own.removes.append(step)
        else:
            own.sets[step] = edit.new
    for length in range(max(lengths, default=-1), -1, -1):
        for path in sorted(lengths.get(length, ()), key=order):
            _settle(body, path, ops, at, roots)
    return ops


def order(path: Field) -> tuple[tuple[bool, int, str], ...]:
    """A key to sort fields by, numbers and names apart."""
    return tuple((isinstance(s, int), s if isinstance(s, int) else 0, str(s)) for s in path)


def _check_apart(edits: list[Edit]) -> None:
    """Raises: EditRefused where one edit stands at or below the place of another."""
    places = {edit.field for edit in edits}
    seen: set[Field] = set()
    for edit in edits:
        above = next(
            (edit.field[:n] for n in range(len(edit.field)) if edit.field[:n] in places), None
        )
        is_insert = bool(edit.field) and isinstance(edit.field[-1], int) and edit.old is ABSENT
        if above or (edit.field in seen and not is_insert):
            raise EditRefused(f"two edits mean the same place, {shown(above or edit.field)}")
        if not is_insert:
            seen.add(edit.field)


def _settle(
    body: Any,
    path: Field,
    ops: dict[Field, Ops],
    at: Callable[[Field], Ops],
    roots: Collection[Field],
) -> None:
    """Check the operations of one container; hand them to its parent where it is made or pruned."""
    own, container = ops[path], lookup(body, path)
    is_root = not path or path in roots
    if container is ABSENT or container is None or container in ({}, []):
        if own.sets or own.removes or (not path and container is None):
            raise EditRefused(f"{shown((*path, *[*own.sets, *own.removes][:1]))} does not exist")
        fresh = _made(path, own.adds, container)
        if not path:
            return
        parent = at(path[:-1])
        if container is ABSENT:
            parent.adds.append((path[-1], fresh))
        else:
            parent.sets[path[-1]] = fresh
        del ops[path]
        return
    _check_steps(path, container, own)
    if len(own.removes) == len(container) and not own.adds and not is_root:
        at(path[:-1]).removes.append(path[-1])
        del ops[path]


def _made(path: Field, adds: list[tuple[Any, Any]], container: Any) -> Any:
    """A new mapping or list of what is added to it."""
    numbers = [step for step, _ in adds if isinstance(step, int)]
    if isinstance(container, dict) and numbers:
        raise EditRefused(f"{shown(path)} is a mapping, not a list")
    if numbers or isinstance(container, list):
        if numbers != [0] * len(adds):
            raise EditRefused(f"{shown(path)} has no item to stand behind")
        return [value for _, value in adds]
    return dict(adds)


def _check_steps(path: Field, container: Any, own: Ops) -> None:
    """Raises: EditRefused where an operation does not fit what is there."""
    for step in [*own.sets, *own.removes]:
        if lookup(container, (step,)) is ABSENT:
            raise EditRefused(f"{shown((*path, step))} does not exist")
    for step, _ in own.adds:
        if isinstance(container, dict):
            fits = isinstance(step, str) and step not in container
        else:
            fits = isinstance(container, list) and isinstance(step, int)
            fits = fits and 0 <= step <= len(container)
        if not fits:
            raise EditRefused(f"nothing can be added at {shown((*path, step))}")


def is_rename(own: Ops) -> bool:
    """Whether the one added key takes the place of the one removed."""
    return len(own.removes) == len(own.adds) == 1 and isinstance(own.adds[0][0], str)


def intended(body: Any, edits: Iterable[Edit]) -> Any:
    """The object after the edits; mappings and lists that they empty go too, up to the root.

    Raises: EditRefused where a path is missing, taken, or meant twice.
    """
    return applied(body, outcome(body, edits))


def applied(body: Any, ops: dict[Field, Ops]) -> Any:
    """The object with the operations done to copies of the containers on their way."""
    levels: dict[int, set[Field]] = {}
    for path in ops:
        for length in range(len(path) + 1):
            levels.setdefault(length, set()).add(path[:length])
    kids: dict[Field, dict[Any, Any]] = {}
    result = body
    for length in sorted(levels, reverse=True):
        for path in levels[length]:
            changed = kids.get(path, {})
            own = ops.get(path) or Ops()
            result = _changed(lookup(body, path), own, {**own.sets, **changed})
            if path:
                kids.setdefault(path[:-1], {})[path[-1]] = result
    return result


def _changed(container: Any, own: Ops, sets: dict[Any, Any]) -> Any:
    """A copy of one container with its operations done."""
    if isinstance(container, list):
        new: list[Any] = []
        for index in range(len(container) + 1):
            new.extend(value for at, value in own.adds if at == index)
            if index < len(container) and index not in own.removes:
                new.append(sets.get(index, container[index]))
        return new
    result: dict[str, Any] = {}
    for key, value in container.items():
        if key not in own.removes:
            result[key] = sets.get(key, value)
        elif is_rename(own):
            result.update(own.adds)
    result.update(own.adds)
    return result
