"""`lintel-lab calibrate`: what a model's scores mean, and which to ask for."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.lab.commands.pictures import (
    choose_faces,
    choose_pictures,
    data_options,
    progress_bar,
)

if TYPE_CHECKING:
    from lintel.edge.packages import ClassesOutput, Package
    from lintel.lab.evaluation import Choice


@click.command(
    epilog="""\b
Examples:
  lintel-lab calibrate face --data faces/index.csv --split val
  lintel-lab calibrate mask@litert-int8 --data faces/index.csv --split val"""
)
@click.argument("package", metavar="PACKAGE")
@data_options
def calibrate(package: str, data: Path, **options: Any) -> None:
    """Fits a model's scores to the share that is right among what is scored alike.

    PACKAGE is a folder with model.toml or the name of a built-in package ("@VARIANT" may follow),
    of a model that finds faces or judges masks. What is printed first belongs into the manifest's
    table [output]. The tables tell what a least score means: min_score of face models, beside the
    margin of the device's blur, and min_probability of mask models.
    """
    from lintel.edge.packages import ClassesOutput  # noqa: PLC0415 - not for --help
    from lintel.lab import evaluation  # noqa: PLC0415

    found, variant = evaluation.find_package(package)
    if isinstance(found.manifest.output, ClassesOutput):
        _calibrate_classifier(found, variant, found.manifest.output, data, options)
    else:
        _calibrate_detector(found, variant, data, options)


def _calibrate_detector(
    package: Package, variant: str, data: Path, options: dict[str, Any]
) -> None:
    from lintel.lab import evaluation  # noqa: PLC0415 - not for --help

    place, pictures = choose_pictures(data, **options)
    detector = evaluation.PackageDetector(evaluation.uncalibrated(package), variant)
    with progress_bar("Looking at pictures", len(pictures)) as bar:
        raw = evaluation.evaluate(pictures, [detector], progress=lambda _done: bar.update(1))
    counted = evaluation.tally_run(raw, raw.runs[0])
    fitted = evaluation.fit_calibration(counted.scores, counted.hits)
    click.echo(f"{detector.name} on {place}.")
    click.echo(
        f"calibration = {{ slope = {fitted.slope:.3f}, intercept = {fitted.intercept:.3f} }}"
    )
    told = evaluation.rescored(raw, partial(evaluation.apply_calibration, fitted))
    for source in evaluation.sources_of(told):
        click.echo(f"\n{source}")
        click.echo(_table(evaluation.choices(told, source), evaluation.MARGINS))


def _calibrate_classifier(
    package: Package, variant: str, output: ClassesOutput, data: Path, options: dict[str, Any]
) -> None:
    from lintel.lab import classification, metrics  # noqa: PLC0415 - not for --help
    from lintel.lab.evaluation import DEFAULT_PROTOCOL  # noqa: PLC0415

    place, faces, _ = choose_faces(data, smallest=DEFAULT_PROTOCOL.smallest, **options)
    classifier = classification.PackageClassifier(package, variant)
    with progress_bar("Looking at faces", len(faces)) as bar:
        before = classification.classify_faces(
            faces, [classifier], progress=lambda done: bar.update(done - bar.pos)
        )
    run = before.runs[0]
    factor = metrics.fit_temperature(before.truth, run.probabilities)
    mended = replace(run, probabilities=metrics.apply_temperature(run.probabilities, factor))
    after = replace(before, runs=(mended,))
    click.echo(f"{classifier.name} on {place}.")
    # What was judged had been divided by the manifest's own already.
    click.echo(f"temperature = {output.temperature * factor:.3f}\n")
    click.echo(classification.calibration_table(before, after))
    for source in classification.sources_of(after.faces):
        answers = classification.answers_of(after, mended, source)
        click.echo(f"\n{classification.surety_table(source, answers)}")


def _table(choices: tuple[Choice, ...], margins: tuple[float, ...]) -> str:
    heads = "".join(f"{margin:>8g}" for margin in margins)
    rows = [f"{'min_score':>9}{'precision':>11}{'recall':>8}   leak rate at a margin of{heads}"]
    for choice in choices:
        leaks = "".join(f"{100 * leak:>6.1f} %" for leak in choice.leaks)
        rows.append(
            f"{choice.least:>9g}{choice.precision:>11.3f}{choice.recall:>8.3f}{'':>27}{leaks}"
        )
    return "\n".join(rows)
