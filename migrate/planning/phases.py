"""Changes → the four phases, always in this order, some of them empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from migrate import kube
from migrate.model import PHASES, Change, Creation, Finding, Phase, PhaseName, Plan, Rule, Target
from migrate.planning import checks

_WHO: dict[PhaseName, str] = {
    "prepare": "cluster admin",
    "bridge": "cluster admin, node pool by node pool",
    "claim": "workload owners",
    "retire": "cluster admin",
}
_BACK: dict[PhaseName, str] = {
    "prepare": "delete what was created",
    "bridge": "put the plugin back on the node: drain, driver off, plugin on",
    "claim": "'dra-migrate rollback' restores every byte; the old manifests apply as before",
    "retire": "install the plugin again with the configuration that was removed",
}


def plan(
    changes: tuple[Change, ...],
    target: Target,
    rules: tuple[Rule, ...],
    findings: tuple[Finding, ...],
) -> Plan:
    """The plan of these changes for one target."""
    used = _used(findings, rules)
    by_phase = {name: tuple(c for c in changes if c.phase == name) for name in PHASES}
    claims = by_phase["claim"]
    early = _created(by_phase)["prepare"]
    classes = _classes([*claims, *by_phase["prepare"]])
    made = {c.name for c in early if c.is_cluster_scoped}
    plugins = [f for f in findings if f.usage == "plugin"]
    apart = checks.apart(_served(findings, rules), plugins)
    before = {
        "prepare": checks.prepare_before(target, used, classes - made),
        "bridge": (checks.bridge_before(apart) if by_phase["bridge"] else ()),
        "claim": (
            checks.claim_before(claims, () if by_phase["bridge"] else apart)
            if any(c.edits for c in claims)
            else ()
        ),
        "retire": checks.retire_before(by_phase["retire"]) if findings else (),
    }
    names = {f.resource for f in findings if f.usage == "container" and f.rule}
    after = {
        "prepare": (
            *checks.created(early),
            *checks.counted(by_phase["prepare"]),
        ),
        "bridge": checks.bridge_after(names) if by_phase["bridge"] else (),
        "claim": checks.claim_after() if any(c.edits for c in claims) else (),
        "retire": checks.bridge_after(names) if plugins and not by_phase["bridge"] else (),
    }
    phases = tuple(
        Phase(
            name=name,
            who=_WHO[name],
            changes=by_phase[name],
            before=before[name],
            after=after[name],
            back=_back(name, by_phase[name]),
        )
        for name in PHASES
    )
    return with_creations(Plan(target, phases, assumptions(target, used, by_phase["bridge"])))


def _back(name: PhaseName, changes: Iterable[Change]) -> str:
    """The way back of a phase; where it edits files, what restores them as well."""
    edits = name != "claim" and any(change.edits for change in changes)
    restored = "'dra-migrate rollback' restores every byte; "
    return f"{restored}{_BACK[name]}" if edits else _BACK[name]


def _served(findings: Iterable[Finding], rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules that know a resource which containers ask for, or the plugin that serves it."""
    names = {f.rule for f in findings if f.usage in {"container", "plugin"}}
    return tuple(rule for rule in rules if rule.name in names)


def with_creations(plan: Plan) -> Plan:
    """The plan, each phase with the objects that its changes and those of later ones need."""
    creates = _created({phase.name: phase.changes for phase in plan.phases})
    phases = tuple(replace(phase, creates=creates[phase.name]) for phase in plan.phases)
    return replace(plan, phases=phases)


def _used(findings: Iterable[Finding], rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules that know a resource which containers ask for."""
    names = {f.rule for f in findings if f.usage == "container"}
    return tuple(rule for rule in rules if rule.name in names)


def creations(changes: Iterable[Change]) -> tuple[Creation, ...]:
    """Every object to create, once, cluster-scoped ones first."""
    found: dict[tuple[str, str, str], Creation] = {}
    for change in changes:
        for creation in change.creates:
            found.setdefault((creation.kind, creation.namespace, creation.name), creation)
    return tuple(
        sorted(found.values(), key=lambda c: (not c.is_cluster_scoped, c.namespace, c.name))
    )


def _created(
    changes: Mapping[PhaseName, tuple[Change, ...]],
) -> dict[PhaseName, tuple[Creation, ...]]:
    """The objects each phase creates; classes that claims name come before them."""
    early = creations([*changes["prepare"], *changes["claim"]])
    common = {(c.namespace, c.name) for c in creations(changes["prepare"])}
    return {
        "prepare": tuple(
            c for c in early if c.is_cluster_scoped or (c.namespace, c.name) in common
        ),
        "bridge": creations(changes["bridge"]),
        "claim": tuple(c for c in creations(changes["claim"]) if not c.is_cluster_scoped),
        "retire": creations(changes["retire"]),
    }


def _classes(changes: Iterable[Change]) -> set[str]:
    """The DeviceClasses that new claims and claim templates name."""
    names: set[str] = set()
    for creation in creations(changes):
        if creation.is_cluster_scoped:
            continue
        spec = creation.body["spec"]
        for request in spec.get("spec", spec)["devices"]["requests"]:
            for body in (request, request.get("exactly", {}), *request.get("firstAvailable", ())):
                if "deviceClassName" in body:
                    names.add(body["deviceClassName"])
    return names


def assumptions(
    target: Target, rules: Iterable[Rule], bridged: tuple[Change, ...]
) -> tuple[str, ...]:
    """What the plan takes for granted because no cluster was asked, a sentence each."""
    said = [
        f"The cluster serves {kube.GROUP}/{target.api_version} (Kubernetes {target.kubernetes}).",
        (
            "A count means whole devices: no plugin shares them. Put the plugin's configuration "
            "among the inputs and its sharing is taken into account."
        ),
        "The DeviceClasses of the vendors' drivers are installed as their charts bring them.",
        "No webhook or controller drops resourceClaims from pods.",
        (
            "A label spoke of a whole node; a selector speaks of each device. On a node with mixed "
            "devices a pod now gets only the one it names."
        ),
    ]
    said += [f"{rule.title}: {limit}" for rule in rules for limit in rule.limits]
    if bridged and not kube.serves(target, "DRAExtendedResource"):
        said.append("Feature gate DRAExtendedResource is switched on.")
    return tuple(said)
