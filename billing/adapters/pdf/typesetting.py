"""Typst as we use it: one layout, the texts of one document, and a PDF for screen readers that lasts."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import font_source_sans_pro
from typst import Compiler, Fonts, TypstError

if TYPE_CHECKING:
    from typst import PDFStandard

_STANDARDS: Final[list[PDFStandard]] = ["a-3a", "ua-1"]
_SHAPELESS = re.compile(r'the text `?"(.+?)"`? could not be displayed', re.DOTALL)
_PLAIN = 0x17F  # Latin with all its accents: never taken away
_EAST_ASIA, _BEYOND = 0x2E80, 0x10000
_LAYOUTS = files("billing.adapters.pdf")


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


class Typesetter:
    """Fills one layout. The same texts always give the same bytes; one compiler serves all threads, one by one."""

    def __init__(self, layout: str) -> None:
        self._compiler = Compiler(str(_LAYOUTS / layout), font_paths=_fonts())
        self._turn = threading.Lock()

    def pdf(self, contents: Mapping[str, Any], day: date, more: Mapping[str, str] | None = None) -> bytes:
        """The document of a day as PDF/A-3a and PDF/UA-1. Raises TypstError for what cannot be drawn.

        The standards allow no letter without a shape: one that no font of ours has is printed as a question mark.
        """
        inputs = {"data": json.dumps(contents, ensure_ascii=False), **(more or {})}
        dated = datetime.combine(day, datetime.min.time(), UTC)
        while True:
            try:
                return self._compiled(inputs, dated)
            except TypstError as why:
                shown = _without_shapeless(inputs["data"], why.message)
                if shown == inputs["data"]:
                    raise
                inputs = inputs | {"data": shown}

    def _compiled(self, inputs: dict[str, str], dated: datetime) -> bytes:
        with self._turn:
            drawn = self._compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=_STANDARDS, timestamp=dated)
        if not isinstance(drawn, bytes):
            raise TypeError("the typesetter gave several files for one document")
        return drawn
