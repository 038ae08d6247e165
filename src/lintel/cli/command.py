"""The command `lintel` itself, and the commands about the device: serve, config, doctor."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from lintel import terminal
from lintel.cli.camera_command import cameras
from lintel.cli.event_command import events
from lintel.cli.forecast_command import forecast
from lintel.cli.mask_command import masks
from lintel.cli.options import config_option, load_settings
from lintel.cli.picture_commands import blur, detect, stats
from lintel.cli.series_commands import series
from lintel.edge.errors import LintelError

if TYPE_CHECKING:
    from lintel.edge.config import Server
    from lintel.edge.doctor import Finding

COLOUR_OF_OUTCOME = {"ok": "green", "note": None, "warning": "yellow", "failure": "red"}


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  lintel blur photo.jpg --out blurred
  lintel serve
\b
Exit status: 0 all is well, 1 some pictures or checks failed, 2 the command could not be
carried out, 130 interrupted.""",
)
@click.version_option(package_name="lintel", message="lintel %(version)s")
def lintel() -> None:
    """A private, dependable door or kiosk from any small Linux box with a camera.

    Blurs faces, finds them, tells whether they wear masks, measures pictures, keeps counts and
    forecasts them: here, or as a server for others.
    """


@lintel.command(
    epilog="""\b
Examples:
  lintel serve
  lintel serve --listen 127.0.0.1:50051 --listen unix:/run/lintel/socket
  lintel serve --config /etc/lintel.toml"""
)
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDRESS",
    help='"HOST:PORT" or "unix:/path/to/socket"; may be given again.'
    " Default: as the settings say, 127.0.0.1:50051.",
)
@config_option
def serve(listen: tuple[str, ...], config: Path | None) -> None:
    """Serves other programs over gRPC, and a page to look at, until Ctrl-C or SIGTERM."""
    import msgspec  # noqa: PLC0415 - not for --help

    settings = load_settings(config)
    if listen:
        server = msgspec.structs.replace(settings.server, listen=listen)
        settings = msgspec.structs.replace(settings, server=server)
    from lintel.edge.service import serve as run_server  # noqa: PLC0415

    run_server(settings, partial(_announce, settings.server))


def _announce(server: Server, addresses: tuple[str, ...], page: str) -> None:
    """Tells where the device listens, a command that tries it, and where its page is.

    A device serves whether or not that can be written: the disk of its log may be full.
    """
    shown = {
        "--root-certificates": server.tls.certificate,
        "--client-certificate": server.tls.client_authority,
        "--client-key": server.tls.client_authority,
        "--token-file": server.tokens,
    }
    needed = "".join(f" {option} FILE" for option, setting in shown.items() if setting)
    try:
        click.echo(
            f"Serving on {', '.join(addresses)}. Try it:"
            f" lintel blur photo.jpg --out blurred --server {addresses[0]}{needed}"
        )
        if page:
            click.echo(f"Look at it: {page}")
        sys.stdout.flush()
    except OSError:
        logging.getLogger("lintel").warning("standard output cannot be written")
        terminal.discard_output()


@lintel.group()
def config() -> None:
    """Shows and checks the settings."""


@config.command(
    epilog="""\b
Examples:
  lintel config show
  lintel config show > lintel.toml"""
)
@config_option
def show(config: Path | None) -> None:
    """Writes the settings in force as a commented settings file.

    They are the defaults, the settings file over them, and the environment over both:
    LINTEL_SERVER__WORKERS=2 is workers = 2 under [server].
    """
    from lintel.edge.config import render  # noqa: PLC0415

    click.echo(render(load_settings(config)), nl=False)


@config.command(
    epilog="""\b
Example:
  lintel config check --config lintel.toml"""
)
@config_option
def check(config: Path | None) -> None:
    """Checks the settings, and the files that they name, without starting anything."""
    from lintel.edge import notify  # noqa: PLC0415
    from lintel.edge.forecasts import check_forecast_model  # noqa: PLC0415
    from lintel.edge.page import open_languages  # noqa: PLC0415
    from lintel.edge.pipeline import check_cameras  # noqa: PLC0415
    from lintel.edge.runtime import check_models  # noqa: PLC0415
    from lintel.edge.series import device_zone  # noqa: PLC0415
    from lintel.edge.service import access  # noqa: PLC0415

    settings = load_settings(config)
    access.check_addresses(settings)
    access.server_credentials(settings.server.tls)
    device_zone(settings.series.time_zone)
    check_models(settings)
    check_forecast_model(settings)
    check_cameras(settings)
    notify.destinations(settings)
    open_languages(settings.page)
    click.echo("The settings are valid.")


@lintel.command(
    epilog="""\b
Examples:
  lintel doctor
  lintel doctor --config /etc/lintel.toml --json"""
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
def doctor(config: Path | None, as_json: bool) -> None:
    """Examines this device: what it has, what is missing, and how to mend it."""
    from lintel.edge.doctor import Outcome, examine  # noqa: PLC0415

    findings: list[Finding] = []
    for finding in examine(config):
        findings.append(finding)
        if not as_json:
            _print_finding(finding)
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    if any(finding.outcome is Outcome.FAILURE for finding in findings):
        raise click.exceptions.Exit(terminal.FAILED)


def _print_finding(finding: Finding) -> None:
    word = click.style(f"{finding.outcome:<8}", fg=COLOUR_OF_OUTCOME[finding.outcome])
    click.echo(f"{word} {finding.check}: {finding.message}")
    if finding.hint:
        click.echo(f"{'':8} {finding.hint}")


for _command in (blur, cameras, detect, masks, stats, forecast, series, events):
    lintel.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line, and exits with its status.

    Args:
        arguments: What follows the command's name; None: those of this process.
    """
    from lintel.cli.engines import EngineFailedError  # noqa: PLC0415
    from lintel.cli.files import FileFailedError  # noqa: PLC0415

    terminal.run(lintel, "lintel", arguments, (LintelError, EngineFailedError, FileFailedError))
