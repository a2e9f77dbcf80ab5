"""The new bytes of every file that a phase touches; `apply` writes exactly these."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from migrate import yamltext
from migrate.emit import unified
from migrate.errors import EditRefused, MigrateError
from migrate.model import ABSENT, Change, Creation, Edit, Field, PhaseName, Plan
from migrate.read.files import File

_ROOT_KEYS: Final = ("resources", "components", "bases")
_PATCH_KEYS: Final = ("patches", "patchesStrategicMerge", "patchesJson6902")
_RENAMES: Final = ("namePrefix", "nameSuffix")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One file before and after one phase.

    Shape: `before` is None for a file that is new; `splices` are byte spans of `before`, in
    order, with the text that takes their place; `says` is a line per change for people;
    `quoted` are comments that went with what was removed; `is_written` is False for a rendered
    stream, of which there is only the diff.
    """

    path: str
    phase: PhaseName
    before: bytes | None
    after: bytes
    splices: tuple[tuple[int, int, str], ...]
    encoding: str = "utf-8"
    says: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    creates: int = 0
    is_written: bool = True

    @property
    def raw_splices(self) -> tuple[tuple[int, int, bytes], ...]:
        return tuple((start, end, text.encode(self.encoding)) for start, end, text in self.splices)

    @property
    def diff(self) -> bytes:
        """The unified diff, b"" for a text that git takes for binary."""
        if self.encoding != "utf-8":
            return b""
        path = "rendered.yaml" if self.path == "-" else self.path
        return unified.diff(path, self.before, self.after, self.raw_splices)

    @property
    def lines(self) -> int:
        return unified.counted(self.before, self.after, self.raw_splices)


@dataclass(slots=True)
class _Work:
    """What one file is to become."""

    edits: list[tuple[int, Field, Edit]] = field(default_factory=list)
    blocks: list[tuple[int, str]] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    creates: int = 0


@dataclass(slots=True)
class _Tree:
    """The files of a repository and the kustomizations that list them."""

    files: Mapping[str, File]
    kustomizations: Mapping[str, File]
    listed: Mapping[str, tuple[str, ...]]
    patches: frozenset[str]

    def renamed(self, path: str) -> str:
        """The kustomization above `path` that renames what it lists, "" where none does."""
        todo, seen = list(self.listed.get(path, ())), set()
        while todo:
            above = todo.pop()
            if above in seen:
                continue
            seen.add(above)
            body = _body(self.kustomizations[above])
            if any(body.get(key) for key in _RENAMES):
                return above
            folder = posixpath.dirname(above) or "."
            todo += [*self.listed.get(folder, ()), *self.listed.get(above, ())]
        return ""


def tree(files: Iterable[File], kustomizations: Iterable[File]) -> _Tree:
    """The files by path, and per file the kustomizations that list it."""
    listed: dict[str, tuple[str, ...]] = {}
    patches: set[str] = set()
    by_path = {k.path: k for k in kustomizations}
    for path, kustomization in by_path.items():
        folder = posixpath.dirname(path)
        body = _body(kustomization)
        for key in _ROOT_KEYS:
            for entry in _strings(body.get(key)):
                place = posixpath.normpath(posixpath.join(folder, entry))
                listed[place] = (*listed.get(place, ()), path)
        for key in _PATCH_KEYS:
            for entry in _strings(body.get(key)):
                patches.add(posixpath.normpath(posixpath.join(folder, entry)))
    return _Tree({f.path: f for f in files}, by_path, listed, frozenset(patches))


def _body(file: File) -> Mapping[str, Any]:
    body = file.manifests[0].body if file.manifests else None
    return body if isinstance(body, Mapping) else {}


def _strings(entries: Any) -> list[str]:
    """The paths in a list of paths, or of mappings with a `path`."""
    if not isinstance(entries, list):
        return []
    paths = [e.get("path") if isinstance(e, Mapping) else e for e in entries]
    return [p for p in paths if isinstance(p, str) and "\n" not in p and "://" not in p]


def rewritten(
    plan: Plan, tree: _Tree, cluster_objects: str = ""
) -> tuple[Plan, tuple[Rewrite, ...]]:
    """The plan, with changes that no edit could be made for left to a person, and its rewrites.

    `cluster_objects` is the folder that cluster-scoped objects go to, "" to leave them in the plan.
    """
    made: list[Rewrite] = []
    phases = []
    for phase in plan.phases:
        kept: list[Change] = []
        by_file: dict[str, list[Change]] = {}
        for change in phase.changes:
            path = change.manifest.origin.path if change.manifest and change.edits else ""
            by_file.setdefault(path, []).append(change)
        for path, changes in by_file.items():
            if not path:
                kept += changes
                continue
            settled, rewrites = _file(phase.name, path, changes, tree)
            kept += settled
            made += rewrites
        order = {id(c.findings): i for i, c in enumerate(phase.changes)}
        kept.sort(key=lambda c: order[id(c.findings)])
        phases.append(replace(phase, changes=tuple(kept)))
    if cluster_objects:
        made += _cluster_objects([c for p in phases for c in p.changes], cluster_objects, tree)
    return replace(plan, phases=tuple(phases)), tuple(_merged(made))


def _merged(made: Sequence[Rewrite]) -> list[Rewrite]:
    return sorted(made, key=lambda r: (r.phase, r.path))


def _file(
    phase: PhaseName, path: str, changes: list[Change], tree: _Tree
) -> tuple[list[Change], list[Rewrite]]:
    """The changes of one file and its rewrites; changes whose edits are refused become manual."""
    refused: dict[int, str] = {}
    for change in changes:
        try:
            _rewrites(phase, path, [change], tree)
        except MigrateError as error:
            refused[id(change)] = (
                f"line {error.line}: {error.reason}" if error.line else error.reason
            )
    good = [c for c in changes if id(c) not in refused]
    rewrites: list[Rewrite] = []
    try:
        rewrites = _rewrites(phase, path, good, tree) if good else []
    except MigrateError as error:
        refused |= {
            id(c): f"together with the other changes of this file: {error.reason}" for c in good
        }
    settled = [
        replace(
            c,
            edits=(),
            creates=(),
            safety="manual",
            strategy="",
            disruption="none",
            after=(),
            notes=(),
            lighter="",
            why=refused[id(c)],
        )
        if id(c) in refused
        else c
        for c in changes
    ]
    return settled, rewrites


def _rewrites(phase: PhaseName, path: str, changes: Sequence[Change], tree: _Tree) -> list[Rewrite]:
    """The rewrites of one file, its sibling and the kustomizations that list it.

    Raises: EditRefused where one cannot be made.
    """
    file = tree.files[path]
    if file.text is None:
        raise EditRefused("it could not be read as YAML", path=path)
    work = _Work()
    apart: list[Creation] = []
    is_apart = _lands_apart(file, changes, tree)
    placed: set[tuple[str, str]] = set()
    for change in changes:
        manifest = change.manifest
        if manifest is None:
            continue
        origin = manifest.origin
        work.edits += [(origin.document, origin.within, edit) for edit in change.edits]
        work.says.append(says(change))
        for creation in change.creates:
            key = (creation.namespace, creation.name)
            if creation.is_cluster_scoped or key in placed:
                continue
            placed.add(key)
            if is_apart or origin.within:
                apart.append(creation)
            else:
                text = yamltext.dump(creation.body, creation.comments)
                work.blocks.append((origin.document, text))
                work.creates += 1
    result = yamltext.edited(file.text, work.edits, work.blocks)
    main = Rewrite(
        path=path,
        phase=phase,
        before=file.data,
        after=result.data,
        splices=tuple(yamltext.byte_splices(file.text, result.splices)),
        encoding=file.text.encoding,
        says=tuple(work.says),
        quoted=result.quoted,
        creates=work.creates,
        is_written=changes[0].manifest is not None and changes[0].manifest.origin.via != "stream",
    )
    if not apart or not main.is_written:
        return [main]
    return [main, *_sibling(phase, file, apart, tree)]


def _lands_apart(file: File, changes: Sequence[Change], tree: _Tree) -> bool:
    """Whether new objects go to a file of their own: beside JSON, and where Kustomize lists files.

    Raises: EditRefused where Kustomize would lose the reference to them.
    """
    if not any(not c.is_cluster_scoped for change in changes for c in change.creates):
        return False
    if file.path in tree.patches:
        raise EditRefused(
            "a Kustomize patch: its base decides what stands; plan the build's output"
        )
    renamed = tree.renamed(file.path)
    if renamed:
        raise EditRefused(
            f"{renamed} sets namePrefix or nameSuffix, and Kustomize does not carry that into "
            "resourceClaimTemplateName: plan the build's output"
        )
    return bool(tree.listed.get(file.path)) or (file.text is not None and file.text.is_json)


def _sibling(
    phase: PhaseName, file: File, creations: Sequence[Creation], tree: _Tree
) -> list[Rewrite]:
    """A new file beside the workload's, and its name in every kustomization that lists the workload."""
    stem = posixpath.splitext(posixpath.basename(file.path))[0]
    folder = posixpath.dirname(file.path)
    name, number = f"{stem}-claims.yaml", 2
    while posixpath.join(folder, name) in tree.files:
        name, number = f"{stem}-claims-{number}.yaml", number + 1
    path = posixpath.join(folder, name)
    texts = [yamltext.dump(c.body, c.comments) for c in creations]
    data = "---\n".join(texts).encode()
    made = [
        _new(phase, path, data, tuple(f"+ {c.kind} {c.name}" for c in creations), len(creations))
    ]
    for above in tree.listed.get(file.path, ()):
        made.append(_listed(phase, tree.kustomizations[above], path))
    return made


def _new(phase: PhaseName, path: str, data: bytes, said: tuple[str, ...], creates: int) -> Rewrite:
    return Rewrite(path, phase, None, data, ((0, 0, data.decode()),), says=said, creates=creates)


def _listed(phase: PhaseName, kustomization: File, path: str) -> Rewrite:
    """A kustomization that lists one more file."""
    if kustomization.text is None:
        raise EditRefused("the kustomization could not be read", path=kustomization.path)
    resources = _body(kustomization).get("resources")
    entry = posixpath.relpath(path, posixpath.dirname(kustomization.path) or ".")
    edit = (
        Edit(("resources", len(resources)), ABSENT, entry)
        if isinstance(resources, list)
        else Edit(("resources",), ABSENT, [entry])
    )
    result = yamltext.edited(kustomization.text, [(0, (), edit)])
    return Rewrite(
        path=kustomization.path,
        phase=phase,
        before=kustomization.data,
        after=result.data,
        splices=tuple(yamltext.byte_splices(kustomization.text, result.splices)),
        encoding=kustomization.text.encoding,
        says=(f"resources: + {entry}",),
    )


def _cluster_objects(changes: Iterable[Change], folder: str, tree: _Tree) -> list[Rewrite]:
    made: dict[str, Rewrite] = {}
    for change in changes:
        for creation in change.creates:
            if not creation.is_cluster_scoped:
                continue
            path = posixpath.join(folder, f"{creation.kind.lower()}-{creation.name}.yaml")
            data = yamltext.dump(creation.body, creation.comments).encode()
            phase: PhaseName = "bridge" if change.phase == "bridge" else "prepare"
            if path not in tree.files:
                made.setdefault(
                    path, _new(phase, path, data, (f"+ {creation.kind} {creation.name}",), 1)
                )
    return list(made.values())


def says(change: Change) -> str:
    """What a change does to its object, on one line."""
    label = change.manifest.label if change.manifest else ""
    gone = ", ".join(change.before) or "nothing"
    new = [c.name for c in change.creates if not c.is_cluster_scoped]
    plus = f", + ResourceClaimTemplate {', '.join(new)}" if new else ""
    return f"{label}: {gone} -> {', '.join(change.after)}{plus}"
