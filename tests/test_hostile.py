"""Input that means harm: a clear word or a skip, soon, in bounded memory, and the rest is read."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrate.read import ignore
from migrate.read.files import reading

POD = b"""apiVersion: v1
kind: Pod
metadata:
  name: train
spec:
  containers:
    - name: main
      resources:
        limits:
          nvidia.com/gpu: 1
"""

# A process of its own, so that a crash, a hang or a full memory is this one's alone.
READ = """
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))
except (ImportError, OSError, ValueError):
    pass
from migrate.errors import InputError
from migrate.read.files import reading
try:
    found = reading(sys.argv[1:], ())
    print(json.dumps({
        "files": [f.path for f in found.files],
        "unreadable": [[u.path, u.line, u.reason] for u in found.unreadable],
        "skipped": dict(found.skipped),
    }))
except InputError as error:
    print(json.dumps({"error": error.reason}))
"""


def read(place: Path, *paths: str, stdin: Path | None = None) -> dict[str, Any]:
    """What one run in `place` says, of one gigabyte and at most one minute."""
    with (stdin or Path(os.devnull)).open("rb") as pipe:
        run = subprocess.run(
            [sys.executable, "-c", READ, *(paths or (".",))],
            cwd=place,
            stdin=pipe,
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    said = json.loads(run.stdout)
    assert isinstance(said, dict)
    return said


def bomb(width: int, depth: int) -> bytes:
    """Aliases that would expand to `width` to the power of `depth` values."""
    levels = (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, depth))
    return "\n".join(["a0: &a0 [x]", *levels]).encode()


HOSTILE = {
    "block sequences": b"resource.k8s.io: " + b"\n" + b"- " * 100_000 + b"x",
    "flow sequences": b"resource.k8s.io: " + b"[" * 100_000 + b"]" * 100_000,
    "flow mappings": b"resource.k8s.io: " + b"{a: " * 100_000 + b"}" * 100_000,
    "open brackets": b"resource.k8s.io: " + b"[" * 1_000_000,
    "aliases": bomb(9, 9) + b"\nx: resource.k8s.io",
    "keys as keys": b"resource.k8s.io: 1\n" + b"? " * 100_000 + b"x",
    "invalid UTF-8": POD + b"# \xff\xfe\xc3\x28\n",
    "half a surrogate pair": '{"resource.k8s.io": "'.encode("utf-16") + b"\x00\xd8}",
    "tags": b"resource.k8s.io: !!python/object/apply:os.system [exit 3]",
    "control characters": b"resource.k8s.io: \x01\x02\x07",
    "endless quotation": b"resource.k8s.io: '" + b"x" * 5_000_000,
    "template braces": b"resource.k8s.io: " + b"{{ " * 200_000,
    "template statements": b"resource.k8s.io: " + b"{% if x %}{{" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("ending", ["yaml", "json", "yaml.j2"])
def test_hostile_text_is_reported_and_its_neighbour_read(
    tmp_path: Path, name: str, ending: str
) -> None:
    (tmp_path / f"hostile.{ending}").write_bytes(HOSTILE[name])
    (tmp_path / "pod.yaml").write_bytes(POD)
    said = read(tmp_path)
    assert "pod.yaml" in said["files"]
    told = [u[0] for u in said["unreadable"]] + said["files"]
    assert f"hostile.{ending}" in told
    assert all(reason for _, _, reason in said["unreadable"])


@pytest.mark.parametrize("name", ["block sequences", "flow sequences", "aliases", "invalid UTF-8"])
def test_the_reason_is_said_with_its_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "hostile.yaml").write_bytes(HOSTILE[name])
    [[path, line, reason]] = read(tmp_path)["unreadable"]
    assert path == "hostile.yaml"
    assert line >= 1
    assert "Error" not in reason
    assert "Traceback" not in reason


def test_a_tag_runs_nothing(tmp_path: Path) -> None:
    """The process would have ended with 3."""
    (tmp_path / "hostile.yaml").write_bytes(HOSTILE["tags"])
    assert read(tmp_path)["files"] == ["hostile.yaml"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "data",
    [
        b"- resource.k8s.io\n" + b"- a\n" * 4_900_000,
        b"- resource.k8s.io\n" + b"- a\n" * 1_990_000,
        b"resource.k8s.io: [" + b"a," * 9_900_000 + b"a]",
        b"resource.k8s.io: 1\n" + b"---\n" * 4_900_000,
        b"resource.k8s.io: 1\n" + b"a:\n" * 6_000_000,
        b"resource.k8s.io: 1\n" + b"{{" * 9_900_000,
        b"resource.k8s.io: " + b"x" * 19_900_000,
    ],
    ids=["items", "fewer items", "flow items", "documents", "keys", "braces", "one line"],
)
def test_the_largest_file_that_is_read_fits_into_memory(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "hostile.yaml").write_bytes(data)
    (tmp_path / "pod.yaml").write_bytes(POD)
    said = read(tmp_path)
    assert "pod.yaml" in said["files"]
    assert "hostile.yaml" in [*said["files"], *(path for path, _, _ in said["unreadable"])]


def test_a_line_of_a_hundred_megabytes(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.write(b"nvidia.com/gpu: '")
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    assert [reason for _, _, reason in read(tmp_path)["unreadable"]] == ["larger than 20 MB"]
    [[path, _, reason]] = read(tmp_path, "large.yaml")["unreadable"]
    assert (path, reason) == ("large.yaml", "larger than 20 MB")
    assert read(tmp_path, "-", stdin=large) == {"error": "larger than 20 MB"}


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "pod.yaml").write_bytes(POD)
    for number in range(20):
        (tmp_path / "a" / "b" / f"up{number}").symlink_to("../..")
    (tmp_path / "self.yaml").symlink_to("self.yaml")
    assert read(tmp_path)["files"] == ["a/b/pod.yaml"]
    assert read(tmp_path, "**/*.yaml")["files"] == ["a/b/pod.yaml"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "pod.yaml").write_bytes(POD)
    said = read(tmp_path)
    assert said["files"] == ["pod.yaml"]
    assert said["skipped"] == {"not a regular file": 1}
    assert read(tmp_path, "pipe.yaml")["unreadable"] == [["pipe.yaml", 0, "not a regular file"]]


def test_names_that_garble_a_terminal_are_reported_escaped(tmp_path: Path) -> None:
    (tmp_path / "with space.yaml").write_bytes(POD)
    (tmp_path / "two\nlines.yaml").write_bytes(POD)
    (tmp_path / "\x1b[31mred.yaml").write_bytes(POD)
    expected = {"two\\x0alines.yaml", "\\x1b[31mred.yaml"}
    # Some file systems take no name that is not UTF-8.
    with contextlib.suppress(OSError):
        (tmp_path / os.fsdecode(b"latin-\xe9.yaml")).write_bytes(POD)
        expected.add("latin-\\xe9.yaml")
    said = read(tmp_path)
    assert said["files"] == ["with space.yaml"]
    told = {path: reason for path, _, reason in said["unreadable"]}
    assert told.keys() == expected
    assert all("rename it" in reason for reason in told.values())


def test_an_ignore_file_cannot_hold_up_the_walk(tmp_path: Path) -> None:
    """Each of these patterns takes a backtracking matcher minutes on one of these paths."""
    lines = ["*a" * 100 + "*b", "**/a/" * 50 + "b", "**/*a*a*a*a*b/**/*a*a*a*a*c", "[" * 900]
    rules = ignore.Ignore("/r", ignore.patterns("\n".join(lines * 400)), None)
    assert len(rules.patterns) == 1200
    for path in ("/r/" + "a" * 250, "/r" + "/a" * 2000, "/r" + ("/" + "a" * 250) * 15):
        assert not rules.is_ignored(path)


def test_an_ignore_file_that_no_person_wrote_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_bytes(POD)
    (tmp_path / ".gitignore").write_bytes(b"*.yaml\n" * 100_000)
    assert read(tmp_path)["files"] == ["pod.yaml"]
    (tmp_path / ".gitignore").unlink()
    (tmp_path / ".gitignore").symlink_to("/dev/zero")
    assert read(tmp_path)["files"] == ["pod.yaml"]


def test_an_alias_in_a_list_of_objects_multiplies_nothing(tmp_path: Path) -> None:
    """Lists inside lists stay objects of their own: their items are not taken out again."""
    inner = {"apiVersion": "v1", "kind": "List", "items": [{"a": "resource.k8s.io"}] * 3}
    outer = {"apiVersion": "v1", "kind": "List", "items": [inner, inner]}
    (tmp_path / "list.json").write_text(json.dumps(outer))
    found = reading([str(tmp_path)], ())
    assert [m.kind for m in found.manifests] == ["List", "List"]
