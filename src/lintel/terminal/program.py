"""Running a command line to its end: results, or one sentence, and an exit status."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

DONE, FAILED, COULD_NOT, INTERRUPTED = 0, 1, 2, 130
"""All is well; something that was worked on is not; nothing could be done; stopped from outside."""


def run(
    command: click.Command,
    name: str,
    arguments: Sequence[str] | None,
    told: tuple[type[Exception], ...],
) -> NoReturn:
    """Runs a command line, and exits with its status.

    Args:
        command: What to run; it may return its status.
        name: What people call it by.
        arguments: What follows the name; None: those of this process.
        told: Errors whose text is a sentence for people, and all that they need.
    """
    # What SIGTERM leaves behind is then as whole as what Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = command.main(arguments, prog_name=name, standalone_mode=False)
        # What standard output refuses is told here, not at the interpreter's end.
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except told as error:
        status = _fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        status = INTERRUPTED
    except OSError as error:
        status = _fail_outside(error)
    sys.exit(status if isinstance(status, int) else DONE)


def discard_output() -> None:
    """Leads standard output to nowhere: what is left to write would raise at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail_outside(error: OSError) -> int:
    """Tells what the system refused: a file that has a name, or else standard output."""
    if error.filename is not None:
        return _fail(f"{str(error.filename)!r} cannot be used: {error.strerror}.")
    discard_output()
    if error.errno == errno.EPIPE:
        # Whoever read it, such as `head`, has seen enough and need not be told.
        return FAILED
    return _fail(f"The output cannot be written: {error.strerror}.")


def _fail(message: str) -> int:
    click.echo(f"Error: {message}", err=True)
    return COULD_NOT
