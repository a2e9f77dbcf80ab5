"""One object of `resource.k8s.io`, in the version that the target serves and mended on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate import kube
from migrate.kube import mistakes, selectors, upgrade
from migrate.model import Change, Edit, Field, Finding, Manifest, PhaseName, Safety
from migrate.translate.context import Context, joined

CEL: Final = frozenset({selectors.SLASH, selectors.VALUE, selectors.COMPARED})
"""Mistakes in expressions that an edit puts right."""
_LOOKED_AT: Final = mistakes.NOTED | {mistakes.STRAY}


@dataclass(frozen=True, slots=True)
class Step:
    """An object at `where` in its manifest, the version it is in and the one it goes to."""

    where: Field
    body: Mapping[str, Any]
    found: str
    to: str

    @property
    def edits(self) -> tuple[Edit, ...]:
        new = upgrade.upgraded(self.body, self.to)
        if "spec" in new:
            new["spec"] = with_cel(new["spec"])
        return tuple(upgrade.edits(self.body, new, self.where))


def change(
    manifest: Manifest,
    phase: PhaseName,
    findings: tuple[Finding, ...],
    step: Step,
    context: Context,
) -> Change:
    """What becomes of one object whose mistakes can all be mended, or that has none."""
    old, new = f"{kube.GROUP}/{step.found}", f"{kube.GROUP}/{step.to}"
    kind, is_newer = str(step.body["kind"]), old != new
    mistaken = tuple(dict.fromkeys(f.resource for f in findings if f.note))
    was = (*((old,) if is_newer or not mistaken else ()), *mistaken)
    says = (*([new] if is_newer else []), *_said(step.body, step.to, mistaken))
    why = _why(kind, step) if is_newer else notes(findings)
    if manifest.origin.readonly and manifest.origin.via != "stream":
        asked = f"; what it is to say: {', '.join(says)}" if says else ""
        return manual(manifest, phase, findings, f"{manifest.origin.readonly}{asked}", was)
    if not step.edits and step.found in upgrade.serving(kind, context.target.minor):
        return _stays(manifest, phase, findings, step, context)
    if not step.edits:
        return manual(manifest, phase, findings, _nothing_newer(step, context), was)
    return Change(
        phase=phase,
        manifest=manifest,
        findings=findings,
        edits=step.edits,
        safety=_safety(findings),
        why=why,
        before=was,
        after=says,
        notes=(notes(findings),) if is_newer and mistaken else (),
    )


def _safety(findings: Iterable[Finding]) -> Safety:
    """A form has one meaning; an expression that was put right wants a look."""
    return "review" if any(f.resource in CEL | _LOOKED_AT for f in findings) else "safe"


def _said(body: Mapping[str, Any], to: str, mistaken: Iterable[str]) -> tuple[str, ...]:
    """What else becomes of the object, in few words."""
    new = upgrade.upgraded(body, to)
    places = [edit.field for edit in upgrade.edits(body, new)]
    said = {
        "request fields under exactly": any(f[-1] == "exactly" for f in places)
        and not upgrade.is_flat(to),
        "request fields beside the name": any(f[-1] == "exactly" for f in places)
        and upgrade.is_flat(to),
        "devices without basic": any(f[-1] == "basic" for f in places),
        "capacities as objects": any(f[-2] == "capacity" for f in places if len(f) > 1),
        "no empty nodeName": ("spec", "nodeName") in places,
        "no allNodes: false": ("spec", "allNodes") in places,
        "no fields of classic DRA": mistakes.STRAY in mistaken,
        "selectors that compile": bool(CEL.intersection(mistaken)),
    }
    return tuple(words for words, is_so in said.items() if is_so)


def _why(kind: str, step: Step) -> str:
    end = upgrade.gone(kind, step.found)
    until = f"Kubernetes serves {step.found} until 1.{end - 1}; " if end else ""
    return f"{until}{step.to} says the same"


def _stays(
    manifest: Manifest,
    phase: PhaseName,
    findings: tuple[Finding, ...],
    step: Step,
    context: Context,
) -> Change:
    """An object in the newest version that the target serves, though later ones have a newer."""
    first = upgrade.first(str(step.body["kind"]))
    return Change(
        phase=phase,
        manifest=manifest,
        findings=findings,
        safety="safe",
        why=(
            f"Kubernetes {context.target.kubernetes} serves nothing newer of "
            f"{step.body['kind']}; plan again for 1.{first}, which serves v1"
        ),
        before=(f"{kube.GROUP}/{step.found}",),
        after=("stays as it is",),
    )


def _nothing_newer(step: Step, context: Context) -> str:
    kind, minor = str(step.body["kind"]), context.target.minor
    there = upgrade.serving(kind, minor)
    begins, first = upgrade.begins(kind, step.found), upgrade.first(kind)
    if not begins:
        return (
            f"the Kubernetes planned for serves nothing newer of {kind} than {step.found}: plan "
            f"again for 1.{first}, which serves v1"
        )
    has = f"serves only {' and '.join(there)}" if there else "has no such kind"
    came = (
        f"{step.found} of {kind} comes with 1.{begins}"
        if begins > minor
        else (f"{step.found} of {kind} is gone from 1.{upgrade.gone(kind, step.found)}")
    )
    return (
        f"{came}, and the Kubernetes planned for, 1.{minor}, {has}, so it refuses the object: plan "
        f"for 1.{max(begins, minor)} or later" + (f", or write {there[0]}" if there else "")
    )


def with_cel(value: Any) -> Any:
    """A part of an object with the selectors in it put right; drivers' parameters are theirs."""
    if isinstance(value, Mapping):
        return {k: v if k == "opaque" else _selector(k, v) for k, v in value.items()}
    return [with_cel(item) for item in value] if isinstance(value, list) else value


def _selector(key: str, value: Any) -> Any:
    if key != "cel" or not isinstance(value, Mapping):
        return with_cel(value)
    text = value.get("expression")
    return {**value, "expression": selectors.mended(text)} if isinstance(text, str) else value


def manual(
    manifest: Manifest,
    phase: PhaseName,
    findings: tuple[Finding, ...],
    why: str,
    was: tuple[str, ...] = (),
) -> Change:
    """What is left to a person, and why."""
    return Change(
        phase=phase,
        manifest=manifest,
        findings=findings,
        why=why,
        before=was or before(findings),
    )


def notes(findings: Iterable[Finding]) -> str:
    """What the findings say of themselves, each sentence once."""
    return joined(f.note for f in findings)


def before(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What a person reads of today."""
    said = (f"{f.resource}: {f.quantity}" if f.quantity else f.resource for f in findings)
    return tuple(dict.fromkeys(said))
