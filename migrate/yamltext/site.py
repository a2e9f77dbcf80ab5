"""Where the parts of a document stand, what may not be touched, and its splices so far."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from copy import copy
from dataclasses import dataclass
from typing import Final, NamedTuple

from migrate.errors import EditRefused
from migrate.model import Field
from migrate.yamltext.documents import Document, Text
from migrate.yamltext.events import KEEPS
from migrate.yamltext.meaning import shown
from migrate.yamltext.nodes import Node, is_within, line_end, line_start, walk
from migrate.yamltext.values import entry_of, key_text
from migrate.yamltext.writing import Style


class Cut(NamedTuple):
    """A splice that is not settled yet; where several insert at one place, the deepest is first."""

    start: int
    end: int
    shallow: int
    number: int
    text: str


_SKIP: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*+")
_COLON: Final = re.compile(r"[ \t]*:")
_BLANK: Final = re.compile(r"(?:[ \t]*\r?\n)*")
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+|#[^\n]*\n\s*)*")
_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\r\n]*")
_COMMENT_LINE: Final = re.compile(r"([ \t]*)(#?)[^\n]*\n")


_STATEMENT: Final = re.compile(r"\{[{%]-?\s*(if|range|with|define|block|for|macro|end\w*)\b")


@dataclass(frozen=True, slots=True)
class Entries:
    """Where the entries of one collection begin and end."""

    node: Node
    starts: list[int]
    ends: list[int]


class Site:
    """Collects the splices of one document."""

    def __init__(self, text: Text, document: Document, cuts: list[Cut], quoted: list[str]) -> None:
        # A text without a final line break is edited as if it had one, which then goes again.
        pad = "" if text.plain.endswith("\n") else text.newline
        self.plain = text.plain + pad
        self.source = text.source + pad
        self.text = text
        self.document = document
        self.cuts = cuts
        self.quoted = quoted
        self.style = style_of(text, document)
        self.aliased = {id(alias.target) for alias in document.aliases}
        self.depth = 0
        # What is carried to another place: spans, and the lines of entries that are edits' own.
        self.carried: tuple[tuple[int, int], ...] = ()
        self.lines: dict[tuple[int, int], tuple[int, int]] = {}
        self._leaves: list[Node] = []

    def refused(self, reason: str, node: Node | None) -> EditRefused:
        return EditRefused(reason, line=node.line if node else 1)

    def resolved(self, path: Field, *, is_whole: bool = True) -> list[tuple[Node, Node]]:
        """The trail to `path`, as far as it exists, none of it standing for another place.

        Shape: `is_whole` where what stands at its end is to go or to change, with all inside it.
        Raises: EditRefused below aliases, merge keys, aliased anchors and keys that stand twice.
        """
        trail = [(self.document.root, self.document.root)] if self.document.root else []
        for number, step in enumerate(path):
            node = trail[-1][1]
            self.check_single(node)
            if node.kind == "sequence" and isinstance(step, int) and step < len(node.entries):
                trail.append((node.entries[step], node.entries[step]))
                continue
            found = (
                [e for e in node.entries if key_text(e[0]) == step]
                if node.kind == "mapping"
                else []
            )
            if len(found) > 1:
                lines = " and ".join(str(key.line) for key, _ in found)
                raise self.refused(f"the key `{step}` stands twice, in lines {lines}", found[-1][0])
            if not found:
                if node.kind == "mapping" and entry_of(node, step):
                    reason = f"{shown(path[: number + 1])} comes from a merge key"
                    raise self.refused(reason, node)
                break
            trail.append(found[0])
        if is_whole and len(trail) == len(path) + 1:
            for node in walk(trail[-1][1]):
                self.check_single(node, inside=trail[-1][1])
        return trail

    def check_single(self, node: Node, inside: Node | None = None) -> None:
        """Raises: EditRefused where an edit of this node would change another place too."""
        if node.kind == "alias" and inside is None:
            at = node.target.line if node.target else 0
            raise self.refused(f"it is an alias of line {at}, which would change too", node)
        if id(node) not in self.aliased:
            return
        users = [alias for alias in self.document.aliases if alias.target is node]
        if inside is not None and inside is not node:
            users = [a for a in users if not inside.start <= a.start < inside.end]
        if users:
            lines = ", ".join(str(alias.line) for alias in users)
            raise self.refused(f"the anchor &{node.anchor} is used in line {lines} too", node)

    def check_balanced(self, node: Node, at: int) -> None:
        """Raises: EditRefused where a new entry at `at` would fall inside a template statement."""
        depth = 0
        for start, end in self.text.masked:
            if node.start <= start < at and (found := _STATEMENT.match(self.source, start, end)):
                depth += -1 if found[1].startswith("end") else 1
        if depth:
            raise self.refused("the new entry would stand inside a template's condition", node)

    def after(self, end: int, column: int) -> int:
        """Where the lines of an entry that ends at `end` are over, deeper comments included."""
        at = stop = line_end(self.plain, end)
        while at < len(self.plain) and (found := _COMMENT_LINE.match(self.plain, at)):
            is_blank = not found[0].strip()
            if not is_blank and (not found[2] or len(found[1]) <= column):
                break
            if is_within(self.text.masked, at, found.end()):
                break
            at = found.end()
            stop = stop if is_blank else at
        return stop

    def span(self, entries: Entries, number: int) -> tuple[int, int]:
        """Where an entry of a block collection begins and where its lines are over."""
        if found := self.lines.get((id(entries.node), number)):
            return found
        column = self.column(entries.starts[0])
        return entries.starts[number], self.after(entries.ends[number], column)

    def is_behind(self, at: int) -> bool:
        """Whether a dash or a key stands before `at` on its line."""
        return bool(self.plain[line_start(self.plain, at) : at].strip())

    def colon(self, key: Node) -> int:
        """The offset behind the colon of a key, -1 where it does not stand in its line."""
        found = _COLON.match(self.plain, key.end)
        return found.end() if found else -1

    def skipped(self, at: int) -> int:
        """The first offset from `at` on that is neither blank nor a comment."""
        found = _SKIP.match(self.plain, at)
        return found.end() if found else at

    def after_blank(self, at: int) -> int:
        """The offset after the blank lines that begin at `at`."""
        found = _BLANK.match(self.plain, at)
        return found.end() if found else at

    def entries(self, node: Node) -> Entries:
        """Where the entries of a collection begin and end."""
        starts = self.starts(node)
        if node.kind == "sequence":
            ends = [max(i.end, s + 1) for i, s in zip(node.entries, starts, strict=True)]
        else:
            ends = [self._end(key, value) for key, value in node.entries]
        return Entries(node, starts, ends)

    def starts(self, node: Node) -> list[int]:
        """Where the entries of a collection begin: dashes, keys, or question marks."""
        if node.kind == "mapping":
            return [self._start(key) for key, _ in node.entries]
        if node.flow:
            return [item.start for item in node.entries]
        properties = _PROPERTIES.match(self.plain, node.start)
        at = properties.end() if properties else node.start
        starts = []
        for item in node.entries:
            at = self.skipped(at)
            if self.plain[at : at + 1] != "-":
                raise self.refused("the list is written in a way that is not edited", item)
            starts.append(at)
            at = max(item.end, at + 1)
        return starts

    def _start(self, key: Node) -> int:
        """Where an entry begins: at its key, or at a question mark before it."""
        line = line_start(self.plain, key.start)
        before = self.plain[line : key.start].rstrip(" \t")
        return line + len(before) - 1 if before.endswith("?") else key.start

    def _end(self, key: Node, value: Node) -> int:
        return value.end if value.start < value.end else max(key.end, self.colon(key))

    def column(self, at: int) -> int:
        return at - line_start(self.plain, at)

    def cut(self, start: int, end: int, text: str = "") -> None:
        if self.text.newline != "\n":
            text = text.replace("\r\n", "\n").replace("\n", self.text.newline)
        if start < end or text:
            self.cuts.append(Cut(start, end, -self.depth, len(self.cuts), text))

    def apart(self) -> Site:
        """The same place with splices and comments of its own; what is known of it is shared."""
        found = copy(self)
        found.cuts, found.quoted = [], []
        return found

    @property
    def leaves(self) -> list[Node]:
        """The scalars and aliases that have text, in order."""
        if not self._leaves:
            nodes = walk(self.document.root)
            leaves = [n for n in nodes if n.kind in ("scalar", "alias") and n.start < n.end]
            self._leaves += sorted(leaves, key=lambda node: node.start)
        return self._leaves

    def is_kept(self, at: int) -> bool:
        """Whether the text before `at` ends in a block scalar that keeps its blank lines."""
        number = bisect_left(self.leaves, at, key=lambda node: node.start)
        last = self.leaves[number - 1] if number else None
        if last is None or last.style not in ("|", ">"):
            return False
        return bool(KEEPS.search(self.plain[last.start : self.content(last)]))

    def quote(self, start: int, end: int) -> None:
        """Keep the comments of what is removed for the report."""
        at, number = start, bisect_left(self.leaves, start, key=lambda node: node.start)
        while at < end:
            stop, after = end, end
            if number < len(self.leaves) and self.leaves[number].start < end:
                stop, after = self.content(self.leaves[number]), self.leaves[number].end
            for found in _COMMENT.finditer(self.source[at:stop]):
                place = at + found.start()
                if not is_within(self.carried, place, place + 1):
                    self.quoted.append(found[0].rstrip())
            at, number = max(after, at), number + 1

    def content(self, node: Node) -> int:
        """Where a scalar's own text begins: that of a block scalar below its header."""
        if node.style in ("|", ">"):
            found = self.plain.find("\n", node.start, node.end)
            return found if found >= 0 else node.end
        return node.start


def style_of(text: Text, document: Document) -> Style:
    """How a document is written, by what is most frequent in it."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    quotes: Counter[str] = Counter()
    for node in walk(document.root):
        if node.kind == "scalar":
            quotes[node.style] += 1
        if node.kind != "mapping" or node.flow:
            continue
        for key, value in node.entries:
            if (
                value.flow
                or value.line == key.line
                or value.anchor
                or value.tag
                or not value.entries
            ):
                continue
            if value.kind == "mapping":
                steps[value.column - key.column] += 1
            elif value.kind == "sequence":
                dashes[value.column - key.column] += 1
    step = steps.most_common(1)[0][0] if steps else 2
    dash = dashes.most_common(1)[0][0] if dashes else 0
    quote = "'" if quotes["'"] > quotes['"'] else '"'
    return Style(step, dash, quote, "\n", text.is_json)
