"""`lintel-lab evaluate`: models measured on annotated pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import shown
from lintel.cli.options import number_option, overwrite_option
from lintel.lab.commands.pictures import (
    choose_faces,
    choose_pictures,
    data_options,
    progress_bar,
)
from lintel.lab.commands.report_option import report_option

if TYPE_CHECKING:
    from lintel.lab.evaluation import Detector, Protocol

PEER_PREFIX = "peer:"


@click.command(
    epilog="""\b
Examples:
  lintel-lab evaluate face-haar --data faces/index.csv
  lintel-lab evaluate my-face@litert-int8 my-face@litert-float32 --data faces/index.csv
  lintel-lab evaluate face-haar peer:centerface --data faces/index.csv --report report.html
  lintel-lab evaluate mask out/vgg16/model.keras --data faces/index.csv --split test
  lintel-lab evaluate mask --detector face --data faces/index.csv --source masks853"""
)
@click.argument("models", nargs=-1, required=True, metavar="MODELS...")
@data_options
@number_option("--iou", 0.01, 1, "Least overlap of a hit. Default: 0.4.")
@number_option(
    "--min-face",
    0,
    640,
    "Ignore smaller faces: pixels of the short side with the picture's long side at 640."
    " Default: 24.",
)
@click.option(
    "--long-side",
    type=click.IntRange(32, 8192),
    metavar="PIXELS",
    help="Scale every picture to this before any detector sees it. Default: as they are.",
)
@click.option(
    "--detector",
    metavar="PACKAGE",
    help="Have this detector find the faces for the first of the mask classifiers, too: the share"
    " that is found and told right.",
)
@report_option("Write a page with curves, and crops of what was missed, no face, or told wrong.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE.json", help="Write JSON."
)
@overwrite_option
def evaluate(
    models: tuple[str, ...],
    data: Path,
    detector: str | None,
    report: Path | None,
    json_file: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Measures models on annotated pictures, and whether the first is better than the others.

    All of them are face detectors, or all are mask classifiers. A model is a folder with
    model.toml or the name of a built-in package ("@VARIANT" may follow). Of detectors there are
    peer:blazeface, peer:centerface and peer:mtcnn besides, where they are installed; of
    classifiers, .keras files as `lintel-lab train` makes them.
    """
    from lintel.lab.evaluation import Protocol  # noqa: PLC0415 - not for --help

    for target in (report, json_file):
        if target:
            refuse_existing(target, overwrite=overwrite)
    given = {
        "least_overlap": options.pop("iou"),
        "smallest": options.pop("min_face"),
        "long_side": options.pop("long_side"),
    }
    protocol = Protocol(**{name: value for name, value in given.items() if value is not None})
    if _judge_masks(models):
        if protocol.long_side:
            raise click.UsageError("--long-side is for face detectors: masks are judged in crops.")
        if given["least_overlap"] is not None and detector is None:
            raise click.UsageError("--iou is for faces that are looked for: give --detector, too.")
        told = _evaluate_classifiers(models, data, detector, protocol, options)
    elif detector:
        raise click.UsageError("--detector is for mask classifiers, and these are face detectors.")
    else:
        told = _evaluate_detectors(models, data, protocol, options)
    click.echo(told.text)
    if json_file:
        with whole_file(json_file, overwrite=overwrite) as file:
            file.write(told.json)
    if report:
        with whole_file(report, overwrite=overwrite) as file:
            file.write(told.draw_page().encode())
        click.echo(f"\n{shown(str(report))} shows curves and crops.")


class _Told(NamedTuple):
    """What came of an evaluation: for the terminal, for programs, and as a page."""

    text: str
    json: bytes
    draw_page: Callable[[], str]


def _judge_masks(models: Sequence[str]) -> bool:
    """Tells whether models are mask classifiers, or else face detectors."""
    from lintel.lab.classification import KERAS_SUFFIX  # noqa: PLC0415 - not for --help
    from lintel.lab.evaluation import find_package  # noqa: PLC0415

    judges = {
        not text.startswith(PEER_PREFIX)
        and (text.endswith(KERAS_SUFFIX) or find_package(text)[0].manifest.task == "classify-masks")
        for text in models
    }
    if len(judges) > 1:
        raise click.UsageError(
            "Some of the models find faces and some judge masks: evaluate them apart."
        )
    return judges == {True}


def _evaluate_detectors(
    models: Sequence[str], data: Path, protocol: Protocol, options: dict[str, Any]
) -> _Told:
    from lintel.lab import evaluation  # noqa: PLC0415 - not for --help
    from lintel.lab.evaluation import report as reports  # noqa: PLC0415

    place, pictures = choose_pictures(data, **options)
    opened = [_open_detector(text) for text in models]
    with progress_bar("Looking at pictures", len(pictures)) as bar:
        result = evaluation.evaluate(
            pictures, opened, protocol, progress=lambda _done: bar.update(1)
        )
    summary = reports.summarise(result, f"{place}.")
    return _Told(
        reports.to_text(summary),
        reports.to_json(summary),
        lambda: reports.to_html(result, summary),
    )


def _evaluate_classifiers(
    models: Sequence[str],
    data: Path,
    detector: str | None,
    protocol: Protocol,
    options: dict[str, Any],
) -> _Told:
    from lintel.lab import classification  # noqa: PLC0415 - not for --help
    from lintel.lab.classification import report as reports  # noqa: PLC0415

    place, faces, everything = choose_faces(data, smallest=protocol.smallest, **options)
    opened = [classification.open_classifier(text) for text in models]
    finder = _open_detector(detector) if detector else None
    with progress_bar("Looking at faces", len(faces)) as bar:
        result = classification.classify_faces(
            faces, opened, progress=lambda done: bar.update(done - bar.pos)
        )
    summary = reports.summarise(result, f"{place}.", protocol.smallest, everything)
    if finder:
        seen, pictures = choose_pictures(data, **options)
        with progress_bar("Looking for faces", len(pictures)) as bar:
            found = classification.run_end_to_end(
                pictures, finder, opened[0], protocol, progress=lambda _done: bar.update(1)
            )
        details = f"{finder.name}: {finder.details}; own threshold {finder.default_score:g}; {seen}"
        summary = replace(summary, end_to_end=found, detector=details)
    return _Told(
        reports.to_text(summary),
        reports.to_json(summary),
        lambda: reports.to_html(result, summary),
    )


def _open_detector(text: str) -> Detector:
    from lintel.lab.evaluation import open_package  # noqa: PLC0415 - as above
    from lintel.lab.peers import open_peer  # noqa: PLC0415

    if text.startswith(PEER_PREFIX):
        return open_peer(text.removeprefix(PEER_PREFIX))
    return open_package(text)
