"""The work on one picture: decode, measure, find, destroy, encode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from math import nan

import cv2
import numpy as np
import pytest
from tests.mask_packages import write_mask_package

from lintel.edge.config import Settings, parse
from lintel.edge.errors import (
    ImageTooLargeError,
    InvalidArgumentError,
    LintelError,
    ModelNotFoundError,
    ModelUnavailableError,
)
from lintel.edge.images import ImageFormat, PixelFormat, decode, encode, from_raw, to_raw
from lintel.edge.runtime import Runtime
from lintel.edge.tasks.blur import BlurMethod, BlurShape
from lintel.edge.tasks.statistics import compute_statistics
from lintel.edge.workbench import (
    CoverOptions,
    DetectionOptions,
    EncodedImage,
    OutputOptions,
    RawImage,
    StageTimes,
    Task,
    Work,
    Workbench,
    WorkResult,
)

FILL = CoverOptions(method=BlurMethod.FILL, shape=BlurShape.BOX, margin=0)
PNG = OutputOptions(format=ImageFormat.PNG)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a device that has a mask model."""
    directory = tmp_path_factory.mktemp("models")
    write_mask_package(directory)
    return parse({"models": {"directory": str(directory)}})


@pytest.fixture(scope="module")
def runtime(settings: Settings) -> Iterator[Runtime]:
    runtime = Runtime(settings, 2)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def workbench(runtime: Runtime) -> Workbench:
    return Workbench(runtime, parse({}))


@pytest.fixture(scope="module")
def face(face_jpeg: bytes) -> EncodedImage:
    return EncodedImage(face_jpeg)


def blurred_pixels(result: WorkResult) -> np.ndarray:
    assert result.blurred is not None
    return decode(result.blurred.image.data).pixels


@pytest.mark.parametrize("format_", [ImageFormat.JPEG, ImageFormat.PNG])
def test_a_face_that_is_small_in_a_large_picture_is_found_in_a_part_of_it(
    workbench: Workbench, runtime: Runtime, face: EncodedImage, format_: ImageFormat
) -> None:
    canvas = np.full((2000, 3000, 3), 90, np.uint8)
    canvas[700:850, 2500:2650] = cv2.resize(decode(face.data).pixels, (150, 150))
    picture = EncodedImage(encode(canvas, format_))
    for work in (workbench.detect, workbench.blur):
        found = work(picture).detections
        assert found is not None
        assert (found.boxes[0, :2] > (2500, 700)).all()
        assert (found.boxes[0, 2:] < (2650, 850)).all()
    # Never, and from so many pixels on.
    for parts_from in (0, 3001):
        whole_alone = Workbench(runtime, parse({"faces": {"parts_from": parts_from}}))
        found = whole_alone.detect(picture).detections
        assert found is not None
        assert len(found.boxes) == 0


def test_faces_are_told_in_pixels_of_the_whole_picture(
    workbench: Workbench, face: EncodedImage
) -> None:
    large = cv2.resize(decode(face.data).pixels, (3200, 3200))
    small_result = workbench.detect(face)
    large_result = workbench.detect(EncodedImage(encode(large.view(np.uint8), ImageFormat.JPEG)))
    assert (large_result.width, large_result.height) == (3200, 3200)
    assert small_result.detections is not None
    assert large_result.detections is not None
    assert large_result.detections.boxes[0] / 10 == pytest.approx(
        small_result.detections.boxes[0], abs=16
    )


def test_nothing_but_what_was_asked_for_comes_back(
    workbench: Workbench, face: EncodedImage
) -> None:
    for task in Task:
        result = workbench.process(face, Work(frozenset({task})))
        assert (result.statistics is not None) == (task is Task.STATISTICS)
        assert (result.blurred is not None) == (task is Task.BLUR)
        assert (result.detections is not None) == (task is not Task.STATISTICS)
        assert (result.masks is not None) == (task is Task.MASKS)


def test_the_boxes_told_are_the_boxes_covered(workbench: Workbench, face: EncodedImage) -> None:
    result = workbench.blur(face, cover=FILL, output=PNG)
    assert result.detections is not None
    expected = decode(face.data).pixels.copy()
    for x_min, y_min, x_max, y_max in result.detections.boxes:
        rows = slice(int(np.floor(y_min)), int(np.ceil(y_max)))
        columns = slice(int(np.floor(x_min)), int(np.ceil(x_max)))
        expected[rows, columns] = 127
    assert len(result.detections.boxes)
    assert np.array_equal(blurred_pixels(result), expected)


def test_everything_at_once_is_the_same_as_each_by_itself(
    workbench: Workbench, face: EncodedImage
) -> None:
    together = workbench.process(face, Work(frozenset(Task), cover=FILL, output=PNG))
    apart = workbench.blur(face, cover=FILL, output=PNG)
    assert together.detections is not None
    assert apart.detections is not None
    assert np.array_equal(together.detections.boxes, apart.detections.boxes)
    assert together.blurred == apart.blurred
    assert together.statistics is not None
    # Of the picture as it came, not as it was covered.
    assert together.statistics.grey.mean == compute_statistics(decode(face.data).pixels).grey.mean


def test_16_bit_pictures_are_measured_in_16_bits_and_shown_in_8(
    workbench: Workbench, face: EncodedImage
) -> None:
    deep = decode(face.data).pixels.astype(np.uint16) * 257
    image = EncodedImage(cv2.imencode(".png", deep)[1].tobytes())
    result = workbench.process(image, Work(frozenset(Task), cover=FILL))
    assert result.statistics is not None
    assert result.statistics.bit_depth == 16
    assert result.detections is not None
    assert len(result.detections.boxes)
    assert blurred_pixels(result).dtype == np.uint8


def test_a_whole_frame_is_covered_without_looking(settings: Settings, face: EncodedImage) -> None:
    blind = Workbench(closed_runtime(settings), settings)
    result = blind.blur(face, cover=CoverOptions(BlurMethod.PIXELATE, whole_frame=True), output=PNG)
    assert result.detections is None
    assert len(np.unique(blurred_pixels(result).reshape(-1, 3), axis=0)) <= 64


def test_a_whole_frame_is_covered_whatever_is_found(
    workbench: Workbench, face: EncodedImage
) -> None:
    work = Work(
        frozenset({Task.DETECT, Task.BLUR}),
        cover=CoverOptions(BlurMethod.FILL, whole_frame=True),
        output=PNG,
    )
    result = workbench.process(face, work)
    assert result.detections is not None
    assert len(result.detections.boxes)
    assert np.unique(blurred_pixels(result)).tolist() == [127]


@pytest.mark.parametrize("tasks", [{Task.BLUR}, set(Task)])
def test_no_picture_comes_out_where_the_detector_fails(
    settings: Settings, face: EncodedImage, tasks: set[Task]
) -> None:
    blind = Workbench(closed_runtime(settings), settings)
    with pytest.raises(ModelUnavailableError):
        blind.process(face, Work(frozenset(tasks)))


def test_a_model_that_is_not_there_is_refused(workbench: Workbench, face: EncodedImage) -> None:
    options = DetectionOptions(model="none-such")
    with pytest.raises(ModelNotFoundError):
        workbench.detect(face, options)
    with pytest.raises(ModelNotFoundError) as caught:
        workbench.check_models(Work(frozenset({Task.DETECT}), options))
    assert caught.value.field == "detection.model"


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_a_raw_frame_comes_back_raw(
    workbench: Workbench, face: EncodedImage, pixel_format: PixelFormat
) -> None:
    data = to_raw(decode(face.data).pixels.view(np.uint8), pixel_format)
    result = workbench.blur(RawImage(data, pixel_format, 320, 320), cover=FILL)
    assert result.blurred is not None
    image = result.blurred.image
    assert isinstance(image, RawImage)
    assert (image.pixel_format, image.width, image.height) == (pixel_format, 320, 320)
    assert result.blurred.format is None
    pixels = from_raw(image.data, pixel_format, 320, 320).pixels
    assert np.unique(pixels[150:170, 150:170]).tolist() == [pytest.approx(127, abs=2)]


@pytest.mark.parametrize("format_", ImageFormat)
def test_any_picture_is_written_in_the_format_asked_for(
    workbench: Workbench, face: EncodedImage, format_: ImageFormat
) -> None:
    frame = RawImage(to_raw(decode(face.data).pixels, PixelFormat.RGB8), PixelFormat.RGB8, 320, 320)
    for image in (face, frame):
        result = workbench.blur(image, output=OutputOptions(format=format_))
        assert result.blurred is not None
        assert result.blurred.format is format_
        assert decode(result.blurred.image.data).format is format_


def test_what_a_request_leaves_open_the_settings_say(
    runtime: Runtime, workbench: Workbench, face: EncodedImage
) -> None:
    settings = parse({"blur": {"method": "fill", "shape": "box", "margin": 0.0}})
    by_settings = Workbench(runtime, settings).blur(face, output=PNG)
    assert by_settings.blurred == workbench.blur(face, cover=FILL, output=PNG).blurred
    strict = Workbench(runtime, parse({"faces": {"min_score": 1.0}})).detect(face)
    assert strict.detections is not None
    assert not len(strict.detections.boxes)


def test_the_limits_of_the_settings_hold(runtime: Runtime, face: EncodedImage) -> None:
    strict = Workbench(runtime, parse({"images": {"max_pixels": 320 * 320 - 1}}))
    with pytest.raises(ImageTooLargeError):
        strict.statistics(face)


def test_times_are_told_of_the_stages_that_ran(workbench: Workbench, face: EncodedImage) -> None:
    assert all(astuple(workbench.process(face, Work(frozenset(Task))).times))
    times = workbench.statistics(face).times
    assert times.decode_ns
    assert times.statistics_ns
    assert not times.detect_ns + times.blur_ns + times.encode_ns


def test_times_are_told_of_failures_too(workbench: Workbench) -> None:
    times = StageTimes()
    with pytest.raises(LintelError):
        workbench.process(EncodedImage(b"no picture"), Work(frozenset(Task)), times)
    assert times.decode_ns
    assert not times.detect_ns


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: DetectionOptions(min_score=1.1), "min_score"),
        (lambda: DetectionOptions(min_score=nan), "min_score"),
        (lambda: CoverOptions(margin=-0.1), "margin"),
        (lambda: CoverOptions(margin=nan), "margin"),
        (lambda: OutputOptions(quality=0), "quality"),
        (lambda: OutputOptions(quality=101), "quality"),
        (lambda: Work(frozenset()), "tasks"),
    ],
)
def test_options_out_of_range_are_refused_by_name(make: object, field: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidArgumentError) as error:
        make()
    assert error.value.field == field


def closed_runtime(settings: Settings) -> Runtime:
    """A runtime whose models fail."""
    runtime = Runtime(settings, 1)
    runtime.close()
    return runtime


def test_what_is_too_doubtful_to_be_told_is_covered_all_the_same(
    runtime: Runtime, face: EncodedImage
) -> None:
    told = Workbench(runtime, parse({"faces": {"min_score": 1.0}, "blur": {"min_score": 0.1}}))
    found = told.detect(face).detections
    covered = told.blur(face).detections
    assert found is not None
    assert covered is not None
    assert (len(found.boxes), len(covered.boxes)) == (0, 1)
    asked = told.blur(face, DetectionOptions(min_score=1.0)).detections
    assert asked is not None
    assert len(asked.boxes) == 0
