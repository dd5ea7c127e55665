"""What the bank does in the course of time: takes a file, credits on the debit date, returns, and states each day.

All of it follows the business clock. A file is taken once: the same file again is answered as before, another one under
the same message id is refused (``DU01``).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta

from simulator.bank import statements
from simulator.bank.orders import Debit, Order, Refused, order_in, parsed
from simulator.bank.outcomes import REJECT, SETTLE, decide
from simulator.bank.payouts import PayoutOrder, is_payouts, read_payouts, sorted_out
from simulator.bank.reports import Refusal, file_refused, file_taken, next_number
from simulator.business_time import add_banking_days, is_banking_day
from simulator.store import Json, Transaction
from simulator.world import World

CREDITED_AT, RETURNED_AT, STATED_AT = time(6), time(7), time(19)


def receive(world: World, tx: Transaction, content: bytes) -> Json:
    """Take a file of debits or payouts; what became of it at once, in words."""
    digest = hashlib.sha256(content).hexdigest()
    family = world.config.bank_statement_family
    try:
        root = parsed(content)
        if is_payouts(root):
            payouts = read_payouts(root, tx.business_now.date())
            known = tx.get("bank_file", payouts.message_id)
            return _take_payouts(tx, payouts, digest, family) if known is None else _again(known, digest)
        order = order_in(root)
        known = tx.get("bank_file", order.message_id)
        if known is not None:
            return _again(known, digest)
        _refuse_untimely(world, tx, order)
    except Refused as refusal:
        file_refused(tx, refusal.message_id, refusal.code, refusal.why, family)
        return {"message_id": refusal.message_id, "state": "refused", "code": refusal.code, "why": refusal.why}
    return _take(tx, order, digest, family)


def _again(known: Json, digest: str) -> Json:
    if known["digest"] != digest:
        raise Refused("DU01", "Another file came under this message id before.", known["id"])
    return {"message_id": known["id"], "state": "known"}


def _refuse_untimely(world: World, tx: Transaction, order: Order) -> None:
    opens, days = tx.business_now.date(), 0
    while days < world.config.bank_lead_banking_days:
        opens += timedelta(days=1)
        days += is_banking_day(opens)
    if order.collect_on < opens:
        raise Refused("TM01", f"{order.collect_on} is too soon: {opens} is the first date.", order.message_id)


def _take(tx: Transaction, order: Order, digest: str, family: str) -> Json:
    refused, ends = [], []
    for debit in order.debits:
        outcome = decide(tx, debit)
        if debit.problem:
            refused.append(Refusal(debit.end_to_end_id, debit.problem, debit.why))
        elif outcome.kind == REJECT:
            refused.append(Refusal(debit.end_to_end_id, outcome.code))
        else:
            ends.append({"debit": asdict(debit), "outcome": asdict(outcome)})
    file_taken(tx, order, refused, family)
    tx.save(
        "bank_file",
        {
            "id": order.message_id,
            "digest": digest,
            "account": order.creditor_iban,
            "payment_information_id": order.payment_information_id,
            "collect_on": order.collect_on.isoformat(),
            "sequence": order.sequence,
            "count": len(order.debits),
            "amount_minor": sum(debit.amount_minor for debit in order.debits),
            "references": [debit.end_to_end_id for debit in order.debits],
            "received_at": tx.business_now.isoformat(),
        },
    )
    if ends:
        tx.schedule(
            "bank_credit", {"file": order.message_id, "ends": ends}, business=_at(order.collect_on, CREDITED_AT)
        )
    return {"message_id": order.message_id, "state": "taken", "refused": len(refused)}


def _take_payouts(tx: Transaction, order: PayoutOrder, digest: str, family: str) -> Json:
    refused, ends = sorted_out(tx, order)
    file_taken(tx, order, refused, family)
    tx.save(
        "bank_file",
        {
            "id": order.message_id,
            "digest": digest,
            "account": order.payer_iban,
            "payment_information_id": order.payment_information_id,
            "collect_on": order.pay_on.isoformat(),
            "sequence": "",
            "count": len(order.payouts),
            "amount_minor": -sum(payout.amount_minor for payout in order.payouts),
            "references": [payout.end_to_end_id for payout in order.payouts],
            "received_at": tx.business_now.isoformat(),
        },
    )
    if ends:
        leaves = max(_at(order.pay_on, CREDITED_AT), tx.business_now + timedelta(minutes=30))
        tx.schedule("bank_pay_out", {"file": order.message_id, "ends": ends}, business=leaves)
    return {"message_id": order.message_id, "state": "taken", "refused": len(refused)}


def pay_out(world: World, tx: Transaction, job: Json) -> None:
    """The day of a file of payouts: each leaves our account, and what no account takes comes back later."""
    file = tx.get("bank_file", job["file"])
    if file is None:
        return
    for end in job["ends"]:
        payout, outcome = end["debit"], end["outcome"]
        detail = {**detail_of(tx, payout, -payout["amount_minor"]), "party": "Cdtr"}
        book(world, tx, file["account"], [detail], ("ICDT", "ESCT"), None)
        if outcome["kind"] != SETTLE:
            due = add_banking_days(_at(tx.business_now.date(), RETURNED_AT), outcome["days"])
            back = {"account": file["account"], "payout": payout, "code": outcome["code"]}
            tx.schedule("bank_payout_return", back, business=due)


def send_back(world: World, tx: Transaction, job: Json) -> None:
    """A payout that no account took: its amount is ours again."""
    payout = job["payout"]
    detail = {**detail_of(tx, payout, payout["amount_minor"], code=job["code"]), "party": "Cdtr"}
    book(world, tx, job["account"], [detail], ("ICDT", "RRTN"), None)


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, tzinfo=UTC)


def credit(world: World, tx: Transaction, job: Json) -> None:
    """The debit date: the sum of the file is credited, and what comes back later is put on the clock."""
    file = tx.get("bank_file", job["file"])
    if file is None:
        return
    details = [detail_of(tx, end["debit"], end["debit"]["amount_minor"]) for end in job["ends"]]
    batch = {"message_id": file["id"], "payment_information_id": file["payment_information_id"]}
    collect_on = date.fromisoformat(file["collect_on"])
    book(world, tx, file["account"], details, ("IDDT", "ESDD"), batch, collect_on)
    for end in job["ends"]:
        if end["outcome"]["kind"] != SETTLE:
            due = add_banking_days(_at(collect_on, RETURNED_AT), end["outcome"]["days"])
            job = {"account": file["account"], "on": due.date().isoformat(), **end}
            tx.schedule("bank_return", job, business=due)


def give_back(world: World, tx: Transaction, job: Json) -> None:
    """A debit is returned or refunded: its amount and the fee leave our account."""
    debit, outcome = job["debit"], job["outcome"]
    taken = int(job.get("amount_minor") or debit["amount_minor"]) + outcome["fee_minor"]
    detail = detail_of(tx, debit, -taken, code=outcome["code"], fee=outcome["fee_minor"])
    on = date.fromisoformat(job["on"]) if "on" in job else None
    book(world, tx, job["account"], [detail], ("IDDT", "UPDD"), None, on)


def detail_of(tx: Transaction, debit: Json, amount_minor: int, code: str = "", fee: int = 0) -> Json:
    """One payment of an entry."""
    return {
        "id": f"BK{next_number(tx, 'bank_details'):010d}",
        "end_to_end_id": debit["end_to_end_id"],
        "mandate_id": debit["mandate_id"],
        "name": debit["name"],
        "iban": debit["iban"],
        "remittance": debit["remittance"],
        "amount_minor": amount_minor,
        "return_code": code,
        "fee_minor": fee,
    }


def book(
    world: World,
    tx: Transaction,
    account: str,
    details: list[Json],
    code: tuple[str, str],
    batch: Json | None,
    on: date | None = None,
) -> Json:
    """Book an entry, tell of it, and see that the day gets its statement."""
    day = _booking_day(tx, account, on or tx.business_now.date())
    entry = {
        "id": f"EN{next_number(tx, 'bank_entries'):010d}",
        "account": account,
        "amount_minor": sum(detail["amount_minor"] for detail in details),
        "booked_on": day.isoformat(),
        "family": code[0],
        "sub_family": code[1],
        "batch": batch,
        "details": details,
    }
    tx.save("bank_entry", entry)
    statements.notify(tx, account, entry, world.config.bank_statement_family)
    planned = f"{account}:{day}"
    if tx.get("bank_day", planned) is None:
        tx.save("bank_day", {"id": planned, "stated": False})
        tx.schedule("bank_state", {"account": account, "day": day.isoformat()}, business=_at(day, STATED_AT))
    return entry


def _booking_day(tx: Transaction, account: str, day: date) -> date:
    """A day that was stated is closed: what comes after it is booked on the next banking day."""
    while not is_banking_day(day) or (tx.get("bank_day", f"{account}:{day}") or {}).get("stated"):
        day += timedelta(days=1)
    return day


def state(world: World, tx: Transaction, job: Json) -> None:
    """The end of a booking day."""
    entries = tx.find("bank_entry", {"account": job["account"], "booked_on": job["day"]})[::-1]
    day = date.fromisoformat(job["day"])
    tx.save("bank_day", {"id": f"{job['account']}:{day}", "stated": True})
    statements.state(tx, job["account"], day, entries, world.config.bank_statement_family)


def a_transfer(world: World, tx: Transaction, given: Json) -> Json:
    """Somebody transfers money to us, or the bank takes a fee (a negative amount)."""
    amount = int(given["amount_minor"])
    if not amount:
        raise ValueError("amount_minor must not be 0.")
    payer = Debit(
        end_to_end_id=str(given.get("end_to_end_id", "")),
        amount_minor=abs(amount),
        mandate_id="",
        name=str(given.get("name", "Jenny Rosen")),
        iban=str(given.get("iban", "DE89370400440532013000")),
        remittance=str(given.get("text", "")),
    )
    code = ("RCDT", "ESCT") if amount > 0 else ("MDOP", "CHRG")
    return book(world, tx, str(given["account"]), [detail_of(tx, asdict(payer), amount)], code, None)


def a_return(world: World, tx: Transaction, given: Json) -> Json:
    """Give a settled debit back now, for a reason, in full or in part."""
    entries = tx.find("bank_entry", {"sub_family": "ESDD"})
    for entry in entries:
        for detail in entry["details"]:
            if detail["end_to_end_id"] == given["end_to_end_id"]:
                outcome = {"code": given.get("code", "MD06"), "fee_minor": int(given.get("fee_minor", 0))}
                job = {"account": entry["account"], "debit": detail, "outcome": outcome}
                give_back(world, tx, {**job, "amount_minor": given.get("amount_minor")})
                return {"returned": detail["end_to_end_id"]}
    raise ValueError(f"no settled debit {given['end_to_end_id']}; GET /bank/files lists what came.")
