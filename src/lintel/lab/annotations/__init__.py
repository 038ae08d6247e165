"""Annotated pictures: one form in memory, read from and written to the common file formats."""

from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.errors import AnnotationError

__all__ = ["AnnotatedPicture", "AnnotationError"]
