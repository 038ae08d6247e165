"""`lintel-lab train`: a recipe's network, trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli.names import counted, shown

if TYPE_CHECKING:
    from lintel.lab.training.crops import CropError
    from lintel.lab.training.training import Epoch

CACHE = Path("out") / "crops"

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    help="Labelled faces: annotations as `lintel-lab inspect` reads them, or a folder with a"
    " folder of crops a class.",
)
set_option = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting, such as epochs=20; may be given again. An unknown one is refused.",
)
source_option = click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME",
    help="Faces of this source only; may be given again.",
)
weights_option = click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Weights to begin with: for mask those of a face detector (models/face/face.keras) or of"
    " another training, for networks of Keras's own what keras.applications has without a top"
    " (.weights.h5, .h5, .keras). Default: of chance.",
)
cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=CACHE,
    show_default=True,
    metavar="DIR",
    help="Where crops are kept from one training to the next.",
)


@click.command(
    epilog="""\b
Examples:
  lintel-lab train mask --data faces/index.csv --out out/mask
  lintel-lab train mask --arch vgg16 --weights vgg16.weights.h5 --data faces/index.csv \\
    --out out/vgg16 --set epochs=5 --set frozen_epochs=1
\b
The same command again goes on with a training that was cut off."""
)
@click.argument("recipe")
@click.option("--arch", metavar="NAME", help="An architecture of the recipe. Default: mask.")
@data_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="For the model.",
)
@set_option
@weights_option
@source_option
@cache_option
def train(
    recipe: str,
    arch: str | None,
    data: Path,
    out: Path,
    assignments: tuple[str, ...],
    weights: Path | None,
    sources: tuple[str, ...],
    cache: Path,
) -> None:
    """Trains a network on the train split, and follows it on the val split.

    RECIPE is a folder of models/, such as mask, or the path of one. DIR gets model.keras,
    history.csv, settings.json, result.json and curves.png.
    """
    from lintel.lab.training.backend import start_keras  # noqa: PLC0415 - not for --help

    # First, since it takes less time to find out that there are none.
    faces = read_faces(data, sources)
    start_keras()
    from lintel.lab.training import curves, settings, training  # noqa: PLC0415 - as above
    from lintel.lab.training.recipes import open_recipe  # noqa: PLC0415

    opened = open_recipe(recipe)
    given: dict[str, Any] = settings.parse_assignments(assignments)
    if arch is not None:
        given["arch"] = arch
    chosen = opened.settings(given)
    examples = training.prepare_examples(faces, chosen, cache, report=tell_crop)
    click.echo(
        f"{chosen.arch}: {counted(len(examples.train.faces), 'face')} to learn from,"
        f" {len(examples.val.faces)} to judge by."
    )
    history = training.train(
        opened,
        chosen,
        examples,
        out,
        weights=weights,
        tell=lambda epoch: tell_epoch(epoch, chosen.epochs),
        bar=sys.stderr.isatty(),
    )
    curves.draw_curves({chosen.arch: history}, out / "curves.png")
    click.echo(f"{shown(str(out))} holds the model, its history and curves.png.")


def read_faces(data: Path, sources: tuple[str, ...]) -> Any:
    """Reads labelled faces; those without splits are divided."""
    from lintel.lab.annotations import AnnotationError  # noqa: PLC0415 - not for --help
    from lintel.lab.training.faces import find_faces, select_faces  # noqa: PLC0415
    from lintel.lab.training.splits import with_splits  # noqa: PLC0415

    errors: list[AnnotationError] = []
    faces = find_faces(data, report=errors.append)
    if errors:
        click.echo(
            f"{counted(len(errors), 'defect')} in the annotations left out, the first:"
            f" {shown(str(errors[0]))}",
            err=True,
        )
    return with_splits(select_faces(faces, sources=sources, duplicates=True))


def tell_crop(error: CropError) -> None:
    """Says that a face was left out."""
    click.echo(f"Left out: {shown(str(error))}", err=True)


def tell_epoch(epoch: Epoch, total: int) -> None:
    """Says what an epoch came to."""
    val = epoch.val
    click.echo(
        f"epoch {epoch.epoch}/{total}, {epoch.seconds:.0f} CPU s: loss {epoch.loss:.4f},"
        f" accuracy {epoch.accuracy:.4f}; val loss {val.loss:.4f}, accuracy {val.accuracy:.4f},"
        f" macro-F1 {val.macro_f1:.4f}, two classes {val.two_class_accuracy:.4f}"
    )
