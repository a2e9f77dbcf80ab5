"""What a plan gives to a cluster: the objects that it makes, and those that it edits."""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonpatch
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import ReusedAnchorWarning
from typer.testing import CliRunner

from migrate import apply
from migrate.cli import app
from migrate.model import PHASES

FIXTURES = Path(__file__).parents[2] / "fixtures"

Json = dict[str, Any]

WORKLOADS = {
    *("Pod", "ReplicationController", "PodTemplate"),
    *("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    *("CronJob", "Job"),
}


@dataclass(frozen=True)
class Edited:
    """An object before and after a plan, and the JSON Patch that the plan has for it.

    Shape: `holder` is the kind of the object that it stands in, "" for none; `disruption` is the
    plan's word for what the edit does to pods that run; the patch of what `is_rendered` is for the
    text, not for an object in a cluster.
    """

    before: Json
    after: Json
    patch: list[Json]
    path: str
    holder: str
    disruption: str
    is_rendered: bool

    @property
    def label(self) -> str:
        return label(self.before)


@dataclass(frozen=True)
class Planned:
    """A plan: `created` are the objects of all phases, in the order of the rollout."""

    name: str
    kubernetes: str
    created: tuple[Json, ...]
    edited: tuple[Edited, ...]
    folder: Path
    work: Path


def cases() -> list[Path]:
    """Every fixture, by its folder."""
    return sorted(before.parent for before in FIXTURES.glob("*/*/before"))


def case_files(name: str) -> str:
    """The text of a fixture's files."""
    paths = (FIXTURES / name / "before").rglob("*")
    return "\n".join(path.read_bytes().decode(errors="replace") for path in paths if path.is_file())


def is_workload(body: Json) -> bool:
    """Whether the object is of a built-in kind that makes pods."""
    return body["kind"] in WORKLOADS and "." not in body["apiVersion"]


def pod_spec(body: Json) -> Json:
    """The pod of a workload of a built-in kind."""
    spec: Json = body if body["kind"] == "PodTemplate" else body["spec"]
    if body["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec if body["kind"] == "Pod" else spec["template"]["spec"]


def of_case(case: Path, place: Path) -> Planned:
    """The plan of a fixture, with its own flags, applied to a copy of its files."""
    args = (case / "args").read_text().split("\n") if (case / "args").exists() else []
    name = f"{case.parent.name}/{case.name}"
    return of_tree(name, case / "before", place / name.replace("/", "-"), [a for a in args if a])


def of_tree(name: str, tree: Path, place: Path, args: Sequence[str] = ()) -> Planned:
    """The plan of some files, applied to a copy of them."""
    work, folder = place / "tree", place / "plan"
    shutil.copytree(tree, work)
    with contextlib.chdir(work):
        run("plan", ".", "-o", str(folder), "-q", *args)
        for phase in PHASES:
            apply.phase(folder, phase)
    body = json.loads((folder / "plan.json").read_text())
    return Planned(
        name=name,
        kubernetes=body["kubernetes"],
        created=tuple(_created(folder)),
        edited=tuple(_edited(body, folder, tree, work)),
        folder=folder,
        work=work,
    )


def run(*args: str) -> str:
    """What a verb prints on stdout; it must not fail."""
    result = CliRunner().invoke(app, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def _created(folder: Path) -> Iterator[Json]:
    """The objects of `new/` of every phase; classes come before what names them."""
    for phase in PHASES:
        for path in sorted(folder.glob(f"*-{phase}/new/*.yaml")):
            yield yaml.safe_load(path.read_bytes())


def _edited(plan: Json, folder: Path, tree: Path, work: Path) -> Iterator[Edited]:
    """The objects that patches are for; each edited file says the same as its patches."""
    told: Counter[str] = Counter()
    written = {file["path"] for phase in plan["phases"] for file in phase["files"]}
    for (path, name), changes in _by_object(plan).items():
        found = [one for one in standing(tree / path) if label(one[0]) == name]
        patches = [_patch(folder, phase, found[0][0], told) for phase, _ in changes]
        # One object with several pods has a change for each; several objects may share a name.
        if len(found) == 1:
            patches = [[operation for patch in patches for operation in patch]]
        made = [body for body, _ in standing(work / path)]
        for (before, holder), patch, (_, change) in zip(found, patches, changes, strict=False):
            is_rendered = change["via"] == "stream"
            operations = [o for o in patch if is_rendered or o["op"] != "test"]
            after = jsonpatch.apply_patch(before, operations)
            if path in written:
                same = [body for body in made if as_served(body) == as_served(after)]
                assert same, f"{path}: {name} is not what its patch says"
                after = same[0]
            yield Edited(before, after, patch, path, holder, change["disruption"], is_rendered)


def as_served(value: Any) -> Any:
    """An object without what an API server leaves out, its numbers as text."""
    if isinstance(value, dict):
        return {k: as_served(v) for k, v in value.items() if v is not None and v != []}
    if isinstance(value, list):
        return [as_served(one) for one in value]
    return str(value)


def _by_object(plan: Json) -> dict[tuple[str, str], list[tuple[str, Json]]]:
    """The changes with edits and their phases, by the object that they edit."""
    found: dict[tuple[str, str], list[tuple[str, Json]]] = {}
    for phase in plan["phases"]:
        for change in phase["changes"]:
            is_object = " " in change["object"]
            if change["edits"] and change["path"] and is_object:
                entry = found.setdefault((change["path"], change["object"]), [])
                entry.append((phase["name"], change))
    return found


def _patch(folder: Path, phase: str, body: Json, told: Counter[str]) -> list[Json]:
    """The patch of an object; those of objects with one name are numbered."""
    parts = [body["kind"], body["metadata"].get("namespace"), body["metadata"].get("name")]
    said = "-".join(part for part in parts if part).lower()
    stem = "".join(c if c.isalnum() or c in "-." else "-" for c in said).strip("-.")
    told[phase + stem] += 1
    number = told[phase + stem]
    [path] = folder.glob(f"*-{phase}/patches/{stem}{f'-{number}' if number > 1 else ''}.json")
    patch: list[Json] = json.loads(path.read_text())
    return patch


def standing(path: Path) -> Iterator[tuple[Json, str]]:
    """The objects of a file, those inside lists and templates too, with the kind they stand in."""
    for document in documents(path):
        if isinstance(document, dict) and "kind" in document:
            inside = document.get("items") if document["kind"].endswith("List") else None
            inside = document.get("objects") if document["kind"] == "Template" else inside
            if not isinstance(inside, list):
                yield document, ""
                continue
            yield from ((body, document["kind"]) for body in inside if isinstance(body, dict))


class Loader(yaml.CSafeLoader):
    """PyYAML's own reading, with unknown tags and keys taken as plain text."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        made = {}
        for key, value in node.value:
            said = self.construct_object(key, deep=True)
            said = said if isinstance(said, str | int) else str(said)
            made[said] = self.construct_object(value, deep=deep)
        return made


Loader.add_multi_constructor("!", lambda _loader, _tag, node: node.value)
# An API server takes dates as text.
for _tag in ("value", "timestamp"):
    Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", lambda _loader, node: node.value)


def documents(path: Path) -> list[Any]:
    """What a file's YAML says.

    Raises:
        yaml.YAMLError: It is not YAML.
    """
    data = path.read_bytes()
    try:
        return list(yaml.load_all(data, Loader))
    except yaml.composer.ComposerError:
        return _with_anchors_twice(data)


def _with_anchors_twice(data: bytes) -> list[Any]:
    """The same for a file whose anchors stand twice, which YAML allows and libyaml does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)
        reader = YAML(typ="safe", pure=True)
        reader.allow_duplicate_keys = True
        # It takes no tab before a comment either.
        return list(reader.load_all(data.replace(b"\t", b" ")))


def label(body: Json) -> str:
    """An object's name for people, as plans write it."""
    metadata = body.get("metadata") or {}
    name = metadata.get("name") or "(no name)"
    namespace = metadata.get("namespace")
    return f"{body['kind']} {namespace}/{name}" if namespace else f"{body['kind']} {name}"
