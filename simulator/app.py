"""The simulator as one ASGI application: ``create_app(config)``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from simulator import control, network, pages, sendgrid, twilio
from simulator.bank import desk, life
from simulator.business_time import BusinessTime, segment_from_json
from simulator.config import SimulatorConfig
from simulator.deliveries import Deliveries
from simulator.doors import answer_json
from simulator.faults import Faults
from simulator.issuer import Issuer
from simulator.scheduler import JobWork, Scheduler
from simulator.signatures import Signer, new_signing_key
from simulator.store import Json, Store, Transaction
from simulator.stripe import bacs, checkout, pay_page, refunds
from simulator.stripe.api import StripeDoor
from simulator.world import World

DATABASE = "simulator.sqlite"


def build_world(config: SimulatorConfig) -> World:
    """Open the data directory and take up where it was left."""
    business_time = BusinessTime()
    store = Store(config.data_dir / DATABASE, business_time)
    faults = Faults()
    key = store.run_now(_prepare)
    faults.load(store.run_now(lambda tx: tx.setting("faults")))
    _resume_clock(store)
    signer = Signer(config, key)
    world = World(config, store, faults, signer, Deliveries(config, store, faults, signer))
    store.run_now(lambda tx: _readdress(world, tx))
    return world


def _readdress(world: World, tx: Transaction) -> None:
    """Callbacks still under way follow their vendor's address when it moved between two starts."""
    for vendor in ("stripe", "sendgrid", "network"):
        urls = world.webhook_urls(tx, vendor)
        for delivery in tx.find("delivery", {"vendor": vendor, "state": "pending"}):
            if len(urls) == 1 and delivery["url"] not in urls:
                tx.save("delivery", {**delivery, "url": urls[0]})


def _prepare(tx: Transaction) -> str:
    key = tx.setting("sendgrid_key")
    if key is None:
        key = new_signing_key()
        tx.keep("sendgrid_key", key)
    return str(key)


def _resume_clock(store: Store) -> None:
    kept, seen = store.run_now(lambda tx: (tx.setting("clock"), tx.setting("last_seen")))
    if kept is not None:
        store.business_time.segment = segment_from_json(kept)
        if seen is not None:
            store.business_time.resume(datetime.fromtimestamp(seen, UTC))


def _job_work(world: World) -> dict[str, JobWork]:
    work = {
        "settle_debit": checkout.settle_debit,
        "decide_mandate": bacs.decide_mandate,
        "settle_refund": refunds.settle,
        "expire_session": checkout.expire_in_time,
        "sms_state": twilio.advance,
        "email_event": sendgrid.happen,
        "network_confirm": network.confirm,
        "bank_credit": life.credit,
        "bank_return": life.give_back,
        "bank_state": life.state,
        "bank_publish": desk.publish,
    }

    def bound(kind: str) -> JobWork:
        def do(tx: Transaction, body: Json) -> None:
            work[kind](world, tx, body)

        return do

    return {kind: bound(kind) for kind in work}


def create_app(config: SimulatorConfig) -> Starlette:
    """The application; its data directory is opened here and closed with its lifespan."""
    world = build_world(config)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        scheduler = Scheduler(world.store, world.deliveries, _job_work(world))
        loops = [asyncio.create_task(work) for work in (scheduler.run(), desk.watch_folder(world))]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
                with suppress(asyncio.CancelledError):
                    await loop
            await world.deliveries.close()
            world.store.close()

    async def health(request: Request) -> Response:
        return answer_json(200, await world.store.run(lambda tx: {"status": "ok", "time": tx.real_now.isoformat()}))

    stripe_routes: list[BaseRoute] = [*pay_page.routes(world), *StripeDoor(world).routes()]
    routes: list[BaseRoute] = [
        Mount("/stripe", routes=stripe_routes),
        Mount("/twilio", routes=twilio.routes(world)),
        Mount("/sendgrid", routes=sendgrid.routes(world)),
        Mount("/network", routes=network.routes(world)),
        Mount("/bank", routes=desk.routes(world)),
        Mount("/openid", routes=Issuer(f"{config.base_url}/openid").routes()),
        Mount("/_control", routes=control.routes(world)),
        Route("/health", health),
        *pages.routes(world),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.world = world
    return app
