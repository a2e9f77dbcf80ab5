"""Every case in fixtures/: read, planned, applied and undone, as a user would.

A case is a folder `fixtures/<vendor>/<usage>-<what>/` with

    before/        the files as they are
    args           flags of `plan`, one a line (may be missing)
    findings.txt   what `scan .` prints
    report.txt     what `plan .` prints
    plan/          the plan folder, where it matters
    after/         the files once every phase is applied; missing: nothing changes

`pytest --bless` writes what the program says now; read the diff before you keep it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migrate.cli import app
from migrate.model import PHASES, USAGES

ROOT = Path(__file__).parent.parent / "fixtures"
PARTS = {"before", "after", "plan", "args", "findings.txt", "report.txt"}


def cases() -> list[Path]:
    """Every case there is, by the folder it has."""
    return sorted(before.parent for before in ROOT.glob("*/*/before"))


def run(*args: str) -> str:
    """What a verb prints on stdout; it must not fail."""
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def tree(root: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".journal" not in path.parts
    }


def agrees(path: Path, said: str, *, bless: bool) -> None:
    """Hold what was said against a golden text, or write it."""
    if bless:
        path.write_text(said, encoding="utf-8", newline="")
    assert said == path.read_bytes().decode(), f"{path}: 'pytest --bless' writes what is said now"


def agrees_tree(path: Path, files: dict[str, bytes], *, bless: bool) -> None:
    """Hold files against a golden folder, or write it."""
    if bless:
        shutil.rmtree(path, ignore_errors=True)
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    golden = tree(path)
    assert sorted(files) == sorted(golden)
    for name, data in files.items():
        assert data == golden[name], f"{path / name}: 'pytest --bless' writes what is said now"


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The case says, plans, applies and undoes what its files hold."""
    bless = bool(request.config.getoption("--bless"))
    work, plan = tmp_path / "tree", tmp_path / "plan"
    shutil.copytree(case / "before", work)
    monkeypatch.chdir(work)
    args = (case / "args").read_text().split("\n") if (case / "args").exists() else []
    args = [arg for arg in args if arg]
    before = tree(work)

    agrees(case / "findings.txt", run("scan", "."), bless=bless)
    agrees(case / "report.txt", run("plan", ".", *args), bless=bless)
    assert tree(work) == before, "plan without -o wrote something"

    run("plan", ".", "-o", str(plan), *args)
    made = tree(plan)
    if (case / "plan").exists():
        agrees_tree(case / "plan", made, bless=bless)
    run("plan", ".", "-o", str(plan), *args)
    assert tree(plan) == made, "planned twice, not the same bytes"

    for number, phase in enumerate(PHASES, start=1):
        diffs_apply(plan / f"{number}-{phase}", work)
        run("apply", str(plan), "--phase", phase, "--yes")
    after = tree(work)
    if bless:
        shutil.rmtree(case / "after", ignore_errors=True)
    if bless and after != before:
        agrees_tree(case / "after", after, bless=True)
    if (case / "after").exists():
        agrees_tree(case / "after", after, bless=False)
    else:
        assert after == before
    again = tmp_path / "again"
    run("plan", ".", "-o", str(again), *args)
    diffs = [path for path in tree(again) if path.endswith(".diff") and "rendered" not in path]
    assert not diffs, f"planned again, there is more to do: {diffs}"
    run("rollback", str(plan))
    assert tree(work) == before, "rollback left something behind"


def diffs_apply(phase: Path, work: Path) -> None:
    """Each diff of a phase is one that git would apply then, except those of rendered text."""
    for diff in sorted(phase.rglob("*.diff")):
        if diff.name.startswith("rendered"):
            continue
        check = subprocess.run(
            ["git", "apply", "--check", "--whitespace=nowarn", str(diff)],
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        assert check.returncode == 0, check.stderr


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
