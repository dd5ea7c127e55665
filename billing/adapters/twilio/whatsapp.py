"""WhatsApp by Twilio's own SDK: approved content templates, words of our own only as an answer, and incoming words.

A customer's message opens a window of 24 hours for words of our own. Outside of it WhatsApp takes only templates it
approved: ``ContentSid`` and ``ContentVariables``. What cannot be sent is answered as failed, so that another channel
takes its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from twilio.rest.api.v2010.account.message import MessageInstance

from billing.adapters.twilio.messenger import TIMEOUT_SECONDS, TwilioMessenger
from billing.ports.messenger import Callback, Failed, Heard, Message, SendOutcome

PREFIX = "whatsapp:"
EVERY_BRAND = ""
# The vendor's code for words of our own outside of the window.
NOT_IN_THE_WINDOW = "63016"
NO_SENDER = "no_sender"
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "UNSTOP"})


class TwilioWhatsApp(TwilioMessenger):
    """Sends by WhatsApp. ``senders`` are our numbers by brand; the one of no brand serves all others.

    ``incoming_url`` is where Twilio tells what customers write; ``callback_url`` where it tells states.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        senders: Mapping[str, str],
        callback_url: str,
        *,
        api_base: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        older_tokens: Sequence[str] = (),
    ) -> None:
        super().__init__(
            account_sid,
            auth_token,
            "",
            callback_url,
            api_base=api_base,
            timeout_seconds=timeout_seconds,
            older_tokens=older_tokens,
        )
        self._senders = senders
        self._incoming_url = f"{callback_url}/incoming"

    async def send(self, message: Message) -> SendOutcome:
        """Accepted carries the message's SID; what WhatsApp would not take is not handed over."""
        if not self._sender(message):
            return Failed(NO_SENDER, f"the brand {message.brand} has no WhatsApp sender")
        if message.content.template is None and not message.answers:
            return Failed(NOT_IN_THE_WINDOW, "no approved template, and the customer did not write within 24 hours")
        return await super().send(message)

    def _sender(self, message: Message) -> str:
        return self._senders.get(message.brand) or self._senders.get(EVERY_BRAND, "")

    def _create(self, message: Message, callback: str) -> MessageInstance:
        to, sender = self._address(message), PREFIX + self._sender(message)
        template = message.content.template
        if template is None:
            body = message.content.text
            return self._client.messages.create(to=to, from_=sender, body=body, status_callback=callback)
        return self._client.messages.create(
            to=to,
            from_=sender,
            content_sid=template.content_sid,
            content_variables=json.dumps(dict(template.variables), ensure_ascii=False),
            status_callback=callback,
        )

    def _address(self, message: Message) -> str:
        return PREFIX + message.to

    def parse_incoming(self, callback: Callback) -> Heard | None:
        """What a customer wrote; None when it did not come by WhatsApp. Raises CallbackRefused."""
        form = self._verified(callback, self._incoming_url)
        sender, word = form.get("From", ""), form.get("Body", "").strip().upper()
        if not sender.startswith(PREFIX):
            return None
        reference = form.get("MessageSid", "")
        return Heard(sender.removeprefix(PREFIX), reference, stops=word in STOP_WORDS, starts=word in START_WORDS)
