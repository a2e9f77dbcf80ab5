"""What all tests share: one option, one marker, and properties that no clock can fail."""

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
