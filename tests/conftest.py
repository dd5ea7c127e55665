"""Fixtures and options every test may use."""

from __future__ import annotations

import pytest

from tests.shared_statements import share_compiled_statements

share_compiled_statements()
pytest_plugins = ["tests.stack_fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", default="", help="Keep the histories of the stories under this release name.")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on a running world want the machine to themselves (tests.__main__)."""
    for item in items:
        group = item.get_closest_marker("xdist_group")
        if group is not None and group.args == ("worlds",):
            item.add_marker("alone")
