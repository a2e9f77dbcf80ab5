"""Unified diffs that `git apply` accepts, made from splices: spans know their hunks."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_CONTEXT: Final = 3
_NO_NEWLINE: Final = b"\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines `start` to `end` of the text before (from 0, `end` left out), and their replacement."""

    start: int
    end: int
    new: tuple[bytes, ...]


def hunks(before: bytes, splices: Sequence[tuple[int, int, bytes]]) -> tuple[Hunk, ...]:
    """The changed lines; `splices` are byte spans in order, with what replaces them."""
    lines = _lines(before)
    starts = _starts(lines)
    found: list[Hunk] = []
    for group in _grouped(splices, starts):
        first, last = _line_of(starts, group[0][0]), _line_of(starts, group[-1][1], is_end=True)
        text = bytearray()
        at = starts[first]
        for start, end, new in group:
            text += before[at:start] + new
            at = end
        text += before[at : starts[last]]
        found.append(_trimmed(Hunk(first, last, tuple(_lines(bytes(text)))), lines))
    return tuple(h for h in found if h.new or h.start != h.end)


def _lines(data: bytes) -> list[bytes]:
    """Lines as git counts them: only a line feed ends one."""
    parts = data.split(b"\n")
    lines = [part + b"\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _starts(lines: Sequence[bytes]) -> list[int]:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return starts


def _line_of(starts: list[int], offset: int, *, is_end: bool = False) -> int:
    """The line an offset stands in; as an end, the first line that begins at or after it."""
    if is_end:
        return min(bisect.bisect_left(starts, offset), len(starts) - 1)
    return min(max(bisect.bisect_right(starts, offset) - 1, 0), max(len(starts) - 1, 0))


def _grouped(
    splices: Sequence[tuple[int, int, bytes]], starts: list[int]
) -> list[list[tuple[int, int, bytes]]]:
    """Splices whose lines touch, together."""
    groups: list[list[tuple[int, int, bytes]]] = []
    reach = -1
    for splice in sorted(splices, key=lambda s: (s[0], s[1])):
        first = _line_of(starts, splice[0])
        if groups and first <= reach:
            groups[-1].append(splice)
        else:
            groups.append([splice])
        reach = max(reach, _line_of(starts, splice[1], is_end=True))
    return groups


def _trimmed(hunk: Hunk, lines: Sequence[bytes]) -> Hunk:
    """The hunk without lines that are the same on both sides."""
    start, end, new = hunk.start, hunk.end, list(hunk.new)
    while start < end and new and lines[start] == new[0]:
        start += 1
        new.pop(0)
    while start < end and new and lines[end - 1] == new[-1]:
        end -= 1
        new.pop()
    return Hunk(start, end, tuple(new))


def diff(
    path: str, before: bytes | None, after: bytes, splices: Sequence[tuple[int, int, bytes]]
) -> bytes:
    """The unified diff of one file; `before` None for a file that is new."""
    if before is None:
        new = tuple(_lines(after))
        head = [
            b"diff --git " + _name("a/", path) + b" " + _name("b/", path) + b"\n",
            b"new file mode 100644\n--- /dev/null\n+++ " + _name("b/", path) + b"\n",
        ]
        return b"".join([*head, *_body([], [Hunk(0, 0, new)])]) if new else b"".join(head[:1])
    found = hunks(before, splices)
    if not found:
        return b""
    head = [
        b"diff --git " + _name("a/", path) + b" " + _name("b/", path) + b"\n",
        b"--- " + _name("a/", path) + b"\n+++ " + _name("b/", path) + b"\n",
    ]
    return b"".join([*head, *_body(_lines(before), list(found))])


def _name(prefix: str, path: str) -> bytes:
    """A path as git writes it: quoted where it holds more than plain characters."""
    raw = (prefix + path).encode("utf-8", "surrogateescape")
    if all(32 <= b < 127 and b not in b'"\\' for b in raw):
        return raw
    quoted = b"".join(
        b"\\" + bytes([b]) if b in b'"\\' else bytes([b]) if 32 <= b < 127 else b"\\%03o" % b
        for b in raw
    )
    return b'"' + quoted + b'"'


def _body(lines: list[bytes], found: list[Hunk]) -> list[bytes]:
    out: list[bytes] = []
    shift = 0
    for group in _near(found):
        first = max(group[0].start - _CONTEXT, 0)
        last = min(group[-1].end + _CONTEXT, len(lines))
        text: list[bytes] = []
        at = first
        added = removed = 0
        for hunk in group:
            text += [_line(b" ", line) for line in lines[at : hunk.start]]
            text += [_line(b"-", line) for line in lines[hunk.start : hunk.end]]
            text += [_line(b"+", line) for line in hunk.new]
            at, added, removed = hunk.end, added + len(hunk.new), removed + hunk.end - hunk.start
        text += [_line(b" ", line) for line in lines[at:last]]
        old, new = last - first, last - first + added - removed
        out.append(b"@@ -%s +%s @@\n" % (_range(first, old), _range(first + shift, new)))
        out += text
        shift += added - removed
    return out


def _near(found: list[Hunk]) -> list[list[Hunk]]:
    groups: list[list[Hunk]] = []
    for hunk in found:
        if groups and hunk.start - groups[-1][-1].end <= 2 * _CONTEXT:
            groups[-1].append(hunk)
        else:
            groups.append([hunk])
    return groups


def _range(start: int, count: int) -> bytes:
    at = start + 1 if count else start
    return b"%d" % at if count == 1 else b"%d,%d" % (at, count)


def _line(mark: bytes, line: bytes) -> bytes:
    return mark + line if line.endswith(b"\n") else mark + line + b"\n" + _NO_NEWLINE


def counted(before: bytes | None, after: bytes, splices: Sequence[tuple[int, int, bytes]]) -> int:
    """How many lines a diff takes away or adds."""
    if before is None:
        return len(_lines(after))
    return sum(len(h.new) + h.end - h.start for h in hunks(before, splices))
