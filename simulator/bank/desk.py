"""The bank's doors: files over HTTP, and a folder for whoever speaks to banks by files.

``POST /bank/files`` takes a file; ``GET /bank/messages`` lists what the bank wrote, ``GET /bank/messages/{name}`` gives
it; ``GET /bank/balances`` says what each account of ours holds, ``?by=end_to_end_id`` also for which payment. With a
folder, complete files are taken from ``outgoing``, put aside in ``taken``, and everything the bank writes appears in
``incoming``, complete at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from functools import partial
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from simulator.bank import life
from simulator.bank.orders import Refused
from simulator.bank.reports import file_refused
from simulator.doors import answer_json, serve
from simulator.store import Json, Transaction
from simulator.world import World

log = logging.getLogger(__name__)

FAILURE: Json = {"title": "Internal error, as asked for."}
BUSY: Json = {"title": "Too many requests."}
LOOK_AGAIN_SECONDS = 0.3
BY_PAYMENT = "end_to_end_id"
OUTGOING, TAKEN, INCOMING = "outgoing", "taken", "incoming"


def routes(world: World) -> list[BaseRoute]:
    """The endpoints under ``/bank``."""

    async def upload(request: Request) -> Response:
        content = await request.body()
        told = await world.store.run(lambda tx: take(world, tx, content))
        return answer_json(422 if told["state"] == "refused" else 202, told)

    async def messages(request: Request) -> Response:
        kind, after = request.query_params.get("kind"), request.query_params.get("after")
        found = await world.store.run(lambda tx: tx.find("bank_message", {"kind": kind} if kind else None, after=after))
        listed = found if after is None else found[::-1]
        return answer_json(200, {"messages": [_shown(one) for one in listed]})

    async def message(request: Request) -> Response:
        name = str(request.path_params["name"])
        found = await world.store.run(lambda tx: tx.get("bank_message", name))
        if found is None:
            return answer_json(404, {"error": f"No message {name}; GET /bank/messages lists them."})
        return Response(found["content"], media_type="application/xml")

    async def received(request: Request) -> Response:
        return answer_json(200, {"files": await world.store.run(lambda tx: tx.find("bank_file"))})

    async def balances(request: Request) -> Response:
        by = request.query_params.get("by", "")
        if by not in ("", BY_PAYMENT):
            return answer_json(
                422, {"error": f"by={by} is not known; balances are told by {BY_PAYMENT} or by nothing."}
            )
        entries = await world.store.run(lambda tx: tx.find("bank_entry", limit=1_000_000))
        return answer_json(200, _balances(entries, by))

    return [
        Route("/balances", balances),
        Route("/files", serve(world, upload, FAILURE, BUSY), methods=["POST"]),
        Route("/files", received),
        Route("/messages", messages),
        Route("/messages/{name}", message),
    ]


def _balances(entries: list[Json], by: str) -> Json:
    """Minor units of each account, and of each payment as the bank calls it; without a name: those that have none."""
    accounts, payments = Counter[str](), Counter[str]()
    for entry in entries:
        accounts[entry["account"]] += int(entry["amount_minor"])
        for detail in entry["details"]:
            payments[detail["end_to_end_id"]] += int(detail["amount_minor"])
    return {"accounts": accounts, **({"by": by, "payments": payments} if by else {})}


def _shown(message: Json) -> Json:
    return {"name": message["id"], "kind": message["kind"], "made_at": message["made_at"]}


def take(world: World, tx: Transaction, content: bytes) -> Json:
    """Take a file; one under a known message id with other content is refused as well."""
    try:
        return life.receive(world, tx, content)
    except Refused as refusal:
        file_refused(tx, refusal.message_id, refusal.code, refusal.why, world.config.bank_statement_family)
        return {"message_id": refusal.message_id, "state": "refused", "code": refusal.code, "why": refusal.why}


def publish(world: World, tx: Transaction, job: Json) -> None:
    """Write a message into the folder, complete at once; without a folder it is fetched over HTTP."""
    message = tx.get("bank_message", job["name"])
    if world.config.bank_folder is None or message is None or message["written"]:
        return
    folder = world.config.bank_folder / INCOMING
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{message['id']}.part"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(message["content"])
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / message["id"])
    tx.save("bank_message", {**message, "written": True})


async def watch_folder(world: World) -> None:
    """Take files from the folder until cancelled; does nothing without one."""
    root = world.config.bank_folder
    if root is None:
        return
    while True:
        try:
            for path in await asyncio.to_thread(_waiting, root):
                content = await asyncio.to_thread(path.read_bytes)
                await world.store.run(partial(_take_one, world, content))
                await asyncio.to_thread(path.replace, root / TAKEN / path.name)
        except OSError:
            log.exception("the folder %s cannot be read; the next look tries again", root)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _take_one(world: World, content: bytes, tx: Transaction) -> Json:
    return take(world, tx, content)


def _waiting(root: Path) -> list[Path]:
    for name in (OUTGOING, TAKEN):
        (root / name).mkdir(parents=True, exist_ok=True)
    return sorted((root / OUTGOING).glob("*.xml"))
