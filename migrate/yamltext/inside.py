"""Texts inside texts: strings of a document that are YAML themselves, with their places outside."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from textwrap import dedent
from typing import Final

from migrate.errors import YamlError
from migrate.model import Field
from migrate.yamltext.documents import Document
from migrate.yamltext.nodes import Limits, Node, walk
from migrate.yamltext.reading import parse
from migrate.yamltext.values import STR, key_text, trail_of

_LEVELS: Final = 3
"""How deep strings are read that stand in strings."""
_LIMITS: Final = Limits(aliases=0)
"""Without aliases no string says more than it is long."""
_DOCUMENTS: Final = 1000

_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_CHARACTER: Final = {
    "'": re.compile("''|.", re.DOTALL),
    '"': re.compile(
        r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r\n|.)|.",
        re.DOTALL,
    ),
}
_BLANKS: Final = frozenset("ntrvNLP_ \t\r\n\x85\u2028\u2029")
"""What stands behind a backslash for a blank, or for nothing at all."""


class String:
    """A string's text, and where each of its characters stands in the outermost text."""

    __slots__ = ("_offsets", "_outer", "_source", "level", "node", "text")

    def __init__(self, source: str, node: Node, outer: String | None) -> None:
        self.node = node
        self.text = _text(node)
        self.level: int = outer.level + 1 if outer else 1
        self._source = source
        self._outer = outer
        self._offsets: tuple[list[int], list[int], list[int]] | None = None

    def place(self, offset: int) -> tuple[int, int] | None:
        """Line and column, from 1, of the character at `offset`, None where it is not told.

        Blanks are folded, cut and escaped. All other characters stand in the same order in both
        texts, so the place is found by counting those.
        """
        own, theirs, breaks = self._counted()
        at = bisect_left(own, offset)
        if len(own) != len(theirs) or at == len(own):
            return None
        if self._outer:
            return self._outer.place(theirs[at])
        above = bisect_right(breaks, theirs[at])
        if not above:
            return self.node.line, self.node.column + theirs[at] - self.node.start
        return self.node.line + above, theirs[at] - breaks[above - 1] + 1

    def _counted(self) -> tuple[list[int], list[int], list[int]]:
        """The characters that are not blank, here and in the text around; its line breaks."""
        if self._offsets is None:
            node = self.node
            own = [i for i, character in enumerate(self.text) if not character.isspace()]
            breaks = [b.end() for b in _BREAK.finditer(self._source, node.start, node.end)]
            self._offsets = own, list(_written(self._source, node)), breaks
        return self._offsets


def _written(source: str, node: Node) -> Iterator[int]:
    """The offsets at which the characters of a string that are not blank are written."""
    start, end = node.start, node.end
    if node.style in ("|", ">"):
        header = _BREAK.search(source, start, end)
        start = header.end() if header else end
    elif node.style:
        start = source.find(node.style, start, end) + 1
        end -= 1
    pattern = _CHARACTER.get(node.style)
    if pattern is None:
        yield from (i for i in range(start, end) if not source[i].isspace())
        return
    for found in pattern.finditer(source, start, end):
        text = found[0]
        is_escape = text[0] == "\\" and len(text) > 1 and node.style == '"'
        if is_escape and text[1] in "xuU" and len(text) > 2:
            text = chr(min(int(f"0{text[2:]}", 16), 0x10FFFF))
        elif is_escape:
            text = " " if text[1] in _BLANKS else text[1]
        if not text.isspace():
            yield found.start()


@dataclass(frozen=True, slots=True)
class Inside:
    """One document of a text that is a string in another.

    Shape: `field` leads to the string; positions are asked for by paths that go on from there.
    """

    document: Document
    field: Field
    name: Node
    string: String

    def position(self, field: Field) -> tuple[int, int]:
        """Line and column, from 1, of what `field` names, or else of the name of the string."""
        trail = trail_of(self.document.root, field[len(self.field) :])
        place = self.string.place(trail[-1][0].start) if trail else None
        return place or (self.name.line, self.name.column)


def string(source: str, positions: Document | Inside, field: Field) -> String | None:
    """The string at `field`, None where none stands there; `source` is the outermost text."""
    outer = None if isinstance(positions, Document) else positions.string
    if isinstance(positions, Document):
        node = positions.node(field)
    else:
        trail = trail_of(positions.document.root, field[len(positions.field) :])
        node = trail[-1][1] if len(trail) == len(field) - len(positions.field) + 1 else None
    if node is None or node.kind != "scalar":
        return None
    return String(outer.text if outer else source, node, outer)


def inside(
    source: str, document: Document, within: Field, is_wanted: Callable[[str], object]
) -> tuple[Inside, ...]:
    """The documents of all strings below `within` that are wanted, scalars left out.

    Shape: strings inside strings come behind the one they stand in; one that does not parse, or
    has aliases, is left out. `source` is the text of `document`.
    """
    root = document.node(within)
    found = list(_of_tree(source, root, within, is_wanted, None))
    for each in found:
        if each.string.level < _LEVELS:
            text, top = each.string.text, each.document.root
            found += _of_tree(text, top, each.field, is_wanted, each)
    return tuple(found)


def _of_tree(
    source: str,
    root: Node | None,
    field: Field,
    is_wanted: Callable[[str], object],
    outer: Inside | None,
) -> Iterator[Inside]:
    """The documents of the strings of one tree; `source` is the text that it was read from."""
    stack: list[tuple[Field, Node, Node]] = []
    # Few trees have such strings, and their fields cost more than a look at every node.
    if root is not None and any(_is_text(node, is_wanted) for node in walk(root)):
        stack.append((field, root, root))
    while stack:
        field, name, node = stack.pop()
        if node.kind == "mapping":
            stack += [((*field, key_text(key)), key, item) for key, item in reversed(node.entries)]
        elif node.kind == "sequence":
            items = list(enumerate(node.entries))
            stack += [((*field, number), item, item) for number, item in reversed(items)]
        elif _is_text(node, is_wanted):
            string = String(source, node, outer.string if outer else None)
            for document in _documents(string.text):
                yield Inside(document, field, outer.name if outer else name, string)


def _is_text(node: Node, is_wanted: Callable[[str], object]) -> bool:
    """Whether a node is a string that can be a collection's text and is wanted."""
    if node.kind != "scalar" or node.tag not in (None, STR):
        return False
    raw = node.raw
    return ("\n" in raw or raw.startswith(("{", "["))) and bool(is_wanted(raw))


def _text(node: Node) -> str:
    """The text of a string; what is kept of a block with template text in it is how it stands."""
    is_written = node.style in ("|", ">") and node.raw.startswith(node.style)
    return dedent(node.raw.partition("\n")[2]) if is_written else node.raw


def _documents(raw: str) -> tuple[Document, ...]:
    """The documents of a string that are collections, none where it is no YAML."""
    if raw.count("\n---") > _DOCUMENTS:
        return ()
    try:
        text = parse(raw.encode(), template="{{" in raw, limits=_LIMITS)
    except (YamlError, UnicodeEncodeError):
        return ()
    return tuple(
        document
        for document in text.documents
        if text.source == raw and document.root is not None and document.root.kind != "scalar"
    )
