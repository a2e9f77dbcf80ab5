"""Values → YAML and JSON, in the style of the text around them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from migrate.yamltext.values import resolve

_PLAIN_HEAD: Final = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=<]|-(?=[^\s\-,\[\]{}])")


_UNPLAIN: Final = re.compile(
    r":(?=\s|$)|\s#|[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|^\s|\s$"
)


_UNFLOW: Final = re.compile(r"[\[\]{},:]|\?")


_ESCAPED: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def is_plain(text: str, flow: bool) -> bool:
    """Whether a string may stand unquoted: YAML 1.1, YAML 1.2 and kubectl all read the same."""
    if not text or not _PLAIN_HEAD.match(text) or _UNPLAIN.search(text) or "\u2028" in text:
        return False
    if text.startswith("...") or (flow and _UNFLOW.search(text)):
        return False
    bare = text.replace("_", "")
    if resolve(text) is not text or resolve(bare) != bare:
        return False
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
    return not any(regexp.match(text) for _, regexp in resolvers)


def _quoted(text: str, quote: str) -> str:
    """The string in quotation marks, single ones where they are asked for and can hold it."""
    if quote == "'" and "\n" not in text and not _ESCAPED.search(text) and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    escaped = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped)


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """An entry as its text has it, key and comments included.

    Shape: `column` is the one its key stands at; comments may stand before it.
    """

    lines: tuple[str, ...]
    column: int

    def at(self, column: int) -> list[str]:
        """The lines with the key at another column; a comment before its old one stays there."""
        found: list[str] = []
        for line in self.lines:
            bare = line.lstrip(" ")
            indent = len(line) - len(bare)
            if not line:
                found.append(line)
            elif indent >= self.column:
                found.append(" " * column + line[self.column :])
            else:
                found.append(" " * min(indent, column) + bare)
        return found


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is written: `step` indents a mapping, `dash` a list under its key."""

    step: int = 2
    dash: int = 0
    quote: str = '"'
    newline: str = "\n"
    is_json: bool = False
    literal: bool = True


def token(value: Any, style: Style, *, flow: bool = False, like: str = "") -> str:
    """A scalar or an empty collection on one line; `like` is the quotation mark to keep."""
    if isinstance(value, str):
        if style.is_json:
            return _quoted(value, '"')
        if like in ("'", '"'):
            return _quoted(value, like)
        if is_plain(value, flow):
            return value
        other = "'" if style.quote == '"' else '"'
        clash = style.quote in value or (style.quote == '"' and "\\" in value)
        return _quoted(value, other if clash and other not in value else style.quote)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list):
        return "[]"
    return json.dumps(value)


def is_inline(value: Any) -> bool:
    """Whether a value stands on the line of its key."""
    if isinstance(value, dict | list):
        return not value
    return not isinstance(value, Carried) and not (isinstance(value, str) and is_literal(value))


def is_literal(text: str) -> bool:
    """Whether a string reads best, and unharmed, as a literal block."""
    if "\n" not in text[:-1] or text.endswith("\n\n") or text[0] in " \t\n":
        return False
    lines = text.split("\n")
    if any(line and not line.strip() for line in lines):
        return False
    return all(line.replace("\t", "").isprintable() and "\ufeff" not in line for line in lines)


def block_lines(
    head: str, value: Any, column: int, style: Style, *, item: bool = False
) -> list[str]:
    """The lines of a value in block style behind `head`, which ends in a colon or a dash.

    Shape: `column` is that of the key or dash; an empty `head` writes the entries at `column`.
    """
    lines: list[str] = []
    stack: list[tuple[str, Any, int, bool]] = [(head, value, column, item)]
    while stack:
        head, value, column, item = stack.pop()
        if isinstance(value, Carried):
            lines.extend(value.at(column))
        elif isinstance(value, dict | list) and value:
            inner = column + (2 if item else style.step)
            if isinstance(value, list) and not item:
                inner = column + style.dash
            inner = inner if head else column
            children = _children(value, inner, style)
            if item:
                first, *rest = children
                children = [(f"{head} {first[0].lstrip()}", *first[1:]), *rest]
            elif head:
                lines.append(head)
            stack.extend(reversed(children))
        elif is_inline(value) or not style.literal:
            lines.append(f"{head} {token(value, style)}")
        else:
            lines.append(f"{head} |{'' if value.endswith(chr(10)) else '-'}")
            pad = " " * (column + style.step)
            body = value.removesuffix("\n").split("\n")
            lines.extend(pad + line if line else "" for line in body)
    return lines


def _children(value: Any, column: int, style: Style) -> list[tuple[str, Any, int, bool]]:
    pad = " " * column
    if isinstance(value, list):
        return [(f"{pad}-", item, column, True) for item in value]
    return [(f"{pad}{token(key, style)}:", item, column, False) for key, item in value.items()]


def flow_value(value: Any, style: Style, column: int, *, lines: bool = False) -> str:
    """A value in flow style, on one line or, where `lines`, over several from `column` on."""
    out: list[str] = []
    stack: list[tuple[Any, int, str, str]] = [(value, column, "", "")]
    while stack:
        value, column, head, tail = stack.pop()
        if isinstance(value, Carried):
            out.append(head + value.lines[0] + tail)
            continue
        if not (isinstance(value, dict | list) and value):
            out.append(
                head + (token(value, style, flow=True) if value is not _NOTHING else "") + tail
            )
            continue
        is_map = isinstance(value, dict)
        opened, closed = "{}" if is_map else "[]"
        inner = column + style.step
        gap = f"{style.newline}{' ' * inner}" if lines else ""
        out.append(head + opened)
        pairs = value.items() if isinstance(value, dict) else [(None, item) for item in value]
        tasks = []
        for number, (key, item) in enumerate(pairs):
            before = gap if lines or not number else " "
            is_named = is_map and not isinstance(item, Carried)
            name = f"{token(key, style, flow=True)}: " if is_named else ""
            comma = "," if number < len(value) - 1 else ""
            tasks.append((item, inner, before + name, comma))
        end = f"{style.newline}{' ' * column}" if lines else ""
        tasks.append((_NOTHING, column, end + closed, tail))
        stack.extend(reversed(tasks))
    return "".join(out)


_NOTHING: Final = object()
