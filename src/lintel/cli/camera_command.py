"""The command `lintel cameras`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lintel.cli.engines import BlurChoices, Engine
from lintel.cli.files import FileFailedError, refuse_existing, whole_file
from lintel.cli.names import counted, shown
from lintel.cli.options import config_option, load_settings, on_command_line, overwrite_option
from lintel.terminal import FAILED

if TYPE_CHECKING:
    from lintel.edge.cameras import Frame, Probe
    from lintel.edge.config import Settings
    from lintel.edge.config.cameras import Camera

# Of the picture between camera and blur: better than what is written, so as not to show in it.
_QUALITY_BETWEEN = 95


@click.command(
    epilog="""\b
Examples:
  lintel cameras
  lintel cameras --test
  lintel cameras door --snapshot pictures
  lintel cameras --source rtsp://192.168.1.20/live --test"""
)
@click.argument("names", nargs=-1, metavar="[NAMES]...")
@click.option(
    "--source",
    metavar="SOURCE",
    help='Look at this instead of the settings: "auto", "picamera", "jetson", /dev/video0,'
    " rtsp://..., http://..., gstreamer:..., synthetic, a clip or a folder.",
)
@click.option(
    "--test", "is_test", is_flag=True, help="Open the cameras and read frames; none is kept."
)
@click.option(
    "--frames",
    type=click.IntRange(1, 100_000),
    default=30,
    show_default=True,
    help="How many frames --test and --snapshot read from each.",
)
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Test, and write the last frame of each as NAME.jpg, its faces blurred.",
)
@overwrite_option
@config_option
def cameras(
    names: tuple[str, ...],
    source: str | None,
    is_test: bool,
    frames: int,
    snapshot: Path | None,
    overwrite: bool,
    config: Path | None,
) -> None:
    """Lists the cameras of the settings and those that are attached, and tests them.

    NAMES are those of the settings; without any, all are tested.
    """
    if overwrite and snapshot is None:
        raise click.UsageError("--overwrite is for a --snapshot: nothing else writes files.")
    if on_command_line("frames") and not is_test and snapshot is None:
        raise click.UsageError("--frames is for --test and --snapshot: give one of them, too.")
    settings = load_settings(config)
    chosen = _choose(settings, names, source)
    if not is_test and snapshot is None:
        _list(chosen)
        return
    if not chosen:
        raise click.UsageError("No camera is in the settings: give one with --source.")
    if snapshot is None:
        failed = [camera.name for camera in chosen if not _test(camera, frames)]
    else:
        failed = _take_snapshots(settings, chosen, frames, snapshot, overwrite=overwrite)
    if failed:
        click.echo(f"{counted(len(failed), 'camera')} failed.", err=True)
        raise click.exceptions.Exit(FAILED)


def _choose(settings: Settings, names: tuple[str, ...], source: str | None) -> tuple[Camera, ...]:
    if source is not None:
        if names:
            raise click.UsageError("NAMES and --source contradict each other: give one of them.")
        from lintel.edge.config import parse  # noqa: PLC0415 - not for --help

        return parse({"cameras": [{"name": "source", "source": source}]}).cameras
    known = {camera.name: camera for camera in settings.cameras}
    for name in names:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            raise click.UsageError(f"No camera of the settings is called {shown(name)}: {there}.")
    return tuple(known[name] for name in names or known)


def _list(chosen: tuple[Camera, ...]) -> None:
    from lintel.edge.cameras import attached_cameras, without_credentials  # noqa: PLC0415

    click.echo("In the settings:")
    for camera in chosen:
        asked = f"{camera.width} x {camera.height} at {camera.frame_rate_hz:g} frames a second"
        click.echo(f"  {camera.name}: {shown(without_credentials(camera.source))}, {asked}")
    if not chosen:
        click.echo('  none. [[cameras]] with name = "door" makes one.')
    click.echo("Attached:")
    attached = attached_cameras()
    for found in attached:
        about = ", ".join(shown(text) for text in (found.model, found.problem) if text)
        click.echo(f"  {found.source}{about and f': {about}'}")
    if not attached:
        click.echo("  none. Network cameras are not looked for: name them as source.")


def _test(camera: Camera, frames: int) -> Probe | None:
    """Tries a camera and tells what came of it; None: it failed."""
    from lintel.edge.cameras import probe  # noqa: PLC0415 - takes a while, not for --help

    result = probe(camera, frames)
    if result.frame is None or result.fault is not None:
        if result.count:
            click.echo(f"{camera.name}: after {counted(result.count, 'frame')}:", err=True)
        sentence = result.fault.sentence if result.fault else "It gave no frame."
        hint = result.fault.hint if result.fault else ""
        click.echo(f"{camera.name}: {sentence} {hint}".rstrip(), err=True)
        return None
    click.echo(
        f"{camera.name}: {_described(result.frame)}, {result.frame_rate_hz:.1f} frames a second,"
        f" the first after {result.first_after_s:.1f} s, from {shown(result.description)}"
    )
    return result


def _described(frame: Frame) -> str:
    pixels, small = frame.pixels, frame.small
    text = f"{pixels.width} x {pixels.height} {pixels.pixel_format.upper()}"
    return f"{text}, small copy {small.width} x {small.height}" if small else text


def _take_snapshots(
    settings: Settings, chosen: tuple[Camera, ...], frames: int, folder: Path, *, overwrite: bool
) -> list[str]:
    """Writes a blurred frame of each camera; returns the names of those that failed."""
    from lintel.cli.local_engine import LocalEngine  # noqa: PLC0415
    from lintel.edge.errors import LintelError  # noqa: PLC0415

    failed = []
    targets = {camera.name: folder / f"{camera.name}.jpg" for camera in chosen}
    for target in targets.values():
        refuse_existing(target, overwrite=overwrite)
    with LocalEngine(settings) as engine:
        for camera in chosen:
            result = _test(camera, frames)
            if result is None or result.frame is None:
                failed.append(camera.name)
                continue
            try:
                _write(engine, result.frame, targets[camera.name], overwrite=overwrite)
            except (LintelError, FileFailedError) as error:
                click.echo(f"{camera.name}: {error}", err=True)
                failed.append(camera.name)
    return failed


def _write(engine: Engine, frame: Frame, target: Path, *, overwrite: bool) -> None:
    import numpy as np  # noqa: PLC0415

    from lintel.edge.images import ImageFormat, encode  # noqa: PLC0415

    pixels = frame.pixels.to_picture().pixels.astype(np.uint8, copy=False)
    blurred = engine.blur(encode(pixels, ImageFormat.JPEG, _QUALITY_BETWEEN), BlurChoices())
    with whole_file(target, overwrite=overwrite) as file:
        file.write(blurred.data)
    click.echo(f"{shown(str(target))}: {counted(blurred.faces, 'face')} blurred.")
