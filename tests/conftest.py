"""Fixtures and options every test may use."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.stack_fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", default="", help="Keep the histories of the stories under this release name.")
