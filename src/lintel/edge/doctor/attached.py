"""Tries the cameras and the models."""

from __future__ import annotations

from lintel.edge.config import Settings
from lintel.edge.doctor.findings import Findings, Outcome
from lintel.edge.errors import LintelError, SettingsInvalidError


def look_at_cameras(settings: Settings) -> Findings:
    """Tries the cameras of the settings, and looks which others are attached."""
    from lintel.edge.cameras import attached_cameras, probe  # noqa: PLC0415

    for camera in settings.cameras:
        result = probe(camera, 1)
        if result.frame is None:
            sentence = result.fault.sentence if result.fault else "It gave no frame."
            hint = result.fault.hint if result.fault else "Try it: lintel cameras --test."
            yield Outcome.WARNING, f"{camera.name}: {sentence}", hint
        else:
            pixels = result.frame.pixels
            size = f"{pixels.width} x {pixels.height} {pixels.pixel_format.upper()}"
            yield Outcome.OK, f"{camera.name} gives frames of {size}."
    attached = attached_cameras()
    if not attached and not settings.cameras:
        yield Outcome.NOTE, "None is attached; pictures can be sent all the same."
    for found in attached:
        if not found.problem:
            yield Outcome.OK, f"{found.source} can be opened{found.model and f' ({found.model})'}."
            continue
        hint = "Plug it in anew."
        if found.problem == "may not be opened":
            hint = "Add your user to the group video, and log in anew: usermod -aG video USER"
        yield Outcome.WARNING, f"{found.source} {found.problem}.", hint


def look_at_models(settings: Settings) -> Findings:
    """Loads every model, digests checked, and runs it once."""
    from lintel.edge.runtime import Runtime  # noqa: PLC0415

    hint = "Install the package anew, or name another in faces.model or masks.model."
    mend = "Mend the settings."
    try:
        runtime = Runtime(settings, 1)
    except SettingsInvalidError as error:
        yield Outcome.FAILURE, str(error), mend
        return
    except LintelError as error:
        yield Outcome.FAILURE, f"The face model {settings.faces.model}: {error.message}", hint
        return
    try:
        runtime.warm_up()
    except LintelError as error:
        yield Outcome.FAILURE, f"The face model {settings.faces.model}: {error.message}", hint
    for name, model in runtime.models.items():
        version = model.package.manifest.version
        yield Outcome.OK, f"{name} {version} runs on {model.backend} ({model.variant.name})."
    for name, problem in runtime.broken.items():
        where = f" ({problem.field})" if problem.field else ""
        is_setting = isinstance(problem, SettingsInvalidError)
        message = f"{name} is not used: {problem.message}{where}"
        yield Outcome.FAILURE, message, mend if is_setting else hint
    wanted = settings.masks.model
    if wanted and not runtime.judges_masks and wanted not in runtime.broken:
        message = f"There is no mask model {wanted}: masks are not judged."
        yield Outcome.WARNING, message, 'Install it, or name another in masks.model ("" for none).'
    runtime.close()
