"""Work in a process of its own."""

from __future__ import annotations

import operator
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from lintel.edge.errors import (
    CancelledError,
    InferenceFailedError,
    InvalidArgumentError,
    ModelUnavailableError,
)
from lintel.edge.tasks.forecast.apart import apart, working_apart
from lintel.edge.tasks.forecast.libraries import import_library
from lintel.edge.tasks.forecast.series import check_finite

OOM_SCORE = Path("/proc/self/oom_score_adj")
CHOOSES = """
import sys
import numpy as np
from lintel.edge.tasks.forecast import ForecastingEngine, ForecastOptions, TimeSeries
times = np.arange(200) * 86_400_000_000
values = 50 + 10 * np.sin(np.arange(200) / 7 * 2 * np.pi) + np.arange(200) % 3
for model in ("exponential-smoothing", "theta", "xgboost"):
    options = ForecastOptions(3, model=model)
    forecast = ForecastingEngine().forecast(TimeSeries(times, values), options)
    assert forecast.model == model
assert "statsmodels" not in sys.modules
assert "pandas" not in sys.modules
assert "xgboost" not in sys.modules
"""

WAITS = """
import sys
import time
from lintel.edge.tasks.forecast.apart import apart, working_apart
with working_apart():
    apart(print, "there")
    apart(time.sleep, 600)
"""


def give_up() -> None:
    raise CancelledError("Nobody waits for it.")


def test_work_is_done_by_one_other_process() -> None:
    with working_apart():
        first, second = apart(os.getpid), apart(os.getpid)
    assert first == second != os.getpid()


@pytest.mark.skipif(not OOM_SCORE.exists(), reason="only Linux chooses whom to end")
def test_where_memory_runs_out_it_goes_before_the_device() -> None:
    with working_apart():
        assert apart(OOM_SCORE.read_text).strip() == "1000"
    assert OOM_SCORE.read_text().strip() != "1000"


def test_within_another_it_is_the_same_process() -> None:
    with working_apart():
        first = apart(os.getpid)
        with working_apart():
            assert apart(os.getpid) == first
        assert apart(os.getpid) == first


def test_outside_it_is_done_here() -> None:
    assert apart(os.getpid) == os.getpid()
    with working_apart():
        pass
    assert apart(os.getpid) == os.getpid()


def test_the_process_is_gone_in_the_end() -> None:
    with working_apart():
        other = apart(os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


def test_an_error_of_the_device_comes_back_with_its_field() -> None:
    with working_apart(), pytest.raises(InvalidArgumentError) as refused:
        apart(check_finite, np.array([1.0, np.nan]), "values", "value")
    assert refused.value.field == "values[1]"


def test_a_process_that_ends_early_is_an_error_and_followed_by_another() -> None:
    with working_apart():
        with pytest.raises(InferenceFailedError):
            apart(os._exit, 1)
        with pytest.raises(InferenceFailedError):
            # What no error of the device stands for ends it too, and is told on standard error.
            apart(operator.truediv, 1, 0)
        assert apart(operator.add, 1, 2) == 3


def test_what_is_printed_is_no_answer() -> None:
    with working_apart():
        assert apart(print, "a warning") is None
        assert apart(operator.add, 1, 2) == 3


def test_a_device_that_forecasts_never_holds_the_libraries_that_fit() -> None:
    for module in ("statsmodels", "xgboost"):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, "-c", CHOOSES], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_library_is_missed_in_the_other_process_too() -> None:
    with working_apart(), pytest.raises(ModelUnavailableError):
        apart(import_library, "no_such_library", "theta")


def test_work_that_nobody_waits_for_is_given_up_amid_it() -> None:
    with working_apart(), pytest.raises(CancelledError), working_apart(give_up):
        apart(time.sleep, 600)


def test_work_that_was_given_up_leaves_no_answer_behind() -> None:
    with working_apart():
        first = apart(os.getpid)
        with pytest.raises(CancelledError), working_apart(give_up):
            apart(time.sleep, 600)
        assert apart(operator.add, 1, 2) == 3
        assert apart(os.getpid) != first


def test_work_ends_with_the_device_even_where_that_is_killed() -> None:
    device = subprocess.Popen([sys.executable, "-c", WAITS], stderr=subprocess.PIPE)
    assert device.stderr is not None
    assert device.stderr.readline() == b"there\n"
    device.kill()
    # Standard error is open as long as either lives.
    _, rest = device.communicate(timeout=60)
    assert rest == b""


def test_it_finds_what_the_device_finds_wherever_that_was_loaded_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    with working_apart():
        assert apart(import_module("elsewhere").answer) == 42
