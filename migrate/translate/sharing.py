"""Counts that are shares of devices → what their pods use together, or why nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from migrate import kube
from migrate.model import Finding, Sharing
from migrate.translate.container import Ask
from migrate.translate.context import Context, because, setting, shared

Form = Literal["whole", "shares", "pod", "claim", ""]
"""A device for each; shares that the driver gives out; one device for the containers of a pod; one
for the pods of a namespace; nothing."""

_DAEMONS: Final = (
    "the pods of a DaemonSet run on many nodes, and the device of one claim is on one of them"
)
_NAMES: Final = "a resource's name stands for whole devices: plan shares with '--strategy claim'"
_CHOICE: Final = (
    "choose '--sharing claim' (the pods of a namespace use one device together, on its node) or "
    "'--sharing whole' (each pod gets a device)"
)


@dataclass(frozen=True, slots=True)
class Shares:
    """What becomes of a pod's shares.

    Shape: `forms` is per resource of which a unit is a share; `refused` says, a sentence each, why
    nothing is written; `reasons` are for a person to look at.
    """

    forms: Mapping[str, Form] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def together(self) -> frozenset[str]:
        """The resources of which all containers of the pod use the same device."""
        return frozenset(name for name, form in self.forms.items() if form in {"pod", "claim"})

    @property
    def need_claims(self) -> bool:
        """Whether a resource's name, which stands for whole devices, cannot say what is meant."""
        return bool(set(self.forms.values()) - {"whole"})

    @property
    def by_name(self) -> frozenset[str]:
        """The resources that come from a claim which other pods name too."""
        return frozenset(name for name, form in self.forms.items() if form == "claim")


def shares(asks: Sequence[Ask], labels: Mapping[str, str], kind: str, context: Context) -> Shares:
    """What becomes of the shares among a pod's counts.

    `labels` says, per driver, which label of the pod means that a unit is a share; `kind` is that
    of the pod's object.
    """
    forms: dict[str, Form] = {}
    refused: list[str] = []
    reasons: list[str] = []
    for resource in dict.fromkeys(ask.resource for ask in asks):
        users = [ask for ask in asks if ask.resource == resource]
        said = _evidence(users[0], labels, context)
        if not said:
            continue
        forms[resource], why = _form(users, said, kind, context)
        (reasons if forms[resource] else refused).append(why)
    return Shares(forms, tuple(refused), tuple(reasons))


def found(ask: Ask, context: Context) -> Finding | None:
    """The setting among the inputs under which a unit of this resource is a share."""
    return shared(ask.resource, ask.match.rule.name, context)


def _evidence(ask: Ask, labels: Mapping[str, str], context: Context) -> str:
    """How it is known that a unit is a share, "" where it is not."""
    if finding := found(ask, context):
        where = f"{finding.manifest.origin.path}:{finding.line}"
        return f"{ask.resource} is shared ({where}: {finding.quantity})"
    if ask.match.resource.share:
        return f"{ask.resource} counts shares of a device"
    label = labels.get(ask.match.rule.driver, "")
    return f"{ask.resource} counts shares of a device ({label})" if label else ""


def _form(users: Sequence[Ask], said: str, kind: str, context: Context) -> tuple[Form, str]:
    """The form that takes the place of one resource's shares, and why it, or none, does."""
    chosen = context.options.sharing
    if chosen == "whole":
        return "whole", f"{said}, and each pod now gets whole devices, as chosen"
    if context.options.strategy in {"class", "bridge"}:
        return "", f"{said}, and {_NAMES}"
    if most := max((ask for ask in users if ask.count > 1), key=lambda a: a.count, default=None):
        return "", (
            f"{said}, and no number of devices follows from {most.count} shares: ask for 1, or "
            "choose '--sharing whole'"
        )
    if chosen == "claim":
        if kind == "DaemonSet":
            return "", f"{said}, and {_DAEMONS}"
        return "claim", (
            f"{said}: the pods that name this ResourceClaim use one device together, all on its "
            f"node and at most {kube.PODS_PER_CLAIM} of them, and nothing divides its memory"
        )
    lent = _lent(users[0], context)
    if lent and kube.serves(context.target, lent.gate):
        return "shares", because(f"{said}, and each claim gets a share too", lent.shares)
    running = [ask.container.name for ask in users if ask.container.role != "init"]
    if len(running) > 1:
        return "pod", (
            f"{said}: {' and '.join(running)} use one whole device together, and no other pod does"
        )
    many = _many(users[0], context)
    why = f"{said}, and a claim gives the pod a whole device{many}: {_CHOICE}"
    return "", because(
        f"{why}; or plan for a cluster with {lent.gate}", lent.shares
    ) if lent else why


def _lent(ask: Ask, context: Context) -> Sharing | None:
    """The setting in whose place the class's driver gives out shares, None where it does not."""
    rule, finding = ask.match.rule, found(ask, context)
    known = setting(finding, context.rules) if finding else None
    settings = rule.plugin.sharing if rule.plugin else ()
    if known:
        settings = (known[1],) if known[0].driver == rule.driver else ()
    return next((s for s in settings if s.shares), None)


def _many(ask: Ask, context: Context) -> str:
    """What a device each comes to, where the setting says how many shared one."""
    finding = found(ask, context)
    degree = finding.quantity.partition(" ")[2] if finding else ""
    if not degree.isdecimal():
        return ""
    return f", so that where {degree} pods used one device {degree} are needed"
