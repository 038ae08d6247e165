"""Variants that passed into a model package that the device loads."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from lintel.converters.errors import ConversionError
from lintel.converters.files import digest, write_whole
from lintel.converters.precision import Precision
from lintel.converters.recipe import Recipe
from lintel.converters.verification import Reference, Verification
from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages import MAXIMUM_FILE_BYTES, Package, load_package, parse_manifest

MANIFEST = "model.toml"
_DEFAULTS = {"version": "1.0.0", "task": "tensor", "licence": "Not stated"}
_MOST_VARIANTS = 16


def packable(ordered: Sequence[Verification]) -> list[Verification]:
    """Leaves out what a device would not load: it has a limit for the size of files."""
    fits = (one for one in ordered if one.conversion.size_bytes <= MAXIMUM_FILE_BYTES)
    return list(fits)[:_MOST_VARIANTS]


def check_target(folder: Path, data: Sequence[Path]) -> None:
    """Checks that a package can be put into a folder, before the work is begun.

    Args:
        folder: Of the package; what else is in it stays.
        data: What is read: a package is not put among it.

    Raises:
        ConversionError: It is a file, or it is where the data are.
    """
    if folder.exists() and not folder.is_dir():
        raise ConversionError(f"{folder} is a file: a package is a folder of its own.")
    for source in data:
        if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
            raise ConversionError(
                f"{folder} is where the data are: a package is a folder of its own."
            )


def pack(
    recipe: Recipe,
    ordered: Sequence[Verification],
    reference: Reference,
    classes: Sequence[str],
    folder: Path,
) -> Package:
    """Writes a model package.

    Model files come first and the manifest last: killed at any moment, what is there is the old
    package or the new one. Files that only the old one named are removed.

    Args:
        recipe: What the manifest says besides the variants.
        ordered: The variants, best first.
        reference: What they were verified with.
        classes: Names of the classes.
        folder: The package.

    Returns:
        The package, as the device loads it.

    Raises:
        ConversionError: The recipe breaks a rule of manifests, or the folder cannot be written.
    """
    manifest = _manifest(recipe, ordered, reference, classes)
    data = tomli_w.dumps(manifest).encode()
    try:
        parse_manifest(data)
    except PackageInvalidError as error:
        raise ConversionError(
            f"The package would break a rule at {error.field}: {error.message}"
        ) from error
    stale = _files_of(folder / MANIFEST)
    for one, variant in zip(ordered, manifest["variant"], strict=True):
        write_whole(folder / variant["file"], one.conversion.file.read_bytes())
    write_whole(folder / MANIFEST, data)
    for name in stale - {variant["file"] for variant in manifest["variant"]}:
        (folder / name).unlink(missing_ok=True)
    package = load_package(folder)
    for made in package.manifest.variants:
        package.variant_bytes(made)
    return package


def package_name(recipe: Recipe) -> str:
    """Returns the name of the package: the recipe's, or one made of the model's file name."""
    given = recipe.package.get("name")
    return str(given) if given else plain_name(Path(recipe.model).stem)


def plain_name(text: str) -> str:
    """Makes a name of what a manifest allows in one."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:64] or "model"


def _manifest(
    recipe: Recipe,
    ordered: Sequence[Verification],
    reference: Reference,
    classes: Sequence[str],
) -> dict[str, Any]:
    name = package_name(recipe)
    made: dict[str, Any] = {**_DEFAULTS, **recipe.package, "name": name}
    if recipe.input is not None:
        made["input"] = {
            key: value
            for key, value in msgspec.to_builtins(recipe.input).items()
            if value is not None
        }
    if classes and "output" not in made:
        made["output"] = {"decoder": "none", "labels": list(classes)}
    metric = plain_name(reference.metric.name)
    made["variant"] = [
        {
            "name": one.name,
            "backend": one.conversion.format,
            "file": f"{name}-{one.name}{one.conversion.file.suffix}",
            "sha256": digest(one.conversion.file),
            "precision": str(one.conversion.precision).removesuffix("-integer"),
            "metrics": {metric: round(one.metric or 0.0, 6), "kept": round(one.kept, 6)},
        }
        for one in ordered
    ]
    return made


def _files_of(manifest: Path) -> set[str]:
    """Returns the files that an old manifest names; none where there is none that can be read."""
    try:
        variants = tomllib.loads(manifest.read_text(encoding="utf-8"))["variant"]
        names = {str(variant["file"]) for variant in variants}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if name == Path(name).name and ":" not in name}


def integer_only(verifications: Sequence[Verification]) -> list[Verification]:
    """Returns those that passed and are not packed, as they take integers."""
    return [
        one
        for one in verifications
        if one.passed and one.conversion.precision is Precision.INT8_INTEGER
    ]
