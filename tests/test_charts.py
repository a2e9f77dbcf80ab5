"""Pods in the values of charts: where they stand, of which chart and version, and what is said."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import yaml

from migrate import kube
from migrate.model import Manifest
from migrate.read import stream
from migrate.yamltext import parse

RELEASE = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: photos, namespace: flux}
spec:
  targetNamespace: home
  chart: {spec: {chart: app-template, version: 4.3.0}}
  values:
    defaultPodOptions:
      nodeSelector: {zone: a, disk: ssd}
      tolerations: [{operator: Exists}]
    controllers:
      server:
        containers: {app: {image: {repository: photos, tag: 2}}}
      learning:
        type: daemonset
        pod: {nodeSelector: {disk: hdd}}
        initContainers:
          first: {image: {repository: models}}
          proxy: {image: {repository: proxy}, restartPolicy: Always}
        containers:
          app:
            image: {registry: ghcr.io, repository: ml, tag: v1, digest: "sha256:0"}
"""
SOURCE = """
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: photos}
spec: {url: "oci://ghcr.io/bjw-s-labs/helm/app-template", ref: {tag: 3.7.3}}
"""
CHART = """
name: photos
dependencies: [{name: app-template, alias: main, version: 4.3.0}]
"""
VALUES = ("spec", "values")


def manifests(text: str, path: str = "apps/photos/release.yaml") -> tuple[Manifest, ...]:
    """The objects of a text that stands in a file of this path."""
    return stream.manifests(parse(textwrap.dedent(text).encode()), path, "file")


def pods(text: str) -> dict[str, kube.PodSpec]:
    """The pods in the values of an object, by their name there."""
    found = kube.podspecs(yaml.safe_load(text))
    return {pod.values.name: pod for pod in found if pod.values}


def test_containers_stand_in_maps() -> None:
    """Init containers first, each with its key for a name and its image as text."""
    pod = pods(RELEASE)["learning"]
    assert [(c.name, c.role, c.body["image"]) for c in pod.containers] == [
        ("first", "init", "models"),
        ("proxy", "sidecar", "proxy"),
        ("app", "container", "ghcr.io/ml:v1@sha256:0"),
    ]
    here = (*VALUES, "controllers", "learning")
    assert pod.containers[2].field == (*here, "containers", "app")
    assert pod.values
    assert pod.values.kind == "DaemonSet"


@pytest.mark.parametrize(
    ("strategy", "selector", "disk", "zone"),
    [
        ("overwrite", {"disk": "hdd"}, ("controllers", "learning", "pod"), None),
        ("merge", {"zone": "a", "disk": "hdd"}, ("controllers", "learning", "pod"), True),
    ],
)
def test_a_pod_overrides_what_all_pods_have(
    strategy: str, selector: dict[str, str], disk: tuple[str, ...], zone: bool | None
) -> None:
    """By default as a whole; merged where the values ask for it: each label where it stands."""
    text = f"{RELEASE}    defaultPodOptionsStrategy: {strategy}\n"
    pod = pods(text)["learning"]
    defaults = (*VALUES, "defaultPodOptions")
    assert pod.body["nodeSelector"] == selector
    assert pod.at("nodeSelector", "disk") == (*VALUES, *disk, "nodeSelector", "disk")
    assert pod.at("tolerations", 0) == (*defaults, "tolerations", 0)
    assert pod.at("resourceClaims") == (*VALUES, "controllers", "learning", "pod", "resourceClaims")
    assert pod.holds((*defaults, "nodeSelector", "zone")) is bool(zone)
    assert not pod.holds((*defaults, "nodeSelector", "disk"))


def test_what_one_pod_has_alone_is_not_common() -> None:
    """Defaults are common to several controllers, and a single one's own."""
    field = (*VALUES, "defaultPodOptions", "tolerations")
    assert pods(RELEASE)["server"].is_common(field)
    body = yaml.safe_load(RELEASE)
    del body["spec"]["values"]["controllers"]["learning"]
    (only,) = kube.podspecs(body)
    assert only.holds(field)
    assert not only.is_common(field)


def support(text: str, *others: tuple[str, str]) -> tuple[str, str]:
    """Whether claims arrive in the pods of an object, and why not."""
    manifest = manifests(text)[0]
    sources = [m for text, path in others for m in manifests(text, path)]
    known = kube.releases(manifest, [m for m in sources if kube.is_chart_source(m)])
    pod = kube.podspecs(manifest.body)[0]
    place = kube.place_in_values(pod, kube.release(pod.field, known))
    assert place
    return place.support, place.why


BY_REFERENCE = RELEASE.replace(
    "chart: {spec: {chart: app-template, version: 4.3.0}}",
    "chartRef: {kind: OCIRepository, name: photos}",
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("4.3.0", "keeps"), ("v5.1.0", "keeps"), ("4.2.9", "drops"), ("3.7.3", "drops"),
     ("4.x", "varies"), ('">=4.0.0"', "varies"), ('""', "varies")],
)  # fmt: skip
def test_the_version_decides(version: str, expected: str) -> None:
    """A range of versions, or none, decides nothing."""
    said, why = support(RELEASE.replace("4.3.0", version))
    assert said == expected
    assert bool(why) is (expected != "keeps")


def test_a_reference_names_chart_and_version() -> None:
    """The object it names is looked for among the inputs, the nearest first."""
    near, far = "apps/photos/source.yaml", "other/source.yaml"
    assert support(BY_REFERENCE, (SOURCE, near))[0] == "drops"
    newer = SOURCE.replace("3.7.3", "4.4.0")
    assert support(BY_REFERENCE, (SOURCE, far), (newer, near))[0] == "keeps"
    assert support(BY_REFERENCE, (SOURCE, far), (newer, "else/source.yaml"))[0] == "varies"


def test_a_form_alone_is_no_chart() -> None:
    """Values of this form are other charts' too, and that is said."""
    said, why = support(BY_REFERENCE)
    assert said == "varies"
    assert "in the form of app-template" in why
    said, why = support(RELEASE.replace("chart: app-template", "chart: photos"))
    assert said == "varies"
    assert why.startswith("the chart is photos")


def test_a_release_goes_to_its_own_namespace() -> None:
    """What it makes is there, and not beside the object that installs it."""
    (release,) = kube.releases(manifests(RELEASE)[0], ())
    assert (release.name, release.namespace) == ("photos", "home")
    (release,) = kube.releases(manifests(RELEASE.replace("  targetNamespace: home\n", ""))[0], ())
    assert release.namespace == "flux"


def test_values_beside_a_chart_are_those_of_its_dependency() -> None:
    """Below its alias, and of the chart in the same folder only."""
    text = "main: {controllers: {a: {containers: {b: {image: x}}}}}"
    values = manifests(text, "charts/photos/values.yaml")[0]
    own, other = (manifests(CHART, f"charts/{name}/Chart.yaml")[0] for name in ("photos", "b"))
    assert [r.values for r in kube.releases(values, [own, other])] == [("main",)]
    assert not kube.releases(values, [other])


@pytest.mark.parametrize(
    "body",
    [
        {"apiVersion": "acme.example.com/v1", "kind": "Fleet",
         "spec": {"controllers": {"a": {"containers": {"b": {"image": "x"}}}}}},
        {"controllers": {"a": {"containers": {"b": 1, 2: {"image": "x"}}}}},
        {"controllers": ["a"]},
        {"controllers": {"a": {"containers": {"b": {"size": 1}}}}},
    ],
)  # fmt: skip
def test_other_maps_are_no_pods(body: Any) -> None:
    """Only values have pods of this form, and only what looks like a container is one."""
    assert kube.podspecs(body) == ()


def test_odd_values_are_read_as_they_are() -> None:
    """Nothing there makes the search fail."""
    body = {
        "defaultPodOptions": ["x"],
        "defaultPodOptionsStrategy": {"merge": 1},
        "controllers": {"a": {"type": ["x"], "pod": 3, "containers": {"b": {"image": {"tag": 1}}}}},
    }
    (pod,) = kube.podspecs(body)
    assert pod.values
    assert (pod.values.kind, pod.body) == ("Deployment", {})


APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: photos, namespace: argocd}
spec:
  destination: {namespace: home}
  sources:
    - {repoURL: https://git.example.com/values, ref: values}
    - chart: app-template
      targetRevision: 4.3.0
      helm: {valuesObject: {controllers: {main: {containers: {main: {image: photos}}}}}}
"""
KUSTOMIZATION = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
helmCharts:
  - name: app-template
    version: 4.3.0
    valuesInline: {controllers: {main: {containers: {main: {image: photos}}}}}
"""


def test_one_of_several_sources_is_the_chart() -> None:
    """The claim goes where the application is deployed; nowhere, if that is not said."""
    (release,) = kube.releases(manifests(APPLICATION)[0], ())
    assert (release.chart, release.namespace, release.cannot) == ("app-template", "home", "")
    assert release.values == ("spec", "sources", 1, "helm", "valuesObject")
    assert support(APPLICATION)[0] == "keeps"
    text = APPLICATION.replace("{namespace: home}", "{name: cluster}")
    (release,) = kube.releases(manifests(text)[0], ())
    assert "namespace" in release.cannot


def test_nothing_stands_beside_a_kustomization() -> None:
    """Its file holds one object, and a claim would be a second one."""
    (release,) = kube.releases(manifests(KUSTOMIZATION)[0], ())
    assert release.values == ("helmCharts", 0, "valuesInline")
    assert release.cannot
