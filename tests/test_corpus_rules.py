"""Real files of public repositories: how much of them the rules know, and what people did by hand.

They live beside the project, in ../shared/corpus, and are not part of it. Where they are missing
there is nothing to test here, and pytest says so by collecting nothing.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate import detect, kube, planning
from migrate.model import Change, Finding, Plan
from migrate.read import files, ruleset
from tests import estates

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"
__test__ = CORPUS.exists()
pytestmark = pytest.mark.thorough

RULES = ruleset.rules()
PAIRS = sorted(path.name for path in (CORPUS / "_pairs").glob("*")) if CORPUS.exists() else []

UNKNOWN = {"example.com/custom-resource": "a name of an example, which is nobody's device"}
"""Resources that no rule answers for, each with its cause."""

DEVICES = re.compile(r"i915|gpu|claim|device|admin-?access|exactly:|allocationMode", re.IGNORECASE)
"""Words of a line that has to do with devices, in these five commits."""
ADMIN = re.compile(r"^\s*adminAccess:\s*true\b")


@dataclass(frozen=True)
class Planned:
    """What the program says of one tree."""

    findings: tuple[Finding, ...]
    asides: tuple[Finding, ...]
    plan: Plan

    @property
    def changes(self) -> list[Change]:
        return [change for phase in self.plan.phases for change in phase.changes]


def planned(root: Path) -> Planned:
    """The tree, read and planned from its own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        reading = files.reading(["."], RULES)
        found = detect.findings(reading.files, RULES)
        asides = detect.asides(reading.files, reading.unreadable, RULES)
        target = kube.target("1.34")
        changes = estates.changes(found, RULES, reading.manifests)
        plan = planning.plan(changes, target, RULES, found)
    return Planned(found, asides, plan)


def printed(rows: list[tuple[str, ...]]) -> None:
    """The rows in columns, the first of them their heads."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print()
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


# How much is known


def test_every_place_has_a_rule_and_every_refusal_a_reason() -> None:
    """Of all places found: who knows them, what becomes of them, and why not more."""
    made = planned(CORPUS)
    fate = {id(f): change for change in made.changes for f in change.findings}
    assert len(fate) == len(made.findings), "a place is in no change, or in two"

    table = Counter((f.usage, known(f), fate[id(f)].safety) for f in made.findings)
    places = [(usage, by, safety, str(count)) for (usage, by, safety), count in table.items()]
    printed([("usage", "known by", "safety", "places"), *sorted(places)])
    reasons = Counter((c.safety, reason(c)) for c in made.changes if c.safety != "safe")
    rows = [(safety, str(count), why[:110]) for (safety, why), count in reasons.most_common()]
    printed([("safety", "changes", "reason"), *rows])
    by_rule = sum(bool(f.rule) for f in made.findings)
    print(f"\n{len(made.findings)} places, {by_rule} known by a rule")

    assert by_rule > 2000
    assert {f.resource for f in made.findings if known(f) == "nobody"} == set(UNKNOWN)
    assert not [c for c in made.changes if c.safety == "manual" and not c.why.strip()]


def known(finding: Finding) -> str:
    """Who knows what a place means: a rule, Kubernetes itself, the shape of a plugin, or nobody."""
    if finding.rule:
        return "a rule"
    if finding.usage == "dra":
        return "Kubernetes"
    is_plugin = (finding.usage, finding.resource) == ("plugin", "device plugin")
    return "the kubelet's folder" if is_plugin else "nobody"


def reason(change: Change) -> str:
    """Why a change is no more than it is, without the names of its own place."""
    said = change.why or "; ".join(change.notes)
    return re.sub(r"[^ ]*/[^ ]*|\d+|\$\{?\w+.*", "…", said)


# What people did by hand


@dataclass(frozen=True)
class Hunk:
    """Lines that a person took away and put in; `start` counts the old lines from 1."""

    path: str
    start: int
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def what(self) -> str:
        """What the person did."""
        text = "\n".join((*self.old, *self.new))
        # Files that only list other files, or say where a chart is fetched.
        if re.search(r"/(?:kustomization|ks|ocirepository)\.yaml$", self.path):
            return "wiring"
        if re.search(r"resource-driver", self.path):
            return "driver"
        if re.search(r"device-plugin|gpu-plugin", self.path):
            return "plugin"
        if "admin-access" in text:
            return "admin access"
        is_named = "resourceClaimTemplateName" in text and "resourceClaims" not in text
        if is_named or re.search(r"kind: ResourceClaimTemplate", text):
            return "claim"
        return "request" if DEVICES.search(text) else ""


def hunks(pair: Path) -> Iterator[Hunk]:
    """Every hunk of a pair that has to do with devices."""
    paths = {
        path.relative_to(pair / side).as_posix()
        for side in ("before", "after")
        for path in (pair / side).rglob("*")
        if path.is_file()
    }
    for path in sorted(paths):
        old, new = (lines(pair / side / path) for side in ("before", "after"))
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            hunk = Hunk(path, a + 1, tuple(old[a:b]), tuple(new[c:d]))
            if (
                tag != "equal"
                and hunk.what
                and DEVICES.search("\n".join((path, *old[a:b], *new[c:d])))
            ):
                yield hunk


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def answer(hunk: Hunk, ours: Planned) -> tuple[str, str]:
    """What we do where a person did something, and how we say so; `missed` where we do not."""
    if hunk.what == "wiring":
        return "follows", "from the other rows: it lists files, or fetches a chart"
    if hunk.what == "admin access":
        return "declined", "no plan of ours gives adminAccess to a workload"
    if hunk.what == "driver":
        checks = [check for phase in ours.plan.phases for check in (*phase.before, *phase.after)]
        says = [check.says for check in checks if "get resourceslices" in check.ask]
        return ("checked", says[0]) if says else ("missed", "")
    here = [c for c in ours.changes if c.manifest and c.manifest.origin.path == hunk.path]
    if hunk.what == "claim" and not here:
        # A new claim is the other half of a request that went away, or of a claim mended.
        here = [c for c in ours.changes if {f.usage for f in c.findings} & {"container", "dra"}]
    if any(change.edits or change.creates for change in here):
        return "edited", ""
    if here:
        return "explained", here[0].why
    texts = [a for a in ours.asides if a.manifest.origin.path == hunk.path or hunk.what == "claim"]
    how = f"{len(texts)} requests in template text: named, and to be planned once rendered"
    return ("told", how) if texts else ("missed", "")


@pytest.mark.parametrize("pair", PAIRS)
def test_what_people_did_is_done_or_explained(pair: str) -> None:
    """Each edit of theirs beside ours; what is missed is known, and no more than that."""
    ours = planned(CORPUS / "_pairs" / pair / "before")
    rows, missed = [], set()
    for hunk in hunks(CORPUS / "_pairs" / pair):
        word, how = answer(hunk, ours)
        place = f"{hunk.path.split('/', 1)[-1]}:{hunk.start}"
        size = f"-{len(hunk.old)} +{len(hunk.new)}"
        rows.append((hunk.what, word, place[-70:], size, how[:80]))
        if word == "missed":
            missed.add((pair, hunk.path))
    printed([("theirs", "ours", "place", "lines", "how"), *sorted(rows)])
    assert rows
    assert not missed


@pytest.mark.parametrize("pair", PAIRS)
def test_each_mistake_of_theirs_is_pointed_out(pair: str) -> None:
    """Where people used adminAccess to share a device, or an older API, the line is found."""
    root = CORPUS / "_pairs" / pair / "after"
    theirs = planned(root)
    marked = {
        (path.relative_to(root).as_posix(), number)
        for path in sorted(root.rglob("*.yaml"))
        for number, line in enumerate(lines(path), start=1)
        if ADMIN.search(line)
    }
    older = {
        path.relative_to(root).as_posix()
        for path in sorted(root.rglob("*.yaml"))
        if re.search(r"(?m)^apiVersion: resource\.k8s\.io/v1(?:alpha|beta)", path.read_text())
    }
    found = [f for f in theirs.findings if f.usage == "dra"]
    rows = [(f.manifest.origin.path, str(f.line), f.resource, f.quantity) for f in found]
    printed([("file", "line", "mistake", "value"), *rows])
    access = {(f.manifest.origin.path, f.line) for f in found if f.resource == "adminAccess"}
    assert access == marked
    assert older <= {f.manifest.origin.path for f in found}
