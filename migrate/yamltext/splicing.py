"""Edits and new documents spliced into a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from migrate.errors import EditRefused, MigrateError
from migrate.model import ABSENT, Edit, Field
from migrate.yamltext.blocks import container, root
from migrate.yamltext.carrying import carried
from migrate.yamltext.checking import objection
from migrate.yamltext.documents import Document, Text
from migrate.yamltext.meaning import applied, lookup, order, outcome, shown
from migrate.yamltext.nodes import is_within, walk
from migrate.yamltext.reading import parse
from migrate.yamltext.site import Cut, Site
from migrate.yamltext.values import is_same


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


def edited(
    text: Text,
    edits: Iterable[tuple[int, Field, Edit]],
    blocks: Iterable[tuple[int, str]] = (),
) -> Edited:
    """The text after the edits, and new documents (`blocks`) directly ahead of those named.

    Shape: an edit comes with its document's number and the path of its object in it; a block is
    YAML with line feeds and without `---`. What goes from one place and comes to another keeps
    its lines; a document that would not be read as meant then is written anew there.
    Raises: EditRefused where more, or something else, would change than is meant.
    """
    ops: dict[int, tuple[list[Edit], set[Field]]] = {}
    for number, prefix, edit in edits:
        known, roots = ops.setdefault(number, ([], set()))
        known.append(Edit((*prefix, *edit.field), edit.old, edit.new))
        roots.add(prefix)
    blocks = list(blocks)
    moving: set[int] = set()
    try:
        return _made(text, ops, blocks, ops.keys(), moving)
    except EditRefused:
        if not moving:
            raise
    sound = {n for n in moving if len(ops) > 1 and _is_moved_well(text, n, ops[n])}
    if sound:
        with suppress(EditRefused):
            return _made(text, ops, blocks, sound, moving)
    return _made(text, ops, blocks, (), moving)


_Edits = tuple[list[Edit], set[Field]]
"""The edits of a document, and the paths of the objects in it that they are of."""


def _is_moved_well(text: Text, number: int, own: _Edits) -> bool:
    """Whether the edits of a document can be made with entries carried, were it alone."""
    document = text.documents[number]
    try:
        data = text.source[document.start : document.end].encode()
        _made(parse(data, template=bool(text.masked)), {0: own}, [], (0,), set())
    except MigrateError:
        return False
    return True


def _made(
    text: Text,
    ops: Mapping[int, _Edits],
    blocks: list[tuple[int, str]],
    movable: Collection[int],
    moving: set[int],
) -> Edited:
    """The text after the edits; those of `movable` documents in which entries move to `moving`.

    Raises: EditRefused where more, or something else, would change than is meant.
    """
    cuts: list[Cut] = []
    quoted: list[str] = []
    expected: dict[int, Any] = {}
    for number, (own, roots) in ops.items():
        if not 0 <= number < len(text.documents):
            raise EditRefused(f"the file has no document {number + 1}")
        site = Site(text, text.documents[number], cuts, quoted)
        expected[number] = _edit_document(site, own, roots, moving if number in movable else None)
    for number, block in blocks:
        _place(text, number, block, cuts)
    settled = _ended(text, _settled(text, cuts))
    for final in (False, True):
        splices = _trimmed(text, settled, final)
        data = _spliced(text, splices)
        reason = objection(text, data, expected, ops, blocks)
        if not reason:
            return Edited(data, splices, tuple(quoted))
        if text.source.endswith("\n"):
            break
    line = splices[0].line if splices else 1
    raise EditRefused(reason, line=line, remedy="Make this change by hand.")


def _edit_document(
    site: Site, edits: list[Edit], roots: Collection[Field], moving: set[int] | None
) -> Any:
    """The value that a document is to have; its splices are added to those of the site.

    Shape: where entries may move the document's number is added to `moving` if they do.
    """
    body = site.document.value()
    for edit in edits:
        trail = site.resolved(edit.field)
        line = trail[-1][0].line if trail else 1
        if edit.old is not ABSENT:
            found = lookup(body, edit.field)
            if found is ABSENT:
                raise EditRefused(f"{shown(edit.field)} does not exist", line=line)
            if not is_same(found, edit.old):
                raise EditRefused(f"{shown(edit.field)} is no longer what was read", line=line)
    try:
        ops = outcome(body, edits, roots)
    except EditRefused as error:
        error.line = site.document.position(edits[0].field)[0]
        raise
    expected = applied(body, ops)
    if moving is not None:
        ops = carried(site, body, ops)
        moving.update([site.document.index] if site.carried else [])
    for path in sorted(ops, key=order):
        own = ops[path]
        for step in [*own.sets, *own.removes]:
            site.resolved((*path, step))
        node = site.resolved(path, is_whole=False)[-1][1]
        site.check_single(node)
        site.depth = len(path)
        if not path and body in ({}, []):
            root(site, expected)
        else:
            container(site, node, own, lookup(body, path))
    return expected


def _place(text: Text, number: int, block: str, cuts: list[Cut]) -> None:
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
    elif directive := re.compile(r"^%", re.MULTILINE).search(
        text.plain, document.start, document.marker
    ):
        # A directive needs `...` before it, and would be another document's behind the block.
        at, before, after = directive.start(), "", "...\n"
        if any(cut.start == at and cut.shallow == 1 for cut in cuts):
            before = "---\n"
            last = max(n for n, c in enumerate(cuts) if c.start == at and c.shallow == 1)
            cuts[last] = cuts[last]._replace(
                text=cuts[last].text.removesuffix(f"...{text.newline}")
            )
    written = f"{before}{block}{after}".replace("\n", text.newline)
    cuts.append(Cut(at, at, 1, len(cuts), written))


_LICENCE: Final = re.compile(r"(?:[ \t]*\r?\n)*(?:#[^\n]*\n)+(?:[ \t]*\r?\n)+")


def _below_licence(text: Text, document: Document) -> int:
    """The offset after a first paragraph of comments that a blank line follows."""
    found = _LICENCE.match(text.plain)
    content = document.root.start if document.root else 0
    if not found or found.end() > content:
        return 0
    return 0 if any(start < found.end() for start, _ in text.masked) else found.end()


def _settled(text: Text, cuts: list[Cut]) -> list[tuple[int, int, str]]:
    """The splices in order, those that touch joined.

    Raises: EditRefused where they overlap or touch template text.
    """
    settled: list[tuple[int, int, str]] = []
    for cut in sorted(cuts):
        if is_within(text.masked, cut.start, cut.end):
            line = text.source.count("\n", 0, cut.start) + 1
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


_CHOMPS_ALL_BUT_ONE: Final = re.compile(r"[|>][0-9]?(?=[ \t\r\n])")


def _ended(text: Text, settled: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The splices, and one that keeps a last block scalar as it is: without a final line break."""
    size = len(text.source)
    if text.source.endswith("\n") or not settled or settled[-1][0] < size:
        return settled
    leaves = [n for n in walk(text.documents[-1].root) if n.style in ("|", ">") and n.end == size]
    for leaf in leaves:
        header = _CHOMPS_ALL_BUT_ONE.search(text.plain, leaf.start)
        if header and not leaf.raw.endswith("\n"):
            return sorted([*settled, (header.end(), header.end(), "-")])
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
        elif not final and _is_free(text, rest, start):
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


def _is_free(text: Text, rest: list[tuple[int, int, str]], at: int) -> bool:
    """Whether a line break that no other splice touches stands before `at`."""
    begin = at - len(text.newline)
    return text.source[:at].endswith(text.newline) and (not rest or rest[-1][1] <= begin)


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
