"""Every mail as a client shows it: narrow and wide, light and dark, it fits and can be used by everybody."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from billing.adapters.pdf import TypsetLogos
from billing.messages.notices import NoticeKind
from tests.browser.test_every_page import findings_of, overflow_of
from tests.builders_mails import A_LETTERHEAD, a_mail

pytestmark = pytest.mark.xdist_group("worlds")
LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = ((320, "light"), (600, "dark"))


@pytest.fixture(scope="module")
def logo() -> str:
    return base64.b64encode(TypsetLogos().png(A_LETTERHEAD)).decode()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    opened = chromium.new_page()
    yield opened
    opened.close()


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_mail_fits_and_can_be_used_by_everybody(kind: NoticeKind, page: Page, logo: str) -> None:
    page.set_content(a_mail(kind, "de").html.replace("cid:logo", f"data:image/png;base64,{logo}"))
    problems = []
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 640})
        page.emulate_media(color_scheme=scheme)
        problems += [f"{width} {scheme}: {finding}" for finding in findings_of(page)]
        if overflow_of(page) > 0:
            problems.append(f"{width} {scheme}: {overflow_of(page)} pixels wider than the window")
    assert problems == []


def test_what_is_wrong_is_found(page: Page) -> None:
    page.set_content('<html><body><img src="x.png"><p style="color:#999;background:#aaa">pale</p></body></html>')
    found = " ".join(findings_of(page))
    assert ("image-alt" in found, "color-contrast" in found) == (True, True)
