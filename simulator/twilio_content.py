"""What WhatsApp adds to Twilio's messages: approved content templates, and the window of 24 hours for other words."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from simulator.store import Json, Transaction

WHATSAPP = "whatsapp:"
WINDOW = timedelta(hours=24)
OUTSIDE_THE_WINDOW = 63016
_SID = re.compile("HX[0-9a-f]{32}")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class TwilioRefusal(Exception):
    """A refusal with the vendor's code."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }


def filled_content(tx: Transaction, form: Json) -> str:
    """The text of a content template with its variables. Refused when either is not known."""
    template = tx.get("content_template", str(form["ContentSid"]))
    if template is None:
        raise TwilioRefusal(21655, f"The ContentSid {form['ContentSid']} is invalid.")
    try:
        variables = json.loads(form.get("ContentVariables") or "{}")
    except ValueError:
        variables = None
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise TwilioRefusal(21656, "The ContentVariables parameter is invalid.")
    missing = [name for name in _VARIABLE.findall(template["body"]) if not variables.get(name)]
    if missing:
        raise TwilioRefusal(21656, f"The ContentVariables parameter is invalid: {', '.join(missing)} has no value.")
    return _VARIABLE.sub(lambda found: str(variables[found[1]]), template["body"])


def refused_by_whatsapp(tx: Transaction, form: Json, recipient: str) -> Json | None:
    """Taken, and failed afterwards: words that WhatsApp did not approve, to somebody who did not write lately."""
    if not recipient.startswith(WHATSAPP) or _is_approved(tx, form) or _is_in_window(tx, recipient):
        return None
    return {"states": ["failed"], "error_code": OUTSIDE_THE_WINDOW}


def _is_approved(tx: Transaction, form: Json) -> bool:
    template = tx.get("content_template", str(form.get("ContentSid") or ""))
    return template is not None and bool(template["approved"])


def _is_in_window(tx: Transaction, recipient: str) -> bool:
    heard = tx.get("whatsapp_heard", recipient)
    return heard is not None and tx.real_now - datetime.fromisoformat(heard["at"]) < WINDOW


def note_heard(tx: Transaction, sender: str) -> None:
    """A customer wrote: other words may follow for a day."""
    tx.save("whatsapp_heard", {"id": sender, "at": tx.real_now.isoformat()})


def read_template(tx: Transaction, given: Any) -> Json:
    """Keep a content template: its sid, its body with {{1}}, and whether WhatsApp approved it."""
    sid, body = given.get("sid"), given.get("body")
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        raise ValueError(f"sid {sid!r} is not HX and 32 hexadecimal digits.")
    if not isinstance(body, str) or not body:
        raise ValueError("body is required, with {{1}} for the first variable.")
    return tx.save("content_template", {"id": sid, "body": body, "approved": bool(given.get("approved", True))})
