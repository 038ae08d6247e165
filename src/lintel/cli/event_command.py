"""The command `lintel events`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lintel.cli.options import read_token, server_options

if TYPE_CHECKING:
    from lintel.client import Event

KINDS = (
    "person-entered",
    "person-left",
    "mask-missing",
    "mask-incorrect",
    "camera-lost",
    "camera-back",
)


@click.command(
    epilog="""\b
Examples:
  lintel events
  lintel events --after 0 --count 20
  lintel events --kind camera-lost --camera door --server 10.0.0.7:50051"""
)
@click.option(
    "--after",
    type=click.IntRange(0, 1 << 62),
    metavar="NUMBER",
    help="Begin after the event of this number; 0: with all that are kept. Default: from now on.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Only events of this kind; may be given again.",
)
@click.option(
    "--camera",
    "cameras",
    metavar="NAME",
    multiple=True,
    help="Only events of this camera; may be given again.",
)
@click.option("--count", type=click.IntRange(1), metavar="NUMBER", help="End after so many.")
@server_options
def events(
    after: int | None,
    kinds: tuple[str, ...],
    cameras: tuple[str, ...],
    count: int | None,
    server: str,
    token: str | None,
    token_file: Path | None,
    **certificates: Path | None,
) -> None:
    """Follows what happens at the cameras of a server, one line of JSON an event.

    It goes on where it was when the server restarts, and ends with Ctrl-C.
    """
    from lintel.cli.server_events import ServerEvents  # noqa: PLC0415 - takes a while

    with ServerEvents(server, read_token(token, token_file), **certificates) as followed:
        for number, event in enumerate(followed.events(after, kinds, cameras), start=1):
            click.echo(json.dumps(_document(event)))
            # Whoever reads this through a pipe waits for it.
            sys.stdout.flush()
            if number == count:
                return


def _document(event: Event) -> dict[str, Any]:
    """Returns what is written of an event, as brokers and webhooks are told it."""
    document: dict[str, Any] = {
        "sequence_number": event.sequence_number,
        "timestamp_us": event.timestamp_us,
        "time": event.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "kind": event.kind,
        "camera": event.camera,
    }
    if event.track_id:
        document["track_id"] = event.track_id
    if event.place:
        document["place"] = event.place
    if event.mask is not None:
        probabilities = {
            "with_mask": event.mask.worn_probability,
            "without_mask": event.mask.not_worn_probability,
            "incorrect_mask": event.mask.worn_incorrectly_probability,
        }
        rounded = {name: round(probability, 4) for name, probability in probabilities.items()}
        document["mask"] = {"state": event.mask.state, "probabilities": rounded}
    if event.missed_events:
        document["missed_events"] = event.missed_events
    return document
