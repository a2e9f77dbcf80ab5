"""Objects of `resource.k8s.io` in older versions, and forms of it that cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from migrate import kube
from migrate.kube import mistakes, podclaims, selectors, upgrade
from migrate.kube.mistakes import Mistake
from migrate.model import Entries, Field, Finding, Manifest, Rule, at

_VERSIONS: Final = re.compile(
    r"device\.attributes\[[\"']([^\"']+)[\"']\]\.(\w+)\.(?:compareTo|isGreaterThan|isLessThan)"
    r"\(semver\("
)
_DRIVER: Final = re.compile(
    r"device\.(?:driver\s*==\s*|(?:attributes|capacity)\[)[\"']([^\"'/]+\.[^\"'/]+)[\"']"
)
_BY_VERSION: Final = frozenset({mistakes.BOTH, mistakes.EXACTLY, mistakes.NO_EXACTLY})
_HOLE: Final = "<driver>"


def findings(manifest: Manifest, entries: Entries, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    """One finding for every older version and every mistake."""
    body = manifest.body
    if not isinstance(body, dict | list):
        return
    objects = tuple(mistakes.objects(body, iter(entries)))
    versions = _version_attributes(rules) if objects else frozenset()
    for where, value in objects:
        kind, found = str(value["kind"]), upgrade.version(str(value["apiVersion"]))
        wrong = tuple(mistakes.of_object(value, where, versions))
        if upgrade.is_old(kind, found) and not _chooses(manifest, wrong):
            yield _finding(manifest, (*where, "apiVersion"), f"{kind}@{found}")
        yield from (_told(manifest, mistake, rules) for mistake in _meant(manifest, wrong))
    if manifest.kind == "Namespace" and not manifest.group:
        yield from (_told(manifest, m, rules) for m in mistakes.of_namespace(manifest.body))
    if any(field[-1] in {"resourceClaims", "claims", "devices"} for field, _ in entries):
        inside = tuple(where for where, _ in objects)
        for mistake in _elsewhere(manifest, entries, inside, versions):
            yield _told(manifest, mistake, rules)


def _elsewhere(
    manifest: Manifest, entries: Entries, inside: tuple[Field, ...], versions: selectors.Known
) -> Iterator[Mistake]:
    """The mistakes of pods, and of claim specs that stand in objects of other kinds."""
    for pod in kube.podspecs(manifest.body):
        yield from podclaims.mistakes(pod)
        place = kube.place(manifest.api_version, manifest.kind, pod.field)
        is_whole = manifest.kind and all("image" in c.body for c in pod.containers)
        if place.support != "keeps" or not is_whole or manifest.origin.via == "template":
            continue
        yield from podclaims.unlisted(pod)
        yield from podclaims.shared(pod, manifest.kind, manifest.body)
    for field, spec in podclaims.claim_specs(iter(entries)):
        if not any(field[: len(where)] == where for where in inside):
            yield from _meant(manifest, tuple(mistakes.of_spec(spec, field, versions)))


def _chooses(manifest: Manifest, wrong: tuple[Mistake, ...]) -> bool:
    """Whether both branches of a template stand in one object: it chooses by version itself."""
    return manifest.origin.via == "template" and any(m.name == mistakes.BOTH for m in wrong)


def _meant(manifest: Manifest, wrong: tuple[Mistake, ...]) -> tuple[Mistake, ...]:
    """The mistakes that are not two branches of one template."""
    if not _chooses(manifest, wrong):
        return wrong
    return tuple(m for m in wrong if m.name not in _BY_VERSION)


def _told(manifest: Manifest, mistake: Mistake, rules: tuple[Rule, ...]) -> Finding:
    why = mistake.why
    if _HOLE in why:
        driver = _driver(manifest.body, mistake.field, rules)
        why = why.replace(_HOLE, driver) if driver else why
    return _finding(manifest, mistake.field, mistake.name, mistake.said, why)


def _finding(
    manifest: Manifest, field: Field, resource: str, quantity: str = "", note: str = ""
) -> Finding:
    line, column = manifest.position(field)
    return Finding(
        usage="dra",
        manifest=manifest,
        field=field,
        resource=resource,
        quantity=quantity,
        rule="",
        line=line,
        column=column,
        note=note,
    )


def _driver(body: Any, field: Field, rules: tuple[Rule, ...]) -> str:
    """The driver that a selector speaks of: as it says itself, or as its class belongs to."""
    text = at(body, field)
    own = set(_DRIVER.findall(text)) if isinstance(text, str) else set()
    if len(own) == 1:
        return str(own.pop())
    if "selectors" not in field:
        return ""
    above = field[: len(field) - 1 - field[::-1].index("selectors")]
    named = at(body, (*above, "deviceClassName"))
    for rule in rules:
        classes = rule.container.classes if rule.container else ()
        if any(c.name == named for c in classes):
            return rule.driver
    return ""


def _version_attributes(rules: tuple[Rule, ...]) -> selectors.Known:
    """The attributes that the rules compare as versions."""
    return frozenset(
        (domain, name)
        for rule in rules
        if rule.placement
        for label in rule.placement.labels
        for cel in (label.number, *(value.cel for value in label.values))
        for domain, name in _VERSIONS.findall(cel)
    )
