"""What all tests share: one option, two markers, and properties that no clock can fail."""

from __future__ import annotations

import pytest
from hypothesis import settings

pytest_plugins = ["tests.oracle.fixtures"]

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bless",
        action="store_true",
        help="write what the program says now into the fixtures; read the diff before keeping it",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "controlplane: needs the real Kubernetes control plane")
    config.addinivalue_line("markers", "thorough: takes long, and is no part of the quick loop")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plain `pytest` runs everything; `-m "not controlplane"` is the quick loop."""
    if config.option.markexpr != "not controlplane":
        return
    long = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in set(long)]
