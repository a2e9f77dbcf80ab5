"""Findings as lines for people, grep and editors, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from migrate.model import Field, Finding

VERSION = 1


def lines(findings: Iterable[Finding]) -> tuple[str, ...]:
    """One line a finding: place, usage, what is asked for, rule, object; columns aligned."""
    rows = [_row(finding) for finding in findings]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
    return tuple(
        "  ".join([*(c.ljust(w) for c, w in zip(row[:4], widths, strict=True)), row[4]]).rstrip()
        for row in rows
    )


def _row(finding: Finding) -> tuple[str, str, str, str, str]:
    origin = finding.manifest.origin
    place = f"{printable(origin.path)}:{finding.line}:{finding.column}"
    between = " in " if finding.usage == "telemetry" else "="
    asked = between.join(part for part in (finding.resource, finding.quantity) if part)
    return (
        place,
        finding.usage if finding.shape in {"pod", "bare"} else f"({finding.shape})",
        printable(asked),
        finding.rule or ("kubernetes" if finding.usage == "dra" else "none"),
        printable(about(finding)),
    )


def about(finding: Finding) -> str:
    """The object and the container a finding stands in."""
    label = finding.manifest.label if finding.manifest.kind else "no Kubernetes object"
    return f"{label}, container {finding.container}" if finding.container else label


def printable(text: str) -> str:
    """The text on one line; control characters, which could move a cursor, are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def document(
    findings: Sequence[Finding],
    asides: Sequence[Finding],
    unreadable: Iterable[tuple[str, int, int, str]],
    *,
    files: int,
    skipped: dict[str, int],
) -> str:
    """The findings as JSON; its shape is in docs/scan.schema.json."""
    with_findings = {f.manifest.origin.path for f in findings}
    body = {
        "version": VERSION,
        "findings": [entry(f) for f in findings],
        "asides": [{**entry(f), "shape": f.shape} for f in asides],
        "unreadable": [
            {"path": path, "line": line, "column": column, "reason": reason}
            for path, line, column, reason in unreadable
        ],
        "summary": {"files": files, "with_findings": len(with_findings), "skipped": skipped},
    }
    return as_json(body)


def as_json(body: Any) -> str:
    """The value as JSON, to be read by machines and shown on a terminal: see `printable`."""
    said = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    # Only strings can hold these characters, and there their escapes mean the same.
    return "\n".join(
        line
        if line.isprintable()
        else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)
        for line in said.split("\n")
    )


def entry(finding: Finding) -> dict[str, Any]:
    """One finding as JSON."""
    manifest = finding.manifest
    found: dict[str, Any] = {
        "path": manifest.origin.path,
        "line": finding.line,
        "column": finding.column,
        "usage": finding.usage,
        "field": dotted((*manifest.origin.within, *finding.field)),
        "resource": finding.resource,
        "quantity": finding.quantity,
        "rule": finding.rule or None,
        "object": {
            "api_version": manifest.api_version,
            "kind": manifest.kind,
            "namespace": manifest.namespace,
            "name": manifest.name,
            "document": manifest.origin.document,
        },
        "container": finding.container,
    }
    if manifest.origin.source:
        found["source"] = manifest.origin.source
    return found


def dotted(field: Field) -> str:
    """A path as people write it: `spec.containers[0].resources`."""
    said = ""
    for key in field:
        said += f"[{key}]" if isinstance(key, int) else f".{key}" if said else str(key)
    return said
