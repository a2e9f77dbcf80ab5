"""A plan folder read back: what is believed of it, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from migrate.errors import PlanError
from migrate.read import planfolder

BEFORE = b"kind: Pod\nspec: {}\n"
AFTER = b"kind: Pod\nspec: {a: 1}\n"


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def entry(path: str = "pod.yaml", **other: Any) -> dict[str, Any]:
    start = BEFORE.index(b"}")
    return {
        "path": path,
        "before": sha(BEFORE),
        "after": sha(AFTER),
        "encoding": "utf-8",
        "splices": [[start, start, "a: 1"]],
        "says": ["a: 1"],
        "lines": 1,
        "creates": 0,
        **other,
    }


def document(*files: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "generator": "dra-migrate 0.1.0",
        "kubernetes": "1.34",
        "root": "..",
        "phases": [
            {"name": "prepare", "who": "cluster admin", "files": []},
            {"name": "bridge", "who": "cluster admin", "files": []},
            {"name": "claim", "who": "workload owners", "files": list(files), "changes": [{}]},
            {"name": "retire", "who": "cluster admin", "files": []},
        ],
        "anything": {"else": True},
        **other,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "repo" / "plan"
    place.mkdir(parents=True)
    (tmp_path / "repo" / "pod.yaml").write_bytes(BEFORE)
    return place


def save(folder: Path, content: Any) -> None:
    (folder / "plan.json").write_text(json.dumps(content), encoding="utf-8")


def refusal(folder: Path, content: Any = None) -> str:
    if content is not None:
        save(folder, content)
    with pytest.raises(PlanError) as caught:
        planfolder.plan(folder)
    return str(caught.value)


def test_a_plan_is_read_with_its_root_and_unknown_keys_are_let_be(folder: Path) -> None:
    save(folder, document(entry()))
    plan = planfolder.plan(folder)
    assert plan.folder == folder.resolve()
    assert plan.root == folder.parent.resolve()
    assert plan.kubernetes == "1.34"
    assert [phase.name for phase in plan.phases] == ["prepare", "bridge", "claim", "retire"]
    (file,) = plan.phase("claim").files
    assert (file.path, file.says, file.lines) == ("pod.yaml", ("a: 1",), 1)
    assert file.bytes_after(BEFORE) == AFTER


def test_another_root_may_be_given(folder: Path, tmp_path: Path) -> None:
    save(folder, document(entry(), root="../nowhere"))
    assert planfolder.plan(folder, root=tmp_path / "repo").root == (tmp_path / "repo").resolve()


def test_a_phase_that_the_plan_leaves_out_is_empty(folder: Path) -> None:
    save(folder, document(phases=[]))
    assert planfolder.plan(folder).phase("retire").files == ()


def test_a_phase_that_no_plan_has_is_refused_with_the_names_there_are(folder: Path) -> None:
    save(folder, document())
    with pytest.raises(PlanError, match="prepare, bridge, claim, retire"):
        planfolder.plan(folder).phase("cleanup")


def test_a_missing_folder_says_how_to_make_one(tmp_path: Path) -> None:
    assert "dra-migrate plan PATH -o DIR" in refusal(tmp_path / "gone")


def test_a_folder_without_a_plan_is_named(folder: Path) -> None:
    message = refusal(folder)
    assert str(folder) in message
    assert "has no plan.json" in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        '{"version": "1"}',
        '{"version": 1}',
        '{"version": 1, "root": ".."}',
        '{"version": 1, "root": 5, "phases": []}',
        '{"version": 1, "root": "..", "phases": [], "x": "\\ud800"}',
        '{"version": 1, "root": "..", "phases": [], "x": ' + "[" * 200_000 + "]" * 200_000 + "}",
        '{"version": ' + "9" * 5_000 + "}",
        "\0",
    ],
)
def test_what_is_no_plan_is_refused_with_its_path(folder: Path, text: str) -> None:
    (folder / "plan.json").write_text(text, encoding="utf-8")
    message = refusal(folder)
    assert message.startswith(str(folder / "plan.json"))
    assert "is not a plan" in message


def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "plan.json").write_bytes(b'{"version": 1, "root": "\xff", "phases": []}')
    assert "is not a plan" in refusal(folder)


def test_a_newer_plan_asks_for_a_newer_program(folder: Path) -> None:
    message = refusal(folder, {"version": 2, "phases": "of another shape"})
    assert "made by a newer dra-migrate" in message
    assert "upgrade" in message


def test_an_older_version_that_never_was_is_refused(folder: Path) -> None:
    assert "version 0" in refusal(folder, document(version=0))


def test_a_plan_past_the_size_limit_is_refused_unread(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planfolder, "LONGEST", 1 << 20)
    save(folder, document(padding="x" * (1 << 20)))
    assert "larger than 1 MiB" in refusal(folder)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../other/pod.yaml",
        "k8s/../../pod.yaml",
        "..",
        ".",
        "./pod.yaml",
        "k8s//pod.yaml",
        "k8s/",
        "pod\0.yaml",
        "pod\x1b[2J.yaml",
        ".git/config",
        "k8s/.GIT/hooks/pre-commit",
        "git~1/config",
        ".git./config",
    ],
)
def test_a_path_that_is_not_plain_or_leaves_the_root_is_refused(folder: Path, path: str) -> None:
    message = refusal(folder, document(entry(path)))
    assert repr(path) in message
    assert "nothing was written" in message


@pytest.mark.parametrize("path", ["plan/plan.json", "plan/.journal/journal.jsonl", "plan/.journal"])
def test_the_plans_own_records_are_no_targets(folder: Path, path: str) -> None:
    assert "one of the plan's own files" in refusal(folder, document(entry(path)))


def test_a_folder_that_links_out_of_the_root_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "repo" / "k8s").symlink_to(tmp_path / "outside")
    message = refusal(folder, document(entry("k8s/new/pod.yaml")))
    assert "leaves the root through a link" in message


def test_a_file_that_links_out_of_the_root_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_bytes(BEFORE)
    (tmp_path / "repo" / "linked.yaml").symlink_to(tmp_path / "outside.yaml")
    message = refusal(folder, document(entry("linked.yaml")))
    assert "leaves the root through a link" in message


def test_a_link_into_gits_own_folder_is_refused(folder: Path) -> None:
    (folder.parent / ".git").mkdir()
    (folder.parent / "k8s").symlink_to(folder.parent / ".git")
    assert "Git's own" in refusal(folder, document(entry("k8s/config")))


def test_a_loop_of_links_is_refused(folder: Path) -> None:
    (folder.parent / "a").symlink_to(folder.parent / "b")
    (folder.parent / "b").symlink_to(folder.parent / "a")
    assert "'a/pod.yaml'" in refusal(folder, document(entry("a/pod.yaml")))


def test_a_folder_that_links_within_the_root_is_followed(folder: Path) -> None:
    (folder.parent / "real").mkdir()
    (folder.parent / "k8s").symlink_to("real")
    save(folder, document(entry("k8s/pod.yaml")))
    root = planfolder.plan(folder).root
    assert planfolder.inside(root, "k8s/pod.yaml") == root / "real" / "pod.yaml"


@pytest.mark.parametrize(
    "splices",
    [
        [[4, 2, "x"]],
        [[0, 5, "x"], [4, 6, "y"]],
        [[5, 6, "x"], [0, 1, "y"]],
        [[-1, 2, "x"]],
        [[0, 2**60, "x"]],
        [[0, 2]],
        [[0, 2, "x", "y"]],
        [[0, 1.5, "x"]],
        [["0", "1", "x"]],
    ],
)
def test_edits_that_overlap_or_have_no_sense_are_refused(folder: Path, splices: Any) -> None:
    assert "plan" in refusal(folder, document(entry(splices=splices)))


def test_edits_past_the_end_of_the_file_are_refused_when_it_is_known(folder: Path) -> None:
    save(folder, document(entry(splices=[[0, 10_000, "x"]])))
    (file,) = planfolder.plan(folder).phase("claim").files
    with pytest.raises(PlanError, match="byte 10000 of a file of 19"):
        file.bytes_after(BEFORE)


def test_edits_that_miss_the_planned_hash_are_refused(folder: Path) -> None:
    save(folder, document(entry(splices=[[0, 0, "# edited by hand\n"]])))
    (file,) = planfolder.plan(folder).phase("claim").files
    with pytest.raises(PlanError, match="do not give the bytes that were planned"):
        file.bytes_after(BEFORE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"before": "sha256:abc"},
        {"after": ""},
        {"after": sha(AFTER) + "\n"},
        {"after": sha(AFTER).upper()},
        {"encoding": "rot13"},
        {"path": ""},
        {"path": "x" * 5_000},
        {"lines": -1},
    ],
)
def test_values_that_no_plan_has_are_refused(folder: Path, wrong: dict[str, Any]) -> None:
    assert "is not a plan" in refusal(folder, document(entry(**wrong)))


def test_a_phase_with_another_name_is_refused(folder: Path) -> None:
    assert "is not a plan" in refusal(folder, document(phases=[{"name": "cleanup", "files": []}]))


def test_a_phase_that_stands_there_twice_is_refused(folder: Path) -> None:
    phases = [{"name": "claim", "files": []}, {"name": "claim", "files": []}]
    assert "stands there twice" in refusal(folder, document(phases=phases))


def test_a_file_that_stands_there_twice_is_refused_even_by_another_path(folder: Path) -> None:
    (folder.parent / "same").symlink_to(".")
    files = entry("pod.yaml"), entry("same/pod.yaml")
    assert "stands twice in phase claim" in refusal(folder, document(*files))


@pytest.mark.parametrize("root", ["/", "/etc", "a\0b"])
def test_a_root_that_is_not_relative_to_the_plan_is_refused(folder: Path, root: str) -> None:
    assert "not relative to the plan folder" in refusal(folder, document(root=root))


def test_a_root_that_is_gone_is_named(folder: Path) -> None:
    message = refusal(folder, document(root="../gone"))
    assert str(folder.parent / "gone") in message
    assert "give the folder that was planned" in message


def test_text_is_spliced_in_the_files_own_encoding(folder: Path) -> None:
    before = "\ufeffkey: ä\r\n".encode("utf-16-le")
    after = "\ufeffkey: ö, ü\r\n".encode("utf-16-le")
    at = before.index("ä".encode("utf-16-le"))
    file = entry(
        before=sha(before),
        after=sha(after),
        encoding="utf-16-le",
        splices=[[at, at + 2, "ö"], [at + 2, at + 2, ", ü"]],
    )
    save(folder, document(file))
    assert planfolder.plan(folder).phase("claim").files[0].bytes_after(before) == after
