"""What takes the place of what, told by small manifests and a vendor that does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from migrate import detect, kube, translate, yamltext
from migrate.model import (
    Change,
    ContainerUsage,
    DeviceClass,
    Label,
    LabelValue,
    PlacementUsage,
    PluginUsage,
    Resource,
    Rule,
    Sharing,
    Toleration,
)
from migrate.read import files, stream
from migrate.translate import placement

DRIVER = "npu.acme.com"
GUARD = f'has(device.attributes["{DRIVER}"].model)'
MODEL = f'device.attributes["{DRIVER}"].model'
MEMORY = f'device.capacity["{DRIVER}"].memory.asInteger()'

RULE = Rule(
    name="acme/npu",
    title="Acme NPUs",
    driver=DRIVER,
    sources=("a README",),
    container=ContainerUsage(
        resources=(
            Resource(name="acme.com/npu", maps="exact", device_class=DRIVER, noun="npu"),
            Resource(name="acme.com/nic", maps="exact", device_class=DRIVER, noun="nic"),
            Resource(name="acme.com/half", maps="approx", device_class=DRIVER, why="it is half"),
        ),
        classes=(DeviceClass(name=DRIVER, selectors=(f'device.driver == "{DRIVER}"',)),),
    ),
    placement=PlacementUsage(
        labels=(
            Label(
                key="acme.com/model",
                writer="plugin",
                guard=GUARD,
                values=(
                    LabelValue(match="forged", maps="none", why="no labeller writes it"),
                    LabelValue(maps="exact", cel=f'{MODEL} == "{{value}}"'),
                ),
            ),
            Label(
                key="acme.com/memory",
                writer="plugin",
                number=MEMORY,
                values=(LabelValue(match="[0-9]+", maps="exact", cel=f"{MEMORY} == {{value}}"),),
            ),
            Label(key="acme.com/count", writer="plugin", why="it counts a node's devices"),
            Label(key="cloud.example.com/zone", writer="cloud", why="the cloud goes on"),
        ),
        tolerations=(Toleration(key="acme.com/npu", why="admission adds it"),),
    ),
    plugin=PluginUsage(
        sharing=(Sharing(key="timeSlicing", why="Claims are shared by naming one together."),)
    ),
)
RULES = (RULE,)
TOLERATED = "{operator: Exists}"


@dataclass(frozen=True)
class Outcome:
    """The changes of some text, and its objects once they are made."""

    changes: tuple[Change, ...]
    objects: tuple[Any, ...]
    templates: dict[str, Any]

    @property
    def change(self) -> Change:
        """The only change."""
        (only,) = self.changes
        return only

    @property
    def pod(self) -> Any:
        """The first object's pod spec, made again if it is a template."""
        spec = self.objects[0]["spec"]
        return spec["template"]["spec"] if "template" in spec else spec

    @property
    def requests(self) -> list[Any]:
        """Every request of every claim template."""
        return [r for spec in self.templates.values() for r in spec["devices"]["requests"]]

    @property
    def counts(self) -> dict[str, int]:
        """Devices by request."""
        return {r["name"]: r["exactly"]["count"] for r in self.requests}

    @property
    def selectors(self) -> list[str]:
        """The CEL of the only request."""
        (request,) = self.requests
        return [s["cel"]["expression"] for s in request["exactly"].get("selectors", ())]


def outcome(text: str, version: str = "1.34", **options: Any) -> Outcome:
    """What becomes of some manifests."""
    parsed = yamltext.parse(text.encode())
    manifests = stream.manifests(parsed, "a.yaml", "file")
    file = files.File("a.yaml", text.encode(), parsed, template=False, manifests=manifests)
    found = detect.findings([file], RULES)
    target = kube.target(version)
    changes = translate.changes(found, RULES, target, translate.Options(**options)).changes
    made = {
        c.name: c.body["spec"]["spec"]
        for change in changes
        for c in change.creates
        if c.kind == "ResourceClaimTemplate"
    }
    bodies = tuple(
        yamltext.intended(
            m.body, [e for c in changes if c.manifest is m for e in c.edits if c.edits]
        )
        for m in manifests
    )
    return Outcome(changes, bodies, made)


def pod(containers: str, more: str = TOLERATED, name: str = "train", kind: str = "Pod") -> str:
    """A pod with these containers; it tolerates everything unless `more` says otherwise."""
    spec = f"tolerations: [{more}]\n" if more.startswith("{") else more
    lines = "".join(f"  {line}\n" for line in (spec + containers).splitlines())
    return (
        f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: ml}}\nspec:\n{lines}"
    )


def one(more: str = TOLERATED, name: str = "train") -> str:
    """A pod whose only container asks for one device."""
    return pod(f"containers:\n{asking('main', 1)}", more, name)


def asking(name: str, count: Any, resource: str = "acme.com/npu", extra: str = "") -> str:
    """A container that asks for devices; for none where the count is 0."""
    limits = f", resources: {{limits: {{{resource}: {count}}}}}" if count else ""
    return f"- {{name: {name}, image: x{extra}{limits}}}\n"


def claims(container: dict[str, Any]) -> list[Any]:
    """What a container names of the pod's claims."""
    named: list[Any] = container.get("resources", {}).get("claims", [])
    return named


# --- Containers and init containers ---------------------------------------------------------------

SIDECAR = ", restartPolicy: Always"


@pytest.mark.parametrize(
    ("first", "then", "counts", "uses"),
    [
        ([("i", 1, "")], [("m", 1)], {"npu": 1}, {"i": 1, "m": 1}),
        ([("i", 1, "")], [("m", 4)], {"npu": 4}, {"i": 4, "m": 4}),
        ([("i", 3, "")], [("m", 1)], {"m": 1, "i": 2}, {"i": 3, "m": 1}),
        ([("i", 2, "")], [("m", 4), ("o", 2)], {"m": 4, "o": 2}, {"i": 2, "m": 4, "o": 2}),
        ([("i", 2, "")], [("m", 0)], {"npu": 2}, {"i": 2}),
        ([("i", 1, ""), ("j", 2, "")], [("m", 0)], {"npu": 2}, {"i": 2, "j": 2}),
        ([("s", 1, SIDECAR)], [("m", 1)], {"s": 1, "m": 1}, {"s": 1, "m": 1}),
        ([("i", 1, ""), ("s", 1, SIDECAR)], [("m", 0)], {"npu": 1}, {"i": 1, "s": 1}),
        ([("s", 1, SIDECAR), ("i", 1, "")], [("m", 0)], {"s": 1, "i": 1}, {"s": 1, "i": 1}),
        ([("s", 1, SIDECAR), ("i", 1, "")], [("m", 1)], {"s": 1, "m": 1}, {"s": 1, "i": 1, "m": 1}),
        ([], [("m", 1), ("o", 2)], {"m": 1, "o": 2}, {"m": 1, "o": 2}),
    ],
    ids=[
        "init like the container",
        "init smaller",
        "init larger: only the rest is asked for it",
        "the smallest that is enough",
        "init alone",
        "init after init",
        "a sidecar runs beside and keeps its own",
        "init before a sidecar",
        "init beside a sidecar that runs already",
        "init beside a sidecar, before a container",
        "containers that ask separately",
    ],
)
def test_who_gets_which_devices(
    first: list[tuple[str, int, str]],
    then: list[tuple[str, int]],
    counts: dict[str, int],
    uses: dict[str, int],
) -> None:
    """An init container has ended when the next one starts, so it uses devices of a later one."""
    inits = "".join(asking(name, count, extra=extra) for name, count, extra in first)
    text = pod(
        (f"initContainers:\n{inits}" if first else "")
        + "containers:\n"
        + "".join(asking(name, count) for name, count in then)
    )
    done = outcome(text)
    assert done.counts == counts
    entries = {e["name"]: e["resourceClaimTemplateName"] for e in done.pod["resourceClaims"]}
    seen: dict[str, int] = {}
    for container in [*done.pod.get("initContainers", ()), *done.pod["containers"]]:
        named = claims(container)
        assert len({c["name"] for c in named}) == len(named), "one claim listed twice"
        seen[container["name"]] = sum(
            request["exactly"]["count"]
            for claim in named
            for request in done.templates[entries[claim["name"]]]["devices"]["requests"]
            if claim.get("request", request["name"]) == request["name"]
        )
    assert {name: count for name, count in seen.items() if count} == uses


def test_a_pod_is_parted_into_claims_when_a_container_would_list_one_twice() -> None:
    """`claims` is a map by name: who needs some of the requests has a claim with just those."""
    then = "".join(asking(name, 1) for name in ("m", "o", "p"))
    done = outcome(pod(f"initContainers:\n{asking('i', 2)}containers:\n{then}"))
    entries = {e["name"]: e["resourceClaimTemplateName"] for e in done.pod["resourceClaims"]}
    assert list(entries)[:2] == ["npu", "npu-2"]
    (init,) = done.pod["initContainers"]
    for container in (init, *done.pod["containers"]):
        names = [claim["name"] for claim in claims(container)]
        assert len(set(names)) == len(names)
    assert "request" not in claims(init)[0], "all of a claim, or one request of it"
    assert len({str(claims(container)) for container in done.pod["containers"]}) == 3


def test_two_resources_of_one_container_are_two_requests_of_one_claim() -> None:
    text = pod(
        "containers:\n- {name: main, image: x, resources: {limits: {acme.com/npu: 2, "
        "acme.com/nic: 1}}}\n"
    )
    done = outcome(text)
    assert done.counts == {"main-npu": 2, "main-nic": 1}
    assert claims(done.pod["containers"][0]) == [{"name": "devices"}]


def test_claims_that_a_pod_has_already_keep_their_names() -> None:
    more = (
        "tolerations: [{operator: Exists}]\nresourceClaims: [{name: npu, resourceClaimName: x}]\n"
    )
    done = outcome(one(more))
    assert [e["name"] for e in done.pod["resourceClaims"]] == ["npu", "npu-2"]
    assert claims(done.pod["containers"][0]) == [{"name": "npu-2", "request": "npu"}]


def test_an_emptied_map_goes_too_and_others_stay() -> None:
    done = outcome(
        pod(
            "containers:\n- {name: main, image: x, resources: {limits: {acme.com/npu: 1}, "
            "requests: {acme.com/npu: 1, cpu: 1}}}\n"
        )
    )
    assert done.pod["containers"][0]["resources"] == {
        "requests": {"cpu": 1},
        "claims": [{"name": "npu", "request": "npu"}],
    }


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ("{requests: {acme.com/npu: 1}}", "only requests ask for acme.com/npu"),
        ("{limits: {acme.com/npu: 2}, requests: {acme.com/npu: 1}}", "must be equal"),
        ("{limits: {acme.com/npu: 33}}", "a claim holds 32 devices"),
        ("{limits: {acme.com/npu: 1.5}}", "not a number of devices"),
        ("{limits: {acme.com/npu: 500m}}", "not a number of devices"),
        ("{limits: {acme.com/npu: 2k}}", "not a number of devices"),
        ('{limits: {acme.com/npu: "2e0"}}', "not a number of devices"),
        ('{limits: {acme.com/npu: "${COUNT}"}}', "is a variable, ${COUNT}"),
        ("{limits: {acme.com/npu: }}", "is empty"),
        ("{limits: {acme.com/npu: many}}", "many is not a number"),
        ("{limits: {acme.com/half: 1}}", "it is half"),
        ("{limits: {unknown.com/npu: 1}}", "no rule knows this resource"),
    ],
)
def test_what_is_no_count_of_devices_is_left_with_the_reason(resources: str, why: str) -> None:
    text = pod(f"containers:\n- {{name: main, image: x, resources: {resources}}}\n")
    done = outcome(text)
    assert done.change.safety == "manual"
    assert why in done.change.why
    assert not done.templates
    assert done.objects[0] == yamltext.parse(text.encode()).documents[0].value()


@pytest.mark.parametrize("count", ["2", '"2"', "'2'", "+2", "0x2"])
def test_a_whole_number_in_any_spelling(count: str) -> None:
    assert outcome(pod(f"containers:\n{asking('main', count)}")).counts == {"npu": 2}


def test_zero_asks_for_nothing() -> None:
    done = outcome(
        pod("containers:\n- {name: main, image: x, resources: {limits: {acme.com/npu: 0}}}\n")
    )
    assert done.change.safety == "safe"
    assert not done.templates
    assert "acme.com/npu" not in str(done.objects[0])


# --- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "stem"),
    [
        ("{name: train}", "train-npu"),
        ("{name: npu-train}", "npu-train"),
        (f"{{name: {'a' * 80}}}", "a" * 56),
        (f"{{name: {'a' * 55}-bcd}}", "a" * 55),
        ("{generateName: train-}", "train-npu"),
        ("{name: Train.Model_v2}", "train-model-v2-npu"),
        ("{name: 訓練}", "npu"),
        ('{name: ""}', "pod-npu"),
        ("{}", "pod-npu"),
    ],
)
def test_a_template_is_called_after_its_workload(metadata: str, stem: str) -> None:
    """A DNS label of at most 63 characters, whatever the workload is called."""
    text = one().replace("metadata: {name: train, namespace: ml}", f"metadata: {metadata}")
    (name,) = outcome(text).templates
    assert name.rpartition("-")[0] == stem
    assert kube.is_dns_label(name)
    assert len(name) <= 63


def named(text: str, **options: Any) -> str:
    (name,) = outcome(text, **options).templates
    return name


def test_the_name_changes_with_the_content_and_with_nothing_else() -> None:
    """A template cannot be edited: another content needs another name, the same content none."""
    plain = named(one())
    assert named(one()) == plain
    assert named(one().replace("image: x", "image: y")) == plain
    assert named(one().replace("namespace: ml", "namespace: other")) == plain
    assert named(one().replace("npu: 1", 'npu: "1"')) == plain
    other = {
        named(one().replace("acme.com/npu: 1", "acme.com/npu: 2")),
        named(one("nodeSelector: {acme.com/model: a}\n")),
        named(one("nodeSelector: {acme.com/model: b}\n")),
        plain,
    }
    assert len(other) == 4
    assert len({name.rpartition("-")[0] for name in other}) == 1


def test_the_same_request_has_the_same_name_under_either_label_order() -> None:
    ab = one("nodeSelector: {acme.com/model: a, acme.com/memory: 4}\n")
    assert named(ab) == named(ab)


# --- Node labels ----------------------------------------------------------------------------------


def required(*terms: str) -> str:
    """Required node affinity of these terms, each a list of expressions in flow style."""
    listed = ", ".join(f"{{matchExpressions: [{term}]}}" for term in terms)
    return (
        "tolerations: [{operator: Exists}]\n"
        "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        f"{{nodeSelectorTerms: [{listed}]}}}}}}\n"
    )


def model(operator: str, *values: str) -> str:
    listed = f", values: [{', '.join(values)}]" if values else ""
    return f"{{key: acme.com/model, operator: {operator}{listed}}}"


def is_model(value: str) -> str:
    return f'{GUARD} && {MODEL} == "{value}"'


MEMORY_4 = "{key: acme.com/memory, operator: Gt, values: ['4']}"
ZONE = "{key: cloud.example.com/zone, operator: In, values: [a]}"
OTHER = "{key: cloud.example.com/zone, operator: In, values: [b]}"


@pytest.mark.parametrize(
    ("more", "selectors"),
    [
        ("nodeSelector: {acme.com/model: a}\n", [is_model("a")]),
        (
            "nodeSelector: {acme.com/model: a, acme.com/memory: '4'}\n",
            [is_model("a"), f"{MEMORY} == 4"],
        ),
        (required(model("In", "a")), [is_model("a")]),
        (required(model("In", "a", "b")), [f'{GUARD} && ({MODEL} == "a" || {MODEL} == "b")']),
        (required(model("In", "a", "a")), [is_model("a")]),
        (required(model("NotIn", "a")), [f"!({is_model('a')})"]),
        (
            required(model("NotIn", "a", "b")),
            [f'!({GUARD} && ({MODEL} == "a" || {MODEL} == "b"))'],
        ),
        (required(model("Exists")), [GUARD]),
        (required(model("DoesNotExist")), [f"!({GUARD})"]),
        (required(MEMORY_4), [f"{MEMORY} > 4"]),
        (required(MEMORY_4.replace("Gt", "Lt")), [f"{MEMORY} < 4"]),
        (required(f"{model('In', 'a')}, {MEMORY_4}"), [is_model("a"), f"{MEMORY} > 4"]),
        (
            required(model("In", "a"), model("In", "b")),
            [f"({is_model('a')} || {is_model('b')})"],
        ),
        (
            required(f"{model('In', 'a')}, {MEMORY_4}", model("In", "b")),
            [f"(({is_model('a')}) && ({MEMORY} > 4) || {is_model('b')})"],
        ),
        (required(model("In", "a"), model("In", "a")), [is_model("a")]),
        (
            required(f"{model('In', 'a')}, {ZONE}", f"{model('In', 'a')}, {OTHER}"),
            [is_model("a")],
        ),
    ],
)
def test_a_label_becomes_a_guarded_selector_and_goes(more: str, selectors: list[str]) -> None:
    """Expressions of a term are ANDed, terms ORed; what is asked of nodes besides stays."""
    done = outcome(one(more))
    assert done.selectors == selectors
    assert "acme.com/model" not in str(done.pod)
    assert "acme.com/memory" not in str(done.pod)
    assert ("cloud.example.com/zone" in str(done.pod)) == ("cloud.example.com" in more)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("nodeSelector: {acme.com/count: '8'}\n", "it counts a node's devices"),
        ("nodeSelector: {acme.com/model: forged}\n", "no labeller writes it"),
        ("nodeSelector: {acme.com/memory: 4Gi}\n", "4Gi is not a value it can have"),
        (required(MEMORY_4.replace("'4'", "'4Gi'")), "wants one whole number"),
        (required(model("Gt", "4")), "Gt has no meaning for it"),
        (required(model("Near", "a")), "Near is not an operator"),
        (required("{key: acme.com/memory, operator: DoesNotExist}"), "would never be met"),
        (required(model("In", "a"), ZONE), "mix device labels with labels of the node"),
        (
            required(f"{model('In', 'a')}, {ZONE}", f"{model('In', 'b')}, {OTHER}"),
            "mix device labels with labels of the node",
        ),
    ],
)
def test_what_has_no_form_for_one_device_stays_and_is_told(more: str, why: str) -> None:
    done = outcome(one(more))
    assert done.change.safety == "review"
    assert why in " ".join(done.change.notes)
    before = yamltext.parse(one(more).encode()).documents[0].value()["spec"]
    for key in ("nodeSelector", "affinity"):
        assert done.pod.get(key) == before.get(key)
    assert done.selectors == []


def test_a_label_that_a_cloud_writes_goes_on_choosing_nodes() -> None:
    done = outcome(
        one("tolerations: [{operator: Exists}]\nnodeSelector: {cloud.example.com/zone: a}\n")
    )
    assert done.pod["nodeSelector"] == {"cloud.example.com/zone": "a"}
    assert done.selectors == []


def test_labels_kept_or_both() -> None:
    """`keep` leaves labels alone; `both` leaves them and selects devices as well."""
    text = one("nodeSelector: {acme.com/model: a}\n")
    kept, both = (outcome(text, placement=mode) for mode in ("keep", "both"))
    assert kept.pod["nodeSelector"] == both.pod["nodeSelector"] == {"acme.com/model": "a"}
    assert kept.selectors == []
    assert both.selectors == [is_model("a")]


@pytest.mark.parametrize(
    "value",
    [
        '" || true || "',
        "a\\",
        "\\",
        '\\"',
        'a" //',
        "a' || true",
        "{value}",
        "a\nb",
        "ü\u202e",
        "*",
    ],
)
def test_no_label_value_leaves_its_place_in_cel(value: str) -> None:
    """Whatever stands in a manifest, the selector compares with exactly that text."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    text = one(f'nodeSelector: {{acme.com/model: "{quoted}"}}\n')
    done = outcome(text)
    if done.change.notes and "acme.com/model" in str(done.pod):
        assert done.selectors == []
        return
    (cel,) = done.selectors
    head = f'{GUARD} && {MODEL} == "'
    assert cel.startswith(head)
    assert cel.endswith('"')
    assert unescaped(cel[len(head) : -1]) == value


def unescaped(literal: str) -> str:
    """The text of a CEL string literal's content; a quote that is not escaped is none."""
    said, rest = "", iter(literal)
    for character in rest:
        assert character != '"'
        assert character != "\n"
        if character == "\\":
            escape = next(rest)
            if escape == "u":
                said += chr(int("".join(next(rest) for _ in range(4)), 16))
            else:
                said += {"o": "\n", "r": "\r", "t": "\t"}.get(escape, escape)
        else:
            said += character
    return said


# --- Preferences ----------------------------------------------------------------------------------


def preferred(*weighted: tuple[int, str]) -> str:
    items = ", ".join(
        f"{{weight: {weight}, preference: {{matchExpressions: [{expression}]}}}}"
        for weight, expression in weighted
    )
    return (
        "tolerations: [{operator: Exists}]\n"
        "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: "
        f"[{items}]}}}}\n"
    )


def test_preferences_are_alternatives_in_the_order_of_their_weight() -> None:
    """The heaviest first, equals as they stand, and at last any device: a preference is no must."""
    more = preferred((1, model("In", "a")), (50, model("In", "b")), (1, model("In", "c")))
    done = outcome(one(more))
    (request,) = done.requests
    alternatives = [
        [s["cel"]["expression"] for s in choice.get("selectors", ())]
        for choice in request["firstAvailable"]
    ]
    assert alternatives == [[is_model("b")], [is_model("a")], [is_model("c")], []]
    assert done.change.safety == "review"
    assert "affinity" not in done.pod


def test_preferences_stay_where_the_target_cannot_order() -> None:
    more = preferred((1, model("In", "a")))
    done = outcome(one(more), "1.33")
    assert "DRAPrioritizedList" in " ".join(done.change.notes)
    assert "affinity" in done.pod


def test_more_preferences_than_alternatives() -> None:
    """A request has eight alternatives at most, one of them for any device."""
    more = preferred(*((weight, model("In", f"m{weight}")) for weight in range(1, 11)))
    done = outcome(one(more))
    (request,) = done.requests
    assert len(request["firstAvailable"]) == 8
    left = done.pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert len(left) == 3


# --- Tolerations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toleration", "is_enough"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "key": ""}, True),
        ({"operator": "Exists", "effect": "NoSchedule"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"operator": "Exists", "key": "acme.com/npu"}, True),
        ({"operator": "Exists", "key": "acme.com/npu", "effect": "NoSchedule"}, True),
        ({"operator": "Exists", "key": "acme.com/npu", "effect": ""}, True),
        ({"operator": "Exists", "key": "acme.com/npu", "effect": "NoExecute"}, False),
        ({"operator": "Exists", "key": "other"}, False),
        ({"operator": "Equal", "key": "acme.com/npu", "value": "present"}, False),
        ({"key": "acme.com/npu", "value": "present", "effect": "NoSchedule"}, False),
        ({"key": "acme.com/npu", "value": "present", "effect": "NoExecute"}, False),
        ({"operator": "Equal", "value": "present"}, False),
        ({"key": ""}, False),
        ({}, False),
    ],
)
def test_which_tolerations_are_enough(toleration: dict[str, str], *, is_enough: bool) -> None:
    """One that covers every taint of the key and effect, as the one that admission added did."""
    body = {"tolerations": [toleration], "containers": []}
    spec = kube.PodSpec((), body, None, ())
    missing = placement.tolerations(spec, [("acme.com/npu", RULE)])
    assert (missing == ()) == is_enough


def test_what_admission_added_is_written_out() -> None:
    """Behind the pod's own, which stay; the change is then to be reviewed."""
    done = outcome(one("tolerations: [{key: mine, operator: Exists}]\n"))
    assert done.pod["tolerations"] == [
        {"key": "mine", "operator": "Exists"},
        {"key": "acme.com/npu", "operator": "Exists", "effect": "NoSchedule"},
    ]
    assert done.change.safety == "review"
    assert "toleration acme.com/npu is written out" in " ".join(done.change.notes)


@pytest.mark.parametrize("own", ["", "tolerations: []\n", "tolerations:\n"])
def test_a_pod_without_tolerations_gets_the_list(own: str) -> None:
    """Empty lists and nulls are as good as none."""
    done = outcome(one(own))
    assert [t["key"] for t in done.pod["tolerations"]] == ["acme.com/npu"]


@pytest.mark.parametrize("empty", ["[]", ""])
def test_empty_lists_of_claims_are_filled(empty: str) -> None:
    text = one(f"tolerations: [{TOLERATED}]\nresourceClaims: {empty}\n").replace(
        "acme.com/npu: 1}", f"acme.com/npu: 1}}, claims: {empty or 'null'}"
    )
    done = outcome(text)
    assert [entry["name"] for entry in done.pod["resourceClaims"]] == ["npu"]
    assert claims(done.pod["containers"][0]) == [{"name": "npu", "request": "npu"}]


# --- Strategies -----------------------------------------------------------------------------------

PLAIN = one()
LABELLED = one("tolerations: [{operator: Exists}]\nnodeSelector: {acme.com/model: a}\n")
PREFERRING = one(preferred((1, model("In", "a"))))
STAYING = one("tolerations: [{operator: Exists}]\nnodeSelector: {acme.com/count: '8'}\n")


@pytest.mark.parametrize(
    ("text", "version", "choice", "strategy", "safety"),
    [
        (PLAIN, "1.34", "claim", "claim", "safe"),
        (PLAIN, "1.36", "claim", "claim", "safe"),
        (PLAIN, "1.34", "least", "claim", "safe"),
        (PLAIN, "1.36", "least", "bridge", "safe"),
        (PLAIN, "1.36", "bridge", "bridge", "safe"),
        (PLAIN, "1.36", "class", "class", "safe"),
        (PLAIN, "1.34", "bridge", "", "manual"),
        (PLAIN, "1.34", "class", "", "manual"),
        (LABELLED, "1.34", "claim", "claim", "safe"),
        (LABELLED, "1.36", "least", "class", "safe"),
        (LABELLED, "1.36", "bridge", "", "manual"),
        (PREFERRING, "1.36", "least", "claim", "review"),
        (STAYING, "1.36", "least", "class", "review"),
    ],
)
def test_the_strategy_for_a_pod(
    text: str, version: str, choice: str, strategy: str, safety: str
) -> None:
    """The one that was chosen, or the lightest that keeps the meaning; none where it would not."""
    changes = outcome(text, version, strategy=choice).changes
    (change,) = [c for c in changes if c.manifest is not None]
    assert (change.strategy, change.safety) == (strategy, safety)
    if strategy == "bridge":
        assert not change.edits
        assert change.phase == "bridge"


def test_a_class_renames_one_key() -> None:
    done = outcome(LABELLED, "1.36", strategy="class")
    (limits,) = (c["resources"]["limits"] for c in done.pod["containers"])
    ((name, count),) = limits.items()
    assert count == 1
    assert name.startswith("deviceclass.resource.kubernetes.io/a.npu.acme.com")
    (created,) = done.change.creates
    assert name.endswith(f"/{created.name}")
    said = [s["cel"]["expression"] for s in created.body["spec"]["selectors"]]
    assert said == [f'device.driver == "{DRIVER}"', is_model("a")]


@pytest.mark.parametrize("version", ["1.32", "1.33", "1.34", "1.35", "1.36", "1.37"])
def test_every_target_gets_a_claim_in_its_own_form(version: str) -> None:
    """v1beta1 has no `exactly`; the count is said in each."""
    done = outcome(PLAIN, version)
    (request,) = done.requests
    body = request if version == "1.32" else request["exactly"]
    assert body["deviceClassName"] == DRIVER
    assert body["count"] == 1
    assert ("exactly" in request) == (version != "1.32")


# --- Sharing --------------------------------------------------------------------------------------

SHARED = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plugin}
data:
  config: |
    sharing:
      timeSlicing:
        resources:
        - name: acme.com/npu
          replicas: 4
"""


@pytest.mark.parametrize("strategy", ["claim", "least", "class", "bridge"])
@pytest.mark.parametrize("version", ["1.34", "1.36"])
def test_a_share_is_no_whole_device(version: str, strategy: str) -> None:
    """Nothing is written, for a claim gives more; the reason says what may be chosen."""
    done = outcome(PLAIN + SHARED, version, strategy=strategy)
    assert not [c for c in done.changes if c.safety == "safe"]
    (change,) = (c for c in done.changes if c.phase == "claim")
    assert change.safety == "manual"
    assert "is shared (a.yaml:" in change.why
    assert "--sharing" in change.why or "--strategy claim" in change.why
    assert "adminAccess" not in str(done)


@pytest.mark.parametrize("sharing", ["claim", "whole"])
def test_what_is_chosen_for_shares_wants_review(sharing: str) -> None:
    done = outcome(PLAIN + SHARED, sharing=sharing)
    (change,) = (c for c in done.changes if c.phase == "claim")
    assert change.safety == "review"
    assert any("is shared" in note for note in change.notes)
    kinds = [creation.kind for creation in change.creates]
    assert kinds == ["ResourceClaim" if sharing == "claim" else "ResourceClaimTemplate"]


def test_pods_of_one_namespace_name_one_claim_and_others_another() -> None:
    apart = one(name="other").replace("namespace: ml", "namespace: web")
    done = outcome(f"{PLAIN}---\n{one(name='second')}---\n{apart}{SHARED}", sharing="claim")
    claims = {
        (creation.namespace, creation.name)
        for change in done.changes
        for creation in change.creates
    }
    assert {namespace for namespace, _ in claims} == {"ml", "web"}
    assert len(claims) == 2


def test_a_replica_is_no_sharing() -> None:
    done = outcome(PLAIN + SHARED.replace("replicas: 4", "replicas: 1"))
    assert done.change.safety == "safe"


# --- What is never touched ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (one("nodeName: node-1\n"), "bypasses the scheduler"),
        (one().replace("image: x, ", ""), "a container has no image"),
        (
            one()
            .replace("containers:", "ephemeralContainers:")
            .replace("spec:", "spec:\n  containers: [{name: a, image: x}]"),
            "an ephemeral container",
        ),
    ],
)
def test_pods_that_a_claim_cannot_serve(text: str, why: str) -> None:
    done = outcome(text)
    assert done.change.safety == "manual"
    assert why in done.change.why
    assert not done.templates


def test_flavours_share_a_class_from_the_second_user_on() -> None:
    """`auto` makes a class for several workloads that want the same devices, not for one."""
    alone = outcome(LABELLED)
    both = outcome(LABELLED + "---\n" + LABELLED.replace("name: train", "name: serve"))
    assert not [c for change in alone.changes for c in change.creates if c.kind == "DeviceClass"]
    classes = {c.name for ch in both.changes for c in ch.creates if c.kind == "DeviceClass"}
    assert len(classes) == 1
    assert {r["exactly"]["deviceClassName"] for r in both.requests} == classes
    assert not any("selectors" in r["exactly"] for r in both.requests)
