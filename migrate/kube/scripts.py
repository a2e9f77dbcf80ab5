"""Strings that are no YAML and make pods nevertheless: what asks for devices there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from migrate.kube.tables import table

_OPENS: Final = re.compile(
    # The header of a table in TOML; an assignment to a field; the end of a here-document.
    r"^[ \t]*(?:\[{1,2}[\w.]|[A-Za-z_]\w*(?:\.\w+)+[ \t]*=(?!=)|\w+[ \t]*$)"
    # A name, which no resource is, with a mapping, a list or lines of its own behind it.
    r"|(?<![\w./-])[A-Za-z_][\w.-]*\\?[\"']?[ \t]*(?:=(?!=)|:)[ \t]*"
    r"(?:[{\[]|dict\(|\"\"\"|'''|[|>][+-]?[ \t]*$|(?:#.*)?$)"
)
"""What opens something else, so that no word before it holds any more."""
_FORMS: Final = {
    "word": r"\b(?P<word>{})\b",
    "key": (
        r"(?:^[ \t-]*|[{{,][ \t]*)\\?[\"']?(?P<word>{})\\?[\"']?[ \t]*:"
        r"(?=[ \t]*(?:\{{|#.*$|$))"
    ),
}
"""A word that stands anywhere, or as a key of YAML or JSON with a mapping behind it."""


@dataclass(frozen=True, slots=True)
class Script:
    """A kind of such strings.

    Shape: `words` finds, as its group `word`, what says of all that follows whether it is asked
    for; it is where the word is one of `asks`, and else chooses nodes; `why` says where claims go
    instead.
    """

    words: re.Pattern[str]
    asks: frozenset[str]
    why: str

    def turns(self, line: str) -> list[tuple[int, str]]:
        """The places of a line where another word begins to hold, "" for none, in their order."""
        turns = [(found.start(), "") for found in _OPENS.finditer(line)]
        turns += [(found.start("word"), found["word"]) for found in self.words.finditer(line)]
        # What opens with a word begins where the word does, or before it.
        return sorted(turns, key=lambda turn: (turn[0], bool(turn[1])))


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
                re.compile(
                    _FORMS[entry.get("form", "word")].format(
                        "|".join(map(re.escape, entry["asks"] + entry["places"]))
                    )
                ),
                frozenset(entry["asks"]),
                entry["why"],
            ),
        )
        for entry in table("scripts")["scripts"]
    )
