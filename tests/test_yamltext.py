"""YAML text is read as kubectl reads it, and edited without a scratch.

Random texts and edits are in `test_yamltext_properties.py`.
"""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

import pytest

from migrate.errors import EditRefused, YamlError
from migrate.model import ABSENT, Edit, Field
from migrate.yamltext import Limits, byte_splices, dump, edited, intended, mask, parse, resolve

GPU = "nvidia.com/gpu"


def set_(*path: str | int, old: Any, new: Any) -> Edit:
    return Edit(path, old, new)


def add(*path: str | int, new: Any) -> Edit:
    return Edit(path, ABSENT, new)


def drop(*path: str | int, old: Any) -> Edit:
    return Edit(path, old, ABSENT)


def after(before: str, *edits: Edit, template: bool = False) -> str:
    """The first document of a text after edits."""
    text = parse(before.encode(), template=template)
    return edited(text, [(0, (), edit) for edit in edits]).data.decode()


def refusal(before: str, *edits: Edit, template: bool = False) -> EditRefused:
    with pytest.raises(EditRefused) as caught:
        after(before, *edits, template=template)
    return caught.value


# --- Reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("yes", True), ("No", False), ("on", True), ("OFF", False), ("y", True), ("N", False),
        ("oN", "oN"), ("0644", 420), ("0o644", 420), ("08", 8), ("0b101", 5), ("0x1F", 31),
        ("-0x1F", -31), ("22:22", "22:22"), ("1e3", 1000), ("1_000", 1000), ("1.5", 1.5),
        (".5", 0.5), ("1.", 1), ("1e400", "1e400"), ("2026-11-21", "2026-11-21"), ("~", None),
        ("", None), ("Null", None), ("=", "="), (".nan", ".nan"), ("-", "-"), ("1,000", "1,000"),
        ("9223372036854775808", 9223372036854775808), ("_1", "_1"), ("١", "١"),
    ],
)  # fmt: skip
def test_a_plain_scalar_is_resolved_as_kubectl_does(raw: str, value: Any) -> None:
    assert resolve(raw) == value
    assert type(resolve(raw)) is type(value)
    assert resolve(raw, '"') == raw


def value(source: str) -> Any:
    return parse(source.encode()).documents[0].value()


def test_keys_are_the_strings_that_json_has() -> None:
    assert value("on: 1\n0644: 2\n1.5: 3\n'yes': 4\n~: 5\n") == {
        "true": 1,
        "420": 2,
        "1.5": 3,
        "yes": 4,
        "~": 5,
    }


def test_tags_decide_and_do_nothing_else() -> None:
    source = "a: !!str 5\nb: !!int '7'\nc: !!python/object/apply:os.system ['x']\nd: !x yes\n"
    assert value(source) == {"a": "5", "b": 7, "c": ["x"], "d": "yes"}


def test_the_last_of_two_keys_wins_and_is_warned_about() -> None:
    text = parse(b"a: 1\nb: yes\na: 2\n")
    assert text.documents[0].value() == {"a": 2, "b": True}
    assert [(line, column) for line, column, _ in text.warnings] == [(3, 1), (2, 4)]


def test_aliases_share_and_merge_keys_apply_in_order() -> None:
    found = value("a: &a {x: 1}\nb: *a\nc: {<<: *a, x: 2}\nd: {x: 2, <<: [*a, {x: 3, z: 4}]}\n")
    assert found["b"] is found["a"]
    assert found["c"] == {"x": 2}
    assert found["d"] == {"x": 1, "z": 4}


def test_the_last_of_two_anchors_counts() -> None:
    assert value("- &a 1\n- &a 2\n- *a\n") == [1, 2, 2]


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ((), (1, 1)),
        (("a", "b", 1), (3, 5)),
        (("a", "b", 1, "c"), (3, 6)),
        (("a", "b", 9), (2, 3)),
        (("a", "none", "x"), (1, 1)),
        (("d", 0), (2, 10)),
    ],
)
def test_a_field_has_a_place_or_that_of_its_nearest_parent(
    field: Field, place: tuple[int, int]
) -> None:
    text = parse(b"a:\n  b: &x [0,\n    {c: 1}]\nd: *x\n")
    assert text.documents[0].position(field) == place


def test_an_empty_text_has_no_documents() -> None:
    assert parse(b"").documents == ()
    assert parse(b"# only\n").documents == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_encodings_survive_an_edit(encoding: str, mark: str) -> None:
    source = "a: 1\r\nb: ünï😀\r\n"
    text = parse((mark + source).encode(encoding))
    assert (text.source, text.encoding, text.newline) == (source, encoding, "\r\n")
    result = edited(text, [(0, (), set_("a", old=1, new=2)), (0, (), add("c", new=["x"]))])
    assert result.data == (mark + "a: 2\r\nb: ünï😀\r\nc:\r\n- x\r\n").encode(encoding)


@pytest.mark.parametrize(
    "data",
    [
        b"- " * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"{a: " * 100_000,
        b'{"a":' * 100_000,
        b'{"\\ud83d\\ude00":' * 100_000,
        b"? " * 100_000,
        b"a: " + b"x" * 30_000_000,
        b"a: \xff\n",
        b"a: \0\n",
        b"a: \x7f\n",
        b"\xff\xfe\0\0a\0\0\0",
        b"\xff\xfea",
        b"a: &a [*a]\n",
        b"a: *b\n",
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9))
            for n in range(9)
        ),
        b"- &a x\n" + b"- *a\n" * 20_000,
        b"a: [1,2\n",
        b"a: 'x\n",
        b"a: b: c\n",
        b"a: 1\n b: 2\n",
    ],
)
def test_hostile_and_broken_texts_are_told_with_their_place(data: bytes) -> None:
    with pytest.raises(YamlError) as caught:
        parse(data)
    assert caught.value.line
    assert caught.value.reason


def test_a_tab_is_told_as_a_tab() -> None:
    with pytest.raises(YamlError, match="tab where indentation was expected") as caught:
        parse(b"a:\n\tb: 1\n")
    assert (caught.value.line, caught.value.column) == (2, 1)


def test_limits_hold() -> None:
    limits = Limits(size=1000, depth=3, aliases=1, nodes=8)
    assert parse(b"[[[1]]]", limits=limits).documents
    for data in (b"[[[[1]]]]", b"- 1\n" * 8, b"- &a 1\n- *a\n- *a\n", b"#" * 1001):
        with pytest.raises(YamlError):
            parse(data, limits=limits)


@pytest.mark.parametrize("count", [1, 2])
def test_json_that_yaml_does_not_take_is_read_with_its_places(count: int) -> None:
    source = '{\n\t"a"\n:\t[1, "\\ud83d\\ude00\\/", true, null, 2.50]}\n' * count
    with pytest.raises(YamlError):
        parse(b"x: 1\n" + source.encode())
    text = parse(source.encode())
    assert [d.value() for d in text.documents] == [{"a": [1, "😀/", True, None, 2.5]}] * count
    assert text.documents[-1].position(("a", 1)) == (3 * count, 7)
    assert text.is_json


# --- Templates ----------------------------------------------------------------------------------

CHART = """\
{{- if .Values.on }}
kind: Pod
metadata:
  name: {{ .Release.Name }}-x
  labels:
    {{- include "labels" . |
      nindent 4 }}
spec:
  image: "{{ .Values.image }}"
  script: |
    {{- range .Values.lines }}
    first
{{ . }}
    {{- end }}
  gpus: {{ .Values.gpus }} # how many
  containers:
  - name: a
    resources:
      limits:
        nvidia.com/gpu: 1
        {{- if .Values.cpu }}
        cpu: 1
        {{- end }}
{{- end }}
"""


def test_template_text_is_filled_and_keeps_every_offset() -> None:
    filled, spans = mask(CHART)
    assert len(filled) == len(CHART)
    assert filled.count("\n") == CHART.count("\n")
    assert all(CHART[start:end].startswith("{{") for start, end in spans)
    assert "{{" not in filled


def test_a_template_is_read_with_its_own_text_as_values() -> None:
    text = parse(CHART.encode(), template=True)
    body = text.documents[0].value()
    assert body["metadata"]["name"] == "{{ .Release.Name }}-x"
    assert body["spec"]["image"] == "{{ .Values.image }}"
    assert body["spec"]["gpus"] == "{{ .Values.gpus }}"
    assert text.documents[0].position(("spec", "gpus")) == (15, 3)


def test_an_edit_between_template_text_is_made_and_one_that_touches_it_refused() -> None:
    limits: Field = ("spec", "containers", 0, "resources", "limits")
    assert after(CHART, drop(*limits, GPU, old=1), template=True) == CHART.replace(
        "        nvidia.com/gpu: 1\n", ""
    )
    touching = refusal(CHART, drop("spec", "gpus", old="{{ .Values.gpus }}"), template=True)
    assert "template" in touching.reason
    assert touching.line == 15
    inside = refusal(CHART, add(*limits, "memory", new="1Gi"), template=True)
    assert "condition" in inside.reason


# --- Edits, style by style ----------------------------------------------------------------------


def case(before: str, after: str, *edits: Edit) -> Any:
    return pytest.param(dedent(before), dedent(after), edits)


@pytest.mark.parametrize(
    ("before", "expected", "edits"),
    [
        case("a: 1\nb: 2\n", "b: 2\n", drop("a", old=1)),
        case("a: 1\nb: 2", "a: 1", drop("b", old=2)),
        case("a: 1", "a: 1\nb: 2", add("b", new=2)),
        case("a:\n  b: 1\n", "{}\n", drop("a", "b", old=1)),
        case("- a\n", "[]\n", drop(0, old="a")),
        case("{} # c\n", "a: # c\n  b: 1\n", add("a", "b", new=1)),
        case("a: {} # c\n", "a: # c\n  b: 1\n", add("a", "b", new=1)),
        case("a:\n  # c\nz: 1\n", "a:\n  b: 1\n  # c\nz: 1\n", add("a", "b", new=1)),
        # Quotes and spaces stay.
        case("a:   'x'\t# c\n", "a:   'y'\t# c\n", set_("a", old="x", new="y")),
        case('a: "1"  \n', 'a: "2"  \n', set_("a", old="1", new="2")),
        case('a: "1"\n', "a: 2\n", set_("a", old="1", new=2)),
        case("a: 1\n", 'a: "2"\n', set_("a", old=1, new="2")),
        case("a: 'q'\nb: 1\n", "a: 'q'\nb: 'yes'\n", set_("b", old=1, new="yes")),
        case("a :  1\n", "a :  2\n", set_("a", old=1, new=2)),
        case("? a\n: 1\nb: 2\n", "b: 2\n", drop("a", old=1)),
        case("'a': 1\n", "'b': 1\n", drop("a", old=1), add("b", new=1)),
        # A rename touches one line, or the entry only.
        case("a: 1 # c\nb: 2\n", "z: 1 # c\nb: 2\n", drop("a", old=1), add("z", new=1)),
        case("a: 1 # c\nb: 2\n", "z: 3 # c\nb: 2\n", drop("a", old=1), add("z", new=3)),
        case("a: {x: 1}\nb: 2\n", "z:\n- 1\nb: 2\n", drop("a", old={"x": 1}), add("z", new=[1])),
        case("{a: 1, b: 2}\n", "{z: 1, b: 2}\n", drop("a", old=1), add("z", new=1)),
        # The dash survives.
        case("- a: 1 # c\n  b: 2\n", "- b: 2\n", drop(0, "a", old=1)),
        case("-   a: 1\n    b: 2\n- c\n", "-   b: 2\n- c\n", drop(0, "a", old=1)),
        case("- a: 1\n  # b\n  b: 2\n", "- # b\n  b: 2\n", drop(0, "a", old=1)),
        case("- - 1\n  - 2\n", "- - 2\n", drop(0, 0, old=1)),
        case("- a: 1\n- b: 2\n", "- b: 2\n", drop(0, "a", old=1)),
        # Comments of others stay, those inside go.
        case(
            "# a\na:\n  # in\n  x: 1 # t\n  # end\n# b\nb: 2\n", "# a\n# b\nb: 2\n",
            drop("a", "x", old=1),
        ),
        case("a: |+\n  x\n\nb: 1\n\nc: 2\n", "a: |+\n  x\n\nc: 2\n", drop("b", old=1)),
        case("a: |\n  x\n\n\nb: 1\n", "\n\nb: 1\n", drop("a", old="x\n")),
        case("a: |\n  x", "a: |-\n  x\nb: 1", add("b", new=1)),
        case("- - a\n  - b\n", "- - c\n  - b\n", drop(0, 0, old="a"), add(0, 1, new="c")),
        case("a: |-\n  x\n# c\n", "a: |-\n  x\nb: 1\n# c\n", add("b", new=1)),
        case("a: 'x\n\n  y'\nb: 1\n", "b: 1\n", drop("a", old="x\ny")),
        case("a: x\n  y\nb: 1\n", "a: z\nb: 1\n", set_("a", old="x y", new="z")),
        case("a: 1\n", "a: |-\n  x\n  y\n", set_("a", old=1, new="x\ny")),
        case("a: 1 # c\n", "a: # c\n- x\n", set_("a", old=1, new=["x"])),
        case("a:\n- x\nb: 1\n", "a: 2\nb: 1\n", set_("a", old=["x"], new=2)),
        # Lists, flush or indented, as the document has them.
        case("a:\n  - x\n", "a:\n  - x\nb:\n  - z\n", add("b", new=["z"])),
        case("a:\n- x\n", "a:\n- x\nb:\n- k: 1\n  l:\n  - 2\n", add("b", new=[{"k": 1, "l": [2]}])),
        case("a:\n    b: 1\n", "a:\n    b: 1\nc:\n    d: 2\n", add("c", "d", new=2)),
        case(
            "- a # 1\n# b\n- b\n", "- x\n- a # 1\n- v\n# b\n- b\n- z\n- w\n",
            add(0, new="x"), add(2, new="z"), add(1, new="v"), add(2, new="w"),
        ),
        case("a:\n- x\n", "a:\n- x\n- z\nb: 1\n", add("b", new=1), add("a", 1, new="z")),
        case("a:\n- x", "a:\n- x\n- z", add("a", 1, new="z")),
        # Flow.
        case("{a: 1, b: 2}\n", "{b: 2}\n", drop("a", old=1)),
        case("{ a: 1, b: 2 }\n", "{ a: 1 }\n", drop("b", old=2)),
        case("a: [x, z, ]\n", "a: [x, ]\n", drop("a", 1, old="z")),
        case("a: [x,y,z] # c\n", "a: [y] # c\n", drop("a", 0, old="x"), drop("a", 2, old="z")),
        case(
            "a: [x]\n", "a: [w, x, {k: [1]}]\n",
            add("a", 0, new="w"), add("a", 1, new={"k": [1]}),
        ),
        case(
            "a: {\n  b: 1, # b\n  c: 2 # c\n}\n", "a: {\n  b: 1 # b\n}\n",
            drop("a", "c", old=2),
        ),
        case(
            "a: {\n  b: 1, # b\n  c: 2 # c\n}\n", "a: {\n  b: 1, # b\n  c: 2, # c\n  d: 3\n}\n",
            add("a", "d", new=3),
        ),
        case(
            '{\n  "a": 1,\n  "b": [2]\n}\n', '{\n  "a": 1,\n  "c": {\n    "k": "v"\n  }\n}\n',
            drop("b", 0, old=2), add("c", "k", new="v"),
        ),
        case('{"a":1,"b":2}', '{"a":1,"c":"x"}', drop("b", old=2), add("c", new="x")),
        case("a: {x: 1}\nb: 1\n", "b: 1\n", drop("a", "x", old=1)),
        # What random edits once found.
        case(
            "a: {}\n    # deep\n", 'a: "x\\ny"\n    # deep\n', set_("a", old={}, new="x\ny"),
        ),
        case(
            "a: [\n  x, # c\n  z\n]\n", "a: [\n  w, # c\n  z\n]\n",
            drop("a", 0, old="x"), add("a", 0, new="w"),
        ),
        case(
            "a:\n- x\n", "a:\n- v\n- w\n",
            add("a", 1, new="w"), drop("a", 0, old="x"), add("a", 0, new="v"),
        ),
        case("a: |+\n  x\n\nb:\n- 1\n\n", "a: |+\n  x\n\n", drop("b", 0, old=1)),
        # What stands between documents stays.
        case(
            "# top\n---\na: 1 # c\n...\n# mid\n---\nb: 1\n",
            "# top\n---\na: 2 # c\n...\n# mid\n---\nb: 1\n",
            set_("a", old=1, new=2),
        ),
    ],
)  # fmt: skip
def test_only_what_is_meant_changes(before: str, expected: str, edits: tuple[Edit, ...]) -> None:
    assert after(before, *edits) == expected
    if "\n" in before:
        crlf = before.replace("\n", "\r\n")
        assert after(crlf, *edits) == expected.replace("\n", "\r\n")


POD = """\
apiVersion: v1
kind: Pod
spec:
  containers:
  - name: train
    resources:
      limits:
        nvidia.com/gpu: 1 # one device
      requests:
        nvidia.com/gpu: 1
    image: x
"""


def test_a_request_becomes_a_claim() -> None:
    container: Field = ("spec", "containers", 0)
    edits = [
        drop(*container, "resources", "limits", GPU, old=1),
        drop(*container, "resources", "requests", GPU, old=1),
        add(*container, "resources", "claims", new=[{"name": "gpu"}]),
        add("spec", "resourceClaims", 0, new={"name": "gpu", "resourceClaimTemplateName": "one"}),
    ]
    text = parse(POD.encode())
    result = edited(text, [(0, (), edit) for edit in edits])
    assert result.data.decode() == dedent("""\
        apiVersion: v1
        kind: Pod
        spec:
          containers:
          - name: train
            resources:
              claims:
              - name: gpu
            image: x
          resourceClaims:
          - name: gpu
            resourceClaimTemplateName: one
        """)
    assert result.quoted == ("# one device",)
    assert [splice.line for splice in result.splices] == [7, 12]


# --- What moves takes its lines along -----------------------------------------------------------


def nested(*old: tuple[str, Any]) -> tuple[Edit, ...]:
    """Edits that put entries of a document under `e`."""
    return (*(drop(key, old=value) for key, value in old), add("e", new=dict(old)))


def lifted(**old: Any) -> tuple[Edit, ...]:
    """Edits that put the entries of `s` in its place."""
    return (drop("s", old=old), *(add(key, new=value) for key, value in old.items()))


def move(before: str, after: str, edits: tuple[Edit, ...], *quoted: str) -> Any:
    return pytest.param(dedent(before), dedent(after), edits, quoted)


@pytest.mark.parametrize(
    ("before", "expected", "edits", "quoted"),
    [
        # Under a new key.
        move(
            """\
            m: 1

            # one
            a: 'x' # two
            # three
            b: "y"

            # four
            c: 1
            """,
            """\
            m: 1

            e:
              # one
              a: 'x' # two
              # three
              b: "y"

            # four
            c: 1
            """,
            nested(("a", "x"), ("b", "y")),
        ),
        move(
            """\
            m: 1
            a: 'x' # one
            c: 1

            # two
            b: "y"
            """,
            """\
            m: 1
            e:
              a: 'x' # one
              # two
              b: "y"
            c: 1

            """,
            nested(("a", "x"), ("b", "y")),
        ),
        move("a: 'x' # c\nn: 1\n", "e:\n  a: 'x' # c\nn: 1\n", nested(("a", "x"))),
        move("m: 1\na: 'x' # c", "m: 1\ne:\n  a: 'x' # c", nested(("a", "x"))),
        # Lists flush with their key, and comments at odd columns.
        move(
            "m: 1\na: # c\n- 'x' # d\n    # deep\nb: 1\n",
            "m: 1\ne:\n  a: # c\n  - 'x' # d\n      # deep\nb: 1\n",
            nested(("a", ["x"])),
        ),
        # Scalars of several lines keep what they say.
        move(
            "m: 1\na: |2\n    x\n   y\n", "m: 1\ne:\n  a: |2\n      x\n     y\n",
            nested(("a", "  x\n y\n")),
        ),
        move(
            "m: 1\na: >- # c\n  x\n\n  # no\nb: 1\n",
            "m: 1\ne:\n  a: >- # c\n    x\n\n    # no\nb: 1\n",
            nested(("a", "x\n# no")),
        ),
        move(
            "m: 1\na: 'x\n\n  y' # c\n", "m: 1\ne:\n  a: 'x\n\n    y' # c\n",
            nested(("a", "x\ny")),
        ),
        move("m: 1\na: |\n  x", "m: 1\ne:\n  a: |\n    x", nested(("a", "x"))),
        # Flow collections.
        move(
            "m: 1\na: [\n  'x', # c\n] # d\n", "m: 1\ne:\n  a: [\n    'x', # c\n  ] # d\n",
            nested(("a", ["x"])),
        ),
        move(
            "{m: 1, a: 'x', b: 2} # c\n", "{m: 1, e: {a: 'x', b: 2}} # c\n",
            nested(("a", "x"), ("b", 2)),
        ),
        # Anchors, aliases and merge keys that go as they are.
        move(
            "m: &x {k: 1}\na: *x # c\nb: &y # d\n  <<: *x\n  l: 2\n",
            "m: &x {k: 1}\ne:\n  a: *x # c\n  b: &y # d\n    <<: *x\n    l: 2\n",
            nested(("a", {"k": 1}), ("b", {"k": 1, "l": 2})),
        ),
        # In the place of what they stood in.
        move(
            "m: 1\n# s\ns:\n  # a\n  a: 'x' # b\nc: 1\n", "m: 1\n# s\n# a\na: 'x' # b\nc: 1\n",
            lifted(a="x"),
        ),
        move(
            "s: # s\n      # a\n      a: 'x'\n    # odd\n# margin\n      b: 1\nc: 1\n",
            "# a\na: 'x'\n# odd\n# margin\nb: 1\nc: 1\n",
            lifted(a="x", b=1), "# s",
        ),
        move("s: {a: 'x'} # c\nb: 1\n", "a: 'x' # c\nb: 1\n", lifted(a="x")),
        move("{s: {a: 'x'}, b: 1}\n", "{a: 'x', b: 1}\n", lifted(a="x")),
        # Behind a dash.
        move(
            "- a: 'x' # c\n  b: 1\n  m: 1\n", "- e:\n    a: 'x' # c\n    b: 1\n  m: 1\n",
            (drop(0, "a", old="x"), drop(0, "b", old=1), add(0, "e", new={"a": "x", "b": 1})),
        ),
        move(
            "- k: 1 # k\n  # a\n  a: 'x'\n  b: 1\n  m: 1\n",
            "- e:\n    # a\n    a: 'x'\n    b: 1\n  m: 1\n",
            (
                drop(0, "k", old=1), drop(0, "a", old="x"), drop(0, "b", old=1),
                add(0, "e", new={"a": "x", "b": 1}),
            ),
            "# k",
        ),
        move(
            "- s:\n    # a\n    a: 'x'\n    b: 1 # b\n  m: 1\n",
            "- # a\n  a: 'x'\n  b: 1 # b\n  m: 1\n",
            (drop(0, "s", old={"a": "x", "b": 1}), add(0, "a", new="x"), add(0, "b", new=1)),
        ),
        # From one mapping to another.
        move(
            "p:\n  # a\n  x: 'q' # b\n  z: 1\nr:\n    s: 2\n",
            "p:\n  z: 1\nr:\n    s: 2\n    # a\n    x: 'q' # b\n",
            (drop("p", "x", old="q"), add("r", "x", new="q")),
        ),
        # The nearest of two, and each only once.
        move(
            "a:\n  x: 1 # one\nb:\n  x: 1 # two\n  z: 2\n",
            "b:\n  e:\n    x: 1 # two\n  z: 2\n",
            (drop("a", "x", old=1), drop("b", "x", old=1), add("b", "e", new={"x": 1})), "# one",
        ),
        # What is written anew, its comments quoted: words that not every YAML reads alike,
        # complex keys, other line ends, and what another list item loses.
        move("m: 1\na: yes # c\nb: 1\n", "m: 1\ne:\n  a: true\nb: 1\n", nested(("a", True)), "# c"),
        move("m: 1\n? a # c\n: 'x'\n", "m: 1\ne:\n  a: x\n", nested(("a", "x")), "# c"),
        move("m: 1\na: 'x'\r\nb: 1\n", "m: 1\ne:\n  a: x\nb: 1\n", nested(("a", "x"))),
        move(
            "- x: 'q' # c\n  m: 1\n- z: 1\n", "- m: 1\n- z: 1\n  x: q\n",
            (drop(0, "x", old="q"), add(1, "x", new="q")), "# c",
        ),
    ],
)  # fmt: skip
def test_what_moves_takes_its_lines_along(
    before: str, expected: str, edits: tuple[Edit, ...], quoted: tuple[str, ...]
) -> None:
    result = edited(parse(before.encode()), [(0, (), edit) for edit in edits])
    assert result.data.decode() == expected
    assert result.quoted == quoted
    if "\r" not in before and "\n" in before.strip():
        crlf = parse(before.replace("\n", "\r\n").encode())
        result = edited(crlf, [(0, (), edit) for edit in edits])
        assert result.data.decode() == expected.replace("\n", "\r\n")


def test_template_text_does_not_move() -> None:
    """It stays, and what is beside it moves; inside a condition it is written anew."""
    before = "a: {{ x }} # c\nb: 'x' # d\nc: 1\n"
    assert after(before, *nested(("b", "x")), template=True) == (
        "a: {{ x }} # c\ne:\n  b: 'x' # d\nc: 1\n"
    )
    before = "m: 1\n# {{ x }}\na: 1 # c\nb: 'x' # d\n"
    assert after(before, *nested(("a", 1), ("b", "x")), template=True) == (
        "m: 1\n# {{ x }}\ne:\n  a: 1\n  b: 'x' # d\n"
    )


def test_a_document_that_cannot_move_does_not_keep_others_from_it() -> None:
    """Here a block scalar would take the blank line below its new place for its own."""
    good = "m: 1\na: 'x' # c\n"
    odd = "p:\n  a: |+ # d\n    x\n  m: 1\nq:\n  m: 1\n\nr: 1\n"
    text = parse(f"{good}---\n{odd}".encode())
    edits: list[tuple[int, Field, Edit]] = [(0, (), edit) for edit in nested(("a", "x"))]
    edits += [(1, (), drop("p", "a", old="x\n")), (1, (), add("q", "a", new="x\n"))]
    result = edited(text, edits)
    assert result.data.decode() == (
        "m: 1\ne:\n  a: 'x' # c\n---\np:\n  m: 1\nq:\n  m: 1\n  a: \"x\\n\"\n\nr: 1\n"
    )
    assert result.quoted == ("# d",)


@pytest.mark.parametrize(
    ("before", "expected", "edits", "quoted"),
    [
        (
            "s: # s\n  # a\n  a: {m: 1} # b\n  c:\n    d: 'x' # e\n    f: >- # g\n      z\n",
            "# a\na: {m: 2} # b\nc:\n  d: 'w' # e\n  f: z z\n",
            (
                drop("s", old={"a": {"m": 1}, "c": {"d": "x", "f": "z"}}),
                add("a", new={"m": 2}),
                add("c", new={"d": "w", "f": "z z"}),
            ),
            ("# g", "# s"),
        ),
        (
            "m: 1\na: # a\n- 'x' # b\n- k: 1 # c\n  l: 2\n",
            "m: 1\ne:\n  a: # a\n  - 'x' # b\n  - k: # c\n      v: 1\n    l: 2\n",
            (
                drop("a", old=["x", {"k": 1, "l": 2}]),
                add("e", new={"a": ["x", {"k": {"v": 1}, "l": 2}]}),
            ),
            (),
        ),
        ("{s: {a: {m: 1}}, b: 'x'}\n", "{a: {m: 2}, b: 'x'}\n",
         (drop("s", old={"a": {"m": 1}}), add("a", new={"m": 2})), ()),
        # Another form, or another place, is another thing.
        (
            "m: 1\na: [x] # c\n", "m: 1\ne:\n  a:\n  - x\n  - z\n",
            (drop("a", old=["x"]), add("e", new={"a": ["x", "z"]})), ("# c",),
        ),
        (
            "p:\n  a: [x] # c\n  m: 1\nq: {}\n", "p:\n  m: 1\nq:\n  a:\n  - z\n",
            (drop("p", "a", old=["x"]), add("q", "a", new=["z"])), ("# c",),
        ),
    ],
)  # fmt: skip
def test_values_may_change_on_the_way(
    before: str, expected: str, edits: tuple[Edit, ...], quoted: tuple[str, ...]
) -> None:
    result = edited(parse(before.encode()), [(0, (), edit) for edit in edits])
    assert result.data.decode() == expected
    assert result.quoted == quoted


def test_an_object_in_a_list_is_edited_in_its_place() -> None:
    text = parse(b"kind: List\nitems:\n- a: 1\n- a: 1\n  b: 2\n")
    result = edited(text, [(0, ("items", 1), drop("a", old=1))])
    assert result.data == b"kind: List\nitems:\n- a: 1\n- b: 2\n"
    result = edited(text, [(0, ("items", 0), drop("a", old=1))])
    assert result.data == b"kind: List\nitems:\n- {}\n- a: 1\n  b: 2\n"


def test_the_second_of_two_documents_is_edited() -> None:
    text = parse(b"a: 1\n---\na: 1\n")
    assert edited(text, [(1, (), set_("a", old=1, new=2))]).data == b"a: 1\n---\na: 2\n"


def test_byte_splices_count_the_mark_and_the_encoding() -> None:
    data = "\ufeffä: 1\nb: 2\n".encode("utf-16-le")
    text = parse(data)
    result = edited(text, [(0, (), set_("b", old=2, new="ö"))])
    ((start, end, written),) = byte_splices(text, result.splices)
    assert data[:start] + written.encode("utf-16-le") + data[end:] == result.data


# --- What edits mean ----------------------------------------------------------------------------


def test_emptied_parents_go_and_the_body_is_not_touched() -> None:
    body = {"r": {"l": {"g": 1}, "q": {"g": 1, "c": 2}}, "i": [{"x": 1}, {"y": {}}]}
    before = json.dumps(body)
    edits = [drop("r", "l", "g", old=1), drop("r", "q", "g", old=1), drop("i", 0, "x", old=1)]
    assert intended(body, edits) == {"r": {"q": {"c": 2}}, "i": [{"y": {}}]}
    assert json.dumps(body) == before
    assert intended({"a": {"b": 1}}, [drop("a", "b", old=1)]) == {}


def test_items_count_as_they_stood_before() -> None:
    edits = [drop(0, old="a"), add(2, new="x"), add(3, new="y"), set_(1, old="b", new="B")]
    assert intended(["a", "b", "c"], edits) == ["B", "x", "c", "y"]


@pytest.mark.parametrize(
    "edits",
    [
        [drop("none", old=1)],
        [add("a", new=1)],
        [drop("a", old={"b": 1}), drop("a", "b", old=1)],
        [add("l", 3, new=1)],
        [add("new", 1, new=1)],
        [add("a", 0, new=1)],
        [add("a", "b", "c", new=1)],
        [Edit((), {}, {})],
    ],
)
def test_edits_that_fit_nothing_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(EditRefused):
        intended({"a": {"b": 1}, "l": []}, edits)


# --- Refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "edit", "line", "words"),
    [
        ("a: &x\n  b: 1\nc: *x\n", drop("c", "b", old=1), 3, "alias of line 1"),
        ("a: &x\n  b: 1\n  d: 2\nc: *x\n", drop("a", "b", old=1), 1, "used in line 4"),
        ("a: &x 1\nc: *x\n", set_("a", old=1, new=2), 1, "used in line 2"),
        ("a:\n  d: &x 1\nc: *x\n", drop("a", old={"d": 1}), 2, "used in line 3"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n", drop("c", "b", old=1), 3, "merge key"),
        ("a: 1\nb: 2\na: 3\n", drop("a", old=3), 3, "lines 1 and 3"),
        ("a: 1\nb: 2\n", drop("c", old=3), 1, "does not exist"),
        ("a: 1\nb: 2\n", set_("b", old=3, new=4), 2, "no longer what was read"),
        ("a: 1\nb: 2\n", set_("b", old=True, new=4), 2, "no longer what was read"),
        ("a: 1\nb: 2\n", add("b", new=4), 2, "nothing can be added"),
        ("a: 1\n? b\n: 2\n", set_("b", old=2, new=3), 2, "`?`"),
    ],
)
def test_an_edit_that_would_do_more_is_refused_with_its_line(
    before: str, edit: Edit, line: int, words: str
) -> None:
    refused = refusal(before, edit)
    assert words in refused.reason
    assert refused.line == line


def test_an_edit_that_other_parsers_would_read_otherwise_is_refused() -> None:
    """kubectl reads true there, and YAML 1.2 a word: written again it is one of the two."""
    refused = refusal("a: yes\nb: 1\n", drop("a", old=True), add("z", new=True))
    assert "YAML 1.2" in refused.reason


@pytest.mark.parametrize(
    "beside",
    [
        "a: yes\n", "a: 0o17\nb: 017\nc: 1_0\nd: 2026-11-21\ne: =\n", "%YAML 1.1\n---\na: yes\n",
        "a: &x {b: 1}\n<<: *x\n", "a: !odd x\n", "? {a: 1}\n: x\n", "a: 1\na: 2\n",
        "yes: 1\ntrue: 2\n",
    ],
)  # fmt: skip
def test_what_parsers_read_otherwise_may_stand_beside_an_edit(beside: str) -> None:
    assert after(f"{beside}f: 1\n", set_("f", old=1, new=2)) == f"{beside}f: 2\n"


def test_an_alias_itself_may_go() -> None:
    assert after("a: &x 1\nb: 2\nc: *x\n", drop("c", old=1)) == "a: &x 1\nb: 2\n"


def test_an_edit_beside_aliases_is_made() -> None:
    before = "a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 1\n"
    assert after(before, set_("d", "e", old=1, new=2)) == before.replace("e: 1", "e: 2")


# --- New documents ------------------------------------------------------------------------------

NEW = "kind: New\n"


@pytest.mark.parametrize(
    ("before", "number", "expected"),
    [
        ("a: 1\n", 0, "kind: New\n---\na: 1\n"),
        ("a: 1", 0, "kind: New\n---\na: 1"),
        ("---\na: 1\n", 0, "---\nkind: New\n---\na: 1\n"),
        ("--- # c\na: 1\n", 0, "---\nkind: New\n--- # c\na: 1\n"),
        ("# l\n---\n# c\na: 1\n", 0, "# l\n---\nkind: New\n---\n# c\na: 1\n"),
        ("# l\n\n# c\na: 1\n", 0, "# l\n\nkind: New\n---\n# c\na: 1\n"),
        ("# c\na: 1\n", 0, "kind: New\n---\n# c\na: 1\n"),
        ("a: 1\n# c\n---\nb: 1\n", 1, "a: 1\n# c\n---\nkind: New\n---\nb: 1\n"),
        ("a: 1\n...\n# c\n---\nb: 1\n", 1, "a: 1\n...\n# c\n---\nkind: New\n---\nb: 1\n"),
        ("# l\n%YAML 1.1\n---\na: 1\n", 0, "# l\nkind: New\n...\n%YAML 1.1\n---\na: 1\n"),
        ("a: |+\n  x\n\n---\nb: 1\n", 1, "a: |+\n  x\n\n---\nkind: New\n---\nb: 1\n"),
    ],
)
def test_a_new_document_stands_ahead_of_the_one_it_is_for(
    before: str, number: int, expected: str
) -> None:
    text = parse(before.encode())
    assert edited(text, [], [(number, NEW)]).data.decode() == expected
    crlf = parse(before.replace("\n", "\r\n").encode())
    if "\n" in before.strip():
        made = edited(crlf, [], [(number, NEW)]).data.decode()
        assert made == expected.replace("\n", "\r\n")


def test_several_new_documents_keep_their_order_beside_edits() -> None:
    text = parse(b"a: 1\n---\nb: 1\n")
    made = edited(text, [(0, (), add("c", new=2))], [(1, "n: 1\n"), (1, "n: 2"), (0, "n: 0\n")])
    assert made.data == b"n: 0\n---\na: 1\nc: 2\n---\nn: 1\n---\nn: 2\n---\nb: 1\n"


def test_several_new_documents_stand_ahead_of_a_directive() -> None:
    text = parse(b"%YAML 1.1\n---\na: 1\n")
    made = edited(text, [], [(0, "k: 1\n"), (0, "k: 2\n")])
    assert [d.value() for d in parse(made.data).documents] == [{"k": 1}, {"k": 2}, {"a": 1}]


def test_json_takes_no_new_document() -> None:
    with pytest.raises(EditRefused, match="JSON"):
        edited(parse(b'{"a": 1}\n'), [], [(0, NEW)])


# --- New objects --------------------------------------------------------------------------------

CEL = 'device.attributes["gpu.nvidia.com"].productName == "A100" && device.capacity'
CEL += '["gpu.nvidia.com"].memory.compareTo(quantity("40Gi")) >= 0'


def test_an_object_is_written_as_a_careful_person_would() -> None:
    body = {
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "one", "labels": {"on": "yes", "v": "1.20", "at": "22:22"}},
        "spec": {
            "requests": [{"name": "gpu", "selectors": [{"expression": CEL}], "ids": [1, [2]]}]
        },
        "text": "a\nb\n",
        "none": None,
        "empty": {},
    }
    comments: dict[Field, str] = {
        ("kind",): "what it is",
        ("spec", "requests", 0, "name"): f"{'long' * 15} {'word' * 15}",
        ("spec", "requests", 0, "ids"): "numbers",
    }
    written = dump(body, comments)
    assert value(written) == body
    assert written == dedent("""\
        # what it is
        kind: ResourceClaimTemplate
        metadata:
          name: one
          labels:
            "on": "yes"
            v: "1.20"
            at: "22:22"
        spec:
          requests:
          # longlonglonglonglonglonglonglonglonglonglonglonglonglonglong
          # wordwordwordwordwordwordwordwordwordwordwordwordwordwordword
          - name: gpu
            selectors:
            - expression: >-
                device.attributes["gpu.nvidia.com"].productName == "A100" &&
                device.capacity["gpu.nvidia.com"].memory.compareTo(quantity("40Gi")) >= 0
            # numbers
            ids:
            - 1
            - - 2
        text: |
          a
          b
        none:
        empty: {}
        """)
