"""From a trained model to quantized, verified and packed ones.

The heavy libraries are in the extra `convert`, and run in processes of their own. In Python:

    source = SourceModel(Path("face.keras"))
    made = source.convert(Path("face-int8.tflite"), "int8", calibration=pictures)
    save_examples(others, folder)
    reference = Reference(folder, source.run(folder), Metric("ap", compute=average_precision))
    print(verify("litert-int8", made, reference).kept)
"""

from lintel.converters.conversion import Conversion, SourceModel, convert
from lintel.converters.errors import ConversionError
from lintel.converters.examples import Feed, save_examples
from lintel.converters.layers import LayerError
from lintel.converters.metrics import Metric, accuracy, agreement, mean_absolute_error
from lintel.converters.precision import Precision
from lintel.converters.verification import Reference, Verification, preferred, verify

__all__ = [
    "Conversion",
    "ConversionError",
    "Feed",
    "LayerError",
    "Metric",
    "Precision",
    "Reference",
    "SourceModel",
    "Verification",
    "accuracy",
    "agreement",
    "convert",
    "mean_absolute_error",
    "preferred",
    "save_examples",
    "verify",
]
