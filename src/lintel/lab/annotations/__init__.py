"""Annotated pictures: one form in memory, read from and written to the common file formats.

The readers are our own because strictness is most of them: of the libraries that were looked
at, globox (the smallest) takes a crowd for a face and NaN or a box out of its picture as they
come, and supervision, with a dozen dependencies, passes over what is marked difficult.

Readers raise on the first thing that is wrong or, given a `report` such as `leave_out`, hand it
over, leave out the box or picture and go on. Coordinates are of the file as stored:
`turn_upright` brings boxes to what `lintel.edge.images.decode` returns.
"""

from lintel.lab.annotations.annotator import read_annotator, write_annotator
from lintel.lab.annotations.class_folders import read_class_folders
from lintel.lab.annotations.coco import read_coco, write_coco
from lintel.lab.annotations.collecting import Report, leave_out, refuse
from lintel.lab.annotations.finding import read_any
from lintel.lab.annotations.orientation import turn_upright
from lintel.lab.annotations.picture import AnnotatedPicture
from lintel.lab.annotations.tables import INDEX_COLUMNS, read_csv, read_index, write_csv
from lintel.lab.annotations.voc import read_voc, write_voc
from lintel.lab.annotations.yolo import read_yolo, write_yolo
from lintel.lab.errors import AnnotationError, Defect

__all__ = [
    "INDEX_COLUMNS",
    "AnnotatedPicture",
    "AnnotationError",
    "Defect",
    "Report",
    "leave_out",
    "read_annotator",
    "read_any",
    "read_class_folders",
    "read_coco",
    "read_csv",
    "read_index",
    "read_voc",
    "read_yolo",
    "refuse",
    "turn_upright",
    "write_annotator",
    "write_coco",
    "write_csv",
    "write_voc",
    "write_yolo",
]
