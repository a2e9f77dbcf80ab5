"""What a repository's `.gitignore` files leave out.

Own translation to regular expressions, with atomic groups: whoever writes the repository writes
the patterns too, and backtracking ones (`**/a/**/a/**/b`) can take minutes on one long path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BYTES: Final = 64 * 1024
_LINES: Final = 2_000
_LENGTH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file: `match` takes a path relative to the file, without final `/`."""

    match: re.Pattern[str]
    is_negated: bool
    is_for_directories: bool


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns, last line first, that hold below `directory`; then those `above`."""

    directory: str
    patterns: tuple[Pattern, ...]
    above: Ignore | None

    def is_ignored(self, path: str, *, is_directory: bool = False) -> bool:
        """Whether git leaves out `path` (absolute, below the directory) where its parent stays."""
        rules: Ignore | None = self
        while rules is not None:
            name = path[len(rules.directory) :].replace(os.sep, "/").lstrip("/")
            for pattern in rules.patterns:
                is_meant = is_directory or not pattern.is_for_directories
                if is_meant and pattern.match.fullmatch(name):
                    return not pattern.is_negated
            rules = rules.above
        return False


def below(directory: str, above: Ignore | None) -> Ignore | None:
    """The rules that hold in `directory` (an absolute path), given those of its parent.

    Source: gitignore(5): the nearest file decides, within a file the last line; a repository
    starts anew, and its `info/exclude` comes after all its `.gitignore` files.
    """
    git = os.path.join(directory, ".git")
    if os.path.lexists(git):
        above = _with(directory, os.path.join(git, "info", "exclude"), None)
    return _with(directory, os.path.join(directory, ".gitignore"), above)


def at(directory: str) -> Ignore | None:
    """The rules that hold in `directory` (an absolute path), from the top of its repository down.

    A directory that its own repository ignores was asked for by name: the rules above it rest.
    """
    chain = [directory]
    while not os.path.lexists(os.path.join(chain[-1], ".git")):
        parent = os.path.dirname(chain[-1])
        if parent == chain[-1]:
            return below(directory, None)
        chain.append(parent)
    rules: Ignore | None = None
    for place in reversed(chain):
        if rules is not None and rules.is_ignored(place, is_directory=True):
            rules = None
        rules = below(place, rules)
    return rules


def patterns(text: str) -> tuple[Pattern, ...]:
    """The patterns of an ignore file, last line first, without those that are none."""
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > _LINES:
        return ()
    found = (pattern(line) for line in reversed(lines) if len(line) <= _LENGTH)
    return tuple(p for p in found if p is not None)


def pattern(line: str) -> Pattern | None:
    """The pattern that a line of an ignore file stands for, None for a comment or nonsense.

    Source: gitignore(5), wildmatch.c
    """
    line = _TRAILING.sub(r"\1", line)
    if not line or line.startswith("#"):
        return None
    is_negated = line.startswith("!")
    glob = line[is_negated:]
    is_for_directories = glob.endswith("/")
    glob = glob.removesuffix("/")
    anchored = glob.removeprefix("/") if "/" in glob else f"**/{glob}"
    parts = _SLASH.sub(r"\1/", anchored).split("/")
    if "" in parts:
        return None
    try:
        regex = re.compile(_path(parts), re.DOTALL)
    except (ValueError, re.error):
        return None
    return Pattern(regex, is_negated, is_for_directories)


_SLASH: Final = re.compile(r"((?:^|[^\\])(?:\\\\)*)\\/")
_TRAILING: Final = re.compile(r"((?:^|[^\\ ])(?:\\ )*) +$")
_TOKEN: Final = re.compile(
    r"(?P<star>\*+)|(?P<any>\?)|\\(?P<escaped>.)|(?P<bad>\\)"
    r"|\[(?P<not>[!^]?)(?P<members>\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*)\]|(?P<open>\[)|(?P<plain>.)",
    re.DOTALL,
)
_MEMBER: Final = re.compile(r"\[:(?P<named>[a-z]+):\]|\\(?P<escaped>.)|(?P<range>-)|(?P<plain>.)")
_NAMED: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


def _path(parts: list[str]) -> str:
    """A regular expression for a path of these components, some of them `**`.

    What follows a `**` is taken where it first fits and never given back: if the rest can match
    after a later place, it can match after the first as well.
    """
    if parts[-1] == "**":
        parts = [*parts, "*"]
    groups: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            groups.append([])
        else:
            groups[-1].append("".join(_component(part)))
    first, *rest = ["/".join(group) for group in groups]
    rest = [text for text in rest if text]
    regex = f"{first}/" if first and rest else first
    for number, text in enumerate(rest, 1):
        some = rf"(?:[^/]*/)*?{text}"
        regex += some if number == len(rest) else rf"(?>{some}/)"
    return regex


def _component(glob: str) -> Iterator[str]:
    """Regular expressions for the parts of one component, between its stars."""
    pieces: list[str] = [""]
    for token in _TOKEN.finditer(glob):
        if token["bad"] or token["open"]:
            raise ValueError(glob)
        if token["star"]:
            pieces.append("")
        elif token["any"]:
            pieces[-1] += "[^/]"
        elif token["members"] is not None:
            pieces[-1] += f"(?!/)[{'^' if token['not'] else ''}{_members(token['members'])}]"
        else:
            pieces[-1] += re.escape(token["escaped"] or token["plain"])
    first, *rest = pieces
    yield first
    for number, piece in enumerate(rest, 1):
        # As above: the first place where a piece fits is as good as any later one, but for the
        # last piece, which must reach the end of the component.
        if number < len(rest):
            yield rf"(?>[^/]*?{piece})" if piece else ""
        else:
            yield rf"[^/]*{piece}(?![^/])"


def _members(text: str) -> str:
    found = ""
    for member in _MEMBER.finditer(text):
        if member["named"]:
            found += _NAMED[member["named"]] if member["named"] in _NAMED else _unknown(text)
        else:
            found += "-" if member["range"] else re.escape(member["escaped"] or member["plain"])
    return found


def _unknown(text: str) -> str:
    raise ValueError(text)


def _with(directory: str, file: str, above: Ignore | None) -> Ignore | None:
    found = patterns(_text(file))
    return Ignore(directory, found, above) if found else above


def _text(file: str) -> str:
    """The text of an ignore file, "" of one that is missing or that no person would write."""
    try:
        # A link or a pipe in its place could lead out of the tree, or never end.
        if os.path.islink(file) or not os.path.isfile(file):
            return ""
        with open(file, "rb") as stream:
            data = stream.read(_BYTES + 1)
    except OSError:
        return ""
    return data.decode("utf-8", "surrogateescape") if len(data) <= _BYTES else ""
