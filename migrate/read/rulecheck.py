"""What types cannot say about a rule: names, patterns, expressions, rules beside one another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from migrate.model import DeviceClass, Field, Label, LabelValue, Marker, Part, Resource, Rule
from migrate.read.expression import HOLE, Token, tokens

Mistake = tuple[Field, str]
"""A field of the rule, and what is wrong with it."""

LONGEST_PATTERN: Final = 400
MOST_REPEATS: Final = 5

_DNS_LABEL: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NAME: Final = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")
_KIND: Final = re.compile(r"[a-z0-9.-]+/[A-Z][A-Za-z0-9]*")
_SETTING: Final = re.compile(r"[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*", re.ASCII)
_PATTERN_TOKEN: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<\w+>|\(\?:|\(\?.?|[()]|[*+?]|\{[0-9]*,?[0-9]*\}|.",
    re.DOTALL,
)
_ASKED: Final = re.compile(
    r"""\bdevice\.(?:driver\b|allowMultipleAllocations\b
      |(?:attributes|capacity)\[""\]\.\??[A-Za-z_]\w*)""",
    re.VERBOSE,
)
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


def mistakes(rule: Rule, name: str) -> Iterator[Mistake]:
    """What is wrong with one rule by itself; `name` is what its path calls it."""
    if rule.name != name:
        yield ("name",), f"the file's place calls it {name}, its name says {rule.name}"
    if not _NAME.fullmatch(rule.name):
        yield ("name",), "a name is <vendor>/<family>, in small letters, digits and dashes"
    if not any(source.strip() for source in rule.sources):
        yield ("sources",), "no source is given"
    for field, part in _parts(rule):
        for inner, what in _mistakes_of(part):
            yield (*field, *inner), what


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that does not go with the other rules, and where the other stands, if any."""

    rule: Rule
    field: Field
    what: str
    other: Rule | None = None
    other_field: Field = ()


def clashes(rules: Sequence[Rule]) -> Iterator[Clash]:
    """Names and classes that stand in two places, and classes that stand nowhere."""
    everything = [(rule, field, part) for rule in rules for field, part in _parts(rule)]
    seen: dict[tuple[type, str], tuple[Rule, Field]] = {}
    for rule, field, part in everything:
        if isinstance(part, DeviceClass | Resource) and part.name:
            at = (*field, "name")
            first = seen.setdefault((type(part), part.name), (rule, at))
            if first != (rule, at):
                yield Clash(rule, at, f"{part.name} is already in", *first)
    for rule, field, part in everything:
        named = part.device_class if isinstance(part, Resource | LabelValue) else ""
        if named and (DeviceClass, named) not in seen:
            yield Clash(rule, (*field, "device_class"), f"no rule has a class {named}")


def _parts(value: Any, at: Field = ()) -> Iterator[tuple[Field, Any]]:
    """Every dataclass inside a rule, with its path."""
    if is_dataclass(value):
        if at:
            yield at, value
        for each in fields(value):
            yield from _parts(getattr(value, each.name), (*at, each.name))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _parts(item, (*at, number))


def _mistakes_of(part: Any) -> Iterator[Mistake]:
    match part:
        case Resource():
            yield from _of_resource(part)
        case Label():
            yield from _one_of(part.key, part.pattern, "key")
            yield from _of_term(("guard",), part.guard, ())
            yield from _of_term(("number",), part.number, ())
        case LabelValue():
            yield from _of_value(part)
        case Marker():
            yield from _one_of(part.name, part.pattern, "name")
        case Part():
            yield from _of_part(part)
        case DeviceClass():
            for number, selector in enumerate(part.selectors):
                yield from _of_cel(("selectors", number), selector, ())


def _of_resource(resource: Resource) -> Iterator[Mistake]:
    yield from _one_of(resource.name, resource.pattern, "name")
    if resource.maps != "exact" and not resource.why:
        yield (), f"maps is {resource.maps} and there is no why"
    if resource.allocation_mode == "All" and not resource.why:
        yield (), "allocation_mode is All and there is no why"
    if resource.maps == "exact" and not resource.device_class:
        yield (), "maps is exact and there is no device_class"
    if resource.share and not (resource.maps == "approx" and resource.device_class):
        yield (), "a share is approx, of devices of a device_class"
    if resource.noun and not _DNS_LABEL.fullmatch(resource.noun):
        yield ("noun",), f"{resource.noun} is not a DNS label"
    if resource.device_class and not resource.noun:
        yield (), "there is a device_class and no noun to name claims by"
    groups = _groups(resource.pattern)
    yield from _of_replacements(resource.groups, groups)
    for number, selector in enumerate(resource.selectors):
        yield from _of_term(("selectors", number), selector, groups)


def _of_part(part: Part) -> Iterator[Mistake]:
    if not (part.images or part.kinds or part.charts or part.keys):
        yield (), "there is no image, kind, chart or key to know it by"
    for number, image in enumerate(part.images):
        yield from _of_pattern(("images", number), image)
    for number, kind in enumerate(part.kinds):
        if not _KIND.fullmatch(kind):
            yield ("kinds", number), f"{kind} is not <group>/<Kind>"
    for key in part.disabled_by:
        if not _SETTING.fullmatch(key):
            yield ("disabled_by", key), f"{key} is not keys with dots between"


def _of_value(value: LabelValue) -> Iterator[Mistake]:
    yield from _of_pattern(("match",), value.match)
    if value.maps != "exact" and not value.why:
        yield (), f"maps is {value.maps} and there is no why"
    groups = ("value", *_groups(value.match))
    yield from _of_replacements(value.groups, groups)
    yield from _of_term(("cel",), value.cel, groups)


def _of_replacements(
    replacements: Mapping[str, Mapping[str, str]], groups: Sequence[str]
) -> Iterator[Mistake]:
    for group, pairs in replacements.items():
        if group not in groups:
            yield ("groups", group), f"the pattern has no group {group}"
        if "" in pairs:
            yield ("groups", group), "an empty text cannot be replaced"


def _one_of(exact: str, pattern: str, word: str) -> Iterator[Mistake]:
    if bool(exact) == bool(pattern):
        yield (), f"exactly one of {word} and pattern is to be given"
    yield from _of_pattern(("pattern",), pattern)


def _groups(pattern: str) -> tuple[str, ...]:
    try:
        return tuple(re.compile(pattern).groupindex)
    except (re.error, RecursionError, OverflowError):
        return ()


def _of_pattern(field: Field, pattern: str) -> Iterator[Mistake]:
    """A pattern has to be quick on any text: it repeats characters, not groups, and not often."""
    if len(pattern) > LONGEST_PATTERN:
        yield field, f"a pattern has at most {LONGEST_PATTERN} characters"
        return
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        yield field, f"not a regular expression: {error}"
        return
    parts = _PATTERN_TOKEN.findall(pattern)
    repeats = [n for n, part in enumerate(parts) if part in ("*", "+") or part[:1] == "{" != part]
    if any(n and parts[n - 1] == ")" for n in repeats):
        yield field, "a group may be optional, but not repeated"
    if len(repeats) > MOST_REPEATS:
        yield field, f"a pattern has at most {MOST_REPEATS} repetitions"
    if any(part.startswith("(?") and part != "(?:" and part[:4] != "(?P<" for part in parts):
        yield field, "groups are (...), (?:...) or (?P<name>...)"
    if any(part[0] == "\\" and part[1:].isdigit() for part in parts):
        yield field, "a pattern may not refer back to a group"
    if any(part in ("^", "$") for part in parts):
        yield field, "the whole text must match anyway: no ^ and no $"


def _of_cel(field: Field, text: str, groups: Sequence[str]) -> Iterator[Mistake]:
    if not text:
        return
    parts = tuple(tokens(text))
    if odd := [part.text for part in parts if part.kind == "bad"]:
        yield field, f"odd quotes or a comment at {odd[0]}"
        return
    yield from _of_holes(field, parts, groups)
    if unmatched := _unmatched(parts):
        yield field, f"{unmatched} has no other half"
    outside = "".join('""' if part.kind == "string" else part.text for part in parts)
    if len(re.findall(r"\bdevice\b", outside)) != len(_ASKED.findall(outside)):
        yield field, 'a device is asked by driver, attributes["<domain>"].<id> or capacity likewise'


def _of_term(field: Field, text: str, groups: Sequence[str]) -> Iterator[Mistake]:
    """What is wrong with CEL that others are put beside with `&&`."""
    yield from _of_cel(field, text, groups)
    depth = 0
    for part in tokens(text):
        depth += (part.kind == "open") - (part.kind == "close")
        if part.kind == "other" and not depth and ("||" in part.text or "? " in part.text):
            yield field, "an expression with || or ? : is to stand in brackets"
            return


def _of_holes(field: Field, parts: Sequence[Token], groups: Sequence[str]) -> Iterator[Mistake]:
    before = ""
    for part in parts:
        holes = HOLE.findall(part.text) if part.kind in ("string", "hole") else []
        for hole in holes:
            if hole not in groups:
                yield field, f"{{{hole}}} is no group of the pattern"
        if part.kind == "string" and holes and part.text[0] == "'":
            yield field, f"{{{holes[0]}}} stands in single quotes, where it is not safe"
        if part.kind == "string" and holes and re.search(r"\bmatches\s*\(\s*$", before):
            yield field, f"{{{holes[0]}}} stands in a regular expression, where it is not safe"
        before += part.text


def _unmatched(parts: Sequence[Token]) -> str:
    """The first bracket without its other half, "" where all have theirs."""
    open_ones: list[str] = []
    for part in parts:
        if part.kind == "open":
            open_ones.append(part.text)
        elif part.kind == "close" and (not open_ones or open_ones.pop() != _PAIRS[part.text]):
            return part.text
    return open_ones[-1] if open_ones else ""
