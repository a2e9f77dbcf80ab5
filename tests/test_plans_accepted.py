"""Everything that a plan creates or edits is accepted by the real API server, as it was meant."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from kubernetes.utils.quantity import parse_quantity

from tests.oracle.cluster import Cluster, Refused
from tests.oracle.fixtures import ControlPlane
from tests.oracle.planned import Edited, Json, Planned, is_workload, label, pod_spec

pytestmark = pytest.mark.controlplane

NAMED_FROM = "1.36"  # the first minor that keeps extendedResourceName by default
REPLACED = {"Job", "Pod"}  # kinds whose pods cannot be edited
KINDS = {
    "DeviceClass": "classes",
    "ResourceClaim": "claims",
    "ResourceClaimTemplate": "claim templates",
}
"""What may be created, as it is counted."""


@dataclass
class Judged:
    """What a cluster said of one plan or of many: how much it took, and what is wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def expect(self, truth: bool, said: str) -> None:
        if not truth:
            self.wrong.append(said)


@pytest.mark.parametrize("minor", ["1.34", "1.35", "1.36"])
def test_every_object_of_a_plan_is_accepted(
    control_plane: ControlPlane,
    plans: tuple[Planned, ...],
    told: Callable[[str], None],
    minor: str,
) -> None:
    """By a dry run and for real, edited by patch, by replacement and by server-side apply."""
    cluster = control_plane(minor)
    chosen = [one for one in plans if number(one.kubernetes) >= number("1.34")]
    judged = judge_all(cluster, chosen, minor)
    told(f"Kubernetes {minor}: {len(chosen)} plans: {said(judged.counts)}")
    assert not judged.wrong, "\n".join(judged.wrong)
    assert judged.counts["claim templates"] > 80
    assert judged.counts["patched as the file"] > 60


def test_plans_for_the_beta_versions_are_accepted(
    control_plane: ControlPlane, plans: tuple[Planned, ...], told: Callable[[str], None]
) -> None:
    """1.32 cannot be had; 1.33 serves its version as well."""
    cluster = control_plane("1.33")
    chosen = [one for one in plans if number(one.kubernetes) < number("1.34")]
    versions = Counter(body["apiVersion"] for one in chosen for body in one.created)
    assert set(versions) == {"resource.k8s.io/v1beta1", "resource.k8s.io/v1beta2"}
    judged = judge_all(cluster, chosen, "1.33")
    told(f"Kubernetes 1.33: {len(chosen)} plans: {said(judged.counts)}; {said(versions)}")
    assert not judged.wrong, "\n".join(judged.wrong)


@pytest.mark.parametrize("minor", ["1.34", "1.35"])
def test_the_bridge_is_kept_where_its_gate_is_on(
    control_plane: ControlPlane, plans: tuple[Planned, ...], minor: str
) -> None:
    """`--feature-gate DRAExtendedResource=true` plans what such a cluster takes."""
    cluster = control_plane(minor, {"DRAExtendedResource": True})
    [plan] = [one for one in plans if one.name == "nvidia/container-bridge"]
    for body in plan.created:
        assert cluster.create(body)["spec"]["extendedResourceName"] == "nvidia.com/gpu"


def judge_all(cluster: Cluster, plans: list[Planned], minor: str) -> Judged:
    """What a cluster of this minor version says of these plans, in namespaces made for them."""
    judged = Judged()
    spaces: set[str] = set()
    for plan in map(housed, plans):
        wanted = {namespace(body) for body in bodies(plan) if is_served(cluster, body)}
        for name in sorted(wanted - spaces - {"default", ""}):
            cluster.namespace(name)
        spaces |= wanted
        judge(cluster, plan, minor, judged)
    return judged


def housed(plan: Planned) -> Planned:
    """The plan with a name made up for every namespace that is still a variable."""

    def at_home(body: Json) -> Json:
        name = re.sub(r"[^a-z0-9-]", "", namespace(body).lower()).strip("-")
        return body | {"metadata": body["metadata"] | ({"namespace": name} if name else {})}

    edited = (
        replace(one, before=at_home(one.before), after=at_home(one.after)) for one in plan.edited
    )
    return replace(plan, created=tuple(map(at_home, plan.created)), edited=tuple(edited))


def bodies(plan: Planned) -> Iterator[Json]:
    yield from plan.created
    for edited in plan.edited:
        if edited.holder != "Template":
            yield edited.before if has_pods(edited) else edited.after


def has_pods(edited: Edited) -> bool:
    """Whether the object makes pods; the others that are edited are claims, quotas and the like."""
    body = edited.after
    return not body["apiVersion"].startswith("resource.k8s.io/") and body["kind"] != "Namespace"


def namespace(body: Json) -> str:
    return str(body["metadata"].get("namespace", ""))


def is_served(cluster: Cluster, body: Json) -> bool:
    try:
        cluster.path(body)
    except Refused as no:
        if no.status == 404:
            return False
        raise
    return True


def judge(cluster: Cluster, plan: Planned, minor: str, judged: Judged) -> None:
    """Adds what the cluster says of one plan; nothing of it is left in the cluster."""
    made: list[Json] = []
    try:
        for body in plan.created:
            _judge_created(cluster, plan, body, minor, judged, made)
        for edited in plan.edited:
            if not has_pods(edited):
                _judge_upgraded(cluster, plan, edited, judged)
                continue
            if edited.holder == "Template" or not is_served(cluster, edited.before):
                judged.counts["custom kinds left out"] += 1
                continue
            _judge_edited(cluster, plan, edited, judged, made)
    except Refused as no:
        judged.wrong.append(f"{plan.name}: {no}")
    finally:
        for body in reversed(made):
            removed(cluster, body)


def _judge_created(
    cluster: Cluster, plan: Planned, body: Json, minor: str, judged: Judged, made: list[Json]
) -> None:
    where = f"{plan.name}: {label(body)}"
    try:
        tried = cluster.create(body, dry_run=True)
        kept = cluster.create(body)
    except Refused as no:
        judged.wrong.append(f"{where} is refused: {no}")
        return
    made.append(kept)
    gone = lost(body["spec"], kept["spec"], "spec")
    dropped = ["spec.extendedResourceName"] if number(minor) < number(NAMED_FROM) else []
    promised = [one for one in dropped if "extendedResourceName" in body["spec"]]
    judged.expect(gone == promised, f"{where}: the server changes {gone}, not {promised}")
    judged.expect(lost(body["spec"], tried["spec"], "spec") == gone, f"{where}: a dry run differs")
    judged.counts[KINDS[body["kind"]]] += 1
    judged.counts["names dropped as told"] += len(promised)


def _judge_upgraded(cluster: Cluster, plan: Planned, edited: Edited, judged: Judged) -> None:
    """An object of the API itself is taken as it is after, whole; before it may be refused."""
    after = named(edited.after, "after")
    if not is_served(cluster, after):
        judged.counts["not served here"] += 1
        return
    try:
        kept = cluster.create(after, dry_run=True)
    except Refused as no:
        judged.wrong.append(f"{plan.name}: {edited.label}: {no}")
        return
    gone = lost(after.get("spec", {}), kept.get("spec", {}), "spec")
    told = (plan.folder / "plan.json").read_text()
    # A plan names the field as the file had it, where older versions have no `exactly`.
    names = {field: {field, field.replace(".exactly", "")} for field in gone}
    said = ("does not keep {},", "has no {} yet")
    untold = [
        f
        for f, names_ in names.items()
        if not any(w.format(n) in told for w in said for n in names_)
    ]
    judged.expect(not untold, f"{plan.name}: {edited.label}: the server changes {untold}")
    judged.counts["upgraded objects"] += 1
    judged.counts["fields dropped as told"] += len(gone)


def _judge_edited(
    cluster: Cluster, plan: Planned, edited: Edited, judged: Judged, made: list[Json]
) -> None:
    """The object is created as it is after, patched from what it was before, and applied."""
    where = f"{plan.name}: {edited.label}"
    judged.wrong += [f"{where}: {words}" for words in unresolved(edited.after, plan.created)]
    try:
        cluster.create(edited.before, dry_run=True)
    except Refused:
        judged.counts["refused before and left out"] += 1
        return
    try:
        cluster.create(named(edited.after, "after"), dry_run=True)
        after = cluster.create(named(edited.after, "after"))
        made.append(after)
        gone = lost(edited.after["spec"], after["spec"], "spec")
        judged.expect(not gone, f"{where}: the server changes {gone}")
        judged.counts["edited objects"] += 1
        before = cluster.create(named(edited.before, "before"))
        made.append(before)
        if edited.before["kind"] in REPLACED:
            judged.expect(edited.disruption == "recreate", f"{where}: cannot be edited in place")
            judged.counts["made anew"] += 1
        elif edited.is_rendered:
            judged.counts["patched as text"] += 1
        else:
            patched = cluster.patch(before, edited.patch)
            same = comparable(patched) == comparable(after)
            judged.expect(same, f"{where}: the patch gives another object than the file")
            judged.counts["patched as the file"] += 1
        _judge_applied(cluster, edited, after, judged, made)
    except Refused as no:
        judged.wrong.append(f"{where}: {no}")


def _judge_applied(
    cluster: Cluster, edited: Edited, after: Json, judged: Judged, made: list[Json]
) -> None:
    """What a server-side apply of the file before, then of the file after, gives."""
    if edited.before["kind"] not in REPLACED:
        made.append(cluster.apply(named(edited.before, "applied")))
    applied = cluster.apply(named(edited.after, "applied"))
    if edited.before["kind"] in REPLACED:
        made.append(applied)
    else:
        same = comparable(applied) == comparable(after)
        judged.expect(same, f"{edited.label}: apply gives another object than the file")
    judged.counts["applied by the server"] += 1


def unresolved(body: Json, created: tuple[Json, ...]) -> list[str]:
    """What containers name that is in no claim; no API server looks that far."""
    requests = {
        one["metadata"]["name"]: {r["name"] for r in one["spec"]["spec"]["devices"]["requests"]}
        for one in created
        if one["kind"] == "ResourceClaimTemplate"
    }
    if not is_workload(body):
        return []
    spec = pod_spec(body)
    entries = {
        entry["name"]: entry.get("resourceClaimTemplateName", "")
        for entry in spec.get("resourceClaims", [])
    }
    wrong = []
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        for use in container.get("resources", {}).get("claims", []):
            template = entries.get(use["name"])
            if template is None:
                wrong.append(f"container {container['name']} uses claim {use['name']}: no entry")
            elif template in requests and use.get("request", "") not in requests[template] | {""}:
                wrong.append(
                    f"container {container['name']} uses request {use['request']}, "
                    f"and {template} has {', '.join(sorted(requests[template]))}"
                )
    return wrong


def named(body: Json, suffix: str) -> Json:
    """The object under a name of its own, so that it can stand beside itself."""
    made = copy.deepcopy(body)
    metadata = made["metadata"]
    metadata["name"] = f"{metadata.get('name') or metadata['generateName']}-{suffix}"
    metadata.pop("generateName", None)
    return made


def removed(cluster: Cluster, body: Json) -> None:
    """Nothing: the object goes, and what it made goes in the background."""
    path = cluster.path(body, body["metadata"]["name"])
    cluster.request("DELETE", path, propagationPolicy="Background")


def comparable(body: Json) -> Any:
    return body["spec"]


def lost(sent: Any, kept: Any, path: str) -> list[str]:
    """The places of what was sent and is not kept as it was."""
    if isinstance(sent, dict) and isinstance(kept, dict):
        return [
            place
            for key, value in sent.items()
            if value not in (None, {}, [])
            for place in lost(value, kept.get(key), f"{path}.{key}")
        ]
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) <= len(kept):
        pairs = enumerate(zip(sent, kept, strict=False))
        return [place for i, (a, b) in pairs for place in lost(a, b, f"{path}[{i}]")]
    return [] if is_same(sent, kept) else [path]


def is_same(sent: Any, kept: Any) -> bool:
    """Whether two scalars are equal, as text or as quantities."""
    if sent == kept or str(sent) == str(kept):
        return True
    try:
        return bool(parse_quantity(sent) == parse_quantity(kept))
    except (TypeError, ValueError):
        return False


def number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))


def said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def test_a_patch_of_a_plan_that_is_stale_is_refused_and_changes_nothing(
    control_plane: ControlPlane, plans: tuple[Planned, ...], told: Callable[[str], None]
) -> None:
    """Somebody changed in the cluster what the patch was made for; each of its tests notices."""
    cluster = control_plane("1.36")
    counts: Counter[str] = Counter()
    for plan in plans:
        for edited in plan.edited:
            if edited.holder or edited.is_rendered or not is_served(cluster, edited.before):
                continue
            if not is_accepted(cluster, without_namespace(edited.before)):
                continue
            live = cluster.create(without_namespace(edited.before))
            for i, operation in enumerate(edited.patch):
                if operation["op"] == "test":
                    stale = [*edited.patch[:i], changed(operation), *edited.patch[i + 1 :]]
                    where = f"{plan.name}: {edited.label}: {operation['path']}"
                    counts[refusal(cluster, live, stale, where)] += 1
            removed(cluster, live)
    told(f"Kubernetes 1.36: {said(counts)}")
    assert counts["tests that refused the patch"] > 100


def changed(operation: Json) -> Json:
    """The test as it would stand if the object had said something else."""
    value = operation["value"]
    other = {**value, "example.com/other": "1"} if isinstance(value, dict) else f"{value}0"
    return {**operation, "value": [*value, "other"] if isinstance(value, list) else other}


def refusal(cluster: Cluster, live: Json, patch: list[Json], where: str) -> str:
    """What to count it as, if the server refuses the patch and the object stays as it was."""
    with pytest.raises(Refused) as no:
        cluster.patch(live, patch)
    assert no.value.status == 422, f"{where}: {no.value}"
    kept = cluster.read(live)
    assert kept["spec"] == live["spec"], f"{where}: changed all the same"
    generations = [one["metadata"].get("generation") for one in (kept, live)]
    assert len(set(generations)) == 1, f"{where}: {generations}"
    return "tests that refused the patch"


@pytest.mark.parametrize("minor", ["1.34", "1.36"])
def test_a_patch_meets_an_object_that_was_edited_meanwhile(
    control_plane: ControlPlane, plans: tuple[Planned, ...], minor: str
) -> None:
    """The count was raised in the cluster since the plan was made: nothing of the patch is done."""
    cluster = control_plane(minor)
    [plan] = [one for one in plans if one.name == "nvidia/container-one-gpu"]
    [edited] = plan.edited
    cluster.namespace("ml")
    live = cluster.create(edited.before)
    place = "/spec/template/spec/containers/0/resources/limits/nvidia.com~1gpu"
    cluster.patch(live, [{"op": "replace", "path": place, "value": "4"}])
    meanwhile = cluster.read(live)
    with pytest.raises(Refused, match="the server rejected our request") as no:
        cluster.patch(live, edited.patch)
    assert no.value.status == 422
    assert cluster.read(live)["spec"] == meanwhile["spec"]
    cluster.patch(live, [{"op": "replace", "path": place, "value": "1"}])
    assert "resourceClaims" in pod_spec(cluster.patch(live, edited.patch))


def without_namespace(body: Json) -> Json:
    made = copy.deepcopy(body)
    made["metadata"].pop("namespace", None)
    return made


def is_accepted(cluster: Cluster, body: Json) -> bool:
    try:
        cluster.create(body, dry_run=True)
    except Refused:
        return False
    return True
