"""Work in a process of its own: the memory that its libraries take goes when it ends.

statsmodels brings pandas and SciPy, 170 MB that no process gives back, and XGBoost, where others of
them are installed, as much again. What they are needed for, fitting, is over in seconds; a device
that forecasts once a day must not pay for them all day long.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar, cast

from lintel.edge.errors import InferenceFailedError, LintelError

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:];"
    " from lintel.edge.tasks.forecast.apart import main; main()"
)
_CHECK_EVERY_S = 0.1


@contextmanager
def working_apart(checkpoint: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Has `apart` work in one other process, which starts when it is needed and ends with this.

    Within another `working_apart` it is that one's process, and ends with it.

    Args:
        checkpoint: Called while work is waited for. Where it raises, the process is ended, whatever
            it is at, and `apart` raises the same.
    """
    outer = _HELPER.get()
    helper = outer or _Helper()
    token = _HELPER.set(helper)
    before, helper.checkpoint = helper.checkpoint, checkpoint
    try:
        yield
    finally:
        helper.checkpoint = before
        _HELPER.reset(token)
        if outer is None:
            helper.close()


def apart(
    work: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Calls a function in the other process; in this one, outside of `working_apart`.

    Args:
        work: A function of a module; what it takes and gives can be pickled.
        args: For it.
        kwargs: Likewise.

    Raises:
        LintelError: What the function raised.
        InferenceFailedError: The process ended before the function did.
        Exception: What the checkpoint of `working_apart` raised.
    """
    helper = _HELPER.get()
    if helper is None:
        return work(*args, **kwargs)
    result: _Result = helper.run(work, *args, **kwargs)
    return result


class _Helper:
    """The other process."""

    def __init__(self) -> None:
        self.checkpoint: Callable[[], object] = lambda: None
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        process = self._process = self._process or self._start()
        # A thread of its own sends and receives: either may take as long as the work.
        with ThreadPoolExecutor(1, thread_name_prefix="apart") as talker:
            answer = talker.submit(_talk, process, (work, args, kwargs))
            try:
                while not wait([answer], _CHECK_EVERY_S).done:
                    self.checkpoint()
                has_failed, outcome = answer.result()
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                self.close()
                raise InferenceFailedError("The process that fits this model has ended.") from error
            except BaseException:
                # What it says later would be taken for the next answer.
                self.close()
                raise
        if has_failed:
            raise outcome
        return outcome

    def close(self) -> None:
        """Ends the process, whatever it is at."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # Waits for it, and closes what led to it.
            process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                # It imports from where this process does; not, with "", from any folder that the
                # device was started in.
                [sys.executable, "-P", "-c", _PROGRAM, *filter(None, sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C is for the device, which ends it.
                start_new_session=True,
            )
        except OSError as error:
            raise InferenceFailedError("No process can be started to fit this model.") from error


_HELPER: ContextVar[_Helper | None] = ContextVar("helper", default=None)


def _talk(process: subprocess.Popen[bytes], request: object) -> Any:
    requests, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    pickle.dump(request, requests)
    requests.flush()
    return pickle.load(answers)  # noqa: S301 - of our own process


def main() -> None:
    """Does what standard input asks for, until it ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What libraries print is no answer.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_end_with_the_device, daemon=True).start()
    _be_the_first_to_go()
    while True:
        try:
            work, args, kwargs = pickle.load(sys.stdin.buffer)  # noqa: S301 - of our own process
        except EOFError:
            return
        try:
            answer = (False, work(*args, **kwargs))
        except LintelError as error:
            answer = (True, error)
        pickle.dump(answer, answers)
        answers.flush()


def _be_the_first_to_go() -> None:
    """Has Linux end this process, and not the device, where memory runs out: see proc(5)."""
    # There is no such file elsewhere, and containers may keep it from being written.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def _end_with_the_device() -> None:
    """Ends this process when nobody can ask it for anything any more, even amid its work."""
    requests = select.poll()
    # No events but those that are always told: the other end is closed.
    requests.register(sys.stdin.fileno(), 0)
    requests.poll()
    os._exit(1)
