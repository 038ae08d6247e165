"""Takes pictures of the page in all its states, to be looked at:

python -m tests.browser.pictures FOLDER [NAME...]
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.page_stage import (
    FACE,
    INCORRECT,
    NOT_WORN,
    SILL,
    UNSURE,
    WORN,
    PageStage,
    daily_hours,
)

PATIENCE_MS = 30_000


class Scene(NamedTuple):
    """A state of the page.

    Attributes:
        sign: What the sign says in the end.
        mask: Probabilities of the mask of whoever is there; None: nobody is.
        act: What else happens.
        path: Of the view.
        size: Of the window.
        scheme: "light" or "dark".
        asks_for_token: Whether the device does.
        counts: Whether people are counted.
    """

    sign: str
    mask: tuple[float, float, float] | None = None
    act: Callable[[PageStage, Page], None] = lambda stage, page: None
    path: str = "/"
    size: tuple[int, int] = (1920, 1080)
    scheme: str = "light"
    asks_for_token: bool = False
    counts: bool = True


def lose_camera(stage: PageStage, page: Page) -> None:
    stage.is_cut["door"].set()
    page.locator(".stale").wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(3000)


def lose_device(stage: PageStage, page: Page) -> None:
    stage.stop()
    page.locator("#silence").wait_for(state="visible", timeout=PATIENCE_MS)
    page.wait_for_timeout(1500)


def come_in(stage: PageStage, page: Page) -> None:
    stage.is_cut["yard"].set()
    x_min, y_min, x_max, y_max = FACE
    with stage.door.cameras["door"].follow(with_pictures=False) as following:
        for step in range(0, 140, 7):
            stage.show((x_min, y_min + step, x_max, y_max + step), mask=NOT_WORN)
            following.get(5)
    page.locator("#events li").nth(1).wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(2500)


SCENES = {
    "welcome": Scene("welcome"),
    "moment": Scene("moment", UNSURE),
    "worn": Scene("worn", WORN),
    "incorrect": Scene("incorrect", INCORRECT),
    "not-worn": Scene("not-worn", NOT_WORN),
    "dark": Scene("not-worn", NOT_WORN, scheme="dark"),
    "camera-lost": Scene("blind", act=lose_camera),
    "device-lost": Scene("welcome", act=lose_device),
    "german": Scene("not-worn", NOT_WORN, path="/?lang=de"),
    "arabic": Scene("not-worn", NOT_WORN, path="/?lang=ar"),
    "phone": Scene("incorrect", INCORRECT, size=(390, 844)),
    "phone-dark": Scene("worn", WORN, size=(390, 844), scheme="dark", path="/?lang=tr"),
    "tablet": Scene("not-worn", NOT_WORN, size=(1024, 600), path="/?lang=fr"),
    "uncounted": Scene("welcome", counts=False, size=(1280, 720)),
    "sign-in": Scene("", path="/sign-in", size=(1280, 720), asks_for_token=True),
    "operator": Scene("", act=come_in, path="/operator", size=(1600, 1300)),
    "operator-dark": Scene("", act=come_in, path="/operator?lang=ar", scheme="dark"),
    "operator-phone": Scene("", act=come_in, path="/operator?lang=es", size=(390, 844)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = find_chromium()
        if chromium is None:
            raise SystemExit("There is no Chromium: apt-get install chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name in options.names or SCENES:
            take(browser, SCENES[name], options.folder / f"{name}.png")
        browser.close()


def take(browser: Browser, scene: Scene, path: Path) -> None:
    """Takes the picture of a scene."""
    lines = [SILL] if scene.counts else []
    cameras = [{"name": name, "lines": lines} for name in ("door", "yard")]
    digest = hashlib.sha256(b"opensesame").hexdigest()
    token = {"name": "porter", "sha256": digest, "roles": ["watch"]}
    server = {"tokens": [token] if scene.asks_for_token else []}
    options: dict[str, Any] = {
        "viewport": {"width": scene.size[0], "height": scene.size[1]},
        "color_scheme": scene.scheme,
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        PageStage(Path(folder), cameras, hours=daily_hours(21), server=server) as stage,
        browser.new_context(**options) as context,
    ):
        if scene.mask is not None:
            stage.show(FACE, mask=scene.mask)
        page = context.new_page()
        page.goto(stage.url.rstrip("/") + scene.path, wait_until="commit")
        if scene.sign:
            said = "welcome" if scene.mask is None else scene.sign
            page.locator(f"[data-sign={said}]").wait_for(timeout=PATIENCE_MS)
        if scene.sign and scene.counts:
            page.locator("#chart svg").wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(1500)
        scene.act(stage, page)
        page.screenshot(path=path)


if __name__ == "__main__":
    main()
