"""Paths of the tables: `spec.containers[*].env`, held against the path of a field."""

from __future__ import annotations

from migrate.model import Field

Path = tuple[str, ...]


def steps(text: str) -> Path:
    """The steps of a path: a key, `{key}` for any key, `[*]` for any number."""
    return tuple(text.replace("[*]", ".[*]").split("."))


def leads(path: Path, field: Field) -> bool:
    """Whether `path` leads to `field` or to something around it."""
    return len(path) <= len(field) and all(map(_is_step, path, field))


def is_at(path: Path, field: Field) -> bool:
    """Whether `path` leads to `field` itself."""
    return len(path) == len(field) and leads(path, field)


def _is_step(pattern: str, step: str | int) -> bool:
    if pattern == "[*]":
        return isinstance(step, int)
    return pattern == step or (pattern == "{key}" and isinstance(step, str))
