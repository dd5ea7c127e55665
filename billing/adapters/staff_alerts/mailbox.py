"""Alerts by email, through the same messenger as customers' mails.

Callbacks about them name no account, so they are taken for nobody's notice and left alone.
"""

from __future__ import annotations

from datetime import datetime

from billing.ports.alerts import Alert
from billing.ports.messenger import Accepted, Content, Message, Messenger, SendOutcome


class MailboxAlerts:
    """One mailbox of staff; ``sender`` is the address the mails come from."""

    def __init__(self, messenger: Messenger, to: str, sender: str, sender_name: str = "Evenflow") -> None:
        self._messenger = messenger
        self._to = to
        self._sender = sender
        self._sender_name = sender_name

    @property
    def address(self) -> str:
        return f"email:{self._to}"

    async def send(self, alert: Alert) -> SendOutcome:
        return await self._messenger.send(self._message(alert))

    async def find(self, alert: Alert, since: datetime) -> Accepted | None:
        return await self._messenger.find(self._message(alert), since)

    def _message(self, alert: Alert) -> Message:
        content = Content(alert.text, alert.subject)
        return Message("", f"{alert.alert}/{self._to}", self._to, self._sender, content, self._sender_name)
