"""Everything that can be set from outside, read once from the environment.

Names start with ``EVENFLOW_``, then the group, then the field: ``EVENFLOW_STRIPE_SECRET_KEY`` is
``settings.stripe.secret_key``. Secrets are ``SecretStr``, so that they never show in a log or a traceback.
A vendor's ``api_base`` is empty for the vendor itself; any other address (the simulator's) replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from billing.adapters.bank_files.sealing import key_ring_from
from billing.domain.staff_cases import Severity
from evenflow.access_settings import AccessSettings, OidcSettings
from evenflow.usage_settings import KafkaSettings, UsageSettings

PREFIX = "EVENFLOW_"
LIVE_STRIPE_PREFIXES = ("sk_live", "rk_live")
SIMULATED_KEY_PREFIX = "sk_test_sim"
NOTHING = SecretStr("")
DATABASE_SCHEME = "postgresql+psycopg://"


class SettingsError(Exception):
    """The environment cannot be used; the message is one sentence that names the variable and the way out."""


class DatabaseSettings(BaseModel):
    """The books. ``url`` is an SQLAlchemy address: postgresql+psycopg://user:password@host:port/name."""

    url: SecretStr = NOTHING
    pool_size: int = Field(default=10, ge=1, le=200)

    @field_validator("url")
    @classmethod
    def _names_postgresql(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(DATABASE_SCHEME):
            raise ValueError(f"Write it like {DATABASE_SCHEME}user:password@host:5432/evenflow")
        return url


class TemporalSettings(BaseModel):
    """The process server. ``api_key`` implies TLS, as Temporal Cloud wants it; ``build_id`` turns versioning on.

    ``metrics_address`` (host:port) serves the worker's metrics for Prometheus; ``payload_keys`` encrypts what Temporal
    stores (see ``evenflow.payload_codec``).
    """

    address: str = ""
    namespace: str = "default"
    api_key: SecretStr = NOTHING
    tls: bool = False
    ui_base: str = ""
    deployment_name: str = "evenflow"
    build_id: str = ""
    metrics_address: str = ""
    payload_keys: SecretStr = NOTHING

    @model_validator(mode="after")
    def _keys_can_be_used(self) -> Self:
        if ring := self.payload_keys.get_secret_value():
            from evenflow.payload_codec import codec_from  # loads Temporal's SDK: only where keys are set

            codec_from(ring)
        return self


class StripeSettings(BaseModel):
    """Cards, SEPA and Bacs debits. ``webhook_secret`` verifies what Stripe sends us.

    ``creditor_id`` is the SEPA creditor identifier that our debits are collected under, as customers are told it.
    """

    secret_key: SecretStr = NOTHING
    webhook_secret: SecretStr = NOTHING
    api_base: str = ""
    creditor_id: str = Field(default="", pattern=r"^([A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28})?$")

    @property
    def is_live(self) -> bool:
        """True when the key moves real money."""
        return self.secret_key.get_secret_value().startswith(LIVE_STRIPE_PREFIXES)

    @property
    def is_simulated_key(self) -> bool:
        """True for the key the embedded stack hands out, which Stripe itself would refuse."""
        return self.secret_key.get_secret_value().startswith(SIMULATED_KEY_PREFIX)


class TwilioSettings(BaseModel):
    """Text messages. ``from_number`` is an E.164 number or an alphanumeric sender.

    ``whatsapp_from`` is our number on WhatsApp, or one for each brand: ``vonk=+31970...,lumo=+32460...``.
    """

    account_sid: str = ""
    auth_token: SecretStr = NOTHING
    from_number: str = ""
    whatsapp_from: str = ""
    api_base: str = ""


class SendGridSettings(BaseModel):
    """Email. ``verification_key`` is the public key of SendGrid's event webhook, ``new,old`` while it changes."""

    api_key: SecretStr = NOTHING
    verification_key: str = ""
    from_address: str = ""
    from_name: str = "Evenflow"
    api_base: str = ""


class NetworkSettings(BaseModel):
    """The network's barring interface; ``signing_secret`` verifies its confirmations."""

    api_base: str = ""
    api_key: SecretStr = NOTHING
    signing_secret: SecretStr = NOTHING


class PublicSettings(BaseModel):
    """Addresses as customers and vendors see them."""

    api_base: str = ""
    paylink_base: str = ""
    self_service_base: str = ""


class SecretsSettings(BaseModel):
    """Keys of our own making; any long random text without a comma.

    ``paylink_signing_key`` may be ``new,old``: the first key signs, links signed with any of them open. ``iban_keys``
    is a ring ``name:key,name:key`` of 32 bytes each in URL-safe Base64, newest first; it encrypts account numbers.
    """

    paylink_signing_key: SecretStr = NOTHING
    session_key: SecretStr = NOTHING
    admin_api_key: SecretStr = NOTHING
    iban_keys: SecretStr = NOTHING

    @field_validator("iban_keys")
    @classmethod
    def _can_be_used(cls, ring: SecretStr) -> SecretStr:
        key_ring_from(ring.get_secret_value())
        return ring


class BillingSettings(BaseModel):
    """``spread_seconds`` is the window, from the notice hour on, over which one day's accounts are billed.

    0 bills them all at once. Choose at least twice the accounts of the fullest day divided by the bills per second that
    the installation makes (`make bench` measures it), and end before quiet hours: a bill made in them is announced, and
    so debited, a day later. Each account has a fixed place in the window, by a hash of its number. It is given when its
    workflow starts and kept, so a change is for accounts opened from then on.

    ``card_expiry_notice_days`` is how long before the last day of the card in use its customer is asked for a new one.
    """

    spread_seconds: int = Field(default=0, ge=0, le=43_200)
    card_expiry_notice_days: int = Field(default=28, ge=1, le=180)


class PaymentsSettings(BaseModel):
    """``sepa_debit`` is who makes debits of bank accounts stored from now on: ``stripe`` or ``bank_files``.

    Empty takes both, each by its own door. Accounts stored before, and attempts, stay with their provider.
    """

    sepa_debit: Literal["", "stripe", "bank_files"] = ""


class BankSettings(BaseModel):
    """Files to and from the bank. ``folder`` is exchanged with it, ``outgoing/`` for our files; empty: by hand.

    ``simulated`` says that the simulator takes them, so that no bank can be reached.
    """

    folder: Path | None = None
    simulated: bool = False

    @field_validator("folder")
    @classmethod
    def _the_same_everywhere(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("give the whole path: every part of the stack looks from another place")
        return path


class AlertSettings(BaseModel):
    """How staff are told what needs a person (docs/cases.md); off while neither address is set.

    ``email`` is a mailbox, or several with commas; ``webhook`` a web address that takes JSON, signed with
    ``webhook_secret``. Cases of ``least_severity`` (urgent, high, normal) or worse are told at once, all that is open
    once a day from ``digest_hour`` UTC on.
    """

    email: str = ""
    webhook: str = ""
    webhook_secret: SecretStr = NOTHING
    least_severity: Severity = Severity.HIGH
    digest_hour: int = Field(default=7, ge=0, le=23)

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """The addresses of ``email``."""
        return tuple(one.strip() for one in self.email.split(",") if one.strip())

    @field_validator("email")
    @classmethod
    def _are_addresses(cls, email: str) -> str:
        wrong = [one for one in email.split(",") if one.strip() and not re.fullmatch(r"[^@\s]+@[^@\s]+", one.strip())]
        if wrong:
            raise ValueError(
                f"{wrong[0].strip()} is no email address: write them like ops@example.com,billing@example.com"
            )
        return email

    @field_validator("webhook")
    @classmethod
    def _is_an_address(cls, webhook: str) -> str:
        if webhook and not webhook.startswith(("https://", "http://")):
            raise ValueError("write it like https://chat.example.com/hooks/abc")
        return webhook


class ClockSettings(BaseModel):
    """The business clock; ``rate`` is business seconds per real second, 1 in production."""

    rate: float = Field(default=1.0, gt=0)


class FaultSettings(BaseModel):
    """For tests of Evenflow itself: with ``directory`` a worker ends where orders say so (``evenflow.boundaries``)."""

    directory: Path | None = None


class Settings(BaseSettings):
    """The whole environment. Raises SettingsError (see ``read_settings``) for what must never run together."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Path(".evenflow")
    database: DatabaseSettings = DatabaseSettings()
    temporal: TemporalSettings = TemporalSettings()
    stripe: StripeSettings = StripeSettings()
    twilio: TwilioSettings = TwilioSettings()
    sendgrid: SendGridSettings = SendGridSettings()
    network: NetworkSettings = NetworkSettings()
    public: PublicSettings = PublicSettings()
    secrets: SecretsSettings = SecretsSettings()
    billing: BillingSettings = BillingSettings()
    payments: PaymentsSettings = PaymentsSettings()
    bank: BankSettings = BankSettings()
    usage: UsageSettings = UsageSettings()
    kafka: KafkaSettings = KafkaSettings()
    alerts: AlertSettings = AlertSettings()
    access: AccessSettings = AccessSettings()
    oidc: OidcSettings = OidcSettings()
    clock: ClockSettings = ClockSettings()
    faults: FaultSettings = FaultSettings()

    @model_validator(mode="after")
    def _never_mix_the_real_with_the_simulated(self) -> Self:
        addresses = {"STRIPE": self.stripe.api_base, "TWILIO": self.twilio.api_base, "SENDGRID": self.sendgrid.api_base}
        replaced = [f"{PREFIX}{vendor}_API_BASE" for vendor, address in addresses.items() if address]
        if self.stripe.is_live and replaced:
            raise ValueError(
                f"EVENFLOW_STRIPE_SECRET_KEY is a live key while {replaced[0]} points to a simulator: "
                f"unset {' and '.join(replaced)}, or use a test key."
            )
        if self.stripe.is_simulated_key and not self.stripe.api_base:
            raise ValueError(
                "EVENFLOW_STRIPE_SECRET_KEY is the simulator's key while EVENFLOW_STRIPE_API_BASE points to Stripe: "
                "set the simulator's address, or use a key of your Stripe account."
            )
        return self

    @model_validator(mode="after")
    def _never_hurry_real_vendors(self) -> Self:
        if self.clock.rate != 1 and self.live_vendors:
            raise ValueError(
                f"EVENFLOW_CLOCK_RATE is {self.clock.rate:g} while {' and '.join(self.live_vendors)} "
                "would reach real people: use rate 1, or remove the live keys."
            )
        return self

    @model_validator(mode="after")
    def _never_break_what_is_real(self) -> Self:
        if self.faults.directory is not None and (self.live_vendors or not self.stripe.is_simulated_key):
            raise ValueError(
                "EVENFLOW_FAULTS_DIRECTORY ends workers on purpose, for tests with the simulator's keys only: "
                "unset it, or use the simulator for every vendor."
            )
        return self

    @property
    def live_vendors(self) -> tuple[str, ...]:
        """The vendors that would move real money or reach real people with these settings."""
        live = {
            "Stripe": self.stripe.is_live,
            "Twilio": bool(self.twilio.auth_token.get_secret_value()) and not self.twilio.api_base,
            "SendGrid": bool(self.sendgrid.api_key.get_secret_value()) and not self.sendgrid.api_base,
            "the bank's folder": self.bank.folder is not None and not self.bank.simulated,
        }
        return tuple(vendor for vendor, is_live in live.items() if is_live)


@cache
def read_settings() -> Settings:
    """The settings of this process, read at the first call. Raises SettingsError with one sentence."""
    return settings_from({})


def settings_from(environment: Mapping[str, str]) -> Settings:
    """What ``read_settings`` would give in a child that gets ``environment`` on top of ours."""
    try:
        return Settings(**_as_fields(environment))
    except ValidationError as error:
        raise SettingsError(_one_sentence(error)) from None


def _as_fields(environment: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in environment.items():
        field = name.removeprefix(PREFIX).lower()
        if field in Settings.model_fields:
            fields[field] = value
        else:
            group, _, leaf = field.partition("_")
            fields.setdefault(group, {})[leaf] = value
    return fields


def _one_sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"] or message.startswith(PREFIX):
        return message
    name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
    return f"{name} cannot be used: {message[0].lower()}{message[1:]}."
