"""Strings that are no YAML and make pods nevertheless: what asks for devices there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from migrate.kube.tables import table


@dataclass(frozen=True, slots=True)
class Script:
    """A kind of such strings.

    Shape: `words` finds what says of all that follows whether it is asked for, until the next of
    them; it is where the word is one of `asks`, and else chooses nodes; `why` says where claims
    go instead.
    """

    words: re.Pattern[str]
    asks: frozenset[str]
    why: str


def script(text: str) -> Script | None:
    """What a text is of these, None where it is none."""
    for marks, found in _scripts():
        if any(all(word in text for word in each) for each in marks):
            return found
    return None


@cache
def _scripts() -> tuple[tuple[tuple[tuple[str, ...], ...], Script], ...]:
    return tuple(
        (
            tuple(map(tuple, entry["marks"])),
            Script(
                re.compile(rf"\b(?:{'|'.join(map(re.escape, entry['asks'] + entry['places']))})\b"),
                frozenset(entry["asks"]),
                entry["why"],
            ),
        )
        for entry in table("scripts")["scripts"]
    )
