"""Edits that are moves: what they take from one place they put, more or less, into another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from migrate.model import Field
from migrate.yamltext.meaning import Ops, lookup, order
from migrate.yamltext.values import is_same


@dataclass(frozen=True, slots=True)
class Part:
    """An entry that is removed or added, or one below it; `home` is the container of the edit."""

    home: Field
    path: Field
    value: Any

    @property
    def is_whole(self) -> bool:
        return len(self.path) == len(self.home) + 1

    @property
    def edited(self) -> Field:
        """The entry that the edit itself removes or adds."""
        return self.path[: len(self.home) + 1]


def pairs(body: Any, ops: dict[Field, Ops]) -> list[tuple[Part, Part]]:
    """Entries that are removed and those like them that are added, the nearest together.

    No entry leaves its list item, and at one end at least it is the edit's own. Below another
    container than before it is equal; below the same, values in it may change on the way.
    """
    there: dict[tuple[Field, Any], list[Part]] = {}
    for part in _removed(body, ops):
        there.setdefault((_item(part.path), part.path[-1]), []).append(part)
    fits = [
        (one, other)
        for other in _added(ops)
        for one in there.get((_item(other.path), other.path[-1]), ())
        if (one.is_whole or other.is_whole) and _is_like(one, other)
    ]
    fits.sort(key=_rank)
    chosen: dict[tuple[bool, Field], tuple[Part, Part]] = {}
    touched: set[tuple[bool, Field]] = set()
    for fit in fits:
        # An end is free where nothing at it, above it or below it is taken.
        ends = [(part is fit[0], part.path) for part in fit]
        above = {(side, path[:n]) for side, path in ends for n in range(1, len(path))}
        if touched.isdisjoint(ends) and chosen.keys().isdisjoint(above):
            chosen |= dict.fromkeys(ends, fit)
            touched.update(ends, above)
    return list({id(fit): fit for fit in chosen.values()}.values())


def _is_like(one: Part, other: Part) -> bool:
    """Whether the one may be the other, moved."""
    changed = changed_values(one.value, other.value)
    return changed == [] or (bool(changed) and one.home == other.home)


def _rank(fit: tuple[Part, Part]) -> tuple[Any, ...]:
    """What is equal goes before what changes, then the nearest, then what holds most."""
    is_changed = not is_same(fit[0].value, fit[1].value)
    return is_changed, -_common(fit), len(fit[1].path), order(fit[0].path)


def changed_values(old: Any, new: Any) -> list[tuple[Field, Any]] | None:
    """The values in one that are others in the other, None where the two have another form."""
    changed: list[tuple[Field, Any]] = []
    stack: list[tuple[Field, Any, Any]] = [((), old, new)]
    while stack:
        path, a, b = stack.pop()
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            stack.extend(((*path, key), value, b[key]) for key, value in a.items())
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            stack.extend(((*path, n), *pair) for n, pair in enumerate(zip(a, b, strict=True)))
        elif not is_same(a, b):
            changed.append((path, b))
    return None if any(not path for path, _ in changed) else changed


def _item(path: Field) -> Field:
    """The list item that a path leads into."""
    numbers = [n for n, step in enumerate(path, 1) if isinstance(step, int)]
    return path[: numbers[-1]] if numbers else ()


def _common(pair: tuple[Part, Part]) -> int:
    """How many steps two paths begin with together."""
    same = [a == b for a, b in zip(pair[0].path, pair[1].path, strict=False)]
    return [*same, False].index(False)


def _removed(body: Any, ops: dict[Field, Ops]) -> Iterator[Part]:
    for path, own in ops.items():
        for step in own.removes:
            if isinstance(step, str):
                yield from _parts(path, step, lookup(body, (*path, step)))


def _added(ops: dict[Field, Ops]) -> Iterator[Part]:
    for path, own in ops.items():
        for step, value in own.adds:
            if isinstance(step, str):
                yield from _parts(path, step, value)


def _parts(home: Field, step: str, value: Any) -> Iterator[Part]:
    """An entry and those of the mappings below it."""
    stack: list[tuple[Field, Any]] = [((*home, step), value)]
    while stack:
        path, inner = stack.pop()
        yield Part(home, path, inner)
        if isinstance(inner, dict):
            stack.extend(((*path, key), item) for key, item in inner.items())
