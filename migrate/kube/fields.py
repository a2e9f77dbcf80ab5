"""What the API server takes in each field of `resource.k8s.io` and of a pod's claims.

Source: the types of kubernetes/api, as `migrate/data/fields.json` says; kubernetes/kubernetes
pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from migrate.kube.names import (
    is_dns_label,
    is_dns_subdomain,
    is_extended_resource,
    is_label_key,
    is_label_value,
    quantity,
)
from migrate.kube.tables import table
from migrate.model import Field

UNKNOWN: Final = "unknown field"
KIND: Final = "wrong type"
MISSING: Final = "missing field"
LONG: Final = "too much in a field"
WORD: Final = "unknown value"
FORM: Final = "name in the wrong form"
MANY: Final = "fields of which one can be"
NAMES: Final = frozenset({UNKNOWN, KIND, MISSING, LONG, WORD, FORM, MANY})

_TEMPLATE: Final = ("{{", "{%", "${", "$(", "<<")
_LISTED: Final = 10
_LONGEST: Final = 40
"""Characters of a key that may be a field misspelled."""
_APART: Final = 5
"""Characters that it may have more or fewer, and one."""
_SCALARS: Final = {
    "string": "a string",
    "int": "a whole number",
    "bool": "true or false",
    "quantity": "a quantity, such as 10Gi",
    "object": "a mapping",
}
_NAME: Final = "small letters, digits and dashes, with a letter or digit at both ends"
_FORMS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "label": (is_dns_label, _NAME),
    "subdomain": (is_dns_subdomain, f"parts with dots between them, each of {_NAME}"),
    "driver": (lambda text: is_dns_subdomain(text.lower()), "a driver's name, as gpu.example.com"),
    "resource": (is_extended_resource, "the name of an extended resource, as example.com/gpu"),
    "key": (is_label_key, "written as the key of a label"),
    "value": (is_label_value, "written as the value of a label"),
}
_INSTEAD: Final = {
    ("DeviceClassSpec", "nodeSelector"): (
        "a class chooses devices and not nodes: write selectors[].cel.expression for the devices, "
        "and leave the nodes to the pod's own nodeSelector"
    ),
    ("DeviceClassSpec", "driver"): (
        "a class names its driver in a selector: write selectors: "
        "[{cel: {expression: 'device.driver == \"<driver>\"'}}]"
    ),
    ("CELDeviceSelector", "matchExpressions"): (
        "a selector is one CEL expression: write expression: <CEL over device.attributes and "
        "device.capacity>"
    ),
    ("core.PodResourceClaim", "resourceClassName"): (
        "a pod names no class: write resourceClaimTemplateName, with the name of a "
        "ResourceClaimTemplate whose request names the class"
    ),
    ("core.PodResourceClaim", "deviceClassName"): (
        "a pod names no class: write resourceClaimTemplateName, with the name of a "
        "ResourceClaimTemplate whose request names the class"
    ),
    ("DeviceTaintSelector", "deviceClassName"): "name the devices by driver, pool and device",
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field that the API server does not take.

    Shape: `field` is what is there, or holds what is not; `key` names what is not there.
    """

    name: str
    field: Field
    why: str
    key: str = ""

    @property
    def said(self) -> str:
        """The field as people write it."""
        return path((*self.field, self.key) if self.key else self.field)


def wrong(body: Mapping[str, Any], kind: str) -> Iterator[Wrong]:
    """What is refused in an object, written as its newest version is."""
    type_name = table("fields")["kinds"].get(kind)
    if type_name:
        own = {k: v for k, v in body.items() if k not in ("apiVersion", "kind")}
        yield from _struct(own, type_name, ())


def of_type(body: Any, type_name: str, at: Field) -> Iterator[Wrong]:
    """What is refused in a part that has the type of that name and stands at `at`."""
    yield from _value(body, type_name, at)


def gated(body: Mapping[str, Any], kind: str) -> Iterator[tuple[Field, tuple[str, ...]]]:
    """The fields of an object that need feature gates, each with all that it needs.

    Shape: the object is written as its newest version is.
    """
    type_name = table("fields")["kinds"].get(kind)
    if type_name:
        yield from _gated(body, type_name, ())


def _gated(value: Any, type_name: str, at: Field) -> Iterator[tuple[Field, tuple[str, ...]]]:
    if is_template(value):
        return
    if type_name.startswith("[]") and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _gated(item, type_name[2:], (*at, number))
    elif type_name.startswith("{}") and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _gated(item, type_name[2:], (*at, key))
    elif isinstance(value, Mapping):
        known = table("fields")["types"].get(type_name, {})
        for key, item in value.items():
            gates = tuple(known[key].get("gates", ())) if key in known and item else ()
            if gates and not is_template(item):
                yield (*at, key), gates
            elif key in known:
                yield from _gated(item, known[key]["type"], (*at, key))


def is_template(text: Any) -> bool:
    """Whether a text is filled in later, so that nothing can be said of it."""
    return isinstance(text, str) and (
        text.startswith("$") or any(mark in text for mark in _TEMPLATE)
    )


def path(field: Field) -> str:
    """A field as people write it: `spec.devices.requests[0].name`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in field)
    return "".join(steps).removeprefix(".")


def _struct(body: Mapping[str, Any], type_name: str, at: Field) -> Iterator[Wrong]:
    known = table("fields")["types"][type_name]
    for key, value in body.items():
        if not isinstance(key, str) or is_template(key) or key.startswith(("$", "#")):
            continue
        if key not in known:
            yield _unknown(key, type_name, known, (*at, key))
        elif value is not None:
            yield from _field(value, known[key], (*at, key))
    strangers = [key for key in body if isinstance(key, str) and key not in known]
    meant = {_near(key, known) for key in strangers[:_LISTED]}
    for key, entry in known.items():
        is_missing = entry.get("required") and body.get(key) in (None, "")
        if is_missing and key not in meant and not _is_left(body):
            yield Wrong(
                MISSING, at, f"the API server refuses the object without it: write {key} here", key
            )
    yield from _one(body, known, at)


def _one(body: Mapping[str, Any], known: Mapping[str, Any], at: Field) -> Iterator[Wrong]:
    """A union of which not exactly one member is there."""
    members = [key for key, entry in known.items() if entry.get("one")]
    there = [key for key in members if body.get(key) not in (None, [])]
    is_told = any(key not in known for key in body)
    if not members or len(there) == 1 or _is_left(body) or (not there and is_told):
        return
    if len(members) == 1:
        yield Wrong(
            MISSING,
            at,
            f"the API server refuses the object without it: write {members[0]} here",
            members[0],
        )
    elif there:
        why = f"only one of {' and '.join(there)} can be meant: leave out the others"
        yield Wrong(MANY, (*at, there[-1]), why)
    else:
        yield Wrong(MISSING, at, f"exactly one of {', '.join(members)} must stand here", members[0])


def _is_left(body: Mapping[str, Any]) -> bool:
    """Whether template text beside the fields may bring others."""
    return any(isinstance(key, str) and (is_template(key) or key == "<<") for key in body)


def _field(value: Any, entry: Mapping[str, Any], at: Field) -> Iterator[Wrong]:
    yield from _value(value, entry["type"], at)
    limit, words = entry.get("limit"), entry.get("words", ())
    if is_template(value):
        return
    if limit and isinstance(value, list | Mapping) and len(value) > limit:
        yield Wrong(LONG, at, f"it has {len(value)} entries, and {limit} are the most allowed")
    elif limit and isinstance(value, str) and len(value.encode("utf-8", "replace")) > limit:
        yield Wrong(LONG, at, f"it is longer than the {limit} bytes that are allowed")
    elif words and isinstance(value, str) and value and value not in words:
        yield Wrong(WORD, at, f"it is one of {', '.join(words)}, in this spelling")
    elif isinstance(value, str) and value and entry.get("format"):
        is_form, what = _FORMS[entry["format"]]
        if not is_form(value):
            yield Wrong(FORM, at, f"it must be {what}")


def _value(value: Any, type_name: str, at: Field) -> Iterator[Wrong]:
    if type_name == "any" or value is None or is_template(value):
        return
    if type_name.startswith(("[]", "{}")):
        yield from _many(value, type_name, at)
    elif type_name in _SCALARS:
        if not _is_scalar(value, type_name):
            yield Wrong(KIND, at, f"it must be {_SCALARS[type_name]}{_hint(value, type_name)}")
    elif isinstance(value, Mapping):
        yield from _struct(value, type_name, at)
    else:
        yield Wrong(KIND, at, f"it must be a mapping{_within(type_name, value)}")


def _many(value: Any, type_name: str, at: Field) -> Iterator[Wrong]:
    """The same of a list, or of a mapping with any keys."""
    if type_name.startswith("[]") and isinstance(value, list):
        for number, item in enumerate(value):
            is_empty = item is None and type_name[2:] in table("fields")["types"]
            yield from _value({} if is_empty else item, type_name[2:], (*at, number))
    elif type_name.startswith("{}") and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _value(item, type_name[2:], (*at, key))
    elif type_name.startswith("[]"):
        yield Wrong(KIND, at, "it must be a list: write '- ' before each entry")
    else:
        yield Wrong(KIND, at, "it must be a mapping of names to values")


def _is_scalar(value: Any, type_name: str) -> bool:
    if type_name == "bool" or isinstance(value, bool):
        return type_name == "bool" and isinstance(value, bool)
    if type_name == "int":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if type_name == "quantity":
        return isinstance(value, int | float) or (
            isinstance(value, str) and quantity(value) is not None
        )
    return isinstance(value, Mapping) if type_name == "object" else isinstance(value, str)


def _hint(value: Any, type_name: str) -> str:
    """How a value that is nearly right is written."""
    if type_name == "string" and isinstance(value, bool | int | float):
        said = str(value).lower() if isinstance(value, bool) else value
        return f': write "{said}" in quotes'
    if isinstance(value, str) and type_name in ("int", "bool"):
        bare = value.strip()
        is_right = bare.isdigit() if type_name == "int" else bare in ("true", "false")
        return f": write {bare} without quotes" if is_right else ""
    return ""


def _within(type_name: str, value: Any) -> str:
    """Where in a struct a bare value may have been meant to stand."""
    known = table("fields")["types"][type_name]
    strings = [
        k for k, entry in known.items() if entry["type"] == "string" and entry.get("required")
    ]
    if isinstance(value, str) and len(strings) == 1:
        return f": write {strings[0]}: {value}" if len(value) < 40 else f" with {strings[0]}"
    return f" with {', '.join(list(known)[:_LISTED])}"


def _unknown(key: str, type_name: str, known: Mapping[str, Any], at: Field) -> Wrong:
    near = _near(key, known)
    if instead := _INSTEAD.get((type_name, key)):
        advice = instead
    elif near:
        advice = f"write {near}"
    elif len(at) == 1 and key in table("fields")["types"]["meta.ObjectMeta"]:
        advice = f"write it under metadata, as metadata.{key}"
    else:
        names = ", ".join(list(known)[:_LISTED])
        advice = f"leave it out, or say what is meant in a field there is ({names})"
    why = f"kubectl refuses the object for it, and other clients lose it: {advice}"
    return Wrong(UNKNOWN, at, why)


def _near(key: str, known: Mapping[str, Any]) -> str:
    """The field that a key is likely to be meant for, "" where none is near."""
    likely = [name for name in known if name[0] == key[:1] and abs(len(name) - len(key)) < _APART]
    if not likely or len(key) > _LONGEST:
        return ""
    return next(iter(get_close_matches(key, likely, n=1, cutoff=0.8)), "")
