"""Files as banks write them: camt.052 to camt.054 and pain.002 in old and new versions, from a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape

OUR_IBAN = "DE89370400440532013000"
THEIR_IBAN = "NL91ABNA0417164300"
DAY = date(2027, 2, 1)


@dataclass(frozen=True)
class Pay:
    """One payment within a booking, in cents, positive for money that comes."""

    minor: int
    end_to_end_id: str = ""
    remittance: str = ""
    structured: str = ""
    name: str = "J. Jansen"
    iban: str = THEIR_IBAN
    return_code: str = ""
    original_minor: int = 0
    charges_minor: int = 0


@dataclass(frozen=True)
class Booking:
    """One entry of the account; its amount is the sum of its payments unless it is said."""

    payments: tuple[Pay, ...] = ()
    minor: int = 0
    reference: str = ""
    day: date = DAY
    code: str = "PMNT/RCDT/ESCT"
    batch: str = ""
    status: str = "BOOK"
    reversal: bool = False
    text: str = ""

    @property
    def amount(self) -> int:
        return self.minor or sum(one.minor for one in self.payments)

    def bare(self) -> Booking:
        """The same booking without its payments, as a statement sums it up."""
        return replace(self, minor=self.amount, payments=())


@dataclass(frozen=True)
class Account:
    """A statement or notification: ``opening`` in cents; None for no balances."""

    bookings: Sequence[Booking] = field(default_factory=tuple)
    opening: int | None = 0
    closing: int | None = None
    sequence: int | None = 1
    iban: str = OUR_IBAN
    name: str = "STMT-1"
    summary: str = ""


def incoming(minor: int, remittance: str = "", reference: str = "", **more: str) -> Booking:
    """A customer's transfer."""
    return Booking((Pay(minor, remittance=remittance, **more),), reference=reference)


def settlement(minor: int, end_to_end_id: str, reference: str = "") -> Booking:
    """A direct debit of ours that was credited."""
    return Booking((Pay(minor, end_to_end_id),), reference=reference, code="PMNT/IDDT/ESDD")


def returned(minor: int, end_to_end_id: str, code: str, fee: int = 0, reference: str = "") -> Booking:
    """A direct debit that came back; with a fee the bank takes more than was collected, and says so."""
    payment = Pay(-minor - fee, end_to_end_id, return_code=code, original_minor=minor, charges_minor=fee)
    return Booking((payment,), reference=reference, code="PMNT/IDDT/UPDD", reversal=True)


def camt053(account: Account, version: str = "08", message: str = "CAMT-1") -> bytes:
    """A statement file."""
    inner = _account(account, version, balances=True)
    return _document(f"camt.053.001.{version}", "BkToCstmrStmt", f"{_head(message)}<Stmt>{inner}</Stmt>")


def camt054(account: Account, version: str = "08", message: str = "NTF-1") -> bytes:
    """A notification file."""
    inner = _account(account, version, balances=False)
    return _document(f"camt.054.001.{version}", "BkToCstmrDbtCdtNtfctn", f"{_head(message)}<Ntfctn>{inner}</Ntfctn>")


def camt052(account: Account, version: str = "08", message: str = "RPT-1") -> bytes:
    """A report of the running day; its balance is that of the moment."""
    interim = f"<Bal><Tp><CdOrPrtry><Cd>ITBD</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{euros(1)}</Amt>{_sign(1)}"
    inner = _account(replace(account, summary=f"{interim}<Dt><Dt>{DAY}</Dt></Dt></Bal>"), version, balances=False)
    return _document(f"camt.052.001.{version}", "BkToCstmrAcctRpt", f"{_head(message)}<Rpt>{inner}</Rpt>")


def pain002(
    original: str,
    *,
    group: str = "",
    batch: str = "",
    debits: Sequence[tuple[str, str, str]] = (),
    reason: str = "",
    version: str = "10",
    message: str = "STS-1",
) -> bytes:
    """A status file: ``debits`` as end-to-end id, status and reason; ``reason`` is the group's or the batch's."""
    why = _why(reason) if reason else ""
    group_part = f"<GrpSts>{group}</GrpSts>{why}" if group else ""
    inner = f"<OrgnlGrpInfAndSts><OrgnlMsgId>{original}</OrgnlMsgId>{group_part}</OrgnlGrpInfAndSts>"
    rows = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{end}</OrgnlEndToEndId><TxSts>{status}</TxSts>{_why(code) if code else ''}"
        f"<OrgnlTxRef><Amt><InstdAmt Ccy='EUR'>1.00</InstdAmt></Amt></OrgnlTxRef></TxInfAndSts>"
        for end, status, code in debits
    )
    if rows or batch:
        status = f"<PmtInfSts>{batch}</PmtInfSts>{why}" if batch else ""
        inner += f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{original}</OrgnlPmtInfId>{status}{rows}</OrgnlPmtInfAndSts>"
    return _document(f"pain.002.001.{version}", "CstmrPmtStsRpt", _head(message) + inner)


def _why(code: str) -> str:
    return f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn><AddtlInf>as the bank says</AddtlInf></StsRsnInf>"


def _document(name: str, content: str, inner: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{name}">'
        f"<{content}>{inner}</{content}></Document>"
    ).encode()


def _head(message: str) -> str:
    return f"<GrpHdr><MsgId>{message}</MsgId><CreDtTm>2027-02-01T18:00:00+01:00</CreDtTm></GrpHdr>"


def euros(minor: int) -> str:
    """An amount as files have it, never signed."""
    return f"{Decimal(abs(minor)).scaleb(-2):.2f}"


def _account(account: Account, version: str, *, balances: bool) -> str:
    number = "" if account.sequence is None else f"<ElctrncSeqNb>{account.sequence}</ElctrncSeqNb>"
    parts = [f"<Id>{account.name}</Id>{number}<Acct><Id><IBAN>{account.iban}</IBAN></Id><Ccy>EUR</Ccy></Acct>"]
    if balances and account.opening is not None:
        booked = sum(one.amount for one in account.bookings if one.status == "BOOK")
        closing = account.opening + booked if account.closing is None else account.closing
        parts += [_balance("OPBD", account.opening), _balance("CLBD", closing)]
    return "".join([*parts, account.summary, *(_entry(one, version) for one in account.bookings)])


def _balance(kind: str, minor: int) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{euros(minor)}</Amt>{_sign(minor)}"
        f"<Dt><Dt>{DAY}</Dt></Dt></Bal>"
    )


def _sign(minor: int) -> str:
    return f"<CdtDbtInd>{'CRDT' if minor >= 0 else 'DBIT'}</CdtDbtInd>"


def _entry(booking: Booking, version: str) -> str:
    domain, family, sub = booking.code.split("/")
    status = f"<Cd>{booking.status}</Cd>" if version >= "08" else booking.status
    reference = f"<AcctSvcrRef>{booking.reference}</AcctSvcrRef>" if booking.reference else ""
    batch = f"<Btch><PmtInfId>{booking.batch}</PmtInfId></Btch>" if booking.batch else ""
    payments = "".join(_payment(one, version) for one in booking.payments)
    return (
        f"<Ntry><Amt Ccy='EUR'>{euros(booking.amount)}</Amt>{_sign(booking.amount)}"
        f"{'<RvslInd>true</RvslInd>' if booking.reversal else ''}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{booking.day}</Dt></BookgDt><ValDt><Dt>{booking.day}</Dt></ValDt>{reference}"
        f"<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{batch}{payments}</NtryDtls>"
        f"{f'<AddtlNtryInf>{escape(booking.text)}</AddtlNtryInf>' if booking.text else ''}</Ntry>"
    )


def _payment(pay: Pay, version: str) -> str:
    name = f"<Nm>{escape(pay.name)}</Nm>"
    party = f"<Pty>{name}</Pty>" if version >= "08" else name
    role = "Dbtr" if pay.minor >= 0 or pay.return_code else "Cdtr"
    amount = f"<Amt Ccy='EUR'>{euros(pay.minor)}</Amt>{_sign(pay.minor)}" if version >= "08" else _old_amount(pay)
    instructed = f"<InstdAmt><Amt Ccy='EUR'>{euros(pay.original_minor)}</Amt></InstdAmt>" if pay.original_minor else ""
    if version >= "08" and instructed:
        amount += f"<AmtDtls>{instructed}</AmtDtls>"
    reason = f"<RtrInf><Rsn><Cd>{pay.return_code}</Cd></Rsn></RtrInf>" if pay.return_code else ""
    structured = f"<Strd><CdtrRefInf><Ref>{pay.structured}</Ref></CdtrRefInf></Strd>" if pay.structured else ""
    words = f"<Ustrd>{escape(pay.remittance)}</Ustrd>" if pay.remittance else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{pay.end_to_end_id or 'NOTPROVIDED'}</EndToEndId></Refs>{amount}"
        f"{_charges(pay, version)}"
        f"<RltdPties><{role}>{party}</{role}><{role}Acct><Id><IBAN>{pay.iban}</IBAN></Id></{role}Acct></RltdPties>"
        f"<RmtInf>{words}{structured}</RmtInf>{reason}</TxDtls>"
    )


def _old_amount(pay: Pay) -> str:
    """The second version has no amount of a payment but among its details."""
    original = f"<InstdAmt><Amt Ccy='EUR'>{euros(pay.original_minor)}</Amt></InstdAmt>" if pay.original_minor else ""
    return f"<AmtDtls>{original}<TxAmt><Amt Ccy='EUR'>{euros(pay.minor)}</Amt></TxAmt></AmtDtls>"


def _charges(pay: Pay, version: str) -> str:
    if not pay.charges_minor:
        return ""
    amount = f"<Amt Ccy='EUR'>{euros(pay.charges_minor)}</Amt>"
    return f"<Chrgs><Rcrd>{amount}</Rcrd></Chrgs>" if version >= "08" else f"<Chrgs>{amount}</Chrgs>"
