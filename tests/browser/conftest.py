"""A real Chromium, and windows that tell what goes wrong in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.browser.chromium import ARGUMENTS, find_chromium


# Not for the whole session: its loop of events would stay in the way of others' tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; tests skip where there is none."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        expect.set_options(timeout=30_000)
        yield browser
        browser.close()


@pytest.fixture
def problems() -> list[str]:
    """What consoles of windows complained about, CSP violations among it."""
    return []


@pytest.fixture
def open_window(browser: Browser, problems: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens windows: open_window(width=1920, height=1080, color_scheme="light", ...)."""
    opened: list[Any] = []

    def open_(width: int = 1920, height: int = 1080, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        opened.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda said: problems.append(said.text) if said.type in ("error", "warning") else None,
        )
        return page

    yield open_
    for context in opened:
        context.close()
