"""GSMA TAP3 files: what kind of file it is, its control information, and where its call events lie.

A transfer batch is one element that holds all calls in a list. Only its small parts are read whole; the list is
walked call by call. NRTRDE fraud files share the root tag of TAP and are told apart by what is inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from billing.adapters.usage_formats.asn1_layouts import Layouts
from billing.adapters.usage_formats.ber import BerFile, BrokenFraming, Element, read_tree
from billing.adapters.usage_formats.values import Damaged

_APPLICATION = 1
_TRANSFER_BATCH, _NOTIFICATION = 1, 2
_CALL_EVENTS, _BATCH_CONTROL, _ACCOUNTING, _NETWORK, _MESSAGES, _AUDIT = 3, 4, 5, 6, 8, 15
_PARTS_OF_A_BATCH = {_CALL_EVENTS, _BATCH_CONTROL, _ACCOUNTING, _NETWORK, _MESSAGES, _AUDIT}
_NRTRDE_SPECIFICATION_VERSION = 41
_OTHER_ROOTS = {534: "a returned account (RAP) file", 535: "an acknowledgement (RAP) file"}
_LONGEST_CONTROL_BYTES = 1024 * 1024
_MOST_DECIMALS = 6


class NotTap(Exception):
    """The file is not a TAP file that can be billed; the message says what it is."""


@dataclass(frozen=True, slots=True)
class BatchContext:
    """What the calls of a batch refer to. ``offsets`` and ``rates`` by their codes; a rate is local units per unit."""

    sender: str = ""
    sequence: str = ""
    file_type: str = ""
    decimals: int = 0
    tap_currency: str = ""
    local_currency: str = ""
    offsets: Mapping[int, str] = field(default_factory=dict)
    rates: Mapping[int, Decimal] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """The currency of all charges."""
        return self.tap_currency or self.local_currency


@dataclass(frozen=True, slots=True)
class Audit:
    """The declared totals, in units of the last decimal; None where nothing is declared."""

    count: int | None = None
    charge: int | None = None
    tax: int | None = None


@dataclass(frozen=True, slots=True)
class TapFile:
    """A surveyed file, up to ``end``; ``calls`` is None in a notification and in a batch without a list of calls."""

    is_notification: bool
    context: BatchContext
    calls: Element | None = None
    audit: Audit | None = None
    end: int = 0


@cache
def definitions() -> Any:
    """pycrate's TAP 3.12, loaded when the first such file is read."""
    from pycrate_asn1dir import TAP3

    return TAP3.TAP_0312


@cache
def layouts() -> Layouts:
    """The readers of all TAP types."""
    return Layouts()


def survey(opened: BerFile) -> TapFile:
    """What a file is and where its calls are, without reading them.

    Raises NotTap for other files, BrokenFraming and Damaged when the control information cannot be read.
    """
    start = opened.after_fillers(0)
    if start == opened.size:
        raise NotTap("The file is empty.")
    (kind, number), is_constructed = opened.tag_at(start)
    if kind != _APPLICATION or number not in (_TRANSFER_BATCH, _NOTIFICATION) or not is_constructed:
        raise NotTap(f"This is {_OTHER_ROOTS.get(number, 'not a TAP file')}: its root tag is {kind}/{number}.")
    root = opened.open_at(start)
    if number == _NOTIFICATION:
        values = _read_part(opened, root, definitions().Notification)
        context = BatchContext(_text(values, "sender"), _text(values, "fileSequenceNumber"))
        return TapFile(True, context, end=root.next)
    return _survey_batch(opened, root)


def _survey_batch(opened: BerFile, root: Element) -> TapFile:
    parts: dict[int, Any] = {}
    calls: Element | None = None
    end = root.start
    for part in opened.children(root):
        kind, number = part.tag
        end = part.next
        if kind == _APPLICATION and number == _NRTRDE_SPECIFICATION_VERSION:
            raise NotTap("This is a near real time roaming (NRTRDE) file for fraud control; it is never billed.")
        if kind != _APPLICATION or number not in _PARTS_OF_A_BATCH:
            raise NotTap(f"This is not a TAP transfer batch: it contains an element {kind}/{number}.")
        if number == _CALL_EVENTS:
            calls = part
        elif number in _definitions_of_parts():
            parts[number] = _read_part(opened, part, _definitions_of_parts()[number])
    if _BATCH_CONTROL not in parts:
        raise NotTap("This is not a TAP transfer batch: it has no batch control information.")
    context = _context(parts)
    if context.file_type == "T":
        raise NotTap("This is a test file (file type indicator T); it is never billed.")
    return TapFile(False, context, calls, _audit(parts.get(_AUDIT)), end + 2 if root.is_indefinite else root.next)


@cache
def _definitions_of_parts() -> Mapping[int, Any]:
    tap = definitions()
    return {
        _BATCH_CONTROL: tap.BatchControlInfo,
        _ACCOUNTING: tap.AccountingInfo,
        _NETWORK: tap.NetworkInfo,
        _AUDIT: tap.AuditControlInfo,
    }


def _read_part(opened: BerFile, part: Element, definition: Any) -> Mapping[str, Any]:
    if part.end - part.at > _LONGEST_CONTROL_BYTES:
        raise BrokenFraming(part.at, f"The control information is longer than {_LONGEST_CONTROL_BYTES} bytes.")
    values: Mapping[str, Any] = layouts().reader(definition)(read_tree(opened.whole(part)), definition._name)
    return values


def _context(parts: Mapping[int, Any]) -> BatchContext:
    control, accounting = parts[_BATCH_CONTROL], parts.get(_ACCOUNTING, {})
    decimals = accounting.get("tapDecimalPlaces", 0)
    if not 0 <= decimals <= _MOST_DECIMALS:
        raise Damaged("tapDecimalPlaces", f"{decimals} decimal places are not from 0 to {_MOST_DECIMALS}.")
    return BatchContext(
        sender=_text(control, "sender"),
        sequence=_text(control, "fileSequenceNumber"),
        file_type=_text(control, "fileTypeIndicator"),
        decimals=decimals,
        tap_currency=_text(accounting, "tapCurrency"),
        local_currency=_text(accounting, "localCurrency"),
        offsets={
            row["utcTimeOffsetCode"]: _text(row, "utcTimeOffset")
            for row in parts.get(_NETWORK, {}).get("utcTimeOffsetInfo", ())
            if "utcTimeOffsetCode" in row
        },
        rates=dict(_rates(accounting)),
    )


def _rates(accounting: Mapping[str, Any]) -> Iterator[tuple[int, Decimal]]:
    for row in accounting.get("currencyConversionInfo", ()):
        code, rate, decimals = (row.get(name) for name in ("exchangeRateCode", "exchangeRate", "numberOfDecimalPlaces"))
        if code is not None and rate is not None and rate > 0 and decimals is not None and 0 <= decimals <= 12:
            yield code, Decimal(rate).scaleb(-decimals)


def _audit(values: Mapping[str, Any] | None) -> Audit | None:
    if values is None:
        return None
    return Audit(values.get("callEventDetailsCount"), values.get("totalCharge"), values.get("totalTaxValue"))


def _text(values: Mapping[str, Any], name: str) -> str:
    written = values.get(name, b"")
    return written.decode("ascii", "backslashreplace").strip() if isinstance(written, bytes) else str(written)
