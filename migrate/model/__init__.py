"""The nouns: frozen values that the verbs hand to one another.

Kubernetes' own field names wherever Kubernetes has one. This package imports nothing of ours but
itself.

`objects`  what was read
`rule`     what is known of a device family
`plan`     what was found, and what becomes of it
"""

from __future__ import annotations

from migrate.model.objects import (
    ABSENT,
    Absent,
    Entries,
    Field,
    Manifest,
    Origin,
    Positions,
    Via,
    as_text,
    at,
    fields,
)
from migrate.model.plan import (
    PHASES,
    USAGES,
    Change,
    Check,
    Creation,
    Disruption,
    Edit,
    Finding,
    Phase,
    PhaseName,
    Plan,
    Safety,
    Shape,
    Strategy,
    Target,
    Usage,
)
from migrate.model.rule import (
    AllocationMode,
    ContainerUsage,
    DeviceClass,
    Label,
    LabelValue,
    Maps,
    Marker,
    Part,
    PlacementUsage,
    PluginUsage,
    Resource,
    Rule,
    RuntimeUsage,
    Sharing,
    TelemetryUsage,
    Toleration,
)

__all__ = [
    "ABSENT",
    "PHASES",
    "USAGES",
    "Absent",
    "AllocationMode",
    "Change",
    "Check",
    "ContainerUsage",
    "Creation",
    "DeviceClass",
    "Disruption",
    "Edit",
    "Entries",
    "Field",
    "Finding",
    "Label",
    "LabelValue",
    "Manifest",
    "Maps",
    "Marker",
    "Origin",
    "Part",
    "Phase",
    "PhaseName",
    "PlacementUsage",
    "Plan",
    "PluginUsage",
    "Positions",
    "Resource",
    "Rule",
    "RuntimeUsage",
    "Safety",
    "Shape",
    "Sharing",
    "Strategy",
    "Target",
    "TelemetryUsage",
    "Toleration",
    "Usage",
    "Via",
    "as_text",
    "at",
    "fields",
]
