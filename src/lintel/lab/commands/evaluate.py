"""`lintel-lab evaluate`: detectors measured on annotated pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import shown
from lintel.cli.options import number_option, overwrite_option
from lintel.lab.commands.pictures import choose_pictures, data_options

if TYPE_CHECKING:
    from lintel.lab.evaluation import Detector

PEER_PREFIX = "peer:"


@click.command(
    epilog="""\b
Examples:
  lintel-lab evaluate face-haar --data faces/index.csv
  lintel-lab evaluate models/face@int8 models/face@float32 --data faces/index.csv
  lintel-lab evaluate face-haar peer:centerface --data faces/index.csv --report report.html"""
)
@click.argument("detectors", nargs=-1, required=True, metavar="DETECTORS...")
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
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write a page with curves, and crops of what was missed and what was no face.",
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE.json", help="Write JSON."
)
@overwrite_option
def evaluate(
    detectors: tuple[str, ...],
    data: Path,
    report: Path | None,
    json_file: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Measures face detectors on annotated pictures, and whether the first is better.

    A detector is a folder with model.toml or the name of a built-in package ("@VARIANT" may
    follow), or one of peer:blazeface, peer:centerface and peer:mtcnn, where it is installed.
    """
    from lintel.lab import evaluation  # noqa: PLC0415 - not for --help
    from lintel.lab.evaluation import report as reports  # noqa: PLC0415

    for target in (report, json_file):
        if target:
            refuse_existing(target, overwrite=overwrite)
    given = {"least_overlap": options.pop("iou"), "smallest": options.pop("min_face")}
    protocol = evaluation.Protocol(
        **{name: value for name, value in given.items() if value is not None}
    )
    place, pictures = choose_pictures(data, **options)
    opened = [_open(text) for text in detectors]
    with click.progressbar(
        length=len(pictures), label="Looking at pictures", file=sys.stderr
    ) as bar:
        result = evaluation.evaluate(
            pictures, opened, protocol, progress=lambda _done: bar.update(1)
        )
    summary = reports.summarise(result, f"{place}.")
    click.echo(reports.to_text(summary))
    if json_file:
        with whole_file(json_file, overwrite=overwrite) as file:
            file.write(reports.to_json(summary))
    if report:
        with whole_file(report, overwrite=overwrite) as file:
            file.write(reports.to_html(result, summary).encode())
        click.echo(f"\n{shown(str(report))} shows curves and crops.")


def _open(text: str) -> Detector:
    from lintel.lab.evaluation import open_package  # noqa: PLC0415 - as above
    from lintel.lab.peers import open_peer  # noqa: PLC0415

    if text.startswith(PEER_PREFIX):
        return open_peer(text.removeprefix(PEER_PREFIX))
    return open_package(text)
