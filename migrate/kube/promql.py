"""PromQL as far as labels go: what a query asks by, and what it says of resources."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_ESCAPED: Final = re.compile(r"\\+[nrt]?")

_OF_POD: Final = r"\b(?:exported_)?(?:(?:pod|container|namespace)(?:_name)?|pod_namespace)\b"
_STRING: Final = r"[\"'`][^\"'`]{0,200}[\"'`]\s*,\s*"
_BY_POD: Final = re.compile(
    rf"(?P<matched>{_OF_POD}\s*(?:=~|!=|!~|=)\s*[\"'`])"
    rf"|\b(?P<word>by|on|group_left|group_right)\s*\([^()]*{_OF_POD}[^()]*(?P<close>\)?)"
    rf"|(?P<read>,\s*{_STRING}{_STRING}(?:{_STRING}){{0,8}}[\"'`]{_OF_POD}\s*[\"'`])"
    rf"|\blabel_values\s*\((?P<listed>[^()]{{0,500}}),\s*{_OF_POD}\s*\)"
)
"""A matcher, a grouping, what label_replace and label_join read (not what they write), or the
values of a label that a variable of a dashboard lists."""
_ALL_BUT: Final = re.compile(r"\b(?P<word>without|ignoring)\s*\((?P<labels>[^()]*)(?P<close>\))")
_BRACKET: Final = re.compile(r"[(){}]")
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\s*\Z")
_LONGEST_NAME: Final = 200
_OPENS: Final = re.compile(r"\s*\(")
_CLOSED: Final = re.compile(r"\)\s*\Z")
_LABEL_OF_POD: Final = re.compile(_OF_POD)
_KINDS: Final = ("namespace", "container", "pod")

_MATCHER: Final = re.compile(
    r"\bresource(?:_name|_type)?\s*(?P<operator>=~|!=|!~|=)\s*[\"'`](?P<value>[^\"'`]{1,2000})"
)
_GROUP: Final = re.compile(r"\((?:\?:)?(?P<held>[^()]*)\)(?P<often>[*+?{])?")
_PLAIN: Final = re.compile(r"(?:\.[*+]?|[\w/:-](?![*+?{]))*", re.ASCII)
_MOST: Final = 64
_MOST_GROUPS: Final = 4
_LONGEST: Final = 200


def flat(text: str) -> str:
    """The text with blanks for what strings within strings escape; all else stays in its place."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: " " * len(found[0]), text)


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """A place where a text asks by pod, and the part of its query that the question is put to."""

    place: int
    start: int
    end: int


def asked_by_pod(text: str) -> list[Asked]:
    """Where a flat text asks by the pod, namespace or container, in the order of the places.

    Shape: all labels but some are asked by where one of the three is among the rest; the part is
    what a selector, an aggregation or a function holds, and of a join the whole text.
    """
    nest = _nest(text)
    asked = [Asked(found.start(), *_part(text, nest, found)) for found in _BY_POD.finditer(text)]
    for found in _ALL_BUT.finditer(text):
        left = {
            next(kind for kind in _KINDS if kind in label)
            for label in _LABEL_OF_POD.findall(found["labels"])
        }
        if 0 < len(left) < len(_KINDS):
            asked.append(Asked(found.start(), *_grouped(text, nest, found)))
    return sorted(asked)


@dataclass(frozen=True, slots=True)
class _Nest:
    """The brackets of a text.

    Shape: `places` are all in their order, `within` says for each the one whose inside begins or
    goes on behind it, by "(" and "{", -1 for none; `partners` are those that belong together.
    """

    places: list[int]
    within: dict[str, list[int]]
    partners: dict[int, int]

    def around(self, place: int, kind: str) -> int:
        """The nearest bracket of a kind that is open at this place, -1 for none."""
        before = bisect_left(self.places, place)
        return self.within[kind][before - 1] if before else -1


def _nest(text: str) -> _Nest:
    open_now: dict[str, list[int]] = {"(": [], "{": []}
    nest = _Nest([], {"(": [], "{": []}, {})
    for found in _BRACKET.finditer(text):
        place, bracket = found.start(), found[0]
        stack = open_now["(" if bracket in "()" else "{"]
        if bracket in open_now:
            stack.append(place)
        elif stack:
            nest.partners[place] = stack[-1]
            nest.partners[stack.pop()] = place
        nest.places.append(place)
        for kind, places in nest.within.items():
            places.append(open_now[kind][-1] if open_now[kind] else -1)
    return nest


def _part(text: str, nest: _Nest, found: re.Match[str]) -> tuple[int, int]:
    """The part of a text that is asked by pod in one of the ways to."""
    if found["word"]:
        return _grouped(text, nest, found)
    if found["listed"] is not None:
        return found.span("listed")
    start = nest.around(found.start(), "{" if found["matched"] else "(")
    if start < 0:
        return 0, len(text)
    end = nest.partners.get(start, len(text))
    if not found["matched"]:
        return start, end
    first = max(0, start - _LONGEST_NAME)
    metric = _METRIC.search(text[first:start])
    return first + metric.start() if metric else start, end


def _grouped(text: str, nest: _Nest, found: re.Match[str]) -> tuple[int, int]:
    """What an aggregation holds, before its labels or behind them; of a join, the whole text."""
    if found["word"] in {"by", "without"} and found["close"]:
        behind = _OPENS.match(text, found.end())
        if behind:
            return behind.end(), nest.partners.get(behind.end() - 1, len(text))
        first = max(0, found.start() - _LONGEST_NAME)
        before = _CLOSED.search(text[first : found.start()])
        if before:
            close = first + before.start()
            return nest.partners.get(close, 0), close
    return 0, len(text)


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a query says of a label that holds a resource, between two places of its text.

    Shape: `values` are texts in which, if `is_pattern`, a dot is any character and `.*` or `.+`
    any characters; `is_left_out` where it asks for all but them.
    """

    start: int
    end: int
    values: tuple[str, ...]
    is_pattern: bool
    is_left_out: bool


def matchers(text: str) -> Iterator[Matcher]:
    """What a flat text says of the labels that hold a resource.

    Source: kube-state-metrics (resource); kubernetes/kubernetes pkg/kubelet/metrics/metrics.go
    (resource_name); autoscalers that make nodes (resource_type).
    """
    for found in _MATCHER.finditer(text):
        operator, value = found["operator"], found["value"].replace(" ", "")
        is_pattern = operator[-1] == "~"
        yield Matcher(
            found.start(),
            found.end(),
            _alternatives(value) if is_pattern else (value,),
            is_pattern,
            operator[0] == "!",
        )


@lru_cache(maxsize=256)
def _alternatives(pattern: str) -> tuple[str, ...]:
    """What a regular expression matches, one by one; the rest of what is not plain is `.*`."""
    left, found = [pattern], list[str]()
    is_short = pattern.count("(") <= _MOST_GROUPS
    while is_short and left and len(left) + len(found) < _MOST:
        each = left.pop(0)
        group = _GROUP.search(each)
        if group is None:
            found.append(each)
            continue
        held = [".*"] if group["often"] else group["held"].split("|", _MOST)[:_MOST]
        left += [each[: group.start()] + one + each[group.end() :] for one in held]
    each_one = (one for each in (*found, *left) for one in each.split("|", _MOST)[:_MOST])
    return tuple(dict.fromkeys(_plain(one.strip("^$")) for one in each_one if len(one) <= _LONGEST))


def _plain(alternative: str) -> str:
    found = _PLAIN.match(alternative)
    plain = found[0] if found else ""
    return plain if len(plain) == len(alternative) else f"{plain.removesuffix('.*')}.*"
