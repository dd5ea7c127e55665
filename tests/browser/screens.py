"""Pictures of everything people see, to look at: ``make screens`` puts them into build/screens with an index.

Pages come from the test that visits every page of one running system; mails and documents are drawn here.
"""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import font_source_sans_pro
from playwright.sync_api import sync_playwright
from typst import Compiler, Fonts

from billing.adapters.pdf import TypsetLogos
from billing.adapters.pdf.contents import contents_of
from billing.adapters.pdf.statement import contents_of_statement
from billing.messages.notices import NoticeKind
from billing.ports.documents import InvoiceDocument
from tests.browser.console_server import browser_path
from tests.builders_documents import a_credit_note
from tests.builders_mails import A_LETTERHEAD, a_mail, an_invoice
from tests.builders_statements import LATE, a_statement

EVERY_PAGE = "tests/browser/test_every_page.py"
MAIL_LOOKS = (("narrow", 320, "light"), ("wide", 600, "light"), ("wide", 600, "dark"))
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;background:#eee;color:#111}"
    "section{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}figure{margin:0;background:#fff;padding:.5rem}"
    "img{max-height:36rem;max-width:36rem;display:block}figcaption{font-size:.875rem}"
)


def main(arguments: Sequence[str]) -> int:
    """Take them all; the exit code is that of the pages' test, which goes on after a finding."""
    directory = Path(arguments[0] if arguments else "build/screens").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("*.png"):
        old.unlink()
    command = [sys.executable, "-m", "pytest", "-q", EVERY_PAGE, *arguments[1:]]
    done = subprocess.run(command, env=os.environ | {"EVENFLOW_PICTURES": str(directory)}, check=False)
    take_mails(directory)
    take_documents(directory)
    write_index(directory)
    print(f"{len(list(directory.glob('*.png')))} pictures: {directory / 'index.html'}")
    return done.returncode


def take_mails(directory: Path) -> None:
    """Each kind of mail, narrow and wide, light and dark, with its logo."""
    logo = base64.b64encode(TypsetLogos().png(A_LETTERHEAD)).decode()
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        for kind in NoticeKind:
            source = a_mail(kind).html.replace("cid:logo", f"data:image/png;base64,{logo}")
            for name, width, scheme in MAIL_LOOKS:
                page = browser.new_page(viewport={"width": width, "height": 640})
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                page.set_content(source)
                page.screenshot(path=directory / f"mail-{kind.value}-{name}-{scheme}.png", full_page=True)
                page.close()
        browser.close()


def take_documents(directory: Path) -> None:
    """Every page of an invoice, a credit note and a statement."""
    for name, layout, contents in documents():
        for place, picture in enumerate(_drawn(layout, contents), start=1):
            (directory / f"document-{name}-{place}.png").write_bytes(picture)


def documents() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, layout and texts."""
    yield "invoice", "invoice.typ", contents_of(_with_head(an_invoice()))
    yield "credit-note", "invoice.typ", contents_of(_with_head(a_credit_note()))
    made = replace(a_statement("nl_NL", 12), letterhead=A_LETTERHEAD, open_items=[LATE])
    yield "statement", "statement.typ", contents_of_statement(made)


def _with_head(document: InvoiceDocument) -> InvoiceDocument:
    return replace(document, letterhead=A_LETTERHEAD)


def _drawn(layout: str, contents: Mapping[str, Any]) -> list[bytes]:
    fonts = Fonts(include_system_fonts=False, font_paths=[str(files(font_source_sans_pro) / "files")])
    compiler = Compiler(str(files("billing.adapters.pdf") / layout), font_paths=fonts)
    drawn = compiler.compile(format="png", ppi=80.0, sys_inputs={"data": json.dumps(contents)})
    return [drawn] if isinstance(drawn, bytes) else [one for one in drawn or [] if isinstance(one, bytes)]


def write_index(directory: Path) -> None:
    """A page that shows them side by side, those of one page together."""
    groups: dict[str, list[str]] = {}
    for picture in sorted(directory.glob("*.png")):
        name = picture.stem
        for size in ("phone", "desk", "narrow", "wide"):
            name = name.removesuffix(f"-{size}-light").removesuffix(f"-{size}-dark")
        groups.setdefault(name, []).append(picture.name)
    parts = [
        f"<h2>{html.escape(name)}</h2><section>"
        + "".join(
            f'<figure><a href="{one}"><img loading="lazy" src="{one}" alt="{html.escape(one)}"></a>'
            f"<figcaption>{html.escape(one)}</figcaption></figure>"
            for one in pictures
        )
        + "</section>"
        for name, pictures in groups.items()
    ]
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Screens</title><style>{_STYLE}</style>'
    (directory / "index.html").write_text(f"{page}<h1>Screens</h1>{''.join(parts)}</html>", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
