"""Paths of the tables: `spec.containers[*].env`, held against the path of a field."""

from __future__ import annotations

from typing import Final

from migrate.model import Field

Path = tuple[str, ...]
KEY: Final = "{key}"


def steps(text: str) -> Path:
    r"""The steps of a path: a key, `[*]` for any number, `{key}` for any key.

    Shape: a dot inside a key is written `\.`, and `{key}` may have a beginning before it.
    """
    plain = text.replace("[*]", ".[*]").replace("\\.", "\0")
    return tuple(step.replace("\0", ".") for step in plain.split("."))


def leads(path: Path, field: Field) -> bool:
    """Whether `path` leads to `field` or to something around it."""
    return len(path) <= len(field) and all(map(_is_step, path, field))


def is_at(path: Path, field: Field) -> bool:
    """Whether `path` leads to `field` itself."""
    return len(path) == len(field) and leads(path, field)


def _is_step(pattern: str, step: str | int) -> bool:
    if pattern == "[*]":
        return isinstance(step, int)
    if pattern.endswith(KEY) and isinstance(step, str):
        return step.startswith(pattern.removesuffix(KEY))
    return pattern == step
