"""Cases: scanned, planned and applied, and held against what came of them before."""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from migrate.cli import apply, plan, scan
from migrate.errors import InputError, MigrateError
from migrate.model import PHASES

if TYPE_CHECKING:
    from migrate.model import Rule

Files = Mapping[str, bytes]
"""The golden files of a case, by their paths below it."""

PARTS: Final = ("findings.txt", "report.txt", "after", "plan")
"""What `scan` and `plan` print, the files once every phase is applied, and the plan folder."""
FIRST: Final = PARTS[:3]
"""What a case gets that is new."""

_FRESH: Final = "nothing to compare with yet; '--bless' writes it"
_USAGE: Final = 2
"""The exit code for flags that a verb does not take."""


@dataclass(frozen=True, slots=True)
class Case:
    """What came of one case.

    Shape: `wrong` is one sentence, "" where nothing is; `proves` names the rules that found
    something in it; `diff` is what comes out otherwise than the golden files have it.
    """

    name: str
    wrong: str = ""
    proves: tuple[str, ...] = ()
    said: str = ""
    diff: tuple[str, ...] = ()


def cases(directories: Sequence[Path], own: Sequence[Rule], *, bless: bool) -> Iterator[Case]:
    """Every case below `fixtures/` of the directories, run.

    Shape: `own` are the rules of the directories; `bless` writes what comes out now.
    """
    homes = [str(directory.resolve()) for directory in directories]
    for directory in directories:
        for before in sorted((directory / "fixtures").glob("*/*/before")):
            if before.is_dir():
                yield _case(before.parent.resolve(), homes, own, bless=bless)


def _case(case: Path, homes: Sequence[str], own: Sequence[Rule], *, bless: bool) -> Case:
    name = f"{case.parent.name}/{case.name}"
    try:
        with tempfile.TemporaryDirectory(prefix="dra-migrate-") as room:
            made = played(case, Path(room), [part for home in homes for part in ("--rules", home)])
    except MigrateError as error:
        return Case(name, " ".join(str(error).split()))
    proves = tuple(rule.name for rule in own if _is_proven(rule, made))
    if not proves:
        return Case(name, "no rule of these directories answers for anything in it")
    before = golden(case)
    kept = [part for part in PARTS if (case / part).exists()]
    if bless:
        write_parts(case, made, kept if before else {*FIRST, *kept})
        return Case(name, "", proves, "written")
    names = differing(before, made, kept)
    if names:
        parts = [part for part in PARTS if any(n.partition("/")[0] == part for n in names)]
        verb = "differs" if len(parts) == 1 else "differ"
        diff = (line for each in names for line in _diff(each, before, made))
        wrong = f"{' and '.join(parts)} {verb} from what comes out now"
        return Case(name, wrong, proves, diff=tuple(diff))
    return Case(name, "", proves, "as before" if before else _FRESH)


def played(case: Path, room: Path, flags: Sequence[str] = ()) -> Files:
    """What the verbs make of a case: its golden files as they would be written now.

    Shape: `room` is an empty folder, where the migrated `tree` and its `plan` stay; `flags` go to
    `scan` and `plan`; there is no `after/` where nothing changes.
    Raises: MigrateError for what a verb refuses, and for flags of the case that it does not take.
    """
    tree, folder = room / "tree", room / "plan"
    path = case / "args"
    try:
        shutil.copytree(case / "before", tree, symlinks=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path=str(case)) from error
    own = [line for line in lines if line]
    before = files(tree)
    with contextlib.chdir(tree):
        found = _said(scan.scan, ".", "--quiet", *flags)
        try:
            told = _said(_into(folder), ".", "--quiet", "--output", str(folder), *flags, *own)
        except InputError as error:
            raise InputError(error.reason, path=error.path or str(path)) from error
        planned = files(folder)
        for phase in PHASES:
            _said(apply.apply, str(folder), "--phase", phase, "--yes")
    after = files(tree)
    return {
        "findings.txt": found.encode(),
        "report.txt": told.encode(),
        **({f"after/{name}": data for name, data in after.items()} if after != before else {}),
        **{f"plan/{name}": data for name, data in planned.items()},
    }


def _into(folder: Path) -> Callable[..., None]:
    """`plan`, which may write its folder here and nowhere else."""

    @functools.wraps(plan.plan)
    def planned(*args: Any, **flags: Any) -> None:
        if flags["output"] != folder:
            raise InputError("a case names no plan folder")
        plan.plan(*args, **flags)

    return planned


def _said(verb: Callable[..., None], *args: str) -> str:
    """What a verb prints on stdout.

    Raises: InputError for flags that the verb does not take.
    """
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(verb)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            app(args)
        except SystemExit as end:
            if end.code == _USAGE:
                raise InputError(err.getvalue().strip().splitlines()[-1]) from end
    return out.getvalue()


def files(root: Path) -> Files:
    """Every file below a folder, by its path; the records of what was applied are none of them."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".journal" not in path.parts
    }


def golden(case: Path) -> Files:
    """The golden files that a case has."""
    every = files(case)
    return {name: data for name, data in every.items() if name.partition("/")[0] in PARTS}


def differing(before: Files, made: Files, parts: Iterable[str]) -> list[str]:
    """The names of these parts under which not the same bytes stand in both."""
    names = dict.fromkeys((*before, *made))
    return [n for n in names if n.partition("/")[0] in parts and before.get(n) != made.get(n)]


def write_parts(case: Path, made: Files, parts: Iterable[str]) -> None:
    """Write these parts of a case as they come out now; a folder is what was made and no more."""
    for part in parts:
        if (case / part).is_dir():
            try:
                shutil.rmtree(case / part)
            except OSError as error:
                what = f"cannot be written anew: {error.strerror or error}"
                raise InputError(what, path=str(case / part)) from error
    for name, data in made.items():
        if name.partition("/")[0] in parts:
            write(case / name, data)


def _is_proven(rule: Rule, made: Files) -> bool:
    """Whether the rule found something, or the report gives its reason why a label stays."""
    if f"  {rule.name}  ".encode() in made["findings.txt"]:
        return True
    labels = rule.placement.labels if rule.placement else ()
    return any(label.why.encode() in made["report.txt"] for label in labels if label.why)


def _diff(name: str, before: Files, made: Files) -> Iterator[str]:
    old, new = (f.get(name, b"").decode("utf-8", "replace").split("\n") for f in (before, made))
    yield from difflib.unified_diff(old, new, name, f"{name}, now", lineterm="", n=1)


def write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all, with the folders it stands in.

    Raises: InputError where it cannot be written.
    """
    made = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(number, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(made).chmod(0o666 & ~mask)
        Path(made).rename(path)
    except OSError as error:
        if made:
            Path(made).unlink(missing_ok=True)
        raise InputError(f"cannot be written: {error.strerror}", path=str(path)) from error
