"""The objects in a text: one per document, one per item of a list, traced to what rendered them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate.model import Field, Manifest, Origin, Via, at
from migrate.yamltext import Document, Text

RENDERED: Final = "rendered text: change its source"
TEMPLATE: Final = "a template: its text is found, not edited, until a rendering can prove the edit"
_OPEN: Final = re.compile(r"\{\{|\{%")
_STATEMENT: Final = re.compile(r"\{%|\{\{-?\s*(?:if|range|with|define|block|else|end)\b")

# Helm's own words, and only with the path of a template: people write such comments too.
_SOURCE: Final = re.compile(r"^# Source: (\S+/(?:templates|crds)/.*\S)[ \t]*\r?$", re.MULTILINE)
_ORIGIN: Final = "config.kubernetes.io/origin"
_PATH: Final = re.compile(r"^(?:path|configuredIn): *(\S.*?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Place:
    """What all objects of one document have in common."""

    origin: Origin
    document: Document


def is_rendered(text: Text) -> bool:
    """Whether Helm says in comments that it wrote this text."""
    return _SOURCE.search(text.source) is not None


def has_statements(text: Text) -> bool:
    """Whether template text decides which other text stays, so that no document is by itself."""
    return _STATEMENT.search(text.source) is not None


def manifests(
    text: Text, path: str, via: Via, readonly: str = "", *, masked: Text | None = None
) -> tuple[Manifest, ...]:
    """The objects of all documents, in their order; empty documents are none.

    Shape: `masked` is the same text read as a template; its documents stand in for those that
    hold template text, and are not to be written.
    """
    sources = _sources(text)
    found: list[Manifest] = []
    for number, document in enumerate(text.documents):
        place = _Place(Origin(via, path, 1, readonly, number, (), sources[number]), document)
        if masked is not None and _OPEN.search(text.source, document.start, document.end):
            twin = masked.documents[number]
            place = _Place(Origin("template", path, readonly=TEMPLATE, document=number), twin)
        if place.document.value() is not None:
            found.extend(_objects(place))
    return tuple(found)


def _objects(place: _Place) -> Iterator[Manifest]:
    """The document's object, or the objects that it is a list or a parametrised set of."""
    body = place.document.value()
    kind, api_version = _type(body)
    items = body.get("items") if kind.endswith("List") else None
    if isinstance(items, list):
        # The API server leaves the kind out of the items of a list of one kind.
        own = (kind.removesuffix("List"), api_version) if kind != "List" else ("", "")
        yield from _members(place, "items", items, own)
    elif kind == "Template" and isinstance(body.get("objects"), list):
        yield from _members(place, "objects", body["objects"], ("", ""))
    else:
        yield _manifest(place, body, (kind, api_version), ())


def _members(place: _Place, key: str, items: list[Any], own: tuple[str, str]) -> Iterator[Manifest]:
    for number, item in enumerate(items):
        if isinstance(item, Mapping):
            kind, api_version = _type(item)
            yield _manifest(place, item, (kind, api_version) if kind else own, (key, number))


def _manifest(place: _Place, body: Any, kind: tuple[str, str], within: Field) -> Manifest:
    origin = place.origin
    name = at(body, ("metadata", "name"))
    generated = at(body, ("metadata", "generateName"))
    namespace = at(body, ("metadata", "namespace"))
    return Manifest(
        api_version=kind[1],
        kind=kind[0],
        namespace=namespace if kind[0] and isinstance(namespace, str) else "",
        name=_name(name, generated) if kind[0] else "",
        body=body,
        origin=Origin(
            origin.via,
            origin.path,
            line=place.document.position(within)[0],
            readonly=origin.readonly,
            document=origin.document,
            within=within,
            source=origin.source or _origin(body),
        ),
        positions=place.document,
    )


def _name(name: Any, generated: Any) -> str:
    if isinstance(name, str) and name:
        return name
    return f"{generated}*" if isinstance(generated, str) and generated else ""


def _type(body: Any) -> tuple[str, str]:
    """Kind and API version, both "" where either is missing."""
    if not isinstance(body, Mapping):
        return "", ""
    kind, api_version = body.get("kind"), body.get("apiVersion")
    is_object = isinstance(kind, str) and isinstance(api_version, str) and kind and api_version
    return (str(kind), str(api_version)) if is_object else ("", "")


def _sources(text: Text) -> list[str]:
    """Per document, the template that Helm names in the comment above it, or ""."""
    comments = [(found.start(), found[1]) for found in _SOURCE.finditer(text.source)]
    sources = []
    for document in text.documents:
        begin = document.root.start if document.root is not None else document.end
        above = [name for start, name in comments if start < begin]
        comments = comments[len(above) :]
        sources.append(above[-1] if above else "")
    return sources


def _origin(body: Any) -> str:
    """The file that Kustomize says this object came from, or was generated by, or ""."""
    said = at(body, ("metadata", "annotations", _ORIGIN))
    found = _PATH.search(said) if isinstance(said, str) else None
    return found[1] if found else ""
