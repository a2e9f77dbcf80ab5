"""What must hold before and after each phase, in words and as a question that changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate import kube
from migrate.model import Change, Check, Creation, Finding, Rule, Target

_API = "kubectl api-resources --api-group=resource.k8s.io"


def prepare_before(
    target: Target, rules: Iterable[Rule], classes: Iterable[str]
) -> tuple[Check, ...]:
    """Before anything is created: the API is served and the drivers' devices are complete."""
    checks = [Check(f"{kube.GROUP}/{target.api_version} is served", _API)]
    checks += [
        Check(
            f"DeviceClass {name} exists and selects only devices of its driver",
            f"kubectl get deviceclass {name} -o yaml",
        )
        for name in sorted(classes)
    ]
    for rule in rules:
        checks += [Check(f"{rule.title}: {needed}") for needed in rule.requires]
    return tuple(checks)


def created(creations: Iterable[Creation]) -> tuple[Check, ...]:
    """Objects read back as they were written: an API server drops fields whose gate is off."""
    return tuple(
        Check(
            f"{c.kind} {c.name} reads back as written",
            f"kubectl get {c.kind.lower()} {c.name}{_in(c.namespace)} -o yaml",
        )
        for c in creations
    )


def _in(namespace: str) -> str:
    """The flag for a namespace, "" where there is none that can be typed."""
    return f" -n {namespace}" if kube.is_dns_subdomain(namespace) else ""


def bridge_before(apart: Iterable[Check]) -> tuple[Check, ...]:
    """Before a node changes hands: the gate is on, and the two never own one device."""
    checks = [
        Check(
            "feature gate DRAExtendedResource is on in kube-apiserver, kube-scheduler, "
            "kube-controller-manager and every kubelet",
            "kubectl get --raw /metrics | grep DRAExtendedResource",
        )
    ]
    return (*checks, *apart)


def apart(rules: Iterable[Rule], findings: Iterable[Finding]) -> tuple[Check, ...]:
    """Before the driver serves a node: no plugin owns its devices there."""
    by_name = {rule.name: rule for rule in rules}
    checks = [
        Check(f"{rule.title}: {rule.plugin.exclusive}")
        for rule in by_name.values()
        if rule.plugin and rule.plugin.exclusive
    ]
    for finding in findings:
        part = by_name[finding.rule].part(finding.resource) if finding.rule in by_name else None
        if part and part.nodes:
            where = f"{finding.manifest.label} ({finding.manifest.origin.path})"
            checks.append(Check(f"{where}: {part.nodes}"))
    return tuple(dict.fromkeys(checks))


def bridge_after(names: Iterable[str]) -> tuple[Check, ...]:
    """After a node changed hands: its plugin reports nothing, its driver everything."""
    checks = [
        Check(
            f"on each node that changed hands, allocatable {name} is 0 or gone",
            "kubectl get nodes -o custom-columns="
            f"NODE:.metadata.name,LEFT:.status.allocatable.'{_escaped(name)}'",
        )
        for name in sorted(names)
    ]
    if checks:
        checks.append(
            Check(
                "each of those nodes publishes its devices",
                "kubectl get resourceslices",
            )
        )
    return tuple(checks)


def _escaped(name: str) -> str:
    return name.replace(".", r"\.")


def claim_before(changes: Iterable[Change], apart: Iterable[Check]) -> tuple[Check, ...]:
    """Before workloads move: what they name exists in their namespace, and there is headroom."""
    kinds = [c.kind for change in changes for c in change.creates]
    templates = kinds.count("ResourceClaimTemplate")
    count = f" ({templates} claim template{'s' * (templates > 1)})" if templates else ""
    checks = [
        Check(
            f"nodes with DRA devices have room for the pods that restart{count}: a rolling update "
            "needs spare devices, or maxSurge 0"
        )
    ]
    if any(change.disruption == "recreate" for change in changes):
        checks.append(
            Check("Jobs and Pods cannot be edited: let them end, or delete and create them again")
        )
    if any(change.edits and _kind(change) == "StatefulSet" for change in changes):
        checks.append(
            Check(
                "a StatefulSet waits for its own pods before it makes new ones: once it has the "
                "new template, delete those of its pods that are Pending (their node was switched)",
                "kubectl get pods -A --field-selector=status.phase=Pending",
            )
        )
    checks.append(
        Check(
            "no mutating webhook drops spec.resourceClaims or resources.claims",
            "kubectl get mutatingwebhookconfigurations",
        )
    )
    return (*apart, *checks)


def _kind(change: Change) -> str:
    return change.manifest.kind if change.manifest else ""


def claim_after() -> tuple[Check, ...]:
    """After workloads moved: claims are allocated and pods ready."""
    return (
        Check("every claim is allocated and reserved", "kubectl get resourceclaims -A"),
        Check("no pod is Pending", "kubectl get pods -A --field-selector=status.phase=Pending"),
    )


def counted(changes: Iterable[Change]) -> tuple[Check, ...]:
    """After quotas were edited: the cluster counts what was added."""
    made: list[Check] = []
    for change in changes:
        manifest = change.manifest
        if not change.edits or manifest is None or manifest.kind != "ResourceQuota":
            continue
        names = [manifest.name, manifest.namespace or "default"]
        is_plain = all(map(kube.is_dns_subdomain, names))
        ask = f"kubectl describe resourcequota {names[0]} -n {names[1]}" if is_plain else ""
        made.append(Check(f"{manifest.label} counts what is claimed", ask))
    return tuple(made)


def retire_before(changes: Iterable[Change]) -> tuple[Check, ...]:
    """Before the plugin goes: nothing asks for its resources any more."""
    changes = tuple(changes)
    if changes:
        said = (
            "'dra-migrate scan' finds only what this phase is about: no request, label or variable"
        )
        return (Check(said, "dra-migrate scan ."), *_unasked(changes))
    return (Check("'dra-migrate scan' finds nothing more", "dra-migrate scan ."),)


def _unasked(changes: Iterable[Change]) -> Iterator[Check]:
    """Before an old bound is taken away: no pod, read or not, asks by the name that it bounds."""
    for change in changes:
        manifest = change.manifest
        if not change.edits or manifest is None:
            continue
        space = kube.bounded(manifest)
        where = f"namespace {space}" if space else "the namespace that it is applied to"
        names = dict.fromkeys(f.resource for f in change.findings if f.usage == "quota")
        for name in (name.removeprefix("requests.") for name in names):
            yield Check(
                f"{manifest.label} may cease to bound {name}: no pod of {where} asks for it by "
                "name, and no workload there makes one that would",
                _asking(name, _in(space) or " -A"),
            )


def _asking(name: str, where: str) -> str:
    """The question which pods ask for a resource."""
    asks = f".resources.requests.{_escaped(name)}"
    columns = {
        "NAMESPACE": ".metadata.namespace",
        "POD": ".metadata.name",
        "ASKS": f".spec.containers[*]{asks}",
        "INIT": f".spec.initContainers[*]{asks}",
    }
    shown = ",".join(f"{head}:{path}" for head, path in columns.items())
    return f"kubectl get pods{where} -o 'custom-columns={shown}'"
