"""How far deliveries have got."""

from __future__ import annotations

from pathlib import Path

import pytest

from lintel.edge.notify.positions import Position


def test_what_is_new_begins_with_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "mqtt.json"
    first = Position(path, 17)
    assert first.after == 17
    first.save()
    again = Position(path, 20)
    assert (again.log, again.after) == (first.log, 17)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_begins_anew_is_another(tmp_path: Path) -> None:
    path = tmp_path / "mqtt.json"
    first = Position(path, 17)
    first.save()
    anew = Position(path, 3)
    assert anew.after == 3
    assert anew.log != first.log


@pytest.mark.parametrize("content", [b"", b"{", b'{"log": 1}', b"\0" * 40])
def test_what_is_damaged_begins_with_the_oldest(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mqtt.json"
    path.write_bytes(content)
    position = Position(path, 17)
    assert position.after == 0
    position.after = 5
    position.save()
    assert Position(path, 17).after == 5


def test_what_cannot_be_written_is_kept_in_memory_and_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "folder"
    blocked.write_text("not a folder")
    position = Position(blocked / "mqtt.json", 0)
    position.after = 5
    position.save()
    assert "How far events were delivered is not saved" in caplog.text
    blocked.unlink()
    position.save()
    assert Position(blocked / "mqtt.json", 9).after == 5


def test_without_a_file_nothing_is_kept() -> None:
    position = Position(None, 3)
    position.after = 5
    position.save()
    assert Position(None, 3).after == 3
