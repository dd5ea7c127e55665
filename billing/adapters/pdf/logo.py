"""Logos of letterheads as pictures for mails."""

from __future__ import annotations

import threading
from functools import lru_cache
from importlib.resources import files

from typst import Compiler, TypstError

from billing.domain.letterhead import Letterhead

# The page is 11.6 mm high: with this many dots it has four times the 44 pixels of the mail's layout.
_DOTS_PER_INCH = 385.0
_BRANDS = 64


class TypsetLogos:
    """Draws each logo once, and remembers it."""

    def __init__(self) -> None:
        self._compiler = Compiler(str(files("billing.adapters.pdf") / "logo.typ"))
        self._turn = threading.Lock()
        self._drawn = lru_cache(_BRANDS)(self._draw)

    def png(self, letterhead: Letterhead) -> bytes:
        """On white; empty where there is none, or one that cannot be drawn."""
        return self._drawn(letterhead.logo) if letterhead.logo else b""

    def _draw(self, logo: str) -> bytes:
        try:
            with self._turn:
                picture = self._compiler.compile(format="png", ppi=_DOTS_PER_INCH, sys_inputs={"logo": logo})
        except TypstError:  # the name of the brand stands in its place
            return b""
        return picture if isinstance(picture, bytes) else b""
