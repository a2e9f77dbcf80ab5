"""JSON Patches that say what they expect to find, and the Kustomize patches that carry them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from migrate import yamltext
from migrate.emit import listing
from migrate.errors import PlanError
from migrate.model import Change, Edit, Manifest

_AMOUNTS: Final = frozenset({"limits", "requests", "hard"})
"""The maps of built-in kinds whose values are quantities."""


def operations(
    body: Any, edits: Iterable[Edit], earlier: Iterable[Edit] = (), *, is_served: bool = False
) -> list[dict[str, Any]]:
    """RFC 6902 operations; a `test` stands before everything that is replaced or removed.

    Shape: all edits are of `body`; those of earlier phases have been made when this patch is used.
    `is_served` makes a patch for the object as an API server has it.
    Raises: PlanError if the operations do not give the edited object, which is a defect of ours.
    """
    import jsonpatch

    done = tuple(earlier)
    before = yamltext.intended(body, done) if done else body
    after = yamltext.intended(body, (*done, *edits))
    if is_served:
        before, after = _served(before), _served(after)
    made = list(_between(before, after, ""))
    if not yamltext.is_same(jsonpatch.apply_patch(before, made), after):
        raise PlanError("a JSON Patch does not give the object that was meant")
    return made


def _served(value: Any, inside: str = "") -> Any:
    """An object of a built-in kind as an API server has it: amounts are text, empty lists are gone.

    Source: apimachinery `resource.Quantity`, and `omitempty` on the lists of a pod.
    """
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if item is not None and item != []}
        if inside in _AMOUNTS:
            return {k: str(v) if isinstance(v, int) else v for k, v in kept.items()}
        return {key: _served(item, str(key)) for key, item in kept.items()}
    return [_served(item) for item in value] if isinstance(value, list) else value


def _between(old: Any, new: Any, path: str) -> Iterable[dict[str, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in old:
            place = f"{path}/{_escaped(key)}"
            if key not in new:
                yield {"op": "test", "path": place, "value": old[key]}
                yield {"op": "remove", "path": place}
            elif not yamltext.is_same(old[key], new[key]):
                yield from _between(old[key], new[key], place)
        for key in new:
            if key not in old:
                yield {"op": "add", "path": f"{path}/{_escaped(key)}", "value": new[key]}
    elif isinstance(old, list) and isinstance(new, list):
        yield from _between_lists(old, new, path)
    else:
        yield {"op": "test", "path": path, "value": old}
        yield {"op": "replace", "path": path, "value": new}


def _between_lists(old: list[Any], new: list[Any], path: str) -> Iterable[dict[str, Any]]:
    """Item by item where the length stays, additions at the end, removals; else as a whole."""
    if len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            if not yamltext.is_same(one, other):
                yield from _between(one, other, f"{path}/{i}")
    elif yamltext.is_same(new[: len(old)], old):
        for item in new[len(old) :]:
            yield {"op": "add", "path": f"{path}/-", "value": item}
    elif (gone := _removed(old, new)) is not None:
        for i in reversed(gone):
            yield {"op": "test", "path": f"{path}/{i}", "value": old[i]}
            yield {"op": "remove", "path": f"{path}/{i}"}
    else:
        yield {"op": "test", "path": path, "value": old}
        yield {"op": "replace", "path": path, "value": new}


def _removed(old: list[Any], new: list[Any]) -> list[int] | None:
    """The indices taken out of `old` to give `new`, None where more than that happened."""
    gone: list[int] = []
    at = 0
    for i, item in enumerate(old):
        if at < len(new) and yamltext.is_same(item, new[at]):
            at += 1
        else:
            gone.append(i)
    return gone if at == len(new) else None


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


def name(manifest: Manifest) -> str:
    """A file name for an object's patch: kind, namespace and name, safe for any shell."""
    parts = [manifest.kind, manifest.namespace, manifest.name]
    said = "-".join(part for part in parts if part).lower()
    return "".join(c if c.isalnum() or c in "-." else "-" for c in said).strip("-.") or "object"


def kustomization(
    changes: Iterable[tuple[str, Change]], resources: Iterable[str]
) -> dict[str, Any]:
    """A Component that applies patches to rendered objects; `changes` come with their file."""
    patches = [
        {"path": path, "target": _target(change.manifest)}
        for path, change in changes
        if change.manifest is not None
    ]
    body: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
    }
    if listed := list(resources):
        body["resources"] = listed
    body["patches"] = patches
    return body


def _target(manifest: Manifest) -> dict[str, str]:
    version = manifest.api_version.rpartition("/")[2]
    target = {"group": manifest.group, "version": version, "kind": manifest.kind}
    target |= {"name": manifest.name, "namespace": manifest.namespace}
    return {key: value for key, value in target.items() if value}


def text(made: list[dict[str, Any]]) -> bytes:
    """The operations as a JSON Patch file."""
    return listing.as_json(made).encode()
