"""The SDK's own asynchronous client, without the deprecated way in which it hands httpx a form."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import httpx
import stripe

# Shorter than servers keep an idle connection: a call on one just closed has no answer, and would be Unknown.
IDLE_SECONDS = 2.0


class FormClient(stripe.HTTPXClient):
    """Passes the encoded form as ``content``; as ``data`` httpx warns about it, which our tests take for an error."""

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout=timeout)
        trusted = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS)
        self._client_async = httpx.AsyncClient(verify=trusted, limits=limits)

    def _get_request_args_kwargs(self, method: str, url: str, headers: Mapping[str, str], post_data: Any) -> list[Any]:
        arguments, options = super()._get_request_args_kwargs(method, url, headers, post_data)
        form = options.pop("data", None)
        return [arguments, {**options, "content": form} if form else options]

    async def close(self) -> None:
        """Close the connections."""
        await self._client_async.aclose()
