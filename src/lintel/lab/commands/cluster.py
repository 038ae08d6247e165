"""`lintel-lab cluster`: faces put into groups by features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import shown
from lintel.cli.options import overwrite_option
from lintel.lab.commands.pictures import choose_faces, face_options, progress_bar
from lintel.lab.commands.report_option import report_option


@click.command(
    epilog="""\b
Examples:
  lintel-lab cluster mask --data faces/index.csv --report clusters.html
  lintel-lab cluster out/mask/model.keras hog pixels --data faces/index.csv
  lintel-lab cluster out/vgg16/model.keras --layer features --clusters 2 --data crops"""
)
@click.argument("models", nargs=-1, required=True, metavar="MODELS...")
@face_options
@click.option(
    "--layer",
    default="",
    metavar="NAME",
    help="Features are what this layer of a .keras file gives, or this tensor of a package."
    " Default: what the last layer with weights takes; and the package's output.",
)
@click.option(
    "--clusters",
    "count",
    type=click.IntRange(2, 100),
    help="How many. Default: as many as there are labels.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Default: 0.")
@report_option("Write a page with figures, charts, and faces of every cluster.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Write JSON, with the cluster of every face.",
)
@overwrite_option
def cluster(
    models: tuple[str, ...],
    data: Path,
    layer: str,
    count: int | None,
    seed: int,
    report: Path | None,
    json_file: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Puts faces into groups by what they look like, and holds these to the labels.

    A model is a .keras file as `lintel-lab train` makes it, or a mask package: a folder with
    model.toml or the name of a built-in one ("@VARIANT" may follow). For comparison, "pixels" are
    the colours themselves, and "hog" histograms of gradients. Groups are made by k-means and by a
    mixture of Gaussians, along the principal components.
    """
    from lintel.lab import clustering  # noqa: PLC0415 - not for --help
    from lintel.lab.evaluation import DEFAULT_PROTOCOL  # noqa: PLC0415

    for target in (report, json_file):
        if target:
            refuse_existing(target, overwrite=overwrite)
    if layer and set(models) <= {clustering.PIXELS, clustering.HISTOGRAMS}:
        raise click.UsageError("--layer is for .keras files and packages: leave it out.")
    extractors = [clustering.open_extractor(text, layer) for text in models]
    place, faces, _ = choose_faces(data, smallest=DEFAULT_PROTOCOL.smallest, **options)
    made = []
    with progress_bar("Looking at faces", len(faces) * len(extractors)) as bar:
        for extractor in extractors:
            features = clustering.extract_features(faces, extractor, progress=bar.update)
            made.append(clustering.cluster_faces(features, count or 0, seed))
    title = f"{place}."
    click.echo(clustering.to_text(made, title))
    if json_file:
        with whole_file(json_file, overwrite=overwrite) as file:
            file.write(clustering.to_json(made, title))
    if report:
        with whole_file(report, overwrite=overwrite) as file:
            file.write(clustering.to_html(made, title).encode())
        click.echo(f"\n{shown(str(report))} shows the clusters.")
