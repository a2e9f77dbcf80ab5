"""Real files of public repositories: what the API server accepts before, it accepts after.

They live beside the project, in ../shared/corpus, and are not part of it. Where they are missing
there is nothing to test here, and pytest says so by collecting nothing.
"""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from migrate import apply
from migrate.model import PHASES
from tests.oracle.cluster import Cluster, Refused
from tests.oracle.fixtures import ControlPlane
from tests.oracle.planned import Json, label, run, standing

CORPUS = Path(__file__).parent.parent.parent / "shared" / "corpus"
__test__ = CORPUS.exists()

pytestmark = pytest.mark.controlplane

AT_ONCE = 6  # requests; more of them only wait for one another on two cores


@dataclass(frozen=True)
class Answer:
    """What the server said of an object: `outcome` is accepted, refused or custom."""

    label: str
    outcome: str
    why: str = ""


@pytest.fixture(scope="module", params=["1.34", "1.36"])
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, list[Json]]:
    """The minor version, the corpus after all phases, and the objects that are new."""
    place = tmp_path_factory.mktemp("corpus")
    tree = place / "tree"
    shutil.copytree(CORPUS, tree, symlinks=True)
    new: list[Json] = []
    for estate in sorted(path for path in tree.iterdir() if path.is_dir()):
        # Each repository is an estate of its own: what one says of sharing is not said of others.
        plan = place / "plans" / estate.name
        with contextlib.chdir(estate):
            run("plan", ".", "-o", str(plan), "-q", "--kubernetes", request.param)
            for phase in PHASES:
                apply.phase(plan, phase)
        new += [yaml.safe_load(path.read_bytes()) for path in sorted(plan.glob("*/new/*.yaml"))]
    return request.param, tree, new


def test_what_is_accepted_before_is_accepted_after(
    control_plane: ControlPlane,
    migrated: tuple[str, Path, list[Json]],
    told: Callable[[str], None],
) -> None:
    minor, tree, new = migrated
    cluster = control_plane(minor)
    before, unread = objects(CORPUS)
    after, _ = objects(tree)
    began = time.perf_counter()
    said_before = answers(cluster, (body for path in before for body in before[path]))
    said_after = answers(cluster, (body for path in after for body in after[path]))
    said_new = answers(cluster, new)
    took = time.perf_counter() - began

    made = {label(body) for body in new}
    table: Counter[str] = Counter({"not YAML until rendered, or no manifest": unread})
    worse: list[str] = []
    for path, bodies in before.items():
        own = {label(body) for body in bodies}
        rest = [body for body in after[path] if label(body) in own or label(body) not in made]
        assert [label(b) for b in rest] == [label(b) for b in bodies], path
        pairs = [
            (said_before[key(a)], said_after[key(b)]) for a, b in zip(bodies, rest, strict=True)
        ]
        is_edited = (CORPUS / path).read_bytes() != (tree / path).read_bytes()
        table[outcome([one for one, _ in pairs], is_edited=is_edited)] += 1
        worse += [
            f"{path}: {b.label}: {b.why}"
            for a, b in pairs
            if a.outcome == "accepted" and b.outcome != "accepted"
        ]
    worse += [f"new: {a.label}: {a.why}" for a in said_new.values() if a.outcome != "accepted"]
    counts = Counter(answer.outcome for answer in said_before.values())
    lines = [
        (
            f"Kubernetes {minor}: {sum(counts.values())} different manifests"
            f" ({', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}),"
            f" {len(new)} new, asked in {took:.0f} s"
        ),
        *(f"{count:6} files: {what}" for what, count in sorted(table.items())),
        f"{len(worse):6} accepted before and not after",
    ]
    told("\n".join(lines))
    assert not worse, "\n".join(worse)
    assert table["edited: accepted before, accepted after"] > 100


def outcome(before: list[Answer], *, is_edited: bool) -> str:
    """In which row of the table a file belongs."""
    ours = [answer for answer in before if answer.outcome != "custom"]
    head = "edited" if is_edited else "left alone"
    if not ours:
        return f"{head}: custom kinds only (left out)"
    accepted = [answer for answer in ours if answer.outcome == "accepted"]
    if not accepted:
        return f"{head}: refused before (left out)"
    if len(accepted) < len(ours):
        return f"{head}: some refused before (left out), the others accepted before and after"
    return f"{head}: accepted before, accepted after"


def objects(root: Path) -> tuple[dict[str, list[Json]], int]:
    """The manifests of every file that is YAML or JSON and has some, and how many have none."""
    found: dict[str, list[Json]] = {}
    unread = 0
    for path in sorted(root.rglob("*")):
        if path.suffix not in {".yaml", ".yml", ".json"} or not path.is_file():
            continue
        try:
            bodies = [body for body, _ in standing(path) if is_manifest(body)]
        except (yaml.YAMLError, RecursionError, ValueError):
            bodies = []
        if bodies:
            found[path.relative_to(root).as_posix()] = bodies
        else:
            unread += 1
    return found, unread


def is_manifest(body: Json) -> bool:
    words = (body.get("apiVersion"), body.get("kind"))
    return all(isinstance(word, str) for word in words) and isinstance(body.get("metadata"), dict)


def key(body: Json) -> str:
    return json.dumps(body, sort_keys=True, default=str)


def answers(cluster: Cluster, bodies: Iterable[Json]) -> dict[str, Answer]:
    """What the server says of each object, asked once about those that stand twice."""
    different = {key(body): body for body in bodies}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = pool.map(lambda body: answer(cluster, body), different.values())
        return dict(zip(different, said, strict=True))


def answer(cluster: Cluster, body: Json) -> Answer:
    """What the server says of one object, in a namespace that exists."""
    housed = copy.deepcopy(body)
    housed["metadata"].pop("namespace", None)
    if housed["kind"] == "Namespace":
        housed["metadata"]["name"] = f"{housed['metadata'].get('name')}-x"
    try:
        path = cluster.path(housed)
    except Refused as no:
        return Answer(label(body), "custom", str(no))
    try:
        cluster.request("POST", path, housed, fieldValidation="Strict", dryRun="All")
    except Refused as no:
        return Answer(label(body), "refused", no.message)
    return Answer(label(body), "accepted")
