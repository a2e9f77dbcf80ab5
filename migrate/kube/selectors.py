"""CEL selectors that cannot mean what they say, and those that can be put right.

Source: kubernetes/dynamic-resource-allocation cel/compile.go; kubernetes/apiserver
pkg/cel/library/quantity.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from migrate.kube import cel, fields
from migrate.kube.names import CEL_LENGTH

Known = frozenset[tuple[str, str]]
"""Attributes that are versions, by domain and name."""

NO_DOMAIN: Final = "attribute without its domain"
SLASH: Final = "domain and name in one index"
DASH: Final = "dash in an attribute's name"
VALUE: Final = "value() of a quantity"
COMPARED: Final = "capacity compared by an operator"
NUMBER: Final = "capacity compared to a number"
VERSION: Final = "version compared to a string"
LONG: Final = "expression too long"
UNBOUND: Final = "cost of an optional string"
SYNTAX: Final = "not CEL"
STRANGER: Final = "unknown name in CEL"

_WHY: Final = {
    NO_DOMAIN: (
        "the index of device.{part} is a domain, so this looks for a domain called {name}, finds "
        'none, and matches no device or fails: write device.{part}["<driver>"].{name}, under the '
        "name that the ResourceSlices publish"
    ),
    SLASH: (
        "domain and name are two steps: with both in one index the domain is not found and the "
        'selector fails: write device.{part}["{domain}"].{name}'
    ),
    DASH: (
        "a name holds letters, digits and _ only, so the dash is read as a minus: no driver can "
        "publish {name}; look up the published name ('kubectl get resourceslices -o yaml')"
    ),
    VALUE: (
        "a quantity has no value(): the API server refuses the selector; write asInteger(), or "
        "compare with compareTo(quantity(…))"
    ),
    COMPARED: (
        "a capacity is a Quantity, which operators and strings do not compare: the API server "
        "refuses the selector; write {new}"
    ),
    NUMBER: (
        "a capacity is a Quantity and not a number, so the API server refuses the selector; write "
        '{asked}.compareTo(quantity("…")) {op} 0 with the unit that is meant (80Gi, not 80)'
    ),
    VERSION: (
        "{asked} is published as a version, and a version is no string, so scheduling fails: "
        'write {asked}.compareTo(semver("…", true)) {op} 0 (Kubernetes 1.33 and earlier: '
        'semver("…") with three numbers)'
    ),
    LONG: "an expression has at most 10 KiB",
    UNBOUND: (
        "the API server knows no longest string for what an optional gives, takes {call}() on it "
        "for too expensive and refuses the selector (exceeds cost limit): write "
        "has({asked}) && {asked}.{call}(…)"
    ),
}

_PART: Final = r"device\.(?P<part>attributes|capacity)"
_DOMAIN: Final = r"\[\s*(?P<quote>[\"'])(?P<domain>[^\"'\\\n]*)(?P=quote)\s*\]"
_ID: Final = r"\.\??(?P<id>[A-Za-z_]\w*)(?!\w)"
_OPERATOR: Final = r"(?P<op>[<>]=?|[=!]=)"
_PLAIN: Final = re.compile(_PART + r"\.\??(?P<id>[A-Za-z_]\w*)")
_INDEXED: Final = re.compile(
    _PART + _DOMAIN + r"(?:\.\??(?P<id>[A-Za-z_]\w*)(?P<call>\()?(?P<dash>-[A-Za-z]\w*)?"
    r"|\[\s*[\"'](?P<key>[^\"'\\\n]*)[\"']\s*\])?"
)
_AFTER: Final = re.compile(rf"\s*(?:{_OPERATOR}|\.\w+\()")
_VALUE: Final = re.compile(r"(?P<of>quantity\([^()]*\)|device\.capacity\[[^\]]*\]\.\w+)\.value\(\)")
_ASKED: Final = rf"(?P<asked>device\.capacity{_DOMAIN}\.\w+)"
_RIGHT: Final = re.compile(
    rf"{_ASKED}\s*{_OPERATOR}\s*(?:(?P<quantity>quantity\(\s*(?P<q>[\"'])[^\"'\\\n]*(?P=q)\s*\))"
    r"|(?P<string>\"[0-9][\w.+-]*\"|'[0-9][\w.+-]*')|(?P<number>[0-9][0-9.]*))"
)
_VERSION: Final = re.compile(rf"(?P<asked>device\.attributes{_DOMAIN}{_ID})\s*{_OPERATOR}\s*[\"']")
_TEXT: Final = r"\(\s*(?:\"[^\"\\\n]*\"|'[^'\\\n]*')\s*\)"
_UNBOUND: Final = re.compile(
    r"(?P<piece>device\.attributes(?:(?P<optional>\[\?)|\[)\s*"
    r"(?P<domain>\"[^\"\\\n]*\"|'[^'\\\n]*')\s*\]"
    r"(?:\.\?(?P<id>[A-Za-z_]\w*)|\[\?\s*[\"'](?P<key>[A-Za-z_]\w*)[\"']\s*\]"
    # Behind a domain that may be missing, every step is optional.
    r"|(?(optional)(?:\.(?P<plain>[A-Za-z_]\w*)|\[\s*[\"'](?P<index>[A-Za-z_]\w*)[\"']\s*\])"
    r"|(?!)))"
    rf"(?:\.or\(\s*optional\.of{_TEXT}\s*\))?"
    rf"\.(?:value\(\)|orValue{_TEXT}))\)*\s*"
    r"\.(?P<call>matches|contains|find|findAll|indexOf|lastIndexOf|lowerAscii|upperAscii|replace|split"
    r"|substring|trim)\("
)
"""Calls whose cost grows with a string. Source: kubernetes/dynamic-resource-allocation
cel/compile.go (sizeEstimator: only a plain path to an attribute has a size)."""
_TYPES: Final = frozenset({"string", "int", "bool", "version", "value"})
_NAME: Final = re.compile(r"[A-Za-z_]\w{0,31}", re.ASCII)


def is_attribute_name(name: str) -> bool:
    """Whether `name` is a C identifier of at most 32 characters, as attributes are named."""
    return _NAME.fullmatch(name) is not None


def mistakes(text: str, versions: Known = frozenset()) -> tuple[tuple[str, str, str], ...]:
    """What cannot be meant in an expression: its name, the piece of text, why and what to write."""
    found = tuple(dict.fromkeys(_mistakes(text, versions)))
    if found or fields.is_template(text):
        return found
    return tuple((STRANGER, said, why) for said, why in cel.unknown(text))


def _mistakes(text: str, versions: Known) -> Iterator[tuple[str, str, str]]:
    if len(text.encode("utf-8", "replace")) > CEL_LENGTH:
        yield LONG, "", _WHY[LONG]
        return
    error = None if fields.is_template(text) else cel.refused(text)
    if error:
        yield SYNTAX, error[0], f"the API server cannot read the selector: {error[1]}"
    for found in _PLAIN.finditer(text):
        yield NO_DOMAIN, found[0], _WHY[NO_DOMAIN].format(part=found["part"], name=found["id"])
    for found in _INDEXED.finditer(text):
        yield from _indexed(text, found)
    for found in _VALUE.finditer(text):
        yield VALUE, found[0], _WHY[VALUE]
    for found in _RIGHT.finditer(text):
        yield from _compared(found)
    for found in _UNBOUND.finditer(text):
        name = found["id"] or found["key"] or found["plain"] or found["index"]
        asked = f"device.attributes[{found['domain']}].{name}"
        piece = f"{found['piece']}.{found['call']}"
        yield UNBOUND, piece, _WHY[UNBOUND].format(asked=asked, call=found["call"])
    for found in _VERSION.finditer(text):
        if (found["domain"], found["id"]) in versions:
            why = _WHY[VERSION].format(asked=found["asked"], op=found["op"])
            yield VERSION, found["asked"], why


def _indexed(text: str, found: re.Match[str]) -> Iterator[tuple[str, str, str]]:
    part, domain, name = found["part"], found["domain"], found["id"]
    is_name = bool(name) and not found["call"]
    if "/" in domain and not is_name and is_attribute_name(domain.rpartition("/")[2]):
        before, _, last = domain.rpartition("/")
        yield SLASH, found[0], _WHY[SLASH].format(part=part, domain=before, name=last)
    elif "." not in domain and (
        name in _TYPES
        or found["call"]
        or (not is_name and not found["key"] and _AFTER.match(text, found.end()))
    ):
        yield NO_DOMAIN, found[0], _WHY[NO_DOMAIN].format(part=part, name=domain)
    elif found["dash"] or (found["key"] and "-" in found["key"]):
        said = found["key"] or f"{name}{found['dash']}"
        yield DASH, found[0], _WHY[DASH].format(name=said)


def _compared(found: re.Match[str]) -> Iterator[tuple[str, str, str]]:
    if found["number"]:
        why = _WHY[NUMBER].format(asked=found["asked"], op=found["op"])
        yield NUMBER, found[0], why
    elif found["string"] or found["op"] not in ("==", "!="):
        yield COMPARED, found[0], _WHY[COMPARED].format(new=_with_compare(found))


def mended(text: str) -> str:
    """The expression with every mistake put right that has one meaning only."""
    if len(text) > CEL_LENGTH:
        return text
    text = _INDEXED.sub(_with_domain, text)
    text = _VALUE.sub(lambda found: f"{found['of']}.asInteger()", text)
    return _RIGHT.sub(_with_compare, text)


def _with_domain(found: re.Match[str]) -> str:
    domain, _, name = found["domain"].rpartition("/")
    if not domain or not is_attribute_name(name) or found["key"] or found["dash"]:
        return found[0]
    if found["id"] and not found["call"]:
        return found[0]
    quote = found["quote"]
    rest = found[0][found.end("quote") - found.start() :].partition("]")[2]
    return f"device.{found['part']}[{quote}{domain}{quote}].{name}{rest}"


def _with_compare(found: re.Match[str]) -> str:
    is_plain = not found["string"] and found["op"] in ("==", "!=")
    if found["number"] or is_plain:
        return found[0]
    said = found["quantity"] or f"quantity({found['string']})"
    return f"{found['asked']}.compareTo({said}) {found['op']} 0"
