"""Configuration that stands in strings: found with its place, explained, and left to a person."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from migrate import detect, kube, translate, yamltext
from migrate.model import Change, Finding
from migrate.read import files, ruleset, texts
from migrate.translate.context import Options

RULES = ruleset.rules()
ANY = re.compile(r"(?s).")

QUEUE = """\
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: research}
spec:
  resourceGroups:
    - coveredResources: [nvidia.com/gpu]
      flavors:
        - name: h100
          resources: [{name: nvidia.com/gpu, nominalQuota: 8}]
"""
CONFIGURATION = """\
apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
"""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(**written: str) -> tuple[Finding, ...]:
    """What is found in files of these names, without their ending, and texts."""
    for name, text in written.items():
        Path(f"{name}.yaml").write_bytes(text.encode())
    return detect.findings(files.reading(["."], RULES).files, RULES)


def planned(**written: str) -> tuple[Change, ...]:
    target = kube.target("1.36")
    return translate.changes(found(**written), RULES, target, Options()).changes


def held(text: str, style: str = "|", key: str = "config") -> str:
    """A ConfigMap that holds the text in one way of writing it."""
    data = yaml.dump({key: text}, default_style=style, width=40, allow_unicode=style != '"')
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held}\ndata:\n"
    return body + "".join(f"  {line}\n" for line in data.rstrip("\n").split("\n"))


def said(changes: tuple[Change, ...], kind: str) -> str:
    """All that is said of the objects of a kind."""
    mine = [c for c in changes if c.manifest and c.manifest.kind == kind]
    assert all(c.safety == "manual" and not c.edits for c in mine)
    return "; ".join(text for c in mine for text in (c.why, *c.notes))


def pointed(source: str, place: tuple[int, int]) -> str:
    """The text at a line and column."""
    return re.split(r"\r?\n", source)[place[0] - 1][place[1] - 1 :]


KEYS = st.sampled_from(["one", "β", "two words", "q'", 'd"', "\\", "c:", "#"])
TREES = st.recursive(
    st.integers(0, 99) | st.sampled_from(["a b", "é", "#", "it's", 'say "x"', "\\n", "x: y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(
    tree=st.dictionaries(KEYS, TREES, min_size=1),
    style=st.sampled_from(["|", ">", "'", '"']),
    newline=st.sampled_from(["\n", "\r\n"]),
    is_flow=st.booleans(),
)
def test_every_key_is_where_it_is_said_to_be(
    tree: dict[str, Any], style: str, newline: str, is_flow: bool
) -> None:
    """However a text is quoted, escaped, folded and ended, its keys are found at their places."""
    # One line each: PyYAML does not fold lines that begin with blanks so that they unfold again.
    inner = yaml.dump(tree, default_flow_style=is_flow, allow_unicode=True, width=10_000)
    inner += "" if is_flow else "last: 1\n"
    source = held(inner, style).replace("\n", newline)
    document = yamltext.parse(source.encode()).documents[0]
    inner = document.value()["data"]["config"]
    assert yamltext.parse(inner.encode()).documents[0].value().keys() >= tree.keys()
    string = document.node(("data", "config"))
    assert string is not None
    (inside,) = yamltext.inside(source, document, (), ANY.search)
    plain = yamltext.parse(inner.encode()).documents[0]
    for key in plain.value():
        first = pointed(inner, plain.position((key,)))[0]
        there = pointed(source, inside.position(("data", "config", key)))
        assert there[0] == first or (string.style == '"' and there[0] == "\\")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("style", ["|", ">", "'", '"'])
def test_a_name_in_a_text_is_found_at_its_place(style: str, newline: str) -> None:
    """The line and column are those of the name, not of the text around it."""
    text = CONFIGURATION + "resources:\n  transformations:\n  - input: nvidia.com/gpu\n"
    source = held(text, style).replace("\n", newline)
    (finding,) = found(config=source)
    assert pointed(source, (finding.line, finding.column)).startswith("input:")
    assert finding.manifest.label == "Configuration held"


def test_texts_in_texts_are_read() -> None:
    """Values in an Application, and a Configuration in the values."""
    text = CONFIGURATION + "resources:\n  transformations:\n  - input: nvidia.com/gpu\n"
    values = held(text, '"', "controllerManagerConfigYaml")
    application = held(values, "|", "values").replace("ConfigMap", "Application")
    (finding,) = found(application=application)
    assert pointed(application, (finding.line, finding.column)).startswith("input:")


def test_a_text_in_a_template_is_read() -> None:
    """A chart's ConfigMap, where template text stands among the lines of the configuration."""
    source = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: held}
data:
  config.yaml: |
    apiVersion: config.kueue.x-k8s.io/v1beta2
    kind: Configuration
    {{- if .Values.elects }}
    leaderElection: {leaderElect: {{ .Values.elects }} }
    {{- end }}
    resources:
      transformations:
        - input: nvidia.com/gpu
          strategy: {{ .Values.strategy }}
"""
    (finding,) = found(template=source)
    assert pointed(source, (finding.line, finding.column)).startswith("input:")


def test_every_document_of_a_text_is_read() -> None:
    """Manifests that a ConfigMap keeps one behind the other."""
    both = QUEUE + "---\n" + QUEUE.replace("research", "vision")
    names = {f.manifest.name for f in found(config=held(both))}
    assert names == {"research", "vision"}


@pytest.mark.parametrize(
    "text",
    [
        "kind: Configuration\n  nodeSelector: [\n",
        "kind: &a [x, *a]\nnodeSelector: 1\n",
        "x: &a {nodeSelector: {nvidia.com/gpu.product: L4}}\ny: *a\nkind: *a\n",
        "nodeSelector\n" * 3,
        "nodeSelector: 1\n" + "---\n" * 5000,
    ],
    ids=["broken", "circle", "aliases", "no collection", "many documents"],
)
def test_what_is_no_plain_yaml_is_passed_over(text: str) -> None:
    """A string owes nobody that it parses; the file around it is read all the same."""
    assert found(config=held(text) + "# nvidia.com/gpu\n") == ()


def test_a_configuration_alone_depends_on_nothing() -> None:
    """Without a queue that counts a device there is nothing to say in it."""
    assert found(config=held(CONFIGURATION)) == ()
    counted = QUEUE.replace("nvidia.com/gpu", "cpu")
    assert found(config=held(CONFIGURATION), queue=counted) == ()


def test_a_queue_points_at_the_configuration() -> None:
    """What is to be written is said where it is to be written, and the queue says where."""
    changes = planned(config=held(CONFIGURATION), queue=QUEUE)
    mapping = "{name: nvidia.com/gpu, deviceClassNames: [gpu.nvidia.com]}"
    exact = f"resources: {{deviceClassMappings: [{mapping}]}}"
    told = said(changes, "Configuration")
    assert f"at its top level, before the first workload moves: {exact}" in told
    assert "config.yaml:6" in said(changes, "ClusterQueue")
    assert exact not in said(changes, "ClusterQueue")
    assert yaml.safe_load(exact)


def test_only_what_is_missing_is_to_be_written() -> None:
    """Lists that are there are added to, and finished ones left alone."""
    keys = CONFIGURATION + "resources:\n  excludeResourcePrefixes: []\n"
    told = said(planned(config=held(keys), queue=QUEUE), "Configuration")
    assert (
        "below resources (line 8), before the first workload moves: deviceClassMappings: [" in told
    )
    empty = CONFIGURATION + "resources:\n"
    told = said(planned(config=held(empty), queue=QUEUE), "Configuration")
    assert (
        "write in place of resources (line 8), before the first workload moves: resources" in told
    )
    other = CONFIGURATION + (
        "resources:\n  deviceClassMappings:\n"
        "  - {name: example.com/foo, deviceClassNames: [foo.example.com]}\n"
    )
    told = said(planned(config=held(other), queue=QUEUE), "Configuration")
    assert "add to deviceClassMappings (line 9)" in told
    assert "- {name: nvidia.com/gpu, deviceClassNames: [gpu.nvidia.com]}" in told
    assert "example.com/foo" not in told
    done = other.replace("example.com/foo", "nvidia.com/gpu").replace("foo.ex", "gpu.nv")
    done = done.replace("gpu.nvample.com", "gpu.nvidia.com")
    told = said(planned(config=held(done), queue=QUEUE), "Configuration")
    assert "it maps gpu.nvidia.com to nvidia.com/gpu already: nothing is left to add" in told
    taken = other.replace("foo.example.com", "gpu.nvidia.com")
    told = said(planned(config=held(taken), queue=QUEUE), "Configuration")
    assert (
        "gpu.nvidia.com is mapped to example.com/foo already, and a class can be mapped once"
        in told
    )


def test_a_class_that_this_plan_makes_is_added_to_its_name() -> None:
    """A name that is mapped gets the classes by which the plan narrows it."""
    pod = """\
apiVersion: v1
kind: Pod
metadata: {name: train}
spec:
  nodeSelector: {nvidia.com/gpu.product: NVIDIA-L4}
  containers:
    - name: main
      image: registry.example.com/train:1
      resources: {limits: {nvidia.com/gpu: 1}}
"""
    mapped = CONFIGURATION + (
        "resources:\n  deviceClassMappings:\n"
        "  - {name: nvidia.com/gpu, deviceClassNames: [gpu.nvidia.com]}\n"
    )
    all_found = found(config=held(mapped), pod=pod)
    options = Options(classes="flavour")
    made = translate.changes(all_found, RULES, kube.target("1.34"), options).changes
    new = [c.name for change in made for c in change.creates if c.is_cluster_scoped]
    assert len(new) == 1
    assert f"add to the classes of nvidia.com/gpu (line 9): {new[0]}" in said(made, "Configuration")


def test_a_queue_on_classes_depends_on_no_plugin() -> None:
    """What a Volcano queue is to count instead is no finding."""
    queue = """\
apiVersion: scheduling.volcano.sh/v1beta1
kind: Queue
metadata: {name: vision}
spec: {capability: {deviceclass/gpu.nvidia.com: 8}}
"""
    assert found(queue=queue) == ()


def test_a_file_without_a_kind_is_known_by_its_keys() -> None:
    """As a configMapGenerator takes it; other files with such a key are none."""
    queues = """\
partitions:
  - name: default
    queues:
      - {name: root, resources: {max: {nvidia.com/gpu: 8}}}
"""
    (finding,) = found(queues=queues)
    assert (finding.usage, finding.line, finding.manifest.kind) == ("quota", 4, "queues.yaml")
    Path("queues.yaml").unlink()
    assert found(values="partitions: 3\nresources: {max: {nvidia.com/gpu: 8}}\n") == ()


def test_nothing_in_a_string_is_edited() -> None:
    """Neither what bounds nor what places: both say that a person does it."""
    patch = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: serve}
spec:
  template:
    spec:
      nodeSelector: {nvidia.com/gpu.product: NVIDIA-L4}
      containers:
        - name: main
          image: registry.example.com/serve:1
          resources: {limits: {nvidia.com/gpu: 1}}
"""
    changes = planned(patch=held(patch), queue=held(QUEUE))
    assert changes
    assert all(c.safety == "manual" and not c.edits and not c.creates for c in changes)
    placed = [f for c in changes for f in c.findings if f.usage == "placement"]
    assert [f.resource for f in placed] == ["nvidia.com/gpu.product"]


def test_a_plugin_in_a_string_is_no_workload() -> None:
    """The labels of a plugin's own pods go with it."""
    plugin = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: plugin}
spec:
  template:
    spec:
      nodeSelector: {nvidia.com/gpu.present: "true"}
      containers: [{name: main, image: registry.example.com/x:1}]
      volumes: [{name: d, hostPath: {path: /var/lib/kubelet/device-plugins}}]
"""
    assert [f for f in found(plugin=held(plugin)) if f.usage == "placement"] == []


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: small}
spec:
  containers:
    - name: main
      image: registry.example.com/small:1
      resources: {limits: {nvidia.com/gpu: 1}}
"""


def asides() -> tuple[Finding, ...]:
    """What is only mentioned in the files that are there."""
    read = files.reading(["."], RULES)
    return detect.asides(read.files, read.unreadable, RULES)


@pytest.mark.parametrize(
    "text",
    [
        POD,
        json.dumps(yaml.safe_load(POD)),
        json.dumps(yaml.safe_load(POD), indent=2),
        "limits:\n  nvidia.com/gpu: 1\n",
        '{"limits": {"nvidia.com/gpu": 1}}',
        "- {op: add, path: /spec/containers/0/resources/limits, value: {nvidia.com/gpu: 1}}\n",
        "[{op: add, path: /resources/limits/nvidia.com~1gpu, value: 1}]",
    ],
)
def test_a_request_in_a_string_is_a_place_of_its_own(text: str) -> None:
    """However it is written, it is found at its place, left to a person, and told once."""
    source = held(text)
    (change,) = planned(config=source)
    (finding,) = change.findings
    assert (finding.usage, finding.resource, finding.quantity) == (
        "container",
        "nvidia.com/gpu",
        "1",
    )
    there = pointed(source, (finding.line, finding.column)).lstrip("\\\"'")
    assert there.startswith(("nvidia.com/gpu", "path:"))
    assert (change.safety, change.manifest and change.manifest.kind) == ("manual", "ConfigMap")
    assert texts.INSIDE in change.why
    assert asides() == ()


def test_a_count_that_is_filled_in_later_is_said_to_be_a_variable() -> None:
    """The text is found all the same, with what the person has to know."""
    (change,) = planned(config=held(POD.replace("gpu: 1}", "gpu: $$GPUS}")))
    assert "the count of nvidia.com/gpu is a variable, $$GPUS" in change.why


@pytest.mark.parametrize(
    "text",
    [
        "Write this:\n  limits:\n    nvidia.com/gpu: 1\n",
        "# limits:\n#   nvidia.com/gpu: 1\ntitle: x\n",
        "Take `nvidia.com/gpu: 1`,\nor more.\n",
        '{"limits": {"nvidia.com/gpu": 1}} and no more\n',
    ],
)
def test_prose_is_a_mention_and_no_place(text: str) -> None:
    """What people read makes no pod."""
    assert found(config=held(text)) == ()
    assert [a.resource for a in asides()] == ["nvidia.com/gpu"]


@pytest.mark.parametrize(
    ("text", "resource", "quantity"),
    [
        (r"resources.limits.nvidia\.com/gpu=1", "nvidia.com/gpu", "1"),
        (r"helm upgrade a ./a --set 'resources.limits.nvidia\.com/gpu=1'", "nvidia.com/gpu", "1"),
        (
            'helm upgrade a \\\n --set resources.requests."nvidia\\.com/gpu"=$N',
            "nvidia.com/gpu",
            "",
        ),
        ("spark.executor.resource.gpu.vendor=nvidia.com", "nvidia.com/gpu", ""),
        (
            "spark.driver.resource.gpu.amount 2\nspark.driver.resource.gpu.vendor nvidia.com",
            "nvidia.com/gpu",
            "2",
        ),
        (
            "--conf=spark.kubernetes.node.selector.nvidia.com/gpu.product=A100",
            "nvidia.com/gpu.product",
            "A100",
        ),
    ],
)
def test_flags_and_properties_are_mentions(text: str, resource: str, quantity: str) -> None:
    """Programs that make pods are told of devices in words of their own."""
    source = held(text)
    assert found(config=source) == ()
    (aside,) = asides()
    assert (aside.resource, aside.quantity) == (resource, quantity)
    assert pointed(source, (aside.line, aside.column)).startswith(("nvidia", "spark."))


@pytest.mark.parametrize("key", ["description", "alm-examples"])
def test_examples_are_no_places(key: str) -> None:
    """Neither what a catalog shows nor what describes a field asks for anything."""
    assert found(config=held(POD, key=key)) == ()


def test_a_copy_of_an_object_is_not_even_a_mention() -> None:
    """The annotation in which kubectl keeps what it applied says nothing new."""
    body = yaml.safe_load(POD)
    copy = json.dumps(body) + "\n"
    body["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": copy}
    assert len(found(pod=yaml.safe_dump(body))) == 1
    assert asides() == ()


def test_a_string_in_a_pod_is_no_part_of_the_pod() -> None:
    """What an operator is told to make does not move with the operator, and moves nothing."""
    body = yaml.safe_load(POD)
    text = (
        '{"nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}, "limits": {"nvidia.com/gpu": 2}}'
    )
    body["spec"]["containers"][0]["env"] = [{"name": "WORKER", "value": text}]
    changes = planned(pod=yaml.safe_dump(body))
    moved = [c for c in changes if c.edits]
    assert [c.before for c in moved] == [("1 × nvidia.com/gpu",)]
    left = {f.resource for c in changes if not c.edits for f in c.findings}
    assert left == {"nvidia.com/gpu", "nvidia.com/gpu.product"}


@pytest.mark.parametrize(
    ("does", "said"), [("remove", "removed"), ("test", "tested"), ("replace", "2"), ("add", "2")]
)
def test_an_operation_says_what_it_does(does: str, said: str) -> None:
    """What takes a request away counts nothing, and fails once there is none."""
    path = "/spec/containers/0/resources/limits/nvidia.com~1gpu"
    (change,) = planned(patch=json.dumps([{"op": does, "path": path, "value": 2}]))
    assert [f.quantity for f in change.findings] == [said]
    assert ("fails once it is gone" in change.why) is (does != "add")


def test_a_parameter_of_a_chart_is_a_place() -> None:
    """Helm writes the dots of a name with a backslash before them."""
    helm = {
        "parameters": [
            {"name": r"resources.limits.nvidia\.com/gpu", "value": "2"},
            {"name": r"nodeSelector.nvidia\.com/gpu\.product", "value": "Tesla-T4"},
            {"name": "replicas", "value": "3"},
        ]
    }
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "serve"},
        "spec": {"source": {"chart": "ollama", "targetRevision": "1.2.0", "helm": helm}},
    }
    asked, placed = planned(application=yaml.safe_dump(application))
    assert asked.before == ("2 × nvidia.com/gpu",)
    assert "draEnabled" in asked.why
    assert placed.before == ("nvidia.com/gpu.product=Tesla-T4",)


KUBESPAWNER = """\
# c.KubeSpawner.extra_resource_limits = {"nvidia.com/gpu": "9"}
c.KubeSpawner.cpu_limit = 2
c.KubeSpawner.extra_resource_limits = {
    'nvidia.com/gpu': '1',
    "memory": "2Gi",
}
c.KubeSpawner.node_selector = {"nvidia.com/gpu.product": "Tesla-T4", "zone": "a"}
"""
RUNNER = """\
[[runners]]
  [runners.kubernetes.node_selector]
    "nvidia.com/gpu.present" = "true"
  [[runners.kubernetes.pod_spec]]
    patch = '''
      containers: [{name: build, resources: {limits: {"nvidia.com/gpu": "2"}}}]
    '''
"""
SCRIPT = """\
kubectl apply -f - <<EOF
kind: Pod
spec:
  containers:
    - resources:
        limits:
          nvidia.com/gpu: 1
EOF
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("style", ["|", '"'])
@pytest.mark.parametrize(
    ("text", "places"),
    [
        (KUBESPAWNER, {("nvidia.com/gpu", "1"), ("nvidia.com/gpu.product", "Tesla-T4")}),
        (RUNNER, {("nvidia.com/gpu", "2"), ("nvidia.com/gpu.present", "true")}),
        (SCRIPT, {("nvidia.com/gpu", "1")}),
    ],
)
def test_what_makes_pods_in_other_languages_is_a_place(
    text: str, places: set[tuple[str, str]], style: str, newline: str
) -> None:
    """At its own line and column, with what is to be done instead; a comment is none."""
    source = held(text, style).replace("\n", newline)
    changes = planned(config=source)
    told = [f for c in changes for f in c.findings]
    assert {(f.resource, f.quantity) for f in told} == places
    for finding in told:
        there = pointed(source, (finding.line, finding.column))
        assert there.startswith(finding.resource)
    assert all(c.safety == "manual" and not c.edits and len(c.why) > 60 for c in changes)
    assert not [a for a in asides() if a.quantity != "9"]


def test_a_script_in_values_in_an_application_is_told_once() -> None:
    """Texts in texts: the inner one is looked at, and not the outer one too."""
    values = yaml.safe_dump({"hub": {"extraConfig": {"gpu": KUBESPAWNER}}}, default_style="|")
    told = found(application=held(values, key="values").replace("ConfigMap", "Application"))
    assert Counter(f.usage for f in told)["container"] == 1


def test_an_object_is_told_once() -> None:
    """The copy that kubectl keeps of it in an annotation is no object of its own."""
    body = yaml.safe_load(QUEUE)
    once = found(queue=QUEUE)
    copy = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(body)}
    body["metadata"]["annotations"] = copy
    assert len(found(queue=yaml.safe_dump(body))) == len(once)


def test_a_text_in_a_list_is_the_item_s() -> None:
    """The field of a finding leads from the item of a List to the string."""
    values = "nodeSelector: {nvidia.com/gpu.present: 'true'}\nx: 1\n"
    body = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(held(values))]}
    (finding,) = found(all=yaml.safe_dump(body))
    assert (finding.manifest.kind, finding.field) == ("ConfigMap", ("data", "config"))


def test_a_holder_says_where_its_object_stands() -> None:
    """The field of a finding leads through the string."""
    (finding, *_) = found(config=held(QUEUE))
    assert finding.manifest.origin.within == ("data", "config")
    assert finding.manifest.origin.readonly == texts.INSIDE
