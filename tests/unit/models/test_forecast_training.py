from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="the extra `train` is not installed")

RECIPE = Path(__file__).resolve().parents[3] / "models" / "forecast-lstm"
PNG = b"\x89PNG"


@pytest.mark.timeout(400)
def test_training_searches_a_rate_and_gives_a_model_with_its_curves(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1)
    values = 50 + 30 * np.sin(2 * np.pi * np.arange(400) / 24)
    rows = [f"{start + timedelta(hours=i)},{value:.3f}" for i, value in enumerate(values)]
    series, out = tmp_path / "hours.csv", tmp_path / "out"
    series.write_text("\n".join(["Date,Value", *rows]))
    size = ["--window", "24", "--horizon", "3", "--chunk", "6", "--units", "4"]
    pace = ["--epochs", "2", "--search-epochs", "2", "--batch", "4"]
    done = subprocess.run(
        [sys.executable, RECIPE / "train.py", "--series", series, "--out", out, *size, *pace],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((out / "result.json").read_text())
    # 288 steps may be looked at, the last 43 judge: 245 less a window and what it forecasts.
    assert result["windows"] == 245 - 24 - 3 + 1
    assert 1e-5 < result["learning_rate"] < 1
    assert np.isfinite(result["val_mae"])
    for plot in ("rates.png", "curves.png"):
        assert (out / plot).read_bytes().startswith(PNG)
    model = keras.models.load_model(out / "forecast-lstm.keras", compile=False)
    assert np.asarray(model(np.ones((2, 24), "f4"))["forecast"]).shape == (2, 3)
