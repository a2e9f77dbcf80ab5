"""What must hold before and after each phase, in words and as a question that changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from migrate import kube
from migrate.model import Change, Check, Creation, Rule, Target

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
            f"kubectl get {c.kind.lower()} {c.name} -o yaml",
        )
        for c in creations
        if c.is_cluster_scoped
    )


def bridge_before(rules: Iterable[Rule]) -> tuple[Check, ...]:
    """Before a node changes hands: the gate is on, and the two never own one device."""
    checks = [
        Check(
            "feature gate DRAExtendedResource is on in kube-apiserver, kube-scheduler, "
            "kube-controller-manager and every kubelet",
            "kubectl get --raw /metrics | grep DRAExtendedResource",
        )
    ]
    checks += [
        Check(f"{rule.title}: {rule.plugin.exclusive}")
        for rule in rules
        if rule.plugin and rule.plugin.exclusive
    ]
    return tuple(checks)


def bridge_after(names: Iterable[str]) -> tuple[Check, ...]:
    """After a node changed hands: its plugin reports nothing, its driver everything."""
    checks = [
        Check(
            f"on each node that changed hands, allocatable {name} is 0 or gone",
            "kubectl get nodes -o custom-columns="
            f"NODE:.metadata.name,LEFT:.status.allocatable.{_escaped(name)}",
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
    return "'" + name.replace(".", r"\.") + "'"


def claim_before(changes: Iterable[Change]) -> tuple[Check, ...]:
    """Before workloads move: what they name exists in their namespace, and there is headroom."""
    templates = [c for change in changes for c in change.creates if not c.is_cluster_scoped]
    noun = "template" if len(templates) == 1 else "templates"
    checks = [
        Check(
            f"nodes with DRA devices have room for the pods that restart ({len(templates)} claim "
            f"{noun}): a rolling update needs spare devices, or maxSurge 0"
        )
    ]
    if any(change.disruption == "recreate" for change in changes):
        checks.append(
            Check("Jobs and Pods cannot be edited: let them end, or delete and create them again")
        )
    checks.append(
        Check(
            "no mutating webhook drops spec.resourceClaims or resources.claims",
            "kubectl get mutatingwebhookconfigurations",
        )
    )
    return tuple(checks)


def claim_after() -> tuple[Check, ...]:
    """After workloads moved: claims are allocated and pods ready."""
    return (
        Check("every claim is allocated and reserved", "kubectl get resourceclaims -A"),
        Check("no pod is Pending", "kubectl get pods -A --field-selector=status.phase=Pending"),
    )


def retire_before() -> tuple[Check, ...]:
    """Before the plugin goes: nothing asks for its resources any more."""
    return (Check("'dra-migrate scan' finds nothing more", "dra-migrate scan ."),)
