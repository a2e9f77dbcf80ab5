"""What sets a field of something else by its path: operations of a patch, parameters of a chart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from migrate.model import ABSENT

PATCHED: Final = "plan the rendered output ('kustomize build … | dra-migrate plan -')"
_PARAMETER: Final = frozenset({"name", "value", "forceString"})
_DOT: Final = re.compile(r"(?<!\\)\.")
_DONE: Final = {"remove": "removed", "test": "tested"}
DONE: Final = frozenset(_DONE.values())
"""What is done to a field without giving it a value."""
_WHYS: Final = {
    "add": f"a patch adds it: {PATCHED}",
    "replace": f"a patch changes it, and fails once it is gone: {PATCHED}",
    "remove": (
        "a patch takes it away, and fails once it is gone: there is nothing to migrate, but the "
        "operation has to go together with what it takes away"
    ),
    "test": (
        "a patch asks whether it is there, and fails once it is gone: the operation has to go "
        "together with it"
    ),
}
_OF_A_CHART: Final = (
    "a parameter sets it in the values of a chart, whose templates say whether claims can: plan "
    "what it is rendered to"
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What stands in place of a field elsewhere.

    Shape: `path` leads there, numbers as text, and stands under `key`; `value` is ABSENT where none
    is given, and then `done` says what is done instead, "" where that is not known; `why` says what
    follows.
    """

    key: str
    path: tuple[str, ...]
    value: Any
    done: str
    why: str


def assignment(body: Mapping[Any, Any]) -> Assignment | None:
    """What a mapping sets elsewhere, None where it sets nothing.

    Source: RFC 6902, RFC 6901; Argo CD Application `spec.source.helm.parameters`; `helm --set`.
    """
    does, path, name = body.get("op"), body.get("path"), body.get("name")
    if isinstance(does, str) and isinstance(path, str):
        steps = tuple(s.replace("~1", "/").replace("~0", "~") for s in path.split("/")[1:])
        value = ABSENT if does in _DONE else body.get("value", ABSENT)
        return Assignment("path", steps, value, _DONE.get(does, ""), _WHYS.get(does, _WHYS["add"]))
    if isinstance(name, str) and "/" in name and "value" in body and body.keys() <= _PARAMETER:
        steps = tuple(step.replace("\\", "") for step in _DOT.split(name))
        return Assignment("name", steps, body["value"], "", _OF_A_CHART)
    return None
