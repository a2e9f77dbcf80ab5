"""What a tree says, as kubectl would send it to the API server."""

from __future__ import annotations

import re
from math import isnan
from typing import Any, Final

from migrate.model import Field
from migrate.yamltext.nodes import Node, walk

STR: Final = "tag:yaml.org,2002:str"


_CORE: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null"))


WORDS: Final[dict[str, Any]] = {
    **{
        form: word in ("y", "yes", "true", "on")
        for word in ("y", "n", "yes", "no", "true", "false", "on", "off")
        for form in (word, word.capitalize(), word.upper())
    },
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}


_HEADS: Final = frozenset("yYnNtTfFoO~+-.0123456789")


_INT: Final = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII
)


_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


def resolve(raw: str, style: str = "") -> Any:
    """The value of a scalar as it arrives at the API server; `style` is "" for plain."""
    if style or (raw and raw[0] not in _HEADS):
        return raw
    if raw in WORDS:
        return WORDS[raw]
    if raw[0].isalpha() or raw == "~" or len(raw) > 400:
        return raw
    digits = raw if raw[0] == "." else raw.replace("_", "")
    if found := _INT.fullmatch(digits):
        return _integer(found)
    if not _FLOAT.fullmatch(digits):
        return raw
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        return raw
    # JSON has one kind of number: 1e3 is sent as 1000, and read as an integer.
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _integer(found: re.Match[str]) -> int:
    sign, hexadecimal, binary, octal, decimal = found.groups()
    for text, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)):
        if text:
            return int(sign + text, base)
    return 0


def scalar_value(node: Node) -> Any:
    """The value of a scalar; only the tags of plain data mean anything."""
    if node.tag is None:
        return resolve(node.raw, node.style)
    return resolve(node.raw) if node.tag in _CORE else node.raw


def key_text(key: Node) -> str:
    """The key as JSON has it: a word or number that YAML resolves is written out again."""
    key = key.real
    if key.kind != "scalar":
        # The API server has no such key; any name that says what it is made of will do.
        return "? " + " ".join(node.raw for node in walk(key))
    value = key.raw if key.tag is None and key.style else scalar_value(key)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return key.raw
    return str(value)


def is_merge(key: Node) -> bool:
    """Whether a key is `<<`, which brings in the entries of another mapping."""
    return key.kind == "scalar" and key.raw == "<<" and not key.style and key.tag != STR


def _merged(value: Node) -> list[Node]:
    """The mappings that a merge key brings in, the one that counts most last."""
    value = value.real
    found = [value] if value.kind == "mapping" else []
    if value.kind == "sequence":
        found = [item.real for item in reversed(value.entries)]
    return found if all(node.kind == "mapping" for node in found) else []


def plain_value(root: Node) -> Any:
    """The plain value of a tree; children before parents, so that merges find theirs complete."""
    done: dict[int, Any] = {}
    stack: list[tuple[Node, Any]] = [(root, None)]
    while stack:
        node, children = stack[-1]
        if node.kind == "scalar":
            done[id(node)] = scalar_value(node)
            stack.pop()
            continue
        if children is None:
            children = iter(node.items if node.target is None else [node.target])
            stack[-1] = (node, children)
        child = next((c for c in children if id(c) not in done), None)
        if child is not None:
            stack.append((child, None))
            continue
        stack.pop()
        done[id(node)] = _collected(node, done)
    return done[id(root)]


def _collected(node: Node, done: dict[int, Any]) -> Any:
    """A collection's or an alias's value, its children's values being in `done`."""
    if node.target is not None:
        return done[id(node.target)]
    if node.kind == "sequence":
        return [done[id(item)] for item in node.entries]
    value: dict[str, Any] = {}
    for key, item in node.entries:
        merged = _merged(item) if is_merge(key) else []
        for mapping in merged:
            value.update(done[id(mapping)])
        if not merged:
            value[key_text(key)] = done[id(item)]
    return value


def entry_of(mapping: Node, step: str | int) -> tuple[Node, Node] | None:
    """The last entry with this key; where there is none, the one that a merge key brings in."""
    queue = [mapping]
    while queue:
        node = queue.pop()
        for key, value in reversed(node.entries):
            if key_text(key) == step:
                return key, value
        for key, value in node.entries:
            if is_merge(key):
                queue.extend(_merged(value))
    return None


def trail_of(root: Node | None, path: Field) -> list[tuple[Node, Node]]:
    """Per step of `path` that exists, what names it (key or item) and the node; the root first."""
    if root is None:
        return []
    trail = [(root, root)]
    for step in path:
        node = trail[-1][1].real
        found: tuple[Node, Node] | None = None
        if node.kind == "mapping":
            found = entry_of(node, step)
        elif node.kind == "sequence" and isinstance(step, int) and 0 <= step < len(node.entries):
            found = (node.entries[step], node.entries[step])
        if found is None:
            break
        trail.append(found)
    return trail


def _are_nan(one: Any, other: Any) -> bool:
    return isinstance(one, float) and isinstance(other, float) and isnan(one) and isnan(other)


def is_same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal; true is not 1, and 1 is 1.0."""
    stack = [(one, other)]
    while stack:
        a, b = stack.pop()
        if a is b:
            continue
        if isinstance(a, dict) and isinstance(b, dict):
            if a.keys() != b.keys():
                return False
            stack.extend((value, b[key]) for key, value in a.items())
        elif isinstance(a, list) and isinstance(b, list):
            if len(a) != len(b):
                return False
            stack.extend(zip(a, b, strict=True))
        elif isinstance(a, bool) != isinstance(b, bool) or (a != b and not _are_nan(a, b)):
            return False
    return True
