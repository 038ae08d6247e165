"""Trained models of every kind that can be converted, brought into one of two forms.

What TensorFlow can run becomes a TensorFlowGraph; what it cannot, an ONNX model.
"""

from lintel.converters.sources.graph import Shapes, TensorDescription, TensorFlowGraph
from lintel.converters.sources.identify import Kind, identify

__all__ = ["Kind", "Shapes", "TensorDescription", "TensorFlowGraph", "identify"]
