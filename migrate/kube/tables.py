"""The tables of facts that come with the package."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def table(name: str) -> Any:
    """The table `migrate/data/<name>.json`, read once and never changed."""
    file = resources.files("migrate") / "data" / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))
