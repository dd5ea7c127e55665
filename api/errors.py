"""Every error leaves as application/problem+json (RFC 9457) with field, value and remedy."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.headers import SECURITY_HEADERS
from billing.domain.errors import Conflict, InvalidValue, NotFound, Refusal, UnableTo

PROBLEM = "application/problem+json"
# Below this path a person looks at errors, not a program.
PAGES = "/console"


class NotSignedIn(Refusal):
    """No API key or session, or one that is not known."""


class NotAllowed(Refusal):
    """The caller's role may not do this."""


# One table maps a kind of refusal to its HTTP status; the first match wins.
STATUS_OF: tuple[tuple[type[Refusal], int], ...] = (
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (UnableTo, 409),
    (InvalidValue, 422),
    (Refusal, 422),
)


def problem_body(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem document; ``more`` adds members such as field, value, remedy or errors."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def problem(status: int, title: str, detail: str, **more: Any) -> JSONResponse:
    """A problem document."""
    return JSONResponse(problem_body(status, title, detail, **more), status_code=status, media_type=PROBLEM)


def _answer(request: Request, status: int, title: str, detail: str, **more: Any) -> Response:
    """A problem document; a page for a person where the application shows pages (``app.state.error_page``)."""
    error_page = getattr(request.app.state, "error_page", None)
    if error_page is not None and request.url.path.startswith(PAGES):
        page: Response = error_page(request, problem_body(status, title, detail, **more))
        return page
    return problem(status, title, detail, **more)


def status_of(refusal: Refusal) -> int:
    """The HTTP status a refusal answers with."""
    return next(status for kind, status in STATUS_OF if isinstance(refusal, kind))


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return _answer(
        request,
        status_of(refusal),
        type(refusal).__name__,
        refusal.message,
        field=refusal.field,
        value=refusal.value,
        remedy=refusal.remedy,
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "field": ".".join(str(part) for part in issue["loc"]),
            "value": str(issue.get("input", ""))[:200],
            "message": issue["msg"],
        }
        for issue in error.errors()
    ]
    first = errors[0] if errors else {"field": "", "value": "", "message": "The request is not valid."}
    return _answer(
        request,
        422,
        "InvalidRequest",
        f"{first['field']}: {first['message']}",
        field=first["field"],
        value=first["value"],
        remedy="See /docs for the fields of this request.",
        errors=errors,
    )


# What to do about an error that was raised as a bare HTTP status.
_REMEDIES = {
    404: "GET /docs shows every route there is.",
    405: "GET /docs shows the methods of every route.",
    413: "Send less at once.",
    503: "Send it again in a moment.",
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _answer(
        request,
        error.status_code,
        "HttpError",
        str(error.detail),
        field="path",
        value=f"{request.method} {request.url.path}",
        remedy=_REMEDIES.get(error.status_code, "GET /docs shows what this route takes."),
    )
    answer.headers.update(error.headers or {})
    return answer


async def _fault(request: Request, _error: Exception) -> Response:
    """Something of ours is away or broken; nothing of it is shown."""
    remedy = "Send it again in a moment; with the same Idempotency-Key it counts once. The log has the cause."
    answer = _answer(request, 500, "Fault", "This could not be done just now.", field="", value="", remedy=remedy)
    answer.headers.update(SECURITY_HEADERS)  # the middleware that adds them is left already
    return answer


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)
