"""The oracle as pytest fixtures; conftest.py names this module in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import pytest

from tests.oracle import ask, build, plane, planned
from tests.oracle.cluster import Cluster

AT_ONCE = 3  # control planes that run side by side; one takes about 0.7 GB, and a start 3 s


class ControlPlane(Protocol):
    """The fixture `control_plane`: a cluster for a minor version, empty at the start of a test."""

    def __call__(
        self,
        minor: str = "",
        gates: Mapping[str, bool] | None = None,
        *,
        apis: tuple[str, ...] = (),
        admission: tuple[str, ...] = (),
    ) -> Cluster: ...


@dataclass
class Running:
    """A control plane, its client, and whether a test has used it since it was clean."""

    plane: plane.Plane
    cluster: Cluster
    used: bool = False

    def close(self) -> None:
        self.cluster.close()
        self.plane.close()


@pytest.fixture(scope="session")
def oracle(pytestconfig: pytest.Config) -> Iterator[ask.Oracle]:
    """The real DRA code: `oracle.ask("compile", minor="1.34", expression=...)`."""
    with uncaptured(pytestconfig):
        answers = ask.oracle()
    yield answers
    answers.close()


@pytest.fixture(scope="session")
def running_planes(pytestconfig: pytest.Config) -> Iterator[dict[plane.Settings, Running]]:
    """The control planes that run, the one used last at the end."""
    with uncaptured(pytestconfig):
        build.binary("controlplane")
    running: dict[plane.Settings, Running] = {}
    yield running
    for one in running.values():
        one.close()


@pytest.fixture
def control_plane(running_planes: dict[plane.Settings, Running]) -> Iterator[ControlPlane]:
    """Starts control planes, or hands out those that run; empties them after the test."""

    def ready(
        minor: str = "",
        gates: Mapping[str, bool] | None = None,
        *,
        apis: tuple[str, ...] = (),
        admission: tuple[str, ...] = (),
    ) -> Cluster:
        settings = plane.Settings.of(minor, gates, apis, admission)
        one = running_planes.pop(settings, None)
        if one is None:
            make_room(running_planes)
            started = plane.start(settings)
            one = Running(started, Cluster(started.kubeconfig))
        running_planes[settings] = one
        one.used = True
        return one.cluster

    yield ready
    for settings, one in list(running_planes.items()):
        if one.used:
            del running_planes[settings]
            one.cluster.resources.clear()
            try:
                one.plane.clean()
            except BaseException:
                one.close()
                raise
            one.used = False
            running_planes[settings] = one


def make_room(running: dict[plane.Settings, Running]) -> None:
    """Ends the control planes that no test has used for longest, but none that this test uses."""
    idle = [settings for settings, one in running.items() if not one.used]
    for settings in idle[: max(0, len(running) - AT_ONCE + 1)]:
        running.pop(settings).close()


def uncaptured(config: pytest.Config) -> AbstractContextManager[None]:
    """Lets a first build say on the terminal why the tests stand still for minutes."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return capture.global_and_fixture_disabled() if capture else nullcontext()


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[planned.Planned, ...]:
    """The plan of every case in fixtures/."""
    place = tmp_path_factory.mktemp("plans")
    return tuple(planned.of_case(case, place) for case in planned.cases())


@pytest.fixture
def told(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Says on the terminal what was counted, where somebody asked with -v."""

    def say(words: str) -> None:
        shown = uncaptured(pytestconfig) if pytestconfig.get_verbosity() > 0 else nullcontext()
        with shown:
            print(f"\n{words}", flush=True)

    return say
