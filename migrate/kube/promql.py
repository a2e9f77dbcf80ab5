"""PromQL as far as labels go: what a query asks by, and what it says of `resource`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_ESCAPED: Final = re.compile(r"\\+[nrt]?")

_OF_POD: Final = r"\b(?:exported_)?(?:(?:pod|container|namespace)(?:_name)?|pod_namespace)\b"
_STRING: Final = r"[\"'`][^\"'`]{0,200}[\"'`]\s*,\s*"
_BY_POD: Final = re.compile(
    rf"{_OF_POD}\s*(?:=~|!=|!~|=)\s*[\"'`]"
    rf"|\b(?:by|on|group_left|group_right)\s*\([^()]*{_OF_POD}"
    rf"|,\s*{_STRING}{_STRING}(?:{_STRING}){{0,8}}[\"'`]{_OF_POD}\s*[\"'`]"
)
"""A matcher, a grouping, or what label_replace and label_join read: not what they write."""
_ALL_BUT: Final = re.compile(r"\b(?:without|ignoring)\s*\((?P<labels>[^()]*)\)")
_LABEL_OF_POD: Final = re.compile(_OF_POD)
_KINDS: Final = ("namespace", "container", "pod")

_MATCHER: Final = re.compile(
    r"\bresource\s*(?P<operator>=~|!=|!~|=)\s*[\"'`](?P<value>[^\"'`]{1,2000})"
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


def asked_by_pod(text: str) -> list[int]:
    """The places, in their order, where a flat text asks by the pod, namespace or container.

    Shape: all labels but some are asked by where one of the three is among the rest.
    """
    places = [found.start() for found in _BY_POD.finditer(text)]
    for found in _ALL_BUT.finditer(text):
        left = {
            next(kind for kind in _KINDS if kind in label)
            for label in _LABEL_OF_POD.findall(found["labels"])
        }
        if 0 < len(left) < len(_KINDS):
            places.append(found.start())
    return sorted(places)


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a query says of the label `resource`, between two places of its text.

    Shape: `values` are texts in which, if `is_pattern`, a dot is any character and `.*` or `.+`
    any characters; `is_left_out` where it asks for all but them.
    """

    start: int
    end: int
    values: tuple[str, ...]
    is_pattern: bool
    is_left_out: bool


def matchers(text: str) -> Iterator[Matcher]:
    """What a flat text says of the label `resource`."""
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
