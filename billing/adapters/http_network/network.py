"""Orders to the network over HTTP.

``PUT {base}/services/{identifier}/restriction`` sets a level and counts once per correlation id; ``GET`` tells the
level in force and the one requested last. Emergency calls, incoming SMS and the pay page are allowed in every order.
``{base}/services/{identifier}/usage-stop`` does the same for what caps stop, apart from the level: ``stopped`` lists
every part that stops, by its meter (``*``: whatever is charged; ``roaming_data``: data abroad).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from billing.domain.barring import data_kbps, is_stop, restrictions, stopped_parts
from billing.ports.barring import NetworkRefused, NetworkState

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 3.0
# Refusals of the order itself; all other bad answers (our key, too many orders, their error) are faults.
_REFUSED = (400, 409, 422)


class HttpNetwork:
    """The network at ``api_base``, with our bearer key.

    ``timeout_seconds`` bounds each call, so that the few services of an account fit into one activity.
    """

    def __init__(self, api_base: str, api_key: str = "", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._api_base = api_base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))

    async def apply(self, identifier: str, level: str, reason: str, correlation_id: str) -> None:
        """Order a level. Raises NetworkRefused, or httpx.HTTPError when there is no usable answer."""
        order = order_body(level, reason, correlation_id)
        await self._call("PUT", _path(identifier, level), {"X-Correlation-Id": correlation_id}, order)

    async def get_state(self, identifier: str, level: str = "none") -> NetworkState:
        """The state in force and the one requested last. Raises httpx.HTTPError when there is no usable answer."""
        state = await self._call("GET", _path(identifier, level), {}, None)
        return NetworkState(str(state["level"]), str(state["requested_level"]))

    async def _call(self, method: str, path: str, headers: dict[str, str], body: Any) -> dict[str, Any]:
        address = f"{self._api_base}{path}"
        async with httpx.AsyncClient(timeout=self._timeout, trust_env=False) as client:
            answer = await client.request(method, address, headers={**self._headers, **headers}, json=body)
        if answer.status_code in _REFUSED:
            raise NetworkRefused(f"the network refused with {answer.status_code}: {answer.text[:300]}")
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


def _path(identifier: str, level: str) -> str:
    return f"/services/{quote(identifier, safe='')}/{'usage-stop' if is_stop(level) else 'restriction'}"


def order_body(level: str, reason: str, correlation_id: str) -> dict[str, Any]:
    """What an order says. A network reads the level, or what it means for each part; they say the same."""
    return {"level": level, "reason": reason, "correlation_id": correlation_id, **_meaning(level)}


def _meaning(level: str) -> dict[str, Any]:
    """What an order says to a network that does not read levels."""
    if is_stop(level):
        return {"stopped": list(stopped_parts(level))}
    rate = data_kbps(level)
    return {"restrictions": restrictions(level)} | ({"data_rate_kbps": rate} if rate is not None else {})
