"""Phase → files: exactly the planned bytes of every file, or no file touched."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from migrate.apply import disk
from migrate.apply.journal import Journal, Kept, Run, Undone, relative
from migrate.apply.outcome import Outcome, State, Step, complain, short, told
from migrate.errors import ApplyError
from migrate.model import PhaseName
from migrate.read import planfolder
from migrate.read.planfolder import PlanFile, PlannedFile, PlannedPhase


def preview(folder: Path, name: str, *, root: Path | None = None) -> tuple[Step, ...]:
    """What applying a phase would do, file by file, in the plan's order.

    Raises: PlanError.
    """
    plan = planfolder.plan(folder, root=root)
    return _steps(plan, plan.phase(name))


def phase(folder: Path, name: str, *, root: Path | None = None) -> Outcome:
    """Writes the files of a phase; goes on with what a run that died has left.

    Raises: PlanError; ApplyError, with no file touched, where one of them is not as planned.
    """
    plan = planfolder.plan(folder, root=root)
    chosen = plan.phase(name)
    if not chosen.files:
        return Outcome()
    _refuse(_steps(plan, chosen))
    journal = Journal(plan.folder)
    with told(folder), journal.locked() as died:
        journal.sweep()
        steps = _steps(plan, chosen)
        _refuse(steps)
        todo = [
            file for file, step in zip(chosen.files, steps, strict=True) if step.state == "to-do"
        ]
        if todo:
            _apply(plan, chosen.name, todo, journal)
    written = {file.path: None for file in todo}
    return Outcome(
        phases=(chosen.name,) if todo else (),
        written=tuple(written),
        already=tuple(step.path for step in steps if step.path not in written),
        resumed=died,
    )


def _steps(plan: PlanFile, chosen: PlannedPhase) -> tuple[Step, ...]:
    return tuple(_step(plan, chosen, file) for file in chosen.files)


def _step(plan: PlanFile, chosen: PlannedPhase, file: PlannedFile) -> Step:
    def step(state: State, why: str = "", *remedy: str) -> Step:
        return Step(file.path, file.says, file.lines, file.creates, state, why, remedy)

    try:
        now = disk.digest(planfolder.inside(plan.root, file.path))
    except ApplyError as error:
        return step("changed", error.reason, "put back the file that was planned")
    if now == file.after:
        return step("done")
    if now == file.before:
        return step("to-do")
    if now in _later(plan, chosen, file):
        return step("done")
    first = _earlier(plan, chosen, file, now)
    if first:
        return step(
            "missing" if not now else "changed",
            f"is not there yet for phase {chosen.name}: phase {first} comes first",
            f"run 'dra-migrate apply {plan.folder.name} --phase {first}' first",
        )
    if not now:
        return step("missing", "is missing", "plan again, or put it back")
    if not file.before:
        return step(
            "changed", "exists already, with other bytes", "plan again, or move it out of the way"
        )
    return step(
        "changed",
        "changed since it was planned",
        f"planned: {short(file.before)}, now: {short(now)}",
        "plan again, or 'git stash' what changed",
    )


def _later(plan: PlanFile, chosen: PlannedPhase, file: PlannedFile) -> set[str]:
    """The hashes that later phases give this file, on top of this one."""
    reached = {file.after}
    for later in plan.phases[plan.phases.index(chosen) + 1 :]:
        reached |= {
            other.after
            for other in later.files
            if other.path == file.path and other.before in reached
        }
    return reached


def _earlier(plan: PlanFile, chosen: PlannedPhase, file: PlannedFile, now: str) -> str:
    """The earlier phase that would take the file from its present bytes, "" for none."""
    for earlier in plan.phases[: plan.phases.index(chosen)]:
        if any(other.path == file.path and other.before == now for other in earlier.files):
            return earlier.name
    return ""


def _refuse(steps: Iterable[Step]) -> None:
    bad = [step for step in steps if step.state in ("changed", "missing")]
    if not bad:
        return
    first, others = bad[0], [f"{step.path} {step.why}" for step in bad[1:]]
    complain(first.path, first.why, first.remedy, others, "nothing was written")


def _apply(plan: PlanFile, name: PhaseName, todo: Sequence[PlannedFile], journal: Journal) -> None:
    places = {file.path: planfolder.inside(plan.root, file.path) for file in todo}
    kept, data = [], {}
    for file in todo:
        before = disk.contents(places[file.path]) if file.before else b""
        if file.before and planfolder.sha256(before) != file.before:
            raise ApplyError("changed a moment ago", path=file.path, remedy="nothing was written")
        data[file.path] = file.bytes_after(before)
        mode = disk.mode(places[file.path]) if file.before else 0
        kept.append(Kept(file.path, file.before, file.after, mode))
        if file.before:
            journal.keep(before)
    made = _new_folders(plan.root, places.values())
    run = Run(
        id=journal.next_id(),
        phase=name,
        plan=plan.hash,
        root=relative(plan.root, plan.folder),
        stage=f".dra-migrate-{secrets.token_hex(4)}",
        files=tuple(kept),
        made=tuple(folder.relative_to(plan.root).as_posix() for folder in made),
    )
    journal.write(run)
    writes = [
        disk.Write(
            file.path,
            places[file.path],
            run.staged(places[file.path], file.path),
            file.before,
            data[file.path],
            kept_file.mode if file.before else None,
        )
        for file, kept_file in zip(todo, kept, strict=True)
    ]
    try:
        disk.stage(writes, made, "nothing was written")
    except ApplyError:
        journal.write(Undone(run.id))
        raise
    disk.commit(writes, "apply again to go on, or 'dra-migrate rollback' to undo")


def _new_folders(root: Path, places: Iterable[Path]) -> list[Path]:
    missing: set[Path] = set()
    for place in places:
        folder = place.parent
        while folder != root and folder not in missing and not os.path.lexists(folder):
            missing.add(folder)
            folder = folder.parent
    return sorted(missing)
