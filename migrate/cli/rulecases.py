"""The cases beside a user's rules: scanned and planned, and held against what they said before."""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from migrate.cli import plan, scan
from migrate.errors import InputError, MigrateError

if TYPE_CHECKING:
    from migrate.model import Rule

_USAGE: Final = 2
"""The exit code for flags that a verb does not take."""


@dataclass(frozen=True, slots=True)
class Case:
    """What came of one case.

    Shape: `wrong` is one sentence, "" where nothing is; `proves` names the rules that found
    something in it; `diff` is what is said otherwise than the golden texts have it.
    """

    name: str
    wrong: str = ""
    proves: tuple[str, ...] = ()
    said: str = ""
    diff: tuple[str, ...] = ()


def cases(directories: Sequence[Path], own: Sequence[Rule], *, bless: bool) -> Iterator[Case]:
    """Every case below `fixtures/` of the directories, run.

    Shape: `own` are the rules of the directories; `bless` writes what is said now.
    """
    homes = [str(directory.resolve()) for directory in directories]
    for directory in directories:
        for before in sorted((directory / "fixtures").glob("*/*/before")):
            if before.is_dir():
                yield _case(before.parent.resolve(), homes, own, bless=bless)


def _case(case: Path, homes: Sequence[str], own: Sequence[Rule], *, bless: bool) -> Case:
    name = f"{case.parent.name}/{case.name}"
    flags = [part for home in homes for part in ("--rules", home)]
    try:
        said = {
            "findings.txt": _said(scan.scan, case, flags),
            "report.txt": _said(plan.plan, case, [*flags, *_flags(case)]),
        }
    except MigrateError as error:
        return Case(name, " ".join(str(error).split()))
    proves = tuple(rule.name for rule in own if _is_proven(rule, said))
    if not proves:
        return Case(name, "no rule of these directories answers for anything in it")
    if bless:
        for file, text in said.items():
            write(case / file, text)
    golden = {file: case / file for file in said if (case / file).is_file()}
    old = {file: path.read_bytes().decode("utf-8", "replace") for file, path in golden.items()}
    wrong = [file for file, text in old.items() if text != said[file]]
    if wrong:
        diff = tuple(line for file in wrong for line in _diff(file, old[file], said[file]))
        return Case(name, f"{' and '.join(wrong)} differ from what is said now", proves, diff=diff)
    told = "written" if bless else "as before" if golden else "nothing to compare with"
    return Case(name, "", proves, told)


def _flags(case: Path) -> list[str]:
    """The flags of `plan` that the case has in `args`, one a line."""
    path = case / "args"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [line for line in lines if line]


def _said(verb: Callable[..., None], case: Path, flags: Sequence[str]) -> str:
    """What a verb prints on stdout for the files of a case.

    Raises: InputError for flags that the verb does not take, or by which it would write.
    """

    @functools.wraps(verb)
    def unwriting(*args: Any, **flags: Any) -> None:
        if flags.get("output"):
            raise InputError("a case writes no plan folder", path=str(case / "args"))
        verb(*args, **flags)

    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(unwriting)
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(case / "before"),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            app([".", "--quiet", *flags])
        except SystemExit as end:
            if end.code == _USAGE:
                told = err.getvalue().strip().splitlines()[-1]
                raise InputError(told, path=str(case / "args")) from end
    return out.getvalue()


def _is_proven(rule: Rule, said: dict[str, str]) -> bool:
    """Whether the rule found something, or the report gives its reason why a label stays."""
    if f"  {rule.name}  " in said["findings.txt"]:
        return True
    labels = rule.placement.labels if rule.placement else ()
    return any(label.why in said["report.txt"] for label in labels if label.why)


def _diff(file: str, old: str, new: str) -> Iterator[str]:
    names = (file, f"{file}, said now")
    yield from difflib.unified_diff(old.splitlines(), new.splitlines(), *names, lineterm="", n=1)


def write(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, with the folders it stands in.

    Raises: InputError where it cannot be written.
    """
    made = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(made).chmod(0o666 & ~mask)
        Path(made).rename(path)
    except OSError as error:
        if made:
            Path(made).unlink(missing_ok=True)
        raise InputError(f"cannot be written: {error.strerror}", path=str(path)) from error
