"""The command `lintel-lab`.

A sub-command is a module in `lintel.lab.commands` and a line in `COMMANDS`. Nothing heavy is
imported before a command needs it, so that `lintel-lab --help` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import click

from lintel import terminal
from lintel.lab.commands.backtest import backtest
from lintel.lab.commands.calibrate import calibrate
from lintel.lab.commands.cluster import cluster
from lintel.lab.commands.crops import crops
from lintel.lab.commands.evaluate import evaluate
from lintel.lab.commands.inspect import inspect
from lintel.lab.commands.sweep import sweep
from lintel.lab.commands.train import train

COMMANDS: tuple[click.Command, ...] = (
    inspect,
    evaluate,
    calibrate,
    cluster,
    crops,
    train,
    sweep,
    backtest,
)


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

    terminal.run(lintel_lab, "lintel-lab", arguments, (LintelError, LabError, FileFailedError))
