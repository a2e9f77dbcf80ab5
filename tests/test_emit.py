"""Diffs that git applies, patches that say what they expect, and the component with them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from unidiff.patch import PatchSet

from migrate import detect, kube, planning, translate, yamltext
from migrate.emit import folder, listing, patches, rewrite, tree, unified
from migrate.model import ABSENT, Change, Edit, Manifest, fields
from migrate.read import files, ruleset, stream

RULES = ruleset.rules()
RENDERED = """\
---
# Source: chart/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: serve
  namespace: ml
spec:
  ports: [{port: 80}]
---
# Source: chart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: serve
  namespace: ml
spec:
  template:
    spec:
      nodeSelector:
        nvidia.com/gpu.product: NVIDIA-L4
      containers:
        - name: main
          image: registry.example/serve:1
          resources:
            limits:
              nvidia.com/gpu: 1
"""

# --- Unified diffs, judged by git and by unidiff --------------------------------------------------

Splices = tuple[tuple[int, int, bytes], ...]

LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")) | st.sampled_from("\t"),
    max_size=12,
)
END = st.sampled_from(["\n", "\n", "\n", "\r\n"])
TEXT = st.builds(
    lambda lines, last: "".join(line + end for line, end in lines) + last,
    st.lists(st.tuples(LINE, END), max_size=30),
    st.one_of(st.just(""), LINE),
)


@st.composite
def spliced(draw: st.DrawFn) -> tuple[bytes, Splices]:
    """A text and spans of it, in order, each with what takes its place."""
    before = draw(TEXT).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(before)), max_size=8)))
    spans = zip(cuts[::2], cuts[1::2], strict=False)
    splices = tuple((start, end, draw(TEXT).encode()) for start, end in spans)
    return before, splices


def after(before: bytes, splices: Splices) -> bytes:
    """The text with its spans replaced."""
    parts, at = [], 0
    for start, end, new in splices:
        parts += [before[at:start], new]
        at = end
    return b"".join([*parts, before[at:]])


def applied(path: str, before: bytes | None, diff: bytes) -> bytes:
    """What git makes of a file when it applies the diff."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if before is not None:
            place.write_bytes(before)
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "--unsafe-paths", "-"],
            cwd=root,
            input=diff,
            capture_output=True,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)},
            check=False,
        )
        assert done.returncode == 0, (done.stderr.decode(), diff)
        return place.read_bytes()


@settings(max_examples=150)
@given(spliced())
def test_git_makes_exactly_the_new_bytes(case: tuple[bytes, Splices]) -> None:
    """With or without a final newline, with CRLF, for any spans: git writes what we meant."""
    before, splices = case
    meant = after(before, splices)
    assume(before)
    diff = unified.diff("k8s/a.yaml", before, meant, splices)
    if before == meant:
        assert diff == b""
    else:
        assert applied("k8s/a.yaml", before, diff) == meant


@settings(max_examples=150)
@given(spliced())
def test_another_reader_counts_the_same_lines(case: tuple[bytes, Splices]) -> None:
    """unidiff finds as many added and removed lines as the plan says there are."""
    before, splices = case
    meant = after(before, splices)
    assume(before and before != meant)
    diff = unified.diff("k8s/a.yaml", before, meant, splices)
    # unidiff splits lines where Python does; git, and we, only at a line feed.
    text = "".join("?" if c in "\r\x0b\x0c\x1c\x1d\x1e\x85" else c for c in diff.decode("latin-1"))
    (file,) = PatchSet(io.StringIO(text, newline="\n"))
    assert file.added + file.removed == unified.counted(before, meant, splices)
    assert file.path == "k8s/a.yaml"


@settings(max_examples=300)
@given(spliced())
def test_hunks_are_whole_lines(case: tuple[bytes, Splices]) -> None:
    """In order, apart, without lines that stay; only a text's last line may lack its end."""
    before, splices = case
    lines = before.split(b"\n")
    end = len(lines) - (lines[-1] == b"")
    reach = -1
    for hunk in unified.hunks(before, splices):
        assert reach < hunk.start <= hunk.end <= end
        assert hunk.start < hunk.end or hunk.new
        assert all(line.endswith(b"\n") for line in hunk.new[:-1])
        if hunk.new and not hunk.new[-1].endswith(b"\n"):
            assert hunk.end == end
        if hunk.start == end and end:
            assert before.endswith(b"\n"), "a line cannot follow one that has no end"
        reach = hunk.end - 1


@settings(max_examples=60)
@given(TEXT)
def test_a_new_file_is_made_whole(text: str) -> None:
    assume(text)
    data = text.encode()
    diff = unified.diff("new/a.yaml", None, data, ((0, 0, data),))
    assert applied("new/a.yaml", None, diff) == data
    assert unified.counted(None, data, ()) == len(data.removesuffix(b"\n").split(b"\n"))


NAMES = [
    "plain.yaml",
    "with space.yaml",
    'with "quotes".yaml',
    "with 'one'.yaml",
    "back\\slash.yaml",
    "ünïcödé-訓練.yaml",
    "k8s/a b/c\td.yaml",
    "trailing .yaml",
    "-dash.yaml",
    "$HOME `id`.yaml",
]


@pytest.mark.parametrize("path", NAMES)
def test_git_finds_paths_of_every_spelling(path: str) -> None:
    before, meant = b"a\nb\nc\n", b"a\nB\nc\n"
    diff = unified.diff(path, before, meant, ((2, 3, b"B"),))
    assert applied(path, before, diff) == meant
    new = unified.diff(path, None, meant, ())
    assert applied(path, None, new) == meant


def test_edits_far_apart_are_hunks_of_their_own() -> None:
    """Three lines of context each; neighbours share a hunk."""
    before = b"".join(b"line %d\n" % n for n in range(40))
    starts = [before.index(b"line %d\n" % n) for n in (5, 9, 30)]
    splices = tuple((at, at + 4, b"LINE") for at in starts)
    diff = unified.diff("a", before, after(before, splices), splices)
    assert [line for line in diff.split(b"\n") if line.startswith(b"@@")] == [
        b"@@ -3,11 +3,11 @@",
        b"@@ -28,7 +28,7 @@",
    ]
    assert applied("a", before, diff) == after(before, splices)


def test_a_file_that_ends_in_the_middle_of_a_line_says_so() -> None:
    before = b"a\nb"
    diff = unified.diff("a", before, b"a\nb\nc\n", ((3, 3, b"\nc\n"),))
    assert diff.endswith(b"-b\n\\ No newline at end of file\n+b\n+c\n")


# --- JSON Patches ---------------------------------------------------------------------------------

LEAF = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("ab~/\"'", max_size=3))
KEY = st.sampled_from(["a", "b", "nvidia.com/gpu", "x~y", "", "0", "-"])
BODY = st.dictionaries(
    KEY,
    st.recursive(
        LEAF,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
        max_leaves=12,
    ),
    min_size=1,
    max_size=5,
)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Any, tuple[Edit, ...]]:
    """An object and one edit of it: a field set, taken out or put in."""
    body = draw(BODY)
    places = [((), body), *((f, v) for f, v in fields(body) if isinstance(v, dict | list) and v)]
    field, container = draw(st.sampled_from(places))
    new = draw(LEAF | st.dictionaries(KEY, LEAF, min_size=1, max_size=2))
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    what = draw(st.sampled_from(["set", "remove", "add"]))
    if what == "add":
        if isinstance(container, list):
            return body, (Edit((*field, len(container)), ABSENT, new),)
        return body, (Edit((*field, "added"), ABSENT, new),)
    key = draw(st.sampled_from(keys))
    old = container[key]
    assume(what == "remove" or json.dumps(old) != json.dumps(new))
    return body, (Edit((*field, key), old, ABSENT if what == "remove" else new),)


@settings(max_examples=300)
@given(edited())
def test_operations_give_the_intended_object(case: tuple[Any, tuple[Edit, ...]]) -> None:
    body, edits = case
    made = patches.operations(body, edits)
    assert yamltext.is_same(jsonpatch.apply_patch(body, made), yamltext.intended(body, edits))


@pytest.mark.parametrize("where", [("a",), ("l", 0), ("l", 1)])
def test_a_number_that_becomes_a_word_is_a_difference(where: tuple[str | int, ...]) -> None:
    """Python takes true for 1; Kubernetes does not."""
    body = {"a": 1, "l": [1, 1]}
    made = patches.operations(body, (Edit(where, 1, True),))
    place = "/" + "/".join(str(step) for step in where)
    assert json.dumps(made[-1]) == json.dumps({"op": "replace", "path": place, "value": True})


def test_what_leaves_a_list_is_told_from_what_python_takes_for_it() -> None:
    made = patches.operations({"l": [1, True, 2]}, (Edit(("l", 0), 1, ABSENT),))
    assert made[-1] == {"op": "remove", "path": "/l/0"}


@settings(max_examples=300)
@given(edited())
def test_a_test_stands_before_all_that_is_lost(case: tuple[Any, tuple[Edit, ...]]) -> None:
    """Nothing is removed or replaced unless it is what the plan saw."""
    made = patches.operations(*case)
    for previous, operation in zip([{}, *made], made, strict=False):
        if operation["op"] in {"remove", "replace"}:
            assert previous.get("op") == "test"
            assert previous["path"] == operation["path"]
        assert operation["op"] in {"test", "add", "remove", "replace"}


POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {
        "containers": [
            {"name": "main", "resources": {"limits": {"cpu": "1", "nvidia.com/gpu": 1}}},
            {"name": "side"},
        ],
        "tolerations": [{"key": "a"}, {"key": "b"}, {"key": "c"}],
    },
}
LIMITS = ("spec", "containers", 0, "resources", "limits")


def test_an_object_that_changed_is_refused() -> None:
    edits = (Edit((*LIMITS, "nvidia.com/gpu"), 1, ABSENT),)
    made = patches.operations(POD, edits)
    assert made == [
        {"op": "test", "path": "/spec/containers/0/resources/limits/nvidia.com~1gpu", "value": 1},
        {"op": "remove", "path": "/spec/containers/0/resources/limits/nvidia.com~1gpu"},
    ]
    stale = json.loads(json.dumps(POD).replace('"nvidia.com/gpu": 1', '"nvidia.com/gpu": 2'))
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch(stale, made)


def test_several_items_leave_a_list_from_its_end() -> None:
    """So that no removal moves the place of the next."""
    tolerations = POD["spec"]["tolerations"]
    edits = tuple(Edit(("spec", "tolerations", i), tolerations[i], ABSENT) for i in (0, 2))
    made = patches.operations(POD, edits)
    assert [op["path"] for op in made if op["op"] == "remove"] == [
        "/spec/tolerations/2",
        "/spec/tolerations/0",
    ]
    assert jsonpatch.apply_patch(POD, made)["spec"]["tolerations"] == [{"key": "b"}]


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "file"),
    [
        ("Pod", "ml", "a", "pod-ml-a"),
        ("Pod", "", "../../etc/passwd", "pod-..-..-etc-passwd"),
        ("Pod", "", "a b;rm -rf $HOME", "pod-a-b-rm--rf--home"),
        ("", "", "", "object"),
    ],
)
def test_a_patch_is_a_file_whatever_its_object_is_called(
    kind: str, namespace: str, name: str, file: str
) -> None:
    body: dict[str, Any] = {}
    manifest = stream.manifests(yamltext.parse(b"a: 1\n"), "a.yaml", "file")[0]
    named = Manifest("v1", kind, namespace, name, body, manifest.origin, manifest.positions)
    said = patches.name(named)
    assert said == file
    assert "/" not in said
    assert not said.startswith(".")


# --- Rendered streams: the component that carries the patches -------------------------------------


@pytest.fixture
def streamed(tmp_path: Path) -> tuple[Path, tuple[Change, ...]]:
    """The plan folder of a rendered stream, and its changes."""
    read = files.reading(["-"], RULES, stdin=io.BytesIO(RENDERED.encode()))
    found = detect.findings(read.files, RULES)
    target = kube.target("1.34")
    changes = translate.changes(found, RULES, target, translate.Options()).changes
    plan = planning.plan(changes, target, RULES, found)
    plan, rewrites = rewrite.rewritten(plan, tree.tree(read.files, read.kustomizations))
    facts = folder.Facts(root="", options={}, counts={"files": 1, "with_findings": 1})
    for path, data in folder.files(plan, rewrites, facts, RULES).items():
        (tmp_path / "plan" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plan" / path).write_bytes(data)
    return tmp_path, changes


def test_a_component_names_files_that_are_there(streamed: tuple[Path, tuple[Change, ...]]) -> None:
    """Every patch has one target, found in the rendered text; every resource is a file."""
    root, _ = streamed
    here = root / "plan/3-claim"
    component = yaml.safe_load((here / "kustomization.yaml").read_bytes())
    assert component["apiVersion"] == "kustomize.config.k8s.io/v1alpha1"
    assert component["kind"] == "Component"
    assert component["patches"]
    objects = list(yaml.safe_load_all(RENDERED.encode()))
    for patch in component["patches"]:
        operations = json.loads((here / patch["path"]).read_bytes())
        (meant,) = (o for o in objects if o and is_target(o, patch["target"]))
        assert "resourceClaims" in json.dumps(jsonpatch.apply_patch(meant, operations))
    for resource in component.get("resources", ()):
        assert yaml.safe_load((here / resource).read_bytes())["kind"] == "ResourceClaimTemplate"
    written = {f"patches/{path.name}" for path in (here / "patches").iterdir()}
    assert written == {patch["path"] for patch in component["patches"]}


def is_target(body: dict[str, Any], target: dict[str, str]) -> bool:
    """Whether Kustomize would take an object for the target of a patch."""
    group, _, version = body["apiVersion"].rpartition("/")
    said = {"group": group, "version": version, "kind": body["kind"], **body["metadata"]}
    return all(said.get(key) == value for key, value in target.items())


def test_kustomize_builds_with_the_component(streamed: tuple[Path, tuple[Change, ...]]) -> None:
    """Where kubectl is there, its Kustomize has the last word; else the structure has."""
    root, changes = streamed
    moved = {c.manifest.name for c in changes if c.edits and c.manifest}
    assert moved
    (root / "rendered.yaml").write_text(RENDERED)
    own = {"resources": ["rendered.yaml"], "components": ["plan/3-claim"]}
    (root / "kustomization.yaml").write_text(yaml.safe_dump(own))
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        body = yaml.safe_load((root / "plan/3-claim/kustomization.yaml").read_bytes())
        paths = [*body["resources"], *(patch["path"] for patch in body["patches"])]
        assert not any(path.startswith(("/", "..")) for path in paths)
        return
    done = subprocess.run([kubectl, "kustomize", root], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    built = {b["metadata"]["name"]: b for b in yaml.safe_load_all(done.stdout)}
    templates = {n for n, b in built.items() if b["kind"] == "ResourceClaimTemplate"}
    assert templates
    for name in moved:
        claims = built[name]["spec"]["template"]["spec"]["resourceClaims"]
        assert {claim["resourceClaimTemplateName"] for claim in claims} <= templates
        containers = built[name]["spec"]["template"]["spec"]["containers"]
        assert "nvidia.com/gpu" not in json.dumps(containers)


# --- Text for people ------------------------------------------------------------------------------


@given(st.text(max_size=30))
def test_json_reads_back_and_holds_no_control_character(text: str) -> None:
    said = listing.as_json({"a": [text], text: 1})
    assert json.loads(said) == {"a": [text], text: 1}
    assert said.replace("\n", "").isprintable()


@given(st.text(max_size=30))
def test_a_printable_text_is_one_line(text: str) -> None:
    assert listing.printable(text).isprintable()


def test_an_empty_listing_has_no_lines() -> None:
    assert listing.lines(()) == ()
