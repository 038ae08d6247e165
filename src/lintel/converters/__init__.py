"""From a trained model to quantized, verified and packed ones.

The heavy libraries are in the extra `convert`, and run in processes of their own.
"""

from lintel.converters.conversion import Conversion, SourceModel, convert
from lintel.converters.errors import ConversionError
from lintel.converters.examples import Feed
from lintel.converters.precision import Precision

__all__ = ["Conversion", "ConversionError", "Feed", "Precision", "SourceModel", "convert"]
