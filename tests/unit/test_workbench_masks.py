"""Judging masks on the workbench: of faces that are found, given, or cut out already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf, nan
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.mask_packages import expected, plain, write_mask_package

from lintel.edge.config import Settings, parse
from lintel.edge.errors import (
    InvalidArgumentError,
    LintelError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from lintel.edge.images import ImageFormat, PixelFormat, decode, encode, to_raw
from lintel.edge.runtime import Runtime
from lintel.edge.tasks.blur import BlurMethod, BlurShape
from lintel.edge.tasks.masks import MaskState
from lintel.edge.workbench import (
    Box,
    CoverOptions,
    DetectionOptions,
    EncodedImage,
    GivenFaces,
    MaskOptions,
    OutputOptions,
    RawImage,
    StageTimes,
    Task,
    Work,
    Workbench,
)

GREENISH, REDDISH, BLUEISH = (40, 200, 90), (30, 60, 220), (230, 110, 100)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    write_mask_package(directory)
    write_mask_package(directory, "other", labels=("without_mask", "with_mask", "incorrect_mask"))
    write_mask_package(directory, "sure", output_keys="min_probability = 1.0")
    return directory


@pytest.fixture(scope="module")
def settings(models: Path) -> Settings:
    return settings_of(models)


@pytest.fixture(scope="module")
def runtime(settings: Settings) -> Iterator[Runtime]:
    runtime = Runtime(settings, 2)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def workbench(runtime: Runtime, settings: Settings) -> Workbench:
    return Workbench(runtime, settings)


@pytest.fixture(scope="module")
def face(face_jpeg: bytes) -> EncodedImage:
    """A face whose skin is reddest."""
    return EncodedImage(face_jpeg)


def settings_of(models: Path, **sections: dict[str, object]) -> Settings:
    return parse({"models": {"directory": str(models)}, **sections})


def png(pixels: NDArray[np.uint8]) -> EncodedImage:
    return EncodedImage(encode(pixels, ImageFormat.PNG))


def given(*boxes: tuple[float, float, float, float]) -> GivenFaces:
    return GivenFaces(tuple(Box(*box) for box in boxes))


class TestFound:
    def test_faces_are_found_and_judged(self, workbench: Workbench, face: EncodedImage) -> None:
        result = workbench.classify_masks(face)
        alone = workbench.detect(face)
        assert result.detections is not None
        assert alone.detections is not None
        assert result.detections.boxes == pytest.approx(alone.detections.boxes, abs=8)
        assert result.masks is not None
        assert result.masks.states == [MaskState.NOT_WORN]
        assert result.masks.probabilities.shape == (1, 3)
        assert (result.width, result.height) == (320, 320)

    def test_no_faces_have_no_verdicts(self, workbench: Workbench) -> None:
        result = workbench.classify_masks(png(plain(REDDISH)))
        assert result.detections is not None
        assert result.masks is not None
        assert (len(result.detections.boxes), result.masks.states) == (0, [])

    def test_small_faces_are_cut_out_of_the_full_picture(
        self, workbench: Workbench, draw_face: Callable[..., NDArray[np.uint8]]
    ) -> None:
        # A copy that suffices to find the face would mix its colour with the one about it.
        pixels = draw_face(2560, 1920, 160)
        image = EncodedImage(encode(pixels, ImageFormat.JPEG, 95))
        result = workbench.classify_masks(image)
        assert result.detections is not None
        assert result.masks is not None
        again = workbench.classify_masks(image, given=given(*result.detections.boxes.tolist()))
        assert again.masks is not None
        assert np.array_equal(again.masks.probabilities, result.masks.probabilities)

    def test_raw_frames_are_judged_too(self, workbench: Workbench, face: EncodedImage) -> None:
        data = to_raw(decode(face.data).pixels.view(np.uint8), PixelFormat.NV12)
        result = workbench.classify_masks(RawImage(data, PixelFormat.NV12, 320, 320))
        assert result.masks is not None
        assert result.masks.states == [MaskState.NOT_WORN]


class TestTogether:
    def test_masks_are_judged_before_their_faces_are_destroyed(
        self, workbench: Workbench, face: EncodedImage
    ) -> None:
        work = Work(
            frozenset({Task.MASKS, Task.BLUR}),
            cover=CoverOptions(BlurMethod.FILL, BlurShape.BOX, 0.0),
            output=OutputOptions(ImageFormat.PNG),
        )
        together, alone = workbench.process(face, work), workbench.classify_masks(face)
        assert together.masks is not None
        assert alone.masks is not None
        assert together.masks.states == alone.masks.states
        assert np.array_equal(together.masks.probabilities, alone.masks.probabilities)
        assert together.blurred is not None
        assert together.detections is not None
        shown = decode(together.blurred.image.data).pixels
        x_min, y_min, x_max, y_max = together.detections.boxes[0].astype(int)
        assert (shown[y_min : y_max + 1, x_min : x_max + 1] == 127).all()

    @pytest.mark.parametrize("tasks", [{Task.MASKS, Task.BLUR}, {Task.MASKS, Task.STATISTICS}])
    def test_all_tasks_go_together(
        self, workbench: Workbench, face: EncodedImage, tasks: set[Task]
    ) -> None:
        result = workbench.process(face, Work(frozenset(tasks)))
        assert result.masks is not None
        assert (result.blurred is not None) == (Task.BLUR in tasks)
        assert (result.statistics is not None) == (Task.STATISTICS in tasks)

    def test_doubtful_faces_are_covered_and_not_judged(
        self, runtime: Runtime, models: Path, face: EncodedImage
    ) -> None:
        settings = settings_of(models, faces={"min_score": 1.0}, blur={"min_score": 0.1})
        work = Work(frozenset({Task.MASKS, Task.BLUR}))
        result = Workbench(runtime, settings).process(face, work)
        assert result.detections is not None
        assert result.masks is not None
        assert (len(result.detections.boxes), result.masks.states) == (1, [])

    def test_faces_that_are_told_of_are_covered_whatever_the_settings(
        self, runtime: Runtime, models: Path, face: EncodedImage
    ) -> None:
        settings = settings_of(models, faces={"min_score": 0.1}, blur={"min_score": 1.0})
        bench = Workbench(runtime, settings)
        alone = bench.blur(face).detections
        together = bench.process(face, Work(frozenset({Task.MASKS, Task.BLUR}))).detections
        assert alone is not None
        assert together is not None
        assert (len(alone.boxes), len(together.boxes)) == (0, 1)

    def test_a_score_that_is_asked_for_holds_for_both(
        self, workbench: Workbench, face: EncodedImage
    ) -> None:
        work = Work(frozenset({Task.MASKS, Task.BLUR}), DetectionOptions(min_score=1.0))
        result = workbench.process(face, work)
        assert result.detections is not None
        assert result.masks is not None
        assert (len(result.detections.boxes), result.masks.states) == (0, [])

    def test_masks_are_judged_in_frames_that_are_covered_whole(
        self, workbench: Workbench, face: EncodedImage
    ) -> None:
        cover = CoverOptions(whole_frame=True)
        result = workbench.process(face, Work(frozenset({Task.MASKS, Task.BLUR}), cover=cover))
        assert result.masks is not None
        assert result.masks.states == [MaskState.NOT_WORN]
        assert result.blurred is not None

    def test_no_picture_comes_out_where_the_mask_model_fails(
        self, settings: Settings, face: EncodedImage
    ) -> None:
        runtime = Runtime(settings, 1)
        runtime.models["mask"].pool.close()
        bench = Workbench(runtime, settings)
        with pytest.raises(ModelUnavailableError):
            bench.process(face, Work(frozenset({Task.MASKS, Task.BLUR})))
        assert bench.blur(face).blurred is not None
        runtime.close()

    def test_16_bit_pictures_are_judged_in_8(
        self, workbench: Workbench, face: EncodedImage
    ) -> None:
        deep = decode(face.data).pixels.astype(np.uint16) * 257
        image = EncodedImage(cv2.imencode(".png", deep)[1].tobytes())
        result = workbench.process(image, Work(frozenset({Task.MASKS, Task.STATISTICS})))
        assert result.masks is not None
        assert result.masks.states == [MaskState.NOT_WORN]

    def test_the_time_is_told(self, workbench: Workbench, face: EncodedImage) -> None:
        times = StageTimes()
        workbench.process(face, Work(frozenset({Task.MASKS})), times)
        assert times.masks_ns
        assert times.detect_ns
        assert not workbench.detect(face).times.masks_ns


class TestGiven:
    def test_given_faces_are_judged_in_their_order(self, workbench: Workbench) -> None:
        pixels = np.hstack([plain(colour) for colour in (GREENISH, REDDISH, BLUEISH)])
        boxes = [(80.5, 10, 110, 40), (0, 0, 40, 48), (140, 10, 192, 40)]
        result = workbench.classify_masks(png(pixels), given=given(*boxes))
        assert result.masks is not None
        assert result.masks.states == [
            MaskState.NOT_WORN,
            MaskState.WORN,
            MaskState.WORN_INCORRECTLY,
        ]
        assert result.masks.probabilities[0] == pytest.approx(expected(REDDISH), abs=1e-5)
        assert result.detections is not None
        assert result.detections.boxes.tolist() == [list(box) for box in boxes]
        assert result.detections.scores.tolist() == [1, 1, 1]

    def test_there_may_be_none(self, workbench: Workbench) -> None:
        result = workbench.classify_masks(png(plain(REDDISH)), given=given())
        assert result.masks is not None
        assert result.masks.states == []

    def test_a_whole_picture_may_be_the_face(self, workbench: Workbench) -> None:
        pixels = plain(GREENISH, 900, 700)
        image = EncodedImage(encode(pixels, ImageFormat.JPEG, 100))
        result = workbench.classify_masks(image, given=GivenFaces())
        assert result.masks is not None
        assert result.masks.probabilities[0] == pytest.approx(expected(GREENISH), abs=0.01)
        assert result.detections is not None
        assert result.detections.boxes.tolist() == [[0, 0, 900, 700]]

    def test_a_whole_picture_has_its_margin_already(self, workbench: Workbench) -> None:
        pixels = plain(GREENISH, 100, 100)
        cv2.rectangle(pixels, (15, 15), (84, 84), REDDISH, -1)
        crop = workbench.classify_masks(png(pixels), given=GivenFaces()).masks
        face = workbench.classify_masks(png(pixels), given=given((0, 0, 100, 100))).masks
        assert crop is not None
        assert face is not None
        # More of what lies about it is seen, repeated.
        assert face.probabilities[0, 0] > crop.probabilities[0, 0] + 0.1

    def test_nobody_looks_for_faces_then(self, models: Path) -> None:
        settings = settings_of(models, faces={"model": ""})
        runtime = Runtime(settings, 1)
        bench = Workbench(runtime, settings)
        whole = bench.classify_masks(png(plain(BLUEISH)), given=GivenFaces())
        assert whole.masks is not None
        assert whole.masks.states == [MaskState.WORN_INCORRECTLY]
        with pytest.raises(ModelNotFoundError) as caught:
            bench.classify_masks(png(plain(BLUEISH)))
        assert caught.value.field == "detection.model"
        runtime.close()

    @pytest.mark.parametrize(
        ("box", "field"),
        [
            ((-0.5, 0, 5, 5), "x_min"),
            ((0, -1, 5, 5), "y_min"),
            ((0, 0, 64.5, 5), "x_max"),
            ((0, 0, 5, 49), "y_max"),
            ((65, 0, 66, 5), "x_min"),
            ((nan, 0, 5, 5), "x_min"),
            ((0, 0, nan, 5), "x_max"),
            ((0, 0, 5, inf), "y_max"),
            ((5, 0, 5, 5), "x_max"),
            ((0, 5, 5, 4), "y_max"),
        ],
    )
    def test_a_box_that_cannot_be_is_named(
        self, workbench: Workbench, box: tuple[float, float, float, float], field: str
    ) -> None:
        faces = given((0, 0, 64, 48), box)
        with pytest.raises(InvalidArgumentError) as caught:
            workbench.classify_masks(png(plain(REDDISH)), given=faces)
        assert caught.value.field == f"boxes[1].{field}"
        limit = {"x": "64", "y": "48"}[field[0]]
        assert limit in caught.value.message or "greater than" in caught.value.message

    def test_the_number_of_boxes_is_bounded(self, workbench: Workbench) -> None:
        many = given(*[(0, 0, 5, 5)] * 256)
        result = workbench.classify_masks(png(plain(REDDISH)), given=many)
        assert result.masks is not None
        assert len(result.masks.states) == 256
        with pytest.raises(InvalidArgumentError, match="at most 256 boxes, not 257") as caught:
            given(*[(0, 0, 5, 5)] * 257)
        assert caught.value.field == "boxes"

    @pytest.mark.parametrize("task", [Task.BLUR, Task.DETECT, Task.STATISTICS])
    def test_nothing_else_is_done_with_given_faces(self, task: Task) -> None:
        for tasks in ({task}, {task, Task.MASKS}):
            with pytest.raises(InvalidArgumentError) as caught:
                Work(frozenset(tasks), given=GivenFaces())
            assert caught.value.field == "tasks"


class TestChoices:
    """The colour gives 0.64 to WORN, 0.21 to NOT_WORN and 0.15 to WORN_INCORRECTLY."""

    PICTURE = plain((125, 140, 128))

    def states(self, bench: Workbench, **keys: object) -> list[MaskState]:
        options = MaskOptions(**keys)
        result = bench.classify_masks(png(self.PICTURE), masks=options, given=GivenFaces())
        assert result.masks is not None
        return result.masks.states

    def test_the_least_probability_is_the_requests_or_the_settings_or_the_models(
        self, runtime: Runtime, models: Path, workbench: Workbench
    ) -> None:
        assert self.states(workbench) == [MaskState.WORN]
        assert self.states(workbench, model="sure") == [MaskState.UNSURE]
        strict = Workbench(runtime, settings_of(models, masks={"min_probability": 0.9}))
        assert self.states(strict) == [MaskState.UNSURE]
        lenient = Workbench(runtime, settings_of(models, masks={"min_probability": 0.0}))
        assert self.states(lenient, model="sure") == [MaskState.WORN]
        assert self.states(strict, min_probability=0.6) == [MaskState.WORN]
        assert self.states(lenient, min_probability=0.9) == [MaskState.UNSURE]

    def test_another_model_can_be_asked_for(self, workbench: Workbench) -> None:
        assert self.states(workbench, model="other") == [MaskState.WORN]
        with pytest.raises(ModelNotFoundError) as caught:
            self.states(workbench, model="face")
        assert caught.value.field == "masks.model"

    def test_what_a_device_does_not_have_is_told_early(
        self, models: Path, workbench: Workbench, face: EncodedImage
    ) -> None:
        work = Work(frozenset({Task.MASKS}), masks=MaskOptions(model="nobody"))
        with pytest.raises(ModelNotFoundError) as caught:
            workbench.check_models(work)
        assert caught.value.field == "masks.model"
        bare = Runtime(settings_of(models, masks={"model": ""}), 1)
        bench = Workbench(bare, settings_of(models, masks={"model": ""}))
        with pytest.raises(ModelNotFoundError):
            bench.classify_masks(face)
        assert bench.classify_masks(face, masks=MaskOptions(model="mask")).masks is not None
        assert bench.blur(face).blurred is not None
        bare.close()

    @pytest.mark.parametrize("wrong", [-0.1, 1.1, nan])
    def test_a_probability_out_of_range_is_refused_by_name(self, wrong: float) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            MaskOptions(min_probability=wrong)
        assert caught.value.field == "min_probability"


def test_a_damaged_picture_is_refused(workbench: Workbench, face: EncodedImage) -> None:
    for faces in (None, GivenFaces(), given((0, 0, 5, 5))):
        with pytest.raises(LintelError) as caught:
            workbench.classify_masks(EncodedImage(face.data[:200]), given=faces)
        assert caught.value.field == "encoded"
