"""What was applied, undone to the last byte, or no file touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.apply import disk
from migrate.apply.journal import Journal, Kept, Run, Undone
from migrate.apply.outcome import Outcome, complain, short, told
from migrate.errors import ApplyError, PlanError
from migrate.model import PhaseName
from migrate.read import planfolder


def rollback(folder: Path, *, root: Path | None = None, phase: str | None = None) -> Outcome:
    """Undoes all that was applied, the last run first, or only one phase.

    Raises: PlanError; ApplyError, with no file touched, where one of them changed since.
    """
    only = None if phase is None else planfolder.phase_name(phase)
    if not folder.is_dir():
        raise PlanError("is not a plan folder", path=str(folder))
    journal = Journal(folder.resolve())
    if not journal.home.is_dir():
        return Outcome()
    with told(folder), journal.locked() as died:
        journal.sweep()
        runs = _undoable(journal, journal.active(), only)
        places = _Places(journal, root)
        _refuse_undo(journal, runs, places)
        written: dict[str, None] = {}
        already: dict[str, None] = {}
        removed: list[str] = []
        for run in runs:
            undone = _undo(journal, run, places)
            written |= dict.fromkeys(undone.written)
            already |= dict.fromkeys(undone.already)
            removed += undone.removed
    return Outcome(
        phases=tuple(dict.fromkeys(run.phase for run in runs)),
        written=tuple(path for path in written if path not in removed),
        already=tuple(path for path in already if path not in written and path not in removed),
        removed=tuple(removed),
        resumed=died,
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the files of runs stand, under their own root or the one given."""

    journal: Journal
    root: Path | None

    def root_of(self, run: Run) -> Path:
        return self.journal.root(run) if self.root is None else self.root.resolve()

    def of(self, run: Run, path: str) -> Path:
        return planfolder.inside(self.root_of(run), path)


def _undoable(journal: Journal, active: Sequence[Run], only: PhaseName | None) -> list[Run]:
    """The runs to undo, last first.

    Raises: ApplyError where a later phase builds on the one to undo.
    """
    if only is None:
        return list(reversed(active))
    runs = []
    above: dict[tuple[Path, str], PhaseName] = {}
    for run in reversed(active):
        root = journal.root(run)
        if run.phase != only:
            above |= {(root, kept.path): run.phase for kept in run.files}
            continue
        for kept in run.files:
            if later := above.get((root, kept.path)):
                raise ApplyError(
                    f"was changed by phase {later}, which was applied after {only}",
                    path=kept.path,
                    remedy=f"roll back {later} first, or all phases; nothing was undone",
                )
        runs.append(run)
    return runs


def _refuse_undo(journal: Journal, runs: Sequence[Run], places: _Places) -> None:
    """Nothing, where every run can be undone to the last byte.

    Raises: ApplyError.
    """
    then: dict[Path, tuple[str, PhaseName]] = {}
    bad: list[tuple[str, str, tuple[str, ...]]] = []
    for run in runs:
        for folder in run.made:
            places.of(run, folder)
        for kept in run.files:
            place = places.of(run, kept.path)
            above = then.get(place)
            try:
                now = above[0] if above else disk.digest(place)
                if now not in (kept.before, kept.after):
                    bad.append((kept.path, *_cannot_undo(journal, kept, now, above)))
                elif kept.before and now != kept.before:
                    journal.original(kept.before)
            except ApplyError as error:
                bad.append((kept.path, error.reason, ("put back what was applied",)))
            then[place] = (kept.before, run.phase)
    if bad:
        path, why, remedy = bad[0]
        others = [f"{other} {reason}" for other, reason, _ in bad[1:]]
        complain(path, why, remedy, others, "nothing was undone")


def _cannot_undo(
    journal: Journal, kept: Kept, now: str, above: tuple[str, PhaseName] | None
) -> tuple[str, tuple[str, ...]]:
    """Why, and what to do."""
    if above:
        return (
            f"was changed by somebody else before phase {above[1]} was applied",
            (f"roll back that phase alone with '--phase {above[1]}'",),
        )
    if not now:
        return "is missing", (f"applied: {short(kept.after)}", "put back what was applied")
    original = f"the file before is {journal.home / 'originals' / kept.before[7:]}"
    return (
        "changed since it was applied",
        (
            f"applied: {short(kept.after)}, now: {short(now)}",
            *((original,) if kept.before else ()),
            "put back what was applied, or undo it by hand",
        ),
    )


def _undo(journal: Journal, run: Run, places: _Places) -> Outcome:
    writes = []
    for kept in run.files:
        place = places.of(run, kept.path)
        if kept.before == kept.after or disk.digest(place) != kept.after:
            continue
        writes.append(
            disk.Write(
                kept.path,
                place,
                run.staged(place, kept.path),
                kept.after,
                journal.original(kept.before) if kept.before else None,
                kept.mode,
            )
        )
    made = [places.of(run, folder) for folder in run.made]
    disk.stage(writes, (), "nothing more was undone")
    disk.commit(writes, "roll back again to go on")
    root = places.root_of(run)
    folders = [folder.relative_to(root).as_posix() for folder in disk.remove_folders(made)]
    journal.write(Undone(run.id))
    touched = {write.path for write in writes}
    return Outcome(
        written=tuple(write.path for write in writes if write.data is not None),
        already=tuple(kept.path for kept in run.files if kept.path not in touched),
        removed=(*(write.path for write in writes if write.data is None), *folders),
    )
