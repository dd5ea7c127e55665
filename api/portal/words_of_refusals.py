"""Refusals in the customer's language: by what was wanted and which field stands in the way."""

from __future__ import annotations

from api.portal.pages import Words


def told_of(words: Words, wish: str, field: str, usual: str = "refused") -> str:
    """``promise_pay_by`` where there are such words, else ``promise_refused``; never a program's sentence."""
    name = f"{wish}_{field.partition('[')[0].partition('.')[0]}"
    return words[name] if name in words else words[f"{wish}_{usual}"]
