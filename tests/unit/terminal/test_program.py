"""How the commands of the house end, whichever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from lintel import terminal

Ended = tuple[int, str, str]


class ToldError(Exception):
    """An error whose text is a sentence."""


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], Ended]:
    """Runs a function as a command, and returns its status and what it wrote."""

    def run_command(work: Callable[[], object]) -> Ended:
        with pytest.raises(SystemExit) as exit_:
            terminal.run(click.Command("test", callback=work), "test", [], (ToldError,))
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, *capfd.readouterr()

    return run_command


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


def test_a_command_that_is_done_ends_well(run: Callable[..., Ended]) -> None:
    assert run(lambda: click.echo("found")) == (terminal.DONE, "found\n", "")


def test_a_command_may_return_its_status(run: Callable[..., Ended]) -> None:
    assert run(lambda: terminal.FAILED)[0] == terminal.FAILED


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ToldError("The model is not there."), 2, "Error: The model is not there.\n"),
        (click.exceptions.Exit(1), 1, ""),
        (click.ClickException("Which one?"), 1, "Error: Which one?\n"),
        (click.Abort(), 130, "Interrupted.\n"),
        # The line on which the terminal shows ^C is ended first.
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a\nb.csv"),
            2,
            "Error: 'a\\nb.csv' cannot be used: No such file or directory.\n",
        ),
    ],
)
def test_whatever_ends_it_early_is_told_in_a_sentence(
    run: Callable[..., Ended], error: BaseException, status: int, said: str
) -> None:
    assert run(raising(error)) == (status, "", said)


def test_an_error_that_nobody_foresaw_keeps_its_trace() -> None:
    with pytest.raises(ZeroDivisionError):
        terminal.run(
            click.Command("test", callback=raising(ZeroDivisionError())), "test", [], (ToldError,)
        )


PROGRAM = """
import click, os, signal, sys
from lintel import terminal
def work():
    print("x" * 10)
    if sys.argv[1] == "stopped":
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
terminal.run(click.Command("test", callback=work), "test", [], ())
"""


def ended(way: str, stdout: int) -> tuple[int, bytes]:
    command = [sys.executable, "-c", PROGRAM, way]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60)
    return done.returncode, done.stderr


def test_a_termination_is_an_interrupt() -> None:
    assert ended("stopped", subprocess.DEVNULL) == (130, b"\nInterrupted.\n")


def test_a_reader_that_has_seen_enough_is_told_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert ended("well", writing) == (1, b"")
    os.close(writing)


def test_a_full_output_is_told_in_a_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        status, told = ended("well", full.fileno())
    assert (status, told) == (
        2,
        b"Error: The output cannot be written: No space left on device.\n",
    )
