"""The process that runs converters: it loads the heavy libraries once, and forks for each job.

Converters crash (a quantized LSTM takes the whole process with it) and keep memory; a fork dies
alone, and starts in milliseconds where TensorFlow's import takes seconds. Run as
`python -m lintel.converters.worker`: it reads one JSON object a line on standard input, each
with `job` (a function of lintel.converters.jobs), `arguments` and `log` (a file for what the
libraries print), and answers each with one line: {"result": ...}, {"problem": sentence},
{"failure": text of an exception} or {"signal": number}.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from lintel.converters import jobs
from lintel.converters.errors import ConversionError

LONGEST_ANSWER = 16 << 20


def main() -> None:
    """Serves jobs until standard input ends."""
    # What a library prints is not to be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            arguments = order["arguments"]
            jobs.load_libraries(order["job"], arguments["model"], arguments.get("options"))
            answer = _fork(order)
        except ConversionError as error:
            answer = {"problem": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _fork(order: dict[str, Any]) -> dict[str, Any]:
    """Runs a job in a process of its own, and returns the answer."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _run(order, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read(LONGEST_ANSWER)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        return {"signal": -status}
    return dict(json.loads(answer)) if answer else {"failure": f"exit status {status}"}


def _run(order: dict[str, Any], pipe: int) -> None:
    """Does a job in the forked process, which ends here."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    answer: dict[str, Any]
    try:
        answer = {"result": jobs.JOBS[order["job"]](**order["arguments"])}
    except ConversionError as error:
        answer = {"problem": str(error)}
    except BaseException as error:  # noqa: BLE001 -- told to the parent, whatever it is
        traceback.print_exc()
        answer = {"failure": f"{type(error).__name__}: {error}"[:4000]}
    with os.fdopen(pipe, "wb") as file:
        file.write(json.dumps(answer).encode())
    sys.stdout.flush()
    sys.stderr.flush()
    # No destructors, no exit handlers: the libraries' own are made for the process that began.
    os._exit(0)


if __name__ == "__main__":
    main()
