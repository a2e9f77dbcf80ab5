"""The new bytes of every file that a phase touches; `apply` writes exactly these."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from migrate import kube, yamltext
from migrate.emit import unified
from migrate.emit.tree import Tree, body
from migrate.errors import EditRefused, MigrateError
from migrate.model import ABSENT, Change, Creation, Edit, Field, Phase, PhaseName, Plan, at
from migrate.planning import with_creations
from migrate.read.files import File


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
    ahead: list[int] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    creates: int = 0
    new: bytes = b""
    is_written: bool = True


def rewritten(
    plan: Plan, tree: Tree, cluster_objects: str = ""
) -> tuple[Plan, tuple[Rewrite, ...]]:
    """The plan, with changes that no edit could be made for left to a person, and its rewrites.

    `cluster_objects` is the folder that objects without a file go to, "" to leave them in the plan.
    """
    made: list[Rewrite] = []
    phases: list[Phase] = []
    lost: set[int] = set()
    left: set[tuple[str, str]] = set()
    for phase in plan.phases:
        by_file: dict[str, list[Change]] = {}
        refused = {id(c): _WITHOUT for c in phase.changes if c.edits and _hangs(c, lost)}
        refused |= {id(c): why for c in phase.changes if c.edits and (why := tree.patched(c))}
        refused |= {id(c): _ASKED for c in phase.changes if c.edits and _bounds(c, left)}
        for change in phase.changes:
            if change.edits and change.manifest is not None and id(change) not in refused:
                by_file.setdefault(change.manifest.origin.path, []).append(change)
        works: dict[str, _Work] = {}
        ready: dict[str, Rewrite] = {}
        for path, changes in by_file.items():
            not_possible, tried = _tried(phase.name, path, changes, tree)
            refused |= not_possible
            good = [change for change in changes if id(change) not in refused]
            if good:
                _plan_file(path, good, tree, works)
            # Siblings and kustomizations are what all the files beside them make of them: later.
            if path in tried and path not in tree.kustomizations:
                ready[path] = tried[path]
        new = [
            ready[path] if path in ready else _made(phase.name, path, work, tree)
            for path, work in works.items()
        ]
        made += new
        gone = [f for c in phase.changes if id(c) in refused for f in c.findings]
        lost |= {id(f) for f in gone}
        left |= {
            (f.manifest.namespace if f.shape == "pod" else "", f.resource)
            for f in gone
            if f.usage == "container"
        }
        settled = tuple(_settled(change, refused.get(id(change))) for change in phase.changes)
        phases.append(replace(phase, changes=settled))
        if any(c.edits for later in plan.phases[len(phases) :] for c in later.changes):
            tree = _rewritten_tree(tree, new, works)
    done = with_creations(replace(plan, phases=tuple(phases)))
    if cluster_objects:
        made += _cluster_objects(done, cluster_objects, tree)
    return done, tuple(sorted(made, key=lambda rewrite: (rewrite.phase, rewrite.path)))


_WITHOUT: Final = "what an earlier phase was to write first could not be written"


_ASKED: Final = (
    "a request by the old name is left in the namespace: take the old bound away after it"
)


def _bounds(change: Change, left: set[tuple[str, str]]) -> bool:
    """Whether a change takes away the bound of requests that are left after all."""
    bound = change.manifest
    if change.phase != "retire" or bound is None:
        return False
    names = {f.resource.removeprefix("requests.") for f in change.findings if f.usage == "quota"}
    return any(name in names and kube.is_bounded(bound, space) for space, name in left)


def _hangs(change: Change, lost: set[int]) -> bool:
    """Whether a change ends what an earlier phase began, and could not."""
    return any(id(finding) in lost for finding in change.findings)


def _rewritten_tree(tree: Tree, rewrites: Iterable[Rewrite], works: Mapping[str, _Work]) -> Tree:
    """The tree as it stands after a phase, from which the next one goes on."""
    files, kustomizations = dict(tree.files), dict(tree.kustomizations)
    inserted = dict(tree.inserted)
    for rewrite in rewrites:
        path, text = rewrite.path, yamltext.parse(rewrite.after)
        if path in kustomizations:
            kustomizations[path] = _reread(kustomizations[path], rewrite.after, text)
        if path in files:
            files[path] = _reread(files[path], rewrite.after, text)
        elif path not in kustomizations:
            files[path] = File(path, rewrite.after, text, template=False, manifests=())
        ahead = works[path].ahead
        inserted[path] = (*inserted.get(path, ()), *ahead)
    return replace(tree, files=files, kustomizations=kustomizations, inserted=inserted)


def _reread(file: File, data: bytes, text: yamltext.Text) -> File:
    """The file with new bytes; only of a kustomization, which is one object, is the object new."""
    manifests = file.manifests
    if len(manifests) == 1 and len(text.documents) == 1 and not manifests[0].origin.within:
        manifests = (replace(manifests[0], body=text.documents[0].value()),)
    return replace(file, data=data, text=text, manifests=manifests)


def _settled(change: Change, refused: str | None) -> Change:
    """The change, left to a person where its edits were refused."""
    if refused is None:
        return change
    return replace(
        change,
        edits=(),
        creates=(),
        safety="manual",
        strategy="",
        disruption="none",
        after=(),
        notes=(),
        lighter="",
        why=refused,
    )


def _tried(
    phase: PhaseName, path: str, changes: list[Change], tree: Tree
) -> tuple[dict[int, str], dict[str, Rewrite]]:
    """Why changes of one file cannot be made, by their identity, and the rewrites of the others."""
    refused: dict[int, str] = {}
    made, error = _together(phase, path, changes, tree)
    if error is None:
        return refused, made
    for change in changes:
        _, error = _together(phase, path, [change], tree)
        if error is not None:
            where = f"line {error.line}: " if error.line else ""
            refused[id(change)] = f"{where}{error.reason}"
    good = [change for change in changes if id(change) not in refused]
    made, error = _together(phase, path, good, tree)
    if error is not None:
        why = f"together with the other changes of this file: {error.reason}"
        refused |= {id(change): why for change in good}
    return refused, made


def _together(
    phase: PhaseName, path: str, changes: list[Change], tree: Tree
) -> tuple[dict[str, Rewrite], MigrateError | None]:
    """The rewrites that changes of one file need, or why there are none."""
    works: dict[str, _Work] = {}
    if not changes:
        return {}, None
    try:
        _plan_file(path, changes, tree, works)
        return {place: _made(phase, place, work, tree) for place, work in works.items()}, None
    except MigrateError as error:
        return {}, error


def _plan_file(path: str, changes: Sequence[Change], tree: Tree, works: dict[str, _Work]) -> None:
    """What the changes of one file mean for it, for its sibling and for kustomizations.

    Raises: EditRefused where Kustomize would lose the reference to a new object.
    """
    file = tree.files[path]
    work = works.setdefault(path, _Work())
    is_apart = _lands_apart(file, changes, tree)
    placed: set[tuple[str, str]] = set()
    apart: list[Creation] = []
    for change in changes:
        if change.manifest is None:
            continue
        origin = change.manifest.origin
        document = tree.document(path, origin.document)
        work.edits += [(document, origin.within, edit) for edit in change.edits]
        work.says.append(says(change))
        work.is_written = origin.via != "stream"
        for creation in change.creates:
            key = (creation.namespace, creation.name)
            if creation.is_cluster_scoped or key in placed:
                continue
            placed.add(key)
            if origin.within:
                items = origin.within[:-1]
                held = at(file.text.documents[document].value(), items) if file.text else []
                added = Edit((len(held),), ABSENT, creation.body)
                work.edits.append((document, items, added))
                work.creates += 1
            elif is_apart:
                apart.append(creation)
            else:
                block = yamltext.dump(creation.body, creation.comments)
                work.blocks.append((document, block))
                work.ahead.append(origin.document)
                work.creates += 1
    if apart and work.is_written:
        _plan_sibling(file, apart, tree, works, "templates" if _is_of_values(changes) else "")


def _made(phase: PhaseName, path: str, work: _Work, tree: Tree) -> Rewrite:
    """The rewrite of one file.

    Raises: EditRefused where it cannot be made.
    """
    if work.new:
        return _new(phase, path, work.new, tuple(work.says), work.creates)
    file = tree.files.get(path) or tree.kustomizations[path]
    if file.text is None:
        raise EditRefused("it could not be read as YAML", path=path)
    result = yamltext.edited(file.text, work.edits, work.blocks)
    return Rewrite(
        path=path,
        phase=phase,
        before=file.data,
        after=result.data,
        splices=tuple(yamltext.byte_splices(file.text, result.splices)),
        encoding=file.text.encoding,
        says=tuple(work.says),
        quoted=result.quoted,
        creates=work.creates,
        is_written=work.is_written,
    )


def _lands_apart(file: File, changes: Sequence[Change], tree: Tree) -> bool:
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
    is_json = file.text is not None and file.text.is_json
    return bool(tree.listed.get(file.path)) or is_json or _is_of_values(changes)


def _is_of_values(changes: Sequence[Change]) -> bool:
    """Whether these are changes of a chart's values, of which only templates make objects."""
    return any(c.manifest is not None and not c.manifest.kind for c in changes)


def _plan_sibling(
    file: File, creations: Sequence[Creation], tree: Tree, works: dict[str, _Work], below: str
) -> None:
    """A new file beside the workload's, named in every kustomization that lists the workload.

    `below` is a folder there that it goes to, "" for none.
    """
    stem = posixpath.splitext(posixpath.basename(file.path))[0]
    folder = posixpath.join(posixpath.dirname(file.path), below).rstrip("/")
    path, number = posixpath.join(folder, f"{stem}-claims.yaml"), 2
    while path in tree.files or path in works:
        path = posixpath.join(folder, f"{stem}-claims-{number}.yaml")
        number += 1
    texts = [yamltext.dump(c.body, c.comments) for c in creations]
    works[path] = _Work(
        says=[f"+ {c.kind} {c.name}" for c in creations],
        creates=len(creations),
        new="---\n".join(texts).encode(),
    )
    for above in tree.listed.get(file.path, ()):
        work = works.setdefault(above, _Work())
        entry = _entry(tree.kustomizations[above], path)
        work.listed.append(entry)
        work.says.append(f"resources: + {entry}")
        work.edits = [e for e in work.edits if e[2].field[:1] != ("resources",)]
        work.edits += [(0, (), edit) for edit in _appended(tree.kustomizations[above], work.listed)]


def _entry(kustomization: File, path: str) -> str:
    """The path of a file as the kustomization writes paths: with `./` where all others have it."""
    entry = posixpath.relpath(path, posixpath.dirname(kustomization.path) or ".")
    resources = body(kustomization).get("resources")
    listed = resources if isinstance(resources, list) else []
    others = [each for each in listed if isinstance(each, str)]
    is_dotted = bool(others) and all(each.startswith(("./", "../", "/")) for each in others)
    return f"./{entry}" if is_dotted and not entry.startswith("../") else entry


def _appended(kustomization: File, entries: Sequence[str]) -> list[Edit]:
    """Edits that make a kustomization list these files too."""
    resources = body(kustomization).get("resources")
    if not isinstance(resources, list):
        return [Edit(("resources",), ABSENT, list(entries))]
    return [Edit(("resources", len(resources)), ABSENT, entry) for entry in entries]


def _new(phase: PhaseName, path: str, data: bytes, said: tuple[str, ...], creates: int) -> Rewrite:
    return Rewrite(path, phase, None, data, ((0, 0, data.decode()),), says=said, creates=creates)


def _cluster_objects(plan: Plan, folder: str, tree: Tree) -> list[Rewrite]:
    """A new file for each object that no workload's file holds, in the folder given for them."""
    made: list[Rewrite] = []
    for phase in plan.phases:
        for creation in phase.creates if phase.name != "claim" else ():
            parts = (creation.kind.lower(), creation.namespace, creation.name)
            path = posixpath.join(folder, f"{'-'.join(filter(None, parts))}.yaml")
            if path in tree.files:
                continue
            data = yamltext.dump(creation.body, creation.comments).encode()
            made.append(_new(phase.name, path, data, (f"+ {creation.kind} {creation.name}",), 1))
    return made


def says(change: Change) -> str:
    """What a change does to its object, on one line."""
    label = change.manifest.label if change.manifest else ""
    gone = ", ".join(change.before) or "nothing"
    new = [f"{c.kind} {c.name}" for c in change.creates if not c.is_cluster_scoped]
    plus = f", + {', '.join(new)}" if new else ""
    return f"{label}: {gone} -> {', '.join(change.after)}{plus}"
