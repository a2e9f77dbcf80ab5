"""The house stands as `docs/architecture.md` says, and a machine checks the walls."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"

LINE = re.compile(r"(?P<bars>(?:│   |    )*)(?:[├└]── )?(?P<name>[^\s│├└]+)(?:\s.*)?")
"""One line of a drawn tree: four characters for each level, the name, what it is for."""

VENDORS = (
    "alibaba|aliyun|amd|ascend|aws|azure|cambricon|furiosa|gcp|gke|google|habana|huawei|hygon"
    "|iluvatar|intel|karpenter|mellanox|metax|neuron|nvidia|rebellions|tenstorrent|xilinx"
)
"""Vendors that no Python of ours may name, beside those that have a folder of rules."""

HEAVY = ("deepdiff", "kubernetes", "rich.table", "ruamel")

HELP = f"""
import sys
from migrate.cli import main
sys.argv = ["dra-migrate", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
heavy = tuple(name + "." for name in {HEAVY!r})
print("LOADED", *sorted(name for name in sys.modules if (name + ".").startswith(heavy)))
"""


def tree() -> Iterator[str]:
    """Every path of the page's drawn tree, folders with a slash at their end."""
    drawing = PAGE.read_text(encoding="utf-8").split("```tree\n")[1].split("```")[0]
    above: list[str] = []
    for line in filter(str.strip, drawing.splitlines()):
        match = LINE.fullmatch(line)
        assert match, f"not a line of a tree: {line!r}"
        level = match.start("name") // 4
        above[level:] = [match["name"]]
        yield "".join(above)


def modules() -> Iterator[Path]:
    """Every Python file of the package."""
    return (ROOT / "migrate").rglob("*.py")


def test_everything_in_the_drawn_tree_is_there() -> None:
    """A folder is drawn with a slash and is a folder; all else is a file."""
    drawn = list(tree())
    missing = [
        path
        for path in drawn
        if not ((ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file())
    ]
    assert len(drawn) > 1
    assert not missing


def test_every_module_is_in_the_drawn_tree() -> None:
    """A package is drawn as its folder, which stands for its `__init__.py`."""
    there = {
        f"{path.parent.relative_to(ROOT).as_posix()}/"
        if path.name == "__init__.py"
        else path.relative_to(ROOT).as_posix()
        for path in modules()
    }
    unplaced = there - set(tree())
    assert not unplaced


def test_every_path_that_the_page_names_is_there() -> None:
    """A span of code that begins with a folder of ours is a path, unless it holds a placeholder."""
    text = PAGE.read_text(encoding="utf-8")
    ours = [path.name for path in ROOT.iterdir() if path.is_dir()]
    spans = re.findall(r"`([\w.-]+/[\w./-]*)`", text)
    named = [span for span in spans if span.split("/")[0] in ours]
    assert named
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing


def test_no_vendor_stands_in_python() -> None:
    """Vendor facts are data under rules/; not even a docstring names one."""
    ruled = [path.name for path in (ROOT / "rules").iterdir() if path.is_dir()]
    vendors = "|".join([VENDORS, *map(re.escape, ruled)])
    word = re.compile(rf"(?<![a-z0-9])(?:{vendors})(?![a-z0-9])", re.IGNORECASE)
    assert ruled
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if word.search(line)
    ]
    assert not named


def test_the_import_contracts_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Layers, independent usages, a pure middle and no circles, as pyproject.toml has them."""
    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    """A user who asks for help does not wait for a Kubernetes client."""
    done = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "LOADED"
