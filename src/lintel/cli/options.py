"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lintel.cli.files import read_secret

if TYPE_CHECKING:
    from lintel.cli.engines import Engine
    from lintel.cli.forecast_engines import ForecastEngine
    from lintel.cli.series_engines import SeriesEngine
    from lintel.edge.config import Settings

# Where `lintel serve` listens by default.
DEFAULT_SERVER = "127.0.0.1:50051"
Command = TypeVar("Command", bound=Callable[..., Any])
Opened = TypeVar("Opened")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="LINTEL_CONFIG",
    help="Settings file; LINTEL_CONFIG may name it too. Without one, the defaults hold.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files that are there.")
pictures_argument = click.argument("pictures", nargs=-1, required=True, metavar="PICTURES...")


def number_option(
    name: str, least: float, most: float, explanation: str
) -> Callable[[Command], Command]:
    """Makes an option that takes a number in a range.

    click's own range lets NaN pass, which compares with nothing.
    """

    def check(
        _context: click.Context, _option: click.Parameter, number: float | None
    ) -> float | None:
        if number is not None and not least <= number <= most:
            raise click.BadParameter(f"{number} is no number from {least} to {most}.")
        return number

    return click.option(name, type=float, metavar="NUMBER", callback=check, help=explanation)


def place_options(command: Command) -> Command:
    """Adds the options that say where pictures are worked on."""
    local = click.option("--local", is_flag=True, help="Work in this process: the default.")
    server = click.option(
        "--server",
        metavar="ADDRESS",
        envvar="LINTEL_SERVER",
        help='Have a server do the work: "HOST:PORT" or "unix:/path". LINTEL_SERVER may name it'
        " too.",
    )
    return local(server(access_options(config_option(command))))


def server_options(command: Command) -> Command:
    """Adds the options that say which server is asked, for what only a server knows."""
    server = click.option(
        "--server",
        metavar="ADDRESS",
        envvar="LINTEL_SERVER",
        default=DEFAULT_SERVER,
        show_default=True,
        help='"HOST:PORT" or "unix:/path". LINTEL_SERVER may name it too.',
    )
    return server(access_options(command))


def access_options(command: Command) -> Command:
    """Adds the options that say what a server is shown."""
    options = (
        click.option(
            "--token",
            envvar="LINTEL_TOKEN",
            help="Bearer token for the server; better kept in LINTEL_TOKEN or in a file, as others"
            " can see command lines.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            envvar="LINTEL_TOKEN_FILE",
            help="File that holds the bearer token.",
        ),
        click.option(
            "--root-certificates",
            type=click.Path(path_type=Path),
            metavar="FILE",
            envvar="LINTEL_ROOT_CERTIFICATES",
            help="Who signed the server's certificate, in PEM; turns TLS on.",
        ),
        click.option(
            "--client-certificate",
            type=click.Path(path_type=Path),
            metavar="FILE",
            envvar="LINTEL_CLIENT_CERTIFICATE",
            help="Certificate to show to a server that asks for one (mutual TLS), in PEM.",
        ),
        click.option(
            "--client-key",
            type=click.Path(path_type=Path),
            metavar="FILE",
            envvar="LINTEL_CLIENT_KEY",
            help="The private key of that certificate, in PEM.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def load_settings(path: Path | None) -> Settings:
    """Reads the settings.

    Raises:
        SettingsInvalidError: They are wrong.
    """
    from lintel.edge import config  # noqa: PLC0415 - not for --help

    return config.load(path)


def open_engine(**place: Any) -> Engine:
    """Opens what works on pictures.

    Args:
        **place: What the options of `place_options` say; see `_open`.

    Raises:
        click.UsageError: The options contradict each other.
        LintelError: The settings are wrong, or the models cannot be had.
        EngineFailedError: The server is not to be reached.
        FileFailedError: The token cannot be read.
    """
    from lintel.cli.local_engine import LocalEngine  # noqa: PLC0415
    from lintel.cli.server_engine import ServerEngine  # noqa: PLC0415

    def open_server(address: str, token: str | None, **certificates: Path | None) -> Engine:
        # The limits of this process do not bind a server, but no picture is read without one.
        return ServerEngine(address, token, **certificates, settings=load_settings(None))

    return _open(LocalEngine, open_server, **place)


def open_series_engine(**place: Any) -> SeriesEngine:
    """Opens what keeps series. Takes and raises what `open_engine` does."""
    from lintel.cli.local_series import LocalSeries  # noqa: PLC0415
    from lintel.cli.server_series import ServerSeries  # noqa: PLC0415

    open_here: Callable[[Settings], SeriesEngine] = LocalSeries
    return _open(open_here, ServerSeries, **place)


def open_forecast_engine(**place: Any) -> ForecastEngine:
    """Opens what forecasts series. Takes and raises what `open_engine` does."""
    from lintel.cli.local_forecasts import LocalForecasts  # noqa: PLC0415
    from lintel.cli.server_forecasts import ServerForecasts  # noqa: PLC0415

    open_here: Callable[[Settings], ForecastEngine] = LocalForecasts
    return _open(open_here, ServerForecasts, **place)


def read_token(token: str | None, token_file: Path | None) -> str | None:
    """Returns the bearer token that the options name, if any.

    Raises:
        click.UsageError: Both name one.
        FileFailedError: It cannot be read.
    """
    if token_file is None:
        return token
    if token is not None:
        raise click.UsageError("--token and --token-file are both given: give one of them.")
    return read_secret(token_file)


def _open(
    open_here: Callable[[Settings], Opened],
    open_server: Callable[..., Opened],
    *,
    local: bool,
    server: str | None,
    config: Path | None,
    token: str | None,
    token_file: Path | None,
    **certificates: Path | None,
) -> Opened:
    """Opens what works in this process, or what has a server work.

    Args:
        open_here: Does the first.
        open_server: Does the second, with address, token and certificates.
        local: Whether to work in this process.
        server: Address of the server that is to do it, if any.
        config: Settings file for work in this process.
        token: For the server.
        token_file: Where the token stands.
        **certificates: As of ServerConnection.
    """
    if local and on_command_line("server"):
        raise click.UsageError("--local and --server contradict each other: give one of them.")
    if server and not local:
        if on_command_line("config"):
            raise click.UsageError("A server has settings of its own: leave --config out.")
        return open_server(server, read_token(token, token_file), **certificates)
    for name in ("token", "token_file", *certificates):
        if on_command_line(name):
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option} is for a server: give --server, too.")
    return open_here(load_settings(config))


def on_command_line(name: str) -> bool:
    """Tells whether an option was given in the command itself, and not by the environment."""
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE
