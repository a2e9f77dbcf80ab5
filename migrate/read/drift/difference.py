"""One place where rules and a driver's own objects differ, and what it takes to see one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from migrate.model import Field, Manifest, Rule

Level = Literal["drift", "info"]
Extent = Literal["", "part", "rendering", "chart"]
"""What was read with an object: nothing known to be a chart's, some part of its chart, all that
one set of values renders, or the chart's whole folder."""

COMPARED: Final = frozenset({"DeviceClass", "ResourceSlice", "CustomResourceDefinition"})
HOLES: Final = re.compile(r"\{\{|\{%|\$\{")

_CHART: Final = re.compile(r"(\S+)/(?:templates|crds)/")


@dataclass(frozen=True, slots=True)
class Drift:
    """One place where a rule says something else than the driver's own objects.

    Shape: `info` is worth knowing and no contradiction; `rule` is "" where no rule has the driver;
    what is missing everywhere is told at the first object of the driver.
    """

    level: Level
    rule: str
    manifest: Manifest
    field: Field
    what: str


def texts(rule: Rule) -> Iterator[str]:
    """Everything that a rule says, its names and its sentences."""
    stack: list[Any] = [asdict(rule)]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping | tuple):
            stack += value.values() if isinstance(value, Mapping) else value


def extents(manifests: Iterable[Manifest], paths: Sequence[str]) -> Callable[[Manifest], Extent]:
    """How much of its chart was read with an object.

    Shape: `paths` are those that the user gave.
    """
    # Helm renders single templates too, but then nothing stands beside what is looked for.
    rendered = {_rendered(each) for each in manifests if each.kind not in COMPARED}
    given = [os.path.realpath(path) for path in paths if os.path.isdir(path)]

    def extent(manifest: Manifest) -> Extent:
        chart = _rendered(manifest)
        if chart:
            return "rendering" if chart in rendered else "part"
        folder = "" if manifest.origin.via == "stream" else _folder(manifest)
        if not folder:
            return ""
        return "chart" if any(os.path.commonpath((folder, g)) == g for g in given) else "part"

    return extent


def _rendered(manifest: Manifest) -> str:
    """The chart that Helm names in the comment above an object."""
    found = _CHART.match(manifest.origin.source)
    return found[1] if found else ""


def _folder(manifest: Manifest) -> str:
    """The folder of the chart that an object's file stands in."""
    folder = os.path.dirname(os.path.realpath(manifest.origin.path))
    while not os.path.isfile(os.path.join(folder, "Chart.yaml")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return ""
    return folder
