"""Bytes → text and documents."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

from migrate.errors import YamlError
from migrate.yamltext.documents import Document, Text
from migrate.yamltext.events import documents_of
from migrate.yamltext.jsontext import count_json, json_roots
from migrate.yamltext.nodes import LIMITS, Limits, Mark, Node, walk
from migrate.yamltext.templates import filled, mask, unmask


def parse(data: bytes, *, template: bool = False, limits: Limits = LIMITS) -> Text:
    """The text and its documents; YAML or JSON, in UTF-8 or UTF-16.

    Raises: YamlError where it does not parse or goes past a limit.
    """
    if len(data) > limits.size:
        raise YamlError(f"the file has more than {limits.size:,} bytes", line=1, column=1)
    source, encoding, bom = _decoded(data)
    plain, masked = mask(source) if template else (source, ())
    try:
        documents = documents_of(plain, limits)
    except YamlError as error:
        if masked:
            plain, documents = _second_try(source, masked, limits, error)
        else:
            found = count_json(source) if source.lstrip()[:1] in ("{", "[") else None
            if found is None:
                raise
            documents = _rooted(json_roots(source, limits), len(source))
    if masked:
        unmask(source, masked, documents)
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


def _second_try(
    source: str, spans: tuple[tuple[int, int], ...], limits: Limits, error: YamlError
) -> tuple[str, tuple[Document, ...]]:
    """The template parsed with empty lines for its statements, which suits block scalars."""
    plain = filled(source, spans, "\n")
    try:
        documents = documents_of(plain, limits)
    except YamlError:
        raise error from None
    # Every filled character counted as a line.
    breaks = [found.start() for found in re.finditer("\n", source)]
    for document in documents:
        for node in walk(document.root):
            before = bisect_left(breaks, node.start)
            column = node.start - (breaks[before - 1] + 1 if before else 0)
            node.mark = Mark(node.start, before, column)
    return plain, documents


def _rooted(roots: list[Node], size: int) -> tuple[Document, ...]:
    """Documents for the roots of a JSON text, one directly behind the other."""
    ends = [*[root.end for root in roots[:-1]], size]
    documents = []
    for index, (root, end) in enumerate(zip(roots, ends, strict=True)):
        document = Document(index, ends[index - 1] if index else 0, -1)
        document.root, document.end = root, end
        documents.append(document)
    return tuple(documents)
