"""The report: a page that needs nothing else, the same as JSON, and as text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.evaluation import Evaluation, evaluate
from lintel.lab.evaluation.report import summarise, to_html, to_json, to_text

FACE = [90, 75, 230, 245]


@pytest.fixture
def evaluation(
    make_picture: Callable[..., AnnotatedPicture], make_oracle: Callable[..., Any]
) -> Evaluation:
    wrong = make_oracle(lambda _pixels: [[0, 0, 60, 60, 0.75]], name="<wrong>")
    good = make_oracle(lambda _pixels: [FACE], name="good")
    pictures = [make_picture("a.jpg", source="one"), make_picture("b&c.jpg", source="two")]
    return evaluate(pictures, [wrong, good])


class Page(HTMLParser):
    """Gathers the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_needs_nothing_else(evaluation: Evaluation) -> None:
    text = to_html(evaluation, summarise(evaluation, "Some pictures."))
    page = Page(text)
    assert not page.all("script")
    assert not page.all("link")
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not re.search(r"url\(\s*['\"]?(?!#)", text)


def test_the_page_shows_curves_scores_and_what_was_wrong(evaluation: Evaluation) -> None:
    text = to_html(evaluation, summarise(evaluation, "Some pictures."))
    page = Page(text)
    # Curves of both sources and of all, scores of two detectors.
    assert len(page.all("svg")) == 5
    # Of the wrong one two misses and two false alarms.
    assert [image["alt"] for image in page.all("img")] == [
        *["280 px, 0 % covered"] * 2,
        *["score 0.75"] * 2,
    ]
    assert "b&amp;c.jpg" in text
    assert "<wrong>" not in text


def test_ids_of_charts_do_not_clash(evaluation: Evaluation) -> None:
    text = to_html(evaluation, summarise(evaluation, "Some pictures."))
    defined = re.findall(r'<(?:path|clipPath) id="([^"]+)"', text)
    drawn = [name for name in defined if not name.startswith("patch")]
    assert len(drawn) == len(set(drawn))


def test_the_same_evaluation_gives_the_same_page(evaluation: Evaluation) -> None:
    summary = summarise(evaluation, "Some pictures.")
    assert to_html(evaluation, summary) == to_html(evaluation, summary)


def test_json_has_the_figures_the_protocol_and_null_where_there_is_none(
    evaluation: Evaluation,
) -> None:
    content = json.loads(to_json(summarise(evaluation, "Some pictures.")))
    assert content["protocol"]["least_overlap"] == 0.4
    assert content["protocol"]["blur"]["shape"] == "ellipse"
    wrong, good = content["detectors"]
    assert good["by_source"]["two"]["average_precision"] == 1
    assert wrong["by_source"]["all"]["leak_rate"] == 1
    assert wrong["by_size"]["24 to 48 px"]["leak_rate"] is None
    assert content["comparisons"][0]["result"]["difference"] == -1


def test_text_has_a_line_for_each_detector_and_source(evaluation: Evaluation) -> None:
    lines = to_text(summarise(evaluation, "Some pictures.")).splitlines()
    assert lines[0] == "Some pictures."
    rows = [line.split() for line in lines if line.startswith(("one ", "two ", "all "))]
    assert [row[:2] for row in rows[:6]] == [
        [source, name] for source in ("one", "two", "all") for name in ("<wrong>", "good")
    ]
    assert sum("<wrong> less good" in line for line in lines) == 3
