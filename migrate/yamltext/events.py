"""The tree, built from libyaml's events on a stack of our own."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import yaml

from migrate.errors import YamlError
from migrate.yamltext.documents import Document
from migrate.yamltext.nodes import (
    AliasNode,
    CollectionNode,
    Limits,
    MappingNode,
    Node,
    SequenceNode,
    line_end,
)

_PLAIN_WORDS: Final = (
    ("mapping values are not allowed", "found `: ` where no key can stand; check the indentation"),
    ("did not find expected key", "found text that does not line up with the keys above it"),
    (
        "did not find expected '-' indicator",
        "found text that does not line up with the list above it",
    ),
    ("could not find expected ':'", "found a line that is not `key: value`"),
    ("found unexpected end of stream", "a quotation mark is opened and never closed"),
    ("found unexpected document indicator", "a quotation mark is opened and never closed"),
    ("did not find expected ',' or '", "a bracket is opened and not closed, or a comma is missing"),
    ("block sequence entries are not allowed", "found `- ` where no list item can stand"),
    ("control characters are not allowed", "found a control character"),
    ("did not find expected <document start>", "found text after the end of the document"),
)


def _plain_words(error: yaml.YAMLError, source: str) -> YamlError:
    """The parser's complaint in plain words, with its place."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        line, column, index = mark.line + 1, mark.column + 1, mark.index
    else:
        # A reader's error counts bytes of UTF-8.
        bad = chr(getattr(error, "character", 0) or 0) if hasattr(error, "character") else "\0"
        index = max(source.find(bad), 0)
        line = source.count("\n", 0, index) + 1
        column = index - source.rfind("\n", 0, index)
    if "cannot start any token" in problem:
        found = source[index : index + 1]
        tab = "found a tab where indentation was expected"
        problem = tab if found == "\t" else f"a plain value cannot begin with {found!r}"
    for theirs, ours in _PLAIN_WORDS:
        if theirs in problem:
            problem = ours
    return YamlError(problem, line=line, column=column)


def documents_of(plain: str, limits: Limits) -> tuple[Document, ...]:
    """The documents of a text, from the parser's events.

    Raises: YamlError where it does not parse or goes past a limit.
    """
    loader: Any = yaml.CLoader if yaml.__with_libyaml__ else yaml.Loader
    enabled = gc.isenabled()
    gc.disable()
    try:
        return _Builder(plain, limits).built(yaml.parse(plain, Loader=loader))
    except yaml.YAMLError as error:
        raise _plain_words(error, plain) from None
    except UnicodeEncodeError:
        raise YamlError("the text has half of a surrogate pair", line=1, column=1) from None
    finally:
        if enabled:
            gc.enable()


class _Builder:
    """Makes documents of events.

    Shape: `stack` holds the open collections, each with what stood beside it so far; `flat` is
    what stands in the innermost; `total` counts values as if aliases were copies.
    """

    def __init__(self, plain: str, limits: Limits) -> None:
        self.plain = plain
        self.limits = limits
        self.documents: list[Document] = []
        self.stack: list[tuple[CollectionNode, list[Node], int]] = []
        self.flat: list[Node] = []
        self.height = self.total = self.aliases = self.ended = 0
        self.anchors: dict[str, Node] = {}
        self.open: dict[int, int] = {}
        self.weights: dict[int, tuple[int, int]] = {}

    def built(self, events: Iterable[Any]) -> tuple[Document, ...]:
        """The documents of a stream of events."""
        scalar, most = yaml.ScalarEvent, self.limits.nodes
        handlers: dict[Any, Callable[[Any], None]] = {
            yaml.MappingStartEvent: self.began,
            yaml.SequenceStartEvent: self.began,
            yaml.MappingEndEvent: self.closed,
            yaml.SequenceEndEvent: self.closed,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
            yaml.DocumentEndEvent: self.document_end,
        }
        for event in events:
            cls = type(event)
            if cls is scalar:
                self.scalar(event)
            elif handler := handlers.get(cls):
                handler(event)
            if self.total > most:
                mark = event.start_mark
                reason = f"the text has more than {most:,} values"
                raise YamlError(reason, line=mark.line + 1, column=mark.column + 1)
        if self.documents:
            self.documents[-1].end = len(self.plain)
        return tuple(self.documents)

    def scalar(self, event: Any) -> None:
        mark, end, style = event.start_mark, event.end_mark.index, event.style or ""
        if style in ("|", ">"):
            end = _block_end(self.plain, mark.index, end, event.value)
        node = Node(mark, end, style, event.value, event.anchor, event.tag)
        self.flat.append(node)
        self.total += 1
        if node.anchor is not None:
            self.anchors[node.anchor] = node
            self.weights[id(node)] = (1, 0)

    def began(self, event: Any) -> None:
        cls = MappingNode if type(event) is yaml.MappingStartEvent else SequenceNode
        mark = event.start_mark
        node = cls(mark, mark.index, "", "", event.anchor, event.tag)
        node.flow = bool(event.flow_style)
        if len(self.stack) >= self.limits.depth:
            raise _at(node, f"the text nests deeper than {self.limits.depth} levels")
        if node.anchor is not None:
            self.anchors[node.anchor] = node
            self.open[id(node)] = self.total
        self.total += 1
        self.flat.append(node)
        self.stack.append((node, self.flat, self.height))
        self.flat, self.height = [], 0

    def closed(self, event: Any) -> None:
        node, above, tallest = self.stack.pop()
        node.close(self.flat, self.plain, event.end_mark.index)
        height = self.height + 1
        if node.anchor is not None:
            self.weights[id(node)] = (self.total - self.open.pop(id(node)), height)
        self.flat, self.height = above, max(tallest, height)

    def alias(self, event: Any) -> None:
        name = event.anchor
        node = AliasNode(event.start_mark, event.end_mark.index, "*", name)
        target = self.anchors.get(name)
        if target is None:
            raise _at(node, f"the alias *{name} names no anchor above it")
        if id(target) in self.open:
            raise _at(node, f"the alias *{name} stands inside what it names")
        node.target = target
        weight, height = self.weights[id(target)]
        self.total, self.aliases = self.total + weight, self.aliases + 1
        if self.aliases > self.limits.aliases:
            raise _at(node, f"the text has more than {self.limits.aliases:,} aliases")
        if len(self.stack) + height > self.limits.depth:
            raise _at(node, f"aliases nest deeper than {self.limits.depth} levels")
        self.height = max(self.height, height)
        self.flat.append(node)
        self.documents[-1].aliases.append(node)

    def document(self, event: Any) -> None:
        # After `...` a document begins at once, else at its directives or its `---`.
        start = (self.ended or event.start_mark.index) if self.documents else 0
        marker = event.end_mark.index - 3 if event.explicit else -1
        if self.documents:
            self.documents[-1].end = start
        self.documents.append(Document(len(self.documents), start, marker))
        self.flat, self.height, self.anchors = [], 0, {}

    def document_end(self, event: Any) -> None:
        self.documents[-1].root = self.flat[0]
        self.ended = line_end(self.plain, event.end_mark.index) if event.explicit else 0


def _at(node: Node, reason: str) -> YamlError:
    return YamlError(reason, line=node.line, column=node.column)


KEEPS: Final = re.compile(r"[|>][0-9]?\+")


def _block_end(plain: str, start: int, end: int, value: str) -> int:
    """The end of a block scalar's last line of content, without its line break."""
    header_end = plain.find("\n", start, end)
    if header_end < 0:
        return end
    header = plain[start:header_end]
    body = plain[header_end:end]
    if not value.strip(" \t\n"):
        lines = value.count("\n") if KEEPS.search(header) else 0
        for _ in range(lines):
            found = plain.find("\n", header_end + 1, end)
            header_end = found if found >= 0 else header_end
        return start + len(plain[start:header_end].rstrip("\r"))
    if KEEPS.search(header):
        kept = body.removesuffix("\n")
    elif not value.rstrip("\n").rpartition("\n")[2].strip(" \t"):
        kept = body.rstrip("\r\n")
    else:
        kept = body.rstrip(" \t\r\n")
    return header_end + len(kept.rstrip("\r"))
