"""Kinds that bound a resource, or choose by it, without asking for it: what is to be done there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrate import kube
from migrate.model import Change, Finding
from migrate.read import ruleset
from migrate.translate.context import Context


def explained(findings: list[Finding], context: Context) -> Change:
    """The change, left to a person, for all that one object of a known kind names."""
    manifest = findings[0].manifest
    known = kube.bound(manifest.group, manifest.kind)
    if known is None:
        return left(tuple(findings), "nothing is known of this bound: see what reads it")
    names = tuple(dict.fromkeys(f.resource for f in findings))
    classes = _classes(names, context)
    mapping, limit = _mapping(names, context)
    holes = {
        "{names}": ", ".join(names),
        "{classes}": ", ".join(dict.fromkeys(classes.values())) or "the class of its driver",
        "{keys}": ", ".join(dict.fromkeys(map(kube.class_quota, classes.values())))
        or f"<class>{kube.CLASS_QUOTA}",
        "{mapping}": mapping,
    }
    is_served = kube.serves(context.target, "DRAExtendedResource")
    notes = (*known.notes, known.later if is_served else known.sooner)
    labels = [f.resource for f in findings if _is_label(f)]
    told = tuple(why for name in dict.fromkeys(labels) for why in _of_label(name, context))
    limits = (limit,) if limit and any("{mapping}" in note for note in notes) else ()
    return left(
        tuple(findings),
        _filled(known.why, holes),
        (*(_filled(note, holes) for note in notes if note), *limits, *told),
    )


def _filled(text: str, holes: Mapping[str, str]) -> str:
    for hole, said in holes.items():
        text = text.replace(hole, said)
    return text


def _classes(names: Iterable[str], context: Context) -> dict[str, str]:
    """The DeviceClass of each name that a rule maps exactly."""
    found = {name: ruleset.resource(context.rules, name) for name in names}
    return {
        name: match.resource.device_class
        for name, match in found.items()
        if match and match.resource.maps == "exact"
    }


def _mapping(names: Iterable[str], context: Context) -> tuple[str, str]:
    """The list that maps DeviceClasses to resource names, as YAML on one line, and its limit."""
    items: list[str] = []
    taken: dict[str, str] = {}
    said = ""
    for name in names:
        match = ruleset.resource(context.rules, name)
        if match is None or match.resource.maps != "exact":
            continue
        base, own = match.resource.device_class, selectors(match)
        narrowed = [
            new
            for (device_class, selectors), new in context.flavours.items()
            if device_class == base and own <= set(selectors)
        ]
        listed = narrowed if own and narrowed else [base, *narrowed]
        free = [one for one in listed if taken.setdefault(one, name) == name]
        if free:
            items.append(f"{{name: {name}, deviceClassNames: [{', '.join(free)}]}}")
        if own and not narrowed:
            said = (
                f"{base} stands for every form of its devices, and a class can be mapped once: "
                "plan with '--classes flavour' and map a class of its own to each name"
            )
    return f"[{', '.join(items) or '{name: <resource>, deviceClassNames: [<class>]}'}]", said


def _is_label(finding: Finding) -> bool:
    manifest = finding.manifest
    spot = kube.spot(manifest.group, manifest.kind, finding.field)
    return spot is not None and spot.names != "resource"


def _of_label(name: str, context: Context) -> tuple[str, ...]:
    known = ruleset.label(context.rules, name)
    return tuple(dict.fromkeys(f"{name}: {label.why}" for _, label in known if label.why))[:1]


def left(findings: tuple[Finding, ...], why: str, notes: tuple[str, ...] = ()) -> Change:
    """The change of phase prepare that leaves these findings to a person."""
    return Change(
        phase="prepare",
        manifest=findings[0].manifest,
        findings=findings,
        why=why,
        before=_before(findings),
        notes=notes,
    )


def _before(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Each name once with all its amounts."""
    amounts: dict[str, list[str]] = {}
    for finding in findings:
        amounts.setdefault(finding.resource, []).append(finding.quantity)
    return tuple(
        f"{name}: {', '.join(dict.fromkeys(filter(None, said)))}" if any(said) else name
        for name, said in amounts.items()
    )


def selectors(match: ruleset.Match) -> frozenset[str]:
    """What a resource's own name says of its devices."""
    resource = match.resource
    return frozenset(
        ruleset.expression(s, match.groups, resource.groups) for s in resource.selectors
    )
