"""Facts of Kubernetes that are true without us.

`names`     what a name, a label, a quantity and an extended resource are
`podspecs`  what a pod spec is, wherever it stands
`places`    which kinds keep claims in their pod templates, and what an edit there restarts
`versions`  what each minor version serves, and which feature gates it has on
`claims`    the objects of `resource.k8s.io`, in the form the target serves
`tables`    the facts that are kept as data, with their sources
"""

from __future__ import annotations

from migrate.kube.claims import (
    claim_template,
    device_class,
    prioritized_request,
    request,
    subrequest,
)
from migrate.kube.names import (
    CEL_LENGTH,
    CLASS_RESOURCE_PREFIX,
    CONFIGS_PER_CLAIM,
    CONSTRAINTS_PER_CLAIM,
    DEVICES_PER_CLAIM,
    FIRST_AVAILABLE,
    LABEL_LENGTH,
    LABEL_OPERATORS,
    PODS_PER_CLAIM,
    REQUESTS_PER_CLAIM,
    SELECTORS_PER_REQUEST,
    SUBDOMAIN_LENGTH,
    dns_label,
    is_device_resource,
    is_dns_label,
    is_dns_subdomain,
    is_extended_resource,
    is_implicit_class_resource,
    is_label_key,
    is_label_value,
    quantity,
    whole,
)
from migrate.kube.places import Place, Support, place, restart
from migrate.kube.podspecs import Container, PodSpec, Role, podspecs
from migrate.kube.versions import (
    GROUP,
    NEWEST,
    OLDEST,
    gates,
    newer,
    removed,
    serves,
    target,
)

__all__ = [
    "CEL_LENGTH",
    "CLASS_RESOURCE_PREFIX",
    "CONFIGS_PER_CLAIM",
    "CONSTRAINTS_PER_CLAIM",
    "DEVICES_PER_CLAIM",
    "FIRST_AVAILABLE",
    "GROUP",
    "LABEL_LENGTH",
    "LABEL_OPERATORS",
    "NEWEST",
    "OLDEST",
    "PODS_PER_CLAIM",
    "REQUESTS_PER_CLAIM",
    "SELECTORS_PER_REQUEST",
    "SUBDOMAIN_LENGTH",
    "Container",
    "Place",
    "PodSpec",
    "Role",
    "Support",
    "claim_template",
    "device_class",
    "dns_label",
    "gates",
    "is_device_resource",
    "is_dns_label",
    "is_dns_subdomain",
    "is_extended_resource",
    "is_implicit_class_resource",
    "is_label_key",
    "is_label_value",
    "newer",
    "place",
    "podspecs",
    "prioritized_request",
    "quantity",
    "removed",
    "request",
    "restart",
    "serves",
    "subrequest",
    "target",
    "whole",
]
