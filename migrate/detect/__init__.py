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
    scripts,
    telemetry,
)
from migrate.model import Entries, Finding, Manifest, Origin, Rule, Shape, Target, fields
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
    read = [(file, m) for file in files for m in file.manifests if not texts.is_schema(m)]
    objects = [texts.file_kind(m) for _, m in read]
    is_wanted = texts.wanted(plugin.words(rules))
    sources = [(file.text.source, m) for file, m in read if file.text]
    inside = [(source, h) for source, m in sources for h in texts.held(source, m, is_wanted)]
    held = [(source, h) for source, h in inside if not texts.is_schema(h.manifest)]
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
            rules,
        )
    ]
    found += [f for _, each in held for f in _in_text(each, rules)]
    found += _in_scripts(sources, held, rules)
    found += quota.unsettled([*objects, *(h.manifest for _, h in held)], found, rules)
    return tuple(sorted(found, key=_place))


def _in_text(held: texts.Held, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """The findings of an object in a string.

    Shape: what bounds is a finding of the object itself, which says what is to be done; all else
    is one of the object around it, for there is no pod that could be edited.
    """
    manifest, entries = held.manifest, tuple(fields(held.manifest.body))
    yield from quota.findings(manifest, entries, rules)
    if telemetry.is_policy(held.holder):
        return
    pods = kube.podspecs(held.holder.body)
    is_of_pod = any(held.field[: len(pod.field)] == pod.field for pod in pods)
    is_example = texts.is_example(held.holder, held.field) or "annotations" in held.field
    found = [
        *(() if is_of_pod else plugin.findings(manifest, entries, rules)),
        *(() if is_example else container.findings(manifest, entries, rules)),
        *placement.findings(manifest, entries, rules),
    ]
    for finding in _without_own_pods(manifest, found, rules):
        if texts.is_prose(finding.field):
            continue
        said = finding.note
        if finding.usage == "container" or (finding.usage == "placement" and is_of_pod):
            said = "; ".join(dict.fromkeys(part for part in (finding.note, held.told) if part))
        yield replace(finding, manifest=held.holder, field=held.field, shape="bare", note=said)


def _in_scripts(
    sources: Iterable[tuple[str, Manifest]],
    held: Iterable[tuple[str, texts.Held]],
    rules: tuple[Rule, ...],
) -> Iterator[Finding]:
    """The findings in strings that are no YAML, of objects and of what stands in their strings."""
    held = list(held)
    parsed = {scripts.place(each.manifest, ()) for _, each in held}
    outer = [(source, m, m, ()) for source, m in sources]
    inner = [(source, each.manifest, each.holder, each.field) for source, each in held]
    has_scripts = {source for source in dict.fromkeys(s for s, _ in sources) if kube.script(source)}
    for source, manifest, holder, field in (*outer, *inner):
        if source in has_scripts and not telemetry.is_policy(holder):
            for finding in scripts.findings(source, manifest, rules, parsed):
                if not texts.is_example(holder, field or finding.field):
                    yield replace(finding, manifest=holder, field=field or finding.field)


def _without_own_pods(
    manifest: Manifest, found: list[Finding], rules: tuple[Rule, ...]
) -> list[Finding]:
    """The findings, without the runtime of pods that are a plugin's own, and their placement.

    Shape: of what stays when the plugin goes, the labels that go with it are still told.
    """
    if not any(f.usage == "plugin" for f in found):
        return found
    going = [f for f in found if not plugin.is_staying(f, rules)]
    own = {
        "placement": plugin.own_pods(manifest, going),
        "runtime": plugin.own_pods(manifest, found),
    }
    return [
        finding
        for finding in found
        if not any(finding.field[: len(pod)] == pod for pod in own.get(finding.usage, ()))
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
        source = file.text.source if file.text else ""
        strings = [f for m in file.manifests for f in mentions.in_strings(source, m, rules)]
        if file.text is not None and file.manifests:
            first, seen = file.manifests[0], frozenset(f.line for f in strings)
            found += mentions.in_comments(file.text.source, first, rules, seen)
            strings += mentions.in_code(file.text, first, rules, seen)
        if strings:
            # Of few files is anything told here, and a place is told once.
            told = {(f.line, name) for f in findings([file], rules) for name in _names(f)}
            found += [f for f in strings if (f.line, f.resource) not in told]
    for broken in unreadable:
        manifest = _as_text(broken.path)
        lines = broken.source.splitlines()
        shape: Shape = "text" if broken.quiet else "unread"
        found += mentions.in_lines(lines, 1, shape, manifest, rules)
    return tuple(sorted(found, key=_place))


def _names(finding: Finding) -> Iterator[str]:
    """The resource that is found, and those that template text may name instead of it."""
    yield finding.resource
    yield from mentions.quoted(finding.resource)


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
