"""Quotas → the same numbers on claims, beside the old ones and then instead; the rest explained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from migrate import kube
from migrate.model import ABSENT, Change, Edit, Field, Finding, as_text, at
from migrate.read import ruleset
from migrate.translate import bounds, carriers
from migrate.translate.context import Context, because, shared

_LATER = (
    "a pod over the new bound is admitted and stays Pending, because its claim is what is refused; "
    "the old bound refused the pod"
)


def changes(findings: Iterable[Finding], context: Context) -> tuple[Change, ...]:
    """What becomes of each bound: two changes where it can be kept, else one with the reason."""
    by_object: dict[int, list[Finding]] = {}
    for finding in findings:
        by_object.setdefault(id(finding.manifest), []).append(finding)
    places = bounds.places(f for group in by_object.values() for f in group)
    made = (_of_object(group, context, places) for group in by_object.values())
    return tuple(change for changes in made for change in changes)


def _of_object(
    findings: list[Finding], context: Context, places: Mapping[str, list[str]]
) -> list[Change]:
    """The changes of one object: its quotas map by map, then all that its kind explains."""
    made: list[Change] = []
    maps: dict[Field, list[_Counted]] = {}
    manual: dict[str, list[Finding]] = {}
    explained: list[Finding] = []
    known = kube.bound(findings[0].manifest.group, findings[0].manifest.kind)
    if known and known.advertises:
        return [bounds.explained(findings, context, places)]
    shares = bounds.shares(dict.fromkeys(_plain(f.resource) for f in findings), context)
    shared = tuple(f for f in findings if _plain(f.resource) in shares)
    if shared:
        made.append(bounds.left(shared, bounds.of_shares(shares)))
    for finding in (f for f in findings if _plain(f.resource) not in shares):
        if finding.field[-2] != "hard":
            explained.append(finding)
            continue
        match = carriers.resource(_plain(finding.resource), context)
        why = _refusal(finding, match, context)
        if why or match is None:
            manual.setdefault(why, []).append(finding)
        else:
            maps.setdefault(finding.field[:-1], []).append(_Counted(finding, match))
    for field, counted in maps.items():
        made += _kept(field, counted, context)
    made += [bounds.left(tuple(group), why) for why, group in manual.items()]
    return [*made, bounds.explained(explained, context, places)] if explained else made


def _plain(name: str) -> str:
    """The resource behind a key of a quota."""
    return name.removeprefix("requests.").removeprefix("limits.")


def _refusal(finding: Finding, match: ruleset.Match | None, context: Context) -> str:
    """Why a key of a quota has no exact counterpart, "" where it has."""
    manifest, name = finding.manifest, finding.resource
    if name in kube.CLAIM_COUNTS:
        return (
            "every pod that moves brings a claim of its own, and a team a template or two: see "
            "that the number is enough for all pods that run at once"
        )
    if not name.startswith("requests."):
        return f"nothing is charged to {name}: of extended resources only requests.<name> counts"
    if match is None:
        return "no rule knows this resource: bound the class that takes its place by hand"
    if why := _of_resource(_plain(name), match, context):
        return why
    spec = at(manifest.body, finding.field[:-2])
    if isinstance(spec, Mapping) and (spec.get("scopes") or spec.get("scopeSelector")):
        return (
            "the quota has scopes, which choose pods, and claims match none: bound "
            f"{kube.class_quota(match.resource.device_class)} in a quota without scopes"
        )
    if kube.whole(at(manifest.body, finding.field)) is None:
        return f"{as_text(finding.quantity)} is no plain number: set the new bound by hand"
    origin = manifest.origin
    if origin.readonly and origin.via != "stream":
        return origin.readonly
    known = kube.bound(manifest.group, manifest.kind)
    if known is None or not known.is_quota:
        new = kube.class_quota(match.resource.device_class)
        said = known.why.replace("{keys}", new) if known else ""
        return said or f"it is not a ResourceQuota itself: bound {new} too where it becomes one"
    return ""


def _of_resource(name: str, match: ruleset.Match, context: Context) -> str:
    """Why a number of this resource is no number of devices, "" where it is."""
    new = kube.class_quota(match.resource.device_class)
    if match.resource.maps != "exact":
        why = f"{match.resource.why} {match.resource.instead}".strip()
        return because(f"no number follows from requests.{name}", why)
    if match.resource.allocation_mode == "All":
        return (
            f"a claim of all devices of a node is counted as {kube.DEVICES_PER_CLAIM}, however "
            f"many there are: bound {new} by that number for each pod that may run"
        )
    if by := shared(name, match.rule.name, context):
        where = f"{by.manifest.origin.path}:{by.line}"
        return (
            f"{name} is shared ({where}: {by.quantity}), so the number counts shares: bound {new} "
            "by the devices that claims may hold"
        )
    return ""


@dataclass(frozen=True, slots=True)
class _Counted:
    """A bound that has a counterpart."""

    finding: Finding
    match: ruleset.Match

    @property
    def number(self) -> int:
        return kube.whole(at(self.finding.manifest.body, self.finding.field)) or 0

    @property
    def device_class(self) -> str:
        return self.match.resource.device_class

    @property
    def selectors(self) -> frozenset[str]:
        """What the resource's own name says of its devices."""
        return bounds.selectors(self.match)


def _kept(field: Field, counted: list[_Counted], context: Context) -> list[Change]:
    """The bounds on claims beside the old ones, and the old ones away at the end.

    Source: kubernetes/kubernetes pkg/quota/v1/evaluator/core/resource_claims.go
    """
    manifest = counted[0].finding.manifest
    findings = tuple(c.finding for c in counted)
    before = tuple(f"{f.resource}: {f.quantity}" for f in findings)
    hard = at(manifest.body, field)
    wanted = _bounds(counted, context, kube.bounded(manifest))
    missing = {key: members for key, members in wanted.items() if key not in hard}
    edits = tuple(
        Edit((*field, key), ABSENT, _sum(members, hard)) for key, members in missing.items()
    )
    reasons = _reasons(counted, wanted, hard)
    by_name = context.options.strategy in {"bridge", "least"}
    prepare = Change(
        phase="prepare",
        manifest=manifest,
        findings=findings,
        edits=edits,
        safety="review" if reasons else "safe",
        why="claims are counted by their class: the same number, beside the old one",
        before=before,
        after=tuple(f"{edit.field[-1]}: {edit.new}" for edit in edits),
        notes=(*reasons, *_meanwhile(counted, context), _LATER),
    )
    if by_name:
        why = "pods go on asking by name, so the old bound stays; nothing is left to add"
        return [prepare if edits else bounds.left(findings, why)]
    unseen = _unseen(counted, context)
    retire = Change(
        phase="retire",
        manifest=manifest,
        findings=findings,
        edits=tuple(Edit(f.field, at(manifest.body, f.field), ABSENT) for f in findings),
        safety="review" if reasons or unseen else "safe",
        why="claims are bounded by their class, and what asks by the old name "
        + ("has to be looked for" if unseen else "moves before"),
        before=before,
        after=tuple(f"{key}: {as_text(hard.get(key, _sum(m, hard)))}" for key, m in wanted.items()),
        notes=(*unseen, *(() if edits else reasons)),
    )
    if still := _still(counted, context):
        said = f"{still.manifest.label} ({still.manifest.origin.path}:{still.line})"
        why = f"{said} still asks for {still.resource} by name: take the old bound away after it"
        retire = replace(retire, edits=(), safety="manual", after=(), notes=(), why=why)
    return [prepare, retire] if edits else [retire]


def _still(counted: list[_Counted], context: Context) -> Finding | None:
    """The first request that this plan leaves, and that may be one of those that are bounded."""
    bound = counted[0].finding.manifest
    left = (f for one in counted for f in context.left.get(_plain(one.finding.resource), ()))
    return next((f for f in left if kube.is_bounded(bound, _space(f))), None)


def _space(request: Finding) -> str:
    """The namespace of what asks, "" where it is not the object's own to say."""
    return request.manifest.namespace if request.shape == "pod" else ""


def _unseen(counted: list[_Counted], context: Context) -> tuple[str, ...]:
    """Why the old bounds are not known to be done with, in one sentence; nothing where they are.

    Shape: a name that no workload of the namespace asks for among the inputs may be asked for by
    pods that were not read.
    """
    space = kube.bounded(counted[0].finding.manifest)
    names = dict.fromkeys(_plain(one.finding.resource) for one in counted)
    unseen = [name for name in names if space not in context.moved.get(name, ())]
    texts = [context.texts[name] for name in names if name in context.texts]
    if texts and not unseen:
        where = f"{texts[0].manifest.origin.path}:{texts[0].line}"
        said = (
            f"a text that is not planned names {texts[0].resource} too ({where}): see that nothing "
            "it makes is bounded here"
        )
        return (said,)
    if not unseen:
        return ()
    where = f"namespace {space}" if space else "the quota's namespace, which it does not name,"
    said = (
        f"no workload of {where} that asks for {', '.join(unseen)} is among the inputs, so whether "
        "pods still ask by name is not known: this takes their bound away, so look for them first "
        "(phase retire has the question)"
    )
    return (said,)


def _bounds(
    counted: list[_Counted], context: Context, namespace: str
) -> dict[str, tuple[_Counted, ...]]:
    """Per key to add, the old bounds whose numbers it adds up.

    The vendor's class stands for every name that maps to it. A class that this plan narrows it to
    is charged by its own name, so it gets the bounds of the names that it can serve.
    """
    by_class: dict[str, list[_Counted]] = {}
    for one in counted:
        by_class.setdefault(one.device_class, []).append(one)
    wanted: dict[str, tuple[_Counted, ...]] = {}
    for device_class, members in by_class.items():
        wanted[kube.class_quota(device_class)] = tuple(members)
        for (base, selectors), name in sorted(context.flavours.items(), key=lambda f: f[1]):
            users = context.users.get(name, frozenset())
            is_used = not namespace or "" in users or namespace in users
            served = tuple(m for m in members if m.selectors <= set(selectors))
            if base == device_class and served and is_used:
                wanted[kube.class_quota(name)] = served
    return wanted


def _sum(members: tuple[_Counted, ...], hard: Mapping[str, object]) -> object:
    """The number of the only member as it is written, or the sum of all in the same form."""
    first = hard[members[0].finding.resource]
    if len(members) == 1:
        return first
    total = sum(member.number for member in members)
    return str(total) if isinstance(first, str) else total


def _reasons(
    counted: list[_Counted], wanted: Mapping[str, tuple[_Counted, ...]], hard: Mapping[str, object]
) -> tuple[str, ...]:
    """Why a person should look, a sentence each."""
    said: list[str] = []
    for device_class in dict.fromkeys(c.device_class for c in counted):
        members = [c for c in counted if c.device_class == device_class]
        names = ", ".join(c.finding.resource for c in members)
        key = kube.class_quota(device_class)
        if any(member.selectors for member in members):
            said.append(
                f"{key} counts every device of {device_class}: it holds the number, or the sum, of "
                f"{names}, does not tell them apart, and counts forms that no bound named"
            )
        narrowed = [k for k, m in wanted.items() if k != key and m[0].device_class == device_class]
        if narrowed:
            classes = " and ".join(k.removesuffix(kube.CLASS_QUOTA) for k in narrowed)
            said.append(
                f"{classes}, which this plan makes, and {device_class} are counted each by itself, "
                "so that together they may hold more than the old bound: part the number between "
                "them, or plan with '--classes vendor', which needs one bound only"
            )
    for key, served in wanted.items():
        if key in hard and kube.whole(hard[key]) != kube.whole(_sum(served, hard)):
            said.append(f"{key} is {as_text(hard[key])} already, and stays so")
    return tuple(said)


def _meanwhile(counted: list[_Counted], context: Context) -> tuple[str, ...]:
    """What the two bounds mean together while pods of both kinds run."""
    if not kube.serves(context.target, "DRAExtendedResource"):
        hole = (
            f"Kubernetes {context.target.kubernetes} counts claims under the new key only "
            "(DRAExtendedResource is off): until phase retire the namespace may hold as much by "
            "claims as by the plugin"
        )
        return (hole,)
    said: list[str] = []
    for one in counted:
        name = _plain(one.finding.resource)
        if _carries(one):
            said.append(
                f"a claim of {one.device_class} counts under both keys where the class carries "
                f"{name}, as the driver's newest chart sets it: pods of both kinds together stay "
                f"within {one.finding.quantity}. Where it does not, they may hold as much each"
            )
        else:
            said.append(
                f"a claim of {one.device_class} does not count under {one.finding.resource}, for "
                f"the class does not carry {name}: until phase retire the namespace may hold as "
                "much by claims as by the plugin"
            )
    return tuple(dict.fromkeys(said))


def _carries(one: _Counted) -> bool:
    """Whether the vendor's class carries the resource's name."""
    container = one.match.rule.container
    name = _plain(one.finding.resource)
    return any(
        c.name == one.device_class and c.extended_resource_name == name
        for c in (container.classes if container else ())
    )
