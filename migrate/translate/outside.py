"""Requests that stand in no pod: values, shorthands of custom kinds, patches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from migrate import kube
from migrate.model import ABSENT, Change, Edit, Field, Finding, Label, at
from migrate.read import ruleset
from migrate.translate import claims, container, placement, runtime
from migrate.translate.context import Context, because, joined

_MAPS: Final = frozenset({"limits", "requests"})
_TEMPLATE: Final = "it stands in a template, outside any pod: plan what it is rendered to"
_LITERAL: Final = re.compile(r"[\"'](?P<name>[^\"']+)[\"']")
_FOLLOWS: Final = "it stands outside a pod: it follows whatever renders it"


def changes(findings: Iterable[Finding], context: Context) -> list[Change]:
    """One change for each resource of one place; limits and requests are one place here."""
    gathered: dict[tuple[int, Field, str], list[Finding]] = {}
    for finding in findings:
        field = finding.field
        place = field[:-2] if len(field) > 1 and field[-2] in _MAPS else field
        gathered.setdefault((id(finding.manifest), place, finding.resource), []).append(finding)
    return [_change(tuple(group), context) for group in gathered.values()]


def _change(findings: tuple[Finding, ...], context: Context) -> Change:
    first = findings[0]
    notes = tuple(dict.fromkeys(f.note for f in findings if f.note))
    if first.usage != "container":
        return _manual(findings, joined((*_meant(findings, context), *notes)) or _FOLLOWS)
    if "{{" in first.resource:
        return _manual(findings, _filled_in(first.resource, context))
    match = ruleset.resource(context.rules, first.resource)
    short = _shorthand(first)
    if match is None or match.resource.maps != "exact":
        said = (container.unmapped(match), short.why if short else "", *notes)
        return _manual(findings, joined(said))
    if short and not short.is_carried:
        return _manual(findings, short.why)
    counts = {kube.whole(f.quantity) for f in findings}
    if counts == {0}:
        return _manual(
            findings,
            f"a count of 0 asks for nothing, but may override another: {_why(first, context)}",
        )
    if notes and None in counts and first.quantity not in kube.DONE:
        uncounted = container.not_a_count(first.resource, first.quantity)
        return _manual(findings, joined((uncounted, _why(first, context))))
    whole = len(counts) == 1 and None not in counts
    is_served = kube.serves(context.target, "DRAExtendedResource")
    if context.options.strategy == "claim" or not is_served or not whole:
        return _manual(findings, _why(first, context))
    ask = container.Ask(_nowhere(first), first.resource, counts.pop() or 0, match)
    if context.options.strategy in {"bridge", "least"}:
        return _bridge(findings, ask, context)
    return _class(findings, ask, context)


def _shorthand(finding: Finding) -> kube.Shorthand | None:
    manifest = finding.manifest
    return kube.shorthand(manifest.group, manifest.kind, manifest.body, finding.field)


def _meant(findings: tuple[Finding, ...], context: Context) -> Iterator[str]:
    """What markers and labels mean beside a claim, a sentence each."""
    marks = [f for f in findings if f.usage == "runtime"]
    yield from (said for said, _ in runtime.said(marks, context.rules))
    for finding in findings:
        if finding.quantity in kube.DONE:
            continue
        known = ruleset.label(context.rules, finding.resource)
        labels = [(rule, label) for rule, label in known if label.writer == "plugin"]
        if finding.usage == "placement" and labels:
            drivers = {rule.driver: frozenset[str]() for rule, _ in labels if rule.driver}
            yield _label(finding, labels[0][1], drivers, context)


def _label(finding: Finding, label: Label, drivers: placement.Drivers, context: Context) -> str:
    """What becomes of a label by which something places the pods that it makes."""
    name, (operator, _, rest) = finding.resource, finding.quantity.partition(" ")
    if operator == "topologyKey":
        said = f"no claim says what {name} does as a topologyKey"
        return because(said, label.why) if label.why else said
    values = rest.split(", ") if rest else []
    if operator not in kube.LABEL_OPERATORS or finding.field[-1] == name:
        operator, values = "In", [finding.quantity]
    said, placed = f"{name}={finding.quantity}", placement.Placed()
    found = placement.condition(context.rules, drivers, name, operator, values, placed)
    if isinstance(found, str):
        return because(f"{said} has no form in a claim", found)
    if not found.cel:
        return joined(placed.warnings) or f"{said}: the class of a claim says it"
    return f"{said}: a claim says it by a selector, {found.short}"


def _why(finding: Finding, context: Context) -> str:
    """Why no claim can be written here, and where claims go instead."""
    if short := _shorthand(finding):
        return short.why
    manifest = finding.manifest
    release = kube.release(finding.field, kube.releases(manifest, context.sources))
    if told := kube.claims_elsewhere(release):
        return f"{told} (here it is {release.version})" if release and release.version else told
    if finding.note and release is None:
        return joined((finding.note, _right_there(finding)))
    if manifest.origin.via == "template" and not manifest.kind:
        return _TEMPLATE
    field = (*release.values, "resources") if finding.note and release else finding.field
    place = kube.place(manifest.api_version, manifest.kind, field)
    why = place.why or "there is no pod here that could hold a claim: plan what it is rendered to"
    return f"{why}; claims go to {place.switch}" if place.switch else why


def _right_there(finding: Finding) -> str:
    """What the kind says of claims in this very string, "" where it says nothing."""
    place = kube.place(finding.manifest.api_version, finding.manifest.kind, finding.field)
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in finding.field)
    return place.why if place.switch and place.switch == "".join(steps).lstrip(".") else ""


def _filled_in(name: str, context: Context) -> str:
    """Why nothing is known of a resource that a template names, and what it is called else."""
    said = "a template fills in the name of the resource"
    named = {each["name"] for each in _LITERAL.finditer(name)}
    named = {each for each in named if kube.is_device_resource(each)}
    if len(named) != 1:
        return f"{said}: plan what it is rendered to"
    default = named.pop()
    match = ruleset.resource(context.rules, default)
    known = f"rule {match.rule.name} knows" if match else "no rule knows"
    rendered = "plan what it is rendered to"
    return f"{said}; where none is given it is {default}, which {known}: {rendered}"


def _nowhere(finding: Finding) -> kube.Container:
    return kube.Container(finding.field, finding.container, "container", {})


def _bridge(findings: tuple[Finding, ...], ask: container.Ask, context: Context) -> Change:
    return Change(
        phase="bridge",
        manifest=findings[0].manifest,
        findings=findings,
        creates=(claims.served(ask, context.target),),
        safety="review",
        strategy="bridge",
        why="a DeviceClass that carries the resource's name serves the pod as it is",
        before=_before(findings),
        after=(f"{ask.count} × {ask.resource}, served by DRA",),
        notes=("what this is rendered to was not seen: node labels may say more than the count",),
    )


def _class(findings: tuple[Finding, ...], ask: container.Ask, context: Context) -> Change:
    """The resource's key renamed to the implicit name of its class."""
    body = findings[0].manifest.body
    keys = [f for f in findings if f.field[-1] == ask.resource]
    if len(keys) != len(findings):
        return _manual(findings, "the resource is named by a value: set it by hand")
    readonly = findings[0].manifest.origin.readonly
    if readonly and findings[0].manifest.origin.via != "stream":
        return _manual(findings, readonly)
    own = container.resource_selectors(ask)
    request = container.Request("", ask, ask.count, ask.match.resource.device_class, own)
    creates = (claims.flavour(context.target, request),) if own else ()
    name = creates[0].name if creates else request.device_class
    new = f"{kube.CLASS_RESOURCE_PREFIX}{name}"
    edits: list[Edit] = []
    for finding in keys:
        old = at(body, finding.field)
        edits += [Edit(finding.field, old, ABSENT), Edit((*finding.field[:-1], new), ABSENT, old)]
    return Change(
        phase="claim",
        manifest=findings[0].manifest,
        findings=findings,
        edits=tuple(edits),
        creates=creates,
        safety="review",
        disruption=kube.restart(findings[0].manifest.kind) if findings[0].manifest.kind else "none",
        strategy="class",
        why="one key names the class, where there is no place for a claim",
        before=_before(findings),
        after=(f"{ask.count} × {new}",),
        notes=("what this is rendered to was not seen: compare it before and after",),
    )


def _manual(findings: tuple[Finding, ...], why: str) -> Change:
    return Change(
        phase="claim",
        manifest=findings[0].manifest,
        findings=findings,
        why=why,
        before=_before(findings),
    )


def _before(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_said, findings)))


def _said(finding: Finding) -> str:
    if finding.quantity in kube.DONE:
        return f"{finding.resource}, {finding.quantity}"
    if finding.usage == "container" and finding.quantity:
        return f"{finding.quantity} × {finding.resource}"
    return f"{finding.resource}={finding.quantity}" if finding.quantity else finding.resource
