"""Manifest + Rule → Finding: every dependence on a device plugin, one per place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from migrate import kube
from migrate.detect import (
    beyond,
    container,
    dra,
    mentions,
    placement,
    plugin,
    quota,
    runtime,
    telemetry,
)
from migrate.model import Entries, Finding, Manifest, Origin, Rule, Target, fields
from migrate.read import texts
from migrate.read.files import File, Unreadable

_USAGES: Final[tuple[Callable[[Manifest, Entries, tuple[Rule, ...]], Iterator[Finding]], ...]] = (
    container.findings,
    placement.findings,
    runtime.findings,
    quota.findings,
    plugin.findings,
    telemetry.findings,
    dra.findings,
)
_OF_POLICIES: Final = (quota.findings, telemetry.findings, dra.findings)
"""What is looked for in a policy: it names resources and asks for none."""


def findings(files: Iterable[File], rules: tuple[Rule, ...]) -> tuple[Finding, ...]:
    """Every finding of these files, in the order of path, line and column."""
    objects = [texts.file_kind(m) for file in files for m in file.manifests]
    words = texts.words(plugin.words(rules))
    held = [
        h
        for file in files
        if file.text
        for m in file.manifests
        for h in texts.held(file.text.source, m, words)
    ]
    found = [
        finding
        for manifest in objects
        for finding in _without_own_pods(
            manifest,
            [
                finding
                for entries in [tuple(fields(manifest.body))]
                for usage in (_OF_POLICIES if telemetry.is_policy(manifest) else _USAGES)
                for finding in usage(manifest, entries, rules)
            ],
        )
    ]
    found += [finding for each in held for finding in _in_text(each, rules)]
    found += quota.unsettled([*objects, *(h.manifest for h in held)], found, rules)
    return tuple(sorted(found, key=_place))


def _in_text(held: texts.Held, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """The findings of an object in a string that are not asides.

    Shape: what bounds is a finding of the object itself, which says what is to be done; what
    places a pod is one of the object around it, for there is no pod that could be edited.
    """
    manifest, entries = held.manifest, tuple(fields(held.manifest.body))
    bounds = quota.findings(manifest, entries, rules)
    yield from (f for f in bounds if "hard" not in f.field[-2:-1])
    pods = kube.podspecs(held.holder.body)
    is_of_pod = any(held.field[: len(pod.field)] == pod.field for pod in pods)
    if is_of_pod or telemetry.is_policy(held.holder):
        return
    placed = [
        *plugin.findings(manifest, entries, rules),
        *placement.findings(manifest, entries, rules),
    ]
    for finding in _without_own_pods(manifest, placed):
        if finding.usage in {"placement", "plugin"}:
            yield replace(finding, manifest=held.holder, field=held.field)


def _without_own_pods(manifest: Manifest, found: list[Finding]) -> list[Finding]:
    """The findings, without the placement and runtime of pods that are a plugin's own."""
    own = plugin.own_pods(manifest, found) if any(f.usage == "plugin" for f in found) else ()
    return [
        finding
        for finding in found
        if finding.usage not in {"placement", "runtime"}
        or not any(finding.field[: len(pod)] == pod for pod in own)
    ]


def unserved(manifests: Iterable[Manifest], target: Target) -> tuple[Finding, ...]:
    """What this version of Kubernetes would refuse or not keep, however right it is elsewhere."""
    return tuple(beyond.findings(manifests, target))


def asides(
    files: Iterable[File], unreadable: Iterable[Unreadable], rules: tuple[Rule, ...]
) -> tuple[Finding, ...]:
    """Requests that stand in text only: commented out, embedded in strings, in unreadable files."""
    found: list[Finding] = []
    for file in files:
        strings = [f for manifest in file.manifests for f in mentions.in_strings(manifest, rules)]
        found += strings
        if file.text is not None and file.manifests:
            seen = frozenset(f.line for f in strings)
            found += mentions.in_comments(file.text.source, file.manifests[0], rules, seen)
            found += mentions.in_code(file.text, file.manifests[0], rules, seen)
    for broken in unreadable:
        manifest = _as_text(broken.path)
        lines = broken.source.splitlines()
        found += mentions.in_lines(lines, 1, "text", manifest, rules)
    return tuple(sorted(found, key=_place))


def _place(finding: Finding) -> tuple[str, int, int, str, str]:
    origin = finding.manifest.origin
    return origin.path, finding.line, finding.column, finding.usage, finding.resource


class _Nowhere:
    """The positions of a text that has no fields."""

    def position(self, field: tuple[str | int, ...]) -> tuple[int, int]:  # noqa: ARG002
        return 1, 1


def _as_text(path: str) -> Manifest:
    return Manifest(
        api_version="",
        kind="",
        namespace="",
        name="",
        body=None,
        origin=Origin(via="file", path=path, readonly="it does not parse"),
        positions=_Nowhere(),
    )
