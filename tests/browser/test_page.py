"""The page in a real Chromium: what people see, hear of, and can do."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
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

from lintel.edge.page.languages import BUILTIN
from lintel.edge.service import DeviceServer

OpenWindow = Callable[..., Page]
StartStage = Callable[..., PageStage]
OTHER_FACE = (40.0, 60.0, 140.0, 190.0)
EVERYTHING = (
    "() => document.querySelector('#picture').dataset.capturedUs !== undefined"
    " && document.querySelector('#chart svg') !== null"
)


@pytest.fixture
def start_stage(tmp_path: Path) -> Iterator[StartStage]:
    """Starts pages behind which the test pulls the strings."""
    stages: list[PageStage] = []

    def start(*cameras: dict[str, Any], **keys: Any) -> PageStage:
        stage = PageStage(tmp_path, cameras or ({"name": "door", "lines": [SILL]},), **keys)
        stage.start()
        stages.append(stage)
        return stage

    yield start
    for stage in stages:
        stage.stop()


def expect_sign(page: Page, sign: str, words: str) -> None:
    """Colour, symbol and words say the same."""
    expect(page.locator("#sign-text")).to_have_text(words)
    expect(page.locator("body")).to_have_attribute("data-sign", sign)
    expect(page.locator(".symbol:visible")).to_have_count(1)
    expect(page.locator(".symbol:visible")).to_have_attribute("data-for", sign)


def picture_changes(page: Page) -> None:
    """Waits until the live picture shows something else than it does now."""
    page.wait_for_function(
        """() => {
          const canvas = document.querySelector('#picture');
          if (!canvas.dataset.capturedUs) return false;
          const context = canvas.getContext('2d');
          const line = context.getImageData(0, canvas.height - 6, canvas.width, 1).data.join();
          const changed = window.lastLine !== undefined && window.lastLine !== line;
          window.lastLine = line;
          return changed;
        }"""
    )


class TestKiosk:
    def test_the_sign_says_what_holds(
        self, start_stage: StartStage, open_window: OpenWindow, problems: list[str]
    ) -> None:
        stage, page = start_stage(page={"neutral_after_s": 0.5}), open_window()
        page.goto(stage.url)
        expect_sign(page, "welcome", "Welcome")
        for mask, sign, words in (
            (UNSURE, "moment", "One moment, please"),
            (NOT_WORN, "not-worn", "Please put on your mask"),
            (INCORRECT, "incorrect", "Please cover your nose"),
            (WORN, "worn", "Thank you"),
        ):
            stage.show(FACE, mask=mask)
            expect_sign(page, sign, words)
        stage.show()
        expect_sign(page, "welcome", "Welcome")
        assert problems == []

    def test_masks_that_nobody_reads_leave_the_sign_neutral(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(reads_masks=False), open_window()
        stage.show(FACE)
        page.goto(stage.url)
        picture_changes(page)
        page.wait_for_timeout(2000)
        expect_sign(page, "welcome", "Welcome")

    def test_pictures_counts_and_the_forecast_are_there(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(hours=daily_hours(8)), open_window()
        page.goto(stage.url)
        page.wait_for_function(EVERYTHING)
        picture_changes(page)
        expect(page.locator("#entered")).to_have_text("31")
        expect(page.locator("#chart .band")).to_have_count(1)
        label = page.locator("#chart svg").get_attribute("aria-label") or ""
        assert re.fullmatch(r"Came in so far: 31\. Still expected: \d+ to \d+\.", label)
        # The same for those who hear it: every hour of the day.
        assert page.locator("#chart-table tbody tr").count() == 24

    def test_a_short_history_is_owned_up_to(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(hours=daily_hours(2)), open_window()
        page.goto(stage.url)
        expect(page.locator("#chart-note")).to_have_text(
            re.compile("A forecast needs 72 hours of counts; there are 4[0-9] hours so far.")
        )
        expect(page.locator("#chart .band")).to_have_count(0)

    def test_a_lost_camera_is_told_with_the_age_of_its_picture(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        page.goto(stage.url)
        picture_changes(page)
        stage.is_cut["door"].set()
        expect_sign(page, "blind", "The camera gives no picture")
        expect(page.locator("#picture-note")).to_have_text(
            re.compile(r"Picture from \d+ seconds ago")
        )
        stage.is_cut["door"].clear()
        expect_sign(page, "welcome", "Welcome")
        expect(page.locator("#picture-note")).to_be_hidden()
        picture_changes(page)

    def test_it_comes_back_with_the_device(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        page.goto(stage.url)
        picture_changes(page)
        stage.stop()
        expect(page.locator("#silence")).to_be_visible()
        expect(page.locator("#silence-title")).to_have_text("The device does not answer")
        expect(page.locator("#silence-text")).to_have_text(re.compile(r"\d+ seconds ago"))
        stage.start()
        stage.show(FACE, mask=NOT_WORN)
        expect(page.locator("#silence")).to_be_hidden()
        expect_sign(page, "not-worn", "Please put on your mask")
        page.evaluate("window.lastLine = undefined")
        picture_changes(page)

    def test_a_view_that_came_in_part_is_loaded_anew(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        page.clock.install()
        page.route("**/languages/*.json", lambda route: route.abort())
        with page.expect_event("pageerror"):
            page.goto(stage.url)
        page.unroute("**/languages/*.json")
        page.clock.fast_forward(20_000)
        expect(page.locator("#inside")).to_have_text("0")

    def test_screen_readers_hear_a_sign_once(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        stage.show(FACE, mask=NOT_WORN)
        page.goto(stage.url)
        expect_sign(page, "not-worn", "Please put on your mask")
        page.evaluate(
            """() => {
              window.spoken = 0;
              const live = document.querySelectorAll('[aria-live], [role=status], [role=alert]');
              for (const region of live) {
                new MutationObserver(() => { window.spoken += 1; })
                  .observe(region, { childList: true, characterData: true, subtree: true });
              }
            }"""
        )
        # Reports come every second, and say the same.
        page.wait_for_timeout(3000)
        assert page.evaluate("window.spoken") == 0
        stage.show(FACE, mask=WORN)
        expect_sign(page, "worn", "Thank you")
        assert page.evaluate("window.spoken") == 1

    def test_too_many_viewers_are_told_so(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage = start_stage(page={"max_viewers": 2})
        first, second = open_window(), open_window()
        first.goto(stage.url)
        picture_changes(first)
        second.goto(stage.url)
        expect(second.locator("#silence-title")).to_have_text("Too many are watching")
        first.close()
        expect(second.locator("#silence")).to_be_hidden()

    def test_every_language_fits_and_can_be_read_from_afar(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        stage.show(FACE, mask=NOT_WORN)
        for path in BUILTIN.glob("*.json"):
            words = json.loads(path.read_text(encoding="utf-8"))["texts"]["sign.not-worn"]
            page.goto(f"{stage.url}?lang={path.stem}")
            expect_sign(page, "not-worn", words)
            for width, height in ((1920, 1080), (1024, 600), (390, 844)):
                page.set_viewport_size({"width": width, "height": height})
                # Drawn once, and then made as large as there is room.
                page.wait_for_function(
                    "() => new Promise(done => requestAnimationFrame("
                    "() => requestAnimationFrame(() => done(true))))"
                )
                measured = page.evaluate(
                    """() => {
                      const sign = document.querySelector('#sign-text');
                      const room = sign.parentElement;
                      return {
                        size: parseFloat(getComputedStyle(sign).fontSize),
                        fits: sign.scrollWidth <= sign.clientWidth
                          && sign.offsetHeight <= room.clientHeight,
                        overflow: document.documentElement.scrollWidth - innerWidth,
                      };
                    }"""
                )
                where = (path.stem, width)
                assert measured["fits"], where
                assert measured["overflow"] <= 0, where
                # Of a screen 14 cm high, letters are 14 mm high: 1/200 of three metres is what is
                # read with ease. A phone is held in the hand.
                least = 0.1 * height if width > height else 0.035 * height
                assert measured["size"] >= least, where


class TestOperator:
    def test_cameras_models_and_events_are_shown_as_they_are(
        self, start_stage: StartStage, open_window: OpenWindow, problems: list[str]
    ) -> None:
        stage = start_stage({"name": "door", "lines": [SILL]}, {"name": "yard"})
        page = open_window()
        page.goto(f"{stage.url}operator")
        expect(page.locator("#connection")).to_have_text("Live")
        door, yard = page.locator("#camera-door"), page.locator("#camera-yard")
        expect(door.locator("[data-field=size]")).to_contain_text("640 \u00d7 360")
        expect(door.locator("[data-field=latency]")).to_have_text(re.compile(r"[\d.]+ ms"))
        expect(door.locator("img.there")).to_have_js_property("naturalWidth", 640)
        expect(door.locator("[data-field=inside]")).to_be_visible()
        expect(yard.locator("[data-field=inside]")).to_be_hidden()
        stage.is_cut["yard"].set()
        expect(yard.locator("[data-field=state]")).to_have_text(
            re.compile(r"Lost: the stream ended")
        )
        expect(page.locator("#events li").first).to_contain_text("yard · Camera lost")
        expect(yard.locator(".no-picture")).to_have_text(
            re.compile(r"Picture from \d+ seconds ago")
        )
        expect(yard.locator(".no-picture")).to_be_visible()
        expect(door.locator(".no-picture")).to_be_hidden()
        stage.show(FACE, mask=NOT_WORN)
        expect(page.locator("#events li").first).to_contain_text("door · No mask")
        assert problems == []

    def test_events_are_neither_lost_nor_doubled_by_a_restart(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        page.goto(f"{stage.url}operator")
        stage.show(FACE, mask=NOT_WORN)
        expect(page.locator("#events li")).to_have_count(1)
        stage.stop()
        expect(page.locator("#silence")).to_be_visible()
        stage.start()
        expect(page.locator("#events li")).to_have_count(2)
        numbers = page.locator("#events li").evaluate_all("items => items.map(item => item.id)")
        assert numbers == ["event-2", "event-1"]

    def test_events_that_are_not_kept_begin_anew_with_the_device(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(pipeline={"events_path": "", "stall_ms": 60_000}), open_window()
        page.goto(f"{stage.url}operator")
        stage.show(FACE, mask=NOT_WORN)
        expect(page.locator("#events li")).to_have_count(1)
        stage.stop()
        expect(page.locator("#silence")).to_be_visible()
        stage.show()
        stage.start()
        expect(page.locator("#silence")).to_be_hidden()
        stage.show(FACE, mask=NOT_WORN)
        expect(page.locator("#events li")).to_have_count(2)
        assert page.locator("#event-1").count() == 1

    def test_settings_of_the_page_are_kept(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        page.goto(f"{stage.url}operator")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        page.get_by_label("Appearance").select_option("dark")
        dark = page.evaluate(ground)
        assert dark != light
        page.get_by_label("Language").select_option("ar")
        expect(page.locator("html")).to_have_attribute("dir", "rtl")
        assert page.evaluate(ground) == dark
        expect(page.locator("h1")).to_have_text("المشغّل")

    def test_it_can_be_used_by_keyboard_alone(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        stage, page = start_stage(), open_window()
        page.goto(f"{stage.url}operator")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()
        reached = []
        for _ in range(3):
            page.keyboard.press("Shift+Tab")
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) == "solid"
            reached.append(page.evaluate("document.activeElement.id"))
        assert reached == ["full-screen", "theme", "language"]


class TestAccess:
    def test_a_browser_signs_in_with_a_token_and_out(
        self, start_stage: StartStage, open_window: OpenWindow, problems: list[str]
    ) -> None:
        digest = hashlib.sha256(b"opensesame").hexdigest()
        token = {"name": "porter", "sha256": digest, "roles": ["watch"]}
        stage, page = start_stage(server={"tokens": [token]}), open_window()
        page.goto(f"{stage.url}operator")
        page.get_by_label("Token").fill("opensesam")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("This device does not know that token.")
        page.get_by_label("Token").fill("opensesame")
        page.keyboard.press("Enter")
        expect(page.locator("#connection")).to_have_text("Live")
        assert page.url == f"{stage.url}operator"
        assert page.evaluate("document.cookie") == ""
        assert problems == [problem for problem in problems if "401" in problem]
        page.goto(stage.url)
        picture_changes(page)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()

    def test_a_view_that_is_signed_out_elsewhere_asks_again(
        self, start_stage: StartStage, open_window: OpenWindow
    ) -> None:
        digest = hashlib.sha256(b"opensesame").hexdigest()
        token = {"name": "porter", "sha256": digest, "roles": ["watch"]}
        stage, page = start_stage(server={"tokens": [token]}), open_window()
        page.goto(stage.url)
        page.get_by_label("Token").fill("opensesame")
        page.keyboard.press("Enter")
        picture_changes(page)
        page.context.clear_cookies()
        stage.stop()
        stage.start()
        expect(page.get_by_label("Token")).to_be_visible()


class TestAccessibility:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_nothing_keeps_people_out(
        self, start_stage: StartStage, open_window: OpenWindow, scheme: str
    ) -> None:
        digest = hashlib.sha256(b"opensesame").hexdigest()
        token = {"name": "porter", "sha256": digest, "roles": ["watch"]}
        stage = start_stage(
            hours=daily_hours(8), server={"tokens": [token]}, page={"neutral_after_s": 0.5}
        )
        # The examination puts a script of its own into the page, which the page itself forbids.
        page = open_window(color_scheme=scheme, bypass_csp=True)
        page.goto(f"{stage.url}sign-in")
        assert_accessible(page)
        page.get_by_label("Token").fill("opensesame")
        page.keyboard.press("Enter")
        page.wait_for_function(EVERYTHING)
        assert_accessible(page)
        signs = [(UNSURE, "moment"), (NOT_WORN, "not-worn"), (INCORRECT, "incorrect")]
        # Their colours are the same in light and dark.
        for mask, sign in [*signs, (WORN, "worn")] if scheme == "light" else signs[1:2]:
            stage.show(FACE, OTHER_FACE, mask=mask)
            expect(page.locator("body")).to_have_attribute("data-sign", sign)
            # Its colour takes a moment to change.
            page.wait_for_timeout(400)
            assert_accessible(page)
        page.goto(f"{stage.url}operator?lang=ar")
        expect(page.locator("#events li")).not_to_have_count(0)
        stage.is_cut["door"].set()
        expect(page.locator("#camera-door")).to_have_attribute("data-state", "LOST")
        assert_accessible(page)
        stage.stop()
        expect(page.locator("#silence")).to_be_visible()
        assert_accessible(page)


def assert_accessible(page: Page) -> None:
    """No rule of axe-core for WCAG 2.2 AA, and no best practice, is broken."""
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.data
def test_a_replayed_clip_has_people_put_on_their_masks(
    start_device: Callable[..., DeviceServer],
    open_window: OpenWindow,
    data_folder: Path,
    tmp_path: Path,
) -> None:
    clip = data_folder / "video" / "face-demographics-walking-and-pause.preview.mp4"
    device = start_device(
        {
            "cameras": [{"name": "door", "source": str(clip)}],
            "pipeline": {"events_path": str(tmp_path / "events.jsonl")},
            "page": {"address": "127.0.0.1:0"},
        }
    )
    assert device.page is not None
    page = open_window()
    page.goto(device.page.url)
    expect_sign(page, "not-worn", "Please put on your mask")
