"""What an administrator does through the API before anything can be measured: a brand, a plan, accounts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from evenflow.demo.catalogue import BRANDS, DUNNING_POLICY, PLANS

BRAND = BRANDS[0]
PLAN = PLANS["vonk"][1]
REQUEST_SECONDS = 60.0
PROCESS_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 0.02


class Administrator:
    """Speaks with the stack's own key. Raises RuntimeError at the first refusal: a measured stack must simply work."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.key = environment["EVENFLOW_SECRETS_ADMIN_API_KEY"]
        self._client = httpx.Client(
            base_url=environment["EVENFLOW_PUBLIC_API_BASE"],
            headers={"X-API-Key": self.key},
            trust_env=False,
            timeout=REQUEST_SECONDS,
        )

    def get(self, path: str) -> Any:
        return _content(self._client.get(path))

    def post(self, path: str, body: Any) -> Any:
        return _content(self._client.post(path, json=body))

    def load_catalogue(self) -> None:
        """One brand and one plan with calls, texts, data and allowances."""
        self.post("/v1/dunning-policies", {"definition": DUNNING_POLICY})
        self.post("/v1/brands", BRAND)
        self.post("/v1/plans", {"brand": BRAND["brand"], "definition": PLAN})

    def open_account(self, place: int, activated_at: datetime, method: str = "") -> str:
        """Open account V200001 and following, with one line and, if named, a provider's test method; its identity."""
        account = {
            "brand": BRAND["brand"],
            "number": account_number(place),
            "customer_name": f"Customer {place}",
            "email": f"customer{place}@example.com",
            "mobile": line_of(place),
            "activated_at": activated_at.isoformat(),
            "services": [{"kind": "mobile", "identifier": line_of(place), "plan_code": PLAN["code"]}],
        }
        account_id = str(self.post("/v1/accounts", account)["account_id"])
        if method:
            wanted = {"provider_method": method, "accepted_from": "192.0.2.10"}
            self.post(f"/v1/accounts/{account_id}/payment-methods", wanted)
        return account_id

    def wait_for_process(self, account_id: str) -> None:
        """Until the account's workflow answers: then database, Temporal, API and worker all work."""
        deadline = time.monotonic() + PROCESS_SECONDS
        while not self._process_answers(account_id):
            if time.monotonic() > deadline:
                raise RuntimeError(f"The process of {account_id} did not answer in {PROCESS_SECONDS:g} seconds.")
            time.sleep(LOOK_AGAIN_SECONDS)

    def _process_answers(self, account_id: str) -> bool:
        answer = self._client.get(f"/v1/accounts/{account_id}")
        return answer.status_code < 500 and _content(answer)["process"] is not None


def _content(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise RuntimeError(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}"
        )
    return answer.json()


def account_number(place: int) -> str:
    """The number of the account at a place, counted from zero."""
    return f"V{200_001 + place}"


def line_of(place: int) -> str:
    """Its mobile number, of a range that no operator hands out."""
    return f"+316002{place:05d}"
