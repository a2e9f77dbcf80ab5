"""Kinds that bound a resource, or choose by it, without asking for it: what is to be done there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migrate import kube
from migrate.model import ABSENT, Change, Field, Finding, Manifest, PhaseName, at
from migrate.read import ruleset
from migrate.translate.context import Context, because, joined


def explained(findings: list[Finding], context: Context, places: Mapping[str, list[str]]) -> Change:
    """The change, left to a person, for all that one object of a known kind names.

    Shape: `places` has, per kind with its group, where the objects stand that settle something.
    """
    manifest = findings[0].manifest
    known = kube.bound(manifest.group, manifest.kind)
    if known is None:
        return left(tuple(findings), "nothing is known of this bound: see what reads it")
    names = tuple(dict.fromkeys(f.resource for f in findings))
    pairs, limit = _pairs(names, context)
    holes = _holes(names, context)
    holes["{mapping}"] = _listed(pairs)
    holes["{places}"] = " and ".join(places.get(known.settled_by, ()))
    is_served = kube.serves(context.target, "DRAExtendedResource")
    notes = [*known.notes, known.later if is_served else known.sooner]
    if holes["{places}"]:
        notes = [known.settled, *(note for note in notes if "{mapping}" not in note)]
    maps = known.settles or any("{mapping}" in note for note in notes)
    labels = [f.resource for f in findings if _is_label(f)]
    told = tuple(why for name in dict.fromkeys(labels) for why in _of_label(name, context))
    return left(
        tuple(findings),
        joined(_whys(findings, known, context)),
        (
            *(_to_write(manifest, known.settles, pairs) if known.settles else ()),
            *(_filled(note, holes) for note in notes if note),
            *((limit,) if limit and maps else ()),
            *told,
            *(_of_parts(names, context) if known.advertises else ()),
        ),
        known.phase,
    )


def places(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Per kind with its group, where the objects stand that settle what claims are charged to."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        manifest = finding.manifest
        known = kube.bound(manifest.group, manifest.kind)
        if known and known.settles:
            said = found.setdefault(f"{manifest.group}/{manifest.kind}", [])
            line = manifest.position(known.settles)[0]
            place = f"{manifest.origin.path}:{line}"
            said += [] if place in said else [place]
    return found


def _whys(findings: list[Finding], known: kube.Bound, context: Context) -> Iterable[str]:
    """What is to be done, in a sentence for each sort of place that the findings stand at."""
    named: dict[str, dict[str, None]] = {}
    for finding in findings:
        manifest = finding.manifest
        spot = kube.spot(manifest.group, manifest.kind, finding.field)
        named.setdefault((spot and spot.why) or known.why, {})[finding.resource] = None
    return [_filled(why, _holes(names, context)) for why, names in named.items()]


def _holes(names: Iterable[str], context: Context) -> dict[str, str]:
    """What the holes of a sentence hold for these names."""
    classes = dict.fromkeys(_classes(names, context).values())
    return {
        "{names}": ", ".join(names),
        "{classes}": ", ".join(classes) or "the class of its driver",
        "{keys}": ", ".join(map(kube.class_quota, classes)) or f"<class>{kube.CLASS_QUOTA}",
        "{counts}": ", ".join(f"deviceclass/{name}" for name in classes or ("<class>",)),
    }


def _to_write(manifest: Manifest, settles: Field, pairs: Mapping[str, list[str]]) -> Iterable[str]:
    """What is to be added to the list that settles which resource each class is charged to."""
    said = kube.charged(manifest.body, settles)
    listed = set(said.values())
    for name, classes in pairs.items():
        for other, device_class in ((said[c], c) for c in classes if said.get(c, name) != name):
            yield f"{device_class} is mapped to {other} already, and a class can be mapped once"
    missing = {name: [c for c in classes if c not in said] for name, classes in pairs.items()}
    missing = {name: classes for name, classes in missing.items() if classes}
    if not missing:
        done = ", ".join(f"{c} to {name}" for c, name in said.items() if name in pairs)
        if done:
            yield f"it maps {done} already: nothing is left to add"
        return
    for name in [name for name in missing if name in listed]:
        wanted = ", ".join(missing.pop(name))
        yield f"add to the classes of {name} (line {manifest.position(settles)[0]}): {wanted}"
    if missing:
        yield _text(manifest, settles, missing)


def _text(manifest: Manifest, settles: Field, missing: Mapping[str, list[str]]) -> str:
    """Where what is missing goes, and the exact text."""
    line = manifest.position
    if isinstance(at(manifest.body, settles), list):
        text = ", ".join(f"- {item}" for item in _items(missing))
        where = f"{settles[-1]} (line {line(settles)[0]})"
        return f"add to {where}, before the first workload moves: {text}"
    text = _listed(missing)
    above = max(n for n in range(len(settles)) if isinstance(at(manifest.body, settles[:n]), dict))
    for step in reversed(settles[above + 1 :]):
        text = f"{{{step}: {text}}}"
    new, where = settles[above], "at its top level"
    if at(manifest.body, settles[: above + 1]) is not ABSENT:
        where = f"in place of {new} (line {line(settles[: above + 1])[0]})"
    elif above:
        where = f"below {settles[above - 1]} (line {line(settles[:above])[0]})"
    return f"write {where}, before the first workload moves: {new}: {text}"


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


def _pairs(names: Iterable[str], context: Context) -> tuple[dict[str, list[str]], str]:
    """The DeviceClasses whose claims are charged to each name, and what limits that."""
    pairs: dict[str, list[str]] = {}
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
            pairs[name] = free
        if own and not narrowed:
            said = (
                f"{base} stands for every form of its devices, and a class can be mapped once: "
                "plan with '--classes flavour' and map a class of its own to each name"
            )
    return pairs, said


def _items(pairs: Mapping[str, list[str]]) -> list[str]:
    return [f"{{name: {n}, deviceClassNames: [{', '.join(c)}]}}" for n, c in pairs.items()]


def _listed(pairs: Mapping[str, list[str]]) -> str:
    """The list that maps DeviceClasses to resource names, as YAML on one line."""
    items = ", ".join(_items(pairs))
    return f"[{items or '{name: <resource>, deviceClassNames: [<class>]}'}]"


def shares(names: Iterable[str], context: Context) -> dict[str, str]:
    """Per name that counts shares of devices, itself or by a name beside it, why it does."""
    found = {name: ruleset.resource(context.rules, name) for name in names}
    said: dict[str, str] = {}
    for name, match in found.items():
        for shared in (name, *match.resource.divides) if match and match.resource.divides else ():
            if shared in found and match:
                said.setdefault(shared, match.resource.why)
    return {name: said[name] for name in found if name in said}


def of_shares(shares: Mapping[str, str]) -> str:
    """Why a bound on shares is kept as it is."""
    names = ", ".join(shares)
    return because(
        f"{names}: shares are counted here, and no class of whole devices stands for them. The "
        "bound stays as it is for pods that ask for shares",
        " ".join(dict.fromkeys(shares.values())),
    )


def _is_label(finding: Finding) -> bool:
    manifest = finding.manifest
    spot = kube.spot(manifest.group, manifest.kind, finding.field)
    return spot is not None and spot.names in {"label", "device label"}


def _of_label(name: str, context: Context) -> tuple[str, ...]:
    known = ruleset.label(context.rules, name)
    return tuple(dict.fromkeys(f"{name}: {label.why}" for _, label in known if label.why))[:1]


def _of_parts(names: Iterable[str], context: Context) -> Iterable[str]:
    """What the rules say of those names that are no whole devices, each sentence once."""
    known = {name: ruleset.resource(context.rules, name) for name in names}
    said: dict[str, list[str]] = {}
    for name, match in known.items():
        if match and match.resource.maps != "exact" and match.resource.why:
            said.setdefault(match.resource.why, []).append(name)
    return [f"{', '.join(of)}: {why}" for why, of in said.items()]


def left(
    findings: tuple[Finding, ...],
    why: str,
    notes: tuple[str, ...] = (),
    phase: PhaseName = "prepare",
) -> Change:
    """The change that leaves these findings to a person."""
    return Change(
        phase=phase,
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
