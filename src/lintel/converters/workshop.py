"""Has converters run in processes of their own: what crashes there does not crash here."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lintel.converters.errors import ConversionError

# The same bytes each time: no order of sets by chance, no kernels that add up in another order.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # Killed with the parent, a library's own threads would live on in a lock.
    "PYTHONUNBUFFERED": "1",
}
_LONGEST_SHOWN = 300


class Workshop:
    """A worker and a scratch folder; close it, or leave its `with` block, when done.

    The worker starts with the first job. One job runs at a time.
    """

    def __init__(self) -> None:
        self._worker: subprocess.Popen[str] | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="lintel-convert-")
        self._count = 0

    @property
    def scratch(self) -> Path:
        """A folder for what jobs take and give; it goes with the workshop."""
        return Path(self._scratch.name)

    def place(self, name: str) -> Path:
        """Returns a path in the scratch folder that no other job has."""
        self._count += 1
        return self.scratch / f"{self._count:04d}-{name}"

    def run(self, job: str, **arguments: Any) -> Any:
        """Runs a job and returns its result.

        Args:
            job: One of lintel.converters.jobs.JOBS.
            arguments: What it takes: plain values, and paths.

        Raises:
            ConversionError: The job cannot be done, failed or crashed; the message says so.
        """
        log = self.place("log")
        plain = {
            key: str(value.absolute()) if isinstance(value, Path) else value
            for key, value in arguments.items()
        }
        worker = self._start()
        if worker.stdin is None or worker.stdout is None:
            raise RuntimeError("The worker has no pipes.")
        try:
            worker.stdin.write(json.dumps({"job": job, "arguments": plain, "log": str(log)}) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._stop()
            raise ConversionError(
                "The process that converts has ended: is there memory enough? Try again."
            )
        return _unpack(json.loads(line), job, log)

    def close(self) -> None:
        """Ends the worker and removes the scratch folder."""
        self._stop()
        self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[str]:
        if self._worker is None:
            with (self.scratch / "worker.log").open("ab") as log:
                self._worker = subprocess.Popen(
                    [sys.executable, "-m", "lintel.converters.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    # Libraries leave files behind, in either place.
                    cwd=self.scratch,
                    env={**os.environ, **_ENVIRONMENT, "TMPDIR": self._scratch.name},
                )
        return self._worker

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        for pipe in (worker.stdin, worker.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe:
                    pipe.close()
        try:
            worker.wait(timeout=5)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


_shared: Workshop | None = None


def shared_workshop() -> Workshop:
    """Returns the workshop that functions use which are given none; it ends with the process."""
    global _shared  # noqa: PLW0603 -- one worker a process: its start takes seconds
    if _shared is None:
        _shared = Workshop()
        atexit.register(_shared.close)
    return _shared


def _unpack(answer: dict[str, Any], job: str, log: Path) -> Any:
    if "result" in answer:
        return answer["result"]
    if "problem" in answer:
        raise ConversionError(answer["problem"])
    what = job.replace("_", " ")
    if "signal" in answer:
        name = signal.Signals(answer["signal"]).name
        raise ConversionError(
            f"The converter crashed ({name}) at the step '{what}': try another precision or"
            " format; nothing was written."
        )
    failure = re.sub(r"\s+", " ", answer["failure"]).strip()
    short = failure if len(failure) <= _LONGEST_SHOWN else f"{failure[:_LONGEST_SHOWN]}..."
    raise ConversionError(f"The step '{what}' failed: {short}")
