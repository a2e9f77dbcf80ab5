"""The rules, asked by name: which resource, label or marker is this, what does its value say?"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final, Generic, TypeVar

from migrate.errors import InputError
from migrate.model import Label, LabelValue, Marker, Part, Resource, Rule, RuntimeUsage, Sharing
from migrate.read.expression import expression
from migrate.read.rulefiles import rules, rules_directory, schema

__all__ = [
    "Match",
    "Stack",
    "expression",
    "label",
    "label_value",
    "marker",
    "resource",
    "rules",
    "rules_directory",
    "schema",
    "stack",
]

LONGEST_NAME: Final = 253 + 1 + 63
LONGEST_VALUE: Final = 63

Named = TypeVar("Named", Resource, Label, Marker)

_META: Final = frozenset(".^$*+?{}[]|()")


@dataclass(frozen=True, slots=True)
class Match:
    """The resource that answers for a name, and the text of its pattern's groups."""

    rule: Rule
    resource: Resource
    groups: Mapping[str, str]


def resource(rules: Sequence[Rule], name: str) -> Match | None:
    """The resource that answers for a name, or None.

    An exact name beats a pattern; of two patterns, the one with the longer literal beginning wins.
    Raises: `InputError` where two patterns have equal claims.
    """
    index = _index(rules)
    if exact := index.resources.names.get(name):
        return Match(*exact[0], {})
    found = [
        (len(prefix), Match(rule, each, match.groupdict("")))
        for prefix, rule, each, match in index.resources.matching(name)
    ]
    if not found:
        return None
    longest = max(length for length, _ in found)
    best = [match for length, match in found if length == longest]
    if len(best) > 1:
        raise InputError(
            f"{name} matches {best[0].resource.pattern} of {best[0].rule.name} "
            f"and {best[1].resource.pattern} of {best[1].rule.name} equally well",
            remedy="give one of them the exact name, or a longer literal beginning",
        )
    return best[0]


def label(rules: Sequence[Rule], key: str) -> tuple[tuple[Rule, Label], ...]:
    """Every rule's label that knows the key, exact keys first."""
    return _index(rules).labels.known(key)


def marker(rules: Sequence[Rule], section: str, name: str) -> tuple[Rule, Marker] | None:
    """The first marker of a section of `runtime` that knows the name or value, exact first."""
    known = _index(rules).markers[section].known(name)
    return known[0] if known else None


@dataclass(frozen=True, slots=True)
class Stack:
    """What rules know of plugins: parts by what tells them, and settings by their spellings.

    Shape: of two parts that are told by the same, the first rule's is there; `keys` are by the
    first of the keys that stand together.
    """

    kinds: Mapping[str, tuple[Rule, Part]]
    charts: Mapping[str, tuple[Rule, Part]]
    keys: Mapping[str, Sequence[tuple[Rule, Part]]]
    images: Sequence[tuple[re.Pattern[str], Rule, Part]]
    settings: Mapping[str, Sequence[tuple[Rule, Sharing]]]


def stack(rules: Sequence[Rule]) -> Stack:
    """What these rules know of plugins."""
    return _index(rules).stack


def label_value(label: Label, value: str) -> tuple[LabelValue, Mapping[str, str]] | None:
    """The first form that the value has, with the groups that `expression` fills in, or None."""
    if len(value) > LONGEST_VALUE:
        return None
    for form in label.values:
        if found := _compiled(form.match).fullmatch(value):
            return form, {**found.groupdict(""), "value": value}
    return None


@dataclass(frozen=True, slots=True)
class _Names(Generic[Named]):
    """Entries of rules by exact name, and those with a pattern behind its literal beginning."""

    names: Mapping[str, Sequence[tuple[Rule, Named]]]
    patterns: Sequence[tuple[str, Rule, Named]]

    def matching(self, name: str) -> Iterator[tuple[str, Rule, Named, re.Match[str]]]:
        """The entries whose pattern matches the whole name, with what matched."""
        if len(name) > LONGEST_NAME:
            return
        for prefix, rule, each in self.patterns:
            if name.startswith(prefix) and (match := _compiled(each.pattern).fullmatch(name)):
                yield prefix, rule, each, match

    def known(self, name: str) -> tuple[tuple[Rule, Named], ...]:
        """All entries that know the name, exact ones first."""
        known = list(self.names.get(name, ()))
        known.extend((rule, each) for _, rule, each, _ in self.matching(name))
        return tuple(known)


@dataclass(frozen=True, slots=True)
class _Index:
    resources: _Names[Resource]
    labels: _Names[Label]
    markers: Mapping[str, _Names[Marker]]
    stack: Stack


# Rules hold mappings and so have no hash: the few sets of rules in use are known by identity.
_indexes: deque[tuple[Sequence[Rule], _Index]] = deque(maxlen=4)


def _index(rules: Sequence[Rule]) -> _Index:
    for known, index in _indexes:
        if known is rules:
            return index
    sections = [field.name for field in fields(RuntimeUsage)]
    made = _Index(
        resources=_names((r, x) for r in rules if r.container for x in r.container.resources),
        labels=_names((r, x) for r in rules if r.placement for x in r.placement.labels),
        markers={
            section: _names((r, x) for r in rules if r.runtime for x in getattr(r.runtime, section))
            for section in sections
        },
        stack=_stack(rules),
    )
    if isinstance(rules, tuple):
        _indexes.appendleft((rules, made))
    return made


def _stack(rules: Sequence[Rule]) -> Stack:
    kinds: dict[str, tuple[Rule, Part]] = {}
    charts: dict[str, tuple[Rule, Part]] = {}
    keys: dict[str, list[tuple[Rule, Part]]] = {}
    images: list[tuple[re.Pattern[str], Rule, Part]] = []
    settings: dict[str, list[tuple[Rule, Sharing]]] = {}
    usages = [(rule, rule.plugin) for rule in rules if rule.plugin]
    for rule, part in ((rule, part) for rule, usage in usages for part in usage.parts):
        for kind in part.kinds:
            kinds.setdefault(kind, (rule, part))
        for chart in part.charts:
            charts.setdefault(chart, (rule, part))
        for key in part.keys[:1]:
            keys.setdefault(key, []).append((rule, part))
        if part.images:
            any_of = "|".join(f"(?:{pattern})" for pattern in part.images)
            images.append((_compiled(any_of), rule, part))
    for rule, sharing in ((rule, sharing) for rule, usage in usages for sharing in usage.sharing):
        for key in dict.fromkeys((sharing.key, *sharing.also)):
            settings.setdefault(key, []).append((rule, sharing))
    return Stack(kinds, charts, keys, images, settings)


def _names(entries: Iterable[tuple[Rule, Named]]) -> _Names[Named]:
    exact: dict[str, list[tuple[Rule, Named]]] = {}
    patterns: list[tuple[str, Rule, Named]] = []
    for rule, each in entries:
        if each.pattern:
            patterns.append((_prefix(each.pattern), rule, each))
        else:
            name = each.key if isinstance(each, Label) else each.name
            exact.setdefault(name, []).append((rule, each))
    return _Names(exact, patterns)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _prefix(pattern: str) -> str:
    """The literal text that every match of a pattern begins with."""
    if "|" in re.sub(r"\\.|\[[^\]]*\]|\([^()]*\)", "", pattern):
        return ""
    literal: list[str] = []
    rest = iter(pattern)
    for character in rest:
        if character == "\\":
            escaped = next(rest, "")
            if escaped.isalnum():
                break
            literal.append(escaped)
        elif character in _META:
            if character in "*?{":
                literal = literal[:-1]
            break
        else:
            literal.append(character)
    return "".join(literal)
