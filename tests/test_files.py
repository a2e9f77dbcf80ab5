"""Files, trees, globs and standard input, as a user meets them."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from migrate.errors import InputError
from migrate.model import (
    ContainerUsage,
    Label,
    Marker,
    PlacementUsage,
    PluginUsage,
    Resource,
    Rule,
    RuntimeUsage,
    Sharing,
)
from migrate.read import ignore, walk
from migrate.read.files import Reading, reading
from migrate.read.needles import is_worth_parsing, needles

POD = """apiVersion: v1
kind: Pod
metadata:
  name: train
  namespace: ml
spec:
  containers:
    - name: main
      resources:
        limits:
          nvidia.com/gpu: 1
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
GPU = Rule(
    name="nvidia/gpu",
    title="GPUs",
    sources=("made up",),
    container=ContainerUsage(resources=(Resource(name="nvidia.com/gpu", maps="exact"),)),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test stands in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str | bytes = POD) -> None:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text if isinstance(text, bytes) else text.encode())


def read(*paths: str, stdin: bytes | None = None, ignore: bool = True, **more: Any) -> Reading:
    pipe = None if stdin is None else io.BytesIO(stdin)
    return reading(paths, (GPU,), ignore=ignore, stdin=pipe, **more)


def paths(found: Reading) -> list[str]:
    return [file.path for file in found.files]


# --- Paths --------------------------------------------------------------------------------------


def test_tree_gives_the_files_that_can_hold_a_finding() -> None:
    """All files with a manifest's ending are counted, and only those with a needle are kept."""
    write("k8s/b.yaml")
    write("k8s/a/x.yml")
    write("k8s/a/list.json", '{"limits": {"nvidia.com/gpu": 1}}')
    write("k8s/web.yaml", SERVICE)
    write("k8s/notes.txt")
    write("k8s/.git/config.yaml")
    found = read("k8s")
    assert paths(found) == ["k8s/a/list.json", "k8s/a/x.yml", "k8s/b.yaml"]
    assert found.read == 4


def test_paths_read_as_the_user_types_them(here: Path) -> None:
    """Below the current directory a path is relative, whatever way it was given."""
    write("k8s/pod.yaml")
    for given in (".", "./k8s", "k8s/", str(here), str(here / "k8s/pod.yaml"), "k8s//pod.yaml"):
        assert paths(read(given)) == ["k8s/pod.yaml"]
    os.chdir("k8s")
    assert paths(read("..")) == ["../k8s/pod.yaml"]


def test_a_file_is_read_once_however_often_it_is_named(here: Path) -> None:
    write("k8s/pod.yaml")
    found = read("k8s", "k8s/pod.yaml", "./k8s", str(here), "k8s/*.yaml")
    assert paths(found) == ["k8s/pod.yaml"]
    assert found.read == 1


def test_named_file_is_read_whatever_its_ending() -> None:
    write("manifest.txt")
    assert paths(read("manifest.txt")) == ["manifest.txt"]
    assert paths(read(".")) == []


def test_missing_path_is_an_error_with_a_remedy() -> None:
    with pytest.raises(InputError) as caught:
        read("k8s/none.yaml")
    assert caught.value.path == "k8s/none.yaml"
    assert caught.value.reason == "no such file or directory"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("k8s/*.yaml", ["k8s/a.yaml"]),
        ("k8s/**/*.yaml", ["k8s/a.yaml", "k8s/x/b.yaml", "k8s/x/y/c.yaml"]),
        ("**/b.*", ["k8s/x/b.yaml"]),
        ("k8s/x*", ["k8s/x/b.yaml", "k8s/x/y/c.yaml"]),
        ("k?s/[a-c].yaml", ["k8s/a.yaml"]),
        ("./k8s/*/y", ["k8s/x/y/c.yaml"]),
        ("k8s/*.conf", ["k8s/d.conf"]),
    ],
)
def test_quoted_glob(glob: str, expected: list[str]) -> None:
    """A glob matches files and directories; a file's own ending counts where the glob names it."""
    write("k8s/a.yaml")
    write("k8s/x/b.yaml")
    write("k8s/x/y/c.yaml")
    write("k8s/d.conf")
    assert paths(read(glob)) == expected


def test_glob_without_a_match_is_an_error() -> None:
    write("k8s/a.yaml")
    with pytest.raises(InputError, match="no file matches"):
        read("k8s/*.yml")


def test_a_name_that_looks_like_a_glob_is_a_name() -> None:
    write("[a].yaml")
    write("a.yaml")
    assert paths(read("[a].yaml")) == ["[a].yaml"]


def test_progress_ends_with_the_number_of_files_read() -> None:
    for number in range(250):
        write(f"k8s/{number}.yaml", SERVICE)
    told: list[int] = []
    assert read("k8s", progress=told.append).read == 250
    assert told == [100, 200, 250]


# --- .gitignore ---------------------------------------------------------------------------------


def test_ignored_files_are_left_out_and_counted() -> None:
    write("repo/.git/HEAD", "")
    write("repo/.git/info/exclude", "local.yaml\n")
    write("repo/.gitignore", "build/\n*.gen.yaml\n!keep.gen.yaml\n/top.yaml\n")
    write("repo/k8s/.gitignore", "*.yaml\n!pod.yaml\n")
    for name in ("build/a.yaml", "x.gen.yaml", "keep.gen.yaml", "top.yaml", "sub/top.yaml"):
        write(f"repo/{name}")
    for name in ("local.yaml", "k8s/pod.yaml", "k8s/other.yaml", "sub/local.yaml"):
        write(f"repo/{name}")
    found = read("repo")
    assert paths(found) == ["repo/k8s/pod.yaml", "repo/keep.gen.yaml", "repo/sub/top.yaml"]
    assert found.skipped == {"ignored by .gitignore": 6}
    assert len(read("repo", ignore=False).files) == 9


def test_rules_of_the_directories_above_hold_up_to_the_repository() -> None:
    write(".gitignore", "*.yaml\n")
    write("repo/.git/HEAD", "")
    write("repo/.gitignore", "secret.yaml\n")
    write("repo/k8s/pod.yaml")
    write("repo/k8s/secret.yaml")
    assert paths(read("repo/k8s")) == ["repo/k8s/pod.yaml"]


def test_what_is_named_is_read_although_it_is_ignored() -> None:
    write("repo/.git/HEAD", "")
    write("repo/.gitignore", "/out/\n")
    write("repo/out/pod.yaml")
    assert paths(read("repo")) == []
    assert paths(read("repo/out")) == ["repo/out/pod.yaml"]
    assert paths(read("repo/out/pod.yaml")) == ["repo/out/pod.yaml"]


@pytest.mark.parametrize(
    ("line", "ignored", "kept"),
    [
        ("a.yaml", ["a.yaml", "x/a.yaml"], ["ba.yaml", "a.yamlx"]),
        ("x/a.yaml", ["x/a.yaml"], ["y/x/a.yaml"]),
        ("**/x/a", ["x/a", "y/x/a"], ["xx/a"]),
        ("x/**", ["x/a", "x/y/a"], ["x", "y/x/a"]),
        ("x/**/a", ["x/a", "x/y/a", "x/y/z/a"], ["x/b"]),
        ("*a*b*", ["ab", "xaxbx", "y/ab"], ["ba"]),
        ("[!a]?.y", ["bc.y"], ["ac.y", "b.y", "/c.y"]),
        ("[[:digit:]-].y", ["1.y", "-.y"], ["a.y"]),
        (r"\#a", ["#a"], ["a"]),
        (r"a\ ", ["a "], ["a"]),
        ("a   ", ["a"], ["a   "]),
    ],
)
def test_patterns_mean_what_git_makes_of_them(
    line: str, ignored: list[str], kept: list[str]
) -> None:
    pattern = ignore.pattern(line)
    assert pattern is not None
    assert [name for name in ignored + kept if pattern.match.fullmatch(name)] == ignored


@pytest.mark.parametrize("line", ["", "   ", "# a", "[", "a\\", "[z-a]", "/", "[[:nonsense:]]"])
def test_lines_that_are_no_pattern_ignore_nothing(line: str) -> None:
    assert ignore.pattern(line) is None


# --- Links and odd places -----------------------------------------------------------------------


def test_links_are_not_followed_out_of_the_tree() -> None:
    write("secret/pod.yaml")
    write("k8s/pod.yaml")
    Path("k8s/out.yaml").symlink_to("../secret/pod.yaml")
    Path("k8s/out").symlink_to("../secret")
    Path("k8s/gone.yaml").symlink_to("nowhere.yaml")
    found = read("k8s")
    assert paths(found) == ["k8s/pod.yaml"]
    assert found.skipped == {"links that leave their tree": 2, "links that lead nowhere": 1}


def test_what_a_link_inside_the_tree_means_is_read_once_where_it_stands() -> None:
    write("k8s/store/abc")
    write("k8s/z.yaml")
    Path("k8s/a.yaml").symlink_to("z.yaml")
    Path("k8s/current.yaml").symlink_to("store/abc")
    assert paths(read("k8s")) == ["k8s/store/abc", "k8s/z.yaml"]
    assert paths(read("k8s/current.yaml")) == ["k8s/store/abc"]


def test_loops_end() -> None:
    write("k8s/a/pod.yaml")
    Path("k8s/a/up").symlink_to("..")
    Path("k8s/a/self").symlink_to("self")
    Path("k8s/b").symlink_to("a")
    assert paths(read("k8s")) == ["k8s/a/pod.yaml"]


def test_a_file_that_vanishes_or_is_forbidden_is_reported_and_the_rest_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("k8s/gone.yaml")
    write("k8s/locked.yaml")
    write("k8s/pod.yaml")
    real = os.open

    def open_(path: str, flags: int, *args: Any, **kwargs: Any) -> int:
        if path.endswith("gone.yaml"):
            raise FileNotFoundError(2, "No such file or directory")
        if path.endswith("locked.yaml"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_)
    found = read("k8s")
    assert paths(found) == ["k8s/pod.yaml"]
    assert [(u.path, u.reason) for u in found.unreadable] == [
        ("k8s/gone.yaml", "no such file or directory"),
        ("k8s/locked.yaml", "permission denied"),
    ]


def test_a_directory_that_cannot_be_listed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    write("k8s/locked/pod.yaml")
    write("k8s/pod.yaml")
    real = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = read("k8s")
    assert paths(found) == ["k8s/pod.yaml"]
    assert [(u.path, u.reason) for u in found.unreadable] == [("k8s/locked", "permission denied")]


def test_binary_and_large_files_are_told() -> None:
    """Of manifests it is said aloud; data in JSON is often large, and nobody misses it."""
    write("k8s/image.yaml", b"nvidia.com/gpu\0\x01\x02\x03")
    write("k8s/large.yaml", POD + "#" * 2000)
    write("k8s/large.json", "{}" + " " * 2000)
    write("k8s/pod.yaml")
    found = read("k8s", limit=2000)
    assert paths(found) == ["k8s/pod.yaml"]
    assert [(broken.path, broken.reason, broken.quiet) for broken in found.unreadable] == [
        ("k8s/image.yaml", "binary", False),
        ("k8s/large.json", "larger than 0.002 MB", True),
        ("k8s/large.yaml", "larger than 0.002 MB", False),
    ]
    named = read("k8s/large.yaml", "k8s/image.yaml", limit=2000)
    assert [(u.path, u.reason) for u in named.unreadable] == [
        ("k8s/image.yaml", "binary"),
        ("k8s/large.yaml", "larger than 0.002 MB"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_encodings(encoding: str) -> None:
    """Also UTF-16 without a mark, in which no needle stands as it is."""
    write("pod.yaml", POD.encode(encoding))
    found = read(".")
    assert [m.label for m in found.manifests] == ["Pod ml/train"]


# --- Needles ------------------------------------------------------------------------------------

WORDS = needles(
    [
        GPU,
        Rule(
            name="acme/all",
            title="All",
            sources=("made up",),
            container=ContainerUsage(
                resources=(
                    Resource(pattern=r"(?:eu|us)?\.?parts\.acme\.io/x-(?P<n>.+)", maps="none"),
                )
            ),
            placement=PlacementUsage(
                labels=(
                    Label(key="node.acme.org/model", writer="plugin"),
                    Label(key="cloud.example.com/type", writer="cloud"),
                )
            ),
            runtime=RuntimeUsage(
                env=(Marker(pattern="ACME_(?:VISIBLE|HIDDEN)_DEVICES", why="-"),),
                runtime_classes=(Marker(name="acme", why="-"),),
                host_paths=(Marker(pattern="/dev/acme[0-9]+|/opt/acme(?:/.*)?", why="-"),),
            ),
            plugin=PluginUsage(sharing=(Sharing(key="sharedDevNum", why="-"),)),
        ),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        "limits: {nvidia.com/gpu: 1}",
        '[{"op": "add", "path": "/spec/limits/acme.com~1npu", "value": 1}]',
        "resources:\n  limits:\n    acme.com/npu: 1\n",
        'data: "{\\"limits\\": {\\"acme.com/npu\\": 1}}"',
        "hard:\n  requests.acme.com/npu: '4'\n",
        "limits:\n  acme.com/npu:",
        "  # limits:\n  #   acme.com/npu: {{ .Values.n }}\n",
        "extra_resource_guarantees: {acme/npu : 1}",
        "resources: x\ngpu:\n  name: acme.com/npu\n  quantity: 1\n",
        "limits: {alpha.kubernetes.io/acme-gpu: 1}",
        "key: node.acme.org/model",
        "key: us.parts.acme.io/x-1",
        "name: ACME_VISIBLE_DEVICES",
        "runtimeClassName: acme",
        '"runtimeClassName":"acme"',
        "path: /dev/acme0",
        "path: /opt/acme/lib",
        "sharedDevNum: 5",
        "apiVersion: resource.k8s.io/v1beta1",
    ],
)
def test_a_file_that_can_hold_a_finding_is_parsed(text: str) -> None:
    assert is_worth_parsing(text.encode(), WORDS)


@pytest.mark.parametrize(
    "text",
    [
        SERVICE,
        "image: nvcr.io/tools/base:1.2\nresources: {limits: {cpu: 1}}\n",
        "resources: {requests: {cpu: 1}}\nlabels: {app.kubernetes.io/name: x, helm.sh/chart: y}\n",
        "nodeSelector: {cloud.example.com/type: x}",
        "runtimeClassName:\n  description: a field of every pod\n  type: string\n",
        "url: https://acme.com/npu\nresources: []\n",
    ],
)
def test_a_file_that_cannot_is_not(text: str) -> None:
    assert not is_worth_parsing(text.encode(), WORDS)


def test_no_needle_holds_another() -> None:
    assert not [(a, b) for a in WORDS for b in WORDS if a != b and a in b]
    assert b"nvidia.com" in WORDS
    assert b"/dev/acme" in WORDS


# --- Templates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".yaml.j2", ".yaml.tpl", ".json.tmpl", ".gotmpl", ".jinja2"])
def test_template_by_name_is_found_and_read_only(ending: str) -> None:
    write(f"pod{ending}", POD.replace(": 1", ": {{ gpus }}"))
    [manifest] = read(".").manifests
    assert manifest.origin.via == "template"
    assert "a template" in manifest.origin.readonly
    assert manifest.body["spec"]["containers"][0]["resources"]["limits"] == {
        "nvidia.com/gpu": "{{ gpus }}"
    }


def test_chart_templates_are_templates_and_values_are_not() -> None:
    write("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    write("chart/values.yaml", "resources:\n  limits:\n    nvidia.com/gpu: 1\n")
    write("chart/templates/sub/pod.yaml")
    write("plain/templates/pod.yaml")
    found = {m.origin.path: m.origin.via for m in read(".").manifests}
    assert found == {
        "chart/templates/sub/pod.yaml": "template",
        "chart/values.yaml": "file",
        "plain/templates/pod.yaml": "file",
    }


def test_yaml_with_statements_is_a_template() -> None:
    write("pod.yaml", "{% if x %}\n" + POD + "{% endif %}\n")
    [file] = read(".").files
    assert file.template
    assert file.manifests[0].origin.via == "template"
    assert file.manifests[0].position(("spec", "containers", 0)) == (9, 7)


def test_statements_that_parse_make_the_whole_file_a_template() -> None:
    """A document may vanish with the condition around it, though it holds no braces itself."""
    write("all.yaml", f"a: {{{{ if .x }}}}\n---\n{POD}---\nb: {{{{ end }}}}\n")
    assert {m.origin.via for m in read(".").manifests} == {"template"}


def test_placeholder_makes_its_own_document_a_template() -> None:
    """`key: {{ x }}` parses as YAML but means a template; the other documents may be edited."""
    secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: t\ndata:\n  token: {{TOKEN}}\n"
    write("all.yaml", f"{POD}---\n{secret}")
    pod, second = read(".").manifests
    assert (pod.origin.via, pod.origin.readonly) == ("file", "")
    assert second.origin.via == "template"
    assert second.body["data"] == {"token": "{{TOKEN}}"}
    assert second.position(("data", "token")) == (18, 3)


@pytest.mark.parametrize(
    "line", ['  note: "{{ x }}"', "  note: a{{ x }}", "  # {{ x }}", "  note: |\n      {{ x }}"]
)
def test_braces_inside_text_make_no_template(line: str) -> None:
    write("pod.yaml", POD.replace("  namespace: ml", f"  namespace: ml\n  annotations:\n  {line}"))
    [file] = read(".").files
    assert not file.template
    assert [m.origin.readonly for m in file.manifests] == [""]


def test_prose_that_does_not_parse_is_quiet_and_keeps_its_text() -> None:
    text = 'A README\n```yaml\n  limits:\n    nvidia.com/gpu: 1\n```\nfoo: "bar\n'
    write("README.md.gotmpl", text)
    write("broken.yaml", text)
    found = read(".")
    assert paths(found) == []
    assert [(u.path, u.quiet, u.source) for u in found.unreadable] == [
        ("README.md.gotmpl", True, text),
        ("broken.yaml", False, text),
    ]
    assert all(u.line and u.reason for u in found.unreadable)


# --- Objects ------------------------------------------------------------------------------------


def test_documents_and_their_places() -> None:
    write("all.yaml", f"---\n# first\n{POD}---\n---\n{SERVICE}")
    pod, service = read(".").manifests
    assert (pod.kind, pod.api_version, pod.namespace, pod.name) == ("Pod", "v1", "ml", "train")
    assert (pod.origin.line, pod.origin.document) == (3, 0)
    assert (service.origin.line, service.origin.document) == (16, 2)


@pytest.mark.parametrize("text", ["limits:\n  nvidia.com/gpu: 1\n", "- nvidia.com~1gpu\n"])
def test_what_is_no_object_has_no_kind(text: str) -> None:
    write("values.yaml", text)
    [manifest] = read(".").manifests
    assert (manifest.kind, manifest.api_version, manifest.label) == ("", "", "values.yaml")
    assert manifest.body


@pytest.mark.parametrize(
    "text",
    [
        "kind: 1\napiVersion: [a]\nmetadata: nvidia.com\n",
        "kind: Pod\napiVersion: v1\nmetadata: [nvidia.com]\n",
        "kind: Pod\napiVersion: v1\nmetadata: {name: [nvidia.com], namespace: 7}\n",
        "kind: List\napiVersion: v1\nitems: {nvidia.com: 1}\n",
        "kind: List\napiVersion: v1\nitems: [nvidia.com, null, [1], {metadata: 1}]\n",
        "kind: Template\napiVersion: v1\nobjects: nvidia.com\n",
        "nvidia.com",
        "? [nvidia.com]\n: 1\n",
    ],
)
def test_wrong_types_are_no_crash(text: str) -> None:
    write("odd.yaml", text)
    found = read(".")
    assert [m.name for m in found.manifests] == [""]


def test_items_of_lists_are_objects_of_their_own() -> None:
    body = "".join(f"  {line}\n" for line in POD.splitlines())
    write("list.yaml", f"apiVersion: v1\nkind: List\nitems:\n- {body[2:]}- {body[2:]}")
    first, second = read(".").manifests
    assert first.origin.within == ("items", 0)
    assert second.label == "Pod ml/train"
    assert second.origin.line == 15
    assert second.position(("spec", "containers", 0, "resources")) == (23, 9)


def test_items_of_a_typed_list_take_its_type() -> None:
    write(
        "pods.json",
        '{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"nvidia.com"}}]}',
    )
    [manifest] = read(".").manifests
    assert (manifest.kind, manifest.api_version, manifest.name) == ("Pod", "v1", "nvidia.com")


def test_objects_of_a_template_object_may_be_edited() -> None:
    body = "".join(f"  {line}\n" for line in POD.splitlines())
    head = "apiVersion: template.openshift.io/v1\nkind: Template\nparameters:\n- name: N\n"
    write("template.yaml", f"{head}objects:\n- {body[2:]}".replace(": 1\n", ": ${{N}}\n"))
    [manifest] = read(".").manifests
    assert manifest.origin.within == ("objects", 0)
    assert manifest.kind == "Pod"
    assert manifest.origin.readonly == ""


def test_generated_names_are_told_apart() -> None:
    write("pod.yaml", POD.replace("name: train", "generateName: train-", 1))
    [manifest] = read(".").manifests
    assert manifest.name == "train-*"


# --- Rendered streams ---------------------------------------------------------------------------

RENDERED = f"""---
# Source: chart/templates/service.yaml
{SERVICE}---
# Source: chart/charts/sub/templates/pod.yaml
{POD}---
# See https://example.com/templates/
{SERVICE}"""


def test_standard_input_is_read_only_and_traced() -> None:
    found = read("-", stdin=RENDERED.encode())
    assert paths(found) == ["-"]
    assert [m.origin.source for m in found.manifests] == [
        "chart/templates/service.yaml",
        "chart/charts/sub/templates/pod.yaml",
        "",
    ]
    assert {m.origin.via for m in found.manifests} == {"stream"}
    assert {m.origin.readonly for m in found.manifests} == {"rendered text: change its source"}


def test_kustomize_says_where_an_object_came_from() -> None:
    said = "  annotations:\n    config.kubernetes.io/origin: |\n      path: base/pod.yaml\n"
    text = POD.replace("  namespace: ml\n", f"  namespace: ml\n{said}")
    [manifest] = read("-", stdin=text.encode()).manifests
    assert manifest.origin.source == "base/pod.yaml"


def test_a_saved_rendering_given_by_name_is_a_stream() -> None:
    """In a tree the same file is what is applied from it, and is edited like any other."""
    write("k8s/out.yaml", RENDERED)
    assert {m.origin.via for m in read("k8s/out.yaml").manifests} == {"stream"}
    [_, pod, _] = read("k8s").manifests
    assert (pod.origin.via, pod.origin.readonly) == ("file", "")
    assert pod.origin.source == "chart/charts/sub/templates/pod.yaml"


def test_empty_standard_input_is_an_error() -> None:
    """Most often the command before the pipe has failed."""
    with pytest.raises(InputError, match="standard input is empty") as caught:
        read("-", stdin=b"\n")
    assert caught.value.remedy


@pytest.mark.parametrize(("data", "reason"), [(b"#" * 3000, "larger than"), (b"a\0b", "binary")])
def test_standard_input_that_is_no_manifest_is_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read("-", stdin=data, limit=2000)


# --- Kustomizations -----------------------------------------------------------------------------


def test_kustomizations_are_all_kept() -> None:
    write("a/kustomization.yaml", "resources: [pod.yaml]\n")
    write("b/kustomization.yml", "resources: [pod.yaml]\n")
    write("c/Kustomization", "patches: [{path: /nvidia.com~1gpu}]\n")
    write("d/kustomization.yaml", "resources: [\n")
    found = read(".")
    assert [f.path for f in found.kustomizations] == [
        "a/kustomization.yaml",
        "b/kustomization.yml",
        "c/Kustomization",
    ]
    assert paths(found) == ["c/Kustomization"]
    assert [(u.path, u.quiet) for u in found.unreadable] == [("d/kustomization.yaml", True)]


def test_names_are_shown_without_their_control_characters() -> None:
    assert walk.spoken("a\nb\x1b[1m\udcff é") == "a\\x0ab\\x1b[1m\\xff é"
