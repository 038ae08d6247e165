"""`lintel cameras`: what there is, whether it works, and a look through it that shows no face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.camera_servers import write_clip

from lintel.edge.cameras import AttachedCamera

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    clip = write_clip(tmp_path / "clip.avi", 8)
    path = tmp_path / "lintel.toml"
    path.write_text(
        f"""
        [[cameras]]
        name = "door"
        source = "{clip}"
        replay = "fastest"

        [[cameras]]
        name = "street"
        source = "rtsp://me:hush-hush@127.0.0.1:9/live?key=hush-hush"
        """
    )
    return path


def test_the_cameras_of_the_settings_and_those_attached_are_listed(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = [
        AttachedCamera("/dev/video0", "HD Webcam"),
        AttachedCamera("/dev/video2", "", "may not be opened"),
    ]
    monkeypatch.setattr("lintel.edge.cameras.attached_cameras", lambda: attached)
    status, out, err = run("cameras", "--config", config)
    assert (status, err) == (0, "")
    assert "door: " in out
    assert "street: rtsp://127.0.0.1:9/live?..., 1280 x 720 at 15 frames a second" in out
    assert "/dev/video0: HD Webcam\n" in out
    assert "/dev/video2: may not be opened\n" in out
    assert "hush" not in out


def test_without_any_camera_the_next_step_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lintel.edge.cameras.attached_cameras", list)
    status, out, _ = run("cameras")
    assert status == 0
    assert '[[cameras]] with name = "door" makes one.' in out
    assert "Network cameras are not looked for" in out
    status, _, err = run("cameras", "--test")
    assert status == 2
    assert "--source" in err


def test_a_test_tells_size_format_and_rate_and_why_a_camera_fails(run: Run, config: Path) -> None:
    status, out, err = run("cameras", "--config", config, "--test", "--frames", "10")
    assert status == 1
    assert out.startswith("door: 160 x 120 BGR8, ")
    assert "frames a second, the first after" in out
    assert err.splitlines() == [
        "street: Nothing answers at the address. Check address, port, cable and power.",
        "1 camera failed.",
    ]


def test_single_cameras_are_tested_by_name(run: Run, config: Path) -> None:
    status, out, _ = run("cameras", "door", "--test", "--config", config)
    assert status == 0
    assert out.count("\n") == 1
    status, _, err = run("cameras", "dor", "--test", "--config", config)
    assert status == 2
    assert "there are door, street" in err


def test_a_source_is_tried_before_it_is_in_the_settings(run: Run) -> None:
    status, out, _ = run("cameras", "--source", "synthetic", "--test", "--frames", "2")
    assert status == 0
    assert "1280 x 720 BGR8, small copy 640 x 360" in out
    assert run("cameras", "door", "--source", "synthetic").status == 2
    status, _, err = run("cameras", "--source", "http://", "--test")
    assert status == 1
    assert "credentials_file, is wrong" in err


def test_a_snapshot_shows_no_face(
    run: Run, tmp_path: Path, draw_face: Callable[..., NDArray[np.uint8]]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    face = draw_face(640, 480)
    cv2.imwrite(str(pictures / "face.png"), face)
    out_folder = tmp_path / "out"
    arguments = ("cameras", "--source", pictures, "--snapshot", out_folder, "--frames", "1")
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    assert "1 face blurred." in out
    assert [path.name for path in out_folder.iterdir()] == ["source.jpg"]
    seen = cv2.imread(str(out_folder / "source.jpg"))
    assert seen is not None
    assert seen.shape == face.shape
    middle = np.s_[200:280, 260:380]
    assert np.abs(seen[middle].astype(int) - face[middle]).mean() > 8
    assert run(*arguments).status == 2
    assert run(*arguments, "--overwrite").status == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--frames", "5"), "--frames is for --test and --snapshot"),
        (("--overwrite",), "--overwrite is for a --snapshot"),
        (("--test", "--overwrite"), "--overwrite is for a --snapshot"),
    ],
)
def test_options_without_what_they_are_for_are_refused(
    run: Run, options: tuple[str, ...], message: str
) -> None:
    status, _, err = run("cameras", "--source", "synthetic", *options)
    assert status == 2
    assert message in err
