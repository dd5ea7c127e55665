"""What can be set about usage: how long records are kept, where files are watched for, and a topic of Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from billing.domain.errors import InvalidValue
from billing.services.usage_cloudevents import event_types
from billing.services.usage_records import RETENTION


class UsageSettings(BaseModel):
    """``keep_days`` is how long single usage records are kept; counters and invoices stay. 0 keeps them for ever.

    Choose what the law allows: as long as a bill can be challenged or pursued, and no longer. At least 90 days, since a
    record may be sent again for so long, and would count twice without its first copy.

    ``resent_days`` is how far back upkeep looks, once a day, for records that were sent again with another start; 0
    leaves them counted, for sources that give one record_id to several records.

    ``profiles`` is a directory of ``*.yaml`` that declare further sources (see docs/usage_formats.md).

    ``watch`` is a folder in which files are delivered, ``incoming/PROFILE/``; empty for none. A file is complete when
    it has not changed for ``watch_quiet_seconds``, and with ``watch_marker`` (an ending such as ``.ok``) when a file of
    that name lies beside it. One that lies there for ``watch_patience_minutes`` is an alarm.

    ``cloud_event_types`` declares how CloudEvents are read, by type: {"com.example.call.ended": {"meter": "voice",
    "fields": {"quantity": "seconds", "destination": "called"}}, "com.example.sms": {"meter": "sms", "quantity": 1}}.
    """

    keep_days: int = Field(default=0, ge=0, le=36_500)
    resent_days: int = Field(default=35, ge=0, le=RETENTION.days)
    profiles: Path | None = None
    watch: Path | None = None
    watch_quiet_seconds: float = Field(default=5.0, ge=0.1, le=3600)
    watch_marker: str = Field(default="", pattern=r"^(\.[A-Za-z0-9_.-]{1,20})?$")
    watch_patience_minutes: int = Field(default=60, ge=1, le=10_080)
    cloud_event_types: dict[str, dict[str, Any]] = {}

    @field_validator("profiles", "watch")
    @classmethod
    def _the_same_everywhere(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("give the whole path: every part of the stack looks from another place")
        return path

    @field_validator("cloud_event_types")
    @classmethod
    def _can_be_read(cls, declared: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        try:
            event_types(declared)
        except InvalidValue as refusal:
            raise ValueError(f"{refusal.field}: {refusal.remedy}") from None
        return declared

    @field_validator("keep_days")
    @classmethod
    def _long_enough(cls, days: int) -> int:
        if 0 < days < RETENTION.days:
            raise ValueError(f"records may be sent again for {RETENTION.days} days: use 0, or that or more")
        return days


class KafkaSettings(BaseModel):
    """A topic of usage; off while ``brokers`` (host:port, several with commas) is empty.

    ``group`` names the consumers and the kept positions, ``profile`` how a message is read (CloudEvents are known by
    themselves). ``protocol`` is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL; ``mechanism``, ``username`` and
    ``password`` sign in; ``authority`` is the certificate file of the brokers' authority, empty for the system's.
    """

    brokers: str = ""
    topic: str = "usage"
    group: str = "evenflow"
    profile: str = "ndjson"
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    username: str = ""
    password: SecretStr = SecretStr("")
    authority: str = ""

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if self.brokers and self.protocol.startswith("SASL") and not (self.username and self.password):
            raise ValueError(f"EVENFLOW_KAFKA_PROTOCOL {self.protocol} needs a username and a password")
        return self
