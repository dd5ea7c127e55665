"""Documents typeset with Typst: tagged for screen readers (PDF/UA-1), made to last (PDF/A-3), their data inside."""

from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import font_source_sans_pro
from typst import Compiler, Fonts, TypstError

from billing.adapters.pdf.contents import contents_of
from billing.adapters.pdf.facturx import with_facturx
from billing.adapters.structured import cii, ubl
from billing.domain.structured_invoice import StructuredInvoice
from billing.ports.documents import InvoiceDocument, Syntax, UnusableLogo

if TYPE_CHECKING:
    from typst import PDFStandard

_STANDARDS: Final[list[PDFStandard]] = ["a-3a", "ua-1"]
_SHAPELESS = re.compile(r'the text `?"(.+?)"`? could not be displayed', re.DOTALL)
_PLAIN = 0x17F  # Latin with all its accents: never taken away
_EAST_ASIA, _BEYOND = 0x2E80, 0x10000
_LAYOUT = files("billing.adapters.pdf") / "invoice.typ"


def _fonts() -> Fonts:
    """The one font that is used, whatever the machine has."""
    folder = str(files(font_source_sans_pro) / "files")
    return Fonts(include_system_fonts=False, font_paths=[folder])


def _without_shapeless(data: str, message: str) -> str:
    """The texts without what the typesetter says it cannot show, and without all letters of the same script."""
    found = _SHAPELESS.search(message)
    if found is None:
        return data
    scripts = {_script(letter) for letter in found[1] if ord(letter) > _PLAIN}
    return "".join("?" if ord(each) > _PLAIN and _script(each) in scripts else each for each in data)


def _script(letter: str) -> int:
    """About the script of a letter: its block of 256, and one for all of East Asia's."""
    return min(ord(letter), _EAST_ASIA if ord(letter) < _BEYOND else ord(letter)) >> 8


class PdfRenderer:
    """The same document always gives the same bytes. One compiler serves all threads, one after the other."""

    def __init__(self) -> None:
        self._compiler = Compiler(str(_LAYOUT), font_paths=_fonts())
        self._turn = threading.Lock()

    def pdf(self, document: InvoiceDocument, electronic: bytes = b"") -> bytes:
        inputs = {"data": json.dumps(contents_of(document), ensure_ascii=False)}
        if electronic:
            inputs["xml"] = electronic.decode()
        issued = datetime.combine(document.invoice.invoice_date, datetime.min.time(), UTC)
        try:
            drawn = self._drawn(inputs, issued)
        except TypstError as why:
            if document.letterhead.logo and "SVG" in why.message:
                raise UnusableLogo(why.message) from why
            raise
        return with_facturx(drawn) if electronic else drawn

    def _drawn(self, inputs: dict[str, str], issued: datetime) -> bytes:
        """The standards allow no letter without a shape: one that no font of ours has is printed as a question mark."""
        while True:
            try:
                with self._turn:
                    drawn = self._compiler.compile(
                        format="pdf", sys_inputs=inputs, pdf_standards=_STANDARDS, timestamp=issued
                    )
            except TypstError as why:
                shown = _without_shapeless(inputs["data"], why.message)
                if shown == inputs["data"]:
                    raise
                inputs = inputs | {"data": shown}
                continue
            if not isinstance(drawn, bytes):
                raise TypeError("the typesetter gave several files for one document")
            return drawn

    def electronic(self, invoice: StructuredInvoice, syntax: Syntax) -> bytes:
        return ubl(invoice) if syntax is Syntax.UBL else cii(invoice)
