"""Trees as XGBoost keeps them, run by XGBoost.

One row is answered several times faster by ONNX Runtime, hundreds of rows faster by XGBoost: a
package may have both, and `models.override.NAME.variant` chooses. Only JSON is taken: XGBoost's
reader of UBJSON crashed on one in ten damaged files, that of JSON on none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from lintel.edge.backends.session import Tensor, TensorSpec, check_feeds
from lintel.edge.errors import InferenceFailedError, PackageInvalidError

_CLASSIFIERS = ("binary:logistic", "multi:soft")


class XgboostSession:
    """An XGBoost model, ready to run: (rows, columns) float32 in, NaN where a value is missing.

    It gives "variable", (rows, 1): a number a row; or "probabilities", (rows, classes). The names
    are those of the same model in ONNX.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        """Opens a model.

        Args:
            model: The file, as `Booster.save_model` writes it to `.json`.
            threads: Threads of one inference.

        Raises:
            PackageInvalidError: It is not a model, or gives classes without probabilities.
            ImportError: XGBoost is not installed.
        """
        import xgboost  # noqa: PLC0415 -- a device may do without it

        if not model.lstrip().startswith(b'{"'):
            raise PackageInvalidError("The model file is not an XGBoost model in JSON.")
        try:
            booster = xgboost.Booster({"nthread": threads}, model_file=bytearray(model))
            objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
        except (xgboost.core.XGBoostError, KeyError, ValueError) as error:
            # Its own messages quote the file, and are then no text: a ValueError.
            raise PackageInvalidError("The model file cannot be run by XGBoost.") from error
        if objective == "multi:softmax":
            # It tells the number of a class: trained as multi:softprob it tells them all.
            booster.set_param({"objective": "multi:softprob"})
        # Names of columns would be asked for at every call.
        booster.feature_names = booster.feature_types = None
        self._booster = booster
        self._failure = xgboost.core.XGBoostError
        is_classifier = objective.startswith(_CLASSIFIERS)
        classes = _class_count(booster) if is_classifier else 1
        name = "probabilities" if is_classifier else "variable"
        columns = booster.num_features()
        self.inputs = (TensorSpec("input", np.dtype(np.float32), (-1, columns)),)
        self.outputs = (TensorSpec(name, np.dtype(np.float32), (-1, classes)),)

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See Session.run."""
        check_feeds(feeds, self.inputs)
        rows = feeds["input"]
        try:
            values = np.asarray(self._booster.inplace_predict(rows), np.float32)
        except (self._failure, ValueError) as error:
            raise InferenceFailedError("The model failed on this input.") from error
        spec = self.outputs[0]
        if spec.name == "probabilities" and values.ndim == 1:
            # Of two classes XGBoost tells the probability of the second alone.
            values = np.stack([1 - values, values], axis=1)
        return {spec.name: values.reshape(len(rows), spec.shape[1])}


def _class_count(booster: object) -> int:
    learner = json.loads(booster.save_config())["learner"]  # type: ignore[attr-defined]
    return max(2, int(learner["learner_model_param"]["num_class"]))
