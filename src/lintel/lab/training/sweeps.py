"""Sweeps: one training for each of many settings, in processes of their own."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lintel.edge.errors import InvalidArgumentError
from lintel.edge.tables import convert
from lintel.lab.errors import LabError
from lintel.lab.training.recipes import Recipe

LOG, RESULT = "log.txt", "result.json"
MOST_RUNS = 10_000
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_COMMAND = "from lintel.lab.cli import main; main()"


class SweepPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be tried: every run with every combination of the grid.

    Attributes:
        settings: Of every training.
        runs: Settings of one training each.
        grid: Values by setting.
    """

    settings: dict[str, Any] = {}
    runs: tuple[dict[str, Any], ...] = ()
    grid: dict[str, list[Any]] = {}


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of a sweep.

    Attributes:
        name: Of its folder: what sets it apart.
        settings: All that is given to it.
    """

    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial.

    Attributes:
        trial: What was tried.
        result: Of `result.json`; empty where it failed.
        failure: The last line that it wrote, or "".
    """

    trial: Trial
    result: Mapping[str, float]
    failure: str = ""


def read_plan(path: Path) -> SweepPlan:
    """Reads a plan from a TOML file.

    Raises:
        LabError: It is no TOML, or a key is wrong.
        OSError: It cannot be read.
    """
    try:
        return convert(tomllib.loads(path.read_text()), SweepPlan, InvalidArgumentError, "key")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, InvalidArgumentError) as error:
        raise LabError(f"{path}: {error}") from error


def plan_trials(
    plan: SweepPlan, recipe: Recipe, *, chosen: int = 0, seed: int = 1
) -> tuple[Trial, ...]:
    """Lists the trainings of a sweep.

    Args:
        plan: What is to be tried.
        recipe: What knows architectures and settings.
        chosen: So many of them, by chance (J. Bergstra and Y. Bengio, Random Search for
            Hyper-Parameter Optimization, 2012); 0: all.
        seed: Another chooses others.

    Raises:
        LabError: There are none or too many, or a setting is unknown or wrong in one of them.
    """
    runs = plan.runs or ({},)
    combinations = [
        {**run, **dict(zip(plan.grid, values, strict=True))}
        for run in runs
        for values in itertools.islice(itertools.product(*plan.grid.values()), MOST_RUNS + 1)
    ]
    if not any(combinations):
        raise LabError("There is nothing to sweep over: give values, as in --set width=0.5,1.")
    if len(combinations) > MOST_RUNS:
        raise LabError(f"A sweep has at most {MOST_RUNS} trainings.")
    if 0 < chosen < len(combinations):
        random = np.random.default_rng(seed)
        places = random.choice(len(combinations), chosen, replace=False)
        combinations = [combinations[place] for place in sorted(places.tolist())]
    trials = tuple(
        Trial(_name(apart), {**plan.settings, **apart}) for apart in _unique(combinations)
    )
    for trial in trials:
        recipe.settings(dict(trial.settings))
    return trials


def run_trials(
    trials: Sequence[Trial],
    out: Path,
    command: Sequence[str],
    *,
    jobs: int = 1,
    tell: Callable[[Outcome], object] = lambda _outcome: None,
) -> list[Outcome]:
    """Trains all of them; what is done already is not done again, and a failure ends nothing.

    Args:
        trials: Of `plan_trials`.
        out: A folder; each trial has one in it, by its name.
        command: Arguments of `lintel-lab` before those of a trial.
        jobs: How many at a time; they share the processor cores evenly.
        tell: Called with every outcome, as it comes.

    Returns:
        The outcomes, in the order of the trials.
    """
    outcomes: dict[str, Outcome] = {}
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_run, trial, out / trial.name, command, jobs) for trial in trials]
        try:
            for done in as_completed(running):
                outcome = done.result()
                outcomes[outcome.trial.name] = outcome
                tell(outcome)
        except BaseException:
            # Interrupted: what runs has been interrupted too, the rest is not to begin.
            pool.shutdown(cancel_futures=True)
            raise
    return [outcomes[trial.name] for trial in trials]


def _run(trial: Trial, folder: Path, command: Sequence[str], jobs: int) -> Outcome:
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / RESULT
    if not _is_done(result, folder):
        threads = str(max(1, (os.cpu_count() or 1) // jobs))
        shared = {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads}
        settings = [f"--set={key}={value}" for key, value in trial.settings.items()]
        with (folder / LOG).open("ab") as log:
            ended = subprocess.run(
                [sys.executable, "-c", _COMMAND, *command, f"--out={folder}", *settings],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **shared},
                check=False,
            )
        if ended.returncode:
            return Outcome(trial, {}, _last_line(folder / LOG) or f"status {ended.returncode}")
    return Outcome(trial, json.loads(result.read_text()))


def _is_done(result: Path, folder: Path) -> bool:
    return result.is_file() and (folder / "model.keras").is_file()


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _unique(combinations: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leaves out what comes again."""
    seen: set[str] = set()
    for each in combinations:
        if (name := _name(each)) not in seen:
            seen.add(name)
            yield each


def _name(settings: Mapping[str, Any]) -> str:
    words = [f"{key}-{value}" if key != "arch" else str(value) for key, value in settings.items()]
    return "_".join(_UNSAFE.sub("-", word) for word in words)[:200]
