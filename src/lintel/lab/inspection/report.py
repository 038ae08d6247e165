"""An inspection as one page that needs nothing else, and as JSON."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import numpy as np

from lintel.lab.annotations import AnnotatedPicture
from lintel.lab.inspection.contact_sheet import IGNORED_COLOUR, colours_of, draw_sheet, draw_tile
from lintel.lab.inspection.copies import MOST_PAIRS
from lintel.lab.inspection.findings import SIZE_BINS, Inspection

TILE = 160
COLUMNS = 7
# What fits a page that is looked through; the JSON has everything.
MOST_TILES = 49
MOST_DEFECTS = 200
MOST_COPIES = 24

_TEMPLATE = "report.html.jinja"


def render_report(inspection: Inspection, title: str) -> str:
    """Renders the page.

    Args:
        inspection: What was found.
        title: What was inspected.

    Returns:
        HTML with all pictures in it.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lintel.lab.inspection", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pictures = inspection.pictures
    labels = Counter(label for picture in pictures for label in picture.labels)
    colours = colours_of([label for label, _ in labels.most_common()])
    across = [copy for copy in inspection.copies if copy[0].split != copy[1].split]
    within = [copy for copy in inspection.copies if copy[0].split == copy[1].split]
    return environment.get_template(_TEMPLATE).render(
        title=title,
        inspection=inspection,
        most_defects=MOST_DEFECTS,
        most_pairs=MOST_PAIRS,
        labels=colours,
        ignored_colour=IGNORED_COLOUR if any(count.ignored for count in inspection.counts) else "",
        sizes=[each.name for each in SIZE_BINS],
        by_source=_by_source(inspection),
        copies=[
            ("Across splits", len(across), _pair_sheets(across, colours)),
            ("Within a split, of no common group", len(within), _pair_sheets(within, colours)),
        ],
        sheets=_contact_sheets(pictures, colours),
    )


def to_json(inspection: Inspection) -> bytes:
    """Returns everything that was found as JSON, for programs."""
    copies = [
        {
            "first": str(first.path),
            "second": str(second.path),
            "first_split": first.split,
            "second_split": second.split,
            "correlation": round(pair.correlation, 6),
            "mirrored": pair.mirrored,
        }
        for first, second, pair in inspection.copies
    ]
    content = {
        "sound": inspection.sound,
        "defects_by_kind": inspection.by_kind(),
        "counts": inspection.counts,
        "defects": inspection.defects,
        "copies": copies,
    }
    return json.dumps(msgspec.to_builtins(content), indent=1).encode()


def _by_source(inspection: Inspection) -> dict[str, dict[str, Any]]:
    """Sums boxes by label and by size over the splits of a source."""
    sums: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"boxes": 0, "labels": Counter(), "sizes": Counter()}
    )
    for count in inspection.counts:
        one = sums[count.source]
        one["boxes"] += count.boxes
        one["labels"].update(count.labels)
        one["sizes"].update(count.sizes)
    return dict(sums)


def _pair_sheets(
    copies: Sequence[tuple[AnnotatedPicture, AnnotatedPicture, Any]], colours: dict[str, str]
) -> list[dict[str, str]]:
    return [
        {
            "picture": _embedded([first, second], colours),
            "first": _caption(first),
            "second": _caption(second),
            "likeness": f"{pair.correlation:.3f}{', mirrored' if pair.mirrored else ''}",
        }
        for first, second, pair in copies[:MOST_COPIES]
    ]


def _contact_sheets(
    pictures: Sequence[AnnotatedPicture], colours: dict[str, str]
) -> list[tuple[str, int, int, str]]:
    """Returns a sheet a source: its name, how many pictures it has and shows, and the sheet."""
    sources: dict[str, list[AnnotatedPicture]] = defaultdict(list)
    for picture in pictures:
        sources[picture.source].append(picture)
    sheets = []
    for source, members in sorted(sources.items()):
        # Always the same ones, and from everywhere: neighbours in a data set are often alike.
        chosen = np.random.default_rng(0).permutation(len(members))[:MOST_TILES]
        shown = [members[index] for index in sorted(chosen)]
        sheets.append((source, len(members), len(shown), _embedded(shown, colours)))
    return sheets


def _embedded(pictures: Sequence[AnnotatedPicture], colours: dict[str, str]) -> str:
    tiles = [draw_tile(picture, TILE, colours) for picture in pictures]
    encoded = base64.b64encode(draw_sheet(tiles, COLUMNS)).decode()
    return f"data:image/jpeg;base64,{encoded}"


def _caption(picture: AnnotatedPicture) -> str:
    known = [part for part in (picture.split, picture.source) if part]
    return f"{Path(picture.path).name} ({', '.join(known) or 'no split'})"
