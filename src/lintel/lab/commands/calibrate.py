"""`lintel-lab calibrate`: what a face model's scores mean, and which to ask for."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.lab.commands.pictures import choose_pictures, data_options

if TYPE_CHECKING:
    from lintel.lab.evaluation import Choice


@click.command(
    epilog="""\b
Example:
  lintel-lab calibrate models/face --data faces/index.csv --split val"""
)
@click.argument("package", metavar="PACKAGE")
@data_options
def calibrate(package: str, data: Path, **options: Any) -> None:
    """Fits a face model's scores to the share of faces among what it finds.

    PACKAGE is a folder with model.toml or the name of a built-in package ("@VARIANT" may follow).
    What is printed first belongs into the manifest's table [output]. The tables tell what a
    least score means: for min_score there, and for the margin of the device's blur.
    """
    from lintel.lab import evaluation  # noqa: PLC0415 - not for --help

    place, pictures = choose_pictures(data, **options)
    found, variant = evaluation.find_package(package)
    plain = evaluation.uncalibrated(found)
    detector = evaluation.PackageDetector(plain, variant)
    with click.progressbar(
        length=len(pictures), label="Looking at pictures", file=sys.stderr
    ) as bar:
        seen = evaluation.evaluate(pictures, [detector], progress=lambda _done: bar.update(1))
    raw = evaluation.rescored(seen, partial(evaluation.raw_scores, plain))
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


def _table(choices: tuple[Choice, ...], margins: tuple[float, ...]) -> str:
    heads = "".join(f"{margin:>8g}" for margin in margins)
    rows = [f"{'min_score':>9}{'precision':>11}{'recall':>8}   leak rate at a margin of{heads}"]
    for choice in choices:
        leaks = "".join(f"{100 * leak:>6.1f} %" for leak in choice.leaks)
        rows.append(
            f"{choice.least:>9g}{choice.precision:>11.3f}{choice.recall:>8.3f}{'':>27}{leaks}"
        )
    return "\n".join(rows)
