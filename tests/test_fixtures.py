"""Every case in fixtures/: read, planned, applied and undone, as a user would.

A case is a folder `fixtures/<vendor>/<usage>-<what>/` with

    before/        the files as they are
    args           flags of `plan`, one a line (may be missing)
    findings.txt   what `scan .` prints
    report.txt     what `plan .` prints
    plan/          the plan folder, where it matters
    after/         the files once every phase is applied; missing: nothing changes

`pytest --bless` writes what comes out now; read the diff before you keep it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migrate.cli import app, rulecases
from migrate.model import PHASES, USAGES

ROOT = Path(__file__).parent.parent / "fixtures"
PARTS = {"before", "args", *rulecases.PARTS}


def cases() -> list[Path]:
    """Every case there is, by the folder it has."""
    return sorted(before.parent for before in ROOT.glob("*/*/before"))


def run(*args: str) -> str:
    """What a verb prints on stdout; it must not fail."""
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The case says, plans, applies and undoes what its files hold."""
    made = rulecases.played(case, tmp_path)
    parts = [part for part in rulecases.PARTS if part != "plan" or (case / part).exists()]
    if request.config.getoption("--bless"):
        rulecases.write_parts(case, made, parts)
    golden = rulecases.golden(case)
    for name in rulecases.differing(golden, made, parts):
        assert made.get(name) == golden.get(name), f"{case / name}: 'pytest --bless' writes it anew"

    before, after = rulecases.files(case / "before"), rulecases.files(tmp_path / "tree")
    by_git = rulecases.files(applied_by_git(case, tmp_path))
    # Of UTF-16 the plan has no diff that git would apply; of rendered text it has, and writes none.
    written = [name for name in after if after[name] != before.get(name)]
    assert all(by_git.get(name) in (before.get(name), after[name]) for name in written)
    monkeypatch.chdir(tmp_path / "tree")
    args = (case / "args").read_text().split("\n") if (case / "args").exists() else []
    args = [arg for arg in args if arg]
    again = tmp_path / "again"
    run("plan", ".", "-o", str(again), *args)
    diffs = [n for n in rulecases.files(again) if n.endswith(".diff") and "rendered" not in n]
    assert not diffs, f"planned again, there is more to do: {diffs}"
    run("rollback", str(tmp_path / "plan"))
    assert rulecases.files(tmp_path / "tree") == before, "rollback left something behind"
    twice = tmp_path / "twice"
    run("plan", ".", "-o", str(twice), *args)
    planned = {f"plan/{name}": data for name, data in rulecases.files(twice).items()}
    assert not rulecases.differing(made, planned, ["plan"]), "planned twice, not the same bytes"


def applied_by_git(case: Path, room: Path) -> Path:
    """The files of a case, to which git has applied each diff of the plan that it can."""
    tree = room / "git"
    shutil.copytree(case / "before", tree)
    for number, phase in enumerate(PHASES, start=1):
        every = sorted((room / "plan" / f"{number}-{phase}").rglob("*.diff"))
        diffs = [str(diff) for diff in every if not diff.name.startswith("rendered")]
        if diffs:
            git = ["git", "apply", "--whitespace=nowarn", *diffs]
            done = subprocess.run(git, cwd=tree, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    return tree


def test_cases_are_named_after_a_usage() -> None:
    """A case's name begins with the usage it is about."""
    names = [case.name for case in cases()]
    assert len(names) >= 40
    assert all(name.partition("-")[0] in USAGES for name in names), names


def test_no_file_is_read_by_nobody() -> None:
    """Every file in fixtures/ belongs to a case, and every part of a case has a known name."""
    folders = cases()
    for path in ROOT.rglob("*"):
        if path.is_dir():
            continue
        case = next((c for c in folders if path.is_relative_to(c)), None)
        assert case is not None, f"{path} belongs to no case"
        assert path.relative_to(case).parts[0] in PARTS, f"{path} is read by nobody"
