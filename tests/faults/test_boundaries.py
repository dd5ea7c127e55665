"""Orders that end a worker at an activity's boundary: obeyed once, by one, and unheard of without the setting."""

from __future__ import annotations

import json
import multiprocessing
import signal
from pathlib import Path
from typing import NoReturn

import pytest

from evenflow.boundaries import ARMED, STRUCK, Boundaries, Boundary, interceptors, watched
from evenflow.settings import SettingsError, settings_from

SIMULATED = {
    "EVENFLOW_STRIPE_SECRET_KEY": "sk_test_sim_key",
    "EVENFLOW_STRIPE_API_BASE": "http://127.0.0.1:4242/stripe",
}


class Ended(Exception):
    """Instead of the process's end."""


def ended() -> NoReturn:
    raise Ended


def an_order(directory: Path, name: str) -> Path:
    order = directory / ARMED / name
    order.parent.mkdir(parents=True, exist_ok=True)
    order.touch()
    return order


def nothing() -> dict[str, str]:
    return {"workflow_id": "account/vonk/1"}


def test_without_the_setting_there_is_nothing() -> None:
    settings, vendor = settings_from(SIMULATED), object()
    assert interceptors(settings) == []
    assert watched(settings, vendor) is vendor


@pytest.mark.parametrize(
    "environment",
    [
        {"EVENFLOW_STRIPE_SECRET_KEY": "sk_live_abc"},
        {"EVENFLOW_STRIPE_SECRET_KEY": "sk_test_abc"},
        {**SIMULATED, "EVENFLOW_TWILIO_AUTH_TOKEN": "real"},
        {**SIMULATED, "EVENFLOW_SENDGRID_API_KEY": "SG.real"},
        {},
    ],
)
def test_it_is_refused_with_anything_real(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EVENFLOW_FAULTS_DIRECTORY ends workers on purpose"):
        settings_from({**environment, "EVENFLOW_FAULTS_DIRECTORY": str(tmp_path)})


def test_an_order_is_obeyed_once_and_says_of_which_activity(tmp_path: Path) -> None:
    boundaries = Boundaries(tmp_path, ended)
    order = an_order(tmp_path, "collect_payment.after_vendor.1")
    boundaries.reached("collect_payment", Boundary.BEFORE_CALL, nothing)
    boundaries.reached("settle_attempt", Boundary.AFTER_VENDOR, nothing)
    with pytest.raises(Ended):
        boundaries.reached("collect_payment", Boundary.AFTER_VENDOR, nothing)
    boundaries.reached("collect_payment", Boundary.AFTER_VENDOR, nothing)
    assert not order.exists()
    assert json.loads((tmp_path / STRUCK / order.name).read_text()) == nothing()


async def test_a_vendor_is_watched_only_within_an_activity(tmp_path: Path) -> None:
    class Vendor:
        name = "a vendor"

        async def send(self, words: str) -> str:
            return words.upper()

        def count(self) -> int:
            return 1

    an_order(tmp_path, "collect_payment.after_vendor.1")
    vendor = watched(settings_from({**SIMULATED, "EVENFLOW_FAULTS_DIRECTORY": str(tmp_path)}), Vendor())
    assert (vendor.name, vendor.count(), await vendor.send("hello")) == ("a vendor", 1, "HELLO")
    assert (tmp_path / ARMED / "collect_payment.after_vendor.1").exists()


def _reach(directory: str) -> None:
    Boundaries(Path(directory)).reached("mend", Boundary.BEFORE_CALL, nothing)


def test_of_several_processes_one_is_killed(tmp_path: Path) -> None:
    an_order(tmp_path, "mend.before_call.1")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_reach, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert sorted(process.exitcode or 0 for process in processes) == [-signal.SIGKILL, 0, 0]
