"""A simulator process and its listener, one per test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.simulator_process import Listener, Simulator, start_listener


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Where callbacks of the module's simulator arrive."""
    found, server = start_listener()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Simulator]:
    """One simulator for a module's tests; what they do is kept apart by customers of their own."""
    running = Simulator(tmp_path_factory.mktemp("simulator"), listener)
    yield running
    running.stop()


@pytest.fixture
def faulty(simulator: Simulator) -> Iterator[Simulator]:
    """The simulator, with all faults switched off afterwards."""
    yield simulator
    simulator.control("DELETE", "/faults")
