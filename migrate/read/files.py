"""Files, trees, globs and standard input, read into manifests."""

from __future__ import annotations

import codecs
import gc
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from migrate.errors import InputError, YamlError
from migrate.model import Manifest, Rule
from migrate.read import needles, stream, walk
from migrate.yamltext import LIMITS, Node, Text, parse

_STEP: Final = 100
_KUSTOMIZATIONS: Final = frozenset(walk.KUSTOMIZATIONS)


@dataclass(frozen=True, slots=True)
class File:
    """One file that was parsed.

    Shape: `path` is from the current directory where it is below it, `-` for standard input;
    `template` says that its text was read with its template parts masked.
    """

    path: str
    data: bytes
    text: Text | None
    template: bool
    manifests: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read or parsed.

    Shape: `line` and `column` count from 1, 0 where they are unknown; `source` is its text, so
    that it can be searched line by line; `quiet` where nobody expects it to parse by itself.
    """

    path: str
    line: int
    column: int
    reason: str
    source: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Shape: `files` are those that can hold a finding, in the order of their paths; `read` counts
    all that were looked at; `skipped` counts, per reason, what was not; `kustomizations` are all
    there are, whether or not they can hold a finding.
    """

    files: tuple[File, ...]
    unreadable: tuple[Unreadable, ...]
    read: int
    skipped: Mapping[str, int]
    kustomizations: tuple[File, ...]

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The objects of all files."""
        return tuple(manifest for file in self.files for manifest in file.manifests)


def reading(
    paths: Sequence[str],
    rules: Iterable[Rule],
    *,
    ignore: bool = True,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
    limit: int = LIMITS.size,
) -> Reading:
    """Everything these paths hold that can be a finding, and what of them could not be read.

    Shape: a path is a file, a directory, a glob, or `-`; `ignore` respects `.gitignore` files;
    `progress` is told from time to time how many files were read; `limit` is in bytes.
    Raises: InputError for a path that is not there, and for standard input that is empty.
    """
    words = needles.needles(rules)
    found = _Found()
    with _uncollected():
        _read(found, walk.candidates(paths, ignored=not ignore), words, stdin, limit, progress)
    return Reading(
        files=tuple(sorted(found.files, key=lambda file: file.path)),
        unreadable=tuple(sorted(found.unreadable, key=lambda broken: broken.path)),
        read=found.read,
        skipped=dict(sorted(found.skipped.items())),
        kustomizations=tuple(sorted(found.kustomizations, key=lambda file: file.path)),
    )


@dataclass(slots=True)
class _Found:
    """A reading under way."""

    files: list[File] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    kustomizations: list[File] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    read: int = 0


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage meanwhile, nor later among the trees that stay: it finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.enable()


def _read(
    found: _Found,
    candidates: Iterable[walk.Candidate],
    words: tuple[bytes, ...],
    stdin: BinaryIO | None,
    limit: int,
    progress: Callable[[int], None] | None,
) -> None:
    for candidate in candidates:
        data = _content(candidate, stdin, limit)
        if isinstance(data, str):
            found.skipped[data] += 1
        elif isinstance(data, Unreadable):
            found.unreadable.append(data)
        else:
            found.read += 1
            _take(found, candidate, data, words)
            if progress and found.read % _STEP == 0:
                progress(found.read)
    if progress:
        progress(found.read)


def _take(found: _Found, candidate: walk.Candidate, data: bytes, words: tuple[bytes, ...]) -> None:
    """Parse what can hold a finding or lists the files of a tree; the other bytes are let go."""
    is_wanted = needles.is_worth_parsing(_searchable(data), words)
    is_kustomization = os.path.basename(candidate.place) in _KUSTOMIZATIONS
    if not is_wanted and not is_kustomization:
        return
    file = _file(candidate, data)
    if isinstance(file, Unreadable):
        found.unreadable.append(file if is_wanted else replace(file, quiet=True))
        return
    if is_wanted:
        found.files.append(file)
    if is_kustomization:
        found.kustomizations.append(file)


# --- From outside to bytes ----------------------------------------------------------------------


def _content(
    candidate: walk.Candidate, stdin: BinaryIO | None, limit: int
) -> bytes | Unreadable | str:
    """The bytes of a file that is small enough and text, or what is to be said, or counted, of it.

    Raises: InputError for standard input that is empty, too large or no text.
    """
    if candidate.place == walk.STDIN:
        return _piped(stdin or sys.stdin.buffer, limit)
    if candidate.skipped:
        return candidate.skipped
    path = walk.spoken(walk.shown(candidate.place))
    if candidate.fault:
        return Unreadable(path, 0, 0, candidate.fault.lower())
    try:
        data, reason = _opened(candidate, limit)
    except OSError as error:
        return Unreadable(path, 0, 0, (error.strerror or str(error)).lower())
    if reason:
        return Unreadable(path, 0, 0, reason) if candidate.is_named else reason
    return data


def _opened(candidate: walk.Candidate, limit: int) -> tuple[bytes, str]:
    """The bytes of a regular file, or why they are not taken."""
    # Between listing and opening the entry may have become a link or a pipe: neither is followed.
    flags = os.O_RDONLY
    for flag in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK"):
        flags |= getattr(os, flag, 0)
    descriptor = os.open(candidate.place, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b"", "not a regular file"
        if status.st_size > limit:
            return b"", _too_large(limit)
        data = _all(descriptor, min(status.st_size, limit))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        return b"", _too_large(limit)
    return (b"", "binary") if _is_binary(data) else (data, "")


def _all(descriptor: int, expected: int) -> bytes:
    """The bytes of an open file; a little more than `expected` of one that grows meanwhile."""
    data = os.read(descriptor, expected + 1)
    while len(data) < expected and (more := os.read(descriptor, expected + 1 - len(data))):
        data += more
    return data


def _piped(stdin: BinaryIO, limit: int) -> bytes:
    data = stdin.read(limit + 1)
    if len(data) > limit:
        raise InputError(_too_large(limit), path=walk.STDIN)
    if _is_binary(data):
        raise InputError("binary", path=walk.STDIN)
    if not data.strip():
        raise InputError(
            "standard input is empty",
            path=walk.STDIN,
            remedy="look at what the command before the pipe says",
        )
    return data


def _too_large(limit: int) -> str:
    return f"larger than {limit / 1_000_000:g} MB"


def _is_binary(data: bytes) -> bool:
    return b"\0" in data and not _wide(data)


def _wide(data: bytes) -> str:
    """The UTF-16 that the bytes are in, by their mark or by where their NULs stand, or ""."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "" if data.startswith(codecs.BOM_UTF32_LE) else "utf-16"
    zeros = [byte == 0 for byte in data[:4]]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [True, False, True, False] else ""


def _searchable(data: bytes) -> bytes:
    """The bytes as UTF-8, in which needles are looked for."""
    encoding = _wide(data)
    return data.decode(encoding, "replace").encode("utf-8", "replace") if encoding else data


# --- From bytes to manifests --------------------------------------------------------------------


def _file(candidate: walk.Candidate, data: bytes) -> File | Unreadable:
    place = candidate.place
    path = walk.shown(place)
    source = data.decode(_wide(data) or "utf-8", "replace")
    if not walk.is_speakable(path):
        reason = "its name holds control characters or bytes that are not UTF-8; rename it"
        return Unreadable(walk.spoken(path), 0, 0, reason, source)
    is_sure = walk.is_template(place) or is_chart_template(place)
    try:
        text, masked, is_template = _texts(data, source, is_sure=is_sure)
    except YamlError as error:
        return Unreadable(path, error.line, error.column, error.reason, source, _is_prose(place))
    if place == walk.STDIN or (candidate.is_named and stream.is_rendered(text)):
        objects = stream.manifests(text, path, "stream", stream.RENDERED)
    elif is_template:
        objects = stream.manifests(text, path, "template", stream.TEMPLATE)
    else:
        objects = stream.manifests(text, path, "file", masked=masked)
    return File(path, data, text, is_template, objects)


def _texts(data: bytes, source: str, *, is_sure: bool) -> tuple[Text, Text | None, bool]:
    """The text, its masked twin where only some documents are templates, and whether all are.

    Raises: YamlError where it does not parse, with its template parts masked if it has any.
    """
    if is_sure:
        return parse(data, template=True), None, True
    try:
        text = parse(data)
    except YamlError:
        if not any(mark in source for mark in _MARKS):
            raise
        return parse(data, template=True), None, True
    if not _has_placeholders(text):
        return text, None, False
    # `image: {{ x }}` is YAML, a mapping whose key is a mapping, but nobody means it so.
    try:
        masked = parse(data, template=True)
    except YamlError:
        return text, None, True
    if stream.has_statements(text) or len(masked.documents) != len(text.documents):
        return masked, None, True
    return text, masked, False


_MARKS: Final = ("{{", "{%")


def _has_placeholders(text: Text) -> bool:
    """Whether `{{` opens a value somewhere, and does not just stand inside one."""
    if "{{" not in text.source:
        return False
    stack = [document.root for document in text.documents if document.root is not None]
    while stack:
        node = stack.pop()
        if node.kind == "mapping" and node.flow and text.source.startswith("{{", node.start):
            return True
        stack.extend(_children(node))
    return False


def _children(node: Node) -> list[Node]:
    keys = [key for key, _ in node.entries] if node.kind == "mapping" else []
    return [*keys, *node.items]


def is_chart_template(place: str) -> bool:
    """Whether the file stands in the `templates` folder of a Helm chart."""
    folder = os.path.dirname(os.path.abspath(place))
    while os.path.basename(folder):
        parent = os.path.dirname(folder)
        if os.path.basename(folder) == "templates" and os.path.isfile(
            os.path.join(parent, "Chart.yaml")
        ):
            return True
        folder = parent
    return False


def _is_prose(place: str) -> bool:
    """Whether the name is of a template for something else than a manifest."""
    name = place.lower()
    if not walk.is_template(name):
        return False
    ending = os.path.splitext(os.path.splitext(name)[0])[1]
    return ending not in walk.MANIFESTS
