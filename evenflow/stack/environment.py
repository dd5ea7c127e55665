"""The environment of the embedded stack: our own servers, and simulated vendors where no real ones are configured."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import httpx

from evenflow.settings import PREFIX, SIMULATED_KEY_PREFIX
from evenflow.stack.directory import DataDirectory
from evenflow.stack.postgres import PostgresServer
from evenflow.stack.temporal_server import NAMESPACE, TemporalServer

SIMULATED_TWILIO_ACCOUNT = "AC" + "0" * 29 + "sim"
# The identifier that the German central bank publishes for tests.
SIMULATED_CREDITOR = "DE98ZZZ09999999999"


def core_environment(
    directory: DataDirectory, postgres: PostgresServer, temporal: TemporalServer, api_url: str, clock_rate: float
) -> dict[str, str]:
    """What is never a vendor's: servers, own addresses, own keys, the pace of time."""
    values = {
        "DATA_DIR": str(directory.path),
        "DATABASE_URL": postgres.url(),
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": NAMESPACE,
        "TEMPORAL_UI_BASE": temporal.ui_url,
        "PUBLIC_API_BASE": api_url,
        "PUBLIC_PAYLINK_BASE": api_url,
        "PUBLIC_SELF_SERVICE_BASE": api_url,
        "SECRETS_PAYLINK_SIGNING_KEY": directory.secret("paylink_signing_key"),
        "SECRETS_SESSION_KEY": directory.secret("session_key"),
        "SECRETS_ADMIN_API_KEY": directory.secret("admin_api_key", "evk_"),
        "SECRETS_IBAN_KEYS": _key_ring(directory.secret("iban_key")),
        "CLOCK_RATE": f"{clock_rate:g}",
    }
    return {PREFIX + name: value for name, value in values.items()}


def _key_ring(secret: str) -> str:
    """A ring of one key of 32 bytes, from a secret of any form."""
    return f"first:{base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()}"


def simulated_vendors(directory: DataDirectory, simulator_url: str) -> dict[str, dict[str, str]]:
    """Per vendor, the settings that lead to the simulator."""
    return {
        "STRIPE": {
            "API_BASE": f"{simulator_url}/stripe",
            "SECRET_KEY": directory.secret("stripe_secret_key", SIMULATED_KEY_PREFIX),
            "WEBHOOK_SECRET": directory.secret("stripe_webhook_secret", "whsec_"),
            "CREDITOR_ID": SIMULATED_CREDITOR,
        },
        "TWILIO": {
            "API_BASE": f"{simulator_url}/twilio",
            "ACCOUNT_SID": SIMULATED_TWILIO_ACCOUNT,
            "AUTH_TOKEN": directory.secret("twilio_auth_token"),
            "FROM_NUMBER": "+4915735983800",
            "WHATSAPP_FROM": "+4915735983801",
        },
        "SENDGRID": {
            "API_BASE": f"{simulator_url}/sendgrid",
            "API_KEY": directory.secret("sendgrid_api_key", "SG.simulator."),
            "FROM_ADDRESS": "billing@evenflow.example",
        },
        "NETWORK": {
            "API_BASE": f"{simulator_url}/network",
            "API_KEY": directory.secret("network_api_key"),
            "SIGNING_SECRET": directory.secret("network_signing_secret"),
        },
        "BANK": {"FOLDER": str(directory.path / "bank"), "SIMULATED": "true"},
    }


def vendor_environment(
    vendors: Mapping[str, Mapping[str, str]], own: Mapping[str, str], *, only_simulated: bool
) -> dict[str, str]:
    """The vendors' settings. A vendor configured in ``own`` (our process's environment) keeps its real settings.

    With ``only_simulated`` (any accelerated clock) nothing real is left: what ``own`` sets is replaced.
    """
    chosen: dict[str, str] = {}
    for vendor, values in vendors.items():
        is_configured = any(name.startswith(f"{PREFIX}{vendor}_") and value for name, value in own.items())
        if only_simulated or not is_configured:
            chosen |= {f"{PREFIX}{vendor}_{name}": value for name, value in values.items()}
    return chosen


def simulator_environment(
    directory: DataDirectory, vendors: Mapping[str, Mapping[str, str]], api_url: str, simulator_url: str
) -> dict[str, str]:
    """What the simulator is told: the same keys, and where its webhooks go (nowhere when ``api_url`` is empty)."""
    values = {
        "DATA_DIR": str(directory.path / "simulator"),
        "PUBLIC_URL": simulator_url,
        "STRIPE_API_KEYS": vendors["STRIPE"]["SECRET_KEY"],
        "STRIPE_WEBHOOK_SECRET": vendors["STRIPE"]["WEBHOOK_SECRET"],
        "TWILIO_ACCOUNT_SID": vendors["TWILIO"]["ACCOUNT_SID"],
        "TWILIO_AUTH_TOKEN": vendors["TWILIO"]["AUTH_TOKEN"],
        "NETWORK_SECRET": vendors["NETWORK"]["SIGNING_SECRET"],
        "BANK_FOLDER": vendors["BANK"]["FOLDER"],
    }
    webhooks = {
        "STRIPE_WEBHOOK_URLS": f"{api_url}/webhooks/stripe",
        "TWILIO_INCOMING_URL": f"{api_url}/webhooks/twilio/incoming",
        "SENDGRID_WEBHOOK_URL": f"{api_url}/webhooks/sendgrid",
        "NETWORK_WEBHOOK_URL": f"{api_url}/webhooks/network",
    }
    return {f"SIMULATOR_{name}": value for name, value in {**values, **(webhooks if api_url else {})}.items()}


def simulated_email_key(simulator_url: str) -> str:
    """The public key with which a running simulator's email events are verified; it makes its own key pair."""
    answer = httpx.get(f"{simulator_url}/_control/sendgrid/public-key", timeout=10, trust_env=False)
    return str(answer.raise_for_status().json()["public_key"])
