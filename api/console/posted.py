"""How the console takes a form: the session, our token, the role, the author and the reason; then it is carried out.

A route that changes something asks for a posted form of the least role that may do it::

    @router.post("/cases/{case_id}/close")
    async def close(case_id: str, posted: AgentForm) -> Response:
        async def act() -> Response:
            await posted.container.staff_cases.close(case_id, posted.author, posted.reason)
            return posted.visit.to(f"/console/cases/{case_id}", "The case is closed.")

        return await posted.carry_out(act, lambda form: show_case(posted.visit, case_id, form))

What was refused is shown again in the form with what was typed; after success the browser is sent on (303), so that a
reload does nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import uuid4

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from api.console.doorway import AnyDoorway, Doorway
from api.console.forms import Form, invalid_form, refused_form
from api.console.session import check_form
from api.console.visit import Visit, visiting
from api.container import Container
from api.errors import NotAllowed, NotSignedIn
from billing.domain.errors import InvalidValue, Refusal

TOKEN = "form"
COMMAND = "command_id"
SECRETS = ("password", "again", "old", "code", "key", "word")
MOST_CHARACTERS = 10_000
REASON_CHARACTERS = 500
WHY = "Write in a few words why; it is kept with your name."
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Sent:
    """A form that one of our pages gave to this browser; nobody needs to be signed in."""

    door: Doorway
    data: FormData

    @property
    def container(self) -> Container:
        return self.door.container

    @property
    def command_id(self) -> str:
        """The same for a form that is sent twice: commands count once for it."""
        return self.text(COMMAND, 64) or str(uuid4())

    @property
    def values(self) -> Mapping[str, str]:
        """Every field as it was typed, without our own; what is secret is never shown again."""
        typed = {name: value for name, value in self.data.items() if isinstance(value, str)}
        return {name: "" if name in SECRETS else value for name, value in typed.items() if name not in (TOKEN, COMMAND)}

    def text(self, name: str, most: int = MOST_CHARACTERS) -> str:
        """One field without the blanks around it; empty when it was not sent. Raises InvalidValue when too long."""
        found = self.data.get(name, "")
        value = found.strip() if isinstance(found, str) else ""
        if len(value) > most:
            raise InvalidValue(
                f"This is {len(value)} characters long.", field=name, remedy=f"Write at most {most} characters."
            )
        return value

    def needed(self, name: str, remedy: str = "Fill it in.", most: int = MOST_CHARACTERS) -> str:
        """One field that must say something. Raises InvalidValue where it does not."""
        value = self.text(name, most)
        if not value:
            raise InvalidValue("This is empty.", field=name, remedy=remedy)
        return value

    def secret(self, name: str, most: int = 1000) -> str:
        """A password exactly as it was typed. Raises InvalidValue where it is empty or too long."""
        found = self.data.get(name, "")
        if not isinstance(found, str) or not found:
            raise InvalidValue("This is empty.", field=name, remedy="Fill it in.")
        if len(found) > most:
            raise InvalidValue(f"This is {len(found)} characters long.", field=name, remedy="Use a shorter one.")
        return found

    def all(self, name: str) -> Sequence[str]:
        """Every value of a field that may be sent more than once, such as ticked rows."""
        return [value for value in self.data.getlist(name) if isinstance(value, str)]

    def file(self, name: str) -> UploadFile:
        """An uploaded file. Raises InvalidValue where none was chosen."""
        found = self.data.get(name)
        if not isinstance(found, UploadFile) or not found.filename:
            raise InvalidValue("No file was chosen.", field=name, remedy="Choose a file and send the form again.")
        return found

    def read(self, model: type[Model], **more: object) -> Model:
        """The fields as a model of the API takes them; what was left open is left out. Raises ValidationError."""
        typed = {name: value for name, value in self.values.items() if value.strip()}
        known = {name: value for name, value in typed.items() if name in model.model_fields}
        return model.model_validate(known | more)

    async def carry_out(
        self, act: Callable[[], Awaitable[Response]], again: Callable[[Form], Awaitable[Response]]
    ) -> Response:
        """Do it; a refusal is shown again by ``again`` with what was typed. Raises what is no fault of a field."""
        try:
            return await act()
        except ValidationError as error:
            self.door.request.state.refusal = "InvalidRequest"
            return await again(invalid_form(self.values, error))
        except Refusal as refusal:
            if isinstance(refusal, NotSignedIn | NotAllowed):
                raise
            self.door.request.state.refusal = type(refusal).__name__
            return await again(refused_form(self.values, refusal))


@dataclass(frozen=True)
class Posted(Sent):
    """A form sent by somebody who is signed in with the role that it needs."""

    visit: Visit

    @property
    def author(self) -> str:
        return self.visit.caller.name

    @property
    def reason(self) -> str:
        """Why. Raises InvalidValue where nothing was written."""
        return self.needed("reason", WHY, REASON_CHARACTERS)

    def need_reason(self) -> None:
        """Raises InvalidValue where nobody wrote why; the trail keeps it."""
        self.needed("reason", WHY, REASON_CHARACTERS)


@asynccontextmanager
async def form_of(request: Request, door: Doorway) -> AsyncIterator[FormData]:
    """The form, when it is ours; its files are closed at the end. Raises NotAllowed."""
    data = await request.form(max_files=20, max_fields=5000)
    try:
        token, reason = data.get(TOKEN), data.get("reason")
        request.state.reason = reason[:REASON_CHARACTERS] if isinstance(reason, str) else ""
        check_form(door.session, token if isinstance(token, str) else "", door.container)
        yield data
    finally:
        await data.close()


async def sent(request: Request, door: AnyDoorway) -> AsyncIterator[Sent]:
    """A dependency: a form of ours from anybody."""
    async with form_of(request, door) as data:
        yield Sent(door, data)


def posted(role: str) -> Callable[..., AsyncIterator[Posted]]:
    """A dependency: a form of ours, sent by a caller of at least this role."""

    admitted = Depends(visiting(role))

    async def taken(request: Request, visit: Visit = admitted) -> AsyncIterator[Posted]:
        async with form_of(request, visit) as data:
            yield Posted(visit, data, visit)

    return taken


VisitorForm = Annotated[Sent, Depends(sent)]
ViewerForm = Annotated[Posted, Depends(posted("viewer"))]
AgentForm = Annotated[Posted, Depends(posted("agent"))]
FinanceForm = Annotated[Posted, Depends(posted("finance"))]
AdminForm = Annotated[Posted, Depends(posted("admin"))]
