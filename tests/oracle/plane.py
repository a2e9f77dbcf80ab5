"""A control plane on 127.0.0.1 that ends with the process which started it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.oracle import build
from tests.oracle.ask import flags

OLDEST = "1.33"
# In 1.33 DRA is there for those who ask for it.
ASKED_FOR = {
    OLDEST: (
        {"DynamicResourceAllocation": True},
        ("resource.k8s.io/v1beta1=true", "resource.k8s.io/v1beta2=true"),
    )
}


class Died(Exception):
    """A control plane that did not come up, or came down, and what its parts said last."""


@dataclass(frozen=True)
class Settings:
    """What kind of cluster.

    Shape: `gates` and `apis` as the flags of Kubernetes have them (`apis` is `--runtime-config`);
    `admission` are plugins besides those that are on by default.
    """

    minor: str
    gates: str = ""
    apis: str = ""
    admission: str = ""

    @classmethod
    def of(
        cls,
        minor: str = "",
        gates: Mapping[str, bool] | None = None,
        apis: tuple[str, ...] = (),
        admission: tuple[str, ...] = (),
    ) -> Settings:
        """The settings for a minor version, the newest where none is given."""
        minor = minor or build.newest("controlplane")
        asked_gates, asked_apis = ASKED_FOR.get(minor, ({}, ()))
        return cls(
            minor,
            flags(asked_gates | dict(gates or {})),
            ",".join(dict.fromkeys((*asked_apis, *apis))),
            ",".join(admission),
        )


@dataclass
class Plane:
    """A running control plane."""

    settings: Settings
    folder: Path
    process: subprocess.Popen[str]
    errors: IO[str]
    kubeconfig: Path = field(init=False)

    def __post_init__(self) -> None:
        self.kubeconfig = Path(self.answer()["kubeconfig"])

    def clean(self) -> int:
        """Removes every object made since the start; returns how many there were."""
        assert self.process.stdin is not None
        # Past Python's buffer: what cannot be written must not be tried again when this is closed.
        with suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), b"clean\n")
        return int(self.answer()["cleaned"])

    def answer(self) -> Any:
        """The next thing that the control plane says of itself."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": self.last_words()}
        if "error" in answer:
            raise Died(f"Kubernetes {self.settings.minor}: {answer['error']}")
        return answer

    def last_words(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-2000:] or "the control plane ended without a word"

    def close(self) -> None:
        """Ends every part and removes every file."""
        with self.errors, self.process:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)


def start(settings: Settings) -> Plane:
    """A control plane that is ready to be used.

    Raises:
        Died: It does not come up.
        build.Unavailable: It cannot be built.
    """
    program = build.binary("controlplane")
    folder = Path(tempfile.mkdtemp(prefix="dra-migrate-oracle-"))
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the plane closes it
    process = subprocess.Popen(
        [
            program,
            "up",
            f"--dir={folder}",
            f"--minor={settings.minor}",
            f"--gates={settings.gates}",
            f"--apis={settings.apis}",
            f"--admission={settings.admission}",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        # Ctrl-C is for the tests; they end the control plane when they have cleaned up.
        start_new_session=True,
    )
    try:
        return Plane(settings, folder, process, errors)
    except BaseException:
        with errors, process:
            shutil.rmtree(folder, ignore_errors=True)
        raise
