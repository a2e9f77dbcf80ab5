"""Template text, filled so that what is around it parses at the same offsets."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from migrate.yamltext.documents import Document
from migrate.yamltext.nodes import line_end, line_start, walk
from migrate.yamltext.values import STR

_OPEN: Final = re.compile(r"\{[{%#]")


_CLOSE: Final = {"{{": "}}", "{%": "%}", "{#": "#}"}


_STRING: Final = 400
"""Characters that a string in a template, with braces in it, may have behind them."""


def _spans(source: str) -> tuple[tuple[int, int], ...]:
    """The spans of template text, in time linear in the text."""
    spans: list[tuple[int, int]] = []
    unclosed: set[str] = set()
    at = 0
    while found := _OPEN.search(source, at):
        start, at = found.span()
        if found[0] in unclosed:
            continue
        end = _closed(source, start, _CLOSE[found[0]])
        if end < 0:
            unclosed.add(found[0])
        else:
            spans.append((start, end))
            at = end
    return tuple(spans)


def _closed(source: str, start: int, close: str) -> int:
    """Where the span that opens at `start` is over, -1 where it never is."""
    inside = start + 2
    if source[inside : inside + 5].lstrip("- \t").startswith("/*"):
        inside = max(source.find("*/", inside), inside)
    end = source.find(close, inside)
    if end >= 0 and source.count('"', start, end) % 2:
        # The braces stand in a string: the span goes on behind it.
        quote = source.find('"', end, end + _STRING)
        if quote >= 0 and "\n" not in source[end:quote]:
            end = source.find(close, quote)
    return end + 2 if end >= 0 else -1


def mask(source: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text with template spans filled so that it parses, of the same length; and the spans."""
    spans = _spans(source)
    return filled(source, spans, "#"), spans


def filled(source: str, spans: tuple[tuple[int, int], ...], alone: str) -> str:
    """The text with `spans` filled: by `alone` where nothing else stands on their lines."""
    if not spans:
        return source
    parts: list[str] = []
    at = 0
    for group in _groups(source, spans):
        begin, end = line_start(source, group[0][0]), line_end(source, group[-1][1])
        rest, last = [], begin
        for start, stop in group:
            rest.append(source[last:start])
            last = stop
        rest.append(source[last:end])
        is_alone = not "".join(rest).strip()
        for start, stop in group:
            parts.append(source[at:start])
            if is_alone:
                parts.append(re.sub(r"[^\r\n]", lambda _: alone, source[start:stop]))
            else:
                parts.append(_inline(source, start, stop))
            at = stop
    parts.append(source[at:])
    return "".join(parts)


def _groups(source: str, spans: tuple[tuple[int, int], ...]) -> list[list[tuple[int, int]]]:
    """The spans, those that share a line together."""
    groups: list[list[tuple[int, int]]] = []
    for span in spans:
        if groups and "\n" not in source[groups[-1][-1][1] : span[0]]:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _inline(source: str, start: int, stop: int) -> str:
    """Filler for a span with other text on its lines; a later line is blank if nothing follows."""
    first, *rest = source[start:stop].split("\n")
    filled = ["x" * len(first.rstrip("\r")) + "\r" * first.endswith("\r")]
    if not rest:
        return filled[0]
    tail = source[stop : line_end(source, stop)].strip()
    for number, line in enumerate(rest, 1):
        bare = line.rstrip("\r")
        indent = len(bare) - len(bare.lstrip())
        fill = "x" if tail and tail[0] != "#" and number == len(rest) else " "
        filled.append(bare[:indent] + fill * (len(bare) - indent) + line[len(bare) :])
    return "\n".join(filled)


def unmask(
    source: str, spans: tuple[tuple[int, int], ...], documents: tuple[Document, ...]
) -> None:
    """Give scalars that hold template text their own text back."""
    starts = [start for start, _ in spans]
    for document in documents:
        for node in walk(document.root):
            if node.kind != "scalar" or node.start == node.end:
                continue
            at = bisect_right(starts, node.end - 1) - 1
            if at >= 0 and spans[at][1] > node.start:
                text = source[node.start : node.end]
                quoted = node.style in ("'", '"') and text[:1] == node.style
                node.raw = text[1:-1] if quoted else text
                node.tag = STR
