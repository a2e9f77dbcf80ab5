"""Applying a plan to files, and undoing it: every byte, whenever the program is stopped."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate import apply
from migrate.apply import disk
from migrate.apply.journal import Journal
from migrate.errors import ApplyError, MigrateError, PlanError

# --- A small estate and its plan ------------------------------------------------------------------

TRAIN = b"kind: Deployment\nspec:\n  limits:\n    nvidia.com/gpu: 1\n"
TRAIN_CLAIM = b"kind: Deployment\nspec:\n  claims: [gpu]\n"
TRAIN_RETIRE = b"kind: Deployment\nspec:\n  claims: [gpu] # no plugin\n"
SERVE = b"kind: Job\r\nlimits:\r\n  nvidia.com/gpu: 2\r\n# the end"
SERVE_CLAIM = b"kind: Job\r\nclaims:\r\n  - name: gpu\r\n# the end"
WIDE = "\ufeffkind: Pod\r\ngpu: ä\r\n".encode("utf-16-le")
WIDE_CLAIM = "\ufeffkind: Pod\r\nclaim: ö\r\n".encode("utf-16-le")
TEMPLATE = b"kind: ResourceClaimTemplate\n"

BEFORE: dict[str, bytes] = {
    "k8s/train.yaml": TRAIN,
    "k8s/serve.yaml": SERVE,
    "wide.yaml": WIDE,
    "untouched.yaml": b"kind: Namespace\n",
}
CLAIMED: dict[str, bytes] = BEFORE | {
    "k8s/train.yaml": TRAIN_CLAIM,
    "k8s/serve.yaml": SERVE_CLAIM,
    "wide.yaml": WIDE_CLAIM,
    "k8s/new/deep/template.yaml": TEMPLATE,
}
RETIRED: dict[str, bytes] = CLAIMED | {"k8s/train.yaml": TRAIN_RETIRE}


def sha(data: bytes | None) -> str:
    return "" if data is None else f"sha256:{hashlib.sha256(data).hexdigest()}"


def common(one: bytes, other: bytes) -> int:
    """How many bytes at the beginning are the same."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def planned(path: str, before: bytes | None, after: bytes, encoding: str = "utf-8") -> Any:
    """A planned file whose one splice spans all that differs."""
    old = before or b""
    unit = 1 if encoding == "utf-8" else 2
    head = common(old, after) // unit * unit
    tail = common(old[head:][::-1], after[head:][::-1]) // unit * unit
    text = after[head : len(after) - tail].decode(encoding)
    return {
        "path": path,
        "before": sha(before),
        "after": sha(after),
        "encoding": encoding,
        "splices": [[head, len(old) - tail, text]],
        "says": [f"{path}: limits -> claims"],
        "lines": 2,
        "creates": int(before is None),
    }


def write_plan(folder: Path, root: str = "../repo", **phases: list[Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("prepare", "bridge", "claim", "retire")
    document = {
        "version": 1,
        "generator": "dra-migrate 0.1.0",
        "kubernetes": "1.34",
        "root": root,
        "phases": [{"name": name, "who": "", "files": phases.get(name, [])} for name in names],
    }
    (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")


def build(home: Path) -> tuple[Path, Path]:
    """A repository and a plan folder with a claim and a retire phase."""
    repo, folder = home / "repo", home / "plan"
    for path, data in BEFORE.items():
        place = repo / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    (repo / "k8s/train.yaml").chmod(0o755)
    (repo / "wide.yaml").chmod(0o640)
    write_plan(
        folder,
        claim=[
            planned("k8s/train.yaml", TRAIN, TRAIN_CLAIM),
            planned("k8s/serve.yaml", SERVE, SERVE_CLAIM),
            planned("k8s/new/deep/template.yaml", None, TEMPLATE),
            planned("wide.yaml", WIDE, WIDE_CLAIM, "utf-16-le"),
        ],
        retire=[planned("k8s/train.yaml", TRAIN_CLAIM, TRAIN_RETIRE)],
    )
    return repo, folder


def contents(repo: Path) -> dict[str, bytes]:
    """Every file below, hidden and temporary ones too."""
    return {
        place.relative_to(repo).as_posix(): place.read_bytes()
        for place in sorted(repo.rglob("*"))
        if place.is_file()
    }


def tree(repo: Path) -> dict[str, tuple[int, bytes | None]]:
    """Everything below: its permissions and its bytes, None for a folder."""
    return {
        place.relative_to(repo).as_posix(): (
            stat.S_IMODE(place.lstat().st_mode),
            place.read_bytes() if place.is_file() else None,
        )
        for place in sorted(repo.rglob("*"))
    }


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return build(tmp_path)[0]


@pytest.fixture
def folder(repo: Path) -> Path:
    return repo.parent / "plan"


def refused(act: Callable[[], object]) -> ApplyError:
    with pytest.raises(ApplyError) as caught:
        act()
    return caught.value


# --- Applying -------------------------------------------------------------------------------------


def test_a_phase_writes_exactly_the_planned_bytes(repo: Path, folder: Path) -> None:
    outcome = apply.phase(folder, "claim")
    assert contents(repo) == CLAIMED
    assert outcome.phases == ("claim",)
    assert outcome.written == (
        "k8s/train.yaml",
        "k8s/serve.yaml",
        "k8s/new/deep/template.yaml",
        "wide.yaml",
    )
    assert outcome.already == ()
    assert outcome.resumed == ""


def test_permissions_are_kept(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    assert disk.mode(repo / "k8s/train.yaml") == 0o755
    assert disk.mode(repo / "wide.yaml") == 0o640


def test_a_new_file_has_the_permissions_that_the_umask_leaves(repo: Path, folder: Path) -> None:
    old = os.umask(0o027)
    try:
        apply.phase(folder, "claim")
    finally:
        os.umask(old)
    assert disk.mode(repo / "k8s/new/deep/template.yaml") == 0o640


def test_a_second_run_finds_it_done(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    before = {place: place.lstat().st_mtime_ns for place in repo.rglob("*")}
    outcome = apply.phase(folder, "claim")
    assert outcome.written == ()
    assert len(outcome.already) == 4
    assert {place: place.lstat().st_mtime_ns for place in repo.rglob("*")} == before


def test_an_earlier_phase_stays_done_after_a_later_one(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    apply.phase(folder, "retire")
    assert contents(repo) == RETIRED
    assert apply.phase(folder, "claim").written == ()
    assert contents(repo) == RETIRED


def test_a_phase_without_files_does_nothing_at_all(repo: Path, folder: Path) -> None:
    assert apply.phase(folder, "prepare") == apply.Outcome()
    assert [place.name for place in folder.iterdir()] == ["plan.json"]


def test_preview_says_what_would_be_done_and_writes_nothing(repo: Path, folder: Path) -> None:
    (repo / "k8s/serve.yaml").write_bytes(SERVE_CLAIM)
    (repo / "wide.yaml").unlink()
    steps = apply.preview(folder, "claim")
    assert [(step.path, step.state) for step in steps] == [
        ("k8s/train.yaml", "to-do"),
        ("k8s/serve.yaml", "done"),
        ("k8s/new/deep/template.yaml", "to-do"),
        ("wide.yaml", "missing"),
    ]
    assert steps[0].says == ("k8s/train.yaml: limits -> claims",)
    assert (steps[2].lines, steps[2].creates) == (2, 1)
    assert [place.name for place in folder.iterdir()] == ["plan.json"]


def test_the_root_may_be_another_checkout(repo: Path, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(repo, other)
    apply.phase(folder, "claim", root=other)
    assert contents(repo) == BEFORE
    assert contents(other) == CLAIMED
    apply.rollback(folder)
    assert contents(other) == BEFORE


def test_a_plan_inside_its_own_repository_is_applied_and_undone(tmp_path: Path) -> None:
    repo = build(tmp_path)[0]
    shutil.move(tmp_path / "plan", repo / "plan")
    content = (repo / "plan/plan.json").read_text().replace("../repo", "..")
    (repo / "plan/plan.json").write_text(content)
    apply.phase(repo / "plan", "claim")
    moved = tmp_path / "moved"
    repo.rename(moved)
    apply.rollback(moved / "plan")
    shutil.rmtree(moved / "plan")
    assert contents(moved) == BEFORE


def test_saved_originals_are_kept_out_of_git(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    assert (folder / ".journal/.gitignore").read_text() == "*\n"


# --- Refusing -------------------------------------------------------------------------------------


def test_a_file_that_changed_since_refuses_the_whole_phase(repo: Path, folder: Path) -> None:
    (repo / "wide.yaml").write_bytes(b"mine")
    before = tree(repo)
    error = refused(lambda: apply.phase(folder, "claim"))
    assert error.path == "wide.yaml"
    assert error.reason == "changed since it was planned"
    assert f"planned: sha256 {sha(WIDE)[7:11]}…, now: sha256 {sha(b'mine')[7:11]}…" in error.remedy
    assert "plan again, or 'git stash' what changed; nothing was written" in error.remedy
    assert tree(repo) == before
    assert [place.name for place in folder.iterdir()] == ["plan.json"]


def test_several_refused_files_are_all_named(repo: Path, folder: Path) -> None:
    (repo / "k8s/serve.yaml").write_bytes(b"mine")
    (repo / "wide.yaml").unlink()
    error = refused(lambda: apply.phase(folder, "claim"))
    assert error.path == "k8s/serve.yaml"
    assert "also: wide.yaml is missing" in error.remedy


def test_more_than_a_handful_of_refused_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    files = [planned(f"{n}.yaml", b"a", b"b") for n in range(9)]
    write_plan(tmp_path / "plan", claim=files)
    error = refused(lambda: apply.phase(tmp_path / "plan", "claim"))
    assert error.path == "0.yaml"
    assert error.remedy.endswith("and 3 more")


def test_a_new_file_never_replaces_one_that_is_there(repo: Path, folder: Path) -> None:
    place = repo / "k8s/new/deep/template.yaml"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"somebody's own")
    error = refused(lambda: apply.phase(folder, "claim"))
    assert "exists already" in error.reason
    assert contents(repo) == BEFORE | {"k8s/new/deep/template.yaml": b"somebody's own"}


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_new_file_never_replaces_one_that_appears_in_the_last_moment(
    repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    place = repo / "k8s/new/deep/template.yaml"
    link = os.link

    def late(source: str, target: str, **options: Any) -> None:
        place.write_bytes(b"somebody's own")
        if not hard_links:
            raise OSError(errno.EPERM, "no hard links here")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", late)
    error = refused(lambda: apply.phase(folder, "claim"))
    assert error.path == "k8s/new/deep/template.yaml"
    assert "2 of 4 files were written" in error.remedy
    assert place.read_bytes() == b"somebody's own"
    monkeypatch.undo()
    place.unlink()
    apply.rollback(folder)
    assert contents(repo) == BEFORE


def test_a_disk_without_hard_links_gets_its_new_files_too(
    repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(source: str, target: str, **options: Any) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", none)
    apply.phase(folder, "claim")
    assert contents(repo) == CLAIMED


def test_a_file_that_changes_in_the_last_moment_is_not_overwritten(
    repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def busy(source: Any, target: Any, **options: Any) -> None:
        if Path(target).name == "train.yaml":
            (repo / "k8s/serve.yaml").write_bytes(b"mine")
        replace(source, target, **options)

    monkeypatch.setattr(os, "replace", busy)
    error = refused(lambda: apply.phase(folder, "claim"))
    assert error.path == "k8s/serve.yaml"
    assert "1 of 4 files were written" in error.remedy
    assert (repo / "k8s/serve.yaml").read_bytes() == b"mine"
    assert (repo / "wide.yaml").read_bytes() == WIDE


def test_a_file_swapped_for_a_link_is_refused(repo: Path, folder: Path) -> None:
    (repo / "wide.yaml").rename(repo / "real.yaml")
    (repo / "wide.yaml").symlink_to("real.yaml")
    error = refused(lambda: apply.phase(folder, "claim"))
    assert (error.path, error.reason) == ("wide.yaml", "is a link")
    assert (repo / "k8s/train.yaml").read_bytes() == TRAIN


def test_a_folder_swapped_for_a_link_out_of_the_root_is_refused(
    repo: Path, folder: Path, tmp_path: Path
) -> None:
    (repo / "k8s").rename(tmp_path / "outside")
    (repo / "k8s").symlink_to(tmp_path / "outside")
    with pytest.raises(PlanError, match="leaves the root through a link"):
        apply.phase(folder, "claim")
    assert (tmp_path / "outside/train.yaml").read_bytes() == TRAIN


def test_a_folder_or_a_pipe_in_place_of_a_file_is_refused(repo: Path, folder: Path) -> None:
    (repo / "wide.yaml").unlink()
    os.mkfifo(repo / "wide.yaml")
    assert refused(lambda: apply.phase(folder, "claim")).reason == "is not a file"
    (repo / "wide.yaml").unlink()
    (repo / "wide.yaml").mkdir()
    assert refused(lambda: apply.phase(folder, "claim")).reason == "is not a file"


def test_a_file_in_place_of_a_folder_is_refused(repo: Path, folder: Path) -> None:
    (repo / "k8s/new").write_bytes(b"")
    error = refused(lambda: apply.phase(folder, "claim"))
    assert error.path == "k8s/new/deep/template.yaml"
    assert "cannot be read" in error.reason
    assert (repo / "k8s/train.yaml").read_bytes() == TRAIN


def test_a_later_phase_says_which_one_comes_first(repo: Path, folder: Path) -> None:
    error = refused(lambda: apply.phase(folder, "retire"))
    assert error.path == "k8s/train.yaml"
    assert "phase claim comes first" in error.reason
    assert "--phase claim" in error.remedy
    assert contents(repo) == BEFORE


def test_a_file_that_an_earlier_phase_creates_says_so(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    write_plan(
        tmp_path / "plan",
        prepare=[planned("a.yaml", None, b"a")],
        retire=[planned("a.yaml", b"a", b"b")],
    )
    error = refused(lambda: apply.phase(tmp_path / "plan", "retire"))
    assert "phase prepare comes first" in error.reason
    apply.phase(tmp_path / "plan", "prepare")
    apply.phase(tmp_path / "plan", "retire")
    assert contents(tmp_path / "repo") == {"a.yaml": b"b"}


def test_edits_that_do_not_give_the_planned_bytes_are_refused(repo: Path, folder: Path) -> None:
    text = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(text.replace("claims: [gpu]", "claims: [all]"))
    with pytest.raises(PlanError, match="do not give the bytes that were planned"):
        apply.phase(folder, "claim")
    assert contents(repo) == BEFORE


@contextmanager
def read_only(below: Path) -> Iterator[None]:
    """No file can be made below a folder; permissions alone would not stop root."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and Path(path).is_relative_to(below):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refuse)
        yield


def test_a_folder_that_cannot_be_written_refuses_the_whole_phase(repo: Path, folder: Path) -> None:
    before = tree(repo)
    with read_only(repo / "k8s/new"):
        error = refused(lambda: apply.phase(folder, "claim"))
    assert error.path == "k8s/new/deep/template.yaml"
    assert "Permission denied" in error.reason
    assert error.remedy == "nothing was written"
    assert tree(repo) == before
    assert apply.rollback(folder) == apply.Outcome()


def test_a_folder_that_cannot_be_written_refuses_the_undoing(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    before = tree(repo)
    with read_only(repo):
        error = refused(lambda: apply.rollback(folder))
    assert "Permission denied" in error.reason
    assert tree(repo) == before


def test_a_plan_folder_that_cannot_be_written_is_told(repo: Path, folder: Path) -> None:
    with read_only(folder):
        error = refused(lambda: apply.phase(folder, "claim"))
    assert "Permission denied" in error.reason
    assert contents(repo) == BEFORE


def test_a_journal_that_is_a_link_is_refused(repo: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / ".journal").symlink_to(tmp_path / "elsewhere")
    assert refused(lambda: apply.phase(folder, "claim")).reason == "is a link"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert contents(repo) == BEFORE


# --- Undoing --------------------------------------------------------------------------------------


def test_rollback_restores_every_byte_and_every_permission(repo: Path, folder: Path) -> None:
    before = tree(repo)
    apply.phase(folder, "claim")
    apply.phase(folder, "retire")
    (repo / "k8s/train.yaml").chmod(0o600)
    outcome = apply.rollback(folder)
    assert tree(repo) == before
    assert outcome.phases == ("retire", "claim")
    assert outcome.written == ("k8s/train.yaml", "k8s/serve.yaml", "wide.yaml")
    assert outcome.removed == ("k8s/new/deep/template.yaml", "k8s/new/deep", "k8s/new")


def test_rolling_back_twice_finds_nothing_to_undo(repo: Path, folder: Path) -> None:
    assert apply.rollback(folder) == apply.Outcome()
    apply.phase(folder, "claim")
    apply.rollback(folder)
    assert apply.rollback(folder) == apply.Outcome()
    assert contents(repo) == BEFORE


def test_after_an_undo_the_phase_can_be_applied_again(repo: Path, folder: Path) -> None:
    for _ in range(3):
        apply.phase(folder, "claim")
        assert contents(repo) == CLAIMED
        apply.rollback(folder)
        assert contents(repo) == BEFORE


def test_one_phase_is_undone_alone(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    apply.phase(folder, "retire")
    assert apply.rollback(folder, phase="retire").phases == ("retire",)
    assert contents(repo) == CLAIMED
    apply.rollback(folder, phase="claim")
    assert contents(repo) == BEFORE


def test_a_phase_that_a_later_one_builds_on_is_not_undone_alone(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    apply.phase(folder, "retire")
    error = refused(lambda: apply.rollback(folder, phase="claim"))
    assert error.path == "k8s/train.yaml"
    assert "roll back retire first" in error.remedy
    assert contents(repo) == RETIRED


def test_a_later_phase_that_touches_other_files_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/a").write_bytes(b"a")
    (tmp_path / "repo/b").write_bytes(b"b")
    write_plan(
        tmp_path / "plan", claim=[planned("a", b"a", b"A")], retire=[planned("b", b"b", b"B")]
    )
    apply.phase(tmp_path / "plan", "claim")
    apply.phase(tmp_path / "plan", "retire")
    apply.rollback(tmp_path / "plan", phase="claim")
    assert contents(tmp_path / "repo") == {"a": b"a", "b": b"B"}


def test_what_was_done_by_hand_is_not_undone(repo: Path, folder: Path) -> None:
    (repo / "k8s/serve.yaml").write_bytes(SERVE_CLAIM)
    assert apply.phase(folder, "claim").already == ("k8s/serve.yaml",)
    apply.rollback(folder)
    assert contents(repo) == BEFORE | {"k8s/serve.yaml": SERVE_CLAIM}


def test_what_was_undone_by_hand_is_let_be(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (repo / "k8s/serve.yaml").write_bytes(SERVE)
    (repo / "k8s/new/deep/template.yaml").unlink()
    outcome = apply.rollback(folder)
    assert set(outcome.already) == {"k8s/serve.yaml", "k8s/new/deep/template.yaml"}
    assert contents(repo) == BEFORE


def test_a_file_changed_since_refuses_the_whole_undoing(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (repo / "k8s/serve.yaml").write_bytes(b"mine")
    before = tree(repo)
    error = refused(lambda: apply.rollback(folder))
    assert (error.path, error.reason) == ("k8s/serve.yaml", "changed since it was applied")
    original = folder.resolve() / ".journal/originals" / sha(SERVE)[7:]
    assert str(original) in error.remedy
    assert original.read_bytes() == SERVE
    assert "nothing was undone" in error.remedy
    assert tree(repo) == before


def test_a_new_file_changed_since_is_not_deleted(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (repo / "k8s/new/deep/template.yaml").write_bytes(TEMPLATE + b"# mine\n")
    error = refused(lambda: apply.rollback(folder))
    assert error.path == "k8s/new/deep/template.yaml"
    assert contents(repo)["k8s/train.yaml"] == TRAIN_CLAIM


def test_a_file_that_is_missing_or_a_link_refuses_the_undoing(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (repo / "wide.yaml").rename(repo / "moved.yaml")
    assert refused(lambda: apply.rollback(folder)).reason == "is missing"
    (repo / "wide.yaml").symlink_to("moved.yaml")
    assert refused(lambda: apply.rollback(folder)).reason == "is a link"
    assert contents(repo)["k8s/train.yaml"] == TRAIN_CLAIM


def test_a_new_folder_that_holds_somebody_elses_file_stays(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (repo / "k8s/new/mine.yaml").write_bytes(b"mine")
    outcome = apply.rollback(folder)
    assert outcome.removed == ("k8s/new/deep/template.yaml", "k8s/new/deep")
    assert contents(repo) == BEFORE | {"k8s/new/mine.yaml": b"mine"}


def test_a_damaged_original_refuses_the_whole_undoing(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (folder / ".journal/originals" / sha(WIDE)[7:]).write_bytes(b"")
    error = refused(lambda: apply.rollback(folder))
    assert (error.path, error.reason) == ("wide.yaml", "the saved original was damaged")
    (folder / ".journal/originals" / sha(WIDE)[7:]).unlink()
    assert "cannot be read" in refused(lambda: apply.rollback(folder)).reason
    assert contents(repo) == CLAIMED


def test_rollback_needs_no_plan_only_the_journal(repo: Path, folder: Path) -> None:
    apply.phase(folder, "claim")
    (folder / "plan.json").unlink()
    apply.rollback(folder)
    assert contents(repo) == BEFORE


def test_rollback_of_a_folder_that_is_none_or_a_phase_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is not a plan folder"):
        apply.rollback(tmp_path / "gone")
    with pytest.raises(PlanError, match="no phase is called"):
        apply.rollback(tmp_path, phase="cleanup")


def test_a_phase_planned_and_applied_anew_is_undone_to_the_change_in_between(
    repo: Path, folder: Path
) -> None:
    """What somebody wrote between two plans is his: it comes back, nothing older does."""
    apply.phase(folder, "claim")
    (repo / "wide.yaml").write_bytes(b"mine")
    write_plan(folder, claim=[planned("wide.yaml", b"mine", b"planned anew")])
    apply.phase(folder, "claim")
    apply.rollback(folder)
    assert contents(repo) == BEFORE | {"wide.yaml": b"mine"}


def test_a_change_between_two_phases_lets_only_the_later_one_be_undone(
    repo: Path, folder: Path
) -> None:
    apply.phase(folder, "claim")
    (repo / "wide.yaml").write_bytes(b"mine")
    write_plan(folder, retire=[planned("wide.yaml", b"mine", b"retired")])
    apply.phase(folder, "retire")
    error = refused(lambda: apply.rollback(folder))
    assert "somebody else" in error.reason
    assert "--phase retire" in error.remedy
    apply.rollback(folder, phase="retire")
    assert contents(repo) == CLAIMED | {"wide.yaml": b"mine"}


# --- A hostile journal ----------------------------------------------------------------------------


def test_a_journal_that_points_out_of_its_root_is_refused(
    repo: Path, folder: Path, tmp_path: Path
) -> None:
    apply.phase(folder, "claim")
    outside = tmp_path / "outside.yaml"
    outside.write_bytes(WIDE_CLAIM)
    journal = folder / ".journal/journal.jsonl"
    journal.write_text(journal.read_text().replace('"wide.yaml"', '"../outside.yaml"'))
    with pytest.raises(PlanError, match="leaves the root"):
        apply.rollback(folder)
    assert outside.read_bytes() == WIDE_CLAIM
    assert contents(repo) == CLAIMED


@pytest.mark.parametrize("line", ["{}", "garbage", '{"do":"apply","id":1}', "[" * 100_000])
def test_a_damaged_journal_is_refused_with_its_line(repo: Path, folder: Path, line: str) -> None:
    apply.phase(folder, "claim")
    journal = folder / ".journal/journal.jsonl"
    journal.write_text(line + "\n" + journal.read_text())
    error = refused(lambda: apply.rollback(folder))
    assert (error.path, error.line) == (str(journal.resolve()), 1)
    assert "originals" in error.remedy
    assert contents(repo) == CLAIMED


@pytest.mark.parametrize("tail", ['{"do":"undone","i', "\0\0\0\0", '{"do":"und\n'])
def test_a_last_line_that_was_never_finished_did_not_happen(
    repo: Path, folder: Path, tail: str
) -> None:
    apply.phase(folder, "claim")
    journal = folder / ".journal/journal.jsonl"
    journal.write_text(journal.read_text() + tail)
    apply.rollback(folder)
    assert contents(repo) == BEFORE
    assert all(json.loads(line) for line in journal.read_text().splitlines())


# --- Two at once ----------------------------------------------------------------------------------


def test_two_cannot_work_on_one_plan(repo: Path, folder: Path) -> None:
    with Journal(folder.resolve()).locked():
        error = refused(lambda: apply.phase(folder, "claim"))
        assert f"process {os.getpid()} on " in error.reason
        assert "wait for it" in error.remedy
        assert contents(repo) == BEFORE
    apply.phase(folder, "claim")
    with Journal(folder.resolve()).locked():
        assert "is being applied" in refused(lambda: apply.rollback(folder)).reason
    assert contents(repo) == CLAIMED


def test_a_disk_that_cannot_lock_is_told(
    repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    error = refused(lambda: apply.phase(folder, "claim"))
    assert "cannot be locked" in error.reason
    assert contents(repo) == BEFORE


def test_the_lock_of_a_killed_process_is_recognised_and_its_work_resumed(
    repo: Path, folder: Path
) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from migrate import apply
replace, count = os.replace, 0
def killed(source, target, **options):
    global count
    count += "repo" in str(target)
    if count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(source, target, **options)
os.replace = killed
apply.phase(Path(sys.argv[1]), "claim")
"""
    source = str(Path(apply.__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], env={**os.environ, "PYTHONPATH": source}
    ) as process:
        assert process.wait() == -signal.SIGKILL
    half = contents(repo)
    assert half["k8s/train.yaml"] == TRAIN_CLAIM
    assert half["k8s/serve.yaml"] == SERVE
    outcome = apply.phase(folder, "claim")
    assert outcome.resumed.startswith(f"process {process.pid} on ")
    assert outcome.already == ("k8s/train.yaml",)
    assert contents(repo) == CLAIMED
    apply.rollback(folder)
    assert contents(repo) == BEFORE


# --- Stopped at every step ------------------------------------------------------------------------


class Died(BaseException):
    """The process is no more."""


WATCHED = (
    *("open", "write", "fsync", "ftruncate", "chmod"),
    *("replace", "rename", "link", "unlink"),
    *("mkdir", "rmdir"),
)


class Disk:
    """The disk under a program that is stopped, or that is refused, at its nth step.

    Stopped, the program can do nothing more. When the power fails, what was not brought down to
    the disk by then is lost: bytes that were not synced are cut, names that were not are as before.
    """

    def __init__(self, at: int = 0, *, power: bool = False, refusal: int = 0) -> None:
        self.at, self.power, self.refusal = at, power, refusal
        self.steps = 0
        self.dead = False
        self.paths: dict[int, Path] = {}
        self.synced: dict[Path, int] = {}
        self.names: list[tuple[Path, Callable[[], None]]] = []
        self.real = {name: getattr(os, name) for name in WATCHED}

    def __enter__(self) -> Self:
        for name in WATCHED:
            setattr(os, name, getattr(self, name))
        return self

    def __exit__(self, kind: object, *rest: object) -> bool:
        for name, function in self.real.items():
            setattr(os, name, function)
        if self.dead and self.power:
            self.lose()
        return kind is Died

    def step(self) -> None:
        self.steps += 1
        if self.dead or (self.steps == self.at and not self.refusal):
            self.dead = True
            raise Died
        if self.steps == self.at:
            raise OSError(self.refusal, os.strerror(self.refusal))

    def lose(self) -> None:
        for path, size in self.synced.items():
            if path.is_file() and path.stat().st_size > size:
                os.truncate(path, (size + path.stat().st_size) // 2)
        for _, undo in reversed(self.names):
            undo()

    def name(self, path: Any, undo: Callable[[], None]) -> None:
        self.names.append((Path(path).parent, undo))

    def put_back(self, path: Any) -> Callable[[], None]:
        place = Path(path)
        if not place.exists():
            return lambda: place.unlink(missing_ok=True)
        data, mode = place.read_bytes(), place.stat().st_mode

        def undo() -> None:
            if place.parent.is_dir():
                place.unlink(missing_ok=True)
                place.write_bytes(data)
                place.chmod(mode)

        return undo

    def open(self, path: Any, flags: int, *rest: Any, **options: Any) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        if flags & os.O_CREAT:
            self.step()
            if not os.path.lexists(path):
                self.name(path, self.put_back(path))
        handle: int = self.real["open"](path, flags, *rest, **options)
        self.paths[handle] = Path(path)
        if writes:
            self.synced.setdefault(Path(path), Path(path).stat().st_size)
        return handle

    def write(self, handle: int, data: Any) -> int:
        try:
            self.step()
        except (Died, OSError):
            if self.steps == self.at:
                self.real["write"](handle, bytes(data)[: len(data) // 2])
            raise
        written: int = self.real["write"](handle, data)
        return written

    def fsync(self, handle: int) -> None:
        self.step()
        path = self.paths[handle]
        if path.is_dir():
            # A folder that went is gone with the sync of the one it was in.
            self.names = [
                (folder, undo)
                for folder, undo in self.names
                if folder != path and (folder.exists() or not folder.is_relative_to(path))
            ]
        else:
            self.synced[path] = path.stat().st_size

    def ftruncate(self, handle: int, size: int) -> None:
        self.step()
        self.real["ftruncate"](handle, size)
        path = self.paths[handle]
        self.synced[path] = min(self.synced[path], size)

    def replace(self, source: Any, target: Any, **options: Any) -> None:
        self.step()
        source, target = Path(source), Path(target)
        self.name(target, self.put_back(target))
        self.name(source, self.put_back(source))
        self.real["replace"](source, target, **options)
        self.synced[target] = self.synced.pop(source, target.stat().st_size)

    rename = replace

    def link(self, source: Any, target: Any, **options: Any) -> None:
        self.step()
        self.name(target, self.put_back(target))
        self.real["link"](source, target, **options)

    def unlink(self, path: Any, **options: Any) -> None:
        self.step()
        if os.path.lexists(path):
            self.name(path, self.put_back(path))
        self.real["unlink"](path, **options)
        self.synced.pop(Path(path), None)

    def mkdir(self, path: Any, *rest: Any, **options: Any) -> None:
        self.step()
        self.real["mkdir"](path, *rest, **options)
        self.name(path, lambda: shutil.rmtree(path, ignore_errors=True))

    def rmdir(self, path: Any, **options: Any) -> None:
        self.step()
        self.real["rmdir"](path, **options)
        self.name(path, lambda: Path(path).mkdir(parents=True, exist_ok=True))

    def chmod(self, path: Any, mode: int, **options: Any) -> None:
        self.step()
        self.real["chmod"](path, mode, **options)


def test_the_disk_of_these_tests_loses_what_was_not_synced(tmp_path: Path) -> None:
    """The instrument itself: with a lax one a missing fsync would go unseen."""
    (tmp_path / "kept").write_bytes(b"old")
    (tmp_path / "grown").write_bytes(b"1234")
    with Disk(at=9, power=True) as instrument:
        handle = os.open(tmp_path / "grown", os.O_WRONLY | os.O_APPEND)
        os.write(handle, b"5678")  # step 1
        os.close(handle)
        (tmp_path / "new").touch()  # steps 2, and 3 for its name below
        (tmp_path / "new").replace(tmp_path / "kept")
        (tmp_path / "folder").mkdir()  # step 4
        handle = os.open(tmp_path / "folder", os.O_RDONLY)
        os.fsync(handle)  # step 5, of the wrong folder
        os.close(handle)
        while True:
            instrument.step()
    assert contents(tmp_path) == {"grown": b"123456", "kept": b"old"}
    assert not (tmp_path / "folder").exists()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that nothing stops need not wait for the disk: the instrument judges the others."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


Act = Callable[[Path], object]
CLAIM: Act = lambda folder: apply.phase(folder, "claim")  # noqa: E731
RETIRE: Act = lambda folder: apply.phase(folder, "retire")  # noqa: E731
UNDO: Act = lambda folder: apply.rollback(folder)  # noqa: E731, PLW0108
STORIES: dict[str, tuple[list[Act], Act, list[Act], dict[str, bytes]]] = {
    "apply, resume": ([], CLAIM, [CLAIM], CLAIMED),
    "apply, undo": ([], CLAIM, [UNDO], BEFORE),
    "apply, resume, undo": ([], CLAIM, [CLAIM, UNDO], BEFORE),
    "second phase, undo both": ([CLAIM], RETIRE, [UNDO], BEFORE),
    "undo, undo again": ([CLAIM, RETIRE], UNDO, [UNDO], BEFORE),
    "undo, forward after all": ([CLAIM, RETIRE], UNDO, [CLAIM, RETIRE], RETIRED),
    "undo, forward, undo": ([CLAIM, RETIRE], UNDO, [CLAIM, RETIRE, UNDO], BEFORE),
}


def whole(repo: Path) -> bool:
    """Whether every file is at one of its planned states, and nothing else but waiting bytes is."""
    states = [BEFORE, CLAIMED, RETIRED]
    return all(
        Path(path).name.startswith(".dra-migrate-")
        or any(state.get(path) == data for state in states)
        for path, data in contents(repo).items()
    )


@pytest.mark.thorough
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("power", [False, True], ids=["killed", "power cut"])
def test_stopped_at_any_step_every_file_is_whole_and_the_next_run_ends_it(
    tmp_path: Path, story: str, power: bool
) -> None:
    before, act, after, end = STORIES[story]
    for step in itertools.count(1):
        home = tmp_path / str(step)
        repo, folder = build(home)
        original = tree(repo)
        for earlier in before:
            earlier(folder)
        with Disk(step, power=power) as instrument:
            act(folder)
        assert whole(repo), step
        for later in after:
            later(folder)
        assert contents(repo) == end, step
        if end is BEFORE:
            assert tree(repo) == original, step
            assert apply.rollback(folder) == apply.Outcome(), step
        shutil.rmtree(home)
        if not instrument.dead:
            break
    assert step > 20


@pytest.mark.thorough
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("story", STORIES)
def test_what_is_told_as_done_outlives_a_power_cut(tmp_path: Path, story: str) -> None:
    before, act, after, end = STORIES[story]
    repo, folder = build(tmp_path)
    for earlier in before:
        earlier(folder)
    for last in (act, *after):
        with Disk(power=True) as instrument:
            last(folder)
            done = tree(repo)
            instrument.dead = True
        assert tree(repo) == done
    assert contents(repo) == end


def told(act: Act, folder: Path) -> ApplyError | None:
    try:
        act(folder)
    except ApplyError as error:
        return error
    return None


@pytest.mark.thorough
@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("story", STORIES)
def test_refused_by_the_disk_at_any_step_it_says_so_and_the_next_run_ends_it(
    tmp_path: Path, story: str
) -> None:
    before, act, after, end = STORIES[story]
    refusals = 0
    for step in itertools.count(1):
        home = tmp_path / str(step)
        repo, folder = build(home)
        for earlier in before:
            earlier(folder)
        begun = tree(repo)
        with Disk(step, refusal=errno.ENOSPC) as instrument:
            error = told(act, folder)
        if error is not None:
            refusals += 1
            assert "No space left" in error.reason, step
            assert "nothing was" not in error.remedy or tree(repo) == begun, step
        assert whole(repo), step
        for later in after:
            later(folder)
        assert contents(repo) == end, step
        shutil.rmtree(home)
        if instrument.steps < step:
            break
    assert refusals > 20


ACTIONS: dict[str, Act] = {
    "claim": CLAIM,
    "retire": RETIRE,
    "undo": UNDO,
    "undo claim": lambda folder: apply.rollback(folder, phase="claim"),
    "undo retire": lambda folder: apply.rollback(folder, phase="retire"),
}


@pytest.mark.usefixtures("no_waiting")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it holds no state
)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(ACTIONS)), st.integers(0, 90), st.booleans()), max_size=8
    )
)
def test_whatever_happens_rollback_restores_every_byte(
    actions: list[tuple[str, int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as home:
        repo, folder = build(Path(home))
        original = tree(repo)
        for name, step, power in actions:
            with Disk(step, power=power):
                try:
                    ACTIONS[name](folder)
                except MigrateError:
                    assert name in ("retire", "undo claim")
            assert whole(repo)
        apply.rollback(folder)
        assert tree(repo) == original
