"""Claims already written: upgraded where the meaning stays, explained where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

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
    Safety,
    at,
    fields,
)
from migrate.translate import claims
from migrate.translate.context import Context

_CEL = frozenset({selectors.SLASH, selectors.VALUE, selectors.COMPARED})
_PODS = frozenset({podclaims.SOURCE, podclaims.INLINED})


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
    others = [f for f in findings if f not in (*by_version, *blocking, *mended)]
    if blocking:
        why = "; ".join(dict.fromkeys(f.note for f in blocking))
        yield _manual(manifest, phase, (*by_version, *blocking, *mended), why)
    elif by_version or mended:
        to = upgrade.newest(kind, context.target.minor, found)
        yield _upgrade(manifest, phase, (*by_version, *mended), _Step(where, body, found, to))
    for finding in others:
        yield _manual(manifest, phase, (finding,), finding.note)
