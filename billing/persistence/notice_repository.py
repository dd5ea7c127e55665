"""Notices with their evidence, and templates on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, desc, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.domain.errors import NotFound
from billing.messages.notices import NoticeKind
from billing.persistence.statements import as_record, fetch_all, insert_returning
from billing.persistence.tables.notices import notice_evidence, notice_templates, notices
from billing.ports.notices import (
    TAKEN,
    UNFINISHED,
    Evidence,
    NewNotice,
    Notice,
    NoticeKey,
    NoticeStatus,
    NoticeTemplate,
)

# Longer than the vendor's time-out, so that a claim outlives the call it is for.
CLAIM = timedelta(seconds=60)
# The process stops repeating a notice after an hour; what names no date is still good after that.
GIVEN_UP = timedelta(hours=2)
_ANNOUNCING = (NoticeKind.READY, NoticeKind.RETRY, NoticeKind.INSTALMENT)
# Their words are kept nowhere, and nobody waits for them after so long.
_NEVER_REPEATED = (NoticeKind.SIGN_IN_CODE, NoticeKind.CONTACT_CODE, NoticeKind.CONTACT_CHANGED)
_n = notices.c


class SqlTemplateRepository:
    """The operators' texts, every version of them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def save_template(self, template: NoticeTemplate) -> NoticeTemplate:
        t = notice_templates.c
        newest = select(func.coalesce(func.max(t.template_version), 0) + 1).where(*_of_template(template))
        values = {**asdict(template), "template_version": newest.scalar_subquery()}
        return _template(await insert_returning(self._connection, NoticeTemplate, notice_templates, values))

    async def template_versions(
        self, brand: str, kind: NoticeKind, channel: str, locale: str
    ) -> Sequence[NoticeTemplate]:
        t = notice_templates.c
        place = (t.brand == brand, t.kind == kind, t.channel == channel, t.locale == locale)
        query = select(notice_templates).where(*place).order_by(desc(t.template_version))
        return [_template(found) for found in await fetch_all(self._connection, NoticeTemplate, query)]

    async def template(self, brand: str, kind: NoticeKind, channel: str, locale: str) -> NoticeTemplate | None:
        t = notice_templates.c
        query = select(notice_templates).where(
            t.brand == brand, t.kind == kind, t.channel == channel, t.locale == locale
        )
        row = (await self._connection.execute(query.order_by(desc(t.template_version)).limit(1))).first()
        return None if row is None else _template(as_record(NoticeTemplate, row))

    async def templates(self, brand: str) -> Sequence[NoticeTemplate]:
        t = notice_templates.c
        query = (
            select(notice_templates)
            .where(t.brand == brand)
            .ext(distinct_on(t.kind, t.channel, t.locale))
            .order_by(t.kind, t.channel, t.locale, desc(t.template_version))
        )
        return [_template(found) for found in await fetch_all(self._connection, NoticeTemplate, query)]


class SqlNoticeRepository(SqlTemplateRepository):
    """Notices with their evidence, and templates."""

    async def add(self, notice: NewNotice) -> Notice | None:
        """Insert and claim in one statement: of two that race, one gets the row and the other None."""
        values = {
            **{field.name: getattr(notice, field.name) for field in fields(NewNotice) if field.name != "key"},
            **asdict(notice.key),
            "invoice_ids": list(notice.invoice_ids),
        }
        if notice.status is not NoticeStatus.WAITING:
            values |= {"claimed_until": func.now() + CLAIM, "first_tried_at": func.now()}
        statement = insert(notices).values(**values).on_conflict_do_nothing(constraint="uq_notices_once")
        row = (await self._connection.execute(statement.returning(*notices.c))).first()
        return None if row is None else _notice(row)

    async def claim(self, account_id: str, notice_id: str) -> Notice | None:
        statement = (
            update(notices)
            .where(
                *_of_notice(account_id, notice_id),
                _n.status.in_(UNFINISHED),
                or_(_n.claimed_until.is_(None), _n.claimed_until < func.now()),
            )
            .values(claimed_until=func.now() + CLAIM, first_tried_at=func.coalesce(_n.first_tried_at, func.now()))
        )
        row = (await self._connection.execute(statement.returning(*notices.c))).first()
        return None if row is None else _notice(row)

    async def release(self, account_id: str, notice_id: str) -> None:
        await self.change(account_id, notice_id, {"claimed_until": None})

    async def get(self, account_id: str, notice_id: str) -> Notice:
        return await self._one(account_id, notice_id, select(notices))

    async def lock(self, account_id: str, notice_id: str) -> Notice:
        return await self._one(account_id, notice_id, select(notices).with_for_update())

    async def _one(self, account_id: str, notice_id: str, query: Select[Any]) -> Notice:
        row = (await self._connection.execute(query.where(*_of_notice(account_id, notice_id)))).first()
        if row is None:
            raise NotFound(
                f"There is no notice {notice_id} of {account_id}.",
                field="notice_id",
                value=notice_id,
                remedy=f"GET /v1/accounts/{account_id}/notices lists the account's notices.",
            )
        return _notice(row)

    async def find(self, key: NoticeKey) -> Notice | None:
        found = await self.of_occasion(key.account_id, key.subject, key.kind, key.occasion)
        return next((notice for notice in found if notice.channel == key.channel), None)

    async def of_occasion(self, account_id: str, subject: str, kind: NoticeKind, occasion: str) -> Sequence[Notice]:
        query = select(notices).where(
            _n.account_id == account_id, _n.subject == subject, _n.kind == kind, _n.occasion == occasion
        )
        return [_notice(row) for row in await self._connection.execute(query.order_by(_n.notice_id))]

    async def change(self, account_id: str, notice_id: str, values: Mapping[str, Any]) -> None:
        await self._connection.execute(update(notices).where(*_of_notice(account_id, notice_id)).values(**values))

    async def of(self, account_id: str, limit: int = 200) -> Sequence[Notice]:
        query = select(notices).where(_n.account_id == account_id).order_by(desc(_n.notice_id)).limit(limit)
        return [_notice(row) for row in await self._connection.execute(query)]

    async def add_evidence(self, evidence: Evidence) -> bool:
        statement = insert(notice_evidence).values(**asdict(evidence))
        once = statement.on_conflict_do_nothing(constraint="uq_notice_evidence_once")
        row = (await self._connection.execute(once.returning(notice_evidence.c.evidence_id))).first()
        return row is not None

    async def evidence(self, account_id: str, notice_id: str | None = None) -> Sequence[Evidence]:
        query = select(notice_evidence).where(notice_evidence.c.account_id == account_id)
        if notice_id is not None:
            query = query.where(notice_evidence.c.notice_id == notice_id)
        return await fetch_all(self._connection, Evidence, query.order_by(notice_evidence.c.evidence_id))

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Notice]:
        given_up = and_(_n.named_on.is_(None), _n.created_at < now - GIVEN_UP)
        query = select(notices).where(
            _n.status.in_(UNFINISHED),
            _n.kind.not_in(_NEVER_REPEATED),
            or_(_n.fallback_of.is_not(None), _n.send_after.is_not(None), given_up),
            or_(_n.send_after.is_(None), _n.send_after <= now),
            or_(_n.claimed_until.is_(None), _n.claimed_until < func.now()),
        )
        return [_notice(row) for row in await self._connection.execute(query.order_by(_n.created_at).limit(limit))]

    async def announced(self, account_id: str, invoice_id: str, amount_minor: int, debit_on: date) -> bool:
        query = select(_n.notice_id).where(
            and_(
                _n.account_id == account_id,
                _n.kind.in_(_ANNOUNCING),
                _n.status.in_(TAKEN),
                _n.named_on == debit_on,
                _n.amount_minor >= amount_minor,
                _n.invoice_ids.contains([invoice_id]),
                _n.in_time,
            )
        )
        return (await self._connection.execute(query.limit(1))).first() is not None

    async def last_delivered(self, account_id: str, kind: NoticeKind, subject: str) -> datetime | None:
        query = select(func.max(_n.delivered_at)).where(_n.status == NoticeStatus.DELIVERED)
        return await self._last(query, account_id, kind, subject)

    async def last_accepted(self, account_id: str, kind: NoticeKind, subject: str) -> datetime | None:
        return await self._last(select(func.max(_n.accepted_at)).where(_n.status.in_(TAKEN)), account_id, kind, subject)

    async def _last(self, query: Select[Any], account_id: str, kind: NoticeKind, subject: str) -> datetime | None:
        of_kind = query.where(_n.account_id == account_id, _n.kind == kind, _n.subject == subject)
        found: datetime | None = (await self._connection.execute(of_kind)).scalar()
        return found


def _of_notice(account_id: str, notice_id: str) -> tuple[Any, ...]:
    return (_n.account_id == account_id, _n.notice_id == notice_id)


def _of_template(template: NoticeTemplate) -> tuple[Any, ...]:
    names = ("brand", "kind", "channel", "locale")
    return tuple(notice_templates.c[name] == getattr(template, name) for name in names)


def _notice(row: Row[Any]) -> Notice:
    values = {field.name: row._mapping[field.name] for field in fields(Notice)}
    return Notice(**{**values, "kind": NoticeKind(values["kind"]), "status": NoticeStatus(values["status"])})


def _template(found: NoticeTemplate) -> NoticeTemplate:
    return NoticeTemplate(**{**asdict(found), "kind": NoticeKind(found.kind)})
