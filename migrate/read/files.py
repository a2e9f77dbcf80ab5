"""Files, trees, globs and standard input, read into manifests."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from migrate.errors import YamlError
from migrate.model import Manifest, Rule
from migrate.read import content, needles, stream, walk
from migrate.yamltext import LIMITS, Node, Text, parse

_STEP: Final = 100
_DOCUMENTS: Final = 100_000
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
    def is_whole(self) -> bool:
        """Whether nothing was left unread that was meant to be read."""
        return all(broken.quiet for broken in self.unreadable)

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
        data = content.content(candidate, stdin, limit)
        if isinstance(data, content.Passed):
            if data.is_counted:
                found.skipped[data.reason] += 1
            else:
                path = walk.spoken(walk.shown(candidate.place))
                found.unreadable.append(Unreadable(path, 0, 0, data.reason, quiet=data.is_quiet))
        else:
            found.read += 1
            _take(found, candidate, data, words)
            if progress and found.read % _STEP == 0:
                progress(found.read)
    if progress:
        progress(found.read)


def _take(found: _Found, candidate: walk.Candidate, data: bytes, words: tuple[bytes, ...]) -> None:
    """Parse what can hold a finding or lists the files of a tree; the other bytes are let go."""
    is_wanted = needles.is_worth_parsing(content.searchable(data), words)
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


def _file(candidate: walk.Candidate, data: bytes) -> File | Unreadable:
    place = candidate.place
    path = walk.shown(place)
    source = content.decoded(data)
    if not walk.is_speakable(path):
        reason = "its name holds control characters or bytes that are not UTF-8; rename it"
        return Unreadable(walk.spoken(path), 0, 0, reason, source)
    if sum(source.count(f"{end}---") for end in "\r\n") > _DOCUMENTS:
        return Unreadable(path, 0, 0, f"more than {_DOCUMENTS:,} documents", source)
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
