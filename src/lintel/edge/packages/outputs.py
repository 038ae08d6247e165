"""What a manifest says of a model's outputs: one kind of [output] a family of models.

Where a network also gives landmarks, they are not looked at: only boxes and scores are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from lintel.edge.errors import PackageInvalidError

Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Share = Annotated[float, Meta(ge=0, le=1)]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
Labels = Annotated[tuple[Label, ...], Meta(max_length=4096)]
TensorName = Annotated[str, Meta(min_length=1, max_length=256)]
TensorNames = Annotated[tuple[TensorName, ...], Meta(min_length=1, max_length=8)]
Stride = Annotated[int, Meta(ge=1, le=1024)]
Strides = Annotated[tuple[Stride, ...], Meta(min_length=1, max_length=8)]
AnchorCount = Annotated[int, Meta(ge=1, le=64)]
LandmarkCount = Annotated[int, Meta(ge=0, le=512)]
Activation = Literal["none", "sigmoid"]

# What masks are called, everywhere in this order.
MASK_LABELS = ("with_mask", "without_mask", "incorrect_mask")


class Calibration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Turns a raw score s into a probability: 1 / (1 + exp(-(slope * s + intercept))).

    J. Platt, Probabilistic Outputs for Support Vector Machines, 1999.
    """

    slope: Number
    intercept: Number


class PlainOutput(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="decoder", tag="none"
):
    """Outputs that are served as they are."""

    labels: Labels = ()


class ClassesOutput(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="decoder",
    tag="classes",
):
    """One of several classes a crop of a face, told by a number each.

    Attributes:
        labels: Names of the classes, in the model's order: those of MASK_LABELS, each once.
        probabilities: The output, with as many numbers a crop.
        activation: "softmax" where they are logits, "none" where they are probabilities.
        temperature: Logits, or the logarithms of probabilities, are divided by it before softmax
            (C. Guo and others, On Calibration of Modern Neural Networks, 2017).
        min_probability: A class less probable is not to be relied on, where neither a request
            nor the settings say.
        margin: What is cut out around a face on each side, as a share of its box's longer side.
    """

    labels: Labels
    probabilities: TensorName
    activation: Literal["softmax", "none"]
    temperature: Annotated[float, Meta(gt=0, le=100)] = 1.0
    min_probability: Share = 0.5
    margin: Annotated[float, Meta(ge=0, le=2)] = 0.2

    def check(self) -> None:
        """Checks the rules between the keys.

        Raises:
            PackageInvalidError: The labels are not those of masks.
        """
        if sorted(self.labels) != sorted(MASK_LABELS):
            raise PackageInvalidError(
                f"The key output.labels must have {', '.join(MASK_LABELS)}, in the model's order.",
                field="output.labels",
            )


class ForecastOutput(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    tag_field="decoder",
    tag="forecast-window",
):
    """The steps after a window of a series, from one input with the window's values.

    Attributes:
        forecast: The output, with `horizon` numbers.
        window: Values that are passed, the newest last; gaps are filled.
        horizon: Steps that are forecast at once.
        mean: Taken off the values first. Networks that scale each window inside need no more
            than the default, and move freely with the level of the series.
        scale: The rest is multiplied by it; what comes out is brought back likewise.
    """

    forecast: TensorName
    window: Annotated[int, Meta(ge=1, le=10_000)]
    horizon: Annotated[int, Meta(ge=1, le=1_000)]
    mean: Number = 0.0
    scale: Annotated[float, Meta(gt=0, le=1e6)] = 1.0


class FaceOutput(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="decoder"
):
    """What every decoder that finds faces is told.

    Attributes:
        labels: Names of what is found.
        min_score: Probability below which a face is left out where a request does not say.
        iou: Of two boxes that overlap more than this, only the better is kept.
        calibration: From the model's score to a probability; without it, the score is one.
    """

    labels: Labels = ()
    min_score: Share = 0.5
    iou: Share = 0.4
    calibration: Calibration | None = None

    @property
    def grid_strides(self) -> tuple[int, ...]:
        """Pixels between the cells of each grid that the model looks at; none where it has none."""
        return ()

    def check(self) -> None:
        """Checks the rules between the keys.

        Raises:
            PackageInvalidError: One is broken; `field` is the path of the key at fault.
        """


class CascadeOutput(FaceOutput, frozen=True, kw_only=True, tag="cascade"):
    """What OpenCV's cascade classifier finds, and how it looks.

    Attributes:
        scale_factor: Ratio between the sizes of window that are tried.
        min_neighbors: Windows that must agree on a face.
        min_size: Smallest window, in pixels of the model's input.
        calibration: From the natural logarithm of the windows that agree to a probability.
    """

    scale_factor: Annotated[float, Meta(gt=1, le=4)] = 1.1
    min_neighbors: Annotated[int, Meta(ge=1, le=100)] = 3
    min_size: Annotated[int, Meta(ge=1, le=8192)] = 24
    calibration: Calibration


class YunetOutput(FaceOutput, frozen=True, kw_only=True, tag="yunet"):
    """Boxes about the cells of grids: centre and logarithm of the size, in strides.

    W. Wu, H. Peng and S. Yu, YuNet: A Tiny Millisecond-level Face Detector, 2023. With (dx, dy,
    lw, lh) at a cell, the centre is ((column + dx) * stride, (row + dy) * stride) and the size
    (exp(lw) * stride, exp(lh) * stride). Cells come row by row, grids in the order of `strides`.

    Attributes:
        scores: Outputs with a score a cell: one for each stride, or one for all, end to end.
        objectness: Likewise; a face's score is then the root of their product. () where the
            model has none.
        boxes: Likewise, with dx, dy, lw, lh a cell.
        strides: Pixels of the input between cells, a grid each.
        activation: "none" where scores are probabilities, "sigmoid" where they are logits.
    """

    scores: TensorNames
    objectness: Annotated[tuple[TensorName, ...], Meta(max_length=8)] = ()
    boxes: TensorNames
    strides: Strides = (8, 16, 32)
    activation: Activation = "none"

    @property
    def grid_strides(self) -> tuple[int, ...]:
        """See FaceOutput."""
        return self.strides

    def check(self) -> None:
        """See FaceOutput."""
        _check_names("scores", self.scores, self.strides)
        _check_names("boxes", self.boxes, self.strides)
        if self.objectness:
            _check_names("objectness", self.objectness, self.strides)


class ScrfdOutput(FaceOutput, frozen=True, kw_only=True, tag="scrfd"):
    """Distances from the corners of cells to the four sides of a box, in strides.

    J. Guo and others, Sample and Computation Redistribution for Efficient Face Detection, 2021.
    With (left, top, right, bottom) at a cell, the box reaches from (column - left, row - top) to
    (column + right, row + bottom), times the stride.

    Attributes:
        scores: Outputs with a score an anchor: one for each stride, or one for all, end to end.
        boxes: Likewise, with left, top, right, bottom an anchor.
        strides: Pixels of the input between cells, a grid each.
        anchors_per_cell: Anchors that share a cell, one after the other.
        activation: "none" where scores are probabilities, "sigmoid" where they are logits.
    """

    scores: TensorNames
    boxes: TensorNames
    strides: Strides = (8, 16, 32)
    anchors_per_cell: AnchorCount = 2
    activation: Activation = "none"

    @property
    def grid_strides(self) -> tuple[int, ...]:
        """See FaceOutput."""
        return self.strides

    def check(self) -> None:
        """See FaceOutput."""
        _check_names("scores", self.scores, self.strides)
        _check_names("boxes", self.boxes, self.strides)


class YoloOutput(FaceOutput, frozen=True, kw_only=True):
    """What the two kinds of YOLO share: one output with everything.

    Attributes:
        labels: Names of the classes, in the model's order.
        label: Which of them is a face.
        predictions: The output.
        landmarks: Points that a candidate has besides its box; they are passed over.
        boxes_in: "pixels" of the input, or "fractions" of its width and height, as some
            TensorFlow Lite exports have them.
    """

    labels: Labels = ("face",)
    label: Label = "face"
    predictions: TensorName
    landmarks: LandmarkCount = 0
    boxes_in: Literal["pixels", "fractions"] = "pixels"

    def check(self) -> None:
        """See FaceOutput."""
        if self.label not in self.labels:
            raise PackageInvalidError(
                "The key output.label must be one of output.labels.", field="output.label"
            )


class YoloV5FaceOutput(YoloOutput, frozen=True, kw_only=True, tag="yolov5-face"):
    """A row a candidate: centre x, centre y, width, height, objectness, landmarks, classes.

    D. Qi and others, YOLO5Face: Why Reinventing a Face Detector, 2021. A landmark has two
    numbers. A face's score is its objectness times that of its class. With `landmarks = 0` this
    is plain YOLOv5.
    """

    landmarks: LandmarkCount = 5


class YoloV8Output(YoloOutput, frozen=True, kw_only=True, tag="yolov8"):
    """A column a candidate: centre x, centre y, width, height, classes, landmarks.

    YOLOv8 and its kin (YOLOv8-face, YOLO11), exported without suppression. A landmark has two or
    three numbers.
    """


class UltrafaceOutput(FaceOutput, frozen=True, kw_only=True, tag="ultraface"):
    """Boxes as fractions of the input, ready made: "Ultra-Light-Fast-Generic-Face-Detector-1MB".

    Attributes:
        scores: Output with the probabilities of background and face a candidate.
        boxes: Output with x_min, y_min, x_max, y_max a candidate.
    """

    scores: TensorName = "scores"
    boxes: TensorName = "boxes"


class CenterfaceOutput(FaceOutput, frozen=True, kw_only=True, tag="centerface"):
    """Maps over a grid: of faces' centres, of the logarithm of their sizes, and of offsets.

    Y. Xu, W. Yan and others, CenterFace: Joint Face Detection and Alignment Using Face as Point,
    2019. Where maps have two channels, the first is along y. The centre is (column + offset +
    0.5) * stride, the size exp(scale) * stride. Maps have the layout of the input.

    Attributes:
        heatmap: Output with the probability of a centre; one channel.
        scale: Output with the logarithms of height and width; two channels.
        offset: Output with the offsets along y and x; two channels.
        stride: Pixels of the input between cells.
    """

    heatmap: TensorName
    scale: TensorName
    offset: TensorName
    stride: Stride = 4

    @property
    def grid_strides(self) -> tuple[int, ...]:
        """See FaceOutput."""
        return (self.stride,)


class BlazefaceOutput(FaceOutput, frozen=True, kw_only=True, tag="blazeface"):
    """Boxes about the middles of cells, in pixels of the input; scores are logits.

    V. Bazarevsky and others, BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs,
    2019; MediaPipe's face detection. The defaults are those of the short-range (front camera)
    model of 128x128; the back camera's of 256x256 has `strides = [16, 32]`, the full-range one
    of 192x192 `strides = [4]` and `anchors_per_cell = [1]`.

    Attributes:
        scores: Output with a logit an anchor.
        boxes: Output with x, y, width, height and landmarks an anchor.
        strides: Pixels of the input between cells, a grid each.
        anchors_per_cell: Anchors that share a cell of each grid, one after the other.
        landmarks: Points after each box; they are passed over.
    """

    scores: TensorName = "classificators"
    boxes: TensorName = "regressors"
    strides: Strides = (8, 16)
    anchors_per_cell: Annotated[tuple[AnchorCount, ...], Meta(min_length=1, max_length=8)] = (2, 6)
    landmarks: LandmarkCount = 6

    @property
    def grid_strides(self) -> tuple[int, ...]:
        """See FaceOutput."""
        return self.strides

    def check(self) -> None:
        """See FaceOutput."""
        if len(self.anchors_per_cell) != len(self.strides):
            raise PackageInvalidError(
                f"The key output.anchors_per_cell must have {len(self.strides)} numbers, one for "
                "each of output.strides.",
                field="output.anchors_per_cell",
            )


Output = (
    PlainOutput
    | ClassesOutput
    | ForecastOutput
    | CascadeOutput
    | YunetOutput
    | ScrfdOutput
    | YoloV5FaceOutput
    | YoloV8Output
    | UltrafaceOutput
    | CenterfaceOutput
    | BlazefaceOutput
)


def _check_names(key: str, names: Sequence[str], strides: Sequence[int]) -> None:
    if len(names) not in {1, len(strides)}:
        raise PackageInvalidError(
            f"The key output.{key} must have 1 name or {len(strides)}, one for each of "
            "output.strides.",
            field=f"output.{key}",
        )
