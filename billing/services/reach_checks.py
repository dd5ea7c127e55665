"""What is said about how customers are reached: refused when it is said, or no message would ever leave.

Owns the checks of locale, channels and country of a brand or an account. Does not own: choosing a channel for a notice
(``notice_channels``), reading a locale that is kept (``notice_words``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from babel import Locale, UnknownLocaleError

from billing.domain.errors import InvalidValue
from billing.messages.notices import NoticeKind
from billing.ports.messenger import CHANNELS
from billing.services.notice_channels import EVERY_OTHER_KIND
from billing.services.notice_composing import ATTACH_INVOICE


def usable_locale(text: str) -> str:
    """The locale as it is kept: nl, nl_NL. Raises InvalidValue for one that nothing can be written in."""
    try:
        return str(Locale.parse(text.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        raise InvalidValue(
            "This locale is not known.",
            field="locale",
            value=text,
            remedy="Use a language with or without a country, like nl or nl_NL.",
        ) from None


def refuse_unusable_channels(choice: Mapping[str, Any], *, of_brand: bool) -> None:
    """Channels by kind of notice: one, or several in order. Raises InvalidValue with the dotted field."""
    for kind, channels in choice.items():
        if of_brand and kind == ATTACH_INVOICE and isinstance(channels, bool):
            continue
        if kind not in {*NoticeKind, EVERY_OTHER_KIND}:
            kinds = ", ".join([*NoticeKind, EVERY_OTHER_KIND])
            raise InvalidValue(
                "There is no such kind of notice.", field="notice_channels", value=kind, remedy=f"Use one of: {kinds}."
            )
        several = channels if isinstance(channels, list | tuple) else [channels]
        if not several or any(channel not in CHANNELS for channel in several):
            raise InvalidValue(
                "There is no such channel.",
                field=f"notice_channels.{kind}",
                value=channels,
                remedy=f"Use one or several of: {', '.join(CHANNELS)}.",
            )
