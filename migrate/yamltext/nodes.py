"""Nodes of the tree, their limits, and places in a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["scalar", "mapping", "sequence", "alias"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one text may ask of us; `nodes` counts what aliases would expand to."""

    size: int = 20_000_000
    depth: int = 200
    aliases: int = 10_000
    nodes: int = 2_000_000


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Mark:
    """A place as the parser counts it, from 0."""

    index: int
    line: int
    column: int


class Node:
    """One node of the tree; itself a scalar, its subclasses are the other kinds.

    Shape: `start` and `end` are offsets in `Text.source`, properties (anchor, tag) included; a
    block collection or block scalar ends where its last leaf ends, before comments and blank
    lines. `entries` are (key, value) pairs of a mapping, items of a sequence. `style` is "" for
    plain, else the character that opens the scalar. `target` is what an alias stands for.
    """

    __slots__ = ("anchor", "end", "mark", "raw", "start", "style", "tag")

    # Attributes of the class: most nodes are scalars, and every slot costs time and memory.
    kind: Kind = "scalar"
    flow: bool = False
    entries: Sequence[Any] = ()
    target: Node | None = None

    def __init__(
        self,
        mark: Mark,
        end: int,
        style: str,
        raw: str,
        anchor: str | None = None,
        tag: str | None = None,
    ) -> None:
        self.start = mark.index
        self.end = end
        self.mark = mark
        self.style = style
        self.raw = raw
        self.anchor = anchor
        self.tag = tag

    def __repr__(self) -> str:
        return f"<{self.kind} {self.line}:{self.column}>"

    @property
    def line(self) -> int:
        """The line it begins in, from 1."""
        return self.mark.line + 1

    @property
    def column(self) -> int:
        """The column it begins at, from 1."""
        return self.mark.column + 1

    @property
    def items(self) -> Sequence[Node]:
        """The values of a mapping or the items of a sequence, in order."""
        if self.kind == "mapping":
            return [value for _, value in self.entries]
        return self.entries

    @property
    def real(self) -> Node:
        """The node itself, or what an alias stands for."""
        return self.target if self.target is not None else self


class CollectionNode(Node):
    """A mapping or a sequence."""

    __slots__ = ("entries", "flow")

    entries: Sequence[Any]
    flow: bool

    def close(self, flat: list[Node], plain: str, end: int) -> None:
        """Take the entries; `end` is where the parser saw the end."""
        self.entries = flat
        if self.kind == "mapping":
            self.entries = list(zip(flat[::2], flat[1::2], strict=True))
        if self.flow and plain[end - 1 : end] in ("}", "]"):
            self.end = end
        elif flat:
            self.end = max(node.end for node in flat[-2:])


class MappingNode(CollectionNode):
    """A mapping; `entries` are pairs."""

    __slots__ = ()
    kind = "mapping"


class SequenceNode(CollectionNode):
    """A sequence; `entries` are its items."""

    __slots__ = ()
    kind = "sequence"


class AliasNode(Node):
    """An alias; `raw` is the name of its anchor."""

    __slots__ = ("target",)
    kind = "alias"

    target: Node


def line_start(plain: str, at: int) -> int:
    """The offset at which the line of `at` begins."""
    return plain.rfind("\n", 0, at) + 1


def line_end(plain: str, at: int) -> int:
    """The offset after the line break that ends the line of `at`."""
    found = plain.find("\n", at)
    return len(plain) if found < 0 else found + 1


def walk(root: Node | None) -> Iterator[Node]:
    """Every node of a tree in the order of the text, aliases not followed."""
    stack = [] if root is None else [root]
    while stack:
        node = stack.pop()
        yield node
        if node.kind == "mapping":
            for key, value in reversed(node.entries):
                stack.append(value)
                stack.append(key)
        elif node.kind == "sequence":
            stack.extend(reversed(node.entries))


def is_within(spans: tuple[tuple[int, int], ...], start: int, end: int) -> bool:
    """Whether the stretch, or the place where both are one, lies in or over one of the spans."""
    at = bisect_left(spans, (start, start)) - 1
    before = at >= 0 and spans[at][1] > start
    after = at + 1 < len(spans) and spans[at + 1][0] < end
    return before or after
