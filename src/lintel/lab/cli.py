"""The command `lintel-lab`.

A sub-command is a module in `lintel.lab.commands` and a line in `COMMANDS`. Nothing heavy is
imported before a command needs it, so that `lintel-lab --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from lintel.lab.commands.calibrate import calibrate
from lintel.lab.commands.evaluate import evaluate
from lintel.lab.commands.inspect import inspect
from lintel.lab.commands.statuses import COULD_NOT, DONE, INTERRUPTED

COMMANDS: tuple[click.Command, ...] = (inspect, evaluate, calibrate)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Example:
  lintel-lab inspect faces/index.csv --report report.html
\b
Exit status: 0 all is well, 1 what was looked at has defects, 2 the command could not be
carried out, 130 interrupted.""",
)
@click.version_option(package_name="lintel", message="lintel-lab %(version)s")
def lintel_lab() -> None:
    """Looks at data, trains models, and measures them."""


for _command in COMMANDS:
    lintel_lab.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command line, and exits with its status.

    Args:
        arguments: What follows the command's name; None: those of this process.
    """
    from lintel.cli.files import FileFailedError  # noqa: PLC0415
    from lintel.edge.errors import LintelError  # noqa: PLC0415
    from lintel.lab.errors import LabError  # noqa: PLC0415

    try:
        status = lintel_lab.main(arguments, prog_name="lintel-lab", standalone_mode=False)
        # What standard output refuses is told here, not at the interpreter's end.
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (LintelError, LabError, FileFailedError) as error:
        status = _fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        status = INTERRUPTED
    except BrokenPipeError:
        # Whoever read the pipe has seen enough; what is left to write would raise at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = DONE
    sys.exit(status if isinstance(status, int) else DONE)


def _fail(message: str) -> int:
    click.echo(f"Error: {message}", err=True)
    return COULD_NOT
