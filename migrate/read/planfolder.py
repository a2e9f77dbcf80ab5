"""A plan folder read back: the files that each phase touches, and the exact bytes it gives them.

A plan may come from anybody, so nothing in it is believed: no path leaves the root, reaches
into Git's own folder or into the plan's own records, and no bytes count that miss their hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from migrate.errors import PlanError
from migrate.model import PHASES, PhaseName

FILE: Final = "plan.json"
JOURNAL: Final = ".journal"
VERSION: Final = 1
LONGEST: Final = 64 * 1024 * 1024
"""Units: bytes of a plan.json."""
MOST_FILES: Final = 200_000
AGAIN: Final = "make the plan again with 'dra-migrate plan'"

Hash = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
HashOrNothing = Annotated[str, msgspec.Meta(pattern=r"^(sha256:[0-9a-f]{64})?\Z")]
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**48)]
Splice = tuple[Natural, Natural, str]
"""Start and end, in bytes of the file before, and the text that comes there."""


def sha256(data: bytes) -> str:
    """The hash of some bytes, as a plan writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class PlannedFile(msgspec.Struct, frozen=True):
    """What a phase makes of one file.

    Shape: `path` is relative to the plan's root, with slashes; `before` is the hash of the bytes
    it was planned on, "" for a file that the phase creates; `splices` are ascending.
    """

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    before: HashOrNothing
    after: Hash
    splices: tuple[Splice, ...]
    encoding: Literal["utf-8", "utf-16-le", "utf-16-be"] = "utf-8"
    says: tuple[str, ...] = ()
    lines: Natural = 0
    creates: Natural = 0

    def bytes_after(self, before: bytes) -> bytes:
        """The planned bytes of the file, from its bytes before.

        Raises: PlanError where the splices do not fit, or do not give the bytes that were planned.
        """
        parts: list[bytes] = []
        at = 0
        for start, end, text in self.splices:
            if end > len(before):
                raise self._unfit(f"an edit ends at byte {end} of a file of {len(before)}")
            parts += (before[at:start], text.encode(self.encoding))
            at = end
        after = b"".join((*parts, before[at:]))
        if sha256(after) != self.after:
            raise self._unfit("its edits do not give the bytes that were planned")
        return after

    def _unfit(self, reason: str) -> PlanError:
        return PlanError(reason, path=self.path, remedy=AGAIN)


class PlannedPhase(msgspec.Struct, frozen=True):
    """The files that one phase touches."""

    name: PhaseName
    who: str = ""
    files: Annotated[tuple[PlannedFile, ...], msgspec.Meta(max_length=MOST_FILES)] = ()


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Document(msgspec.Struct, frozen=True):
    root: Annotated[str, msgspec.Meta(max_length=4096)]
    phases: Annotated[tuple[PlannedPhase, ...], msgspec.Meta(max_length=len(PHASES))]
    generator: str = ""
    kubernetes: str = ""


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan that may be applied to files.

    Shape: `folder` and `root` are absolute, with links resolved; `hash` is that of plan.json;
    `phases` are in the order of the rollout.
    """

    folder: Path
    root: Path
    hash: str
    generator: str
    kubernetes: str
    phases: tuple[PlannedPhase, ...]

    def phase(self, name: str) -> PlannedPhase:
        """The phase of this name, empty where the plan has nothing for it.

        Raises: PlanError for a name that no plan has.
        """
        for phase in self.phases:
            if phase.name == name:
                return phase
        return PlannedPhase(name=phase_name(name))


def phase_name(name: str) -> PhaseName:
    """The name, if it is one of the four.

    Raises: PlanError.
    """
    for known in PHASES:
        if name == known:
            return known
    raise PlanError(f"no phase is called {name!r}", remedy=f"it is one of {', '.join(PHASES)}")


def plan(folder: Path, *, root: Path | None = None) -> PlanFile:
    """The plan in a folder, its files to be found under `root` where that is given.

    Raises: PlanError where there is none, or none that can be trusted.
    """
    source = folder / FILE
    data = _bytes(folder)
    document = _document(data, str(source))
    here = folder.resolve()
    top = _root(here, document.root, str(source)) if root is None else root.resolve()
    if not top.is_dir():
        raise PlanError(
            "the files' root is not a folder",
            path=str(top),
            remedy="give the folder that was planned",
        )
    phases = tuple(sorted(document.phases, key=lambda phase: PHASES.index(phase.name)))
    if len({phase.name for phase in phases}) < len(phases):
        raise PlanError("a phase stands there twice", path=str(source), remedy=AGAIN)
    for phase in phases:
        _check(phase, here, top)
    return PlanFile(here, top, sha256(data), document.generator, document.kubernetes, phases)


def body(folder: Path) -> Any:
    """Everything a plan says, for a report; only its form was looked at.

    Raises: PlanError.
    """
    data = _bytes(folder)
    _document(data, str(folder / FILE))
    return msgspec.json.decode(data)


def inside(root: Path, path: str) -> Path:
    """The place of a planned file, links on the way to it resolved.

    Raises: PlanError for a path that is not plain, that leaves the root or is Git's own.
    """
    parts = tuple(path.split("/"))
    if Path(path).is_absolute():
        raise _refused(path, "is an absolute path")
    if ".." in parts:
        raise _refused(path, "leaves the root")
    if Path(path).parts != parts or any(ord(letter) < 32 for letter in path):
        raise _refused(path, "is not a plain path")
    try:
        place = root.joinpath(*parts[:-1]).resolve() / parts[-1]
        end = place.resolve()
    except (OSError, RuntimeError) as error:
        raise _refused(path, "goes through a loop of links") from error
    if not place.is_relative_to(root) or not end.is_relative_to(root):
        raise _refused(path, "leaves the root through a link")
    if any(_is_git(part) for part in (*parts, *end.relative_to(root).parts)):
        raise _refused(path, "is one of Git's own files")
    return place


def _refused(path: str, reason: str) -> PlanError:
    return PlanError(
        f"{path!r} {reason}",
        remedy=f"the plan is damaged or was made to do harm; nothing was written, {AGAIN}",
    )


def _is_git(part: str) -> bool:
    # Windows drops dots and blanks at the end, and knows the folder by its short name too.
    return part.rstrip(". ").lower() in {".git", "git~1"}


def _bytes(folder: Path) -> bytes:
    source = folder / FILE
    if not folder.is_dir():
        raise PlanError(
            "is not a plan folder",
            path=str(folder),
            remedy="'dra-migrate plan PATH -o DIR' makes one",
        )
    if not source.is_file():
        raise PlanError(
            f"has no {FILE}", path=str(folder), remedy="give the folder that plan -o wrote"
        )
    try:
        if source.stat().st_size > LONGEST:
            raise PlanError(f"is larger than {LONGEST >> 20} MiB", path=str(source), remedy=AGAIN)
        return source.read_bytes()
    except OSError as error:
        raise PlanError(f"cannot be read: {error.strerror}", path=str(source)) from error


def _document(data: bytes, source: str) -> _Document:
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise PlanError(
                f"was made by a newer dra-migrate (plan version {version}, known here: {VERSION})",
                path=source,
                remedy="upgrade dra-migrate, or make the plan again with this one",
            )
        if version < VERSION:
            raise PlanError(
                f"has no version {version} that was ever made", path=source, remedy=AGAIN
            )
        return msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PlanError(f"is not a plan: {error}", path=source, remedy=AGAIN) from error


def _root(folder: Path, root: str, source: str) -> Path:
    if Path(root).is_absolute() or "\0" in root:
        raise PlanError(
            f"its root {root!r} is not relative to the plan folder", path=source, remedy=AGAIN
        )
    try:
        return (folder / root).resolve()
    except (OSError, RuntimeError) as error:
        raise PlanError(f"its root {root!r} cannot be found", path=source, remedy=AGAIN) from error


def _check(phase: PlannedPhase, folder: Path, root: Path) -> None:
    seen: set[Path] = set()
    for file in phase.files:
        place = inside(root, file.path)
        if place in seen:
            raise _refused(file.path, f"stands twice in phase {phase.name}")
        if place == folder / FILE or place.is_relative_to(folder / JOURNAL):
            raise _refused(file.path, "is one of the plan's own files")
        seen.add(place)
        at = 0
        for start, end, _ in file.splices:
            if not at <= start <= end:
                raise _refused(file.path, "has edits that overlap or stand out of order")
            at = end
