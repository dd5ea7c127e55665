"""By which channels a notice goes: the account's choice, then the brand's, then ours.

A choice is plain data: ``{"ready": ["email", "sms"], "default": "sms"}``, by kind of notice or for all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.messages.notices import NoticeKind
from billing.ports.accounts import Account, Brand
from billing.ports.messenger import CHANNELS, EMAIL, SMS, WHATSAPP

_BY_EMAIL = frozenset(
    {
        NoticeKind.READY,
        NoticeKind.READY_TO_PAY,
        NoticeKind.NOTHING_TO_PAY,
        NoticeKind.THANK_YOU,
        NoticeKind.CREDIT_NOTE,
        NoticeKind.MANDATE_CONFIRMED,
        NoticeKind.CARD_EXPIRING,
        NoticeKind.CYCLE_DAY_CHANGED,
    }
)
# What nobody needs to know: a customer may leave these out.
OPTIONAL_KINDS = (NoticeKind.THANK_YOU, NoticeKind.USAGE_80, NoticeKind.USAGE_RESUMED)
EVERY_OTHER_KIND = "default"


@dataclass(frozen=True)
class ChosenChannels:
    """The channels to use, in order, and whose choice they are (account, brand, evenflow, or only address)."""

    channels: tuple[str, ...]
    chosen_by: str


def choose_channels(kind: NoticeKind, account: Account, brand: Brand) -> ChosenChannels:
    """Only channels for which there is an address; empty when there is none at all."""
    reachable = [channel for channel in CHANNELS if recipient(account, channel)]
    for chosen_by, choice in (("account", account.notice_channels), ("brand", brand.notice_channels)):
        usable = tuple(channel for channel in _chosen(choice, kind) if channel in reachable)
        if usable:
            return ChosenChannels(usable, chosen_by)
    usual = EMAIL if kind in _BY_EMAIL else SMS
    if usual in reachable:
        return ChosenChannels((usual,), "evenflow")
    return ChosenChannels(tuple(reachable[:1]), "the only address")


def other_channels(kind: NoticeKind, account: Account, brand: Brand, tried: set[str]) -> tuple[str, ...]:
    """Channels with an address that were not tried yet: the account's choice first, then the brand's, then ours."""
    usual = EMAIL if kind in _BY_EMAIL else SMS
    order = (*_chosen(account.notice_channels, kind), *_chosen(brand.notice_channels, kind), usual, *CHANNELS)
    return tuple(one for one in dict.fromkeys(order) if one not in tried and recipient(account, one))


def is_unwanted(kind: NoticeKind, account: Account) -> bool:
    """Whether the customer left this kind out."""
    return kind in OPTIONAL_KINDS and kind.value in account.quiet_notices


def recipient(account: Account, channel: str) -> str:
    """The address of the account on a channel; empty when it has none, or does not want the channel."""
    if channel == WHATSAPP:
        return account.mobile if account.takes_whatsapp else ""
    return account.email if channel == EMAIL else account.mobile


def masked(address: str) -> str:
    """An address that is recognised by its owner and useless to others."""
    name, at, domain = address.partition("@")
    return f"{name[:1]}***@{domain}" if at else f"***{address[-3:]}"


def _chosen(choice: Mapping[str, Any], kind: NoticeKind) -> tuple[str, ...]:
    found = choice.get(kind.value) or choice.get(EVERY_OTHER_KIND) or ()
    return (found,) if isinstance(found, str) else tuple(dict.fromkeys(found))
