"""``evenflow doctor``: what is configured, what is missing and what that disables, and whether it answers."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from evenflow.cli.prepare import connect_plainly
from evenflow.settings import PREFIX, Settings

TRY_SECONDS = 5
STRIPE, TWILIO, SENDGRID = "https://api.stripe.com", "https://api.twilio.com", "https://api.sendgrid.com"


@dataclass(frozen=True)
class Finding:
    """One row: a part of the application, its missing variables, what that disables, whether it answers.

    ``answer`` is empty when nothing was tried; ``is_broken`` marks what is configured and does not work.
    """

    part: str
    missing: tuple[str, ...]
    disables: str
    answer: str = ""
    is_broken: bool = False

    @property
    def state(self) -> str:
        """One word for the second column."""
        if self.is_broken:
            return "broken"
        return "missing" if self.missing else "ok"

    @property
    def remark(self) -> str:
        """What a missing or broken part disables, and what was found when it was tried."""
        loss = "" if self.state == "ok" else f"disables {self.disables}"
        return "; ".join(text for text in (loss, self.answer) if text)


@dataclass(frozen=True)
class Part:
    """What a part needs (variable to value), what stops working without it, and how to try it."""

    name: str
    needs: dict[str, str]
    disables: str
    attempt: Callable[[], str] | None = None


def examine(settings: Settings, console: Console) -> int:
    """Print the table; 0 when everything needed is set and answers, 1 otherwise."""
    findings = [examined(part) for part in parts(settings)]
    table = Table("part", "state")
    table.add_column("missing", no_wrap=True)
    table.add_column("what that disables, or what was found")
    colours = {"ok": "green", "missing": "yellow", "broken": "red"}
    for finding in findings:
        state = f"[{colours[finding.state]}]{finding.state}[/]"
        table.add_row(finding.part, state, "\n".join(finding.missing), finding.remark)
    console.print(table)
    pace = "normal time" if settings.clock.rate == 1 else f"{settings.clock.rate:g} times as fast as real time"
    console.print(f"The business clock runs at {pace}. Real vendors: {', '.join(settings.live_vendors) or 'none'}.")
    told = [*settings.alerts.mailboxes, *(["a web address"] if settings.alerts.webhook else [])]
    console.print(f"Staff are told of cases at: {', '.join(told) or 'the console only (EVENFLOW_ALERTS_EMAIL)'}.")
    if unused := _not_used(settings):
        console.print(unused)
    if all(finding.state == "ok" for finding in findings):
        return 0
    console.print("`evenflow up` sets all of this by itself on one machine; otherwise set the variables above.")
    return 1


def _not_used(settings: Settings) -> str:
    """Parts that nobody has to set, and by what."""
    unused = []
    if not settings.twilio.whatsapp_from:
        unused.append("WhatsApp (EVENFLOW_TWILIO_WHATSAPP_FROM)")
    if not settings.secrets.iban_keys.get_secret_value() and settings.bank.folder is None:
        unused.append("bank files (EVENFLOW_SECRETS_IBAN_KEYS, EVENFLOW_BANK_FOLDER)")
    elif settings.bank.folder is None:
        unused.append("the bank's folder (EVENFLOW_BANK_FOLDER): files are handed over by a person")
    simulated = " The bank behind the folder is the simulated one." if settings.bank.simulated else ""
    return ((f"Not used: {', '.join(unused)}." if unused else "") + simulated).strip()


def examined(part: Part) -> Finding:
    """Look at one part, and try its connection when everything it needs is set."""
    missing = tuple(PREFIX + name for name, value in part.needs.items() if not value)
    if missing or part.attempt is None:
        return Finding(part.name, missing, part.disables)
    try:
        return Finding(part.name, (), part.disables, part.attempt())
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return Finding(part.name, (), part.disables, reason, is_broken=True)


def parts(settings: Settings) -> list[Part]:
    """Every part of the application that depends on settings."""
    own = [*_own(settings), *_signing_in(settings), *_whatsapp(settings), *_banks(settings)]
    return [*_servers(settings), *_vendors(settings), *own, *_sources(settings)]


def _servers(settings: Settings) -> list[Part]:
    database_url = settings.database.url.get_secret_value()
    return [
        Part("database", {"DATABASE_URL": database_url}, "everything", lambda: _try_database(database_url)),
        Part("process", {"TEMPORAL_ADDRESS": settings.temporal.address}, "everything", lambda: _try_process(settings)),
    ]


def _vendors(settings: Settings) -> list[Part]:
    stripe, twilio, sendgrid, network = settings.stripe, settings.twilio, settings.sendgrid, settings.network
    return [
        Part(
            "Stripe",
            {
                "STRIPE_SECRET_KEY": stripe.secret_key.get_secret_value(),
                "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret.get_secret_value(),
            },
            "cards, SEPA and Bacs debits, paylinks",
            lambda: _try_web(stripe.api_base or STRIPE),
        ),
        Part(
            "Twilio",
            {
                "TWILIO_ACCOUNT_SID": twilio.account_sid,
                "TWILIO_AUTH_TOKEN": twilio.auth_token.get_secret_value(),
                "TWILIO_FROM_NUMBER": twilio.from_number,
            },
            "notices by SMS",
            lambda: _try_web(twilio.api_base or TWILIO),
        ),
        Part(
            "SendGrid",
            {
                "SENDGRID_API_KEY": sendgrid.api_key.get_secret_value(),
                "SENDGRID_FROM_ADDRESS": sendgrid.from_address,
                "SENDGRID_VERIFICATION_KEY": sendgrid.verification_key,
            },
            "notices by email, bounces",
            lambda: _try_web(sendgrid.api_base or SENDGRID),
        ),
        Part(
            "network",
            {
                "NETWORK_API_BASE": network.api_base,
                "NETWORK_SIGNING_SECRET": network.signing_secret.get_secret_value(),
            },
            "barring and unbarring",
            lambda: _try_web(network.api_base),
        ),
    ]


def _own(settings: Settings) -> list[Part]:
    public, secrets = settings.public, settings.secrets
    return [
        Part("public addresses", {"PUBLIC_API_BASE": public.api_base}, "links in notices, webhooks"),
        Part(
            "own keys",
            {
                "SECRETS_PAYLINK_SIGNING_KEY": secrets.paylink_signing_key.get_secret_value(),
                "SECRETS_SESSION_KEY": secrets.session_key.get_secret_value(),
                "SECRETS_ADMIN_API_KEY": secrets.admin_api_key.get_secret_value(),
            },
            "paylinks, sessions, the first API key",
        ),
    ]


def _signing_in(settings: Settings) -> list[Part]:
    """People at the console: the key of second factors, and the identity provider where something of it is set."""
    secrets, oidc = settings.secrets, settings.oidc
    needs = {"SECRETS_IBAN_KEYS": secrets.iban_keys.get_secret_value(), "PUBLIC_API_BASE": settings.public.api_base}
    found = [Part("console users", needs, "second factors, and with them the roles that need one")]
    if oidc.issuer or oidc.client_id or oidc.role_map or oidc.default_role:
        needs = {
            "OIDC_ISSUER": oidc.issuer,
            "OIDC_CLIENT_ID": oidc.client_id,
            "OIDC_CLIENT_SECRET": oidc.client_secret.get_secret_value(),
            "OIDC_ROLE_MAP": oidc.role_map or oidc.default_role,
            "PUBLIC_API_BASE": settings.public.api_base,
        }
        found.append(Part("identity provider", needs, "sign-in by OpenID Connect", lambda: _try_issuer(oidc.issuer)))
    return found


def _try_issuer(issuer: str) -> str:
    """That it describes itself under the name that is set."""
    described = httpx.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=TRY_SECONDS)
    named = described.raise_for_status().json().get("issuer")
    if named != issuer:
        raise OSError(f"it calls itself {named!r}: write EVENFLOW_OIDC_ISSUER exactly so")
    return f"{urlsplit(issuer).netloc} describes itself"


def _sources(settings: Settings) -> list[Part]:
    """Ways in for usage that are switched on; without them it comes by the API."""
    found = []
    if settings.kafka.brokers:
        found.append(Part("Kafka", {}, "usage from the topic", lambda: _try_brokers(settings.kafka.brokers)))
    if settings.usage.watch is not None:
        folder = settings.usage.watch
        found.append(Part("watched folder", {}, "usage delivered as files", lambda: _try_folder(folder)))
    return found


def _whatsapp(settings: Settings) -> list[Part]:
    """A channel of Twilio's with numbers of its own, where one is set."""
    if not settings.twilio.whatsapp_from:
        return []
    return [Part("WhatsApp", {}, "notices by WhatsApp", lambda: _whatsapp_senders(settings))]


def _whatsapp_senders(settings: Settings) -> str:
    """By which number each brand writes; approved templates are the operator's own, one per notice."""
    from evenflow.vendors import senders_of  # brings every vendor's package, which no other command needs

    told = [
        f"{brand or 'every brand'}: {number}" for brand, number in senders_of(settings.twilio.whatsapp_from).items()
    ]
    unusable = [one for one in told if not one.partition(": ")[2].startswith("+")]
    if unusable:
        raise OSError(f"{', '.join(unusable)}: write a number with +, or brand=+number, divided by commas")
    if not (settings.twilio.account_sid and settings.twilio.auth_token.get_secret_value()):
        raise OSError("numbers are set, but EVENFLOW_TWILIO_ACCOUNT_SID or _AUTH_TOKEN is not")
    return "; ".join(told)


def _banks(settings: Settings) -> list[Part]:
    """Debits and payouts by bank file, where something of them is set."""
    keys, folder = settings.secrets.iban_keys.get_secret_value(), settings.bank.folder
    if not keys and folder is None:
        return []
    needs = {"SECRETS_IBAN_KEYS": keys, "DATABASE_URL": settings.database.url.get_secret_value()}
    return [Part("bank files", needs, "direct debits and payouts by bank file", lambda: _try_bank(settings))]


def _try_bank(settings: Settings) -> str:
    """The creditors there are, and that files can be handed over where the folder is used."""
    folder = settings.bank.folder
    rows = _creditors(settings.database.url.get_secret_value())
    if any(delivery == "folder" for *_, delivery in rows):
        if folder is None:
            raise OSError("a creditor delivers by folder, and EVENFLOW_BANK_FOLDER is not set")
        if not os.access(folder if folder.exists() else folder.parent, os.W_OK | os.X_OK):
            raise OSError(f"{folder} may not be written to")
    told = [
        f"{brand}: {iban[:4]}...{iban[-4:]}, {version}, {lead} banking days" for brand, iban, version, lead, _ in rows
    ]
    where = f"files in {folder}/outgoing" if folder else "files by hand"
    return "; ".join([*told, where]) if told else "no brand has a creditor yet: PUT /v1/brands/{brand}/bank-creditor"


def _creditors(url: str) -> list[tuple[str, str, str, int, str]]:
    query = (
        "SELECT DISTINCT ON (brand) brand, iban, message_version, lead_banking_days, delivery FROM bank_creditors "
        "ORDER BY brand, revision DESC"
    )
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, connect_timeout=TRY_SECONDS) as connection:
        return list(connection.execute(query).fetchall())


def _try_brokers(brokers: str) -> str:
    """Only that one of them takes a connection."""
    host, _, port = brokers.split(",")[0].strip().rpartition(":")
    with socket.create_connection((host, int(port)), timeout=TRY_SECONDS):
        return f"{host}:{port} takes connections"


def _try_folder(folder: Path) -> str:
    """That the worker could take files from it."""
    if not os.access(folder / "incoming", os.R_OK | os.W_OK | os.X_OK):
        raise OSError(f"{folder}/incoming is not there, or may not be written to")
    return f"files are taken from {folder}/incoming"


def _try_database(url: str) -> str:
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, connect_timeout=TRY_SECONDS) as connection:
        return f"PostgreSQL {connection.info.server_version // 10000} answers"


def _try_process(settings: Settings) -> str:
    async def connect() -> str:
        client = await asyncio.wait_for(connect_plainly(settings.temporal), TRY_SECONDS)
        await client.count_workflows()
        return f"namespace {client.namespace} answers"

    return asyncio.run(connect())


def _try_web(address: str) -> str:
    # Only that somebody answers there: a key is not spent or logged on a look.
    httpx.get(address, timeout=TRY_SECONDS)
    return f"{urlsplit(address).netloc} answers"
