"""Many pictures at once: a few in flight, results in order, each failing alone."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import click

from lintel.cli.engines import PictureRefusedError
from lintel.cli.files import FileFailedError
from lintel.cli.names import counted, shown
from lintel.cli.pictures import FoundPictures, PictureFile
from lintel.edge.errors import LintelError

Result = TypeVar("Result")

# Results wait for their turn behind a slow picture: a few for each worker, so that none idles and
# memory stays bounded however many pictures there are.
_WAITING_PER_WORKER = 4


class Outcome(NamedTuple, Generic[Result]):
    """What came of a picture.

    Attributes:
        picture: The picture.
        result: What the work returned; None where it failed.
        failure: Why it failed: a sentence, or "".
    """

    picture: PictureFile
    result: Result | None
    failure: str = ""


def work_through(
    pictures: Iterable[PictureFile], work: Callable[[PictureFile], Result], workers: int
) -> Iterator[Outcome[Result]]:
    """Works on pictures in threads, and yields what came of each in their order.

    Where the caller stops early, by an interrupt too, what is in flight is finished and nothing
    more begun.

    Args:
        pictures: The pictures; drawn as they are needed.
        work: Called with each, from several threads.
        workers: Pictures worked on at a time.
    """
    rest = iter(pictures)
    executor = ThreadPoolExecutor(workers, thread_name_prefix="picture")
    try:
        waiting: deque[Future[Outcome[Result]]] = deque()
        while True:
            room = workers * _WAITING_PER_WORKER - len(waiting)
            waiting.extend(
                executor.submit(_attempt, work, picture) for picture in islice(rest, room)
            )
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)


def _attempt(work: Callable[[PictureFile], Result], picture: PictureFile) -> Outcome[Result]:
    try:
        return Outcome(picture, work(picture))
    except LintelError as error:
        return Outcome(picture, None, error.message)
    except (FileFailedError, PictureRefusedError) as error:
        return Outcome(picture, None, str(error))


class Batch:
    """A run of one command over its pictures: progress, failures, and the exit status.

    Args:
        found: The pictures.
    """

    def __init__(self, found: FoundPictures) -> None:
        self._pictures = found.pictures
        self._failed = 0
        self._total = len(found.pictures) + len(found.failures)
        for name, reason in found.failures:
            self._fail(name, reason)

    def run(
        self, work: Callable[[PictureFile], Result], workers: int, *, quiet: bool = False
    ) -> Iterator[tuple[PictureFile, Result]]:
        """Yields the pictures that could be served and their results; tells of the others.

        Args:
            work: Called with each picture, from several threads.
            workers: Pictures worked on at a time.
            quiet: Show no progress.
        """
        with _progress(0 if quiet else len(self._pictures)) as advance:
            for outcome in work_through(self._pictures, work, workers):
                advance()
                if outcome.result is None:
                    self._fail(outcome.picture.name, outcome.failure)
                else:
                    yield outcome.picture, outcome.result

    @property
    def served(self) -> int:
        """How many pictures have not failed."""
        return self._total - self._failed

    def finish(self) -> None:
        """Ends the command: with status 1, and a summary, where a picture failed."""
        if self._failed:
            failed = counted(self._failed, "picture")
            if self._total > 1:
                click.echo(f"{failed} of {self._total} failed.", err=True)
            raise click.exceptions.Exit(1)

    def _fail(self, name: str, reason: str) -> None:
        self._failed += 1
        # Not by click.echo, which writes past the progress bar and through it.
        sys.stderr.write(f"{shown(name)}: {reason}\n")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Shows a bar on a terminal where there is more than one picture to wait for."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - only for people who watch
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("Pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Standard output is the results' own, wherever it leads.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
