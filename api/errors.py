"""Every error leaves as application/problem+json (RFC 9457) with field, value and remedy."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from api.headers import SECURITY_HEADERS
from api.refused_tries import FORGED_FORM, FORGED_LINK, tell_refused
from billing.domain.errors import Conflict, InvalidValue, NotFound, Refusal, TooManyTries, UnableTo
from billing.ports.openid import ProviderRefused
from billing.ports.process import ProcessAway
from billing.services.access_rules import NotRecognised
from billing.services.balance_watch import TooManyReaders
from billing.services.daily_totals import ProviderSilent
from billing.services.paylinks import UnusablePaylink
from billing.services.usage_grouping import TooBusy

_log = logging.getLogger(__name__)
PROBLEM = "application/problem+json"
# Below these paths a person looks at errors, not a program: who makes the page (a name of ``app.state``).
PAGES = {
    "/console": "error_page",
    "/my": "portal_error_page",
    "/pay": "pay_error_page",
    "/methods": "pay_error_page",
}
CUSTOMERS_PAGES = ("/my", "/pay", "/methods")


class NotSignedIn(Refusal):
    """No API key or session, or one that is not known."""


class NotAllowed(Refusal):
    """The caller's role may not do this."""


# One table maps a kind of refusal to its HTTP status; the first match wins.
STATUS_OF: tuple[tuple[type[Refusal], int], ...] = (
    (NotSignedIn, 401),
    (TooManyReaders, 503),
    (ProviderSilent, 503),
    (NotRecognised, 401),
    (NotAllowed, 403),
    (ProviderRefused, 403),
    (TooManyTries, 429),
    (NotFound, 404),
    (Conflict, 409),
    (UnableTo, 409),
    (InvalidValue, 422),
    (Refusal, 422),
)


class Problem(Exception):
    """An answer that is no success, for code that is not the framework's: raised, and sent by ``response``.

    ``retry_after`` in seconds, empty for none; ``more`` are field, value and remedy.
    """

    def __init__(self, status: int, title: str, detail: str, *, retry_after: str = "", **more: str) -> None:
        super().__init__(detail)
        self.status = status
        self._content = problem_body(status, title, detail, **{"field": "request", "value": "", **more})
        self._headers = {"retry-after": retry_after} if retry_after else {}

    def body(self) -> dict[str, Any]:
        """The problem document."""
        return self._content

    def response(self) -> ProblemResponse:
        """With the security headers."""
        return ProblemResponse(self._content, self.status, SECURITY_HEADERS | self._headers)


def problem_body(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem document; ``more`` adds members such as field, value, remedy or errors."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


class ProblemResponse(JSONResponse):
    """Repeats a value that was sent even where it is no text that could be answered."""

    media_type = PROBLEM

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def problem(status: int, title: str, detail: str, **more: Any) -> ProblemResponse:
    """A problem document."""
    return ProblemResponse(problem_body(status, title, detail, **more), status_code=status)


def answer(request: Request, status: int, title: str, detail: str, **more: Any) -> Response:
    """A problem document; a page for a person where the application shows pages."""
    request.state.refusal = title
    make_page = next((maker for root, maker in PAGES.items() if _is_below(request, root)), "")
    error_page = getattr(request.app.state, make_page, None) if make_page else None
    if error_page is not None:
        page: Response = error_page(request, problem_body(status, title, detail, **more))
        return page
    return problem(status, title, detail, **more)


def _is_below(request: Request, root: str) -> bool:
    path = request.scope["path"]
    return bool(path == root or path.startswith(f"{root}/"))


def status_of(refusal: Refusal) -> int:
    """The HTTP status a refusal answers with."""
    return next(status for kind, status in STATUS_OF if isinstance(refusal, kind))


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    if any(_is_below(request, root) for root in CUSTOMERS_PAGES):
        _tell(request, refusal)
    return _answer_refusal(request, status_of(refusal), refusal)


def _tell(request: Request, refusal: Refusal) -> None:
    """What looks like somebody trying doors is told in the log."""
    if isinstance(refusal, TooManyTries):
        tell_refused(request, f"too many tries ({refusal.field})")
    elif isinstance(refusal, UnusablePaylink):
        tell_refused(request, FORGED_LINK)
    elif isinstance(refusal, NotAllowed) and refusal.field == "form":
        tell_refused(request, FORGED_FORM)


def _answer_refusal(request: Request, status: int, refusal: Refusal) -> Response:
    title, detail = _said_of(refusal)
    errors = getattr(refusal, "errors", None)  # a refusal of many things at once lists them
    listed = {"errors": errors} if errors else {}
    return answer(request, status, title, detail, **_way_out(status, refusal), **listed)


def _said_of(refusal: Refusal) -> tuple[str, str]:
    return type(refusal).__name__, _short(refusal.message, 1000)


def _way_out(status: int, refusal: Refusal) -> dict[str, str]:
    return {
        "field": _short(refusal.field) or "request",
        "value": _short(refusal.value),
        "remedy": refusal.remedy or _REMEDIES.get(status, USUAL_REMEDY),
    }


def problem_of(error: Exception) -> Problem:
    """What an exception is answered with, where the framework does not do it. A fault shows nothing of itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refusal):
        status = status_of(error)
        return Problem(status, *_said_of(error), **_way_out(status, error))
    if isinstance(error, TooBusy):
        later = str(error.retry_after_seconds)
        remedy = f"Send it again after {later} s; what was taken before counts once."
        return Problem(503, "TooBusy", "More is waiting than can be held.", retry_after=later, remedy=remedy)
    return Problem(500, "Fault", FAULT, field="", remedy=AGAIN)


# What to do about the first field that is not as described, by pydantic's name of what is wrong.
_REMEDY_OF = {
    "missing": "Add it; GET /docs shows what this request needs.",
    "extra_forbidden": "Leave it out, or spell it as GET /docs shows it.",
    "json_invalid": "Send one complete JSON document with the content type application/json.",
    "model_attributes_type": "Send a JSON object with the content type application/json.",
    "string_pattern_mismatch": "Write it in the form of the example at GET /docs.",
}


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    issues = error.errors()
    errors = [
        {
            "field": ".".join(str(part) for part in (*issue["loc"], *_place_within(issue))),
            "value": _short(issue.get("input", "")),
            "message": issue["msg"],
        }
        for issue in issues
    ]
    first = errors[0] if errors else {"field": "", "value": "", "message": "The request is not valid."}
    return answer(
        request,
        422,
        "InvalidRequest",
        f"{first['field']}: {first['message']}",
        field=first["field"],
        value=first["value"],
        remedy=_REMEDY_OF.get(issues[0]["type"] if issues else "", "Use a value that it takes; GET /docs shows them."),
        errors=errors,
    )


def _place_within(issue: dict[str, Any]) -> tuple[str, ...]:
    """Where in a field the trouble is, when its own check says so (``api.schemas.base.Unkeepable``)."""
    place: tuple[str, ...] = getattr(issue.get("ctx", {}).get("error"), "place", ())
    return place


def _short(value: Any, most: int = 200) -> str:
    """The beginning of a value as text; nothing of one that is nested too deep to be written."""
    try:
        return str(value)[:most]
    except RecursionError:
        return ""


FAULT = "This could not be done just now."
AGAIN = "Send it again in a moment; with the same Idempotency-Key or record_id it counts once. The log has the cause."
USUAL_REMEDY = "GET /docs shows what this route takes."
# What to do about an error that was raised as a bare HTTP status.
_REMEDIES = {
    400: "Send what this route takes, as GET /docs shows it; JSON is UTF-8.",
    404: "GET /docs shows every route there is.",
    405: "GET /docs shows the methods of every route.",
    413: "Send less at once.",
    503: "Send it again in a moment.",
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Refusal):  # a webhook's own status for what was refused
        return _answer_refusal(request, error.status_code, error.__cause__)
    asked = f"{request.method} {request.url.path}"
    of_body = error.status_code in (400, 413)
    told = answer(
        request,
        error.status_code,
        "HttpError",
        str(error.detail),
        field="body" if of_body else "path",
        value="" if of_body else asked,
        remedy=_REMEDIES.get(error.status_code, USUAL_REMEDY),
    )
    told.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        told.headers["allow"] = _methods_of(request) or told.headers["allow"]
    return told


def _methods_of(request: Request) -> str:
    """Every described method of this path; the framework names only those of its first route."""
    paths = request.app.openapi()["paths"]
    found = (operations for path, operations in paths.items() if compile_path(path)[0].match(request.url.path))
    return ", ".join(sorted(method.upper() for operations in found for method in operations))


async def _too_busy(_request: Request, error: Exception) -> Response:
    return problem_of(error).response()


async def _away(request: Request, error: Exception) -> Response:
    """The process server is away: told apart from a mistake of ours, for asking again helps."""
    _log.warning("%s was not carried out just now: %s", request.method, error)
    return answer(request, 503, "ProcessAway", FAULT, field="", value="", remedy=AGAIN)


async def _fault(request: Request, _error: Exception) -> Response:
    """Something of ours is away or broken; nothing of it is shown."""
    told = answer(request, 500, "Fault", FAULT, field="", value="", remedy=AGAIN)
    for name, value in SECURITY_HEADERS.items():  # the middleware that adds them is left already
        told.headers.setdefault(name, value)
    return told


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TooBusy, _too_busy)
    app.add_exception_handler(ProcessAway, _away)
    app.add_exception_handler(Exception, _fault)
