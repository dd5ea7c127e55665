"""The SDK's own asynchronous client, without the deprecated way in which it hands httpx a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe


class FormClient(stripe.HTTPXClient):
    """Passes the encoded form as ``content``; as ``data`` httpx warns about it, which our tests take for an error."""

    def _get_request_args_kwargs(self, method: str, url: str, headers: Mapping[str, str], post_data: Any) -> list[Any]:
        arguments, options = super()._get_request_args_kwargs(method, url, headers, post_data)
        form = options.pop("data", None)
        return [arguments, {**options, "content": form} if form else options]

    async def close(self) -> None:
        """Close the connections."""
        await self._client_async.aclose()
