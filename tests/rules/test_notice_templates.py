"""Operators' texts are checked before they are saved."""

from __future__ import annotations

import pytest

from billing.messages.notices import NoticeKind
from billing.services.notice_templates import NoticeText, UnusableTemplate, check_template, fill

USABLE = NoticeText("{{ amount }}", "{{ amount }} on {{ date }}{% if paylink %} or {{ paylink }}{% endif %}")


def test_a_usable_text_passes() -> None:
    check_template(NoticeKind.READY, USABLE, is_email=True)


def test_an_unknown_placeholder_is_named_with_those_there_are() -> None:
    with pytest.raises(UnusableTemplate) as refused:
        check_template(NoticeKind.READY, NoticeText("", "{{ amont }} on {{ date }}"), is_email=False)
    assert "amont" in refused.value.message
    assert refused.value.value == "amont"
    assert "amount, date, account_url, paylink, brand" in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "{{ amount.__class__ }} {{ date }}",
        "{% for x in range(9) %}{{ amount }}{% endfor %}",
        "{{ amount | upper }} {{ date }}",
        "{{ amount() }}",
        "{% include 'x' %}",
        "{% set brand = 1 %}",
        "{{ 'a' * 1000000 }}",
        "{{ amount ",
        "{% if date %}",
        "x" * 5001,
    ],
)
def test_anything_but_placeholders_and_conditions_is_refused(text: str) -> None:
    with pytest.raises(UnusableTemplate):
        check_template(NoticeKind.USAGE_80, NoticeText("", text), is_email=False)


@pytest.mark.parametrize(
    ("kind", "text", "missing"),
    [
        (NoticeKind.READY, "{{ amount }} soon", "date"),
        (NoticeKind.READY, "{{ amount }}{% if date %} on {{ date }}{% endif %}", "date"),
        (NoticeKind.FAILED, "{{ amount }} failed", "paylink"),
        (NoticeKind.BARRING_WARNING, "pay {{ amount }} {{ paylink }}", "date"),
    ],
)
def test_a_notice_must_name_what_the_law_and_the_debit_count_on(kind: NoticeKind, text: str, missing: str) -> None:
    with pytest.raises(UnusableTemplate, match=missing):
        check_template(kind, NoticeText("", text), is_email=False)


def test_a_mail_needs_a_subject() -> None:
    with pytest.raises(UnusableTemplate, match="subject"):
        check_template(NoticeKind.USAGE_80, NoticeText(" ", "Hello"), is_email=True)


def test_whole_mails_are_escaped() -> None:
    assert fill("<b>{{ brand }}</b>", {"brand": "A & B"}, html=True) == "<b>A &amp; B</b>"
