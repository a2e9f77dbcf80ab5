"""Real files of public repositories: found to the last entry, edited without a scratch, undone.

They live beside the project, in ../shared/corpus, and are not part of it. Where they are missing
there is nothing to test here, and pytest says so by collecting nothing.
"""

from __future__ import annotations

import csv
import difflib
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from migrate import apply, detect, kube, planning, yamltext
from migrate.emit import folder, patches, rewrite
from migrate.emit.tree import tree as tree_of
from migrate.model import PHASES, Change, Finding, at
from migrate.read import files, ruleset, texts
from migrate.read.files import Reading
from tests import estates

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"
__test__ = CORPUS.exists()
pytestmark = pytest.mark.thorough

RULES = ruleset.rules()

# Files in which the index counts something else than we do, each with its cause.
CAUSES = {
    (
        "NVIDIA__nim-deploy/cloud-service-providers/aws/blueprints/rag-blueprint-eks/helm/"
        "values-os.yaml"
    ): (
        "a key that stands twice: the last one counts, and the first one's request is lost with it"
    ),
    "kubernetes-sigs__kwok/kustomize/kwokctl/resource/pod.yaml": (
        "every resource's name is filled in by a template: nothing says that it is a device"
    ),
}
# What a removed or an added line may hold: the request, its label, their parents, the claim, a
# quota on it, the plugin switched off.
OURS = re.compile(
    r"^[\s\"'{-]*[\w.-]+\.[a-z]+/[\w.-]+[\"']?\s*:|nvidia\.com/|limits:|requests:|resources:|nodeSelector:|claims:|name:|request:|resourceClaims:"
    r"|resourceClaimTemplateName:|tolerations:|key:|operator:|effect:|ffinity|Scheduling|nodeSelectorTerms:"
    r"|matchExpressions:|values:|^\s*-\s|^\s*[\]}{\[],?\s*$|\S+-claims\.yaml"
    r"|deviceclass\.resource\.k8s\.io/devices|^\s*enabled: (?:true|false)"
    r"|^\s*(?:pod|defaultPodOptions):\s*$"
    r"|^\s*apiVersion: resource\.k8s\.io/|exactly:|deviceClassName:|allocationMode:"
)


class Loader(yaml.CSafeLoader):
    """A second parser's opinion: PyYAML's own, with unknown tags read as plain values."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping; a `{{ x }}` that was read as a key stands as text."""
        self.flatten_mapping(node)
        made = {}
        for key, value in node.value:
            said = self.construct_object(key, deep=True)
            made[said if isinstance(said, str | int) else str(said)] = self.construct_object(
                value, deep=deep
            )
        return made


Loader.add_multi_constructor("!", lambda _loader, _tag, node: node.value)
Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)


@pytest.fixture(scope="module")
def index() -> list[dict[str, str]]:
    """The index of the files that ask for a device."""
    with (CORPUS / "INDEX.tsv").open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.fixture(scope="module")
def read() -> tuple[Reading, tuple[Finding, ...]]:
    """The whole corpus, read and searched once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CORPUS)
        began = time.perf_counter()
        reading = files.reading(["."], RULES)
        found = detect.findings(reading.files, RULES)
        took = time.perf_counter() - began
    print(f"\n{reading.read} files in {took:.1f} s: {reading.read / took:.0f} files/s")
    return reading, found


def test_every_entry_is_found(
    index: list[dict[str, str]], read: tuple[Reading, tuple[Finding, ...]]
) -> None:
    """As many container and quota findings per file as the index counts, or a known cause."""
    counted = _counted(read[1])
    table: Counter[tuple[str, str]] = Counter()
    wrong: dict[str, tuple[int, int]] = {}
    for row in index:
        if row["parse"] != "parses":
            continue
        has = counted[row["path"]]
        is_equal = has == int(row["requests"])
        table[row["class"], "equal" if is_equal else "different"] += 1
        if not is_equal:
            wrong[row["path"]] = (int(row["requests"]), has)
    print()
    for (kind, outcome), count in sorted(table.items()):
        print(f"{count:5} {outcome:9} {kind}")
    for path, (asked, has) in wrong.items():
        print(f"{path}: {asked} in the index, {has} found: {CAUSES.get(path, 'NO CAUSE')}")
    assert set(wrong) == set(CAUSES)


def test_templates_are_searched_behind_a_mask(
    index: list[dict[str, str]], read: tuple[Reading, tuple[Finding, ...]]
) -> None:
    """Of the entries in files that are not YAML until rendered, most are found all the same."""
    asides = detect.asides(read[0].files, read[0].unreadable, RULES)
    masked = _counted(read[1])
    by_lines = Counter(a.manifest.origin.path for a in asides if a.shape in {"text", "unread"})
    rows = [row for row in index if row["parse"] != "parses"]
    entries = sum(int(row["requests"]) for row in rows)
    behind = sum(min(int(row["requests"]), masked[row["path"]]) for row in rows)
    by_line = sum(
        min(
            int(row["requests"]) - min(int(row["requests"]), masked[row["path"]]),
            by_lines[row["path"]],
        )
        for row in rows
    )
    print(
        f"\n{len(rows)} files, {entries} entries: {behind} behind the mask, {by_line} line by line"
    )
    assert behind >= 175
    assert behind + by_line >= 195


def test_files_without_requests_give_none(
    index: list[dict[str, str]], read: tuple[Reading, tuple[Finding, ...]]
) -> None:
    """A file that is not in the index asks for nothing; the pairs of commits are not indexed."""
    known = {row["path"] for row in index}
    # The index knows resources by their names, and not the shorthands of custom kinds.
    named = (
        f
        for f in read[1]
        if f.usage == "container" and "/" in str(f.field[-1]) and not _is_in_a_string(f)
    )
    extra = {f.manifest.origin.path for f in named} - known
    assert not [path for path in extra if not path.startswith("_pairs/")]


def _counted(found: tuple[Finding, ...]) -> Counter[str]:
    """Findings per file that the index counts too: requests, and entries of a quota's `hard`."""
    return Counter(
        f.manifest.origin.path
        for f in found
        if f.usage == "container" or (f.usage == "quota" and f.field[-2:-1] == ("hard",))
        if not _is_in_a_string(f)
    )


def _is_in_a_string(finding: Finding) -> bool:
    """Whether it stands in a text inside a manifest, which the index does not look into."""
    value = at(finding.manifest.body, finding.field)
    is_text = isinstance(value, str) and value != finding.quantity
    is_text = is_text and ("\n" in value or value.startswith(("{", "[")))
    return is_text or finding.manifest.origin.readonly == texts.INSIDE


def test_edits_touch_only_what_they_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other line changes, objects are as meant, git takes the diff, nothing is left, undone."""
    tree = tmp_path / "tree"
    shutil.copytree(CORPUS, tree, symlinks=True)
    monkeypatch.chdir(tree)
    plan = tmp_path / "plan"
    changes, rewrites = _planned(tree, plan)
    before = {r.path: (tree / r.path).read_bytes() for r in rewrites if r.before is not None}
    quoted = {r.path: r.quoted for r in rewrites}
    _print_table(changes, rewrites)

    assert len([r for r in rewrites if r.before is not None]) > 150
    for number, phase in enumerate(PHASES, start=1):
        for diff in (plan / f"{number}-{phase}").rglob("*.diff"):
            check = ["git", "apply", "--check", "--whitespace=nowarn", str(diff)]
            done = subprocess.run(check, cwd=tree, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        apply.phase(plan, phase)
    by_path: dict[str, list[Change]] = {}
    for change in changes:
        if change.edits and change.manifest:
            by_path.setdefault(change.manifest.origin.path, []).append(change)
    for path, old in before.items():
        new = (tree / path).read_bytes()
        _only_ours(path, old, new, by_path.get(path, []), quoted[path])
        _as_meant(path, old, new, by_path.get(path, []))

    again, more = _planned(tree, tmp_path / "again")
    assert not more, [r.path for r in more]
    assert not [c for c in again if c.edits]

    apply.rollback(plan)
    for path, old in before.items():
        assert (tree / path).read_bytes() == old
    left = {p.relative_to(tree) for p in tree.rglob("*")}
    assert left == {p.relative_to(CORPUS) for p in CORPUS.rglob("*")}


def _planned(root: Path, output: Path) -> tuple[list[Change], tuple[rewrite.Rewrite, ...]]:
    """The changes and rewrites of the whole tree, and its plan folder."""
    reading = files.reading(["."], RULES)
    found = detect.findings(reading.files, RULES)
    target = kube.target("1.34")
    changes = estates.changes(found, RULES, reading.manifests)
    plan = planning.plan(changes, target, RULES, found)
    plan, rewrites = rewrite.rewritten(plan, tree_of(reading.files, reading.kustomizations))
    counts = {"files": reading.read, "with_findings": 0}
    facts = folder.Facts(root=str(Path("..") / root.name), options={}, counts=counts)
    for path, data in folder.files(plan, rewrites, facts, RULES).items():
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        (output / path).write_bytes(data)
    return [c for phase in plan.phases for c in phase.changes], rewrites


def _print_table(changes: list[Change], rewrites: tuple[rewrite.Rewrite, ...]) -> None:
    edited = [r for r in rewrites if r.before is not None]
    print(f"\n{len(edited)} files edited, {len(rewrites) - len(edited)} new")
    reasons = Counter(
        re.sub(r"[^ ]*/[^ ]*|\d+|\$\{?\w+.*", "…", c.why) for c in changes if c.safety == "manual"
    )
    for safety, count in Counter(c.safety for c in changes).items():
        print(f"{count:5} {safety}")
    for reason, count in reasons.most_common(30):
        print(f"{count:5} left to a person: {reason[:150]}")


def _only_ours(
    path: str, old: bytes, new: bytes, changes: list[Change], quoted: tuple[str, ...]
) -> None:
    """No line is touched but of a request, a label, a claim, or a comment that the plan quotes."""
    text = new.decode().replace("\r\n", "\n")
    blocks = {yamltext.dump(c.body, c.comments) for change in changes for c in change.creates}
    for block in blocks:
        text = text.replace(block, "", 1)
    lines = difflib.unified_diff(old.decode().splitlines(), text.splitlines(), n=0, lineterm="")
    touched = [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    plain = [line[1:].strip() for line in touched]
    known = {"", "---", *(line.strip() for text in quoted for line in text.splitlines())}
    if any(change.manifest and change.manifest.origin.within for change in changes):
        known |= {line.strip() for block in blocks for line in block.splitlines()}
    names = tuple(f.resource for change in changes for f in change.findings)
    strange = [
        line
        for line in plain
        if line not in known and not OURS.search(line) and not any(name in line for name in names)
    ]
    assert not strange, (path, strange)


def _as_meant(path: str, old: bytes, new: bytes, changes: list[Change]) -> None:
    """A parser that is not ours reads the objects that the JSON Patches make of the old ones."""
    made = {c.name for change in changes for c in change.creates}
    before: list[Any] = list(yaml.load_all(old, Loader))
    after = [
        body
        for body in yaml.load_all(new, Loader)
        if not (
            isinstance(body, dict)
            and body.get("kind") == "ResourceClaimTemplate"
            and body["metadata"]["name"] in made
        )
    ]
    if path.endswith(("kustomization.yaml", "kustomization.yml", "Kustomization")) and not changes:
        assert len(before) == len(after)
        return
    for change in changes:
        assert change.manifest is not None
        origin = change.manifest.origin
        operations = patches.operations(change.manifest.body, change.edits)
        if origin.within:
            prefix = "".join(f"/{key}" for key in origin.within)
            operations = [{**op, "path": prefix + op["path"]} for op in operations]
        before[origin.document] = jsonpatch.apply_patch(before[origin.document], operations)
        if origin.within:
            at(before[origin.document], origin.within[:-1]).extend(
                c.body for c in change.creates if not c.is_cluster_scoped
            )
    assert before == after, path
