"""Backends are imported when they are needed, and opened on digested bytes only."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.builders import Network

from lintel.edge.backends import available_backends, open_session, opening
from lintel.edge.config import ModelSettings
from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages import builtin_packages, load_package

LIBRARIES = ("ai_edge_litert", "tflite_runtime", "onnxruntime", "xgboost", "cv2")

# Stands for a device that lacks libraries: importing them fails as it does where they are not.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def run_python(code: str) -> str:
    """Runs code in a fresh interpreter and returns what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_backends_imports_no_library() -> None:
    code = (
        "import sys, json; import lintel.edge.backends, lintel.edge.packages; "
        f"print(json.dumps([name for name in {LIBRARIES!r} if name in sys.modules]))"
    )
    assert json.loads(run_python(code)) == []


def test_all_backends_are_usable_here_and_tell_their_versions() -> None:
    backends = available_backends()
    assert set(backends) == {"litert", "onnx", "xgboost", "opencv-cascade"}
    for status in backends.values():
        assert status.usable
        assert status.version[0].isdigit()
        assert status.problem == ""


def test_a_device_without_libraries_tells_which_backends_it_lacks() -> None:
    code = WITHOUT.format(absent=set(LIBRARIES)) + (
        "from lintel.edge.backends import available_backends\n"
        "for name, status in available_backends().items(): print(name, *status)"
    )
    assert run_python(code).splitlines() == [
        "litert False  The library is not installed.",
        "onnx False  The library is not installed.",
        "xgboost False  The library is not installed.",
        "opencv-cascade False  The library is not installed.",
    ]


def test_a_library_that_does_not_load_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text('raise ImportError("wrong NumPy")')
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from lintel.edge.backends import backend_status\n"
        "print(*backend_status('onnx'))"
    )
    assert run_python(code).strip() == "False  The library is installed and does not load."


def test_a_device_without_onnxruntime_and_opencv_runs_litert(
    write_package: Callable[..., Path], tiny_tflite: bytes
) -> None:
    folder = write_package("tiny", litert=tiny_tflite)
    code = WITHOUT.format(absent={"onnxruntime", "cv2"}) + (
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from lintel.edge.backends import open_session\n"
        "from lintel.edge.config import ModelSettings\n"
        "from lintel.edge.packages import load_package\n"
        f"package = load_package(Path({str(folder)!r}))\n"
        "session = open_session(package, package.manifest.variants[0], ModelSettings())\n"
        "print(session.run({'input': np.zeros((1, 8, 8, 3), np.float32)})['probabilities'].shape)"
    )
    assert run_python(code).strip() == "(1, 3)"


def test_tflite_runtime_stands_in_for_litert(tmp_path: Path) -> None:
    # The wheel wants an older NumPy than this project's: only the choice is tested.
    (tmp_path / "tflite_runtime").mkdir()
    (tmp_path / "tflite_runtime" / "__init__.py").touch()
    (tmp_path / "tflite_runtime" / "interpreter.py").touch()
    code = WITHOUT.format(absent={"ai_edge_litert"}) + (
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from lintel.edge.backends.litert import import_runtime\n"
        "print(import_runtime().__name__)"
    )
    assert run_python(code).strip() == "tflite_runtime.interpreter"


def test_a_variant_whose_backend_is_missing_is_unavailable(
    write_package: Callable[..., Path], tiny_onnx: bytes
) -> None:
    folder = write_package("tiny", onnx=tiny_onnx)
    code = WITHOUT.format(absent={"onnxruntime"}) + (
        "from pathlib import Path\n"
        "from lintel.edge.backends import open_session\n"
        "from lintel.edge.config import ModelSettings\n"
        "from lintel.edge.errors import ModelUnavailableError\n"
        "from lintel.edge.packages import load_package\n"
        f"package = load_package(Path({str(folder)!r}))\n"
        "try:\n"
        "    open_session(package, package.manifest.variants[0], ModelSettings())\n"
        "except ModelUnavailableError as error:\n"
        "    print(error)"
    )
    assert run_python(code).strip() == "The backend onnx is not usable on this device."


@pytest.mark.parametrize("backend", ["litert", "onnx"])
def test_a_package_opens_to_a_session(
    write_package: Callable[..., Path],
    tiny_tflite: bytes,
    tiny_onnx: bytes,
    network: Network,
    backend: str,
) -> None:
    package = load_package(write_package("tiny", litert=tiny_tflite, onnx=tiny_onnx))
    variant = next(v for v in package.manifest.variants if v.backend == backend)
    session = open_session(package, variant, ModelSettings(threads=2))
    assert session.run({"input": network.inputs(2)})["probabilities"].shape == (2, 3)


def test_a_file_that_is_no_model_is_named(
    write_package: Callable[..., Path], tiny_tflite: bytes
) -> None:
    package = load_package(write_package("tiny", litert=tiny_tflite, onnx=b"no model"))
    with pytest.raises(PackageInvalidError) as caught:
        open_session(package, package.manifest.variants[1], ModelSettings())
    assert caught.value.field == "variant[1].file"


@pytest.mark.parametrize("backend", ["litert", "onnx", "opencv-cascade"])
@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_damaged_files_reach_no_parser(
    write_package: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tiny_tflite: bytes,
    tiny_onnx: bytes,
    backend: str,
    place: float,
) -> None:
    def parse(*_: object) -> None:
        pytest.fail("a damaged file was parsed")

    for name in ("LiteRtSession", "OnnxSession", "CascadeSession"):
        monkeypatch.setattr(opening, name, parse)
    if backend == "opencv-cascade":
        folder = copy_cascade(tmp_path / "cascade")
    else:
        folder = write_package("tiny", litert=tiny_tflite, onnx=tiny_onnx)
    package = load_package(folder)
    variant = next(v for v in package.manifest.variants if v.backend == backend)
    file = folder / variant.file
    data = bytearray(file.read_bytes())
    data[round(place * (len(data) - 1))] ^= 1
    file.write_bytes(data)
    with pytest.raises(PackageInvalidError) as caught:
        open_session(package, variant, ModelSettings())
    assert caught.value.field.endswith(".sha256")


def test_nobody_else_hands_bytes_to_the_parsers() -> None:
    sources = Path(opening.__file__).parents[2].rglob("*.py")
    makes_one = re.compile(r"\b(LiteRt|Onnx|Cascade)Session\(|\bCascadeClassifier\(")
    makers = {path.name for path in sources if makes_one.search(path.read_text("utf-8"))}
    assert makers == {"opening.py", "cascade.py"}


def copy_cascade(folder: Path) -> Path:
    """Makes a package of the embedded cascade that holds its file itself."""
    (embedded,) = (path for path in builtin_packages() if path.name == "face-haar")
    package = load_package(embedded)
    (variant,) = package.manifest.variants
    name = variant.file.removeprefix("opencv:")
    folder.mkdir()
    (folder / name).write_bytes(package.variant_bytes(variant))
    manifest = (embedded / "model.toml").read_text("utf-8")
    (folder / "model.toml").write_text(manifest.replace(variant.file, name), "utf-8")
    return folder
