"""The console's forms for commands on an account: shown, previewed, and carried out once per form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from fastapi import APIRouter
from starlette.responses import Response

from api.account_desk import AccountDesk
from api.console.actions.commands import BY_NAME, Action
from api.console.actions.fields import Ground, read, shown
from api.console.actions.previews import Preview
from api.console.forms import Form
from api.console.posted import Posted, ViewerForm
from api.console.visit import ViewerVisit, Visit
from api.schemas.actions import ActionIn
from billing.domain.errors import NotFound

router = APIRouter(prefix="/console/accounts/{account_id}/actions", include_in_schema=False)
CONFIRMED = "confirmed"


def action_of(name: str) -> Action:
    """The command of this name. Raises NotFound."""
    if name not in BY_NAME:
        raise NotFound(
            "There is no such action.",
            field="action",
            value=name,
            remedy="Choose one of those on the page of the account.",
        )
    return BY_NAME[name]


@router.get("/{name}")
async def form(account_id: str, name: str, visit: ViewerVisit) -> Response:
    """The form of one command; fields may be chosen by the address."""
    action = action_of(name)
    visit.need(action.role)
    own = {field.name for field in action.fields}
    chosen = {key: value[:100] for key, value in visit.request.query_params.items() if key in own}
    return await _show(visit, action, account_id, Form(chosen))


@router.post("/{name}")
async def carry_out(account_id: str, name: str, posted: ViewerForm) -> Response:
    """Carry it out, or show what was refused with what was typed; what has a preview is confirmed first."""
    action = action_of(name)
    posted.visit.need(action.role)
    desk = AccountDesk(posted.container, posted.visit.caller, account_id, posted.command_id)

    async def act() -> Response:
        ground = await ground_of(posted.visit, account_id, posted.values)
        said = _model(action, posted, ground)
        if action.preview is not None and posted.text(CONFIRMED) != _mark(said):
            preview = await action.preview(desk, said)
            return await _show(posted.visit, action, account_id, _typed(action, posted), preview, _mark(said))
        return posted.visit.to(f"/console/accounts/{account_id}", await action.carry_out(desk, said))

    async def again(refused: Form) -> Response:
        refused = Form(_typed(action, posted).values, refused.errors, refused.status)
        return await _show(posted.visit, action, account_id, refused)

    return await posted.carry_out(act, again)


def _model(action: Action, posted: Posted, ground: Ground) -> ActionIn:
    """As the API would read it from JSON. Raises InvalidValue and ValidationError."""
    reason = posted.reason
    values = read(action.fields, posted, ground) | {"reason": reason}
    return action.model.model_validate_json(json.dumps(values))


def _mark(said: ActionIn) -> str:
    """What was previewed: something else than that is previewed again."""
    return sha256(said.model_dump_json(exclude={"reason"}).encode()).hexdigest()[:32]


def _typed(action: Action, posted: Posted) -> Form:
    """What was typed; of a field with many values, all of them in one text."""
    typed = dict(posted.values)
    for field in action.fields:
        typed.setdefault(field.name, "")
        if field.kind == "many":
            typed[field.name] = " ".join(posted.all(field.name))
    typed.setdefault("reason", "")
    return Form(typed)


async def ground_of(visit: Visit, account_id: str, chosen: Mapping[str, str]) -> Ground:
    """The account that a form is about. Raises NotFound."""
    async with visit.container.make_work() as work:
        account = await work.accounts.get(account_id)
        brand = await work.accounts.brand(account.brand)
    return Ground(visit.container, account, brand, chosen)


async def _show(
    visit: Visit, action: Action, account_id: str, form: Form, preview: Preview | None = None, mark: str = ""
) -> Response:
    ground = await ground_of(visit, account_id, form.values)
    return visit.page(
        "action.html",
        title=action.title,
        account=ground.account,
        currency=ground.currency,
        action=action,
        fields=[await shown(field, ground) for field in action.fields],
        form=form,
        preview=preview,
        mark=mark,
    )
