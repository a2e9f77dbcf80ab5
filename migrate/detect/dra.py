"""Objects of `resource.k8s.io` in older versions, and forms of it that cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from migrate import kube
from migrate.kube import mistakes, podclaims, selectors, upgrade
from migrate.kube.mistakes import Mistake
from migrate.model import Entries, Field, Finding, Manifest, Rule, at, fields

_VERSIONS: Final = re.compile(
    r"device\.attributes\[[\"']([^\"']+)[\"']\]\.(\w+)\.(?:compareTo|isGreaterThan|isLessThan)"
    r"\(semver\("
)
_DRIVER: Final = re.compile(
    r"device\.(?:driver\s*==\s*|(?:attributes|capacity)\[)[\"']([^\"'/]+\.[A-Za-z][^\"'/]*)[\"']"
)
_RESPELLED: Final = re.compile(
    r"device\.attributes\[\"([^\"]+)\"\]\.(\w+)\.replace\(\"([^\"]+)\", \"([^\"]+)\"\) == "
    r"\"\{value\}\""
)
_COMPARED: Final = re.compile(
    r"device\.attributes\[\s*[\"']([^\"']+)[\"']\s*\]\.\??(\w+)"
    r"(?:\.orValue\((?:\"\"|'')\))?\s*(?:[=!]=|in)\s*(\[[^\]]*\]|\"[^\"\n]*\"|'[^'\n]*')"
)
_STRING: Final = re.compile(r"\"([^\"\n]+)\"|'([^'\n]+)'")
LABELLED: Final = "attribute compared with a label's value"
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
        texts = ((f, v) for f, v in fields(value) if f[-2:] == ("cel", "expression"))
        for below, text in texts:
            for said, why in _labelled(text, rules):
                yield _finding(manifest, (*where, *below), LABELLED, said, why)
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
    told: set[Field] = set()
    for pod in kube.podspecs(manifest.body):
        # What several pods have in common is wrong once.
        yield from (m for m in podclaims.mistakes(pod) if m.field not in told)
        told |= {m.field for m in podclaims.mistakes(pod)}
        place = kube.place(manifest.api_version, manifest.kind, pod.field)
        is_whole = manifest.kind and all("image" in c.body for c in pod.containers)
        if place.support != "keeps" or not is_whole or manifest.origin.via == "template":
            continue
        yield from podclaims.refused(pod)
        yield from podclaims.unlisted(pod)
        yield from podclaims.shared(pod, manifest.kind, manifest.body)
    for field, spec in podclaims.claim_specs(iter(entries)):
        if not any(field[: len(where)] == where for where in inside):
            yield from _meant(manifest, tuple(mistakes.of_spec(spec, field, versions)))


def _chooses(manifest: Manifest, wrong: tuple[Mistake, ...]) -> bool:
    """Whether both branches of a template stand in one object: it chooses by version itself."""
    return manifest.origin.via == "template" and any(m.name == mistakes.BOTH for m in wrong)


def _meant(manifest: Manifest, wrong: tuple[Mistake, ...]) -> tuple[Mistake, ...]:
    """The mistakes that a template does not put right: by its branches, or by what it fills in."""
    if manifest.origin.via != "template":
        return wrong
    forgiven = mistakes.INCOMPLETE | (_BY_VERSION if _chooses(manifest, wrong) else frozenset())
    return tuple(m for m in wrong if m.name not in forgiven)


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


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How the values of a node label differ from the attribute that they are made of."""

    key: str
    old: str
    new: str
    form: str

    def is_of_label(self, value: str) -> bool:
        """Whether only the label can have this value."""
        is_changed = self.new in value and self.old not in value
        return is_changed and re.fullmatch(self.form, value) is not None


def _labelled(text: Any, rules: tuple[Rule, ...]) -> Iterator[tuple[str, str]]:
    """Strings in a selector that only a node label spells so, and what to compare instead."""
    compared = _COMPARED.findall(text) if isinstance(text, str) else ()
    told: set[str] = set()
    for domain, name, said in compared:
        values = dict.fromkeys(one or other for one, other in _STRING.findall(said))
        for label in _spellings(domain, name, rules):
            wrong = [v for v in values if v not in told and label.is_of_label(v)]
            told.update(wrong)
            if wrong:
                asked = f'device.attributes["{domain}"].{name}'
                why = (
                    f"the node label {label.key} has {label.new!r} where the attribute has "
                    f"{label.old!r}, so this finds no device: compare "
                    f'{asked}.replace("{label.old}", "{label.new}") with it, or write the name as '
                    "the ResourceSlices publish it"
                )
                yield ", ".join(wrong), why


def _spellings(domain: str, name: str, rules: tuple[Rule, ...]) -> list[_Spelling]:
    """The labels that spell an attribute otherwise, those of its own domain first."""
    found = [
        _Spelling(label.key, old, new, value.match)
        for rule in rules
        for label in (rule.placement.labels if rule.placement else ())
        for value in label.values
        for at, attribute, old, new in _RESPELLED.findall(value.cel)
        if label.key and (at, attribute) == (domain, name)
    ]
    return sorted(found, key=lambda spelling: not domain.endswith(spelling.key.partition("/")[0]))
