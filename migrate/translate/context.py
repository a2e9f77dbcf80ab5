"""What every finding is translated against: rules, target, and what a person chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from migrate.model import Creation, Finding, Manifest, Rule, Sharing, Target

Mode = Literal["convert", "keep", "both"]
Classes = Literal["vendor", "flavour", "auto"]
Choice = Literal["claim", "least", "class", "bridge"]
Together = Literal["auto", "claim", "whole"]
Flavour = tuple[str, tuple[str, ...]]
"""A class, and the selectors that narrow it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person chose."""

    strategy: Choice = "claim"
    placement: Mode = "convert"
    classes: Classes = "auto"
    sharing: Together = "auto"


@dataclass(frozen=True, slots=True)
class Context:
    """What every pod is translated against."""

    rules: tuple[Rule, ...]
    target: Target
    options: Options
    shared: Mapping[str, Finding] = field(default_factory=dict)
    carriers: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    """Per extended resource, the DeviceClasses among the inputs that carry its name."""
    sources: tuple[Manifest, ...] = ()
    """The objects among the inputs that say which chart another one installs."""
    flavours: Mapping[Flavour, str] = field(default_factory=dict)
    creations: Mapping[str, Creation] = field(default_factory=dict)
    left: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """Per extended resource, the requests for it that this plan leaves as they are."""
    moved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Per extended resource, the namespaces with requests for it that this plan takes away."""
    texts: Mapping[str, Finding] = field(default_factory=dict)
    """Per extended resource, the first text among the inputs that names it and is not planned."""
    claimed: Mapping[tuple[str, str, str], frozenset[str]] = field(default_factory=dict)
    """Per claim or claim template, by kind, namespace and name: the DeviceClasses it asks."""
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Per DeviceClass of this plan, the namespaces whose pods ask for it."""


def shared(resource: str, rule: str, context: Context) -> Finding | None:
    """The setting among the inputs under which a unit of this resource is a share."""
    return context.shared.get(resource) or context.shared.get(rule)


def setting(finding: Finding, rules: Iterable[Rule]) -> tuple[Rule, Sharing] | None:
    """The setting under which several pods share a device, with its rule, if it is one."""
    key = finding.quantity.partition(" ")[0]
    settings = ((rule, s) for rule in rules if rule.plugin for s in rule.plugin.sharing)
    return next(((rule, s) for rule, s in settings if key == s.key), None)


def joined(sentences: Iterable[str]) -> str:
    """Sentences as one, none of them twice."""
    return "; ".join(dict.fromkeys(said.rstrip(".") for said in sentences if said))


def because(said: str, why: str) -> str:
    """A sentence and its reason: behind a colon, or as a sentence of its own if it is one."""
    return f"{said}. {why}" if why[:1].isupper() else f"{said}: {why}"
