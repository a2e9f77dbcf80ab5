"""Which files a path given by the user stands for: itself, a tree's, or what a glob matches."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from migrate.errors import InputError
from migrate.read import ignore

MANIFESTS: Final = (".yaml", ".yml", ".json")
TEMPLATES: Final = (".tpl", ".tmpl", ".gotmpl", ".j2", ".jinja", ".jinja2", ".template", ".tftpl")
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Source: kustomize, api/konfig/general.go (RecognizedKustomizationFileNames)"""

STDIN: Final = "-"
_ENDINGS: Final = (*MANIFESTS, *TEMPLATES)
_MAGIC: Final = "*?["
_GARBLES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_FOLLOWED: Final = "links that leave their tree"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file to look at, or a place that is passed over.

    Shape: `place` opens it; `is_named` where the user gave this very file; `skipped` and `fault`
    say why it is not to be opened: the first is counted, the second reported.
    """

    place: str
    is_named: bool = False
    skipped: str = ""
    fault: str = ""


def candidates(paths: Sequence[str], *, ignored: bool = False) -> Iterator[Candidate]:
    """Every file that the paths stand for, each once; `ignored` lets `.gitignore` files rest.

    Raises: InputError for a path that is not there, or a glob that matches nothing.
    """
    seen: set[tuple[int, int, str]] = set()
    for path in paths:
        for found in _expanded(path, ignored=ignored):
            if found.skipped or found.fault or found.place == STDIN:
                yield found
                continue
            key = _identity(found.place)
            if key not in seen:
                seen.add(key)
                yield found


def is_manifest(place: str) -> bool:
    """Whether a file of this name is looked at when a tree is read."""
    return place.lower().endswith(_ENDINGS) or os.path.basename(place) in KUSTOMIZATIONS


def is_template(name: str) -> bool:
    """Whether the name says that something else is made of the text first."""
    return name.lower().endswith(TEMPLATES)


def shown(place: str) -> str:
    """The place as the user would type it: from the current directory where it is below it."""
    here = os.getcwd() + os.sep
    path = place.removeprefix(here)
    parts = path.replace(os.sep, "/").split("/")
    return "/".join(p for i, p in enumerate(parts) if p not in ("", ".") or (i == 0 and not p))


def is_speakable(path: str) -> bool:
    """Whether a path can be printed and written to a patch as it is."""
    return _GARBLES.search(path) is None


def spoken(path: str) -> str:
    """The path with the characters escaped that would garble a terminal or a patch."""
    return _GARBLES.sub(lambda found: _escape(found[0]), path)


def _escape(char: str) -> str:
    code = ord(char)
    # Bytes of a name that are not UTF-8 come as the surrogates U+DC80 to U+DCFF.
    return f"\\x{code - 0xDC00 if code >= 0xDC80 else code:02x}"


def _expanded(path: str, *, ignored: bool) -> Iterator[Candidate]:
    if path == STDIN:
        return iter((Candidate(STDIN),))
    if os.path.isdir(path):
        return _tree(path, is_manifest, ignored=ignored)
    if os.path.lexists(path):
        # A link given by name is followed to the file it means, which is the one to be edited.
        place = os.path.realpath(path) if os.path.islink(path) else path
        return iter((Candidate(place, is_named=True),))
    if any(c in path for c in _MAGIC):
        return _globbed(path, ignored=ignored)
    raise InputError("no such file or directory", path=path, remedy="check the path")


def _globbed(path: str, *, ignored: bool) -> Iterator[Candidate]:
    """What a glob matches, with the meaning git gives it: what is below a match counts as well."""
    parts = path.replace(os.sep, "/").split("/")
    first = next(i for i, part in enumerate(parts) if any(c in part for c in _MAGIC))
    base = "/".join(parts[:first]) or ("/" if path.startswith("/") else ".")
    rule = ignore.pattern("/" + "/".join(part for part in parts[first:] if part))
    if rule is None or not os.path.isdir(base):
        raise InputError("no file matches", path=path, remedy="check the pattern")
    ending = os.path.splitext(parts[-1])[1]
    takes_any_name = bool(ending) and not any(c in ending for c in _MAGIC)

    def is_meant(place: str) -> bool:
        below = place[len(base) :] if base != "." else place.removeprefix("./")
        names = below.replace(os.sep, "/").strip("/").split("/")
        if not takes_any_name and not is_manifest(names[-1]):
            return False
        return any(rule.match.fullmatch("/".join(names[: n + 1])) for n in range(len(names)))

    found = list(_tree(base, is_meant, ignored=ignored))
    if not any(not c.skipped for c in found):
        raise InputError("no file matches", path=path, remedy="check the pattern")
    return iter(found)


def _tree(top: str, is_meant: Callable[[str], bool], *, ignored: bool) -> Iterator[Candidate]:
    """The regular files below `top` that are meant, in the order of their names.

    Links to directories are never entered: what they lead to inside the tree is read where it
    stands, and what lies outside is not ours. So no link can make a loop.
    """
    real = os.path.realpath(top)
    stack = [(top, None if ignored else ignore.at(real), real)]
    while stack:
        place, rules, absolute = stack.pop()
        try:
            with os.scandir(place) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Candidate(place, fault=error.strerror or str(error))
            continue
        deeper = []
        for entry in listed:
            if entry.name == ".git":
                continue
            path = os.path.join(absolute, entry.name)
            is_directory = entry.is_dir(follow_symlinks=False)
            if not is_directory and not entry.is_symlink() and not is_meant(entry.path):
                continue
            if rules is not None and rules.is_ignored(path, is_directory=is_directory):
                yield Candidate(entry.path, skipped="ignored by .gitignore")
            elif is_directory:
                below = None if ignored else ignore.below(path, rules)
                deeper.append((entry.path, below, path))
            elif entry.is_symlink():
                yield from _linked(entry.path, top, real, is_meant)
            elif entry.is_file(follow_symlinks=False):
                yield Candidate(entry.path)
            else:
                yield Candidate(entry.path, skipped="not a regular file")
        stack.extend(reversed(deeper))


def _linked(
    place: str, top: str, real: str, is_meant: Callable[[str], bool]
) -> Iterator[Candidate]:
    """What a link in the tree adds: a file of the tree whose own name would not be read."""
    target = os.path.realpath(place)
    is_inside = target == real or target.startswith(real.rstrip(os.sep) + os.sep)
    if os.path.isdir(target):
        if not is_inside:
            yield Candidate(place, skipped=_NOT_FOLLOWED)
    elif not is_meant(place):
        return
    elif not os.path.lexists(target) or os.path.islink(target):
        yield Candidate(place, skipped="links that lead nowhere")
    elif not is_inside or ".git" in target[len(real) :].split(os.sep):
        yield Candidate(place, skipped=_NOT_FOLLOWED)
    elif not is_meant(target):
        yield Candidate(os.path.join(top, os.path.relpath(target, real)))


def _identity(place: str) -> tuple[int, int, str]:
    """What tells a file's name apart from every other: two names of one file are two files."""
    try:
        folder = os.stat(os.path.dirname(place) or ".")
    except OSError:
        return (0, 0, os.path.abspath(place))
    return (folder.st_dev, folder.st_ino, os.path.basename(place))
