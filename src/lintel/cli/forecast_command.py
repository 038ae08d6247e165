"""The command forecast: what comes after the end of a series, and how sure that is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, NamedTuple

import click

from lintel.cli import sheets
from lintel.cli.files import FileFailedError, refuse_existing
from lintel.cli.forecast_engines import Known, Question
from lintel.cli.forecast_plots import PlotTexts, check_plot, draw_forecast
from lintel.cli.forecast_results import ForecastResult
from lintel.cli.names import counted, shown
from lintel.cli.options import (
    on_command_line,
    open_forecast_engine,
    open_series_engine,
    overwrite_option,
    place_options,
)
from lintel.cli.series_commands import resolution_option, zone_of
from lintel.cli.series_engines import ResolutionName
from lintel.cli.server_connection import RequestRefusedError
from lintel.cli.time_tables import TimeTable, read_time_table
from lintel.cli.times import TimeStyle
from lintel.cli.zones import zone_option
from lintel.edge.errors import LintelError

MOST_LEVELS = 16
_GO_BY_REGRESSORS = {"xgboost", "combination"}
# A point of the history, in the errors of a device.
_POINT = re.compile(r"(?:history\.)?(?:timestamps_us|values)\[(\d+)\]")


class History(NamedTuple):
    """What is forecast.

    Attributes:
        name: What it is called.
        values: What its values are called.
        timestamps_us: Microseconds since 1970 UTC, rising.
        numbers: As many values.
        style: How times are written.
        zone: Whose times.
    """

    name: str
    values: str
    timestamps_us: Sequence[int]
    numbers: Sequence[float]
    style: TimeStyle
    zone: tzinfo


class Targets(NamedTuple):
    """Where the forecast goes.

    Attributes:
        csv: A file, "-" for standard output, or None for a table.
        plot: A picture, or None.
        overwrite: Replace files that are there.
    """

    csv: str | None
    plot: Path | None
    overwrite: bool

    def check(self) -> None:
        """Tells early what would keep them from being written."""
        if self.csv not in (None, sheets.STANDARD_OUTPUT):
            refuse_existing(Path(str(self.csv)), overwrite=self.overwrite)
        if self.plot is not None:
            check_plot(self.plot)
            refuse_existing(self.plot, overwrite=self.overwrite)

    def write(self, history: History, result: ForecastResult) -> None:
        """Writes the forecast."""
        if self.plot is not None:
            draw_forecast(
                self.plot,
                (history.timestamps_us, history.numbers),
                result,
                PlotTexts(history.name, history.values),
                history.zone,
                overwrite=self.overwrite,
            )
        if self.csv is None:
            table = sheets.Table(result.table_columns())
            table.extend(result.table_rows(history.style, history.zone))
            table.print()
            click.echo(f"\n{result.explanation()}")
            return
        with sheets.csv_writer(self.csv, result.columns(), overwrite=self.overwrite) as write:
            write(result.rows(history.style, history.zone))
        click.echo(result.explanation(), err=self.csv == sheets.STANDARD_OUTPUT)


def _read_levels(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        levels = sorted({float(level) for level in text.split(",")})
    except ValueError as error:
        raise click.BadParameter(f"{text} is no list of numbers, such as 80,95.") from error
    # Written so that NaN fails too.
    if not all(0 < level < 100 for level in levels) or len(levels) > MOST_LEVELS:
        raise click.BadParameter(
            f"1 to {MOST_LEVELS} percentages between 0 and 100 are wanted, such as 80,95."
        )
    return tuple(levels)


@click.command(
    epilog="""\b
Examples:
  lintel forecast prices.csv --horizon 20
  lintel forecast prices.csv --horizon 20 --levels 80,95 --csv out.csv --plot out.png
  lintel forecast --series door --horizon 24 --server 127.0.0.1:50051"""
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--series", "stored", metavar="NAME", help="Forecast a series that is kept instead.")
@click.option(
    "--horizon", required=True, type=click.IntRange(1, 1000), help="Steps to forecast, 1 to 1,000."
)
@click.option(
    "--levels",
    default="80,95",
    show_default=True,
    callback=_read_levels,
    help="Intervals, in percent, whole or not, such as 99.5.",
)
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    help='Write CSV to a file, or to standard output with "-", instead of a table.',
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the history's end and the forecast: a file that ends in .png or .svg.",
)
@click.option("--model", default="", metavar="NAME", help="Model. Default: the one that does best.")
@click.option(
    "--season",
    type=click.IntRange(0, 10_000),
    default=0,
    metavar="STEPS",
    help="Steps of a season, such as 24 of hours. Default: found from the steps.",
)
@click.option("--column", default="", metavar="NAME", help="Header of the values in the file.")
@click.option(
    "--regressor",
    "regressors",
    multiple=True,
    metavar="NAME",
    help="Header of what else is known, such as a holiday; may be given again. Lines after the last"
    " value tell it of the steps to come.",
)
@zone_option(
    "Time zone whose hours and weekdays matter, and of times in the file that do not tell theirs."
    " Default: UTC for a file, the device's for a series that is kept."
)
@resolution_option
@overwrite_option
@place_options
def forecast(
    file: Path | None, stored: str | None, resolution: ResolutionName, **options: Any
) -> None:
    """Forecasts the steps after a series, and says how sure it is.

    FILE is text with a time and a number in every line, separated by commas, semicolons, tabs or
    blanks, with or without a header. Times are ISO 8601; steps may be seconds, hours, days,
    working days, weeks, months, quarters or years, with gaps. The CSV has the columns
    timestamp,mean and, for each level, lo and hi, such as lo80,hi80. Only the model xgboost, and
    what it is part of, goes by regressors.
    """
    if (file is None) == (stored is None):
        raise click.UsageError("Give either a FILE or a --series.")
    targets = Targets(*(options.pop(name) for name in ("csv_file", "plot", "overwrite")))
    targets.check()
    column, zone = options.pop("column"), options.pop("time_zone")
    regressors = options.pop("regressors")
    question = Question(
        horizon=options.pop("horizon"),
        levels=options.pop("levels"),
        model=options.pop("model"),
        season_length=options.pop("season"),
        time_zone=zone.key if zone else "",
    )
    # What is left says where the work is done.
    if stored is None:
        if on_command_line("resolution"):
            raise click.UsageError("--resolution is for a --series: a file has steps of its own.")
        table = read_time_table(Path(str(file)), zone or UTC, column, regressors)
        history, result = _forecast_file(Path(str(file)), zone or UTC, table, question, options)
    elif column or regressors:
        raise click.UsageError(f"{'--column' if column else '--regressor'} is for a FILE.")
    else:
        history, result = _forecast_series(stored, resolution, question, options)
    targets.write(history, result)


def _forecast_file(
    file: Path, zone: tzinfo, table: TimeTable, question: Question, place: dict[str, Any]
) -> tuple[History, ForecastResult]:
    if table.gaps:
        gaps = counted(table.gaps, "line")
        click.echo(f"{shown(str(file))}: {gaps} without a value left out.", err=True)
    question = question._replace(
        time_zone=question.time_zone or "UTC", regressors=_known(file, table, question.horizon)
    )
    with open_forecast_engine(**place) as engine, _lines_named(file, table):
        result = engine.forecast(table.timestamps_us, table.values, question)
    if table.regressors:
        _check_steps(file, table, result.timestamps_us, zone)
        if _GO_BY_REGRESSORS.isdisjoint(result.model.split("+")):
            click.echo(f"The model {result.model} does not go by regressors.", err=True)
    name = table.column or "value"
    return History(file.name, name, table.timestamps_us, table.values, table.style, zone), result


def _known(file: Path, table: TimeTable, horizon: int) -> dict[str, Known]:
    """Returns the regressors of a file.

    Raises:
        FileFailedError: They do not reach as far as the forecast.
    """
    if table.regressors and len(table.future) < horizon:
        raise FileFailedError(
            f"{shown(str(file))} has {counted(len(table.future), 'line')} after the last value:"
            f" regressors must be known for each of {counted(horizon, 'step')} to forecast."
        )
    return {
        name: Known(history, [step.regressors[name] for step in table.future[:horizon]])
        for name, history in table.regressors.items()
    }


def _check_steps(file: Path, table: TimeTable, steps: Sequence[int], zone: tzinfo) -> None:
    """Checks that the lines after the last value are of the steps that were forecast.

    Raises:
        FileFailedError: One is not.
    """
    for known, timestamp_us in zip(table.future, steps, strict=False):
        if known.timestamp_us != timestamp_us:
            raise FileFailedError(
                f"{shown(str(file))}, line {known.line}: after the last value lines must be of the"
                f" steps to forecast, here {table.style.write(timestamp_us, zone)}."
            )


def _forecast_series(
    name: str, resolution: ResolutionName, question: Question, place: dict[str, Any]
) -> tuple[History, ForecastResult]:
    with open_forecast_engine(**place) as engine:
        result = engine.forecast_stored(name, resolution, question)
    with open_series_engine(**place) as keeper:
        # A step that is not over yet is not of the history, but forecast.
        past = keeper.read(name, resolution, 0, result.timestamps_us[0])
    style = TimeStyle.DATE if resolution == "day" else TimeStyle.OFFSET
    return History(name, "count", past.timestamps_us, past.values, style, zone_of(past)), result


@contextmanager
def _lines_named(file: Path, table: TimeTable) -> Iterator[None]:
    """Tells of points that are not accepted by their lines in the file.

    Raises:
        FileFailedError: One is not.
    """
    try:
        yield
    except (LintelError, RequestRefusedError) as error:
        point = _POINT.fullmatch(error.field)
        if point is None:
            raise
        line = table.lines[int(point[1])]
        raise FileFailedError(f"{shown(str(file))}, line {line}: {error}") from error
