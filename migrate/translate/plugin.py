"""The plugin's stack → what is to be off, and when; its sharing → what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from migrate import kube
from migrate.model import (
    ABSENT,
    Change,
    Edit,
    Field,
    Finding,
    Manifest,
    Part,
    Rule,
    Sharing,
    as_text,
    at,
)
from migrate.translate.context import Context, because, setting

_IN_A_POD = "containers of one pod that asked for a share each get one claim together"
_IN_A_NAMESPACE = (
    "with '--sharing claim' the pods of a namespace name one ResourceClaim, at most "
    f"{kube.PODS_PER_CLAIM} of them; all of them then run where its device is"
)
_NAMELESS = "no rule knows which devices this plugin serves: see what takes its place"


def changes(findings: Iterable[Finding], context: Context) -> tuple[Change, ...]:
    """One change for the administrator per object."""
    by_object: dict[int, list[Finding]] = {}
    for finding in findings:
        by_object.setdefault(id(finding.manifest), []).append(finding)
    return tuple(_of_object(tuple(group), context) for group in by_object.values())


def shared(findings: Iterable[Finding], rules: Iterable[Rule]) -> dict[str, Finding]:
    """The resources, and the rules, whose counts no longer mean whole devices."""
    divided = {
        rule.name: {name for r in rule.container.resources for name in r.divides}
        for rule in rules
        if rule.container
    }
    found: dict[str, Finding] = {}
    for finding in findings:
        if not finding.note:
            continue
        # A setting that names no resource speaks of all that its plugin serves.
        is_all = finding.resource == finding.quantity.partition(" ")[0]
        names = (finding.rule, *divided.get(finding.rule, ())) if is_all else (finding.resource,)
        for name in names:
            found.setdefault(name, finding)
    return found


def _of_object(findings: tuple[Finding, ...], context: Context) -> Change:
    """What becomes of one object: a part of the stack, with its sharing, or sharing alone."""
    manifest = findings[0].manifest
    parts = [(f, part) for f in findings for part in [_part(f, context)] if part]
    edits = tuple(edit for finding, part in parts for edit in _off(finding, part))
    why = dict.fromkeys(w for f in findings for w in [_why(f, context)] if w)
    notes = dict.fromkeys(n for f in findings for n in _notes(f, context))
    stays = bool(parts) and not any(part.goes for _, part in parts)
    origin = manifest.origin
    if edits and (not origin.readonly or origin.via == "stream"):
        return Change(
            phase="retire",
            manifest=manifest,
            findings=findings,
            edits=edits,
            safety="review",
            why=" ".join(why),
            before=_before(findings),
            after=tuple(
                f"{key}: {as_text(v)}"
                for _, p in parts
                if p.goes
                for key, v in p.disabled_by.items()
            ),
            notes=(*why, *notes),
        )
    return Change(
        phase="prepare" if stays else "retire",
        manifest=manifest,
        findings=findings,
        why=" ".join(why) or _NAMELESS,
        before=_before(findings),
        notes=tuple(notes),
    )


def _part(finding: Finding, context: Context) -> Part | None:
    rule = next((r for r in context.rules if r.name == finding.rule), None)
    return rule.part(finding.resource) if rule else None


def _sharing(finding: Finding, context: Context) -> Sharing | None:
    """The setting that a finding is of, or that its part has."""
    known = setting(finding, context.rules)
    return known[1] if known else None


def _why(finding: Finding, context: Context) -> str:
    """What becomes of a part, or of a sharing, in a sentence."""
    part, sharing = _part(finding, context), _sharing(finding, context)
    if part:
        return part.why
    if sharing:
        return sharing.why
    rule = next((r for r in context.rules if r.name == finding.rule), None)
    return rule.plugin.exclusive if rule and rule.plugin else ""


def _notes(finding: Finding, context: Context) -> tuple[str, ...]:
    part, sharing = _part(finding, context), _sharing(finding, context)
    said = [part.nodes] if part and part.nodes else []
    if part and part.disabled_by and part.goes:
        settings = ", ".join(f"{key}={as_text(value)}" for key, value in part.disabled_by.items())
        said.append(f"what switches it off everywhere, once no workload needs it: {settings}")
    if sharing and part:
        said.append(because(finding.quantity, sharing.why))
    elif sharing and not sharing.perhaps:
        said += _becomes(finding, sharing, context)
    return tuple(said)


def _becomes(finding: Finding, sharing: Sharing, context: Context) -> tuple[str, ...]:
    """What sharing becomes: claims used together, shares where there are such, or whole devices."""
    degree = finding.quantity.partition(" ")[2]
    if sharing.shares and kube.serves(context.target, sharing.gate):
        shares = because("claims get shares in place of shares", sharing.shares)
    elif sharing.shares:
        shares = (
            f"Kubernetes {context.target.kubernetes} has no shares for pods that know nothing of "
            f"each other ({sharing.gate} is off)"
        )
    else:
        shares = "no shares are known of its driver for pods that know nothing of each other"
    number = degree if degree.isdecimal() else "several"
    whole = (
        f"with '--sharing whole' each pod gets a whole device: where {number} pods used one "
        "device, as many devices are needed, or pods stay Pending"
    )
    return shares, _IN_A_POD, _IN_A_NAMESPACE, whole


def _before(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(map(_said, findings))


def _said(finding: Finding) -> str:
    """A part with what its settings say, or a setting with what it shares."""
    name, said = finding.resource, finding.quantity
    if said.startswith(name):
        return said
    return f"{said} of {name}" if finding.note else f"{name} {said}".rstrip()


def _off(finding: Finding, part: Part) -> tuple[Edit, ...]:
    """The edits that switch a part off in the object that sets it up, none where it is not told."""
    root = _root(finding)
    if root is None or not part.goes:
        return ()
    body, added = finding.manifest.body, dict[Field, Any]()
    edits: list[Edit] = []
    for key, value in part.disabled_by.items():
        field: Field = (*root, *key.split("."))
        found = at(body, field)
        if found is not ABSENT:
            if isinstance(found, Mapping | list) or found is None:
                return ()
            edits += [Edit(field, found, value)] if found != value else []
            continue
        known = max(n for n in range(len(field)) if at(body, field[:n]) is not ABSENT)
        if not isinstance(at(body, field[:known]), Mapping):
            return ()
        new: Any = value
        for step in reversed(field[known + 1 :]):
            new = {step: new}
        if field[: known + 1] in added:
            return ()
        added[field[: known + 1]] = new
        edits.append(Edit(field[: known + 1], ABSENT, new))
    return tuple(edits)


def _root(finding: Finding) -> Field | None:
    """Where the settings of a part stand in its object, None where they do not."""
    manifest: Manifest = finding.manifest
    if finding.field == ("kind",):
        return ("spec",)
    chart = kube.chart(manifest.group, manifest.kind, finding.field)
    if chart:
        return chart.values
    is_values = not manifest.kind and "image" not in finding.field
    return finding.field[:-1] if is_values else None
