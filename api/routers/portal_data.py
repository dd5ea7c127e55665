"""Self-service, all my data: one ZIP file, sent while it is made."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import IO, cast

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from api.portal.pages import page
from api.portal.session import SignedForm, VisitorDep
from billing.services.customer_export import NamedFile
from billing.services.customer_sessions import BY_CUSTOMER
from billing.services.customer_tries import DOWNLOAD_BY_ACCOUNT

router = APIRouter(prefix="/my/settings/data", tags=["self-service"], include_in_schema=False)


class _Sink:
    """Takes what an archive writes, in order, and gives it away."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, content: bytes) -> int:
        self._held += content
        return len(content)

    def flush(self) -> None:
        """Nothing waits here."""

    def taken(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


async def zipped(files: AsyncIterator[NamedFile]) -> AsyncIterator[bytes]:
    """The pieces of an archive of these files; no more than one of them is held."""
    sink = _Sink()
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as archive:
        async for name, content in files:
            archive.writestr(name, content)
            yield sink.taken()
    yield sink.taken()


@router.get("")
async def show(visitor: VisitorDep) -> Response:
    """What is in it."""
    return page("data.html", visitor.look, section="control", form=visitor.form())


@router.post("")
async def download(visitor: VisitorDep, form: SignedForm) -> Response:
    """A few times a day. Raises TooManyTries."""
    visitor.command_of(form)
    await visitor.container.customer_tries.count(DOWNLOAD_BY_ACCOUNT, visitor.account_id, datetime.now(UTC))
    await visitor.container.customer_export.tell(visitor.account_id, BY_CUSTOMER)
    files = visitor.container.customer_export.files(visitor.account_id)
    headers = {"Content-Disposition": f'attachment; filename="{visitor.account.number}.zip"'}
    return StreamingResponse(zipped(files), media_type="application/zip", headers=headers)
