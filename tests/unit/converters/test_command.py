"""`lintel-convert`: a package from a model in one line; errors say what to do and write nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lintel.converters.command import main
from lintel.converters.workshop import Workshop
from lintel.edge.backends import open_session
from lintel.edge.config import ModelSettings
from lintel.edge.packages import load_package

# Converters take their time where other work goes first.
pytestmark = pytest.mark.timeout(900)
Command = Callable[..., int]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, workshop: Workshop, tmp_path: Path) -> Command:
    """Runs a command line in an empty folder, and returns its exit status."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        assert isinstance(caught.value.code, int)
        return caught.value.code

    return run


@pytest.fixture
def data(models: Path, tmp_path: Path) -> Path:
    """A few digits with their classes."""
    with np.load(models / "digits.npz") as file:
        np.savez(tmp_path / "few.npz", x=file["x"][:60], y=file["y"][:60])
    return tmp_path / "few.npz"


def test_a_model_becomes_a_package_that_the_device_loads(
    command: Command, models: Path, tmp_path: Path
) -> None:
    arguments = ["--task", "classify", "--calibrate", models / "digits.npz", "--out", "made"]
    variants = ["litert-float32", "litert-int8", "onnx-float32"]
    chosen = [word for name in variants for word in ("--variant", name)]
    assert command(models / "separable.keras", *arguments, *chosen, "--gate", 0.95) == 0
    package = load_package(tmp_path / "made")
    assert {variant.name for variant in package.manifest.variants} == set(variants)
    told = json.loads((tmp_path / "made" / "report.json").read_text())
    assert told["packed"] == [variant.name for variant in package.manifest.variants]
    assert told["metric"] == "accuracy"
    assert told["source_metric"] > 0.9
    for variant in package.manifest.variants:
        session = open_session(package, variant, ModelSettings(threads=1))
        result = session.run({"digit": np.zeros((1, 16, 16, 1), np.float32)})
        assert result["classes"].shape == (1, 10)
    page = (tmp_path / "made" / "report.html").read_text()
    assert page.count("<svg") >= 4
    assert "src=" not in page
    assert 'href="http' not in page


def test_pictures_are_prepared_as_the_device_does_and_folders_are_classes(
    command: Command, models: Path, tmp_path: Path
) -> None:
    from lintel.edge.images import ImageFormat, encode

    with np.load(models / "digits.npz") as file:
        for index in range(40):
            folder = tmp_path / "pictures" / f"class{file['y'][index]}"
            folder.mkdir(parents=True, exist_ok=True)
            pixels = file["x"][index, ..., 0].astype(np.uint8)
            (folder / f"{index}.png").write_bytes(encode(pixels, ImageFormat.PNG))
    arguments = ["--task", "classify", "--calibrate", "pictures", "--variant", "onnx-float32"]
    assert command(models / "lenet.keras", *arguments, "--out", "made") == 0
    manifest = load_package(tmp_path / "made").manifest
    assert manifest.input is not None
    assert (manifest.input.size, manifest.input.colour) == ((16, 16), "grey")
    told = json.loads((tmp_path / "made" / "report.json").read_text())
    assert told["source_metric"] > 0.9
    assert any("only 20 examples" in note for note in told["notes"])


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("missing.keras", [], "There is no model"),
        ("digits.npz", [], "no model that is understood"),
        ("code.keras", [], "--trust"),
        ("alone.weights.h5", [], "weights only"),
        ("free.keras", [], "--shape 224,224,3"),
        ("lenet.keras", ["--variant", "litert-int9"], "choose among"),
        ("lenet.keras", ["--labels", "a,b,c", "--task", "classify"], "10 classes apart"),
        ("lenet.keras", ["--gate", "0"], "share of 1"),
        ("lenet.keras", ["--name", "Bad/Name"], "such as Bad-Name"),
        ("lenet.keras", ["--mean", "1,2"], "--mean takes"),
        (
            "lenet.keras",
            ["--mean", "nan"],
            "from -1,000,000 to 1,000,000",
        ),
        ("lenet.keras", ["--scale", "inf"], "--scale takes"),
        ("lenet.keras", ["--scale", "0"], "--scale must not be 0"),
        ("lenet.keras", ["--shape", "8,8,1"], "a --shape that fits"),
        ("trees.ubj", ["--variant", "litert-int8"], "float32 only"),
    ],
)
def test_an_error_is_one_sentence_with_what_to_do_and_writes_nothing(
    model: str,
    options: list[str],
    said: str,
    command: Command,
    models: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    table = models / "rows.npz" if model.startswith("trees") else data
    assert command(models / model, "--calibrate", table, "--out", "made", *options) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert said in last
    assert not (tmp_path / "made").exists()


def test_a_package_takes_no_other_files_place(
    command: Command,
    models: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "door.jpg").write_bytes(b"mine")
    for source, out, said in (
        ("photos", "photos", "is where the data are"),
        (data, data, "is a file"),
    ):
        assert command(models / "lenet.keras", "--calibrate", source, "--out", out) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["door.jpg"]


def test_without_data_nothing_begins(
    command: Command, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(models / "lenet.keras", "--out", "made") == 2
    assert "--calibrate" in capsys.readouterr().err


def test_a_pickle_is_not_even_opened(
    command: Command, tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # It would leave a file behind if it were.
    text = b'cbuiltins\nexec\n(S\'open("ran", "w")\'\ntR.'
    for name in ("model.pkl", "model.pt"):
        (tmp_path / name).write_bytes(text)
        assert command(name, "--calibrate", data, "--out", "made") == 2
        assert "--trust" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_a_layer_of_code_runs_where_it_is_trusted(
    command: Command, models: Path, tmp_path: Path
) -> None:
    rows = np.random.default_rng(0).uniform(size=(40, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=rows)
    options = ["--calibrate", "rows.npz", "--out", "made", "--variant", "litert-float32"]
    assert command(models / "code.keras", *options, "--trust") == 0


def test_an_operator_that_is_not_built_in_is_named(
    command: Command, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.random.default_rng(0).uniform(size=(40, 1, 3, 3)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=rows)
    options = ["--calibrate", "rows.npz", "--out", "made", "--variant", "litert-float32"]
    assert command(models / "determinant.keras", *options) == 2
    said = capsys.readouterr().err
    assert "MatrixDeterminant" in said
    assert "--format onnx" in said
    assert not (tmp_path / "made").exists()


def test_a_picture_that_is_damaged_is_named(
    command: Command, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pictures").mkdir()
    for index in range(4):
        (tmp_path / "pictures" / f"{index}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes([index]))
    options = ["--calibrate", "pictures", "--out", "made"]
    assert command(models / "lenet.keras", *options) == 2
    assert ".png cannot be read" in capsys.readouterr().err


def test_a_package_made_anew_drops_what_it_no_longer_names(
    command: Command, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "notes.txt").write_text("mine")
    base = [models / "trees.ubj", "--task", "regress", "--calibrate", models / "rows.npz"]
    assert command(*base, "--out", "made", "--name", "old") == 0
    assert command(*base, "--out", "made", "--name", "new") == 0
    names = {path.name for path in (tmp_path / "made").iterdir()}
    assert names == {
        "model.toml", "new-onnx-float32.onnx", "new-xgboost-float32.json", "notes.txt",
        "report.html", "report.json",
    }  # fmt: skip
    shutil.rmtree(tmp_path / "made")
