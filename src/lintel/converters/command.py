"""The command `lintel-convert`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from lintel import terminal


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  lintel-convert my_model.keras --task classify --calibrate pictures --out my-model
  lintel-convert my_model.h5 --calibrate data.npz --out my-model --variant litert-int8
\b
Exit status: 0 all is well, 1 no variant passed the gate (the report says why), 2 the command
could not be carried out and nothing was written, 130 interrupted.""",
)
@click.version_option(package_name="lintel", message="lintel-convert %(version)s")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--task",
    type=click.Choice(["classify", "regress", "detect", "tensor"]),
    default="tensor",
    show_default=True,
    help="What the model does: decides how variants are judged.",
)
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DATA",
    help="Pictures in a folder (subfolders are classes) or a .npz file: a hundred or more.",
)
@click.option(
    "--verify",
    type=click.Path(path_type=Path),
    metavar="DATA",
    help="The same to verify with; without it, a part of --calibrate is held back.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The package; one that is there is made anew.",
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME",
    help="Such as litert-int8; may be given again. Without it, all there are.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["litert", "onnx", "xgboost"]),
    help="Only variants of this format.",
)
@click.option(
    "--gate",
    type=float,
    default=0.99,
    show_default=True,
    help="Share of the source's figure that a variant has to keep.",
)
@click.option("--name", help="Of the package; the model's file name if not given.")
@click.option("--licence", help="What the manifest says of it.")
@click.option("--labels", help="Names of the classes in the model's order, with commas between.")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="[NAME=]N,N,...",
    help="Lengths of an input's axes, without the batch, where they are free.",
)
@click.option(
    "--colour",
    type=click.Choice(["rgb", "bgr", "grey"]),
    help="Order of the channels. Default: rgb, or grey where there is one.",
)
@click.option(
    "--resize",
    type=click.Choice(["stretch", "letterbox"]),
    default="stretch",
    show_default=True,
    help="How pictures are brought to size.",
)
@click.option(
    "--mean",
    default="0",
    show_default=True,
    metavar="N[,N,N]",
    help="Taken off the pixels, which are 0 to 255.",
)
@click.option(
    "--scale",
    default="1",
    show_default=True,
    metavar="N[,N,N]",
    help="The rest is multiplied by it: 0.00392157 for a model trained on 0 to 1.",
)
@click.option(
    "--count",
    type=click.IntRange(2, 100_000),
    default=200,
    show_default=True,
    help="Examples to calibrate with, at most.",
)
@click.option(
    "--trust", is_flag=True, help="Run code that the model holds: Lambda layers, pickles."
)
def lintel_convert(**given: object) -> int:
    """Converts a trained MODEL for devices: quantized, compared with its source, and packed.

    Reads Keras (.keras, .h5), SavedModel folders, ONNX, PyTorch (.pt2; .pt with --trust), XGBoost
    (.json, .ubj), scikit-learn (.joblib, .pkl; with --trust).
    Writes a model package with the variants that keep what the model can do, the fastest first,
    and report.html.
    """
    from lintel.converters.options import make_recipe  # noqa: PLC0415 - not for --help
    from lintel.converters.packing import check_target  # noqa: PLC0415
    from lintel.converters.production import produce  # noqa: PLC0415

    recipe, is_strict = make_recipe(given)
    out = Path(str(given["out"]))
    check_target(out, [Path(str(given[key])) for key in ("calibrate", "verify") if given[key]])
    findings = produce(
        recipe, Path(), out, strict=is_strict, tell=lambda line: click.echo(line, err=True)
    )
    report = out / "report.html"
    if not findings.packed:
        click.echo(
            f"No variant keeps {recipe.gate * 100:.4g} % of the source; see {report}.", err=True
        )
        return terminal.FAILED
    click.echo(f"Packed {', '.join(findings.packed)} into {out}; see {report}.")
    return terminal.DONE


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line, and exits with its status.

    Args:
        arguments: What follows the command's name; None: those of this process.
    """
    from lintel.converters.errors import ConversionError  # noqa: PLC0415

    terminal.run(lintel_convert, "lintel-convert", arguments, (ConversionError,))
