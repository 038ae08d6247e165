"""The commands about series that a device keeps: list, record, export, delete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from lintel import terminal
from lintel.cli import sheets
from lintel.cli.extras import require
from lintel.cli.files import refuse_existing, whole_file
from lintel.cli.names import counted
from lintel.cli.options import open_series_engine, overwrite_option, place_options
from lintel.cli.series_engines import (
    COUNTS_PER_CALL,
    RESOLUTION_NAMES,
    Point,
    ResolutionName,
    Stretch,
)
from lintel.cli.time_tables import read_time_table
from lintel.cli.times import TimeStyle, parse_moment
from lintel.cli.zones import zone_option

SUMMARY_COLUMNS = ("series", "first", "last", "minutes", "hours", "days")
EXPORT_COLUMNS = ("timestamp", "value")

resolution_option = click.option(
    "--resolution",
    type=click.Choice(RESOLUTION_NAMES),
    default="hour",
    show_default=True,
    help="Length of the steps of a series that is kept.",
)


@click.group()
def series() -> None:
    """Keeps series of counts, by the minute, the hour and the day."""


@series.command(
    "list",
    epilog="""\b
Examples:
  lintel series list
  lintel series list --csv - --server 127.0.0.1:50051""",
)
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    help='Write CSV to a file, or to standard output with "-", instead of a table.',
)
@overwrite_option
@place_options
def list_(csv_file: str | None, overwrite: bool, **place: Any) -> None:
    """Lists the series that are kept. Times are UTC."""
    with open_series_engine(**place) as engine:
        rows = [
            (
                summary.name,
                TimeStyle.OFFSET.write(summary.first_us, UTC),
                TimeStyle.OFFSET.write(summary.last_us, UTC),
                *(str(number) for number in (summary.minutes, summary.hours, summary.days)),
            )
            for summary in engine.summaries()
        ]
    if csv_file is not None:
        with sheets.csv_writer(csv_file, SUMMARY_COLUMNS, overwrite=overwrite) as write:
            write(rows)
        return
    if not rows:
        click.echo("No series are kept yet.")
    table = sheets.Table(SUMMARY_COLUMNS)
    table.extend(rows)
    table.print()


@series.command(
    epilog="""\b
Examples:
  lintel series record door 3
  lintel series record door 3 --at 2026-07-01T12:00+02:00
  lintel series record door --file counts.csv --time-zone Europe/Lisbon"""
)
@click.argument("name")
@click.argument("count", type=float, required=False)
@click.option("--at", "moment", metavar="TIME", help="When, in ISO 8601. Default: now.")
@click.option(
    "--file",
    "counts_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Record what a text file holds: a time and a count in every line. To do so again within"
    " a day changes nothing.",
)
@click.option("--column", default="", help="Header of the counts in the file.")
@zone_option("Time zone of times that do not tell theirs. Default: UTC.")
@place_options
def record(
    name: str,
    count: float | None,
    moment: str | None,
    counts_file: Path | None,
    column: str,
    time_zone: ZoneInfo | None,
    **place: Any,
) -> None:
    """Adds to a series: one COUNT, or those of a file.

    NAME has 1 to 64 of a-z, 0-9, "-", "_" and "."; a series begins with its first count.
    """
    if (count is None) == (counts_file is None):
        raise click.UsageError("Give either a COUNT or a --file.")
    zone = time_zone or UTC
    if counts_file is None:
        if column:
            raise click.UsageError("--column is for a --file.")
        at_us = parse_moment(moment, zone, "--at") if moment else 0
        points, key = [Point(at_us, count or 0.0)], ""
    else:
        if moment:
            raise click.UsageError("--at is for a COUNT: a file has times of its own.")
        table = read_time_table(counts_file, zone, column)
        points = [Point(*pair) for pair in zip(table.timestamps_us, table.values, strict=True)]
        key = _digest(name, points)
    with open_series_engine(**place) as engine:
        recorded = sum(
            engine.record(name, part, f"{key}-{number}" if key else "")
            for number, part in enumerate(_parts(points))
        )
    click.echo(f"{counted(recorded, 'count')} recorded in {name}.")
    if recorded < len(points):
        click.echo(f"{counted(len(points) - recorded, 'count')} had been recorded before.")


@series.command(
    epilog="""\b
Examples:
  lintel series export door --csv door.csv
  lintel series export door --parquet door.parquet --resolution minute --start 2026-07-01"""
)
@click.argument("name")
@click.option(
    "--csv",
    "csv_file",
    metavar="FILE",
    help='Write CSV to a file, or to standard output with "-": timestamp,value.',
)
@click.option(
    "--parquet",
    "parquet_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write Parquet to a file.",
)
@resolution_option
@click.option("--start", metavar="TIME", help="Leave out what is before, in ISO 8601.")
@click.option("--end", metavar="TIME", help="Leave out what is then or after, in ISO 8601.")
@overwrite_option
@place_options
def export(
    name: str,
    csv_file: str | None,
    parquet_file: Path | None,
    resolution: ResolutionName,
    start: str | None,
    end: str | None,
    overwrite: bool,
    **place: Any,
) -> None:
    """Writes a series to a file.

    Times are those of the device's time zone with their offset from UTC; days are dates. Steps
    without counts are left out. A --start or --end without an offset is UTC.
    """
    if (csv_file is None) == (parquet_file is None):
        raise click.UsageError("Give either --csv or --parquet.")
    for file in (parquet_file, Path(csv_file) if csv_file not in (None, "-") else None):
        if file is not None:
            refuse_existing(file, overwrite=overwrite)
    if parquet_file is not None:
        require("pyarrow", "parquet", "Parquet files")
    start_us = parse_moment(start, UTC, "--start") if start else 0
    end_us = parse_moment(end, UTC, "--end") if end else 0
    if start and end and start_us >= end_us:
        raise click.UsageError("--end must be later than --start.")
    with open_series_engine(**place) as engine:
        stretch = engine.read(name, resolution, start_us, end_us)
    if parquet_file is not None:
        _write_parquet(stretch, parquet_file, overwrite=overwrite)
        return
    with sheets.csv_writer(csv_file or "-", EXPORT_COLUMNS, overwrite=overwrite) as write:
        write(_rows(stretch, resolution))


@series.command(
    epilog="""\b
Example:
  lintel series delete door"""
)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def delete(name: str, yes: bool, **place: Any) -> None:
    """Forgets a series and everything in it."""
    if not yes and not click.confirm(f"Delete the series {name} for good?", err=True):
        click.echo("Nothing was deleted.", err=True)
        raise click.exceptions.Exit(terminal.INTERRUPTED)
    with open_series_engine(**place) as engine:
        engine.delete(name)
    click.echo(f"{name} is deleted.")


def zone_of(stretch: Stretch) -> tzinfo:
    """Returns whose hours and days a stretch has, UTC where this machine does not know."""
    try:
        return ZoneInfo(stretch.time_zone) if stretch.time_zone else UTC
    except (ValueError, OSError, KeyError):
        return UTC


def _digest(name: str, points: Sequence[Point]) -> str:
    """Returns what tells the same counts from others."""
    digest = hashlib.sha256(name.encode())
    for timestamp_us, value in points:
        digest.update(f"{timestamp_us} {value!r}\n".encode())
    return digest.hexdigest()[:32]


def _parts(points: Sequence[Point]) -> Iterator[Sequence[Point]]:
    for start in range(0, len(points), COUNTS_PER_CALL):
        yield points[start : start + COUNTS_PER_CALL]


def _rows(stretch: Stretch, resolution: ResolutionName) -> Iterator[tuple[str, str]]:
    zone = zone_of(stretch)
    style = TimeStyle.DATE if resolution == "day" and stretch.time_zone else TimeStyle.OFFSET
    for timestamp_us, value in zip(stretch.timestamps_us, stretch.values, strict=True):
        yield style.write(timestamp_us, zone), f"{value:.12g}"


def _write_parquet(stretch: Stretch, target: Path, *, overwrite: bool) -> None:
    import pyarrow as arrow  # noqa: PLC0415 - slow to import, and seldom installed
    from pyarrow import parquet  # noqa: PLC0415

    kind = arrow.timestamp("us", tz=stretch.time_zone or "UTC")
    columns = {
        "timestamp": arrow.array(stretch.timestamps_us, arrow.int64()).cast(kind),
        "value": arrow.array(stretch.values, arrow.float64()),
    }
    with whole_file(target, overwrite=overwrite) as file:
        parquet.write_table(arrow.table(columns), file)
