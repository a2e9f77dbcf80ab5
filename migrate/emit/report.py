"""A plan's document as Markdown: what was found, what would be done, what is left, what to type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

Document = Mapping[str, Any]

_UNREAD: Final = re.compile(r":\d+ \(unread\) ")
_ORDER: Final = {"manual": 0, "review": 1, "safe": 2}


def markdown(plan: Document) -> str:
    """The whole plan."""
    counts = plan["counts"]
    texts, unread = asides(plan)
    parts = [
        f"# Plan for Kubernetes {plan['kubernetes']}\n",
        (
            f"{plural(counts['files'], 'file')} read, {counts['with_findings']} ask for devices. "
            f"{summary(plan)}\n"
        ),
        "| Phase | Who | What |\n| --- | --- | --- |",
        "\n".join(
            f"| {i} {p['name']} | {p['who']} | {what(p)} |"
            for i, p in enumerate(plan["phases"], start=1)
        )
        + "\n",
        *_workloads(plan),
        *_left(plan),
        *_section("What this plan takes for granted", plan["assumptions"]),
        *_section("What a newer Kubernetes would add", plan["newer"]),
        *_section(
            "What could not be read",
            [f"{place(u)}: {u['reason']}" for u in plan["unreadable"]],
        ),
        *_section("Requests in files that could not be read, none of them planned", unread),
        *_section("Requests in comments and texts, left as they are", texts),
        f"## Next\n\n{following(plan)}\n",
    ]
    return "\n".join(parts)


def summary(plan: Document) -> str:
    """How many changes are safe, want review, are left to a person."""
    safeties = [c["safety"] for c in changes(plan)]
    said = [
        f"{safeties.count('safe')} safe",
        f"{safeties.count('review')} to review",
        f"{safeties.count('manual')} left to you",
    ]
    return f"{plural(len(safeties), 'change')}: {', '.join(said)}."


def changes(plan: Document) -> list[Mapping[str, Any]]:
    """Every change of every phase."""
    return [change for phase in plan["phases"] for change in phase["changes"]]


def asides(plan: Document) -> tuple[list[str], list[str]]:
    """Requests that are no part of the plan: in comments and texts, and in files not read."""
    unread = [each for each in plan["asides"] if _UNREAD.search(each)]
    return [each for each in plan["asides"] if each not in unread], unread


def plural(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def what(phase: Mapping[str, Any]) -> str:
    """What a phase does, in a few words."""
    said: list[str] = []
    files = phase["files"]
    if files:
        said.append(plural(len(files), "file"))
        said.append(plural(sum(f["lines"] for f in files), "line"))
    if rendered := _rendered(phase):
        said.append(f"{rendered} patched as rendered")
    for kind, one, many in (
        ("DeviceClass", "device class", "device classes"),
        ("ResourceClaim", "claim", "claims"),
        ("ResourceClaimTemplate", "claim template", "claim templates"),
    ):
        made = sum(c["kind"] == kind for c in phase["creates"])
        if made:
            said.append(f"{made} {one if made == 1 else many}")
    left = sum(c["safety"] == "manual" for c in phase["changes"])
    if left:
        said.append(f"{left} left to you")
    if not said and phase["before"]:
        said.append(plural(len(phase["before"]), "check"))
    return ", ".join(said) or "nothing"


def place(entry: Mapping[str, Any]) -> str:
    """`path:line` of a change or of something unreadable."""
    return f"{entry['path']}:{entry['line']}" if entry.get("line") else str(entry["path"])


def _workloads(plan: Document) -> list[str]:
    """A table of what is changed, safest last, and what is to be known of it, said once."""
    moved = [c for c in changes(plan) if c["safety"] != "manual"]
    if not moved:
        return []
    rows = [
        "## What changes\n",
        "| Workload | Today | After | How | Safety |\n| --- | --- | --- | --- | --- |",
    ]
    rows += [
        f"| {_owned(c, '<br>')} | {cells(c['before'])} | {cells(c['after'])} "
        f"| {c['strategy'] or 'edit'} | {c['safety']} |"
        for c in sorted(moved, key=lambda c: _ORDER[c["safety"]])
    ]
    rows.append("")
    by_note: dict[str, list[Mapping[str, Any]]] = {}
    for change in moved:
        for note in change["notes"]:
            by_note.setdefault(note, []).append(change)
    if by_note:
        rows.append("### To look at\n")
        for note, group in by_note.items():
            rows.append(f"- {cell(note)}")
            rows += [f"  - {_owned(c)}" for c in group]
        rows.append("")
    return rows


def _owned(change: Mapping[str, Any], between: str = " ") -> str:
    """The object of a change and where it stands, if it stands anywhere."""
    said = cell(change["object"])
    return f"{said}{between}{code(place(change))}" if change["path"] else said


def _left(plan: Document) -> list[str]:
    """What stays with a person, by reason."""
    left = [c for c in changes(plan) if c["safety"] == "manual"]
    if not left:
        return []
    by_reason: dict[str, list[Mapping[str, Any]]] = {}
    for change in left:
        by_reason.setdefault(change["why"], []).append(change)
    rows = ["## What is left to you\n"]
    for why, group in by_reason.items():
        rows.append(f"- {cell(why)}")
        rows += [
            f"  - {code(place(c))} {cell(c['object'])}: {cells(c['before'], '; ')}" for c in group
        ]
        notes = dict.fromkeys(note for c in group for note in c["notes"])
        rows += [f"  - {cell(note)}" for note in notes]
    return [*rows, ""]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    listed = [f"- {cell(line)}" for line in lines]
    return [f"## {title}\n", *listed, ""] if listed else []


def following(plan: Document) -> str:
    """What to do next."""
    if any(phase["files"] for phase in plan["phases"]):
        return (
            "Read the README.md of each phase, in order. "
            "`dra-migrate apply <this folder> --phase claim` writes the files of a phase, "
            "`dra-migrate rollback <this folder>` gives every byte back."
        )
    if any(phase["creates"] for phase in plan["phases"]):
        return "Read the README.md of each phase, in order; there is no file to write."
    return "Nothing to write: see what is left to you."


def phase(told: Mapping[str, Any]) -> str:
    """The README of one phase: what must hold, what is done, what proves it, the way back."""
    name = told["name"]
    rows = [f"# {name.capitalize()}\n", f"Who: {told['who']}. What: {what(told)}.\n"]
    rows += _checks("Must hold before", told["before"])
    if told["creates"]:
        rows.append("## Create\n")
        rows += [f"- {c['kind']} {cell(_owner(c))}" for c in told["creates"]]
        rows.append("\n```sh\nkubectl apply -f new/\n```\n")
        if told["files"]:
            rows.append("The files below hold the same objects where workloads need them.\n")
    if _rendered(told):
        rows.append(
            "## Patch what is rendered\n\n"
            "`patches/` holds a JSON Patch per object; this folder is a Kustomize Component that "
            "applies them to the rendered text and adds the new objects (`components: [3-claim]`); "
            "`diff/rendered.diff` shows what comes out.\n"
            "The change itself belongs in the source: the chart's values, templates, the overlay.\n"
        )
    if told["files"]:
        rows.append("## Write\n")
        for file in told["files"]:
            rows.append(f"- {code(file['path'])}: {plural(file['lines'], 'line')}")
            rows += [f"  - {cell(said)}" for said in file["says"]]
            rows += [f"  - goes with it: {code(text)}" for text in file["quoted"]]
        rows.append(f"\n```sh\ndra-migrate apply .. --phase {name}\n```\n")
    rows += _order(told)
    rows += _checks("Shows that it worked", told["after"])
    if told["back"]:
        rows.append(f"## Way back\n\n{told['back']}\n")
    return "\n".join(rows)


def _rendered(told: Mapping[str, Any]) -> int:
    """How many changes are of rendered text, which is patched instead of written."""
    return sum(c["via"] == "stream" and c["edits"] > 0 for c in told["changes"])


def _order(told: Mapping[str, Any]) -> list[str]:
    """The workloads by what the change does to them."""
    said = {
        "none": "Take effect with the next run",
        "rollout": "Restart pod by pod",
        "recreate": "Cannot be edited while they run: delete and create, or let them end",
    }
    rows: list[str] = []
    for disruption, title in said.items():
        group = [c for c in told["changes"] if c["disruption"] == disruption and c["edits"]]
        if group:
            rows.append(f"## {title}\n")
            rows += [f"- {cell(c['object'])} ({c['safety']})" for c in group]
            rows.append("")
    return rows


def _owner(created: Mapping[str, str]) -> str:
    return f"{created['namespace']}/{created['name']}" if created["namespace"] else created["name"]


def _checks(title: str, checks: Iterable[Mapping[str, str]]) -> list[str]:
    rows: list[str] = []
    for check in checks:
        rows.append(f"- {cell(check['says'])}")
        if check["ask"]:
            rows.append(f"  `{check['ask']}`")
    return [f"## {title}\n", *rows, ""] if rows else []


def cell(text: str) -> str:
    """A text inside Markdown: on one line, and never markup."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"\\{c}" if c in "\\`*[]<>|" else c for c in flat)


def cells(texts: Iterable[str], between: str = "<br>") -> str:
    """Several texts in one cell."""
    return between.join(cell(text) for text in texts)


def code(text: str) -> str:
    """A text as code, whatever it holds."""
    flat = " ".join(text.split())
    return f"`{flat}`" if "`" not in flat else cell(flat)
