"""Queries and policies that look at a resource's name: what they will no longer see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from migrate import kube
from migrate.model import Change, Finding
from migrate.translate.context import Context

_POLICY: Final = "policy"
_IS_LEFT_OUT: Final = "left out"
_POD: Final = (
    "a pod with a claim has no {name} in its requests and drops out of this query, which looks as "
    "if nothing used the devices: beside it, count ResourceClaims by their "
    "status.allocation.devices.results, in all by resourceclaim_controller_resource_claims of "
    "kube-controller-manager, or by pod with kube_pod_resourceclaim_info (kube-state-metrics 2.20)"
)
_BRIDGED: Final = "; pods behind the bridge stay in it, whether plugin or driver serves them"
_NODE: Final = (
    "a node does not list devices that a DRA driver serves, so this falls to 0 as nodes change "
    "hands: count the devices of the ResourceSlices of each node instead"
)
_QUOTA: Final = (
    "claims are bounded by <class>.deviceclass.resource.k8s.io/devices: ask for that resource "
    "beside {name}"
)
_OTHER: Final = (
    "what uses a claim does not carry the name {name}, so it is no longer counted here: count "
    "ResourceClaims and the devices of ResourceSlices beside it"
)
_LEFT_OUT: Final = (
    "this query leaves {name} out, of which there is less and less as devices are claimed: it goes "
    "on finding the same, and at the end has nothing to leave out"
)
_QUOTA_LEFT_OUT: Final = (
    "this query leaves {name} out, and would count the bound on claims, "
    "<class>.deviceclass.resource.k8s.io/devices: leave that out beside it"
)
_LABEL: Final = (
    "what writes the node label that is {name} here goes with the device plugin, and then no node "
    "has it: what asks by it finds nothing, and what groups by it puts all nodes together; count "
    "the devices of ResourceSlices by their attributes instead, or keep what writes the label for "
    "as long as this is asked"
)
_RULED: Final = (
    "a pod with a claim has no {name} in its limits, so this policy passes it by, or refuses it: "
    "before the first workload moves, say the same of resourceClaims in pods and of "
    "deviceClassName in ResourceClaims and ResourceClaimTemplates"
)
_WHYS: Final = (
    (("kube_pod_container_resource_", "kube_pod_init_container_resource_"), _POD),
    (("kube_pod_resource_",), _POD),
    (("kube_node_status_",), _NODE),
    (("kube_resourcequota",), _QUOTA),
)
"""Metrics by their beginning.

Source: kube-state-metrics; kubernetes/kube-state-metrics#3005, in its release v2.20.0;
kube-scheduler /metrics/resources.
"""


def changes(findings: Iterable[Finding], context: Context) -> tuple[Change, ...]:
    """One change for the administrator per object and reason; nothing of it is edited."""
    gathered: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        gathered.setdefault((id(finding.manifest), _why(finding, context)), []).append(finding)
    return tuple(
        Change(
            phase="prepare",
            manifest=own[0].manifest,
            findings=tuple(own),
            why=why,
            before=tuple(dict.fromkeys(_said(finding) for finding in own)),
        )
        for (_, why), own in gathered.items()
    )


def _why(finding: Finding, context: Context) -> str:
    if finding.note not in {"", _IS_LEFT_OUT}:
        return finding.note
    why = next((why for start, why in _WHYS if finding.quantity.startswith(start)), _OTHER)
    if finding.note:
        why = _QUOTA_LEFT_OUT if why is _QUOTA else _LEFT_OUT
    elif finding.quantity == _POLICY:
        why = _RULED
    elif "label_" in finding.resource:
        why = _LABEL
    said = why.format(name=finding.resource)
    is_bridged = why is _POD and kube.serves(context.target, "DRAExtendedResource")
    return said + _BRIDGED if is_bridged else said


def _said(finding: Finding) -> str:
    name, metric = finding.resource, finding.quantity
    if not metric:
        return name
    return f"{name} in a policy" if metric == _POLICY else f"{metric} of {name}"
