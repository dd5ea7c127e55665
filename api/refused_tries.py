"""A line in the log for every try of a customer's door that was refused: why and at which door, and nothing personal.

Neither the address that was asked for (it may open something), nor a contact, nor the caller's network address is told.
"""

from __future__ import annotations

import logging

from fastapi import Request

_log = logging.getLogger(__name__)
FORGED_LINK = "the link is forged or was revoked"
FORGED_FORM = "the form is too old or was not ours"
WRONG_CODE = "the code is wrong, used or too old"
WRONG_LINK = "the sign-in link is wrong, used or too old"


def tell_refused(request: Request, reason: str) -> None:
    """Write it down, with the route's own pattern in the place of the address."""
    route = request.scope.get("route")
    _log.warning("refused at %s %s: %s", request.method, getattr(route, "path", "?"), reason)
