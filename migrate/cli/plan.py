"""`dra-migrate plan`: the dry-run report, and with `-o` the plan folder."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from migrate.cli import planned, reading


class Strategy(Enum):
    """What takes the place of an extended resource."""

    CLAIM = "claim"
    LEAST = "least"
    CLASS = "class"
    BRIDGE = "bridge"


class Placement(Enum):
    """What becomes of node labels that the plugin's stack writes."""

    CONVERT = "convert"
    KEEP = "keep"
    BOTH = "both"


class Classes(Enum):
    """Which DeviceClasses claims name."""

    AUTO = "auto"
    VENDOR = "vendor"
    FLAVOUR = "flavour"


class Sharing(Enum):
    """What takes the place of shares of a device."""

    AUTO = "auto"
    CLAIM = "claim"
    WHOLE = "whole"


def plan(
    paths: reading.Paths,
    *,
    output: planned.Output = None,
    kubernetes: planned.Kubernetes = planned.NEWEST,
    gate: planned.Gates = None,
    strategy: Annotated[
        Strategy, typer.Option(help="What takes the place of an extended resource.")
    ] = Strategy.CLAIM,
    placement: Annotated[
        Placement, typer.Option(help="What becomes of the labels a plugin's stack writes.")
    ] = Placement.CONVERT,
    classes: Annotated[
        Classes, typer.Option(help="Which DeviceClasses claims name.")
    ] = Classes.AUTO,
    sharing: Annotated[
        Sharing, typer.Option(help="What takes the place of shares of a device.")
    ] = Sharing.AUTO,
    cluster_objects: Annotated[
        str, typer.Option(metavar="DIR", help="Put objects that no one file owns into this folder.")
    ] = "",
    rules: reading.RuleDirectories = None,
    no_ignore: reading.NoIgnore = False,
    format_: planned.Shown = planned.Format.TEXT,
    quiet: reading.Quiet = False,
    verbose: reading.Verbose = False,
    check: reading.Check = False,
) -> None:
    """Say what would take the place of every dependence on a device plugin; write nothing else."""
    from migrate.translate import Options

    planned.plan(
        planned.Asked(
            paths=paths,
            kubernetes=kubernetes,
            gates=gate,
            output=output,
            options=Options(strategy.value, placement.value, classes.value, sharing.value),
            chosen={
                "strategy": strategy.value,
                "placement": placement.value,
                "classes": classes.value,
                "sharing": sharing.value,
            },
            cluster_objects=cluster_objects,
            rules=rules,
            no_ignore=no_ignore,
            format_=format_,
            quiet=quiet,
            verbose=verbose,
            check=check,
        )
    )
