"""Helm charts: what an object installs, and which charts take claims in their values."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate.kube.paths import Path, is_at, steps
from migrate.kube.places import Place
from migrate.kube.podspecs import PodSpec
from migrate.kube.tables import table
from migrate.model import ABSENT, Field, Manifest, at

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+@].*)?")
_METADATA: Final = "Chart.yaml"
_FILES: Final = (_METADATA, "Chart.yml")


@dataclass(frozen=True, slots=True)
class Chart:
    """A place that names a chart; `values` is where its values stand, None where nowhere here."""

    values: Field | None


def chart(group: str, kind: str, field: Field) -> Chart | None:
    """What stands at `field` if it names the chart that an object installs."""
    for entry in table("charts")["kinds"].get(f"{group}/{kind}", ()):
        if is_at(steps(entry["chart"]), field):
            numbers = tuple(step for step in field if isinstance(step, int))
            return Chart(_filled(steps(entry["values"]), numbers) if entry["values"] else None)
    return None


@dataclass(frozen=True, slots=True)
class Release:
    """A chart that an object installs, or that a file of values is for.

    Shape: `chart` and `version` are "" where the inputs do not tell; `values` is where the chart's
    values stand; `name` and `namespace` are those of what it makes, the namespace "" where it is
    not said; `cannot` says why no claim can be made beside it, "" where one can.
    """

    chart: str
    version: str
    values: Field
    name: str
    namespace: str
    cannot: str = ""


def is_chart_source(manifest: Manifest) -> bool:
    """Whether an object says which chart another one installs."""
    return _reference(manifest) is not None or _is_metadata(manifest)


def releases(manifest: Manifest, sources: Iterable[Manifest]) -> tuple[Release, ...]:
    """The charts whose values stand in this object; `sources` are objects that name charts."""
    kind = f"{manifest.group}/{manifest.kind}"
    if not manifest.kind:
        return tuple(_of_files(manifest, sources))
    return tuple(
        release
        for entry in table("charts")["kinds"].get(kind, ())
        if entry["values"]
        for release in _of_kind(manifest, entry, sources)
    )


def release(field: Field, known: Iterable[Release]) -> Release | None:
    """The release in whose values a field stands, the innermost if there are several."""
    around = [r for r in known if field[: len(r.values)] == r.values]
    return max(around, key=lambda r: len(r.values), default=None)


def chart_names() -> tuple[str, ...]:
    """The charts whose name matters wherever it is said."""
    return tuple(name for name, entry in _charts().items() if "pods" in entry)


def place_in_values(pod: PodSpec, known: Release | None) -> Place | None:
    """What becomes of claims in a pod that stands in values; None for any other pod."""
    if pod.values is None:
        return None
    chart = pod.values.chart
    since = str(_charts()[chart]["since"])
    if known is None or known.chart != chart:
        named = f"the chart is {known.chart}, with" if known and known.chart else "here are"
        return Place(
            "varies",
            why=f"{named} values in the form of {chart}, which takes claims from {since} on: "
            "see that the chart and its version are such",
        )
    version, least = _version(known.version), _version(since)
    if version is None:
        said = f"{chart} takes claims from version {since} on, and "
        told = f"{known.version} may be an older one" if known.version else "here none is said"
        return Place("varies", why=f"{said}{told}")
    if least and version < least:
        why = f"{chart} {known.version} has no place for claims: raise it to {since} or later first"
        return Place("drops", why=why)
    return Place("keeps")


def claims_elsewhere(known: Release | None) -> str:
    """Where the chart of a release takes claims, or that it does not; "" where nothing is known."""
    entry = _charts().get(known.chart) if known else None
    return str(entry["why"]) if entry else ""


def _charts() -> Mapping[str, Any]:
    found: Mapping[str, Any] = table("charts")["charts"]
    return found


def _of_kind(
    manifest: Manifest, entry: Mapping[str, Any], sources: Iterable[Manifest]
) -> Iterator[Release]:
    for numbers in _numbers(manifest.body, steps(entry["chart"])):
        chart = _text(manifest.body, entry["chart"], numbers)
        values = _filled(steps(entry["values"]), numbers)
        if not chart or at(manifest.body, values) is ABSENT:
            continue
        version = _text(manifest.body, entry.get("version", ""), numbers)
        if "refers" in entry:
            kind = _text(manifest.body, entry["refers"], numbers)
            chart, version = _referred(kind, chart, manifest, sources)
        namespace = _text(manifest.body, entry["namespace"], numbers)
        cannot = ""
        if entry.get("closed"):
            cannot = "no ResourceClaimTemplate can stand in this file: plan what it is rendered to"
        elif entry.get("apart") and not namespace:
            cannot = "the namespace of what the chart makes is not said here"
        yield Release(
            chart,
            version,
            values,
            manifest.name,
            namespace or ("" if entry.get("apart") else manifest.namespace),
            cannot,
        )


def _of_files(manifest: Manifest, sources: Iterable[Manifest]) -> Iterator[Release]:
    """The charts that a file of values is for: those that the chart beside it depends on."""
    folder = posixpath.dirname(manifest.origin.path)
    for source in sources:
        if not _is_metadata(source) or posixpath.dirname(source.origin.path) != folder:
            continue
        name = at(source.body, ("name",))
        for item in source.body["dependencies"]:
            if isinstance(item, Mapping) and isinstance(item.get("name"), str):
                key = item.get("alias") or item["name"]
                version = item.get("version")
                yield Release(
                    item["name"],
                    version if isinstance(version, str) else "",
                    (str(key),),
                    name if isinstance(name, str) else "",
                    "",
                )


def _referred(
    kind: str, name: str, manifest: Manifest, sources: Iterable[Manifest]
) -> tuple[str, str]:
    """The chart and the version that a named object stands for."""
    folder = posixpath.dirname(manifest.origin.path)
    named = [s for s in sources if s.kind == kind and s.name == name and _reference(s)]
    near = [s for s in named if posixpath.dirname(s.origin.path) == folder]
    told = {said for source in near or named for said in [_reference(source)] if said}
    charts, versions = {chart for chart, _ in told}, {version for _, version in told}
    if len(charts) == 1:
        return charts.pop(), versions.pop() if len(versions) == 1 else ""
    return (name if name in chart_names() else ""), ""


def _reference(manifest: Manifest) -> tuple[str, str] | None:
    """The chart and the version that an object names for others."""
    entry = table("charts")["references"].get(f"{manifest.group}/{manifest.kind}")
    if entry is None:
        return None
    chart = _text(manifest.body, entry["chart"], ())
    return chart.rstrip("/").rpartition("/")[2], _text(manifest.body, entry["version"], ())


def _is_metadata(manifest: Manifest) -> bool:
    is_file = posixpath.basename(manifest.origin.path) in _FILES
    return is_file and isinstance(at(manifest.body, ("dependencies",)), list)


def _numbers(body: Any, path: Path) -> list[Field]:
    """What stands for each `[*]` of a path, for every way there is through the lists of a body."""
    ways: list[tuple[Field, Any]] = [((), body)]
    for step in path:
        if step == "[*]":
            ways = [
                ((*way, i), item)
                for way, value in ways
                if isinstance(value, list)
                for i, item in enumerate(value)
            ]
        else:
            ways = [(way, found) for way, v in ways for found in [at(v, (step,))]]
    return [way for way, value in ways if value is not ABSENT]


def _filled(path: Path, numbers: Field) -> Field:
    """A path with numbers in place of its `[*]`."""
    left = iter(numbers)
    return tuple(next(left, 0) if step == "[*]" else step for step in path)


def _text(body: Any, path: str, numbers: Field) -> str:
    found = at(body, _filled(steps(path), numbers)) if path else ABSENT
    return found if isinstance(found, str) else ""


def _version(text: str) -> tuple[int, ...] | None:
    """The numbers of a version, None of a range of versions or of anything else."""
    found = _VERSION.fullmatch(text)
    return tuple(map(int, found.groups())) if found else None
