"""What each minor version of Kubernetes serves, and which feature gates it has on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from migrate.errors import InputError
from migrate.kube.tables import table
from migrate.model import Target

GROUP: Final = "resource.k8s.io"
OLDEST: Final = 32
"""The first minor version that can be planned for: claims have had their form since."""
NEWEST: Final = 37
"""The last minor version whose gates are known here."""

_VERSION = re.compile(r"v?1\.(?P<minor>[0-9]{1,3})(?:[.+-].*)?")
_ON: Final = ("beta", "stable", "locked")
_NONE: Final[Mapping[str, bool]] = MappingProxyType({})


def target(version: str, gates: Mapping[str, bool] = _NONE) -> Target:
    """The cluster of that version, its default feature gates overridden by `gates`.

    Shape: `version` as people and clusters write it, `1.34` or `v1.34.2-vendor.1`.
    Raises: InputError for a version or a gate that is not known, or cannot be set.
    """
    minor = _minor(version)
    states = _gates(minor)
    on = {gate for gate, state in states.items() if state in _ON}
    for gate, wanted in gates.items():
        _refuse_gate(minor, gate, wanted=wanted)
        on = on | {gate} if wanted else on - {gate}
    return Target(minor, table("kubernetes")["api_versions"][f"1.{minor}"], frozenset(on))


def gates(minor: int) -> Mapping[str, bool]:
    """The feature gates of DRA that a minor version knows, and whether each is on by default."""
    return {gate: state in _ON for gate, state in _gates(minor).items()}


def serves(target: Target, gate: str) -> bool:
    """Whether a feature gate is on in the target."""
    return gate in target.gates


def removed(version: str) -> int:
    """The minor version from which a version of `resource.k8s.io` is gone, 0 where none is set.

    Source: kubernetes/api resource/<version>/zz_generated.prerelease-lifecycle.go
    """
    return int(table("kubernetes")["removed"].get(version, 0))


def newer(target: Target) -> tuple[str, ...]:
    """What later minor versions would add by default, a sentence each, oldest first."""
    return tuple(
        news["says"]
        for news in table("kubernetes")["news"]
        if news["minor"] > target.minor and news["gate"] not in target.gates
    )


def _minor(version: str) -> int:
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        raise InputError(
            f"{version!r} is not a version of Kubernetes",
            remedy="Write the minor version of the cluster, for example 1.34.",
        )
    minor = int(match["minor"])
    if minor < OLDEST:
        raise InputError(
            f"Kubernetes 1.{minor} has no DRA in the form written today",
            remedy=f"Plan for 1.{OLDEST} or later; DRA is on by default from 1.34.",
        )
    if minor > NEWEST:
        raise InputError(
            f"Kubernetes 1.{minor} is newer than this release knows",
            remedy=f"Update dra-migrate, or plan for 1.{NEWEST}.",
        )
    return minor


def _refuse_gate(minor: int, gate: str, *, wanted: bool) -> None:
    """Nothing; a gate that this minor version does not have, or has locked, is refused."""
    states = _gates(minor)
    if gate not in states:
        known = table("kubernetes")["gates"].get(gate)
        remedy = (
            f"It came with {next(iter(known))}."
            if known
            else f"Known gates: {', '.join(sorted(states))}."
        )
        raise InputError(
            f"Kubernetes 1.{minor} has no DRA feature gate {gate!r}",
            remedy=remedy,
        )
    if states[gate] == "locked" and not wanted:
        raise InputError(
            f"the feature gate {gate} of Kubernetes 1.{minor} cannot be switched off",
            remedy="Leave it out.",
        )


@cache
def _gates(minor: int) -> Mapping[str, str]:
    version = f"1.{minor}"
    return {
        gate: states[version]
        for gate, states in table("kubernetes")["gates"].items()
        if version in states
    }
