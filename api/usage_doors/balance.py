"""The live balance, which pages ask for all day: read, computed and written without the framework's layers.

The usual question is answered here. Every other (a query, another spelling of an identity) is the framework's, whose
route describes it and computes the very same document.
"""

from __future__ import annotations

import re

import msgspec
from starlette.types import Scope

from api.balance_document import balance_document
from api.schemas.base import identity_pattern
from api.usage_doors.call import Call
from billing.services.usage import UsageService

_PATH = re.compile(f"/v1/accounts/({identity_pattern('acc').strip('^$')})/balance")


def asked_account(scope: Scope) -> str:
    """The account whose balance a request asks for; empty for any other request."""
    path: str = scope["path"]
    if scope["method"] != "GET" or scope["query_string"] or not path.endswith("/balance"):
        return ""
    asked = _PATH.fullmatch(path)
    return asked[1] if asked else ""


class BalanceDoor:
    """``GET /v1/accounts/{account_id}/balance``."""

    def __init__(self, usage: UsageService) -> None:
        self._usage = usage

    async def tell(self, call: Call, account_id: str) -> None:
        """200 with the balance of this moment. Raises NotFound."""
        await call.answer(200, msgspec.Raw(balance_document(await self._usage.balance(account_id))))
