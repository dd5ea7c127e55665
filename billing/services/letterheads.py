"""Who a brand is on its documents: versions that an operator publishes; a document keeps the one of its issue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billing.domain.errors import InvalidValue
from billing.domain.letterhead import Letterhead
from billing.ports.accounts import Brand, LetterheadVersion
from billing.ports.clock import BusinessClock
from billing.ports.documents import DocumentRenderer, UnusableLogo
from billing.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from billing.services.specimen import specimen


class Letterheads:
    """Reading, previewing and publishing."""

    def __init__(self, make_work: UnitOfWorkFactory, clock: BusinessClock, renderer: DocumentRenderer) -> None:
        self._make_work = make_work
        self._clock = clock
        self._renderer = renderer

    async def versions(self, brand: str) -> Sequence[LetterheadVersion]:
        """All versions, newest first. Raises NotFound for an unknown brand."""
        async with self._make_work() as work:
            await work.accounts.brand(brand)
            return list(reversed(await work.accounts.letterheads(brand)))

    async def preview(self, brand: str, definition: Mapping[str, Any]) -> bytes:
        """An invoice of nobody with this letterhead, as PDF. Raises InvalidValue with the field."""
        letterhead = Letterhead.from_dict(definition)
        async with self._make_work() as work:
            known = await work.accounts.brand(brand)
        return await self._drawn(known, letterhead)

    async def publish(self, brand: str, definition: Mapping[str, Any], author: str, reason: str) -> LetterheadVersion:
        """Keep the next version, for documents from now on; the same definition again changes nothing.

        Raises InvalidValue for a field that cannot be used, also for a logo that cannot be drawn.
        """
        letterhead = Letterhead.from_dict(definition)
        async with self._make_work() as work:
            known = await work.accounts.brand(brand)
        await self._drawn(known, letterhead)
        async with self._make_work() as work:
            await work.accounts.lock_catalogue()
            versions = await work.accounts.letterheads(brand)
            if versions and Letterhead.from_dict(versions[-1].definition) == letterhead:
                return versions[-1]
            version = LetterheadVersion(brand, len(versions) + 1, dict(definition), self._clock.now(), author, reason)
            await work.accounts.add_letterhead(version)
            await work.commit()
        return version

    async def _drawn(self, brand: Brand, letterhead: Letterhead) -> bytes:
        document = specimen(brand, letterhead, self._clock.now())
        try:
            return await asyncio.to_thread(self._renderer.pdf, document)
        except UnusableLogo as why:
            raise InvalidValue(
                f"The logo cannot be drawn: {why}.",
                field="logo",
                value=letterhead.logo[:60],
                remedy="Save it as plain SVG, without scripts and links to other files.",
            ) from why


async def letterhead_at(work: UnitOfWork, brand: Brand, at: datetime) -> Letterhead:
    """The newest version that was published by then; before the first one, the brand's name."""
    versions = [each for each in await work.accounts.letterheads(brand.brand) if each.published_at <= at]
    return Letterhead.from_dict(versions[-1].definition) if versions else Letterhead(legal_name=brand.name)
