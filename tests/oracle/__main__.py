"""A control plane by hand: `python -m tests.oracle up --minor 1.36`."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from tests.oracle import build, plane


def main() -> int:
    arguments = parser().parse_args()
    try:
        if arguments.verb == "build":
            for program in build.PROGRAMS:
                sys.stdout.write(f"{build.binary(program)}\n")
            return 0
        return up(arguments)
    except (build.Unavailable, plane.Died) as error:
        sys.stderr.write(f"oracle: {error}\n")
        return 1


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    verbs = root.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build both programs and print where they are")
    up = verbs.add_parser("up", help="run a control plane until Ctrl-C")
    up.add_argument("--minor", default="", help="the minor version to emulate, 1.36")
    up.add_argument("--gate", action="append", default=[], metavar="NAME=true|false")
    up.add_argument("--api", action="append", default=[], metavar="GROUP/VERSION=true|false")
    up.add_argument("--admission", action="append", default=[], metavar="PLUGIN")
    return root


def up(arguments: argparse.Namespace) -> int:
    gates = (gate.partition("=") for gate in arguments.gate)
    settings = plane.Settings.of(
        arguments.minor,
        {name: value != "false" for name, _, value in gates},
        tuple(arguments.api),
        tuple(arguments.admission),
    )
    build.binary("controlplane")
    began = time.monotonic()
    running = plane.start(settings)
    try:
        sys.stdout.write(
            f"# Kubernetes {settings.minor}, ready in {time.monotonic() - began:.1f} s;"
            f" logs beside the kubeconfig; Ctrl-C ends it and removes everything.\n"
            f"export KUBECONFIG={running.kubeconfig}\n"
            f"kubectl get deviceclasses,resourceslices,nodes\n"
        )
        sys.stdout.flush()
        ends = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        signal.sigwait(ends)
    finally:
        running.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
