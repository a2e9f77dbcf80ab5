"""Facts of Kubernetes that are true without us.

`names`     what a name, a label, a quantity and an extended resource are
`podspecs`  what a pod spec is, wherever it stands
`places`    which kinds keep claims in their pod templates, and what an edit there restarts
`shorthands` fields of custom kinds that ask for devices in a word of their own
`assignments` what sets a field elsewhere by its path; `scripts` strings that make pods, no YAML
`versions`  what each minor version serves, and which feature gates it has on
`claims`    the objects of `resource.k8s.io`, in the form the target serves
`upgrade`   those objects from one version of the API to another
`mistakes`  what is refused in them; `selectors` in their CEL; `podclaims` in the claims of pods
`fields`    what each field of those objects takes
`cel`       what the API server would not parse in a selector
`bounds`    where quotas, queues, pools and schedulers name an extended resource
`topology`  what pods do that keep together or apart by a label that no node has
`charts`    what objects install by Helm, and which charts take claims in their values
`plugins`   the kubelet's folder for plugins
`promql`    what a query asks by; `metricnames` how metrics write names of resources and labels
`paths`     how tables write the path of a field
`tables`    the facts that are kept as data, with their sources
"""

from __future__ import annotations

from migrate.kube.assignments import DONE, PATCHED, Assignment, assignment
from migrate.kube.bounds import (
    CLAIM_COUNTS,
    CLASS_QUOTA,
    Bound,
    Spot,
    bound,
    bound_words,
    bounded,
    charged,
    class_quota,
    file_kind,
    is_bounded,
    is_device_bound,
    settling,
    spot,
)
from migrate.kube.charts import (
    Chart,
    Release,
    chart,
    chart_names,
    claims_elsewhere,
    is_chart_source,
    place_in_values,
    release,
    releases,
)
from migrate.kube.claims import (
    claim,
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
from migrate.kube.places import Place, Support, place, readers, restart
from migrate.kube.plugins import is_plugin_folder
from migrate.kube.podspecs import Container, PodSpec, Role, Values, podspecs
from migrate.kube.scripts import Script, script
from migrate.kube.shorthands import Shorthand, has_shorthands, selected, shorthand
from migrate.kube.topology import Topology, topology
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
    "CLAIM_COUNTS",
    "CLASS_QUOTA",
    "CLASS_RESOURCE_PREFIX",
    "CONFIGS_PER_CLAIM",
    "CONSTRAINTS_PER_CLAIM",
    "DEVICES_PER_CLAIM",
    "DONE",
    "FIRST_AVAILABLE",
    "GROUP",
    "LABEL_LENGTH",
    "LABEL_OPERATORS",
    "NEWEST",
    "OLDEST",
    "PATCHED",
    "PODS_PER_CLAIM",
    "REQUESTS_PER_CLAIM",
    "SELECTORS_PER_REQUEST",
    "SUBDOMAIN_LENGTH",
    "Assignment",
    "Bound",
    "Chart",
    "Container",
    "Place",
    "PodSpec",
    "Release",
    "Role",
    "Script",
    "Shorthand",
    "Spot",
    "Support",
    "Topology",
    "Values",
    "assignment",
    "bound",
    "bound_words",
    "bounded",
    "charged",
    "chart",
    "chart_names",
    "claim",
    "claim_template",
    "claims_elsewhere",
    "class_quota",
    "device_class",
    "dns_label",
    "file_kind",
    "gates",
    "has_shorthands",
    "is_bounded",
    "is_chart_source",
    "is_device_bound",
    "is_device_resource",
    "is_dns_label",
    "is_dns_subdomain",
    "is_extended_resource",
    "is_implicit_class_resource",
    "is_label_key",
    "is_label_value",
    "is_plugin_folder",
    "newer",
    "place",
    "place_in_values",
    "podspecs",
    "prioritized_request",
    "quantity",
    "readers",
    "release",
    "releases",
    "removed",
    "request",
    "restart",
    "script",
    "selected",
    "serves",
    "settling",
    "shorthand",
    "spot",
    "subrequest",
    "target",
    "topology",
    "whole",
]
