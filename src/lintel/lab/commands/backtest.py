"""`lintel-lab backtest`: forecasts measured on the past."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import listed, shown
from lintel.cli.options import overwrite_option
from lintel.lab.commands.report_option import report_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lintel.edge.tasks.forecast import Forecaster, RegularSeries
    from lintel.lab.forecasting.protocol import Protocol

DEFAULT_ORIGINS = 30

horizon_option = click.option(
    "--horizon",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="STEPS",
    help="Steps to forecast from each origin.",
)
last_option = click.option(
    "--last",
    metavar="N or N%",
    help="Have the windows in the last N values, or per cent of them.",
)
origins_option = click.option(
    "--origins",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help=f"Have so many windows at the end instead: five or more, or one. Default:"
    f" {DEFAULT_ORIGINS}.",
)
stride_option = click.option(
    "--stride",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    metavar="STEPS",
    help="Steps from one origin to the next.",
)
models_option = click.option(
    "--models",
    metavar="A,B,...",
    help="Which to measure: drift, exponential-smoothing, theta, xgboost, combination, a model"
    " package, or the median of several, such as theta+xgboost; the naive ones always are. Default:"
    " all but packages, as far as the history is long enough for them.",
)
refit_option = click.option(
    "--refit-every",
    type=click.IntRange(0, 100_000),
    default=0,
    show_default=True,
    metavar="WINDOWS",
    help="Fit anew after so many windows; 0: once, before the first.",
)
levels_option = click.option(
    "--levels",
    default="80,95",
    show_default=True,
    metavar="P,P,...",
    help="Intervals, in whole per cents of what comes.",
)
calibration_option = click.option(
    "--calibration",
    type=click.IntRange(0, 10_000),
    metavar="WINDOWS",
    help="Windows before the first, whose errors the first intervals are made of. Default: 500, or"
    " as many as half of what comes before has room for.",
)
season_option = click.option(
    "--season",
    type=click.IntRange(0, 10_000),
    default=0,
    metavar="STEPS",
    help="Length of the season; 1: none. Default: found.",
)
column_option = click.option(
    "--column", default="", metavar="NAME", help="Header of the values, where there are several."
)
regressor_option = click.option(
    "--regressor",
    "regressors",
    multiple=True,
    metavar="NAME",
    help="Header of what else is known beforehand, such as a holiday; may be given again. Only"
    " xgboost goes by it.",
)
zone_option = click.option(
    "--time-zone",
    default="",
    metavar="NAME",
    help="IANA name of the zone of times that do not tell theirs. Default: UTC.",
)
page_option = report_option("Write a page with plots of forecasts, residuals and importances.")
csv_option = click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Write every forecast, with its intervals and what came.",
)


@click.command(
    epilog="""\b
Examples:
  lintel-lab backtest prices.csv --last 252 --season 1 --refit-every 21
  lintel-lab backtest bikes.csv --horizon 24 --last 20% --stride 24 --report report.html
  lintel-lab backtest counts.csv --horizon 7 --origins 52 --models naive,theta,xgboost"""
)
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@horizon_option
@last_option
@origins_option
@stride_option
@models_option
@refit_option
@levels_option
@calibration_option
@season_option
@column_option
@regressor_option
@zone_option
@page_option
@csv_option
@overwrite_option
def backtest(
    file: Path,
    report: Path | None,
    csv_file: Path | None,
    overwrite: bool,
    models: str | None,
    **options: Any,
) -> None:
    """Measures forecasts by rolling origins: from many moments of the past, by what was known then.

    FILE has a time and a value in every line. Whatever models scale, fill or choose is made of
    what lies before each origin; the test part is for reporting: choose on what comes before it.
    """
    from lintel.lab.forecasting import report as reports  # noqa: PLC0415 - not for --help
    from lintel.lab.forecasting.reading import read_series  # noqa: PLC0415
    from lintel.lab.forecasting.running import count_forecasts, run_backtest  # noqa: PLC0415

    names = _words(models or "")
    if models is not None and not names:
        raise click.BadParameter("Name a model, or several.", param_hint="--models")
    for target in (report, csv_file):
        if target:
            refuse_existing(target, overwrite=overwrite)
    series, known = read_series(
        file,
        season_length=options.pop("season"),
        **{name: options.pop(name) for name in ("column", "regressors", "time_zone")},
    )
    protocol = _protocol(series, **options)
    forecasters = _forecasters(series, protocol, names)
    with click.progressbar(
        length=count_forecasts(forecasters, protocol),
        label="Forecasting",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as bar:
        result = run_backtest(
            series, forecasters, protocol, regressors=known, progress=lambda: bar.update(1)
        )
    summary = reports.summarise(result, shown(file.name))
    click.echo(reports.to_text(summary))
    if csv_file:
        with whole_file(csv_file, overwrite=overwrite) as target_file:
            reports.write_csv(result, target_file)
    if report:
        with whole_file(report, overwrite=overwrite) as target_file:
            target_file.write(reports.to_html(result, summary).encode())
        click.echo(f"\n{shown(str(report))} shows forecasts, residuals and importances.")


def _forecasters(
    series: RegularSeries, protocol: Protocol, names: Sequence[str]
) -> Sequence[Forecaster]:
    """Returns the models of these names; of none, the usual ones that there is room for."""
    from lintel.lab.forecasting.models import make_forecasters  # noqa: PLC0415 - not for --help
    from lintel.lab.forecasting.running import has_room  # noqa: PLC0415

    forecasters = make_forecasters(names, series.season_length)
    if names:
        return forecasters
    short = [each.name for each in forecasters if not has_room(series, each, protocol)]
    if short:
        click.echo(
            f"Passed over, as they need more steps before the first forecast: {listed(short)}."
            " Fewer --origins or a smaller --calibration leave more.",
            err=True,
        )
    return [each for each in forecasters if each.name not in short]


def _protocol(
    series: RegularSeries,
    *,
    horizon: int,
    last: str | None,
    origins: int | None,
    stride: int,
    refit_every: int,
    levels: str,
    calibration: int | None,
) -> Protocol:
    """Makes the protocol that the options say, and checks it against the series."""
    import numpy as np  # noqa: PLC0415 - not for --help

    from lintel.lab.forecasting import protocol as protocols  # noqa: PLC0415

    if last is not None and origins is not None:
        raise click.UsageError("--last and --origins contradict each other: give one of them.")
    windows = origins or DEFAULT_ORIGINS
    if last is not None:
        count = _count_of(last, int((~np.isnan(series.values)).sum()))
        windows = protocols.windows_of_last(series, count, horizon, stride)
    chosen = protocols.Protocol(
        horizon=horizon,
        windows=windows,
        stride=stride,
        refit_every=refit_every,
        levels=_levels(levels),
    )
    protocols.check_protocol(chosen, series)
    return protocols.with_calibration(chosen, len(series), calibration)


def _count_of(last: str, values: int) -> int:
    """Reads "252" or "20%"."""
    text = last.strip()
    number = text.removesuffix("%")
    try:
        count = round(values * float(number) / 100) if number != text else int(text)
    except (ValueError, OverflowError) as error:
        problem = f"{shown(last)} is neither a number, such as 252, nor a share, such as 20%."
        raise click.BadParameter(problem, param_hint="--last") from error
    return count


def _levels(text: str) -> tuple[int, ...]:
    words = _words(text)
    if not words or not all(re.fullmatch("[1-9][0-9]?", word) for word in words):
        raise click.BadParameter("Levels are whole per cents from 1 to 99.", param_hint="--levels")
    return tuple(sorted({int(word) for word in words}))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
