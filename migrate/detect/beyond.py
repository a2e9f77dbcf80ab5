"""Claims already written that the planned version of Kubernetes would refuse or cut short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from migrate import kube
from migrate.kube import fields, upgrade
from migrate.model import Field, Finding, Manifest, Target

GATED: Final = "field behind a feature gate"
TOO_NEW: Final = "version that is not served yet"


def findings(manifests: Iterable[Manifest], target: Target) -> Iterator[Finding]:
    """One finding for each feature gate that an object needs, and for each version too new.

    Shape: what a template says is left out, for it may choose by version itself.
    """
    for manifest in manifests:
        if manifest.origin.via == "template":
            continue
        for where, body in _objects(manifest):
            kind, found = str(body["kind"]), upgrade.version(str(body["apiVersion"]))
            since = upgrade.begins(kind, found)
            if since > target.minor:
                why = f"Kubernetes {target.kubernetes} does not serve it; 1.{since} is the first"
                said = f"{kind}@{found}"
                yield _finding(manifest, (*where, "apiVersion"), TOO_NEW, said, why)
            yield from _gated_kind(manifest, where, kind, target)
            yield from _gated(manifest, where, body, target)


def _objects(manifest: Manifest) -> Iterator[tuple[Field, Mapping[str, Any]]]:
    """The object itself, or those in a list."""
    if manifest.group == kube.GROUP and isinstance(manifest.body, Mapping):
        yield (), manifest.body
    elif manifest.kind.endswith("List") and isinstance(manifest.body, Mapping):
        items = manifest.body.get("items")
        for number, item in enumerate(items if isinstance(items, list) else ()):
            is_object = isinstance(item, Mapping) and isinstance(item.get("kind"), str)
            if is_object and upgrade.version(str(item.get("apiVersion"))):
                yield ("items", number), item


def _gated_kind(manifest: Manifest, where: Field, kind: str, target: Target) -> Iterator[Finding]:
    """The gates of a whole kind, which is served only where they are on."""
    known = kube.gates(target.minor)
    gates = [g for g in upgrade.gates(kind) if g in known and not kube.serves(target, g)]
    if gates:
        said = " and ".join(gates)
        why = (
            f"Kubernetes {target.kubernetes} does nothing with a {kind} where feature gate {said} "
            "is off, as by default, and serves its version only where --runtime-config says so: "
            f"plan with '--feature-gate {gates[0]}=true' if your cluster has it on"
        )
        yield _finding(manifest, (*where, "kind"), GATED, said, why)


def _gated(
    manifest: Manifest, where: Field, body: Mapping[str, Any], target: Target
) -> Iterator[Finding]:
    places: dict[str, list[Field]] = {}
    for field, gates in fields.gated(upgrade.newest_form(body), str(body["kind"])):
        for gate in gates:
            if not kube.serves(target, gate):
                places.setdefault(gate, []).append(upgrade.before(body, field))
    for gate, own in places.items():
        said = " and ".join(fields.path(field) for field in own)
        why = _why(gate, said, target)
        yield _finding(manifest, (*where, *own[0]), GATED, gate, why)


def _why(gate: str, said: str, target: Target) -> str:
    kubernetes = f"Kubernetes {target.kubernetes}"
    if gate not in kube.gates(target.minor):
        return f"{kubernetes} has no {said} yet; it comes with feature gate {gate}"
    later = (minor for minor in range(target.minor + 1, kube.NEWEST + 1) if kube.gates(minor)[gate])
    on = next((f" until 1.{minor}" for minor in later), "")
    return (
        f"{kubernetes} does not keep {said}, for feature gate {gate} is off there{on}: plan with "
        f"'--feature-gate {gate}=true' if your cluster has it on, or leave the field out"
    )


def _finding(manifest: Manifest, field: Field, resource: str, said: str, why: str) -> Finding:
    line, column = manifest.position(field)
    return Finding(
        usage="dra",
        manifest=manifest,
        field=field,
        resource=resource,
        quantity=said,
        rule="",
        line=line,
        column=column,
        note=why,
    )
