"""`dra-migrate upgrade`: older and broken claims brought to the form that the target serves."""

from __future__ import annotations

from migrate.cli import planned, reading


def upgrade(
    paths: reading.Paths,
    *,
    output: planned.Output = None,
    kubernetes: planned.Kubernetes = planned.NEWEST,
    no_ignore: reading.NoIgnore = False,
    format_: planned.Shown = planned.Format.TEXT,
    quiet: reading.Quiet = False,
    verbose: reading.Verbose = False,
    check: reading.Check = False,
) -> None:
    """Say how claims already written would be upgraded and mended; write nothing else."""
    from migrate.translate import Options

    planned.plan(
        planned.Asked(
            paths=paths,
            kubernetes=kubernetes,
            output=output,
            options=Options(),
            chosen={"usages": "dra"},
            usages=("dra",),
            no_ignore=no_ignore,
            format_=format_,
            quiet=quiet,
            verbose=verbose,
            check=check,
        )
    )
