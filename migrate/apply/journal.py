"""What was applied, written down before it is done: enough to go on after a crash, and to undo.

The plan folder's `.journal/` holds `journal.jsonl` (a line per run that was begun or undone),
`originals/` (the bytes of every file before, named by their hash) and `lock`.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from migrate.apply import disk, lock
from migrate.errors import ApplyError, PlanError
from migrate.model import PhaseName
from migrate.read import planfolder
from migrate.read.planfolder import Hash, HashOrNothing, Natural

_LONGEST: Final = planfolder.LONGEST


class Kept(msgspec.Struct, frozen=True):
    """One file of a run: its hashes before ("" where it did not exist) and after, and its mode."""

    path: str
    before: HashOrNothing
    after: Hash
    mode: Annotated[int, msgspec.Meta(ge=0, le=0o7777)]


class Run(msgspec.Struct, frozen=True, tag="apply", tag_field="do"):
    """One begun application of a phase.

    Shape: `root` is relative to the plan folder where it can be; `stage` begins the names of the
    run's temporary files; `made` are the folders it creates, outermost first.
    """

    id: Natural
    phase: PhaseName
    plan: Hash
    root: str
    stage: Annotated[str, msgspec.Meta(pattern=r"^\.dra-migrate-[0-9a-f]+\Z")]
    files: tuple[Kept, ...]
    made: tuple[str, ...] = ()

    def staged(self, place: Path, path: str) -> Path:
        """Where the new bytes of one of the run's files wait."""
        name = hashlib.sha256(path.encode()).hexdigest()[:16]
        return place.with_name(f"{self.stage}-{name}.tmp")


class Undone(msgspec.Struct, frozen=True, tag="undone", tag_field="do"):
    """The run of this id was undone, to the last byte."""

    id: Natural


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one plan folder."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / planfolder.JOURNAL

    def root(self, run: Run) -> Path:
        """The root that a run was applied under."""
        return (self.folder / run.root).resolve()

    def active(self) -> tuple[Run, ...]:
        """The runs that were begun and not undone, oldest first.

        Raises: ApplyError for a journal that was damaged.
        """
        return _current(self._begun())

    def next_id(self) -> int:
        """A number that no run has had."""
        return 1 + max((record.id for record in self._records()[0]), default=0)

    def write(self, record: Run | Undone) -> None:
        """Write a record, down to the disk, after the last whole one."""
        place = self.home / "journal.jsonl"
        is_new = not place.exists()
        disk.append(place, msgspec.json.encode(record) + b"\n", self._records()[1])
        if is_new:
            disk.sync(self.home)

    def keep(self, data: bytes) -> None:
        """Save the bytes of a file, down to the disk."""
        place = self._original(planfolder.sha256(data))
        if disk.digest(place) != planfolder.sha256(data):
            disk.save(place, data)

    def original(self, before: str) -> bytes:
        """The saved bytes of this hash.

        Raises: ApplyError where they are lost or damaged.
        """
        place = self._original(before)
        try:
            data = disk.contents(place)
        except OSError as error:
            raise ApplyError(
                f"the saved original cannot be read: {error.strerror}", path=str(place)
            ) from error
        if planfolder.sha256(data) != before:
            raise ApplyError("the saved original was damaged", path=str(place))
        return data

    def locked(self) -> AbstractContextManager[str]:
        """Nobody else applies or undoes this plan meanwhile; gives the process that died so."""
        self._make()
        return lock.held(self.home / "lock", self.folder)

    def sweep(self) -> None:
        """Take away the temporary files of runs that were stopped half way."""
        for run in self._begun():
            root = self.root(run)
            for kept in run.files:
                with suppress(PlanError):
                    disk.remove(run.staged(planfolder.inside(root, kept.path), kept.path))

    def _begun(self) -> tuple[Run, ...]:
        runs: dict[int, Run] = {}
        for record in self._records()[0]:
            if isinstance(record, Undone):
                runs.pop(record.id, None)
            else:
                runs[record.id] = record
        return tuple(runs.values())

    def _original(self, before: str) -> Path:
        return self.home / "originals" / before.removeprefix("sha256:")

    def _make(self) -> None:
        for folder in (self.home, self.home / "originals"):
            if folder.is_symlink():
                raise ApplyError("is a link", path=str(folder), remedy="remove it")
            if not folder.exists():
                folder.mkdir()
                disk.sync(folder.parent)
        if not (self.home / ".gitignore").exists():
            disk.save(self.home / ".gitignore", b"*\n")

    def _records(self) -> tuple[list[Run | Undone], int]:
        # A last line without an end was being written when the program died: it never happened.
        place = self.home / "journal.jsonl"
        try:
            if place.stat().st_size > _LONGEST:
                raise ApplyError(f"is larger than {_LONGEST >> 20} MiB", path=str(place))
            lines = disk.contents(place).split(b"\n")
        except FileNotFoundError:
            return [], 0
        records: list[Run | Undone] = []
        whole = 0
        for number, line in enumerate(lines[:-1], start=1):
            try:
                records.append(msgspec.json.decode(line, type=Run | Undone))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                if number == len(lines) - 1:
                    break
                raise ApplyError(
                    f"the journal is damaged: {error}",
                    path=str(place),
                    line=number,
                    remedy=f"the files' bytes before are saved in {self.home / 'originals'}",
                ) from error
            whole += len(line) + 1
        return records, whole


def relative(root: Path, folder: Path) -> str:
    """The root as a run remembers it."""
    with suppress(ValueError):  # two drives have no way from one to the other
        return Path(os.path.relpath(root, folder)).as_posix()
    return root.as_posix()


def _current(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The runs without the files that somebody changed before their phase was applied anew."""
    kept = []  # what those files were before that change cannot come back
    for number, run in enumerate(runs):
        anew = {
            file.path: file.before
            for later in runs[number + 1 :]
            if (later.phase, later.root) == (run.phase, run.root)
            for file in later.files
        }
        own = tuple(
            file
            for file in run.files
            if anew.get(file.path, file.before) in (file.before, file.after)
        )
        kept.append(msgspec.structs.replace(run, files=own))
    return tuple(kept)
