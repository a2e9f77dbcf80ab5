"""New objects as YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from migrate.model import Field
from migrate.yamltext.writing import is_literal, is_plain

_WIDTH: Final = 100


def dump(body: Mapping[str, Any], comments: Mapping[Field, str] | None = None) -> str:
    """A new object as YAML, its keys in their order and comments above the keys they belong to."""
    import io

    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 10**6
    writer.indent(mapping=2, sequence=2, offset=0)
    out = io.StringIO()
    writer.dump(_commented(dict(body), comments or {}), out)
    return out.getvalue()


def _commented(body: Any, comments: Mapping[Field, str]) -> Any:
    """The object in the types that carry comments and quoting."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    root = CommentedMap()
    stack: list[tuple[Any, Any, Field, int]] = [(body, root, (), 0)]
    while stack:
        plain, rich, path, column = stack.pop()
        is_map = isinstance(plain, dict)
        for step, value in plain.items() if is_map else enumerate(plain):
            own = _written(value)
            if isinstance(value, dict | list):
                own = CommentedMap() if isinstance(value, dict) else CommentedSeq()
                # A list's dashes stand under the key's own column.
                inner = column + 2 if not is_map or isinstance(value, dict) else column
                stack.append((value, own, (*path, step), inner))
            if is_map:
                rich[_written(step)] = own
            else:
                rich.append(own)
            if said := _said(plain, path, step, comments):
                words = "\n".join(_wrapped(said, _WIDTH - column - 2))
                rich.yaml_set_comment_before_after_key(step, before=words, indent=column)
    return root


def _said(plain: Any, path: Field, step: Any, comments: Mapping[Field, str]) -> str:
    """What is said above an entry; the first key of a list item speaks above the dash."""
    own = (
        ""
        if path and isinstance(path[-1], int) and next(iter(plain)) == step
        else comments.get((*path, step), "")
    )
    if isinstance(step, int) and isinstance(plain[step], dict) and plain[step]:
        first = comments.get((*path, step, next(iter(plain[step]))), "")
        own = "\n".join(text for text in (comments.get((*path, step), ""), first) if text)
    return own


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    lines: list[str] = []
    for line in text.splitlines():
        lines.extend(
            textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        )
    return lines


def _written(value: Any) -> Any:
    """A scalar in the style a careful person would give it."""
    from ruamel.yaml import scalarstring

    if not isinstance(value, str):
        return value
    if is_literal(value):
        return scalarstring.LiteralScalarString(value)
    if len(value) > _WIDTH - 20 and (folds := _folds(value)):
        folded = scalarstring.FoldedScalarString(value)
        folded.fold_pos = folds
        return folded
    if is_plain(value, False):
        return scalarstring.PlainScalarString(value)
    if '"' in value and "'" not in value and value.isprintable():
        return scalarstring.SingleQuotedScalarString(value)
    return scalarstring.DoubleQuotedScalarString(value)


def _folds(text: str) -> list[int]:
    """Where an expression may go on in the next line: at the single spaces after its operators."""
    if not text.isprintable() or text != text.strip():
        return []
    return [found.end() - 1 for found in re.finditer(r"(?<=\S) (?:&&|\|\|) (?=\S)", text)]
