"""One step of a conversion, as `make convert` runs it.

python -m lintel.converters.steps RECIPE (examples | source | convert VARIANT | verify VARIANT |
pack FOLDER): what steps leave goes into the folder `build` beside the recipe.
"""

from __future__ import annotations

import fcntl
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from lintel.converters.bench import Bench
from lintel.converters.errors import ConversionError
from lintel.converters.files import write_whole
from lintel.converters.production import finish, summary
from lintel.converters.recipe import load_recipe

COULD_NOT = 2


def main(arguments: Sequence[str]) -> int:
    """Runs a step; returns the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    path, step, *rest = arguments
    recipe = Path(path)
    try:
        bench = Bench(load_recipe(recipe), recipe.parent, recipe.parent / "build")
        _run(bench, step, rest)
    except ConversionError as error:
        sys.stderr.write(f"Error: {error}\n")
        return COULD_NOT
    except KeyboardInterrupt:
        return 130
    return 0


def _run(bench: Bench, step: str, rest: Sequence[str]) -> None:
    if step == "examples":
        bench.make_examples()
        for note in bench.examples.notes:
            sys.stderr.write(f"Mind: {note}\n")
    elif step == "source":
        bench.run_source()
    elif step == "convert":
        bench.convert(rest[0])
    elif step == "verify":
        _verify(bench, rest[0])
    elif step == "pack":
        _pack(bench, Path(rest[0]))
    else:
        raise ConversionError(f"There is no step {step}.")


def _verify(bench: Bench, name: str) -> None:
    """Verifies one variant at a time, whatever `make -j` says: latencies are measured."""
    with (bench.build / "verify.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for found in bench.verify(name):
            sys.stderr.write(f"{summary(found)}\n")


def _pack(bench: Bench, folder: Path) -> None:
    findings = finish(bench, folder)
    write_whole(bench.build / "packed.json", json.dumps(findings.packed).encode())
    # The same as before is as good as new.
    (bench.build / "packed.json").touch()
    if not findings.packed:
        raise ConversionError(
            f"No variant of {findings.name} keeps {bench.recipe.gate * 100:.4g} % of the source:"
            f" see {folder / 'report.html'}."
        )
    sys.stderr.write(f"Packed {', '.join(findings.packed)} into {folder}\n")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
