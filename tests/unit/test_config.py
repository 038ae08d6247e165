"""The settings: typed, bounded, refused where unknown, overridden by the environment."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintel.edge.config import Settings, load, parse, render
from lintel.edge.errors import SettingsInvalidError

TOKEN = {"name": "door", "sha256": "0" * 64, "roles": ["infer", "monitor"]}


def test_without_a_file_the_defaults_hold() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert settings.server.listen == ("127.0.0.1:50051",)
    assert settings.images.max_bytes == 16 * 1024 * 1024
    assert settings.images.max_pixels == 40_000_000


def test_a_file_is_read_and_the_environment_overrides_it(tmp_path: Path) -> None:
    path = tmp_path / "lintel.toml"
    path.write_text('[server]\nworkers = 3\nlisten = ["127.0.0.1:1"]\n[log]\nlevel = "error"\n')
    environment = {
        "LINTEL_SERVER__WORKERS": "4",
        "LINTEL_LOG__LEVEL": "debug",
        "LINTEL_SERVER__INSECURE": "true",
        "LINTEL_MODELS__OVERRIDE__FACE-HAAR__THREADS": "2",
        "LINTEL_DATA": "somewhere",
        "HOME": "/home",
    }
    settings = load(path, environment)
    assert settings.server.workers == 4
    assert settings.server.listen == ("127.0.0.1:1",)
    assert settings.server.insecure is True
    assert settings.log.level == "debug"
    assert settings.models.for_model("face-haar").threads == 2
    assert settings.models.for_model("other").threads == 1


@pytest.mark.parametrize(
    ("tree", "field", "message"),
    [
        ({"server": {"worker": 1}}, "server.worker", "Did you mean server.workers?"),
        ({"serve": {}}, "serve", "Did you mean server?"),
        ({"zzz": {}}, "zzz", "There is no setting zzz."),
        ({"server": {"workers": -1}}, "server.workers", ">= 0"),
        ({"server": {"workers": "two"}}, "server.workers", "int"),
        ({"server": 3}, "server", "object"),
        ({"blur": {"method": "smear"}}, "blur.method", "gaussian"),
        ({"faces": {"min_score": 1.5}}, "faces.min_score", "<= 1"),
        ({"models": {"override": {"a": {"thread": 1}}}}, "models.override.a.thread", "threads"),
        (
            {"models": {"override": {"face-haar": {"pool_size": -1}}}},
            "models.override.face-haar.pool_size",
            "setting models.override.face-haar.pool_size is wrong",
        ),
        ({"models": {"override": {"a": 1}}}, "models.override.a", "object"),
        ({"server": {"tokens": [{**TOKEN, "sha256": "x"}]}}, "server.tokens[0].sha256", ""),
        ({"server": {"tokens": [{**TOKEN, "role": []}]}}, "server.tokens[0].role", "roles"),
    ],
)
def test_what_is_wrong_is_named(tree: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        parse(tree)
    assert caught.value.field == field
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[server", "not valid TOML"), (b"\xff\xfe", "not valid TOML"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "lintel.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsInvalidError, match=message) as caught:
        load(path, {})
    assert str(path) in caught.value.message


def test_an_override_of_what_is_no_table_is_named() -> None:
    with pytest.raises(SettingsInvalidError, match="LINTEL_SERVER__WORKERS__X"):
        load(None, {"LINTEL_SERVER__WORKERS": "1", "LINTEL_SERVER__WORKERS__X": "1"})


@given(
    workers=st.integers(0, 256),
    listen=st.lists(st.text(min_size=1), min_size=1, max_size=3),
    name=st.text(min_size=1),
    model=st.text(min_size=1),
    margin=st.floats(0, 2),
    min_score=st.none() | st.floats(0, 1),
)
def test_what_is_rendered_reads_back_to_the_same_settings(
    workers: int, listen: list[str], name: str, model: str, margin: float, min_score: float | None
) -> None:
    tree: dict[str, object] = {
        "server": {"workers": workers, "listen": listen, "tokens": [{**TOKEN, "name": name}]},
        "models": {"override": {model: {"threads": 2}}},
        "blur": {"margin": margin},
        "faces": {} if min_score is None else {"min_score": min_score},
    }
    settings = parse(tree)
    assert parse(tomllib.loads(render(settings))) == settings


def test_tables_can_be_added_to_what_is_rendered() -> None:
    added = '[[cameras]]\nname = "door"\nsource = "v4l2"\n[[server.tokens]]\nname = "a"\n'
    added += f'sha256 = "{"0" * 64}"\nroles = ["infer"]\n'
    settings = parse(tomllib.loads(render(Settings()) + added))
    assert [camera.name for camera in settings.cameras] == ["door"]
    assert [token.name for token in settings.server.tokens] == ["a"]


def test_cameras_are_written_as_tables_and_read_back() -> None:
    cameras = [
        {"name": "door", "source": 'a "quoted" clip.avi', "rotation": 90, "loop": False},
        {"name": "till", "source": "synthetic", "stall_timeout_s": 0.5},
    ]
    settings = parse({"cameras": cameras, "server": {"tokens": [TOKEN]}})
    text = render(settings)
    assert text.count("[[cameras]]") == 2
    assert "[[server.tokens]]" in text
    assert parse(tomllib.loads(text)) == settings


@pytest.mark.parametrize(
    ("camera", "field", "message"),
    [
        ({"name": "Front Door"}, "cameras[0].name", "regex"),
        ({"name": "door", "sorce": "auto"}, "cameras[0].sorce", "source"),
        ({"name": "door", "rotation": 45}, "cameras[0].rotation", "45"),
        ({"name": "door", "replay": "slow"}, "cameras[0].replay", '"real-time", "fastest"'),
        ({"name": "door", "stall_timeout_s": 0}, "cameras[0].stall_timeout_s", "> 0"),
        ({"source": "auto"}, "cameras[0].name", "required"),
    ],
)
def test_what_is_wrong_with_a_camera_is_named(
    camera: dict[str, object], field: str, message: str
) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        parse({"cameras": [camera]})
    assert caught.value.field == field
    assert message in caught.value.message


def test_two_cameras_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsInvalidError, match="same name") as caught:
        parse({"cameras": [{"name": "door"}, {"name": "till"}, {"name": "door"}]})
    assert caught.value.field == "cameras[2].name"
