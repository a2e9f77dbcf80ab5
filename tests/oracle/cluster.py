"""What tests do to a cluster, in Kubernetes' own JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kubernetes.client import ApiClient
from kubernetes.config import new_client_from_config

from tests.oracle.objects import Body, device_class, reference, resource_slice

T = TypeVar("T")

PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
PATIENCE = 30.0  # seconds that a control plane may take over what it does of itself


class Refused(Exception):
    """The API server's own words about a request that it does not accept."""

    def __init__(self, status: int, said: Any) -> None:
        self.status = status
        self.message = said["message"] if isinstance(said, dict) else str(said)
        self.reason = said.get("reason", "") if isinstance(said, dict) else ""
        super().__init__(f"{status} {self.reason}: {self.message}")


class Overdue(Exception):
    """What was waited for has not happened, and how things stand instead."""


class Cluster:
    """A client of one control plane; every write is validated strictly."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.api: ApiClient = new_client_from_config(str(kubeconfig))
        self.resources: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        self.api.close()

    # --- Requests ---------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        **query: str,
    ) -> Any:
        """The server's JSON.

        Raises:
            Refused: The server says no.
        """
        made = self.api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Content-Type": content_type, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        response = self.api.call_api(*made)
        text = response.read()
        said = json.loads(text) if text[:1] in {b"{", b"["} else text.decode()
        if not 200 <= response.status < 300:
            raise Refused(response.status, said)
        return said

    def path(self, body: Body, name: str = "") -> str:
        """Where objects of this one's kind are, or the one of that name.

        Raises:
            Refused: The server does not serve the kind.
        """
        version = body["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, body["kind"]) not in self.resources:
            for resource in self.request("GET", root)["resources"]:
                if "/" not in resource["name"]:
                    found = (resource["name"], resource["namespaced"])
                    self.resources[version, resource["kind"]] = found
        if (version, body["kind"]) not in self.resources:
            raise Refused(404, f"the server does not serve {version} {body['kind']}")
        plural, is_namespaced = self.resources[version, body["kind"]]
        inside = body["metadata"].get("namespace", "default") if is_namespaced else ""
        within = f"/namespaces/{inside}" if inside else ""
        return f"{root}{within}/{plural}" + (f"/{name}" if name else "")

    def create(self, body: Body, *, dry_run: bool = False) -> Any:
        """The object as the server keeps it; a dry run asks everything and keeps nothing."""
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self.request("POST", self.path(body), dict(body), **query)

    def read(self, body: Body) -> Any:
        """The object of this one's kind, namespace and name as it is now."""
        return self.request("GET", self.path(body, body["metadata"]["name"]))

    def replace(self, body: Body) -> Any:
        path = self.path(body, body["metadata"]["name"])
        return self.request("PUT", path, dict(body), fieldValidation="Strict")

    def patch(self, body: Body, patch: Any, content_type: str = PATCH, *, status: str = "") -> Any:
        path = self.path(body, body["metadata"]["name"]) + (f"/{status}" if status else "")
        return self.request(
            "PATCH", path, patch, content_type=content_type, fieldValidation="Strict"
        )

    def apply(self, body: Body, manager: str = "tests") -> Any:
        """The object after a server-side apply."""
        path = self.path(body, body["metadata"]["name"])
        return self.request(
            "PATCH",
            path,
            dict(body),
            content_type=APPLY,
            fieldManager=manager,
            fieldValidation="Strict",
        )

    def delete(self, body: Body) -> Any:
        return self.request("DELETE", self.path(body, body["metadata"]["name"]))

    def items(
        self, api_version: str, kind: str, namespace: str = "", labels: str = ""
    ) -> list[Any]:
        """The objects of a kind, of one namespace or of all."""
        body = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace}}
        query = {"labelSelector": labels} if labels else {}
        return list(self.request("GET", self.path(body), **query)["items"])

    # --- What a cluster is made of ----------------------------------------------------------

    def namespace(self, name: str, **labels: str) -> str:
        """The name of a namespace that pods can be made in."""
        self.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        )
        account = reference("v1", "ServiceAccount", "default", name)
        until(lambda: self.exists(account), f"namespace {name} has no service account yet")
        return name

    def exists(self, body: Body) -> bool:
        try:
            self.read(body)
        except Refused as no:
            if no.status == 404:
                return False
            raise
        return True

    def node(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        taints: Sequence[Body] = (),
        allocatable: Mapping[str, str] | None = None,
    ) -> Any:
        """A node that is ready; pods bound to it run."""
        has = {"cpu": "64", "memory": "256Gi", "pods": "110"} | dict(allocatable or {})
        body = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {"kubernetes.io/hostname": name} | dict(labels or {}),
            },
            "spec": {"taints": [dict(taint) for taint in taints]},
            "status": {
                "capacity": has,
                "allocatable": has,
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            },
        }
        made = self.create(body)
        until(
            lambda: not (self.taints(name) & {"node.kubernetes.io/not-ready"}),
            f"node {name} is still tainted as not ready",
        )
        return made

    def taints(self, node: str) -> set[str]:
        """The keys of a node's taints."""
        spec = self.read(reference("v1", "Node", node))["spec"]
        return {taint["key"] for taint in spec.get("taints", [])}

    def allocatable(self, node: str, amounts: Mapping[str, str | None]) -> None:
        """Changes what a node has; None takes the name away, "0" is what a plugin leaves behind."""
        change = {"status": {"capacity": dict(amounts), "allocatable": dict(amounts)}}
        self.patch(reference("v1", "Node", node), change, MERGE, status="status")

    def slice(self, driver: str, node: str, devices: Sequence[Body], pool: str = "") -> Any:
        """A pool of one ResourceSlice, of devices that only one node reaches."""
        return self.create(resource_slice(driver, node, devices, pool))

    def device_class(self, name: str, *selectors: str, extended_resource_name: str = "") -> Any:
        return self.create(
            device_class(name, *selectors, extended_resource_name=extended_resource_name)
        )

    # --- What becomes of it -----------------------------------------------------------------

    def pods(self, namespace: str, labels: str = "") -> list[Any]:
        return self.items("v1", "Pod", namespace, labels)

    def running(self, namespace: str, count: int, labels: str = "") -> list[Any]:
        """That many pods, as soon as they are Running and Ready and no other is."""

        def ready() -> list[Any] | None:
            found = [pod for pod in self.pods(namespace, labels) if is_ready(pod)]
            return found if len(found) == count else None

        return until(ready, lambda: f"not {count} pods run in {namespace}: {self.story(namespace)}")

    def unschedulable(self, body: Body) -> str:
        """Why the scheduler does not place a pod, as soon as it has said so."""

        def message() -> str | None:
            for condition in self.read(body).get("status", {}).get("conditions", []):
                if condition["type"] == "PodScheduled" and condition["status"] == "False":
                    return str(condition.get("message", ""))
            return None

        inside = body["metadata"].get("namespace", "default")
        return until(message, lambda: f"the scheduler has said nothing: {self.story(inside)}")

    def story(self, namespace: str) -> str:
        """How the pods of a namespace stand, and the warnings about them, for people."""
        lines = []
        for pod in self.pods(namespace):
            status = pod.get("status", {})
            why = [c.get("message", "") for c in status.get("conditions", []) if "message" in c]
            lines.append(f"{pod['metadata']['name']} {status.get('phase')} {' '.join(why)}")
        lines += [
            f"{event['involvedObject']['name']}: {event.get('message', '')}"
            for event in self.items("v1", "Event", namespace)
            if event["type"] == "Warning"
        ]
        return "\n".join(["", *lines])


def until(question: Callable[[], T | None], otherwise: str | Callable[[], str]) -> T:
    """The first answer to the question that is true.

    Raises:
        Overdue: There is none in time.
    """
    end = time.monotonic() + PATIENCE
    while not (answer := question()):
        if time.monotonic() > end:
            raise Overdue(otherwise if isinstance(otherwise, str) else otherwise())
        time.sleep(0.05)
    return answer


def is_ready(pod: Body) -> bool:
    """Whether the pod is Running and Ready, and not on its way out."""
    conditions = pod.get("status", {}).get("conditions", [])
    return (
        pod["status"].get("phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
        and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    )
