"""Languages: complete, chosen as asked, and changed by an integrator's files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.cameras import CameraState, Fault
from lintel.edge.errors import SettingsInvalidError
from lintel.edge.page.languages import BUILTIN, Languages
from lintel.edge.page.signs import Sign
from lintel.edge.pipeline import EventKind, Reason, Stage

FILES = {path.stem: json.loads(path.read_text("utf-8")) for path in BUILTIN.glob("*.json")}
ENGLISH = FILES["en"]["texts"]
PAGE = BUILTIN.parent


def write(folder: Path, code: str, **content: object) -> None:
    (folder / f"{code}.json").write_text(json.dumps(content), encoding="utf-8")


class TestFiles:
    def test_there_are_seven(self) -> None:
        assert set(FILES) == {"ar", "de", "en", "es", "fr", "it", "tr"}
        assert {code for code, file in FILES.items() if file["direction"] == "rtl"} == {"ar"}

    @pytest.mark.parametrize("code", FILES)
    def test_all_say_the_same_things(self, code: str) -> None:
        texts = FILES[code]["texts"]
        assert list(texts) == list(ENGLISH)
        assert all(text.strip() for text in texts.values())
        for key, text in texts.items():
            assert names(text) == names(ENGLISH[key]), key

    @pytest.mark.parametrize("code", set(FILES) - {"en"})
    def test_each_is_in_its_own_words(self, code: str) -> None:
        same = [key for key, text in FILES[code]["texts"].items() if text == ENGLISH[key]]
        # Some words are the same in several languages, such as "JPEG" and "Version".
        assert len(same) <= 6, same

    def test_everything_that_may_have_to_be_said_can_be(self) -> None:
        spoken = {
            *(f"sign.{sign}" for sign in Sign),
            *(f"state.{state}" for state in CameraState),
            *(f"fault.{fault}" for fault in Fault),
            *(f"reason.{reason}" for reason in Reason),
            *(f"stage.{stage}" for stage in Stage),
            *(f"event.{kind}" for kind in EventKind),
        }
        assert spoken <= set(ENGLISH)

    def test_nothing_is_said_that_has_no_words_and_no_words_are_idle(self) -> None:
        sources = [
            *(PAGE / "views").glob("*.html"),
            *(PAGE / "assets").glob("*.js"),
            PAGE / "views.py",
        ]
        written = "\n".join(path.read_text("utf-8") for path in sources)
        used = set(re.findall(r"[\"'`]([a-z-]+\.[a-z-]+)[\"'`]", written))
        asked = {key for key in re.findall(r"text\(['\"]([\w.-]+)['\"]", written) if "." in key}
        assert asked - {"operator."} <= set(ENGLISH)
        put_together = ("sign.", "state.", "fault.", "reason.", "stage.", "event.", "operator.")
        idle = {key for key in ENGLISH if key not in used and not key.startswith(put_together)}
        assert idle <= {"chart.too-short", "chart.not-kept", "chart.failed", "chart.hour",
                        "chart.counted", "chart.expected"}  # fmt: skip


def names(text: str) -> set[str]:
    return set(re.findall(r"\{\w+\}", text))


class TestChoice:
    @pytest.mark.parametrize(
        ("asked", "setting", "accepted", "code"),
        [
            ("", "", "", "en"),
            ("tr", "fr", "de", "tr"),
            ("", "fr", "de", "fr"),
            ("", "", "de", "de"),
            ("", "", "tlh, it-CH;q=0.8, de;q=0.9", "de"),
            ("", "", "es-419, en", "es"),
            ("", "", "de;q=0, fr;q=nonsense, it;q=0.1", "it"),
            ("klingon", "", "ar", "ar"),
            ("../en", "", "", "en"),
        ],
    )
    def test_the_address_then_the_settings_then_the_browser(
        self, asked: str, setting: str, accepted: str, code: str
    ) -> None:
        assert Languages(chosen=setting).choose(asked, accepted).code == code

    def test_a_setting_without_a_language_is_refused(self) -> None:
        with pytest.raises(SettingsInvalidError, match="there are ar, de, en") as caught:
            Languages(chosen="nl")
        assert caught.value.field == "page.language"

    @given(st.text(max_size=60), st.text(max_size=200))
    def test_whatever_browsers_say_there_is_a_language(self, asked: str, accepted: str) -> None:
        languages = Languages()
        assert languages.choose(asked, accepted) in languages.all.values()


class TestFurtherFiles:
    def test_a_new_language_falls_back_to_english(self, tmp_path: Path) -> None:
        write(tmp_path, "he", name="עברית", direction="rtl", texts={"sign.worn": "תודה"})
        hebrew = Languages(tmp_path).all["he"]
        assert (hebrew.name, hebrew.direction) == ("עברית", "rtl")
        assert hebrew.texts["sign.worn"] == "תודה"
        assert hebrew.texts["sign.welcome"] == "Welcome"

    def test_single_words_of_a_language_can_be_changed(self, tmp_path: Path) -> None:
        write(tmp_path, "de", texts={"sign.welcome": "Grüezi"})
        german = Languages(tmp_path).all["de"]
        assert (german.name, german.texts["sign.welcome"]) == ("Deutsch", "Grüezi")
        assert german.texts["sign.worn"] == "Danke"

    @pytest.mark.parametrize(
        "written",
        [b"", b"\xff", b"[]", b'{"texts": {"sign.worn": 1}}', b'{"text": {}}', b" " * 300_000],
    )
    def test_a_file_that_is_none_is_named(self, tmp_path: Path, written: bytes) -> None:
        (tmp_path / "xx.json").write_bytes(written)
        with pytest.raises(SettingsInvalidError, match=r"xx\.json") as caught:
            Languages(tmp_path)
        assert caught.value.field == "page.languages_directory"

    @pytest.mark.parametrize(
        "code", ["pt_BR", "PT", "pt-br", "en-12", "pt-BR ", "portugues", "<b>", ".pt", "é"]
    )
    def test_a_file_that_browsers_could_not_name_is_refused(
        self, tmp_path: Path, code: str
    ) -> None:
        write(tmp_path, code, texts={})
        with pytest.raises(SettingsInvalidError, match=re.escape(f"{code}.json")) as caught:
            Languages(tmp_path)
        assert caught.value.field == "page.languages_directory"

    @pytest.mark.parametrize("code", ["pt-BR", "yue", "zh-Hant-TW", "es-419", "de-CH-1996"])
    def test_regions_scripts_and_variants_may_be_named(self, tmp_path: Path, code: str) -> None:
        write(tmp_path, code, texts={"sign.welcome": "?"})
        assert Languages(tmp_path).choose("", f"{code}, en").code == code

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsInvalidError, match="cannot be read"):
            Languages(tmp_path / "none")
