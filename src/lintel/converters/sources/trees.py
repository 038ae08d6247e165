"""Decision trees and their like: XGBoost, and scikit-learn where it is trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_examples, stack_outputs
from lintel.converters.sources.graph import TensorDescription

_OPSET = 15
_REGRESSION, _CLASSIFICATION = "variable", "probabilities"


@dataclass(frozen=True)
class Trees:
    """A model of tables, which takes rows of numbers.

    Attributes:
        columns: How many numbers a row has.
        is_classifier: It gives a probability a class; else a number.
        predict: Takes (rows, columns), and returns (rows,) or (rows, classes).
        to_onnx: Makes a ModelProto.
    """

    columns: int
    is_classifier: bool
    predict: Any
    to_onnx: Any

    @property
    def inputs(self) -> tuple[TensorDescription, ...]:
        """What it takes."""
        return (TensorDescription("input", (None, self.columns), "float32"),)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it gives."""
        return (_CLASSIFICATION if self.is_classifier else _REGRESSION,)

    def run(self, examples: Path) -> dict[str, Tensor]:
        """See Source.run."""
        rows = [feed["input"] for feed in load_examples(examples, ("input",), (2,))]
        values = np.asarray(self.predict(np.concatenate(rows).astype(np.float32)), np.float32)
        if self.is_classifier and values.ndim == 1:
            # XGBoost tells the probability of class 1 alone.
            values = np.stack([1 - values, values], axis=1)
        return stack_outputs([{self.outputs[0]: values.reshape(len(values), -1)}])

    def export(self) -> Any:
        """Returns the model as ONNX, without the labels that the probabilities tell of."""
        model = self.to_onnx()
        # The tool makes it by chance.
        model.graph.name = "model"
        kept = [value for value in model.graph.output if value.name != "label"]
        if len(kept) != 1:
            raise ConversionError("The model gives more than one output: convert one at a time.")
        kept[0].name, old = self.outputs[0], kept[0].name
        for node in model.graph.node:
            names = [self.outputs[0] if name == old else name for name in node.output]
            node.output[:] = names
        copies = [type(value).FromString(value.SerializeToString()) for value in kept]
        del model.graph.output[:]
        model.graph.output.extend(copies)
        return model


def open_xgboost(path: Path) -> Trees:
    """Reads an XGBoost model.

    Raises:
        ConversionError: It cannot be read, or learns what has no counterpart in ONNX.
    """
    import json  # noqa: PLC0415 -- only here

    import xgboost  # noqa: PLC0415 -- large

    try:
        booster = xgboost.Booster(model_file=str(path))
    except xgboost.core.XGBoostError as error:
        raise ConversionError(f"XGBoost cannot read {path.name}: save it again.") from error
    # Names of columns would be asked for at every call.
    booster.feature_names = booster.feature_types = None
    learner = json.loads(booster.save_config())["learner"]
    objective, kind = learner["objective"]["name"], learner["gradient_booster"]["name"]
    if objective == "multi:softmax":
        # It tells the number of a class; ONNX and the device tell them all, as multi:softprob does.
        booster.set_param({"objective": "multi:softprob"})
    is_classifier = objective.startswith(("binary:logistic", "multi:soft"))
    columns = booster.num_features()

    def predict(rows: Tensor) -> Tensor:
        return np.asarray(booster.predict(xgboost.DMatrix(rows)))

    def to_onnx() -> Any:
        import onnxmltools  # noqa: PLC0415 -- large
        from onnxmltools.convert.common.data_types import FloatTensorType  # noqa: PLC0415

        if kind != "gbtree":
            # The device runs DART as XGBoost keeps it, but no linear model.
            other = ", or use the model in XGBoost's own form" if kind == "dart" else ""
            raise ConversionError(
                f"The booster {kind} of {path.name} has no counterpart in ONNX: train with the"
                f" booster gbtree{other}."
            )
        types = [("input", FloatTensorType([None, columns]))]
        try:
            return onnxmltools.convert_xgboost(booster, initial_types=types, target_opset=_OPSET)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            raise ConversionError(
                f"The objective {objective} of {path.name} has no counterpart in ONNX: use the"
                " model in XGBoost's own form."
            ) from error

    return Trees(columns, is_classifier, predict, to_onnx)


def open_pickle(path: Path) -> Trees:
    """Reads a pickled scikit-learn model; its maker is trusted.

    Raises:
        ConversionError: It is none that can be converted.
    """
    import joblib  # noqa: PLC0415 -- comes with scikit-learn
    import skl2onnx  # noqa: PLC0415 -- large

    model = joblib.load(path)
    columns = getattr(model, "n_features_in_", None)
    if columns is None or not hasattr(model, "predict"):
        raise ConversionError(
            f"{path.name} holds no trained scikit-learn model: pickle a fitted estimator."
        )
    is_classifier = hasattr(model, "predict_proba")
    options = {"zipmap": False} if is_classifier else None

    def to_onnx() -> Any:
        try:
            return skl2onnx.to_onnx(
                model, np.zeros((1, columns), np.float32), options=options, target_opset=_OPSET
            )
        except (RuntimeError, ValueError, NotImplementedError, NameError) as error:
            raise ConversionError(
                f"{type(model).__name__} of {path.name} has no counterpart in ONNX."
            ) from error

    return Trees(
        int(columns),
        is_classifier,
        model.predict_proba if is_classifier else model.predict,
        lambda: _renamed(to_onnx()),
    )


def _renamed(model: Any) -> Any:
    """Calls the only input "input"."""
    old = model.graph.input[0].name
    model.graph.input[0].name = "input"
    for node in model.graph.node:
        node.input[:] = ["input" if name == old else name for name in node.input]
    return model
