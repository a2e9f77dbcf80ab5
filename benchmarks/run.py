"""How long, how much memory, on how many files: measured here and now, beside what others need.

    python benchmarks/run.py [--files 2000] [--workloads 1000] [--repeat 5]

Manifests are made from a fixed seed in a folder that goes again. Every measure is the best of
several runs, each in a process of its own; what matters is the ratio to the yardstick beside it,
which was measured in the same run. Nothing fails because it is slow.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEED = 20_26

PYYAML = """
import sys, yaml
from pathlib import Path
for path in Path(sys.argv[1]).rglob("*.yaml"):
    list(yaml.load_all(path.read_bytes(), yaml.CSafeLoader))
"""
RUAMEL = """
import sys
from pathlib import Path
from ruamel.yaml import YAML
yaml = YAML()
for path in Path(sys.argv[1]).rglob("*.yaml"):
    list(yaml.load_all(path.read_bytes()))
"""
READ = """
import sys
from pathlib import Path
for path in Path(sys.argv[1]).rglob("*.yaml"):
    path.read_bytes()
"""

DEPLOYMENT = """\
# Source of truth: do not edit on the cluster.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{number}
  namespace: team-{team}
  labels: {{app.kubernetes.io/name: app-{number}, tier: "{tier}"}}
spec:
  replicas: {replicas}
  selector:
    matchLabels:
      app: app-{number}
  template:
    metadata:
      labels:
        app: app-{number}
    spec:
{placed}      containers:
        - name: main
          image: registry.example/team-{team}/app:{replicas}.{number}   # pinned by the release job
          args: ["--port=8080", "--workers", "{replicas}"]
          env:
{env}          resources:
            requests:
              cpu: "{replicas}"
              memory: {replicas}Gi
            limits:
              memory: {replicas}Gi
{asked}          ports:
            - containerPort: 8080
---
apiVersion: v1
kind: Service
metadata:
  name: app-{number}
  namespace: team-{team}
spec:
  selector:
    app: app-{number}
  ports:
    - {{port: 80, targetPort: 8080}}
"""


@dataclass(frozen=True)
class Took:
    """The best of several runs: wall-clock seconds, and the most memory in MiB."""

    seconds: float
    memory: float


def tree(root: Path, files: int, share: float) -> int:
    """How many bytes the manifests have that were written; a share of them asks for a device."""
    chance = random.Random(SEED)
    size = 0
    for number in range(files):
        asks = chance.random() < share
        labelled = asks and chance.random() < 0.5
        text = DEPLOYMENT.format(
            number=number,
            team=number % 37,
            tier=chance.choice(("web", "batch", "cache")),
            replicas=chance.randint(1, 9),
            env="".join(
                f"            - name: VARIABLE_{i}\n              value: value-{chance.random()}\n"
                for i in range(chance.randint(2, 12))
            ),
            placed=(
                "      nodeSelector:\n        nvidia.com/gpu.product: NVIDIA-L4\n"
                if labelled
                else ""
            ),
            asked=f"              nvidia.com/gpu: {chance.randint(1, 8)}\n" if asks else "",
        )
        place = root / f"team-{number % 37}" / f"app-{number}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        size += len(text)
    return size


MEASURED = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
took = time.perf_counter() - began
if done.returncode:
    sys.exit(done.stderr.decode())
print(json.dumps([took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))
"""


def took(command: Sequence[str], repeat: int, where: Path = ROOT) -> Took:
    """What a command took at best."""
    runs: list[tuple[float, float]] = []
    for _ in range(repeat):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *command],
            cwd=where,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
        )
        seconds, memory = json.loads(done.stdout)
        runs.append((seconds, memory))
    return Took(min(s for s, _ in runs), min(m for _, m in runs))


def said(title: str, measured: Took, yardstick: Took, files: int = 0) -> None:
    """Print one measure, and how it stands to the yardstick."""
    rate = f"{files / measured.seconds:10,.0f} files/s" if files else " " * 18
    print(
        f"{title:48} {measured.seconds * 1000:8,.0f} ms {rate} {measured.memory:6,.0f} MiB"
        f"  × {measured.seconds / yardstick.seconds:.2f}",
        flush=True,
    )


PYTHON = (sys.executable,)
OURS = (sys.executable, "-m", "migrate")


def starts(repeat: int) -> None:
    """How long it takes until a person sees something."""
    print("Start")
    with tempfile.TemporaryDirectory() as name:
        tree(Path(name), 1, 1.0)
        bare = took([*PYTHON, "-c", "pass"], repeat)
        said("python -c pass", bare, bare)
        said("PyYAML, import and one file", took([*PYTHON, "-c", PYYAML, name], repeat), bare)
        said("dra-migrate --help", took([*OURS, "--help"], repeat), bare)
        for verb in ("scan", "plan"):
            said(f"dra-migrate {verb}, one file", took([*OURS, verb, name], repeat), bare)


def scans(files: int, repeat: int) -> None:
    """How fast files are read, where few of them matter and where all do."""
    for share, title in ((0.05, "one in twenty asks"), (1.0, "all ask")):
        with tempfile.TemporaryDirectory() as name:
            size = tree(Path(name), files, share)
            print(f"\nScan: {files:,} files, {size / 1e6:.1f} MB, {title} for a device")
            yardstick = took([*PYTHON, "-c", PYYAML, name], repeat)
            said("PyYAML CSafeLoader, all files", yardstick, yardstick, files)
            read = took([*PYTHON, "-c", READ, name], repeat)
            said("reading the bytes", read, yardstick, files)
            scan = took([*OURS, "scan", name, "--quiet"], repeat)
            said("dra-migrate scan", scan, yardstick, files)
            ruamel = took([*PYTHON, "-c", RUAMEL, name], 1)
            said("ruamel.yaml round trip, loading only", ruamel, yardstick, files)


def plans(workloads: int) -> None:
    """How fast a tree is planned, written and given back."""
    print(f"\nPlan: {workloads:,} workloads, each edited, each with a claim template")
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        tree(here / "tree", workloads, 1.0)
        yardstick = took([*PYTHON, "-c", PYYAML, "tree"], 1, here)
        said("PyYAML CSafeLoader, all files", yardstick, yardstick, workloads)
        for verb in (
            ("plan", "tree", "--quiet"),
            ("plan", "tree", "--quiet", "-o", "plan"),
            ("apply", "plan", "--phase", "claim", "--yes"),
            ("rollback", "plan"),
        ):
            title = " ".join(["dra-migrate", *verb])
            said(title, took([*OURS, *verb], 1, here), yardstick, workloads)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--workloads", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    # The first start compiles our modules, which no other does.
    took([*OURS, "rules", "list"], 1)
    print(f"Python {sys.version.split()[0]}; × is the ratio to the first line of each part\n")
    starts(args.repeat)
    scans(args.files, max(args.repeat // 2, 1))
    plans(args.workloads)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nThe most memory that any of these took: {most:,.0f} MiB")


if __name__ == "__main__":
    main()
