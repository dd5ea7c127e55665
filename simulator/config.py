"""What the simulator is started with: the command line first, then the environment (prefix ``SIMULATOR_``)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIVE_KEY_PREFIXES = ("sk_live_", "rk_live_")


class UnusableConfiguration(Exception):
    """The simulator cannot start like this; the text names the setting and the way out."""


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Everything the simulator needs to know before its first request.

    Webhook addresses may also be set later through ``PUT /_control/webhooks``; what is set there is kept in the data
    directory and wins. ``settlement_business_days`` counts banking days of business time; every other delay is in
    seconds of real time.
    """

    data_dir: Path
    port: int = 4242
    host: str = "127.0.0.1"
    public_url: str = ""
    stripe_api_keys: tuple[str, ...] = ()
    stripe_webhook_urls: tuple[str, ...] = ()
    stripe_webhook_secret: str = "whsec_simulator"
    twilio_account_sid: str = "AC00000000000000000000000000000001"
    twilio_auth_token: str = "simulator-twilio-token"
    twilio_incoming_url: str = ""
    sendgrid_webhook_url: str = ""
    network_webhook_url: str = ""
    network_secret: str = "simulator-network-secret"
    network_api_key: str = ""
    network_confirm_seconds: float = 0.5
    message_step_seconds: float = 0.2
    settlement_business_days: int = 3
    delayed_settlement_business_days: int = 6
    webhook_retry_seconds: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800, 3600)
    webhook_timeout_seconds: float = 10.0
    bank_folder: Path | None = None
    bank_lead_banking_days: int = 1
    bank_statement_family: str = "08"

    def __post_init__(self) -> None:
        for key in self.stripe_api_keys:
            if key.startswith(LIVE_KEY_PREFIXES):
                raise UnusableConfiguration(
                    "stripe_api_keys holds a live key. The simulator takes none; use one like sk_test_sim123."
                )
        if self.settlement_business_days < 0 or self.delayed_settlement_business_days < 0:
            raise UnusableConfiguration("settlement_business_days must be 0 or more.")
        if self.bank_statement_family not in ("02", "08"):
            raise UnusableConfiguration("bank_statement_family must be 02 or 08.")

    @property
    def base_url(self) -> str:
        """Where browsers reach the simulator, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part.strip())


_ARGUMENTS: tuple[tuple[str, Callable[[str], Any], str], ...] = (
    ("port", int, "port to listen on (4242)"),
    ("host", str, "address to listen on (127.0.0.1)"),
    ("data-dir", Path, "directory of the simulator's own database"),
    ("public-url", str, "address under which browsers reach the simulator"),
    ("stripe-api-keys", _addresses, "accepted keys, comma separated (default: any sk_test_sim...)"),
    ("stripe-webhook-urls", _addresses, "where payment events go, comma separated"),
    ("stripe-webhook-secret", str, "signing secret of payment events"),
    ("twilio-account-sid", str, "the SMS account"),
    ("twilio-auth-token", str, "its token, also the signing key of callbacks"),
    ("twilio-incoming-url", str, "where incoming SMS go"),
    ("sendgrid-webhook-url", str, "where email events go"),
    ("network-webhook-url", str, "where network confirmations go"),
    ("network-secret", str, "signing secret of network confirmations"),
    ("network-api-key", str, "bearer key the network asks for (default: none)"),
    ("network-confirm-seconds", float, "delay of a network confirmation"),
    ("message-step-seconds", float, "delay between the states of an SMS or email"),
    ("settlement-business-days", int, "banking days until a direct debit settles (3)"),
    ("delayed-settlement-business-days", int, "the same for the delayed test IBANs (6)"),
    ("webhook-retry-seconds", _seconds, "waits between deliveries, comma separated"),
    ("webhook-timeout-seconds", float, "time-out of one delivery"),
    ("bank-folder", Path, "folder in which the bank takes and leaves files (default: HTTP only)"),
    ("bank-lead-banking-days", int, "banking days before the debit date that the bank wants a file (1)"),
    ("bank-statement-family", str, "02 or 08: the versions of the bank's reports and statements (08)"),
)


def read_config(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> SimulatorConfig:
    """The configuration from command line and environment.

    Raises ``UnusableConfiguration`` where no data directory is named or a live key is given.
    """
    environment = os.environ if environment is None else environment
    parser = argparse.ArgumentParser(prog="simulator", description="The vendors' side of the world, on this machine.")
    for name, kind, text in _ARGUMENTS:
        variable = f"SIMULATOR_{name.upper().replace('-', '_')}"
        parser.add_argument(
            f"--{name}",
            type=kind,
            default=environment.get(variable),
            help=f"{text} [{variable}]",
        )
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    if "data_dir" not in given:
        raise UnusableConfiguration("data_dir is not set. Give --data-dir or SIMULATOR_DATA_DIR.")
    return SimulatorConfig(**given)
