"""The commands as a user types them: exit codes, streams, flags, terminals, pipes and refusals."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrate import __version__, cli, detect
from migrate.model import PHASES

ROOT = Path(__file__).parent.parent
RENDERED = """\
---
# Source: chart/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: serve
  namespace: ml
spec:
  ports: [{port: 80}]
---
# Source: chart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: serve
  namespace: ml
spec:
  template:
    spec:
      nodeSelector:
        nvidia.com/gpu.product: NVIDIA-L4
      containers:
        - name: main
          image: registry.example/serve:1
          resources:
            limits:
              nvidia.com/gpu: 1
"""

TRAIN = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: train
  namespace: ml
spec:
  template:
    spec:
      nodeSelector:
        nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3
      containers:
        - name: main
          image: registry.example/train:1
          resources:
            limits:
              nvidia.com/gpu: 1
"""
VARIABLE = TRAIN.replace("gpu: 1", "gpu: ${GPUS}").replace("train", "nightly")


@dataclass(frozen=True)
class Said:
    """What one run said, and how it ended."""

    code: int
    out: str
    err: str


Dra = Callable[..., Said]


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with one workload."""
    here = tmp_path / "estate"
    (here / "k8s").mkdir(parents=True)
    (here / "k8s/train.yaml").write_text(TRAIN)
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def dra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dra:
    """The program, run in this process and with nobody at a terminal."""

    def run(*args: str, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "argv", ["dra-migrate", *args])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def terminal(
    *args: str, columns: int = 80, typed: str = "", only_errors: bool = False, **env: str
) -> Said:
    """The program on a terminal of that width; `err` is what it sent to a pipe instead."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "migrate", *args],
        stdin=slave,
        stdout=subprocess.PIPE if only_errors else slave,
        stderr=slave if only_errors else subprocess.PIPE,
        env={**known, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **env},
    )
    os.close(slave)
    if typed:
        os.write(master, typed.encode())
    seen = bytearray()
    while part := _read(master):
        seen += part
    piped = process.communicate()[0 if only_errors else 1]
    os.close(master)
    screen = seen.decode().replace("\r\n", "\n")
    return Said(process.returncode, screen, piped.decode())


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except OSError:  # Linux says so when the other end of a terminal is closed.
        return b""


# --- Exit codes and streams -----------------------------------------------------------------------


def test_done_is_0_and_results_go_to_stdout(dra: Dra, estate: Path) -> None:
    said = dra("scan", "k8s")
    assert said.code == 0
    lines = said.out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["k8s/train.yaml:10:9", "placement"],
        ["k8s/train.yaml:16:15", "container"],
    ]
    assert said.err.strip() == "2 places in 1 file, 1 workload."


def test_nothing_found_says_nothing(dra: Dra, estate: Path) -> None:
    (estate / "k8s/train.yaml").write_text("kind: ConfigMap\napiVersion: v1\n")
    assert dra("scan", "k8s") == Said(0, "", "")


@pytest.mark.parametrize("verb", ["scan", "plan"])
def test_a_check_does_not_pass_over_a_file_that_could_not_be_read(
    dra: Dra, estate: Path, verb: str
) -> None:
    (estate / "k8s/train.yaml").write_text("<<<<<<< HEAD\na: 1\n nvidia.com/gpu: 1\n")
    assert dra(verb, "k8s").code == 0
    said = dra(verb, "k8s", "--check")
    assert said.code == 1
    assert "not read: k8s/train.yaml:" in said.err


def test_what_was_passed_over_is_counted_when_asked_for(dra: Dra, estate: Path) -> None:
    (estate / ".gitignore").write_text("k8s/\n")
    assert "passed over: 1 × ignored by .gitignore" in dra("scan", ".", "-v").err


def test_check_is_1_when_something_is_left(dra: Dra, estate: Path) -> None:
    """`scan` is checked for findings, `plan` for what a person has to do."""
    assert dra("scan", "--check", "k8s").code == 1
    assert dra("plan", "--check", "k8s").code == 0
    (estate / "k8s/nightly.yaml").write_text(VARIABLE)
    assert dra("plan", "--check", "k8s").code == 1
    assert dra("plan", "k8s").code == 0
    for path in (estate / "k8s").iterdir():
        path.write_text("a: 1\n")
    assert dra("scan", "--check", "k8s").code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["scan", "nowhere.yaml"], "nowhere.yaml"),
        (["scan", "-"], "standard input is empty"),
        (["scan", "k8s", "--rules", "nowhere"], "nowhere"),
        (["plan", "k8s", "--kubernetes", "1.31"], "1.31"),
        (["plan", "k8s", "--kubernetes", "2.0"], "2.0"),
        (["plan", "k8s", "--feature-gate", "DRAExtendedResource"], "NAME=true or NAME=false"),
        (["plan", "k8s", "--feature-gate", "NoSuchGate=true"], "NoSuchGate"),
        (["report", "nowhere"], "nowhere"),
        (["apply", "nowhere", "--phase", "claim"], "nowhere"),
        (["rollback", "nowhere"], "nowhere"),
        (["rules", "show", "no/such"], "no/such"),
    ],
)
def test_wrong_input_is_2_and_goes_to_stderr(
    dra: Dra, estate: Path, args: list[str], says: str
) -> None:
    """An error names what is wrong, on stderr, and stdout stays empty for whoever reads it."""
    said = dra(*args)
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert says in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "args",
    [["nope"], ["scan"], ["plan", "k8s", "--strategy", "magic"], ["scan", "k8s", "--no-such-flag"]],
)
def test_wrong_arguments_are_2(dra: Dra, estate: Path, args: list[str]) -> None:
    said = dra(*args)
    assert said.code == 2
    assert said.out == ""
    assert "Usage" in said.err


def test_a_bug_is_3_with_a_message_and_nothing_written(
    dra: Dra, estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a wheel\x1b[31m came off")

    monkeypatch.setattr(detect, "findings", broken)
    before = files(estate)
    said = dra("plan", "k8s", "-o", "plan")
    assert said.code == 3
    assert said.out == ""
    assert said.err.splitlines()[0] == r"bug: RuntimeError: a wheel\x1b[31m came off"
    assert "please report it" in said.err.splitlines()[1]
    assert "\x1b" not in said.err
    assert files(estate) == before
    assert [path.name for path in estate.iterdir()] == ["k8s"]


@pytest.mark.parametrize(("failure", "code"), [(RuntimeError("bug"), 3), (OSError(28, "full"), 2)])
def test_a_plan_folder_is_whole_or_not_there(
    dra: Dra, estate: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, code: int
) -> None:
    """Stopped in the middle of writing, the older plan is as it was, and nothing lies about."""
    assert dra("plan", "k8s", "-o", "plan").code == 0
    before = files(estate)
    plain = Path.write_bytes
    left = iter(range(3))

    def failing(path: Path, data: bytes) -> int:
        if next(left, None) is None:
            raise failure
        return plain(path, data)

    monkeypatch.setattr(Path, "write_bytes", failing)
    assert dra("plan", "k8s", "-o", "plan", "--strategy", "least").code == code
    assert files(estate) == before


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(dra: Dra, estate: Path) -> None:
    (estate / "k8s/broken.yaml").write_text("limits:\n  nvidia.com/gpu: [1\n")
    said = dra("scan", "k8s")
    assert said.code == 0
    assert len(said.out.splitlines()) == 2
    assert said.err.startswith("not read: k8s/broken.yaml:")
    body = json.loads(dra("scan", "k8s", "--format", "json").out)
    assert [u["path"] for u in body["unreadable"]] == ["k8s/broken.yaml"]


def test_a_full_disk_behind_a_pipe_is_no_bug(estate: Path) -> None:
    """A world that fails us is told of as such."""
    with Path("/dev/full").open("wb") as full:
        done = process("scan", "k8s", stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: ")
    assert b"Traceback" not in done.stderr


# --- Quiet, verbose, formats ----------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["scan", "plan"])
def test_quiet_has_results_and_nothing_else(dra: Dra, estate: Path, verb: str) -> None:
    (estate / "k8s/broken.yaml").write_text("limits:\n  nvidia.com/gpu: [1\n")
    loud, quiet = dra(verb, "k8s"), dra(verb, "k8s", "--quiet")
    assert loud.err
    assert quiet == Said(0, loud.out, "")


@pytest.mark.parametrize("verb", ["scan", "plan"])
def test_a_request_in_a_file_that_cannot_be_read_is_told_as_such(
    dra: Dra, estate: Path, verb: str
) -> None:
    """It is not left as it is by choice, but missed."""
    broken = "resources:\n<<<<<<< HEAD\n  limits:\n    nvidia.com/gpu: 8\n"
    (estate / "k8s/broken.yaml").write_text(broken)
    said = dra(verb, "k8s", "--verbose")
    assert "1 request in files that could not be read" in said.out + said.err
    assert "comments and texts" not in said.out + said.err
    place = "broken.yaml:4"
    (line,) = [line for line in said.out.splitlines() if place in line]
    assert "(unread)" in line


def test_verbose_scan_lists_requests_in_comments(dra: Dra, estate: Path) -> None:
    with (estate / "k8s/train.yaml").open("a") as file:
        file.write("#           limits:\n#             nvidia.com/gpu: 4\n")
    plain, verbose = dra("scan", "k8s"), dra("scan", "k8s", "--verbose")
    assert "1 request in comments and texts" in plain.err
    assert "(comment)" not in plain.out
    assert "k8s/train.yaml:18:15  (comment)" in verbose.out
    assert "nvidia.com/gpu=4" in verbose.out


def test_verbose_names_every_file_that_was_not_read(dra: Dra, estate: Path) -> None:
    for number in range(14):
        (estate / f"k8s/broken{number:02}.yaml").write_text("limits:\n  nvidia.com/gpu: [1\n")
    assert "4 more files ('--verbose' names them)" in dra("scan", "k8s").err
    assert dra("scan", "k8s", "--verbose").err.count("not read: k8s/broken") == 14


def test_scan_as_json(dra: Dra, estate: Path) -> None:
    body = json.loads(dra("scan", "k8s", "--format", "json").out)
    assert body["version"] == 1
    assert body["findings"][1] == {
        "path": "k8s/train.yaml",
        "line": 16,
        "column": 15,
        "usage": "container",
        "field": "spec.template.spec.containers[0].resources.limits.nvidia.com/gpu",
        "resource": "nvidia.com/gpu",
        "quantity": "1",
        "rule": "nvidia/gpu",
        "object": {
            "api_version": "apps/v1",
            "kind": "Deployment",
            "namespace": "ml",
            "name": "train",
            "document": 0,
        },
        "container": "main",
    }
    assert body["summary"] == {"files": 1, "with_findings": 1, "skipped": {}}


def test_a_resource_that_no_rule_knows_has_rule_null(dra: Dra, estate: Path) -> None:
    """Text says `none` and names the resource; JSON says null."""
    (estate / "k8s/train.yaml").write_text(TRAIN.replace("nvidia.com/gpu: 1", "acme.com/npu: 1"))
    body = json.loads(dra("scan", "k8s", "--format", "json").out)
    unknown = next(f for f in body["findings"] if f["usage"] == "container")
    assert unknown["rule"] is None
    said = dra("scan", "k8s")
    assert re.search(r"acme\.com/npu=1 +none +Deployment ml/train", said.out)
    assert "No rule knows acme.com/npu." in said.err


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_report_says_what_plan_said(dra: Dra, estate: Path, form: str) -> None:
    made = dra("plan", "k8s", "-o", "plan", "--format", form)
    assert dra("report", "plan", "--format", form) == Said(0, made.out, "")


def test_plan_as_json_is_the_plans_own_file(dra: Dra, estate: Path) -> None:
    said = dra("plan", "k8s", "-o", "plan", "--format", "json")
    assert json.loads(said.out) == json.loads((estate / "plan/plan.json").read_bytes())


def test_plan_as_markdown_is_the_plans_own_page(dra: Dra, estate: Path) -> None:
    said = dra("plan", "k8s", "-o", "plan", "--format", "markdown")
    assert said.out == (estate / "plan/README.md").read_text()


def test_a_damaged_plan_is_refused_and_not_a_bug(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    body = json.loads((estate / "plan/plan.json").read_bytes())
    del body["phases"][2]["changes"][0]["safety"]
    (estate / "plan/plan.json").write_text(json.dumps(body))
    for form in ("text", "markdown"):
        said = dra("report", "plan", "--format", form)
        assert said.code == 2
        assert "make the plan again" in said.err


# --- Terminals and pipes --------------------------------------------------------------------------


def test_a_pipe_gets_one_record_a_line(dra: Dra, estate: Path) -> None:
    """Seven fields behind tabs, never folded, never coloured."""
    out = dra("plan", "k8s").out
    (record,) = [line for line in out.splitlines() if "\t" in line]
    assert record.split("\t")[:3] == [
        "k8s/train.yaml:10",
        "Deployment ml/train",
        "1 × nvidia.com/gpu; nvidia.com/gpu.product=NVIDIA-H100-80GB-HBM3",
    ]
    assert len(record.split("\t")) == 7
    assert "\x1b" not in out


@pytest.mark.parametrize("columns", [50, 80, 132])
def test_a_terminal_gets_a_table_that_folds(estate: Path, columns: int) -> None:
    (estate / "k8s/nightly.yaml").write_text(VARIABLE)
    said = terminal("plan", "k8s", columns=columns, NO_COLOR="1")
    assert said.code == 0
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= columns
    words = " ".join(re.sub(r"\s+", " ", said.out).split())
    assert "Deployment ml/train" in words
    assert "└─ the count of nvidia.com/gpu is a variable" in words
    assert "\t" not in said.out
    assert said.err.startswith("Nothing was written.")


def test_notes_stand_right_under_their_workload(estate: Path) -> None:
    """With a hanging indent, before the next workload, and never with an empty place."""
    (estate / "k8s/nightly.yaml").write_text(VARIABLE)
    said = terminal("plan", "k8s", "--kubernetes", "1.36", columns=80, NO_COLOR="1")
    lines = [line.rstrip() for line in said.out.splitlines()]
    job, own, note, more = (
        next(i for i, line in enumerate(lines) if start in line)
        for start in ("Deployment", "└─ k8s/nightly", "└─ the count", "set it")
    )
    assert job < own < note < more < next(i for i, x in enumerate(lines) if "ml/train" in x)
    assert lines[note].startswith("   └─ ")
    assert lines[more].startswith("      ")
    assert "()" not in said.out


def test_colour_only_on_a_terminal_that_wants_it(estate: Path) -> None:
    assert "\x1b[" in terminal("plan", "k8s").out
    assert "\x1b" not in terminal("plan", "k8s", NO_COLOR="1").out
    assert "\x1b" not in terminal("plan", "k8s", TERM="dumb").out


def test_progress_is_for_terminals(estate: Path) -> None:
    """A long reading shows how far it is: on stderr, on a terminal, and not when told to hush."""
    for number in range(400):
        (estate / f"k8s/none{number}.yaml").write_text("a: 1\n")
    shown = terminal("scan", "k8s", only_errors=True)
    assert "files read" in shown.out
    assert len(shown.err.splitlines()) == 2, "results went elsewhere than stdout"
    assert "files read" not in terminal("scan", "k8s", "--quiet", only_errors=True).out
    assert b"files read" not in process("scan", "k8s").stderr


def process(*args: str, stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    """The program as a process of its own, behind pipes."""
    return subprocess.run(
        [sys.executable, "-m", "migrate", *args],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_a_reader_that_leaves_is_no_failure(estate: Path) -> None:
    """`dra-migrate scan | head -1` ends quietly."""
    one = TRAIN.replace("train", "train-0")
    many = "---\n".join(one.replace("train-0", f"train-{n}") for n in range(2000))
    (estate / "k8s/train.yaml").write_text(many)
    writer = subprocess.Popen(
        [sys.executable, "-m", "migrate", "scan", "k8s", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert writer.stdout is not None
    assert writer.stdout.readline().startswith(b"k8s/train.yaml:10:9")
    writer.stdout.close()
    assert writer.stderr is not None
    assert writer.stderr.read() == b""
    assert writer.wait() == 0
    writer.stderr.close()


# --- Plans ----------------------------------------------------------------------------------------


def test_plan_writes_nothing_without_a_folder(dra: Dra, estate: Path) -> None:
    before = files(estate)
    said = dra("plan", "k8s")
    assert "Nothing was written. Next: the same with '-o plan/'." in said.err
    assert files(estate) == before


def test_planned_twice_the_same_bytes(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    first = files(estate / "plan")
    assert dra("plan", "k8s", "-o", "plan").code == 0
    assert files(estate / "plan") == first


def test_plan_says_what_to_type_next(dra: Dra, estate: Path) -> None:
    said = dra("plan", "k8s", "-o", "plan")
    assert said.err.strip() == (
        "Written to plan/. Next: read plan/README.md, then 'dra-migrate apply plan --phase claim'."
    )
    assert stat_of(estate / "plan") == 0o755


def stat_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    "foreign",
    [
        {"notes.txt": b"mine"},
        {"plan.json": b'{"format_version": "1.2", "terraform_version": "1.9"}'},
        {"plan.json": b"[" * 100_000},
        {"plan.json": b'{"generator": "dra-migrate 0.1.0"}', "notes.txt": b"mine"},
        {".git/config": b"[core]"},
    ],
    ids=["a file", "another program's plan", "no JSON", "a file beside a plan", "a repository"],
)
def test_a_folder_with_anything_of_others_is_refused(
    dra: Dra, estate: Path, foreign: dict[str, bytes]
) -> None:
    for name, data in foreign.items():
        (estate / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (estate / "out" / name).write_bytes(data)
    said = dra("plan", "k8s", "-o", "out")
    assert said.code == 2
    assert "holds files that are not a plan" in said.err
    assert files(estate / "out") == foreign


def test_a_file_and_a_link_are_no_folder_for_a_plan(dra: Dra, estate: Path) -> None:
    (estate / "file").write_text("mine")
    (estate / "real").mkdir()
    (estate / "link").symlink_to("real")
    for name in ("file", "link"):
        said = dra("plan", "k8s", "-o", name)
        assert said.code == 2
        assert "not a directory" in said.err
    assert (estate / "file").read_text() == "mine"
    assert not files(estate / "real")


def test_an_applied_plan_is_not_planned_over(dra: Dra, estate: Path) -> None:
    """Only its journal knows the way back."""
    dra("plan", "k8s", "-o", "plan")
    dra("apply", "plan", "--phase", "claim", "--yes")
    before = files(estate)
    said = dra("plan", "k8s", "-o", "plan")
    assert said.code == 2
    assert "dra-migrate rollback plan" in said.err
    assert files(estate) == before


def test_a_feature_gate_changes_the_plan(dra: Dra, estate: Path) -> None:
    """1.34 knows DRAExtendedResource, switched off; with it on, the bridge is open."""
    plain = json.loads(dra("plan", "k8s", "--format", "json").out)
    gate = ("--feature-gate", "DRAExtendedResource=true")
    gated = json.loads(dra("plan", "k8s", "--format", "json", *gate).out)
    assert not plain["phases"][1]["changes"]
    assert [c["strategy"] for c in gated["phases"][1]["changes"]] == ["bridge"]
    refused = dra("plan", "k8s", "--feature-gate", "DynamicResourceAllocation=perhaps")
    assert refused.code == 2


def test_cluster_objects_find_a_home(dra: Dra, estate: Path) -> None:
    flags = ("--classes", "flavour", "--cluster-objects", "cluster")
    dra("plan", "k8s", "-o", "plan", *flags)
    assert dra("apply", "plan", "--phase", "prepare", "--yes").code == 0
    (made,) = (estate / "cluster").iterdir()
    assert "kind: DeviceClass\n" in made.read_text()
    assert dra("rollback", "plan").code == 0
    assert not (estate / "cluster").exists()


def test_rules_of_ones_own(dra: Dra, estate: Path) -> None:
    """`--rules` adds a vendor; a rule with a mistake is refused with path and line."""
    rule = estate / "rules/acme/npu.yaml"
    rule.parent.mkdir(parents=True)
    text = """\
name: acme/npu
title: Acme NPUs
driver: npu.acme.example.com
maturity: beta
sources: [the driver's README]
container:
  resources:
    - name: acme.example.com/npu
      maps: exact
      device_class: npu.acme.example.com
      noun: npu
      source: the driver's README
  classes:
    - name: npu.acme.example.com
      selectors: [device.driver == "npu.acme.example.com"]
      source: the driver's README
"""
    rule.write_text(text)
    (estate / "k8s/train.yaml").write_text(
        TRAIN.replace("nvidia.com/gpu: 1", "acme.example.com/npu: 1")
    )
    assert "acme/npu" in dra("scan", "k8s", "--rules", "rules").out
    assert "acme.example.com/npu (exact)" in dra("rules", "list", "--rules", "rules").out
    rule.write_text(text.replace("noun: npu", "colour: red"))
    said = dra("scan", "k8s", "--rules", "rules")
    assert said.code == 2
    assert "rules/acme/npu.yaml:" in said.err
    assert "colour" in said.err


def test_no_ignore_reads_what_git_ignores(dra: Dra, estate: Path) -> None:
    (estate / ".gitignore").write_text("k8s/\n")
    assert dra("scan", ".").out == ""
    assert len(dra("scan", ".", "--no-ignore").out.splitlines()) == 2


# --- Standard input -------------------------------------------------------------------------------


def test_a_rendered_stream_is_read_and_traced(dra: Dra, estate: Path) -> None:
    """Findings point into the stream and name the template that Helm wrote them from."""
    said = dra("scan", "-", "--format", "json", stdin=RENDERED.encode())
    found = json.loads(said.out)["findings"]
    assert {f["path"] for f in found} == {"-"}
    assert {f["source"] for f in found} == {"chart/templates/deployment.yaml"}


def test_a_plan_of_a_stream_has_patches_and_no_file_to_write(dra: Dra, estate: Path) -> None:
    said = dra("plan", "-", "-o", "plan", stdin=RENDERED.encode())
    assert said.code == 0
    made = files(estate / "plan")
    assert "3-claim/diff/rendered.diff" in made
    assert "3-claim/kustomization.yaml" in made
    assert any(name.startswith("3-claim/patches/deployment-") for name in made)
    applied = dra("apply", "plan", "--phase", "claim", "--yes")
    assert applied.code == 0
    assert "no file to write" in applied.out


# --- Apply and rollback ---------------------------------------------------------------------------


def test_apply_asks_and_nobody_is_there(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    before = files(estate)
    said = dra("apply", "plan", "--phase", "claim")
    assert said.code == 2
    assert "--yes" in said.err
    assert "nothing was written" in said.err
    assert files(estate) == before


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_apply_asks_at_a_terminal(dra: Dra, estate: Path, typed: str, code: int) -> None:
    """Only a yes writes."""
    dra("plan", "k8s", "-o", "plan")
    said = terminal("apply", "plan", "--phase", "claim", typed=typed)
    assert said.code == code
    assert "Write these 1 file" in said.out
    written = (estate / "k8s/train.yaml").read_text()
    assert ("resourceClaims" in written) == (code == 0)


def test_apply_then_again_then_back(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    first = dra("apply", "plan", "--phase", "claim", "--yes")
    assert first.code == 0
    assert first.err == ""
    assert first.out.splitlines()[0].startswith("claim: 1 file, ")
    assert "Undo: 'dra-migrate rollback plan'." in first.out
    after = files(estate / "k8s")
    again = dra("apply", "plan", "--phase", "claim", "--yes")
    assert again == Said(0, "claim: already done, 1 file as planned.\n", "")
    assert files(estate / "k8s") == after
    assert dra("rollback", "plan").out == "claim: 1 file restored.\n"
    assert (estate / "k8s/train.yaml").read_text() == TRAIN
    assert dra("rollback", "plan").out == "Nothing to undo.\n"


def test_an_empty_phase_has_nothing_to_write(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    assert "no file to write" in dra("apply", "plan", "--phase", "retire", "--yes").out


def test_a_phase_that_is_none(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    said = dra("apply", "plan", "--phase", "everything", "--yes")
    assert said.code == 2
    assert "everything" in said.err


def test_a_file_that_changed_is_refused(dra: Dra, estate: Path) -> None:
    dra("plan", "k8s", "-o", "plan")
    (estate / "k8s/train.yaml").write_text(TRAIN + "# a colleague was here\n")
    said = dra("apply", "plan", "--phase", "claim", "--yes")
    assert said.code == 2
    assert "k8s/train.yaml" in said.err
    assert (estate / "k8s/train.yaml").read_text() == TRAIN + "# a colleague was here\n"


def test_root_is_where_the_tree_is_now(
    dra: Dra, estate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dra("plan", "k8s", "-o", "plan")
    shutil.move(estate / "k8s", tmp_path / "moved/k8s")
    assert dra("apply", "plan", "--phase", "claim", "--yes").code == 2
    root = str(tmp_path / "moved")
    assert dra("apply", "plan", "--phase", "claim", "--yes", "--root", root).code == 0
    assert "resourceClaims" in (tmp_path / "moved/k8s/train.yaml").read_text()
    assert dra("rollback", "plan", "--root", root).code == 0
    assert (tmp_path / "moved/k8s/train.yaml").read_text() == TRAIN


# --- Hostile names and secrets --------------------------------------------------------------------

EVIL = r"evil\x1b[31m\x9b2J\n\u202egnp\x07"
CONTROL = re.compile(r"[^\n\t -~\xa0-\uffff]|[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def hostile() -> str:
    """A manifest in which whatever a report may repeat would move a cursor."""
    return f"""\
apiVersion: apps/v1
kind: "Deployment"
metadata:
  name: "{EVIL}"
  namespace: "{EVIL}"
spec:
  template:
    metadata:
      annotations:
        cdi.k8s.io/x: "{EVIL}"
    spec:
      schedulerName: "{EVIL}"
      runtimeClassName: nvidia
      nodeSelector:
        nvidia.com/gpu.product: "{EVIL}"
      containers:
        - name: "{EVIL}"
          image: x
          env:
            - name: NVIDIA_VISIBLE_DEVICES
              value: "{EVIL}"
          resources:
            limits:
              nvidia.com/gpu: 1
        - name: other
          image: x
          resources:
            limits:
              nvidia.com/gpu: "{EVIL}"
"""


@pytest.mark.parametrize(
    "args",
    [
        ["scan"],
        ["scan", "--verbose"],
        ["scan", "--format", "json"],
        ["plan"],
        ["plan", "--verbose"],
        ["plan", "--format", "markdown"],
        ["plan", "--format", "json"],
        ["plan", "--strategy", "least", "--kubernetes", "1.36"],
    ],
)
def test_nothing_moves_a_cursor(dra: Dra, estate: Path, args: list[str]) -> None:
    """Escapes, newlines and marks that turn the direction of writing are shown, never sent."""
    (estate / "k8s/evil.yaml").write_text(hostile())
    (estate / "k8s/one.yaml").write_text(hostile().replace(f'nvidia.com/gpu: "{EVIL}"', "a: 1"))
    (estate / "k8s/\x1b[31m\n.yaml").write_text(TRAIN)
    (estate / "k8s/a 'b\".yaml").write_text(TRAIN)
    said = dra(*args, "k8s")
    assert said.code == 0
    assert "evil" in said.out
    assert not CONTROL.search(said.out)
    assert not CONTROL.search(said.err)


def test_nothing_moves_a_cursor_on_a_terminal(estate: Path) -> None:
    (estate / "k8s/evil.yaml").write_text(hostile())
    (estate / "k8s/\x1b[31m\n.yaml").write_text(TRAIN)
    for args in (["plan", "k8s"], ["scan", "k8s"]):
        said = terminal(*args, NO_COLOR="1")
        assert not CONTROL.search(said.out)
        assert not CONTROL.search(said.err)


def test_nothing_moves_a_cursor_when_applied(dra: Dra, estate: Path) -> None:
    (estate / "k8s/one.yaml").write_text(hostile().replace(f'nvidia.com/gpu: "{EVIL}"', "a: 1"))
    dra("plan", "k8s", "-o", "plan")
    for args in (["apply", "plan", "--phase", "claim", "--yes"], ["rollback", "plan"]):
        said = dra(*args)
        assert said.code == 0
        assert not CONTROL.search(said.out + said.err)


def test_a_path_in_an_error_moves_no_cursor(dra: Dra, estate: Path) -> None:
    said = dra("scan", "no\x1b[31mwhere.yaml")
    assert said.code == 2
    assert not CONTROL.search(said.err)


def test_half_a_character_is_no_bug(dra: Dra, estate: Path) -> None:
    """JSON may name half of a surrogate pair, which no encoding can write."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "half-\ud800", "namespace": "half-\udfff"},
        "spec": {
            "containers": [
                {"name": "main", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
            ]
        },
    }
    (estate / "k8s/half.json").write_text(json.dumps(body))
    for args in (["scan"], ["scan", "--format", "json"], ["plan", "-o", "plan"]):
        said = dra(*args, "k8s")
        assert said.code == 0, said.err


def test_no_secret_is_told(dra: Dra, estate: Path) -> None:
    """Values of variables, arguments and Secrets stay where they are; a marker's own is shown."""
    secret = "hunter2-correct-horse"
    (estate / "k8s/secret.yaml").write_text(f"""\
apiVersion: v1
kind: Secret
metadata:
  name: token
stringData:
  password: {secret}
  gpu.yaml: |
    limits:
      cpu: 1 # {secret}
      nvidia.com/gpu: 1
---
apiVersion: v1
kind: Pod
metadata:
  name: main
  annotations:
    vault/token: {secret}
spec:
  containers:
    - name: main
      image: x
      args: ["--token={secret}"]
      command: ["sh", "-c", "export TOKEN={secret} # nvidia.com/gpu: 1"]
      env:
        - name: TOKEN
          value: {secret}
        - name: NVIDIA_VISIBLE_DEVICES
          value: all
      resources:
        limits:
          nvidia.com/gpu: 1
""")
    (estate / "k8s/broken.yaml").write_text(f"nvidia.com/gpu: [1\npassword: {secret}\n")
    told = [
        dra("scan", "k8s", "--verbose"),
        dra("scan", "k8s", "--format", "json"),
        dra("plan", "k8s", "--verbose"),
        dra("plan", "k8s", "--format", "markdown"),
        dra("plan", "k8s", "--format", "json", "-o", "plan"),
        dra("apply", "plan", "--phase", "claim", "--yes"),
    ]
    assert any("NVIDIA_VISIBLE_DEVICES=all" in said.out for said in told)
    for said in told:
        assert said.code == 0
        assert secret not in said.out + said.err
    # A diff repeats the lines around what it changes, and the journal keeps the originals.
    for name, data in files(estate / "plan").items():
        if not name.endswith(".diff") and not name.startswith(".journal/"):
            assert secret.encode() not in data, name


# --- The command itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ([], "Move a Kubernetes estate from device plugins"),
        (["scan"], "List every place where a workload depends on a device plugin"),
        (["plan"], "Say what would take the place of every dependence"),
        (["upgrade"], "Say how claims already written would be upgraded"),
        (["report"], "Show a plan again"),
        (["apply"], "Write the files of one phase"),
        (["rollback"], "Undo what was applied"),
        (["rules"], "What the tool knows of vendors"),
        (["rules", "list"], "List the rules"),
        (["rules", "show"], "Show one rule"),
        (["rules", "schema"], "Print the JSON Schema of a rule file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_says_what_a_verb_does(dra: Dra, verb: list[str], says: str) -> None:
    said = dra(*verb, "--help")
    assert said.code == 0
    assert says in " ".join(said.out.split())
    assert said.err == ""
    options = re.findall(r"^  (-.*)$", said.out, re.MULTILINE)
    assert any("--help" in option for option in options)


def test_help_of_apply_names_the_phases(dra: Dra) -> None:
    assert ", ".join(PHASES) in " ".join(dra("apply", "--help").out.split())


def test_version(dra: Dra) -> None:
    assert dra("--version") == Said(0, f"dra-migrate {__version__}\n", "")


def test_python_m_migrate(estate: Path) -> None:
    done = process("--version")
    assert done.returncode == 0
    assert done.stdout.decode() == f"dra-migrate {__version__}\n"


def test_kubectl_finds_the_plugin() -> None:
    """kubectl looks for `dra-migrate` as `kubectl-dra_migrate`: a dash would be a space."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"dra-migrate": "migrate.cli:main", "kubectl-dra_migrate": "migrate.cli:main"}


def test_rules_schema_is_json(dra: Dra) -> None:
    assert json.loads(dra("rules", "schema").out)["title"] == "Rule"


def test_rules_show_by_rule_and_by_resource(dra: Dra) -> None:
    by_name = dra("rules", "show", "nvidia/gpu")
    assert by_name.out.startswith("name: nvidia/gpu\n")
    assert dra("rules", "show", "nvidia.com/gpu") == by_name


def test_a_tree_beside_the_current_directory_is_planned_and_applied(
    dra: Dra, estate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths of a plan begin where all its files have something in common."""
    here = estate.parent / "elsewhere"
    here.mkdir()
    before = files(estate)
    monkeypatch.chdir(here)
    assert dra("plan", str(estate / "k8s"), "-o", "plan").code == 0
    assert dra("apply", "plan", "--phase", "claim", "--yes").code == 0
    assert files(estate) != before
    assert dra("rollback", "plan").code == 0
    assert files(estate) == before
