"""What customers choose by themselves: language, channels by kind of message, fewer messages, WhatsApp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.domain.errors import InvalidValue
from billing.messages.notices import NoticeKind as Kind
from billing.ports.accounts import Account, TimelineEntry
from billing.ports.clock import BusinessClock
from billing.ports.messenger import EMAIL, SMS
from billing.ports.unit_of_work import UnitOfWorkFactory
from billing.services.notice_channels import OPTIONAL_KINDS
from billing.services.notice_words import LANGUAGES
from billing.services.reach_checks import refuse_unusable_channels, usable_locale

# Kinds that customers choose a channel for together.
GROUPS: Mapping[str, tuple[Kind, ...]] = {
    "bills": (Kind.READY, Kind.READY_TO_PAY, Kind.NOTHING_TO_PAY, Kind.CREDIT_NOTE, Kind.CYCLE_DAY_CHANGED),
    "payments": (
        Kind.REMINDER,
        Kind.DUE_REMINDER,
        Kind.THANK_YOU,
        Kind.FAILED,
        Kind.RETRY,
        Kind.DUNNING_REMINDER,
        Kind.BARRING_WARNING,
        Kind.BARRED,
        Kind.RESTORED,
        Kind.PROMISE,
        Kind.PLAN_AGREED,
        Kind.INSTALMENT,
        Kind.INSTALMENT_DUE,
        Kind.PAYMENT_REVERSED,
        Kind.MANDATE_NEEDED,
    ),
    "usage": (
        Kind.USAGE_80,
        Kind.USAGE_100,
        Kind.USAGE_STOPPED,
        Kind.USAGE_RESUMED,
        Kind.ROAMING_80,
        Kind.ROAMING_STOPPED,
        Kind.ROAMING_REMINDER,
    ),
}
USUAL, BOTH = "usual", "both"
CHOICES: Mapping[str, tuple[str, ...]] = {USUAL: (), EMAIL: (EMAIL,), SMS: (SMS,), BOTH: (EMAIL, SMS)}


@dataclass(frozen=True)
class Choices:
    """What a customer wants. ``channels`` by group; ``quiet`` are kinds left out."""

    language: str
    channels: Mapping[str, str]
    quiet: Sequence[str] = ()


def choices_of(account: Account, language: str) -> Choices:
    """As they are now; a group whose kinds were chosen apart, by staff, shows as usual."""
    return Choices(language, {name: _chosen(account, kinds) for name, kinds in GROUPS.items()}, account.quiet_notices)


def _chosen(account: Account, kinds: tuple[Kind, ...]) -> str:
    found = {_several(account.notice_channels.get(kind.value, ())) for kind in kinds}
    return next((name for name, channels in CHOICES.items() if found == {channels}), USUAL)


def _several(said: Any) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


class CustomerChoices:
    """Keeps them; the same choice again changes nothing."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock) -> None:
        self._make_work = make_work
        self._clock = clock

    async def keep(self, account_id: str, wanted: Choices, author: str) -> bool:
        """Whether anything changed. Raises InvalidValue for a language, channel or kind there is not."""
        _refuse_unusable(wanted)
        async with self._make_work() as work:
            account = await work.accounts.lock(account_id)
            channels = _channels(account, wanted.channels)
            refuse_unusable_channels(channels, of_brand=False)
            values: dict[str, Any] = {
                "locale": _locale(account, wanted.language),
                "notice_channels": channels,
                "quiet_notices": sorted(set(wanted.quiet)),
            }
            before = {name: getattr(account, name) for name in values}
            if {**before, "quiet_notices": sorted(before["quiet_notices"])} == values:
                return False
            await work.accounts.change(account_id, values)
            why = {"rule": "the customer's own choice", "before": before, "after": values}
            summary = "Language and channels of messages changed."
            await work.timeline.add(TimelineEntry(account_id, self._clock.now(), "choices", summary, why, author))
            await work.commit()
        return True


def _locale(account: Account, language: str) -> str:
    """The country of a locale stays while the language does."""
    return account.locale if account.locale[:2] == language else usable_locale(language)


def _channels(account: Account, wanted: Mapping[str, str]) -> dict[str, Any]:
    grouped = {kind.value: name for name, kinds in GROUPS.items() for kind in kinds if name in wanted}
    unchanged = {name for name, kinds in GROUPS.items() if wanted.get(name) == _chosen(account, kinds)}
    kept = {
        kind: said
        for kind, said in account.notice_channels.items()
        if kind not in grouped or grouped[kind] in unchanged
    }
    chosen = {
        kind: list(CHOICES[wanted[name]])
        for kind, name in grouped.items()
        if name not in unchanged and wanted[name] != USUAL
    }
    return kept | chosen


def _refuse_unusable(wanted: Choices) -> None:
    problems = (
        ("language", wanted.language, LANGUAGES),
        *((f"channels.{name}", said, CHOICES) for name, said in wanted.channels.items()),
        *(("channels", name, GROUPS) for name in wanted.channels),
        *(("quiet", kind, [one.value for one in OPTIONAL_KINDS]) for kind in wanted.quiet),
    )
    for field, value, known in problems:
        if value not in known:
            raise InvalidValue(
                "There is no such choice.", field=field, value=value, remedy=f"Use one of: {', '.join(known)}."
            )
