"""File names as people read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lintel.cli.names import counted, listed, shown


@given(st.text(st.characters(categories=None)))
def test_any_name_is_one_printable_line(name: str) -> None:
    assert shown(name).isprintable()


def test_ordinary_names_are_shown_as_they_are() -> None:
    assert shown("Été à la mer.jpg") == "Été à la mer.jpg"


def test_line_breaks_escapes_and_bytes_that_are_no_text_are_spelled_out() -> None:
    assert shown("a\nb\x1b[31m\udcff") == r"a\nb\x1b[31m\udcff"


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"
    assert listed(["a", "b"], most=2) == "a, b"


def test_one_is_singular() -> None:
    assert [counted(number, "face") for number in (0, 1, 2)] == ["0 faces", "1 face", "2 faces"]
