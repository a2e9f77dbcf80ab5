"""Questions to the real DRA code: CEL selectors, allocation, conversion, node affinity, taints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.oracle import build


class NoAnswer(Exception):
    """The question makes no sense to Kubernetes, and what it said of it."""


class Oracle:
    """Answers for any minor version from the oldest that can be emulated to the newest."""

    def __init__(self, program: Path, newest: str) -> None:
        self.program = program
        self.newest = newest
        self.processes: dict[tuple[str, str], subprocess.Popen[str]] = {}

    def ask(
        self, op: str, *, minor: str = "", gates: Mapping[str, bool] | None = None, **question: Any
    ) -> Any:
        """What Kubernetes of that minor version answers; docs/oracle.md lists the operations.

        Raises:
            NoAnswer: The question cannot be understood.
        """
        process = self.process(minor or self.newest, gates or {})
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"op": op, "with": question}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise NoAnswer(f"the process that answers for {minor or self.newest} has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise NoAnswer(answer["error"])
        return answer["result"]

    def process(self, minor: str, gates: Mapping[str, bool]) -> subprocess.Popen[str]:
        """The process that speaks for this minor version with these gates."""
        chosen = flags(gates)
        if (minor, chosen) not in self.processes:
            self.processes[minor, chosen] = subprocess.Popen(
                [self.program, "--minor", minor, "--gates", chosen],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self.processes[minor, chosen]

    def close(self) -> None:
        """Ends the processes; each ends by itself when nobody can ask it any more."""
        for process in self.processes.values():
            with process:
                pass
        self.processes.clear()


def flags(gates: Mapping[str, bool]) -> str:
    """Feature gates as Kubernetes' flags have them."""
    return ",".join(f"{gate}={str(on).lower()}" for gate, on in sorted(gates.items()))


def oracle() -> Oracle:
    """The oracle, built where need be."""
    return Oracle(build.binary("ask"), build.newest("ask"))
