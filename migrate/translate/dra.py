"""Claims already written: upgraded where the meaning stays, explained where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from migrate import kube
from migrate.kube import mistakes, podclaims, selectors, upgrade
from migrate.model import (
    ABSENT,
    Change,
    Creation,
    Edit,
    Field,
    Finding,
    Manifest,
    PhaseName,
    at,
    fields,
)
from migrate.translate import claims, upgraded
from migrate.translate.context import Context

_PODS: Final = frozenset({podclaims.SOURCE, podclaims.INLINED})
_LABEL_SINCE: Final = 34


def changes(findings: Iterable[Finding], context: Context) -> tuple[Change, ...]:
    """One change for every object that an edit puts right, one for each thing left to a person."""
    gathered: dict[int, list[Finding]] = {}
    for finding in findings:
        gathered.setdefault(id(finding.manifest), []).append(finding)
    return tuple(change for own in gathered.values() for change in _of_manifest(own, context))


def _of_manifest(findings: list[Finding], context: Context) -> Iterator[Change]:
    manifest = findings[0].manifest
    body = manifest.body
    objects = dict(mistakes.objects(body, fields(body)))
    owned: dict[Field | None, list[Finding]] = {}
    for finding in findings:
        owners = [where for where in objects if finding.field[: len(where)] == where]
        owned.setdefault(max(owners, key=len, default=None), []).append(finding)
    for where, own in owned.items():
        if where is not None:
            yield from _of_object(manifest, where, objects[where], own, context)
    yield from _of_others(manifest, owned.get(None, []), context)


def _of_object(
    manifest: Manifest,
    where: Field,
    body: Mapping[str, Any],
    findings: list[Finding],
    context: Context,
) -> Iterator[Change]:
    """The upgrade of one object, with what is mended on the way, and what is not."""
    kind, found = str(body["kind"]), upgrade.version(str(body["apiVersion"]))
    phase: PhaseName = "prepare" if upgrade.is_cluster_scoped(kind) else "claim"
    by_version = [f for f in findings if f.field == (*where, "apiVersion")]
    blocking = [f for f in findings if f.resource in mistakes.BLOCKING]
    mended = [f for f in findings if f.resource in mistakes.MENDED]
    to = upgrade.newest(kind, context.target.minor, found)
    noted = [f for f in findings if f.resource in mistakes.NOTED] if to != found else []
    told = {id(f) for f in (*by_version, *blocking, *mended, *noted)}
    others = [f for f in findings if id(f) not in told]
    if blocking:
        yield from _refused(manifest, phase, blocking, (*by_version, *mended, *noted))
    elif by_version or mended:
        own = (*by_version, *mended, *noted)
        yield upgraded.change(manifest, phase, own, upgraded.Step(where, body, found, to), context)
    for finding in others:
        yield upgraded.manual(manifest, phase, (finding,), finding.note)


def _refused(
    manifest: Manifest,
    phase: PhaseName,
    blocking: Sequence[Finding],
    waiting: tuple[Finding, ...],
) -> Iterator[Change]:
    """One change for each thing that stops an object; what waits for it goes with the first."""
    for finding in blocking:
        own = (finding, *(waiting if finding is blocking[0] else ()))
        if finding.resource == mistakes.CLASSIC:
            own = tuple(sorted(own, key=lambda f: (f.line, f.column)))
        yield upgraded.manual(manifest, phase, own, upgraded.notes(own))


def _of_others(
    manifest: Manifest, findings: Sequence[Finding], context: Context
) -> Iterator[Change]:
    """Pods, namespaces, and claim specs that stand in objects of other kinds."""
    left = list(findings)
    for pod in kube.podspecs(manifest.body) if left else ():
        mine = _of_pod(pod, left)
        if mine:
            told = {id(f) for f in mine}
            left = [f for f in left if id(f) not in told]
            yield _pod(manifest, pod, mine, context)
    expressions: dict[Field, list[Finding]] = {}
    for finding in left:
        if finding.resource == mistakes.ADMIN_LABEL:
            yield _label(finding, context)
        elif finding.resource in upgraded.CEL and not manifest.origin.readonly:
            expressions.setdefault(finding.field, []).append(finding)
        else:
            yield upgraded.manual(manifest, "claim", (finding,), finding.note)
    for own in expressions.values():
        yield _expression(tuple(own))


def _of_pod(pod: kube.PodSpec, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that are mended in the entries of one pod, with those of templates inside."""
    place = pod.at("resourceClaims")
    inside = [f for f in findings if f.field[: len(place)] == place]
    gone = {f.field[: len(place) + 1] for f in inside if f.resource == podclaims.INLINED}
    return tuple(
        f
        for f in inside
        if f.resource in _PODS or (f.resource in upgraded.CEL and f.field[: len(place) + 1] in gone)
    )


def _pod(
    manifest: Manifest, pod: kube.PodSpec, findings: tuple[Finding, ...], context: Context
) -> Change:
    """The entries of one pod as they have to be, and the templates that stood inside them."""
    edits: list[Edit] = []
    creates: list[Creation] = []
    says: list[str] = []
    for number, entry in podclaims.entries(pod.body):
        new = podclaims.without_source(entry)
        inside = podclaims.inlined(entry)
        if inside is not None:
            created = _template(manifest, str(entry.get("name", "claim")), inside[1], context)
            creates.append(created)
            rest = {k: v for k, v in entry.items() if k != inside[0]}
            new = {**rest, "resourceClaimTemplateName": created.name}
        made = tuple(upgrade.edits(entry, new, pod.at("resourceClaims", number)))
        edits += made
        says += [f"{k}: {v}" for k, v in new.items() if k != "name" and made]
    why = upgraded.notes(findings)
    cannot = _cannot(manifest, pod, is_creating=bool(creates))
    if cannot:
        return upgraded.manual(manifest, "claim", findings, f"{cannot}; {why}")
    return Change(
        phase="claim",
        manifest=manifest,
        findings=findings,
        edits=tuple(edits),
        creates=tuple(creates),
        safety="review" if creates else "safe",
        disruption=kube.restart(manifest.kind) if manifest.kind else "none",
        why=why,
        before=upgraded.before(findings),
        after=tuple(says),
        notes=("look at the new template before the pods restart",) if creates else (),
    )


def _cannot(manifest: Manifest, pod: kube.PodSpec, *, is_creating: bool) -> str:
    """Why the entries of a pod are not edited, "" where they are."""
    if manifest.origin.readonly and manifest.origin.via != "stream":
        return manifest.origin.readonly
    is_whole = manifest.kind and all("image" in c.body for c in pod.containers)
    if is_creating and not is_whole:
        return "whose template it is cannot be told here: plan what this is rendered to"
    return ""


def _template(
    manifest: Manifest, entry: str, spec: Mapping[str, Any], context: Context
) -> Creation:
    """The ResourceClaimTemplate that a pod held inside itself."""
    to = context.target.api_version
    inner = {"spec": upgraded.with_cel(upgrade.claim_spec(spec, to))}
    parts = (manifest.name or "pod", entry)
    stem = kube.dns_label(*parts, limit=kube.LABEL_LENGTH - 7)
    metadata = {"name": f"{stem}-{claims.digest(inner)}"}
    if manifest.namespace:
        metadata["namespace"] = manifest.namespace
    return Creation(
        {
            "apiVersion": f"{kube.GROUP}/{to}",
            "kind": "ResourceClaimTemplate",
            "metadata": metadata,
            "spec": inner,
        }
    )


def _label(finding: Finding, context: Context) -> Change:
    """The label of a namespace under its new name, from the version that knows it."""
    manifest = finding.manifest
    if context.target.minor < _LABEL_SINCE or manifest.origin.readonly:
        why = manifest.origin.readonly or f"it stays until the cluster is newer: {finding.note}"
        return upgraded.manual(manifest, "prepare", (finding,), why)
    old = at(manifest.body, finding.field)
    return Change(
        phase="prepare",
        manifest=manifest,
        findings=(finding,),
        edits=(
            Edit(finding.field, old, ABSENT),
            Edit((*finding.field[:-1], mistakes.LABEL), ABSENT, old),
        ),
        safety="review",
        why=finding.note,
        before=(f"{mistakes.OLD_LABEL}: {finding.quantity}",),
        after=(f"{mistakes.LABEL}: {finding.quantity}",),
        notes=("whoever may write claims in this namespace gets devices that others use",),
    )


def _expression(findings: tuple[Finding, ...]) -> Change:
    """One selector that stands in an object of another kind, put right."""
    manifest, field = findings[0].manifest, findings[0].field
    old = at(manifest.body, field)
    return Change(
        phase="claim",
        manifest=manifest,
        findings=findings,
        edits=(Edit(field, old, selectors.mended(old)),),
        safety="review",
        why=upgraded.notes(findings),
        before=upgraded.before(findings),
        after=("a selector that compiles",),
    )
