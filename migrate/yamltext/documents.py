"""A text and its documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from migrate.model import Field
from migrate.yamltext.jsontext import count_json
from migrate.yamltext.nodes import Node, walk
from migrate.yamltext.values import WORDS, is_merge, key_text, plain_value, resolve, trail_of


class Document:
    """One document of a text.

    Shape: `start` and `end` are its span in the text, its `---` line and directives included;
    `marker` is the offset of its `---`, -1 where it has none.
    """

    __slots__ = ("_cached", "_value", "aliases", "end", "index", "marker", "root", "start")

    def __init__(self, index: int, start: int, marker: int) -> None:
        self.index = index
        self.start = start
        self.end = start
        self.marker = marker
        self.root: Node | None = None
        self.aliases: list[Node] = []
        self._cached = False
        self._value: Any = None

    def value(self) -> Any:
        """The document as kubectl would send it to the API server; aliases share objects."""
        if not self._cached:
            self._value = None if self.root is None else plain_value(self.root)
            self._cached = True
        return self._value

    def node(self, field: Field) -> Node | None:
        """The node that `field` names, through aliases and merge keys, or None."""
        trail = trail_of(self.root, field)
        return trail[-1][1] if len(trail) == len(field) + 1 else None

    def position(self, field: Field) -> tuple[int, int]:
        """Line and column, from 1, of the key or the item, or of the nearest parent there is."""
        trail = trail_of(self.root, field)
        return (trail[-1][0].line, trail[-1][0].column) if trail else (1, 1)


@dataclass(slots=True)
class Text:
    """A file's text and its documents.

    Shape: `source` is the decoded text without its byte-order mark; `masked` are the spans of
    template text in it; `plain` is what was parsed: `source` with those spans filled.
    """

    data: bytes
    source: str
    encoding: str
    bom: bytes
    newline: str
    masked: tuple[tuple[int, int], ...]
    documents: tuple[Document, ...]
    plain: str = field(repr=False)

    @property
    def warnings(self) -> tuple[tuple[int, int, str], ...]:
        """Line, column and text of what kubectl reads otherwise than it looks."""
        return tuple(w for document in self.documents for w in _warnings(document))

    @property
    def is_json(self) -> bool:
        """Whether the text is JSON as it stands."""
        return self.source.lstrip()[:1] in ("{", "[") and count_json(self.source) is not None


_ODD: Final = frozenset(
    word
    for word, value in WORDS.items()
    if value is not None and word.lower() not in ("true", "false")
)


def _warnings(document: Document) -> Iterator[tuple[int, int, str]]:
    for node in walk(document.root):
        if node.kind == "scalar" and node.raw in _ODD and not node.style and node.tag is None:
            word = "true" if resolve(node.raw) else "false"
            yield node.line, node.column, f"`{node.raw}` is read as {word}; quote it"
        if node.kind != "mapping":
            continue
        seen: dict[str, int] = {}
        for key, _ in node.entries:
            text = key_text(key)
            if text in seen and not is_merge(key):
                reason = f"the key `{text}` stands twice, first in line {seen[text]}; the last wins"
                yield key.line, key.column, reason
            seen.setdefault(text, key.line)
