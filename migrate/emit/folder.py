"""The plan folder: what a person reads, what `apply` writes, and the same for machines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from migrate import __version__, yamltext
from migrate.emit import listing, patches, report
from migrate.emit.rewrite import Rewrite
from migrate.model import PHASES, Change, Check, Creation, Edit, Phase, Plan, Rule
from migrate.planning import creations

NUMBERS: Final = {name: f"{i}-{name}" for i, name in enumerate(PHASES, start=1)}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the plan was made from, for its readers.

    Shape: `root` is the path from the plan folder to the files' root; `counts` are numbers of the
    reading (files, with_findings, comments, unreadable); `options` are the choices by name.
    """

    root: str
    options: Mapping[str, str]
    counts: Mapping[str, int]
    unreadable: tuple[tuple[str, int, int, str], ...] = ()
    asides: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    pods: int = 0
    countable: int = 0


def document(plan: Plan, rewrites: Sequence[Rewrite], facts: Facts) -> dict[str, Any]:
    """The plan as `plan.json` holds it; its schema is in docs/plan.schema.json."""
    return {
        "version": plan.version,
        "generator": f"dra-migrate {__version__}",
        "kubernetes": plan.target.kubernetes,
        "asked": plan.target.asked,
        "api_version": f"resource.k8s.io/{plan.target.api_version}",
        "root": facts.root,
        "options": dict(facts.options),
        "counts": {**facts.counts, "pods": facts.pods, "bridge_would_do": facts.countable},
        "assumptions": list(plan.assumptions),
        "newer": list(facts.newer),
        "unreadable": [
            {"path": p, "line": line, "column": column, "reason": reason}
            for p, line, column, reason in facts.unreadable
        ],
        "asides": list(facts.asides),
        "phases": [_phase(phase, rewrites) for phase in plan.phases],
    }


def _phase(phase: Phase, rewrites: Iterable[Rewrite]) -> dict[str, Any]:
    files = [r for r in rewrites if r.phase == phase.name and r.is_written]
    return {
        "name": phase.name,
        "who": phase.who,
        "back": phase.back,
        "before": [_check(check) for check in phase.before],
        "after": [_check(check) for check in phase.after],
        "changes": [_change(change) for change in phase.changes],
        "creates": [
            {"kind": c.kind, "namespace": c.namespace, "name": c.name} for c in phase.creates
        ],
        "files": [_file(rewrite) for rewrite in files],
    }


def _check(check: Check) -> dict[str, str]:
    return {"says": check.says, "ask": check.ask}


def _change(change: Change) -> dict[str, Any]:
    manifest = change.manifest
    first = change.findings[0] if change.findings and manifest else None
    created = [f"{c.kind} {c.name}" for c in change.creates]
    return {
        "object": manifest.label if manifest else ", ".join(created or change.before),
        "path": manifest.origin.path if manifest else "",
        "via": manifest.origin.via if manifest else "",
        "line": first.line if first else 0,
        "source": manifest.origin.source if manifest else "",
        "usages": sorted({f.usage for f in change.findings}),
        "findings": [
            f"{f.line}:{f.column} {f.usage} {f.resource}={f.quantity}" for f in change.findings
        ],
        "before": list(change.before),
        "after": list(change.after),
        "strategy": change.strategy,
        "safety": change.safety,
        "disruption": change.disruption,
        "why": change.why,
        "notes": list(change.notes),
        "lighter": change.lighter,
        "edits": len(change.edits),
        "creates": created,
    }


def _file(rewrite: Rewrite) -> dict[str, Any]:
    return {
        "path": rewrite.path,
        "before": _sha(rewrite.before) if rewrite.before is not None else "",
        "after": _sha(rewrite.after),
        "encoding": rewrite.encoding,
        "splices": [list(splice) for splice in rewrite.splices],
        "says": list(rewrite.says),
        "quoted": list(rewrite.quoted),
        "lines": rewrite.lines,
        "creates": rewrite.creates,
    }


def _sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def files(
    plan: Plan, rewrites: Sequence[Rewrite], facts: Facts, rules: Iterable[Rule]
) -> dict[str, bytes]:
    """The text of every file of the plan folder, by its path inside it."""
    body = document(plan, rewrites, facts)
    made: dict[str, bytes] = {
        "plan.json": _json(body),
        "README.md": report.markdown(body).encode(),
        "record.json": _json(record(plan, rules)),
    }
    edited: dict[int, tuple[Edit, ...]] = {}
    for phase in plan.phases:
        folder = NUMBERS[phase.name]
        told = next(p for p in body["phases"] if p["name"] == phase.name)
        made[f"{folder}/README.md"] = report.phase(told).encode()
        made |= {f"{folder}/{path}": data for path, data in _objects(phase).items()}
        made |= {f"{folder}/{path}": data for path, data in _patches(phase, edited).items()}
        for change in phase.changes:
            edited[id(change.manifest)] = (*edited.get(id(change.manifest), ()), *change.edits)
        for rewrite in rewrites:
            if rewrite.phase == phase.name and rewrite.diff:
                made[f"{folder}/diff/{_flat(rewrite.path)}.diff"] = rewrite.diff
    return made


def _json(body: Any) -> bytes:
    return listing.as_json(body).encode()


def _flat(path: str) -> str:
    """A path as one file name that tells it apart from every other."""
    said = "rendered" if path == "-" else path.replace("%", "%25").replace("_", "%5F")
    return said.replace("../", "up_").replace("/", "_").lstrip(".") or "file"


def _objects(phase: Phase) -> dict[str, bytes]:
    """The objects to create, a file each."""
    return {
        f"new/{_object_name(c.kind, c.namespace, c.name)}": yamltext.dump(
            c.body, c.comments
        ).encode()
        for c in phase.creates
    }


def _object_name(kind: str, namespace: str, name: str) -> str:
    parts = [kind.lower(), namespace, name]
    return "-".join(listing.printable(p).replace("/", "-") for p in parts if p) + ".yaml"


def _patches(phase: Phase, earlier: Mapping[int, tuple[Edit, ...]]) -> dict[str, bytes]:
    """A JSON Patch per edited object, and the kustomization that applies them to rendered ones.

    `earlier` are the edits of the phases before this one, by the identity of their manifest.
    """
    made: dict[str, bytes] = {}
    rendered: list[tuple[str, Change]] = []
    for change in phase.changes:
        if not change.edits or change.manifest is None or not change.manifest.kind:
            continue
        stem, number = patches.name(change.manifest), 2
        name = f"{stem}.json"
        while f"patches/{name}" in made:
            name, number = f"{stem}-{number}.json", number + 1
        is_rendered = change.manifest.origin.via == "stream"
        if is_rendered:
            rendered.append((f"patches/{name}", change))
        operations = patches.operations(
            change.manifest.body,
            change.edits,
            earlier.get(id(change.manifest), ()),
            # Custom kinds are kept as they were written.
            is_served=not is_rendered and "." not in change.manifest.group,
        )
        made[f"patches/{name}"] = patches.text(operations)
    if rendered:
        objects = creations([change for _, change in rendered])
        listed = [
            f"new/{_object_name(c.kind, c.namespace, c.name)}"
            for c in objects
            if not c.is_cluster_scoped
        ]
        # Kustomize reads nothing above a kustomization: it stands over patches and new objects.
        made["kustomization.yaml"] = yamltext.dump(patches.kustomization(rendered, listed)).encode()
    return made


def _recorded(creation: Creation) -> dict[str, Any]:
    return {
        "namespace": creation.namespace,
        "name": creation.name,
        "spec": creation.body["spec"],
    }


def record(plan: Plan, rules: Iterable[Rule]) -> dict[str, Any]:
    """The governance record: classes, drivers, claims, namespaces, and what was decided."""
    changes = [c for phase in plan.phases for c in phase.changes]
    made = creations(changes)
    used = {f.rule for change in changes for f in change.findings if f.rule}
    return {
        "version": 1,
        "kubernetes": plan.target.kubernetes,
        "drivers": [
            {"name": r.driver, "rule": r.name, "maturity": r.maturity, "sources": list(r.sources)}
            for r in rules
            if r.name in used
        ],
        "classes": [{"name": c.name, "spec": c.body["spec"]} for c in made if c.is_cluster_scoped],
        "templates": [_recorded(c) for c in made if c.kind == "ResourceClaimTemplate"],
        "claims": [_recorded(c) for c in made if c.kind == "ResourceClaim"],
        "workloads": [
            {
                "object": c.manifest.label,
                "path": c.manifest.origin.path,
                "strategy": c.strategy,
                "safety": c.safety,
                "why": c.why,
            }
            for c in changes
            if c.manifest is not None
        ],
        "sharing": [
            {"resource": f.resource, "setting": f.quantity, "becomes": f.note}
            for c in changes
            for f in c.findings
            if f.usage == "plugin" and f.note
        ],
    }
