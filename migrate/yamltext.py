"""YAML text as a tree with exact offsets, and edits spliced into it; every untouched byte survives.

The tree is built from libyaml's events on a stack of our own: its syntax is the one that kubectl
reads, its event stream neither crashes on deep input nor expands aliases. Scalars keep their text
and are resolved, when asked for, as kubectl resolves them. No function here calls itself.
"""

from __future__ import annotations

import gc
import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

import yaml

from migrate.errors import EditRefused, YamlError
from migrate.model import ABSENT, Edit, Field

Kind = Literal["scalar", "mapping", "sequence", "alias"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one text may ask of us; `nodes` counts what aliases would expand to."""

    size: int = 20_000_000
    depth: int = 200
    aliases: int = 10_000
    nodes: int = 2_000_000


LIMITS: Final = Limits()


class _Mark(NamedTuple):
    """A place as the parser counts it, from 0."""

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
        start: int,
        end: int,
        mark: _Mark,
        style: str,
        raw: str,
        anchor: str | None,
        tag: str | None,
    ) -> None:
        self.start = start
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


class _Mapping(Node):
    __slots__ = ("entries", "flow")
    kind = "mapping"


class _Sequence(Node):
    __slots__ = ("entries", "flow")
    kind = "sequence"


class _Alias(Node):
    __slots__ = ("target",)
    kind = "alias"


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
            self._value = None if self.root is None else _value(self.root)
            self._cached = True
        return self._value

    def node(self, field: Field) -> Node | None:
        """The node that `field` names, through aliases and merge keys, or None."""
        trail = _trail(self.root, field)
        return trail[-1][1] if len(trail) == len(field) + 1 else None

    def position(self, field: Field) -> tuple[int, int]:
        """Line and column, from 1, of the key or the item, or of the nearest parent there is."""
        trail = _trail(self.root, field)
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
        return self.source.lstrip()[:1] in ("{", "[") and _json_documents(self.source) is not None


# --- Reading ------------------------------------------------------------------------------------


def parse(data: bytes, *, template: bool = False, limits: Limits = LIMITS) -> Text:
    """The text and its documents; YAML or JSON, in UTF-8 or UTF-16.

    Raises: YamlError where it does not parse or goes past a limit.
    """
    if len(data) > limits.size:
        raise YamlError(f"the file has more than {limits.size:,} bytes", line=1, column=1)
    source, encoding, bom = _decoded(data)
    plain, masked = mask(source) if template else (source, ())
    try:
        documents = _documents(plain, limits)
    except YamlError as error:
        if masked:
            plain, documents = _second_try(source, masked, limits, error)
        else:
            found = _json_documents(source) if source.lstrip()[:1] in ("{", "[") else None
            if found is None:
                raise
            documents = _from_json(source, limits)
    if masked:
        _unmask(source, masked, documents)
    crlf = source.count("\r\n")
    newline = "\r\n" if crlf * 2 > source.count("\n") else "\n"
    return Text(data, source, encoding, bom, newline, masked, documents, plain)


_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def _decoded(data: bytes) -> tuple[str, str, bytes]:
    """The text, its encoding and its byte-order mark."""
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", ""))
    if not encoding:
        encoding = _guessed(data)
    if encoding.startswith("utf-32"):
        raise YamlError("the file is UTF-32, which is not read", line=1, column=1)
    try:
        source = data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(bom) + error.start) + 1
        raise YamlError(f"the file is not valid {encoding.upper()}", line=line) from None
    while source.startswith("\ufeff"):
        # The scanner skips a mark at the start without counting it, so every one must go.
        bom += "\ufeff".encode(encoding)
        source = source[1:]
    return source, encoding, bom


def _guessed(data: bytes) -> str:
    """The encoding of a text without a byte-order mark, by where its NULs stand."""
    if len(data) >= 4 and len(data) % 2 == 0:
        if data[1] == data[3] == 0 and data[0] and data[2]:
            return "utf-16-le"
        if data[0] == data[2] == 0 and data[1] and data[3]:
            return "utf-16-be"
    return "utf-8"


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


def _documents(plain: str, limits: Limits) -> tuple[Document, ...]:
    """The documents of a text, from the parser's events."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return _built(plain, limits)
    except yaml.YAMLError as error:
        raise _plain_words(error, plain) from None
    except UnicodeEncodeError:
        raise YamlError("the text has half of a surrogate pair", line=1, column=1) from None
    finally:
        if enabled:
            gc.enable()


def _events(plain: str) -> Iterator[Any]:
    loader: Any = yaml.CLoader if yaml.__with_libyaml__ else yaml.Loader
    return yaml.parse(plain, Loader=loader)


class _Anchors:
    """The anchors of one document, and what their aliases would expand to."""

    __slots__ = ("known", "limits", "open", "weights")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.known: dict[str, Node] = {}
        self.open: dict[int, int] = {}
        self.weights: dict[int, tuple[int, int]] = {}

    def began(self, node: Node, total: int) -> None:
        if node.anchor is not None:
            self.known[node.anchor] = node
            self.open[id(node)] = total

    def ended(self, node: Node, total: int, height: int) -> None:
        if node.anchor is not None:
            self.weights[id(node)] = (total - self.open.pop(id(node)) + 1, height)

    def followed(self, alias: Node, depth: int) -> tuple[int, int]:
        """How many values the alias stands for, and how deep they nest."""
        target = self.known.get(alias.raw)
        if target is None:
            raise _at(alias, f"the alias *{alias.raw} names no anchor above it")
        if id(target) in self.open:
            raise _at(alias, f"the alias *{alias.raw} stands inside what it names")
        alias.target = target
        weight, height = self.weights[id(target)]
        if depth + height > self.limits.depth:
            raise _at(alias, f"aliases nest deeper than {self.limits.depth} levels")
        return weight, height


def _at(node: Node, reason: str) -> YamlError:
    return YamlError(reason, line=node.line, column=node.column)


def _built(plain: str, limits: Limits) -> tuple[Document, ...]:
    """The documents of a text; the stack holds the open collections and what stands in them."""
    scalar, alias = yaml.ScalarEvent, yaml.AliasEvent
    opened = {yaml.MappingStartEvent: _Mapping, yaml.SequenceStartEvent: _Sequence}
    closed = {yaml.MappingEndEvent, yaml.SequenceEndEvent}
    documents: list[Document] = []
    stack: list[tuple[Node, list[Node], int]] = []
    flat: list[Node] = []
    total = height = ended = aliases = 0
    anchors, most = _Anchors(limits), limits.nodes
    for event in _events(plain):
        cls = type(event)
        if cls is scalar:
            mark, style, anchor = event.start_mark, event.style or "", event.anchor
            start, end = mark.index, event.end_mark.index
            if style in ("|", ">"):
                end = _block_end(plain, start, end, event.value)
            node = Node(start, end, mark, style, event.value, anchor, event.tag)
            flat.append(node)
            total += 1
            if anchor is not None:
                anchors.began(node, total)
                anchors.ended(node, total, 0)
        elif cls in opened:
            mark = event.start_mark
            node = opened[cls](mark.index, mark.index, mark, "", "", event.anchor, event.tag)
            node.flow = bool(event.flow_style)
            total += 1
            anchors.began(node, total)
            flat.append(node)
            stack.append((node, flat, height))
            flat, height = [], 0
            if len(stack) > limits.depth:
                raise _at(node, f"the text nests deeper than {limits.depth} levels")
        elif cls in closed:
            node, above, tallest = stack.pop()
            _close(node, flat, plain, event.end_mark.index)
            anchors.ended(node, total, height + 1)
            flat, height = above, max(tallest, height + 1)
        elif cls is alias:
            mark = event.start_mark
            node = _Alias(mark.index, event.end_mark.index, mark, "*", event.anchor, None, None)
            flat.append(node)
            weight, tall = anchors.followed(node, len(stack))
            total, height, aliases = total + weight, max(height, tall), aliases + 1
            if aliases > limits.aliases:
                raise _at(node, f"the text has more than {limits.aliases:,} aliases")
            documents[-1].aliases.append(node)
        elif cls is yaml.DocumentStartEvent:
            # After `...` a document begins at once, else at its directives or its `---`.
            start = (ended or event.start_mark.index) if documents else 0
            marker = event.end_mark.index - 3 if event.explicit else -1
            if documents:
                documents[-1].end = start
            documents.append(Document(len(documents), start, marker))
            anchors, flat, height = _Anchors(limits), [], 0
        elif cls is yaml.DocumentEndEvent:
            documents[-1].root = flat[0]
            ended = _line_end(plain, event.end_mark.index) if event.explicit else 0
        if total > most:
            raise _at(flat[-1] if flat else stack[-1][0], f"the text has more than {most:,} values")
    if documents:
        documents[-1].end = len(plain)
    return tuple(documents)


def _close(node: Node, flat: list[Node], plain: str, end: int) -> None:
    """Give a collection its entries and its end."""
    if node.kind == "mapping":
        node.entries = list(zip(flat[::2], flat[1::2], strict=True))
    else:
        node.entries = flat
    if node.flow and plain[end - 1 : end] in ("}", "]"):
        node.end = end
    elif flat:
        node.end = max(flat[-1].end, flat[-2].end if len(flat) > 1 else 0)


_KEEPS: Final = re.compile(r"[|>][0-9]?\+")


def _block_end(plain: str, start: int, end: int, value: str) -> int:
    """The end of a block scalar's last line of content, without its line break."""
    header_end = plain.find("\n", start, end)
    if header_end < 0:
        return end
    header = plain[start:header_end]
    body = plain[header_end:end]
    if not value.strip(" \t\n"):
        lines = value.count("\n") if _KEEPS.search(header) else 0
        for _ in range(lines):
            found = plain.find("\n", header_end + 1, end)
            header_end = found if found >= 0 else header_end
        return start + len(plain[start:header_end].rstrip("\r"))
    if _KEEPS.search(header):
        kept = body[:-1] if body.endswith("\n") else body
    elif not value.rstrip("\n").rpartition("\n")[2].strip(" \t"):
        kept = body.rstrip("\r\n")
    else:
        kept = body.rstrip(" \t\r\n")
    return header_end + len(kept.rstrip("\r"))


def _line_start(plain: str, at: int) -> int:
    return plain.rfind("\n", 0, at) + 1


def _line_end(plain: str, at: int) -> int:
    """The offset after the line break that ends the line of `at`."""
    found = plain.find("\n", at)
    return len(plain) if found < 0 else found + 1


# --- JSON that the YAML parser does not take ----------------------------------------------------

_JSON_TOKEN: Final = re.compile(
    r'[ \t\r\n]*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+")'
    r"|(?P<word>true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<mark>[][{},:]))"
)
_JSON_BLANK: Final = re.compile(r"[ \t\r\n]*")


def _json_documents(source: str) -> int | None:
    """How many JSON values the text holds one after the other, or None where it is not JSON."""
    decoder = json.JSONDecoder()
    at, count = _JSON_BLANK.match(source).end(), 0  # type: ignore[union-attr]
    while at < len(source):
        try:
            _, at = decoder.raw_decode(source, at)
        except (ValueError, RecursionError):
            return None
        at = _JSON_BLANK.match(source, at).end()  # type: ignore[union-attr]
        count += 1
    return count


def _from_json(source: str, limits: Limits) -> tuple[Document, ...]:
    """The documents of a text that is known to be JSON."""
    documents: list[Document] = []
    stack: list[tuple[Node, list[Node]]] = []
    flat: list[Node] = []
    at = line = line_start = total = 0
    while token := _JSON_TOKEN.match(source, at):
        text = token[token.lastgroup or 0]
        start = token.end() - len(text)
        if breaks := source.count("\n", at, start):
            line, line_start = line + breaks, source.rfind("\n", 0, start) + 1
        at = token.end()
        mark = _Mark(line, start - line_start)
        total += 1
        if total > 3 * limits.nodes or len(stack) > limits.depth:
            raise YamlError("the text has too many values or levels", line=line + 1, column=1)
        if text in ("{", "["):
            node = (_Mapping if text == "{" else _Sequence)(start, at, mark, "", "", None, None)
            node.flow = True
            flat.append(node)
            stack.append((node, flat))
            flat = []
        elif text in ("}", "]"):
            node, above = stack.pop()
            _close(node, flat, source, at)
            flat = above
        elif text not in (",", ":"):
            style = '"' if text[0] == '"' else ""
            raw = json.loads(text) if style else text
            flat.append(Node(start, at, mark, style, raw, None, None))
        if not stack and flat:
            document = Document(len(documents), documents[-1].end if documents else 0, -1)
            document.root, document.end, flat = flat[0], at, []
            documents.append(document)
    if documents:
        documents[-1].end = len(source)
    return tuple(documents)


# --- Template text ------------------------------------------------------------------------------

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
    return _filled(source, spans, "#"), spans


def _filled(source: str, spans: tuple[tuple[int, int], ...], alone: str) -> str:
    """The text with `spans` filled: by `alone` where nothing else stands on their lines."""
    if not spans:
        return source
    parts: list[str] = []
    at = 0
    for group in _groups(source, spans):
        begin, end = _line_start(source, group[0][0]), _line_end(source, group[-1][1])
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
    tail = source[stop : _line_end(source, stop)].strip()
    for number, line in enumerate(rest, 1):
        bare = line.rstrip("\r")
        indent = len(bare) - len(bare.lstrip())
        fill = "x" if tail and tail[0] != "#" and number == len(rest) else " "
        filled.append(bare[:indent] + fill * (len(bare) - indent) + line[len(bare) :])
    return "\n".join(filled)


def _second_try(
    source: str, spans: tuple[tuple[int, int], ...], limits: Limits, error: YamlError
) -> tuple[str, tuple[Document, ...]]:
    """The template parsed with empty lines for its statements, which suits block scalars."""
    plain = _filled(source, spans, "\n")
    try:
        documents = _documents(plain, limits)
    except YamlError:
        raise error from None
    # Every filled character counted as a line.
    breaks = [found.start() for found in re.finditer("\n", source)]
    for document in documents:
        for node in _walk(document.root):
            before = bisect_left(breaks, node.start)
            column = node.start - (breaks[before - 1] + 1 if before else 0)
            node.mark = _Mark(before, column)
    return plain, documents


def _unmask(
    source: str, spans: tuple[tuple[int, int], ...], documents: tuple[Document, ...]
) -> None:
    """Give scalars that hold template text their own text back."""
    starts = [start for start, _ in spans]
    for document in documents:
        for node in _walk(document.root):
            if node.kind != "scalar" or node.start == node.end:
                continue
            at = bisect_right(starts, node.end - 1) - 1
            if at >= 0 and spans[at][1] > node.start:
                text = source[node.start : node.end]
                quoted = node.style in ("'", '"') and text[:1] == node.style
                node.raw = text[1:-1] if quoted else text
                node.tag = _STR


def _walk(root: Node | None) -> Iterator[Node]:
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


# --- Values, as kubectl reads them --------------------------------------------------------------

_STR: Final = "tag:yaml.org,2002:str"
_CORE: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null"))
_WORDS: Final[dict[str, Any]] = {
    **{
        form: word in ("y", "yes", "true", "on")
        for word in ("y", "n", "yes", "no", "true", "false", "on", "off")
        for form in (word, word.capitalize(), word.upper())
    },
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_HEADS: Final = frozenset("yYnNtTfFoO~+-.0123456789")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_INT: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


def resolve(raw: str, style: str = "") -> Any:
    """The value of a scalar as it arrives at the API server; `style` is "" for plain."""
    if style or (raw and raw[0] not in _HEADS):
        return raw
    if raw in _WORDS:
        return _WORDS[raw]
    if raw[0].isalpha() or raw == "~" or len(raw) > 400:
        return raw
    digits = raw if raw[0] == "." else raw.replace("_", "")
    if found := _INT.fullmatch(digits):
        return _integer(found)
    if not _FLOAT.fullmatch(digits):
        return raw
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        return raw
    # JSON has one kind of number: 1e3 is sent as 1000, and read as an integer.
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _integer(found: re.Match[str]) -> int:
    sign, hexadecimal, binary, octal, decimal = found.groups()
    for text, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)):
        if text:
            return int(sign + text, base)
    return 0


def _scalar_value(node: Node) -> Any:
    if node.tag is None:
        return resolve(node.raw, node.style)
    return resolve(node.raw) if node.tag in _CORE else node.raw


def _key_text(key: Node) -> str:
    """The key as JSON has it: a word or number that YAML resolves is written out again."""
    key = key.real
    if key.kind != "scalar":
        # The API server has no such key; any name that says what it is made of will do.
        return "? " + " ".join(node.raw for node in _walk(key))
    value = key.raw if key.tag is None and key.style else _scalar_value(key)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return key.raw
    return str(value)


def _is_merge(key: Node) -> bool:
    return key.kind == "scalar" and key.raw == "<<" and not key.style and key.tag != _STR


def _merged(value: Node) -> list[Node]:
    """The mappings that a merge key brings in, the one that counts most last."""
    value = value.real
    found = [value] if value.kind == "mapping" else []
    if value.kind == "sequence":
        found = [item.real for item in reversed(value.entries)]
    return found if all(node.kind == "mapping" for node in found) else []


def _value(root: Node) -> Any:
    """The plain value of a tree; children before parents, so that merges find theirs complete."""
    done: dict[int, Any] = {}
    stack: list[tuple[Node, Any]] = [(root, None)]
    while stack:
        node, children = stack[-1]
        if node.kind == "scalar":
            done[id(node)] = _scalar_value(node)
            stack.pop()
            continue
        if children is None:
            children = iter(node.items if node.target is None else [node.target])
            stack[-1] = (node, children)
        child = next((c for c in children if id(c) not in done), None)
        if child is not None:
            stack.append((child, None))
            continue
        stack.pop()
        done[id(node)] = _collected(node, done)
    return done[id(root)]


def _collected(node: Node, done: dict[int, Any]) -> Any:
    """A collection's or an alias's value, its children's values being in `done`."""
    if node.target is not None:
        return done[id(node.target)]
    if node.kind == "sequence":
        return [done[id(item)] for item in node.entries]
    value: dict[str, Any] = {}
    for key, item in node.entries:
        merged = _merged(item) if _is_merge(key) else []
        for mapping in merged:
            value.update(done[id(mapping)])
        if not merged:
            value[_key_text(key)] = done[id(item)]
    return value


def _entry(mapping: Node, step: str | int) -> tuple[Node, Node] | None:
    """The last entry with this key; where there is none, the one that a merge key brings in."""
    queue = [mapping]
    while queue:
        node = queue.pop()
        for key, value in reversed(node.entries):
            if _key_text(key) == step:
                return key, value
        for key, value in node.entries:
            if _is_merge(key):
                queue.extend(_merged(value))
    return None


def _trail(root: Node | None, path: Field) -> list[tuple[Node, Node]]:
    """Per step of `path` that exists, what names it (key or item) and the node; the root first."""
    if root is None:
        return []
    trail = [(root, root)]
    for step in path:
        node = trail[-1][1].real
        found: tuple[Node, Node] | None = None
        if node.kind == "mapping":
            found = _entry(node, step)
        elif node.kind == "sequence" and isinstance(step, int) and 0 <= step < len(node.entries):
            found = (node.entries[step], node.entries[step])
        if found is None:
            break
        trail.append(found)
    return trail


_ODD: Final = frozenset(word for word in _WORDS if word.lower() not in ("true", "false"))


def _warnings(document: Document) -> Iterator[tuple[int, int, str]]:
    for node in _walk(document.root):
        if node.kind == "scalar" and node.raw in _ODD and not node.style and node.tag is None:
            if (value := resolve(node.raw)) is not None:
                word = "true" if value else "false"
                yield node.line, node.column, f"`{node.raw}` is read as {word}; quote it"
        if node.kind != "mapping":
            continue
        seen: dict[str, int] = {}
        for key, _ in node.entries:
            text = _key_text(key)
            if text in seen and not _is_merge(key):
                reason = f"the key `{text}` stands twice, first in line {seen[text]}; the last wins"
                yield key.line, key.column, reason
            seen.setdefault(text, key.line)


# --- What edits mean ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Ops:
    """What becomes of the entries of one container, its items counted as they stand before."""

    sets: dict[str | int, Any] = field(default_factory=dict)
    removes: list[str | int] = field(default_factory=list)
    adds: list[tuple[Any, Any]] = field(default_factory=list)


def _lookup(body: Any, path: Field) -> Any:
    """The value at `path`, or ABSENT."""
    for step in path:
        if isinstance(body, dict) and step in body:
            body = body[step]
        elif isinstance(body, list) and isinstance(step, int) and 0 <= step < len(body):
            body = body[step]
        else:
            return ABSENT
    return body


def _shown(path: Field) -> str:
    """A field as people write it: `spec.containers[0].resources`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "the document"


def _outcome(
    body: Any, edits: Iterable[Edit], roots: frozenset[Field] = frozenset()
) -> dict[Field, _Ops]:
    """Per container that changes, what becomes of its entries; parents are made and pruned here.

    Raises: EditRefused where a path is missing, taken, or meant twice.
    """
    edits = list(edits)
    _check_apart(edits)
    ops: dict[Field, _Ops] = {}
    lengths: dict[int, set[Field]] = {}

    def at(path: Field) -> _Ops:
        lengths.setdefault(len(path), set()).add(path)
        return ops.setdefault(path, _Ops())

    for edit in edits:
        if not edit.field:
            raise EditRefused("a document is not replaced as a whole")
        own, step = at(edit.field[:-1]), edit.field[-1]
        if edit.old is ABSENT:
            own.adds.append((step, edit.new))
        elif edit.new is ABSENT:
            own.removes.append(step)
        else:
            own.sets[step] = edit.new
    for length in range(max(lengths, default=-1), -1, -1):
        for path in sorted(lengths.get(length, ()), key=_order):
            _settle(body, path, ops, at, roots)
    return ops


def _order(path: Field) -> tuple[tuple[bool, int, str], ...]:
    return tuple((isinstance(s, int), s if isinstance(s, int) else 0, str(s)) for s in path)


def _check_apart(edits: list[Edit]) -> None:
    """Raises: EditRefused where one edit stands at or below the place of another."""
    places = {edit.field for edit in edits}
    seen: set[Field] = set()
    for edit in edits:
        above = next(
            (edit.field[:n] for n in range(len(edit.field)) if edit.field[:n] in places), None
        )
        is_insert = bool(edit.field) and isinstance(edit.field[-1], int) and edit.old is ABSENT
        if above or (edit.field in seen and not is_insert):
            raise EditRefused(f"two edits mean the same place, {_shown(above or edit.field)}")
        if not is_insert:
            seen.add(edit.field)


def _settle(
    body: Any,
    path: Field,
    ops: dict[Field, _Ops],
    at: Callable[[Field], _Ops],
    roots: frozenset[Field],
) -> None:
    """Check the operations of one container; hand them to its parent where it is made or pruned."""
    own, container = ops[path], _lookup(body, path)
    is_root = not path or path in roots
    if container is ABSENT or container is None or container in ({}, []):
        if own.sets or own.removes or (not path and container is None):
            raise EditRefused(f"{_shown((*path, *[*own.sets, *own.removes][:1]))} does not exist")
        fresh = _made(path, own.adds, container)
        if not path:
            return
        parent = at(path[:-1])
        if container is ABSENT:
            parent.adds.append((path[-1], fresh))
        else:
            parent.sets[path[-1]] = fresh
        del ops[path]
        return
    _check_steps(path, container, own)
    if len(own.removes) == len(container) and not own.adds and not is_root:
        at(path[:-1]).removes.append(path[-1])
        del ops[path]


def _made(path: Field, adds: list[tuple[Any, Any]], container: Any) -> Any:
    """A new mapping or list of what is added to it."""
    numbers = [step for step, _ in adds if isinstance(step, int)]
    if isinstance(container, dict) and numbers:
        raise EditRefused(f"{_shown(path)} is a mapping, not a list")
    if numbers or isinstance(container, list):
        if numbers != [0] * len(adds):
            raise EditRefused(f"{_shown(path)} has no item to stand behind")
        return [value for _, value in adds]
    return dict(adds)


def _check_steps(path: Field, container: Any, own: _Ops) -> None:
    """Raises: EditRefused where an operation does not fit what is there."""
    for step in [*own.sets, *own.removes]:
        if _lookup(container, (step,)) is ABSENT:
            raise EditRefused(f"{_shown((*path, step))} does not exist")
    for step, _ in own.adds:
        if isinstance(container, dict):
            fits = isinstance(step, str) and step not in container
        else:
            fits = isinstance(container, list) and isinstance(step, int)
            fits = fits and 0 <= step <= len(container)
        if not fits:
            raise EditRefused(f"nothing can be added at {_shown((*path, step))}")


def _renamed(own: _Ops) -> bool:
    """Whether the one added key takes the place of the one removed."""
    return len(own.removes) == len(own.adds) == 1 and isinstance(own.adds[0][0], str)


def intended(body: Any, edits: Iterable[Edit]) -> Any:
    """The object after the edits; mappings and lists that they empty go too, up to the root.

    Raises: EditRefused where a path is missing, taken, or meant twice.
    """
    return _applied(body, _outcome(body, edits))


def _applied(body: Any, ops: dict[Field, _Ops]) -> Any:
    """The object with the operations done to copies of the containers on their way."""
    levels: dict[int, set[Field]] = {}
    for path in ops:
        for length in range(len(path) + 1):
            levels.setdefault(length, set()).add(path[:length])
    kids: dict[Field, dict[Any, Any]] = {}
    result = body
    for length in sorted(levels, reverse=True):
        for path in levels[length]:
            changed = kids.get(path, {})
            own = ops.get(path) or _Ops()
            result = _changed(_lookup(body, path), own, {**own.sets, **changed})
            if path:
                kids.setdefault(path[:-1], {})[path[-1]] = result
    return result


def _changed(container: Any, own: _Ops, sets: dict[Any, Any]) -> Any:
    """A copy of one container with its operations done."""
    if isinstance(container, list):
        new: list[Any] = []
        for index in range(len(container) + 1):
            new.extend(value for at, value in own.adds if at == index)
            if index < len(container) and index not in own.removes:
                new.append(sets.get(index, container[index]))
        return new
    result: dict[str, Any] = {}
    for key, value in container.items():
        if key not in own.removes:
            result[key] = sets.get(key, value)
        elif _renamed(own):
            result.update(own.adds)
    result.update(own.adds)
    return result


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal; true is not 1, and 1 is 1.0."""
    stack = [(one, other)]
    while stack:
        a, b = stack.pop()
        if a is b:
            continue
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            stack.extend((value, b[key]) for key, value in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            stack.extend(zip(a, b, strict=True))
        elif isinstance(a, bool) != isinstance(b, bool) or (a != b and (a == a or b == b)):
            return False
    return True


# --- Writing values -----------------------------------------------------------------------------

_PLAIN_HEAD: Final = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=<]|-(?=[^\s\-,\[\]{}])")
_UNPLAIN: Final = re.compile(
    r":(?=\s|$)|\s#|[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|^\s|\s$"
)
_UNFLOW: Final = re.compile(r"[\[\]{},:]|\?")
_ESCAPED: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def _is_plain(text: str, flow: bool) -> bool:
    """Whether a string may stand unquoted: YAML 1.1, YAML 1.2 and kubectl all read the same."""
    if not text or not _PLAIN_HEAD.match(text) or _UNPLAIN.search(text) or "\u2028" in text:
        return False
    if text.startswith("...") or (flow and _UNFLOW.search(text)):
        return False
    if (
        resolve(text) is not text
        or "_" in text
        and resolve(text.replace("_", "")) != text.replace("_", "")
    ):
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
    return not any(regexp.match(text) for _, regexp in resolvers)


def _quoted(text: str, quote: str) -> str:
    """The string in quotation marks, single ones where they are asked for and can hold it."""
    if quote == "'" and "\n" not in text and not _ESCAPED.search(text) and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    escaped = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)


@dataclass(frozen=True, slots=True)
class _Style:
    """How a document is written: `step` indents a mapping, `dash` a list under its key."""

    step: int = 2
    dash: int = 0
    quote: str = '"'
    newline: str = "\n"
    is_json: bool = False
    literal: bool = True


def _token(value: Any, style: _Style, *, flow: bool = False, like: str = "") -> str:
    """A scalar or an empty collection on one line; `like` is the quotation mark to keep."""
    if isinstance(value, str):
        if style.is_json:
            return _quoted(value, '"')
        if like in ("'", '"'):
            return _quoted(value, like)
        if _is_plain(value, flow):
            return value
        other = "'" if style.quote == '"' else '"'
        clash = style.quote in value or (style.quote == '"' and "\\" in value)
        return _quoted(value, other if clash and other not in value else style.quote)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    return json.dumps(value)


def _is_inline(value: Any) -> bool:
    """Whether a value stands on the line of its key."""
    if isinstance(value, dict | list):
        return not value
    return not (isinstance(value, str) and _is_literal(value))


def _is_literal(text: str) -> bool:
    """Whether a string reads best, and unharmed, as a literal block."""
    if "\n" not in text[:-1] or text.endswith("\n\n") or text[0] in " \t\n":
        return False
    lines = text.split("\n")
    if any(line and not line.strip() for line in lines):
        return False
    return all(line.replace("\t", "").isprintable() and "\ufeff" not in line for line in lines)


def _block(head: str, value: Any, column: int, style: _Style, *, item: bool = False) -> list[str]:
    """The lines of a value in block style behind `head`, which ends in a colon or a dash.

    Shape: `column` is that of the key or dash; an empty `head` writes the entries at `column`.
    """
    lines: list[str] = []
    stack: list[tuple[str, Any, int, bool]] = [(head, value, column, item)]
    while stack:
        head, value, column, item = stack.pop()
        if isinstance(value, dict | list) and value:
            inner = column + (2 if item else style.step)
            if isinstance(value, list) and not item:
                inner = column + style.dash
            inner = inner if head else column
            children = _children(value, inner, style)
            if item:
                first, *rest = children
                children = [(f"{head} {first[0].lstrip()}", *first[1:]), *rest]
            elif head:
                lines.append(head)
            stack.extend(reversed(children))
        elif _is_inline(value) or not style.literal:
            lines.append(f"{head} {_token(value, style)}")
        else:
            lines.append(f"{head} |{'' if value.endswith(chr(10)) else '-'}")
            pad = " " * (column + style.step)
            body = value.removesuffix("\n").split("\n")
            lines.extend(pad + line if line else "" for line in body)
    return lines


def _children(value: Any, column: int, style: _Style) -> list[tuple[str, Any, int, bool]]:
    pad = " " * column
    if isinstance(value, list):
        return [(f"{pad}-", item, column, True) for item in value]
    return [(f"{pad}{_token(key, style)}:", item, column, False) for key, item in value.items()]


def _flow(value: Any, style: _Style, column: int, *, lines: bool = False) -> str:
    """A value in flow style, on one line or, where `lines`, over several from `column` on."""
    out: list[str] = []
    stack: list[tuple[Any, int, str, str]] = [(value, column, "", "")]
    while stack:
        value, column, head, tail = stack.pop()
        if not (isinstance(value, dict | list) and value):
            out.append(
                head + (_token(value, style, flow=True) if value is not _NOTHING else "") + tail
            )
            continue
        is_map = isinstance(value, dict)
        opened, closed = "{}" if is_map else "[]"
        inner = column + style.step
        gap = f"{style.newline}{' ' * inner}" if lines else ""
        out.append(head + opened)
        pairs = value.items() if is_map else ((None, item) for item in value)
        tasks = []
        for number, (key, item) in enumerate(pairs):
            before = gap if lines or not number else " "
            name = f"{_token(key, style, flow=True)}: " if is_map else ""
            comma = "," if number < len(value) - 1 else ""
            tasks.append((item, inner, before + name, comma))
        end = f"{style.newline}{' ' * column}" if lines else ""
        tasks.append((_NOTHING, column, end + closed, tail))
        stack.extend(reversed(tasks))
    return "".join(out)


_NOTHING: Final = object()


# --- Edits spliced into the text ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Splice:
    """What replaces one stretch of `Text.source`; `line` is the first it touches, from 1."""

    start: int
    end: int
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Edited:
    """A text after its edits; `quoted` are the comments that went with what was removed."""

    data: bytes
    splices: tuple[Splice, ...]
    quoted: tuple[str, ...]


class _Cut(NamedTuple):
    """A splice that is not settled yet; where several insert at one place, the deepest is first."""

    start: int
    end: int
    shallow: int
    number: int
    text: str


_SKIP: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*+")
_COLON: Final = re.compile(r"[ \t]*:")
_BLANK: Final = re.compile(r"(?:[ \t]*\r?\n)*")
_COMMENT_LINE: Final = re.compile(r"([ \t]*)(#?)[^\n]*\n")
_STATEMENT: Final = re.compile(r"\{[{%]-?\s*(if|range|with|define|block|for|macro|end\w*)\b")


class _Editor:
    """Collects the splices of one document."""

    def __init__(self, text: Text, document: Document, cuts: list[_Cut], quoted: list[str]) -> None:
        # A text without a final line break is edited as if it had one, which then goes again.
        pad = "" if text.plain.endswith("\n") else text.newline
        self.plain = text.plain + pad
        self.source = text.source + pad
        self.text = text
        self.document = document
        self.cuts = cuts
        self.quoted = quoted
        self.style = _style(text, document)
        self.aliased = {id(alias.target) for alias in document.aliases}
        self.depth = 0
        self._leaves: list[Node] | None = None

    # What is refused

    def refused(self, reason: str, node: Node | None) -> EditRefused:
        return EditRefused(reason, line=node.line if node else 1)

    def resolved(self, path: Field) -> list[tuple[Node, Node]]:
        """The trail to `path`, as far as it exists, none of it standing for another place.

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
                [e for e in node.entries if _key_text(e[0]) == step]
                if node.kind == "mapping"
                else []
            )
            if len(found) > 1:
                lines = " and ".join(str(key.line) for key, _ in found)
                raise self.refused(f"the key `{step}` stands twice, in lines {lines}", found[-1][0])
            if not found:
                if node.kind == "mapping" and _entry(node, step):
                    reason = f"{_shown(path[: number + 1])} comes from a merge key"
                    raise self.refused(reason, node)
                break
            trail.append(found[0])
        if len(trail) == len(path) + 1:
            for node in _walk(trail[-1][1]):
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

    # Places

    def after(self, end: int, column: int) -> int:
        """Where the lines of an entry that ends at `end` are over, deeper comments included."""
        at = stop = _line_end(self.plain, end)
        while at < len(self.plain) and (found := _COMMENT_LINE.match(self.plain, at)):
            is_blank = not found[0].strip()
            if not is_blank and (not found[2] or len(found[1]) <= column):
                break
            if self.is_masked(at, found.end()):
                break
            at = found.end()
            stop = stop if is_blank else at
        return stop

    def is_masked(self, start: int, end: int) -> bool:
        spans = self.text.masked
        at = bisect_right(spans, (end, 0)) - 1
        while at >= 0 and spans[at][1] > start:
            if spans[at][0] < end:
                return True
            at -= 1
        return False

    def is_behind(self, at: int) -> bool:
        """Whether a dash or a key stands before `at` on its line."""
        return bool(self.plain[_line_start(self.plain, at) : at].strip())

    def starts(self, node: Node) -> list[int]:
        """Where the entries of a collection begin: dashes, keys, or question marks."""
        if node.kind == "mapping":
            return [self.key_start(key) for key, _ in node.entries]
        if node.flow:
            return [item.start for item in node.entries]
        at = (
            re.compile(r"(?:[&!][^\s]*[ \t\r\n]+|#[^\n]*\n\s*)*")
            .match(self.plain, node.start)
            .end()
        )  # type: ignore[union-attr]
        starts = []
        for item in node.entries:
            at = _SKIP.match(self.plain, at).end()  # type: ignore[union-attr]
            if self.plain[at : at + 1] != "-":
                raise self.refused("the list is written in a way that is not edited", item)
            starts.append(at)
            at = max(item.end, at + 1)
        return starts

    def key_start(self, key: Node) -> int:
        before = self.plain[_line_start(self.plain, key.start) : key.start].rstrip(" \t")
        if before.endswith("?"):
            return _line_start(self.plain, key.start) + len(before) - 1
        return key.start

    def ends(self, node: Node) -> list[int]:
        if node.kind == "sequence":
            starts = self.starts(node)
            return [max(i.end, s + 1) for i, s in zip(node.entries, starts, strict=True)]
        return [self.entry_end(key, value, node.flow) for key, value in node.entries]

    def entry_end(self, key: Node, value: Node, flow: bool) -> int:
        if value.start < value.end:
            return value.end
        colon = _COLON.match(self.plain, key.end)
        return colon.end() if colon else max(key.end, 0 if flow else value.end)

    def column(self, at: int) -> int:
        return at - _line_start(self.plain, at)

    # Splices

    def cut(self, start: int, end: int, text: str = "") -> None:
        if self.text.newline != "\n":
            text = text.replace("\r\n", "\n").replace("\n", self.text.newline)
        if start < end or text:
            self.cuts.append(_Cut(start, end, -self.depth, len(self.cuts), text))

    @property
    def leaves(self) -> list[Node]:
        """The scalars and aliases that have text, in order."""
        if self._leaves is None:
            nodes = _walk(self.document.root)
            leaves = [n for n in nodes if n.kind in ("scalar", "alias") and n.start < n.end]
            self._leaves = sorted(leaves, key=lambda node: node.start)
        return self._leaves

    def is_kept(self, at: int) -> bool:
        """Whether the text before `at` ends in a block scalar that keeps its blank lines."""
        number = bisect_left(self.leaves, at, key=lambda node: node.start)
        last = self.leaves[number - 1] if number else None
        if last is None or last.style not in ("|", ">"):
            return False
        return bool(_KEEPS.search(self.plain[last.start : self.content(last)]))

    def quote(self, start: int, end: int) -> None:
        """Keep the comments of what is removed for the report."""
        at, number = start, bisect_left(self.leaves, start, key=lambda node: node.start)
        while at < end:
            stop, after = end, end
            if number < len(self.leaves) and self.leaves[number].start < end:
                stop, after = self.content(self.leaves[number]), self.leaves[number].end
            for found in re.finditer(r"(?:^|(?<=\s))#[^\r\n]*", self.source[at:stop]):
                self.quoted.append(found[0].rstrip())
            at, number = max(after, at), number + 1

    def content(self, node: Node) -> int:
        """Where a scalar's own text begins: that of a block scalar below its header."""
        if node.style in ("|", ">"):
            found = self.plain.find("\n", node.start, node.end)
            return found if found >= 0 else node.end
        return node.start

    def lines(self, lines: list[str]) -> str:
        return "".join(line + "\n" for line in lines)

    # Containers

    def container(self, node: Node, own: _Ops, old: Any) -> None:
        """Splice what becomes of the entries of one container."""
        starts, ends = self.starts(node), self.ends(node)
        names = list(range(len(starts)))
        if node.kind == "mapping":
            index = {_key_text(key): n for n, (key, _) in enumerate(node.entries)}
        else:
            index = dict(zip(names, names, strict=True))  # type: ignore[arg-type]
        for step, value in own.sets.items():
            self.put(node, index[step], starts, value)  # type: ignore[index]
        gone = {index[step] for step in own.removes}  # type: ignore[index]
        if node.kind == "mapping" and _renamed(own):
            at = next(iter(gone))
            name, value = own.adds[0]
            same = is_same(old[own.removes[0]], value)
            self.rename(node, at, starts, ends, name, value, same)
        elif len(gone) == len(starts) and gone:
            self.replace_all(node, own.adds, starts, ends)
        elif node.flow:
            self.flow(node, gone, own.adds, starts, ends)
        else:
            column = self.column(starts[0])
            self.drop(starts, ends, gone, column)
            self.insert(node, own.adds, starts, ends, column)

    def drop(self, starts: list[int], ends: list[int], gone: set[int], column: int) -> None:
        """Cut entries of a block collection, each with its lines."""
        behind = self.is_behind(starts[0])
        for n in range(len(starts)):
            if n not in gone:
                behind = False
                continue
            stop = self.after(ends[n], column)
            self.quote(starts[n], stop)
            if self.is_kept(starts[n]):
                # Blank lines that follow would become part of the block scalar before.
                stop = _BLANK.match(self.plain, stop).end()  # type: ignore[union-attr]
            if not behind:
                self.cut(_line_start(self.plain, starts[n]), stop)
                continue
            # The next entry moves up to the dash, or a comment that stands before it does.
            comment = self.plain.find("#", stop, starts[n + 1])
            self.cut(starts[n], comment if comment >= 0 else starts[n + 1])
            behind = comment < 0

    def insert(
        self,
        node: Node,
        adds: list[tuple[Any, Any]],
        starts: list[int],
        ends: list[int],
        column: int,
    ) -> None:
        """Add entries to a block collection."""
        for step, value in adds:
            is_item = node.kind == "sequence"
            at = self.after(ends[step - 1 if is_item else -1], column)
            head = " " * column + ("-" if is_item else f"{_token(step, self.style)}:")
            lines = _block(head, value, column, self.style, item=is_item)
            text = self.lines(lines)
            if is_item and step == 0:
                at = _line_start(self.plain, starts[0])
                if self.is_behind(starts[0]):
                    at, text = starts[0], text.lstrip(" ") + " " * column
            self.check_balanced(node, at)
            self.cut(at, at, text)

    def replace_all(
        self, node: Node, adds: list[tuple[Any, Any]], starts: list[int], ends: list[int]
    ) -> None:
        """Write a collection anew that keeps none of its entries."""
        fresh: Any = dict(adds)
        if node.kind == "sequence":
            fresh = [value for _, value in sorted(adds, key=lambda add: add[0])]
        if node.flow:
            self.quote(node.start, node.end)
            start = self.plain.index("{["[node.kind == "sequence"], node.start)
            self.cut(start, node.end, self.flow_text(fresh, node, starts))
            return
        column = self.column(starts[0])
        stop = self.after(ends[-1], column)
        self.quote(starts[0], stop)
        if fresh:
            lines = _block("", fresh, column, self.style)
            self.cut(starts[0], stop, self.lines(lines).lstrip(" "))
        else:
            self.cut(starts[0], stop, f"{_token(fresh, self.style)}\n")

    def rename(
        self,
        node: Node,
        n: int,
        starts: list[int],
        ends: list[int],
        name: str,
        value: Any,
        same: bool,
    ) -> None:
        """Put a new entry where another stood; a key alone where the value stays."""
        key, old = node.entries[n]
        is_scalar = old.kind == "scalar" and old.style not in ("|", ">") and _is_inline(value)
        if same or is_scalar or node.flow:
            if not _COLON.match(self.plain, key.end) and not (node.flow and same):
                raise self.refused("a key written with `?` is not edited", key)
            token = _token(name, self.style, flow=node.flow, like=key.style)
            self.cut(key.start, key.end, token)
            if not same:
                self.put(node, n, starts, value)
            return
        column = self.column(starts[n])
        stop = self.after(ends[n], column)
        self.quote(starts[n], stop)
        lines = _block(f"{' ' * column}{_token(name, self.style)}:", value, column, self.style)
        self.cut(starts[n], stop, self.lines(lines).lstrip(" "))

    def put(self, node: Node, n: int, starts: list[int], value: Any) -> None:
        """Write another value into an entry."""
        is_item = node.kind == "sequence"
        old = node.entries[n] if is_item else node.entries[n][1]
        head = starts[n] + 1
        if not is_item:
            key = node.entries[n][0]
            colon = _COLON.match(self.plain, key.end)
            if not colon and not node.flow:
                raise self.refused("a key written with `?` is not edited", key)
            head = colon.end() if colon else -1
        if node.flow:
            self.put_flow(node, n, head, old, value)
            return
        column = self.column(starts[n])
        is_block = old.style in ("|", ">") or (old.kind in ("mapping", "sequence") and not old.flow)
        if is_block:
            stop = self.after(old.end, column)
            self.quote(head, stop)
            tail = ""
        else:
            stop = _line_end(self.plain, max(old.end, head))
            tail = self.source[max(old.end, head) : stop].strip()
            self.quote(old.start, old.end)
        if _is_inline(value) and not is_block:
            like = old.style if old.kind == "scalar" and isinstance(value, str) else ""
            token = _token(value, self.style, like=like)
            if old.start < old.end:
                self.cut(old.start, old.end, token)
            else:
                self.cut(head, head, " " + token)
            return
        # A comment that stands deeper would become part of a literal block above it.
        style = replace(self.style, literal=is_block or self.after(stop - 1, column) == stop)
        first, *rest = _block("-" if is_item else ":", value, column, style, item=is_item)
        lines = [f"{first[1:]} {tail}" if tail else first[1:], *rest]
        self.cut(head, stop, self.lines(lines))

    # Flow collections

    def put_flow(self, node: Node, n: int, head: int, old: Node, value: Any) -> None:
        if head < 0:
            key = node.entries[n][0]
            self.cut(key.end, key.end, ": " + self.flow_text(value, node))
        elif old.start < old.end:
            self.quote(old.start, old.end)
            like = old.style if old.kind == "scalar" and isinstance(value, str) else ""
            text = _token(value, self.style, flow=True, like=like) if like else ""
            self.cut(old.start, old.end, text or self.flow_text(value, node))
        elif node.kind == "sequence":
            raise self.refused("an empty list item is not edited", old)
        else:
            self.cut(head, head, " " + self.flow_text(value, node))

    def flow_text(self, value: Any, node: Node, starts: list[int] | None = None) -> str:
        """A value for a flow collection, over several lines where the collection is."""
        style = self.style
        keys = [key for key, _ in node.entries] if node.kind == "mapping" else []
        if keys and all(key.style == '"' for key in keys) and self.text.source[:1] in "{[":
            style = _Style(style.step, style.dash, '"', "\n", True)
        over = bool(node.entries) and self.is_own_line(node)
        first = self.starts(node)[0] if over else 0
        column = self.column(first) if over and starts is None else self.column(node.start)
        if starts is not None and over:
            column = self.column(first) - style.step
        return _flow(value, style, column, lines=over)

    def is_own_line(self, node: Node) -> bool:
        """Whether the first entry of a flow collection stands at the head of a line."""
        return not self.is_behind(self.starts(node)[0])

    def commas(self, node: Node, ends: list[int]) -> list[int]:
        """Per entry the offset of the comma after it, -1 where there is none."""
        found = []
        for n, end in enumerate(ends):
            at = _SKIP.match(self.plain, end).end()  # type: ignore[union-attr]
            if self.plain[at : at + 1] != "," and n < len(ends) - 1:
                raise self.refused("the list is written in a way that is not edited", node)
            found.append(at if self.plain[at : at + 1] == "," else -1)
        return found

    def flow(
        self,
        node: Node,
        gone: set[int],
        adds: list[tuple[Any, Any]],
        starts: list[int],
        ends: list[int],
    ) -> None:
        """Cut and add entries of a flow collection, with their commas."""
        commas = self.commas(node, ends)
        if node.kind == "sequence":
            # The last item that comes in front of one that goes takes its place.
            for n in gone & {step for step, _ in adds}:
                at = max(number for number, (step, _) in enumerate(adds) if step == n)
                self.put_flow(node, n, starts[n], node.entries[n], adds[at][1])
                adds, gone = [*adds[:at], *adds[at + 1 :]], gone - {n}
        last = max(n for n in range(len(starts)) if n not in gone)
        for n in gone:
            self.drop_flow(n, starts, ends, commas)
        appended = [(step, v) for step, v in adds if node.kind == "mapping" or step == len(starts)]
        for step, value in adds:
            if (step, value) not in appended:
                text = self.flow_text(value, node)
                gap = "\n" + " " * self.column(starts[step]) if self.is_own_line(node) else " "
                self.cut(starts[step], starts[step], f"{text},{gap}")
        is_cut = last < len(starts) - 1 and commas[-1] < 0
        if appended:
            self.append_flow(node, appended, starts, ends[last], -1 if is_cut else commas[last])
        if is_cut:
            self.cut(commas[last], commas[last] + 1)

    def append_flow(
        self, node: Node, adds: list[tuple[Any, Any]], starts: list[int], end: int, comma: int
    ) -> None:
        over = self.is_own_line(node)
        gap = "\n" + " " * self.column(starts[0]) if over else " "
        texts = []
        for step, value in adds:
            name = ""
            if node.kind == "mapping":
                like = '"' if all(key.style == '"' for key, _ in node.entries) else ""
                name = _token(step, self.style, flow=True, like=like) + ": "
            texts.append(name + self.flow_text(value, node))
        joined = f",{gap}".join(texts)
        rest = self.plain[end : _line_end(self.plain, end)]
        if over and "#" in rest and comma < _line_end(self.plain, end):
            at = _line_end(self.plain, end) - len(rest) + len(rest.rstrip("\r\n"))
            if comma < 0:
                self.cut(end, end, ",")
            self.cut(at, at, gap + joined + ("," if comma >= 0 else ""))
        else:
            self.cut(end, end, f",{gap}{joined}")

    def drop_flow(self, n: int, starts: list[int], ends: list[int], commas: list[int]) -> None:
        """Cut one entry of a flow collection: its lines where it has its own, else its words."""
        end = commas[n] + 1 if commas[n] >= 0 else ends[n]
        rest = self.plain[end : _line_end(self.plain, end)].strip()
        begin = _line_start(self.plain, starts[n])
        if not self.is_behind(starts[n]) and (not rest or rest[0] == "#"):
            self.quote(begin, _line_end(self.plain, end))
            self.cut(begin, _line_end(self.plain, end))
        elif n < len(starts) - 1 and not re.search(r"[\n#]", self.plain[ends[n] : starts[n + 1]]):
            self.quote(starts[n], ends[n])
            self.cut(starts[n], starts[n + 1])
        else:
            self.quote(starts[n], end)
            before = self.plain[begin : starts[n]]
            blank = len(before) - len(before.rstrip(" \t")) if before.strip() else 0
            self.cut(starts[n] - blank, end)

    def root(self, value: Any) -> None:
        """Write an empty root anew."""
        node = self.document.root
        if node is None or not node.flow:
            raise self.refused("the document is empty", node)
        if self.text.is_json or self.is_behind(node.start):
            self.cut(node.start, node.end, _flow(value, self.style, 0))
        else:
            stop = _line_end(self.plain, node.end)
            tail = self.source[node.end : stop].strip()
            lines = _block("", value, 0, self.style)
            self.cut(node.start, stop, self.lines([f"{lines[0]} {tail}".rstrip(), *lines[1:]]))


def _style(text: Text, document: Document) -> _Style:
    """How a document is written, by what is most frequent in it."""
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    quotes: Counter[str] = Counter()
    for node in _walk(document.root):
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
    return _Style(step, dash, quote, "\n", text.is_json)


def edited(
    text: Text,
    edits: Iterable[tuple[int, Field, Edit]],
    blocks: Iterable[tuple[int, str]] = (),
) -> Edited:
    """The text after the edits, and new documents (`blocks`) directly ahead of those named.

    Shape: an edit comes with its document's number and the path of its object in it; a block is
    YAML with line feeds and without `---`.
    Raises: EditRefused where more, or something else, would change than is meant.
    """
    cuts: list[_Cut] = []
    quoted: list[str] = []
    ops: dict[int, tuple[list[Edit], frozenset[Field]]] = {}
    for number, prefix, edit in edits:
        whole = Edit((*prefix, *edit.field), edit.old, edit.new)
        known, roots = ops.get(number, ([], frozenset()))
        ops[number] = ([*known, whole], roots | {prefix})
    expected: dict[int, Any] = {}
    for number, (own, roots) in ops.items():
        if not 0 <= number < len(text.documents):
            raise EditRefused(f"the file has no document {number + 1}")
        expected[number] = _edit_document(text, text.documents[number], own, roots, cuts, quoted)
    blocks = list(blocks)
    for number, block in blocks:
        _place(text, number, block, cuts)
    settled = _settled(text, cuts)
    for final in (False, True):
        splices = _trimmed(text, settled, final)
        data = _spliced(text, splices)
        reason = _difference(text, data, expected, blocks) or _second_opinion(
            text, data, ops, blocks
        )
        if not reason:
            return Edited(data, splices, tuple(quoted))
        if text.source.endswith("\n"):
            break
    line = splices[0].line if splices else 1
    raise EditRefused(reason, line=line, remedy="Make this change by hand.")


def _edit_document(
    text: Text,
    document: Document,
    edits: list[Edit],
    roots: frozenset[Field],
    cuts: list[_Cut],
    quoted: list[str],
) -> Any:
    """The value that a document is to have; its splices are added to `cuts`."""
    editor, body = _Editor(text, document, cuts, quoted), document.value()
    for edit in edits:
        trail = editor.resolved(edit.field)
        line = trail[-1][0].line if trail else 1
        if edit.old is not ABSENT:
            found = _lookup(body, edit.field)
            if found is ABSENT:
                raise EditRefused(f"{_shown(edit.field)} does not exist", line=line)
            if not is_same(found, edit.old):
                raise EditRefused(f"{_shown(edit.field)} is no longer what was read", line=line)
    try:
        ops = _outcome(body, edits, roots)
    except EditRefused as error:
        error.line = document.position(edits[0].field)[0]
        raise
    expected = _applied(body, ops)
    for path in sorted(ops, key=_order):
        own = ops[path]
        for step in [*own.sets, *own.removes]:
            editor.resolved((*path, step))
        node = editor.resolved(path)[-1][1]
        editor.check_single(node)
        editor.depth = len(path)
        if not path and body in ({}, []):
            editor.root(expected)
        else:
            editor.container(node, own, _lookup(body, path))
    return expected


def _place(text: Text, number: int, block: str, cuts: list[_Cut]) -> None:
    """Add the splice that puts a new document ahead of another."""
    if text.is_json:
        raise EditRefused("a JSON file takes no document beside its own", line=1)
    if not 0 <= number < len(text.documents):
        raise EditRefused(f"the file has no document {number + 1}", line=1)
    document = text.documents[number]
    block = block if block.endswith("\n") else block + "\n"
    at, before, after = document.marker, "---\n", ""
    if document.marker < 0:
        at, before, after = _below_licence(text, document), "", "---\n"
    elif directive := re.compile(r"^%", re.M).search(text.plain, document.start, document.marker):
        # A directive needs `...` before it, and would be another document's behind the block.
        at, before, after = directive.start(), "", "...\n"
        if any(cut.start == at and cut.shallow == 1 for cut in cuts):
            before = "---\n"
            last = max(n for n, c in enumerate(cuts) if c.start == at and c.shallow == 1)
            cuts[last] = cuts[last]._replace(
                text=cuts[last].text.removesuffix(f"...{text.newline}")
            )
    written = f"{before}{block}{after}".replace("\n", text.newline)
    cuts.append(_Cut(at, at, 1, len(cuts), written))


_LICENCE: Final = re.compile(r"(?:[ \t]*\r?\n)*(?:#[^\n]*\n)+(?:[ \t]*\r?\n)+")


def _below_licence(text: Text, document: Document) -> int:
    """The offset after a first paragraph of comments that a blank line follows."""
    found = _LICENCE.match(text.plain)
    content = document.root.start if document.root else 0
    if not found or found.end() > content:
        return 0
    return 0 if any(start < found.end() for start, _ in text.masked) else found.end()


def _settled(text: Text, cuts: list[_Cut]) -> list[tuple[int, int, str]]:
    """The splices in order, those that touch joined.

    Raises: EditRefused where they overlap or touch template text.
    """
    settled: list[tuple[int, int, str]] = []
    for cut in sorted(cuts):
        for start, end in text.masked:
            if start < cut.end and cut.start < end and (cut.start < cut.end or cut.start > start):
                line = text.source.count("\n", 0, start) + 1
                raise EditRefused("the edit would touch template text", line=line)
        if settled and cut.start <= settled[-1][1]:
            start, end, written = settled[-1]
            if cut.start < end and (cut.text or written):
                line = text.source.count("\n", 0, cut.start) + 1
                raise EditRefused("two edits meet in one line", line=line)
            settled[-1] = (start, max(end, cut.end), written + cut.text)
        else:
            settled.append((cut.start, cut.end, cut.text))
    return settled


def _trimmed(text: Text, settled: list[tuple[int, int, str]], final: bool) -> tuple[Splice, ...]:
    """The splices for the text as it is, which may lack the final line break they count on."""
    size, newline = len(text.source), text.newline
    if settled and not text.source.endswith("\n") and settled[-1][1] >= size:
        *rest, (start, end, written) = settled
        whole = size + len(newline)
        if start >= whole:
            written = newline + written
        elif end < whole:
            written += newline
        start = min(start, size)
        if not final and written.endswith(newline):
            written = written.removesuffix(newline)
        elif not final and text.source[:start].endswith(newline):
            if not rest or rest[-1][1] <= start - len(newline):
                start -= len(newline)
        settled = [*rest, (start, size, written)]
    lines = [0]
    splices = []
    at = 0
    for start, end, written in settled:
        lines[0] += text.source.count("\n", at, start)
        at = start
        splices.append(Splice(start, end, written, lines[0] + 1))
    return tuple(splices)


def _spliced(text: Text, splices: Iterable[Splice]) -> bytes:
    """The bytes of the text with the splices made."""
    parts, at = [], 0
    for splice in splices:
        parts += [text.source[at : splice.start], splice.text]
        at = splice.end
    parts.append(text.source[at:])
    return text.bom + "".join(parts).encode(text.encoding)


def byte_splices(text: Text, splices: Iterable[Splice]) -> list[tuple[int, int, str]]:
    """The splices with byte offsets of `Text.data`, its byte-order mark counted."""
    result, at, done = [], 0, len(text.bom)
    for splice in splices:
        start = done + len(text.source[at : splice.start].encode(text.encoding))
        done = start + len(text.source[splice.start : splice.end].encode(text.encoding))
        at = splice.end
        result.append((start, done, splice.text))
    return result


def _difference(
    text: Text, data: bytes, expected: Mapping[int, Any], blocks: list[tuple[int, str]]
) -> str:
    """What the new bytes say otherwise than is meant, "" where nothing."""
    try:
        after = parse(data, template=bool(text.masked), limits=_CHECKED)
        meant: list[Any] = []
        for document in text.documents:
            for number, block in blocks:
                if number == document.index:
                    meant.extend(d.value() for d in parse(block.encode()).documents)
            value = document.value()
            meant.append(expected.get(document.index, value))
    except YamlError as error:
        return f"the edited text would not parse: {error.reason}"
    if len(after.documents) != len(meant):
        return "the edited text would have another number of documents"
    if not all(is_same(d.value(), m) for d, m in zip(after.documents, meant, strict=True)):
        return "the edited text would not say what is meant"
    if text.is_json and not after.is_json:
        return "the edited text would no longer be JSON"
    return ""


_CHECKED: Final = Limits(size=2 * LIMITS.size, depth=2 * LIMITS.depth, nodes=2 * LIMITS.nodes)
_SECOND_OPINION: Final = 1_000_000
"""Characters up to which the slow second parser is asked."""


def _second_opinion(
    text: Text,
    data: bytes,
    edits: Mapping[int, tuple[list[Edit], frozenset[Field]]],
    blocks: list[tuple[int, str]],
) -> str:
    """What a YAML 1.2 parser, asked of the text before and after, says against it; "" if nothing."""
    if len(text.plain) > _SECOND_OPINION:
        return ""
    before = _loaded(text.plain)
    if before is None or len(before) != len(text.documents):
        return ""
    after = _loaded(parse(data, template=bool(text.masked), limits=_CHECKED).plain)
    if after is None:
        return "a YAML 1.2 parser would not read the edited text"
    meant: list[Any] = []
    for number, body in enumerate(before):
        for at, block in blocks:
            if at == number:
                meant.extend(_loaded(block) or [None])
        try:
            own, roots = edits.get(number, ([], frozenset()))
            meant.append(_applied(body, _outcome(body, own, roots)))
        except EditRefused:
            meant.append(ABSENT)
    if len(meant) != len(after):
        return "a YAML 1.2 parser would count other documents"
    pairs = zip(meant, after, strict=True)
    if all(one is ABSENT or is_same(one, other) for one, other in pairs):
        return ""
    return "a YAML 1.2 parser would read the edited text otherwise"


def _loaded(source: str) -> list[Any] | None:
    """The documents as a YAML 1.2 parser reads them, None where it does not."""
    import warnings

    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(YAML(typ="safe", pure=True).load_all(source))
        except (YAMLError, ValueError, TypeError, KeyError, RecursionError):
            return None


# --- New objects --------------------------------------------------------------------------------


_WIDTH: Final = 100


def dump(body: Mapping[str, Any], comments: Mapping[Field, str] | None = None) -> str:
    """A new object as YAML, its keys in their order and comments above the keys they belong to."""
    import io

    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 10**6
    writer.indent(mapping=2, sequence=2, offset=0)
    out = io.StringIO()
    writer.dump(_commented(dict(body), comments or {}), out)
    return out.getvalue()


def _commented(body: Any, comments: Mapping[Field, str]) -> Any:
    """The object in the types that carry comments and quoting."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    root = CommentedMap()
    stack: list[tuple[Any, Any, Field, int]] = [(body, root, (), 0)]
    while stack:
        plain, rich, path, column = stack.pop()
        is_map = isinstance(plain, dict)
        for step, value in plain.items() if is_map else enumerate(plain):
            own = _written(value)
            if isinstance(value, dict | list):
                own = CommentedMap() if isinstance(value, dict) else CommentedSeq()
                # A list's dashes stand under the key's own column.
                inner = column + 2 if not is_map or isinstance(value, dict) else column
                stack.append((value, own, (*path, step), inner))
            if is_map:
                rich[_written(step)] = own
            else:
                rich.append(own)
            if said := _said(plain, path, step, comments):
                words = "\n".join(_wrapped(said, _WIDTH - column - 2))
                rich.yaml_set_comment_before_after_key(step, before=words, indent=column)
    return root


def _said(plain: Any, path: Field, step: Any, comments: Mapping[Field, str]) -> str:
    """What is said above an entry; the first key of a list item speaks above the dash."""
    own = (
        ""
        if path and isinstance(path[-1], int) and next(iter(plain)) == step
        else comments.get((*path, step), "")
    )
    if isinstance(step, int) and isinstance(plain[step], dict) and plain[step]:
        first = comments.get((*path, step, next(iter(plain[step]))), "")
        own = "\n".join(text for text in (comments.get((*path, step), ""), first) if text)
    return own


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    lines: list[str] = []
    for line in text.splitlines():
        lines.extend(
            textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        )
    return lines


def _written(value: Any) -> Any:
    """A scalar in the style a careful person would give it."""
    from ruamel.yaml import scalarstring

    if not isinstance(value, str):
        return value
    if _is_literal(value):
        return scalarstring.LiteralScalarString(value)
    if len(value) > _WIDTH - 20 and (folds := _folds(value)):
        folded = scalarstring.FoldedScalarString(value)
        folded.fold_pos = folds  # type: ignore[attr-defined]
        return folded
    if _is_plain(value, False):
        return scalarstring.PlainScalarString(value)
    if '"' in value and "'" not in value and value.isprintable():
        return scalarstring.SingleQuotedScalarString(value)
    return scalarstring.DoubleQuotedScalarString(value)


def _folds(text: str) -> list[int]:
    """Where an expression may go on in the next line: at the single spaces after its operators."""
    if not text.isprintable() or text != text.strip():
        return []
    return [found.end() - 1 for found in re.finditer(r"(?<=\S) (?:&&|\|\|) (?=\S)", text)]
