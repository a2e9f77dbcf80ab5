"""The files of a repository, and the kustomizations that list, rename and patch them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from migrate.model import ABSENT, Change, at
from migrate.read.files import File

_ROOT_KEYS: Final = ("resources", "components", "bases")
_PATCH_KEYS: Final = ("patches", "patchesStrategicMerge", "patchesJson6902")
_PLAIN: Final = re.compile(r"[\w.-]+")
_NAME: Final = re.compile(r"""\bname["']?:[ \t]*["']?([\w.-]+)""")
"""The first name of an object is its own: it stands in its metadata, above what it specifies."""
_RENAMES: Final = ("namePrefix", "nameSuffix")


@dataclass(frozen=True, slots=True)
class _Patch:
    """A patch of a kustomization: its text, and the name of its target, "" where it has none."""

    text: str
    target: str

    def is_of(self, resource: str) -> bool:
        """Whether it names a resource, in a map or in a JSON Pointer."""
        return resource in self.text or resource.replace("/", "~1") in self.text

    def may_meet(self, name: str) -> bool:
        """Whether an object of this name may be its target, which may be a regular expression."""
        if self.target:
            return not _PLAIN.fullmatch(self.target) or self.target == name
        named = _NAME.search(self.text)
        return named is None or named[1] == name


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a repository and the kustomizations that list them."""

    files: Mapping[str, File]
    kustomizations: Mapping[str, File]
    listed: Mapping[str, tuple[str, ...]]
    patches: frozenset[str]
    aimed: Mapping[str, tuple[_Patch, ...]]
    """Per kustomization, its patches."""
    inserted: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Per file, the documents as first read ahead of which earlier phases put new ones."""

    def document(self, path: str, number: int) -> int:
        """Where a document of a file as first read stands by now."""
        return number + sum(ahead <= number for ahead in self.inserted.get(path, ()))

    def above(self, path: str) -> Iterator[str]:
        """The kustomizations that list a file, or a folder that does, nearest first."""
        todo, seen = list(self.listed.get(path, ())), set[str]()
        while todo:
            above = todo.pop(0)
            if above in seen:
                continue
            seen.add(above)
            yield above
            folder = posixpath.dirname(above) or "."
            todo += [*self.listed.get(folder, ()), *self.listed.get(above, ())]

    def renamed(self, path: str) -> str:
        """The kustomization above `path` that renames what it lists, "" where none does."""
        bodies = ((above, body(self.kustomizations[above])) for above in self.above(path))
        return next((above for above, b in bodies if any(b.get(key) for key in _RENAMES)), "")

    def patched(self, change: Change) -> str:
        """Why a change would not be what is built: a patch above sets what it takes away."""
        manifest = change.manifest
        if manifest is None or not manifest.name:
            return ""
        gone = {
            str(e.field[-1]) for e in change.edits if e.new is ABSENT and "/" in str(e.field[-1])
        }
        for above in self.above(manifest.origin.path):
            for patch in self.aimed.get(above, ()):
                named = next((name for name in sorted(gone) if patch.is_of(name)), "")
                if named and patch.may_meet(manifest.name):
                    return (
                        f"{above} patches {named} of it, so the build decides what stands: plan "
                        "its output ('kustomize build … | dra-migrate plan -')"
                    )
        return ""


def tree(files: Iterable[File], kustomizations: Iterable[File]) -> Tree:
    """The files by path, and per file the kustomizations that list it."""
    listed: dict[str, tuple[str, ...]] = {}
    patches: set[str] = set()
    aimed: dict[str, tuple[_Patch, ...]] = {}
    by_path = {k.path: k for k in kustomizations}
    by_name = {f.path: f for f in files}
    for path, kustomization in by_path.items():
        folder = posixpath.dirname(path)
        held = body(kustomization)
        for key in _ROOT_KEYS:
            for entry in _strings(held.get(key)):
                place = posixpath.normpath(posixpath.join(folder, entry))
                listed[place] = (*listed.get(place, ()), path)
        for key in _PATCH_KEYS:
            for entry in _strings(held.get(key)):
                patches.add(posixpath.normpath(posixpath.join(folder, entry)))
        aimed[path] = tuple(_aimed(held, folder, by_name))
    return Tree(by_name, by_path, listed, frozenset(patches), aimed)


def _aimed(body: Mapping[str, Any], folder: str, files: Mapping[str, File]) -> Iterator[_Patch]:
    """The patches of a kustomization."""
    for key in _PATCH_KEYS:
        entries = body.get(key)
        for entry in entries if isinstance(entries, list) else ():
            inline = entry if isinstance(entry, str) else at(entry, ("patch",))
            path = entry if isinstance(entry, str) else at(entry, ("path",))
            file = files.get(posixpath.normpath(posixpath.join(folder, str(path))))
            text = file.data.decode("utf-8", "replace") if file else str(inline)
            target = at(entry, ("target", "name"))
            yield _Patch(text, target if isinstance(target, str) else "")


def body(file: File) -> Mapping[str, Any]:
    """The object of a file that is one object, such as a kustomization."""
    body = file.manifests[0].body if file.manifests else None
    return body if isinstance(body, Mapping) else {}


def _strings(entries: Any) -> list[str]:
    """The paths in a list of paths, or of mappings with a `path`."""
    if not isinstance(entries, list):
        return []
    paths = [e.get("path") if isinstance(e, Mapping) else e for e in entries]
    return [p for p in paths if isinstance(p, str) and "\n" not in p and "://" not in p]
