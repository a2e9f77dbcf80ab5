"""Which cases in fixtures/ prove which rule."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from migrate.model import USAGES, Rule

FIXTURES = Path(__file__).parent.parent / "fixtures"
FOUND = re.compile(r"(?P<path>\S.*?):\d+:\d+\s+\S+\s.*?\s{2,}(?P<rule>[a-z0-9-]+/[a-z0-9-]+)\s{2,}")
"""A line of findings.txt that a rule answers for."""


@cache
def found(case: Path) -> dict[str, list[str]]:
    """The files of a case that each rule found something in."""
    rules: dict[str, list[str]] = {}
    for line in (case / "findings.txt").read_text(encoding="utf-8").splitlines():
        if match := FOUND.match(line):
            rules.setdefault(match["rule"], []).append(match["path"])
    return rules


def proving(rule: Rule) -> list[Path]:
    """The cases that prove a rule, the plainest of its own vendor first.

    A rule whose labels all outlive the plugin finds nothing; its case is one whose report says why
    such a label stays.
    """
    cases = sorted(path.parent for path in FIXTURES.glob("*/*/findings.txt"))
    proofs = [case for case in cases if rule.name in found(case)]
    if not proofs:
        labels = rule.placement.labels if rule.placement else ()
        whys = [label.why.rstrip(".") for label in labels if label.why]
        proofs = [case for case in cases if any(why in report(case) for why in whys)]
    vendor, family = rule.name.split("/")

    def rank(case: Path) -> tuple[object, ...]:
        usage, _, what = case.name.partition("-")
        return (
            case.parent.name != vendor,
            [*USAGES].index(usage),  # type: ignore[arg-type]
            not (case / "after").exists(),
            family not in what.split("-"),
            len(what.split("-")),
            sum(path.stat().st_size for path in (case / "before").rglob("*") if path.is_file()),
            case.name,
        )

    return sorted(proofs, key=rank)


@cache
def report(case: Path) -> str:
    return (case / "report.txt").read_text(encoding="utf-8")
