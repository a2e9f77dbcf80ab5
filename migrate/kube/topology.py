"""Pods kept together or apart by a label of nodes, and what they do where no node has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.kube.tables import table
from migrate.model import Field


@dataclass(frozen=True, slots=True)
class Topology:
    """What a topologyKey is for, in Kubernetes' own words, and what nodes without the label do."""

    key: str
    form: str
    missing: str


def topology(field: Field, value: Any) -> Topology | None:
    """What `value` keeps pods together or apart by, None where it does neither.

    Shape: `field` leads to the term or the constraint, of which the topologyKey is a part, or to an
    annotation of which one is made.
    """
    if isinstance(value, str):
        known = table("topology")["annotations"].get(field[-1])
        return Topology(value, known["form"], known["missing"]) if known else None
    key = value.get("topologyKey") if isinstance(value, Mapping) else None
    if not isinstance(key, str):
        return None
    for entry in table("topology")["forms"]:
        beside = entry.get("beside", {})
        if all(step in field for step in entry["below"]) and all(
            value.get(name) == said for name, said in beside.items()
        ):
            return Topology(key, entry["form"], entry["missing"])
    return None
