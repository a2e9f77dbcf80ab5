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
    first, at, text = 0, -1, bytearray()
    for start, end, new in sorted(splices, key=lambda s: (s[0], s[1])):
        line = _line_of(starts, lines, start)
        if at < 0 or line > _line_behind(starts, at, text):
            if at >= 0:
                found.append(_hunk(before, lines, starts, first, at, text))
            first, at, text = line, starts[line], bytearray()
        text += before[at:start] + new
        at = end
    if at >= 0:
        found.append(_hunk(before, lines, starts, first, at, text))
    return tuple(h for h in found if h.new or h.start != h.end)


def _hunk(
    before: bytes, lines: Sequence[bytes], starts: list[int], first: int, at: int, text: bytearray
) -> Hunk:
    """The hunk of new text for the bytes from a line to `at`, to the end of a line."""
    last = _line_behind(starts, at, text)
    whole = bytes(text) + before[at : starts[last]]
    return _trimmed(Hunk(first, last, tuple(_lines(whole))), lines)


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


def _line_of(starts: list[int], lines: Sequence[bytes], offset: int) -> int:
    """The line that a change at this offset touches; the end of a text may lie in its last line."""
    line = bisect.bisect_right(starts, offset) - 1
    is_open = line == len(lines) and line > 0 and not lines[-1].endswith(b"\n")
    return line - 1 if is_open else line


def _line_behind(starts: list[int], at: int, text: bytearray) -> int:
    """The first line that stays: text whose last line has no end runs on into the next one."""
    line = bisect.bisect_left(starts, at)
    runs_on = bool(text) and not text.endswith(b"\n")
    return min(line + 1, len(starts) - 1) if runs_on and starts[line] == at else line


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
