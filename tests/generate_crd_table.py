"""Make migrate/data/kinds.json from a survey of CustomResourceDefinitions.

    python tests/generate_crd_table.py crd-pod-paths.json > migrate/data/kinds.json

The survey lists, per kind, the paths where its schema has a pod spec or bare `resources`, and
whether the schema there knows `resourceClaims`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SOURCE = (
    "the OpenAPI schemas of the kinds' own CustomResourceDefinitions, "
    "as their projects published them up to November 2026"
)


def table(survey: list[dict[str, Any]]) -> str:
    """The text of the table: one line per kind, sorted, so that a difference can be read."""
    kinds = {f"{entry['group']}/{entry['kind']}": places(entry) for entry in survey}
    lines = [
        f"    {json.dumps(name)}: {json.dumps(kinds[name])}"
        for name in sorted(kinds)
        if kinds[name]
    ]
    body = ",\n".join(lines)
    return f'{{\n  "source": {json.dumps(SOURCE)},\n  "kinds": {{\n{body}\n  }}\n}}\n'


def places(entry: dict[str, Any]) -> dict[str, Any]:
    """The paths of one kind: pod specs with what becomes of claims there, and bare resources.

    Where the schemas of one kind disagree, releases do too, and nothing is promised.
    """
    knows = {p["path"][1:]: p["schemaHasResourceClaims"] for p in entry["podSpecPaths"]}
    support = "varies" if len(set(knows.values())) > 1 else ""
    pods = {path: support or ("keeps" if knows[path] else "drops") for path in sorted(knows)}
    bare = sorted({p["path"][1:] for p in entry["bareResources"]})
    return {key: value for key, value in (("pods", pods), ("bare", bare)) if value}


if __name__ == "__main__":
    sys.stdout.write(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
