"""Names, labels, quantities and limits, as the API server judges them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

LABEL_LENGTH: Final = 63
"""A DNS label, a label value, and the name part of a label key or resource name."""
SUBDOMAIN_LENGTH: Final = 253
"""A DNS subdomain: the name of most objects, DeviceClasses among them."""

DEVICES_PER_CLAIM: Final = 32
"""Devices one claim can be given; more is accepted and never scheduled."""
REQUESTS_PER_CLAIM: Final = 32
CONSTRAINTS_PER_CLAIM: Final = 32
CONFIGS_PER_CLAIM: Final = 32
SELECTORS_PER_REQUEST: Final = 32
"""Also the limit of a DeviceClass."""
FIRST_AVAILABLE: Final = 8
"""Alternatives of one prioritized request."""
CEL_LENGTH: Final = 10 * 1024
"""Bytes of one CEL expression."""
PODS_PER_CLAIM: Final = 256
"""Pods that may share one ResourceClaim."""

CLASS_RESOURCE_PREFIX: Final = "deviceclass.resource.kubernetes.io/"
"""Before the name of a DeviceClass: the resource name every class has without asking."""
LABEL_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
"""Operators of a node selector requirement."""

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_PART = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LEGACY_DEVICE = re.compile(r"alpha\.kubernetes\.io/[a-z0-9]([-a-z0-9]*[a-z0-9])?-gpu")
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))"
    r"(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
_QUANTITY_LENGTH = 64
_SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    **{suffix: Fraction(1000**power) for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Fraction(1024**power) for power, suffix in enumerate("KMGTPE", 1)},
}
_WHOLE = re.compile(r"[0-9]{1,18}")


def is_dns_label(text: str) -> bool:
    """Whether `text` is a DNS-1123 label: claims, requests and containers are named so."""
    return len(text) <= LABEL_LENGTH and _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Whether `text` is a DNS-1123 subdomain: most objects are named so."""
    return len(text) <= SUBDOMAIN_LENGTH and _DNS_SUBDOMAIN.fullmatch(text) is not None


def is_label_value(text: str) -> bool:
    """Whether `text` can be the value of a label; the empty text can."""
    return not text or _is_name_part(text)


def is_label_key(text: str) -> bool:
    """Whether `text` can be the key of a label or annotation, with or without a domain."""
    domain, slash, name = text.rpartition("/")
    return _is_name_part(name) and (is_dns_subdomain(domain) if slash else True)


def is_extended_resource(name: str) -> bool:
    """Whether `name` is an extended resource: a qualified name outside `kubernetes.io`.

    Source: kubernetes/kubernetes pkg/apis/core/helper/helpers.go (IsExtendedResourceName)
    """
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests."):
        return False
    # A quota writes the same name after `requests.`, so that has to be a qualified name too.
    return is_label_key(f"requests.{name}")


def is_device_resource(name: str) -> bool:
    """Whether `name` is handed out by a device plugin: extended, or of the form before plugins.

    The oldest form, `alpha.kubernetes.io/<vendor>-gpu`, stands under `kubernetes.io` and is
    therefore no extended resource. The names that DeviceClasses have by themselves are not
    counted here: see `is_implicit_class_resource`.
    """
    return is_extended_resource(name) or (
        is_label_key(name) and _LEGACY_DEVICE.fullmatch(name) is not None
    )


def is_implicit_class_resource(name: str) -> bool:
    """Whether `name` is the resource name that a DeviceClass has by itself.

    Source: kubernetes/api resource/v1/types.go (ResourceDeviceClassPrefix)
    """
    if not name.startswith(CLASS_RESOURCE_PREFIX):
        return False
    device_class = name.removeprefix(CLASS_RESOURCE_PREFIX)
    return len(device_class) <= LABEL_LENGTH and is_dns_subdomain(device_class)


def dns_label(*parts: str, limit: int = LABEL_LENGTH) -> str:
    """A DNS label made of `parts`, at most `limit` long; `x` where nothing of them can stand."""
    legal = (re.sub(r"[^-a-z0-9]+", "-", part.lower()).strip("-") for part in parts)
    return "-".join(part for part in legal if part)[:limit].rstrip("-") or "x"


def quantity(text: object) -> Fraction | None:
    """The value of a Kubernetes quantity, None where `text` is none.

    Source: kubernetes/apimachinery pkg/api/resource/quantity.go
    """
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        return None
    if isinstance(text, int):
        return Fraction(text)
    written = str(text)
    # A short text and a short exponent keep a hostile number from filling the memory.
    match = _QUANTITY.fullmatch(written) if len(written) <= _QUANTITY_LENGTH else None
    if match is None:
        return None
    number = Fraction(match["number"])
    if match["exponent"]:
        return number * Fraction(10) ** int(match["exponent"])
    return number * _SUFFIXES.get(match["suffix"], Fraction(1))


def whole(text: object) -> int | None:
    """A count written in plain digits, None for everything else (suffixes, variables, masks)."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        return None
    if isinstance(text, int):
        return text if text >= 0 else None
    return int(text) if _WHOLE.fullmatch(text) else None


def _is_name_part(text: str) -> bool:
    return len(text) <= LABEL_LENGTH and _NAME_PART.fullmatch(text) is not None
