"""Networks of model packages: what they are fed, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.forecast_fixtures import MakeRegular

from lintel.edge.backends import SessionPool, Tensor, TensorSpec, open_session
from lintel.edge.config import ModelSettings
from lintel.edge.errors import InferenceFailedError, InvalidArgumentError, PackageInvalidError
from lintel.edge.packages import ForecastOutput, load_package, parse_manifest
from lintel.edge.tasks.forecast import WindowForecaster

onnx = pytest.importorskip("onnx")
NONE = np.empty((0, 0))
MANIFEST = """
name = "last-two"
version = "1.0.0"
task = "forecast"
licence = "CC0-1.0"
[output]
decoder = "forecast-window"
forecast = "forecast"
window = 4
horizon = 2
{scaling}
[[variant]]
name = "one"
backend = "onnx"
file = "model.onnx"
sha256 = "{digest}"
"""


def network(shape: list[int]) -> bytes:
    """A network that forecasts the two last values of its window, and adds one."""
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.zeros((4, 2), np.float32)
    matrix[2, 0] = matrix[3, 1] = 1
    nodes = [
        helper.make_node("Reshape", ["values", "flat"], ["row"]),
        helper.make_node("Gemm", ["row", "matrix", "ones"], ["forecast"]),
    ]
    graph = helper.make_graph(
        nodes,
        "last-two",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("forecast", TensorProto.FLOAT, [1, 2])],
        [
            numpy_helper.from_array(np.array([1, 4], np.int64), "flat"),
            numpy_helper.from_array(matrix, "matrix"),
            numpy_helper.from_array(np.ones(2, np.float32), "ones"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


MakeForecaster = Callable[..., WindowForecaster]


@pytest.fixture
def make_forecaster(tmp_path: Path) -> MakeForecaster:
    def make(
        shape: tuple[int, ...] = (1, 4), scaling: str = "", **changes: object
    ) -> WindowForecaster:
        model = network(list(shape))
        (tmp_path / "model.onnx").write_bytes(model)
        text = MANIFEST.format(scaling=scaling, digest=hashlib.sha256(model).hexdigest())
        for key, value in changes.items():
            text = "\n".join(
                f"{key} = {value}" if line.startswith(f"{key} =") else line
                for line in text.splitlines()
            )
        (tmp_path / "model.toml").write_text(text)
        package = load_package(tmp_path)
        variant = package.manifest.variants[0]
        pool = SessionPool(lambda: open_session(package, variant, ModelSettings()), 1)
        return WindowForecaster.from_package(package, pool)

    return make


@pytest.mark.parametrize("shape", [(4,), (1, 4), (1, 4, 1)])
def test_the_newest_values_go_in_and_the_forecast_follows_from_itself(
    make_forecaster: MakeForecaster, make_regular: MakeRegular, shape: tuple[int, ...]
) -> None:
    forecaster = make_forecaster(shape)
    series = make_regular([9, 9, 1, 2, 3, 4.5])
    fitted = forecaster.fit(series, 5, NONE)
    assert forecaster.name == "last-two"
    assert fitted.predict(series, 5, NONE).tolist() == [4, 5.5, 5, 6.5, 6]


def test_gaps_are_filled(make_forecaster: MakeForecaster, make_regular: MakeRegular) -> None:
    series = make_regular([1, 2, 3, np.nan, 7, 8], season_length=2).head(4)
    assert make_forecaster().fit(series, 2, NONE).predict(series, 2, NONE).tolist() == [4, 3]


def test_values_are_scaled_as_the_manifest_says_and_brought_back(
    make_forecaster: MakeForecaster, make_regular: MakeRegular
) -> None:
    forecaster = make_forecaster(scaling="mean = 10.0\nscale = 0.5")
    series = make_regular([1, 2, 3, 4])
    # One is added to what is half as large.
    assert forecaster.fit(series, 2, NONE).predict(series, 2, NONE).tolist() == [5, 6]


def test_a_window_must_be_there(make_forecaster: MakeForecaster, make_regular: MakeRegular) -> None:
    assert make_forecaster().shortest(make_regular([1, 2]), 9) == 4


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"window": 5}, "output.window"),
        ({"horizon": 3}, "output.horizon"),
        ({"forecast": '"other"'}, "output.forecast"),
    ],
)
def test_a_manifest_that_says_otherwise_is_refused(
    make_forecaster: MakeForecaster, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(PackageInvalidError) as refused:
        make_forecaster(**changes)
    assert refused.value.field == field


def test_a_package_of_another_kind_is_refused(
    write_package: Callable[..., Path], tiny_onnx: bytes
) -> None:
    package = load_package(write_package("other", onnx=tiny_onnx))
    with pytest.raises(InvalidArgumentError):
        WindowForecaster.from_package(package, SessionPool(lambda: pytest.fail("opened"), 1))


def test_a_network_that_fails_is_an_error_and_no_forecast(make_regular: MakeRegular) -> None:
    class Refusing:
        inputs = (TensorSpec("values", np.dtype(np.float32), (1, 5)),)
        outputs: tuple[TensorSpec, ...] = ()

        def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
            raise InvalidArgumentError("The input has another shape.")

    output = ForecastOutput(forecast="forecast", window=4, horizon=2)
    forecaster = WindowForecaster("refusing", output, SessionPool(Refusing, 1))
    with pytest.raises(InferenceFailedError):
        forecaster.predict(make_regular([1, 2, 3, 4]), 2, NONE)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (('task = "forecast"', 'task = "tensor"'), "output.decoder"),
        (('decoder = "forecast-window"', 'decoder = "none"'), "output"),
        (
            ("[output]", '[input]\nsize = [8, 8]\ncolour = "grey"\nresize = "stretch"\n[output]'),
            "input",
        ),
        (("window = 4", "window = 0"), "output.window"),
    ],
)
def test_manifests_of_forecasts_that_break_a_rule(change: tuple[str, str], field: str) -> None:
    text = MANIFEST.format(scaling="", digest="0" * 64)
    parse_manifest(text.encode())
    with pytest.raises(PackageInvalidError) as refused:
        parse_manifest(text.replace(*change).encode())
    assert refused.value.field.startswith(field)
