"""A page to write on from the top down: it breaks by itself, and repeats its footer."""

from __future__ import annotations

import io

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
MARGIN = 54.0
RIGHT = WIDTH - MARGIN
BOTTOM = 64.0
INK = HexColor("#1b2733")
QUIET = HexColor("#5c6b7a")
RULE = HexColor("#d9e0e6")
ACCENT = HexColor("#0b6e69")
PALE = HexColor("#e8f3f2")
REGULAR, BOLD = "Helvetica", "Helvetica-Bold"


class Page:
    """Points from the bottom left; ``y`` is where the next line goes."""

    def __init__(self, title: str, author: str, language: str, footer: str) -> None:
        self._buffer = io.BytesIO()
        self.canvas = Canvas(self._buffer, pagesize=A4, lang=language, invariant=1)
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)
        self._footer = footer
        self._number = 1
        self.y = HEIGHT - MARGIN

    def text(
        self, x: float, words: str, *, size: float = 9.5, font: str = REGULAR, color: Color = INK, right: bool = False
    ) -> None:
        """Write at ``x`` on the present line; ``right`` ends there."""
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(color)
        draw = self.canvas.drawRightString if right else self.canvas.drawString
        draw(x, self.y, printable(words))

    def down(self, points: float, keep: float = 0.0) -> None:
        """Go down; on to a new page when less than ``keep`` would be left."""
        self.y -= points
        if self.y - keep < BOTTOM:
            self.turn()

    def rule(self) -> None:
        """A thin line across."""
        self.canvas.setStrokeColor(RULE)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(MARGIN, self.y, RIGHT, self.y)

    def turn(self) -> None:
        """Finish this page and begin the next."""
        self._write_footer()
        self.canvas.showPage()
        self._number += 1
        self.y = HEIGHT - MARGIN

    def finish(self) -> bytes:
        """The document."""
        self._write_footer()
        self.canvas.showPage()
        self.canvas.save()
        return self._buffer.getvalue()

    def _write_footer(self) -> None:
        self.canvas.setFont(REGULAR, 7.5)
        self.canvas.setFillColor(QUIET)
        self.canvas.drawString(MARGIN, 36, printable(self._footer.format(page=self._number)))


def printable(words: str) -> str:
    """What the standard fonts can show: the narrow spaces of some locales become ordinary ones."""
    plain = words.replace("\u202f", "\u00a0").replace("\u2009", " ").replace("\u2212", "-")
    return plain.encode("cp1252", "replace").decode("cp1252")


def wrapped(words: str, width: float, size: float, font: str = REGULAR) -> list[str]:
    """Break a text into lines no wider than ``width`` points."""
    lines: list[str] = []
    line = ""
    for word in printable(words).split():
        candidate = f"{line} {word}".strip()
        if line and stringWidth(candidate, font, size) > width:
            lines.append(line)
            candidate = word
        line = candidate
    return [*lines, line] if line else lines
