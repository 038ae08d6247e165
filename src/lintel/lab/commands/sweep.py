"""`lintel-lab sweep`: a recipe trained with many settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel import terminal
from lintel.cli.names import counted, shown
from lintel.lab.commands.train import (
    cache_option,
    data_option,
    source_option,
    weights_option,
)

if TYPE_CHECKING:
    from lintel.lab.training.sweeps import Outcome, SweepPlan

FIGURES = ("val_accuracy", "val_macro_f1", "val_two_class_accuracy", "val_loss")
COLUMNS = ("training", "epochs", "parameters", "seconds", *FIGURES)
MOST_CURVES = 10


@click.command(
    epilog="""\b
Examples:
  lintel-lab sweep mask --data faces/index.csv --out out/sweep \\
    --set width=0.5,1 --set loss=cross-entropy,focal --set epochs=10
  lintel-lab sweep mask plan.toml --data faces/index.csv --out out/sweep --random 20 --jobs 2
\b
plan.toml has up to three parts: a table [settings] for all trainings, a list [[runs]] with a
table a training, and a table [grid] with a list of values a setting.
\b
The same command again goes on with a sweep that was cut off.
\b
Exit status: 0 all were trained, 1 some failed."""
)
@click.argument("recipe")
@click.argument("plan", type=click.Path(path_type=Path), required=False, metavar="[PLAN.toml]")
@data_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="For a folder a training, sweep.csv and curves.png.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE,...",
    help="Values of a setting, each of which is tried with each of the others; may be given again.",
)
@click.option(
    "--random",
    "chosen",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Train so many of them, by chance. Default: all.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, help="Of that choice. Default: 1.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    default=1,
    help="How many are trained at a time; they share the processor cores. Default: 1.",
)
@weights_option
@source_option
@cache_option
def sweep(
    recipe: str,
    plan: Path | None,
    out: Path,
    assignments: tuple[str, ...],
    chosen: int | None,
    seed: int,
    jobs: int,
    **options: Any,
) -> None:
    """Trains a recipe with many settings, and compares what becomes of it on the val split.

    RECIPE is a folder of models/, such as mask, or the path of one.
    """
    from lintel.lab.training.backend import start_keras  # noqa: PLC0415 - not for --help

    start_keras()
    from lintel.lab.training import sweeps  # noqa: PLC0415 - as above
    from lintel.lab.training.recipes import open_recipe  # noqa: PLC0415

    opened = open_recipe(recipe)
    planned = _plan(plan, assignments)
    trials = sweeps.plan_trials(planned, opened, chosen=chosen or 0, seed=seed)
    click.echo(f"{counted(len(trials), 'training')}.")
    command = ["train", str(opened.folder)]
    command += [f"--{key}={options[key]}" for key in ("data", "cache", "weights") if options[key]]
    command += [f"--source={source}" for source in options["sources"]]
    outcomes = sweeps.run_trials(trials, out, command, jobs=jobs, tell=_tell)
    _write(outcomes, out)
    failed = [outcome for outcome in outcomes if outcome.failure]
    if failed:
        click.echo(f"{counted(len(failed), 'training')} failed: see log.txt of each.", err=True)
        raise click.exceptions.Exit(terminal.FAILED)


def _plan(path: Path | None, assignments: tuple[str, ...]) -> SweepPlan:
    """Joins a plan's file and the values of the command line, which go before."""
    from lintel.lab.training import settings, sweeps  # noqa: PLC0415 - as above

    read = sweeps.read_plan(path) if path else sweeps.SweepPlan()
    values = {
        key: [settings.parse_value(value) for value in str(text).split(",")]
        for key, text in settings.parse_pairs(assignments).items()
    }
    fixed = {key: one for key, (one, *more) in values.items() if not more}
    grid = {key: several for key, several in values.items() if len(several) > 1}
    kept = {key: several for key, several in read.grid.items() if key not in fixed}
    return sweeps.SweepPlan({**read.settings, **fixed}, read.runs, {**kept, **grid})


def _tell(outcome: Outcome) -> None:
    name = shown(outcome.trial.name)
    if outcome.failure:
        click.echo(f"{name}: failed: {shown(outcome.failure)}", err=True)
    else:
        click.echo(
            f"{name}: val accuracy {outcome.result['val_accuracy']:.4f},"
            f" macro-F1 {outcome.result['val_macro_f1']:.4f}"
        )


def _write(outcomes: list[Outcome], out: Path) -> None:
    """Writes and prints the table, best first, and draws the curves of the best."""
    from lintel.cli.sheets import Table, csv_writer  # noqa: PLC0415 - as above
    from lintel.lab.training.curves import draw_curves  # noqa: PLC0415
    from lintel.lab.training.training import read_history  # noqa: PLC0415

    best = sorted(outcomes, key=lambda outcome: -outcome.result.get("val_macro_f1", -1.0))
    with csv_writer(str(out / "sweep.csv"), (*COLUMNS, "failure"), overwrite=True) as write:
        write(
            (each.trial.name, *(str(each.result.get(c, "")) for c in COLUMNS[1:]), each.failure)
            for each in best
        )
    table = Table(COLUMNS)
    table.extend((each.trial.name, *_cells(each)) for each in best)
    table.print()
    drawn = [each.trial.name for each in best if each.result][:MOST_CURVES]
    draw_curves({name: read_history(out / name) for name in drawn}, out / "curves.png")
    click.echo(f"{shown(str(out))} holds sweep.csv and curves.png.")


def _cells(outcome: Outcome) -> list[str]:
    if outcome.failure:
        return ["failed"]
    values: dict[str, Any] = dict(outcome.result)
    plain = [f"{values[column]:.0f}" for column in COLUMNS[1:4]]
    return [*plain, *(f"{values[column]:.4f}" for column in FIGURES)]
