"""Recipes: folders such as models/mask, whose `network.py` knows architectures by name."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from lintel.lab.errors import LabError
from lintel.lab.training.settings import TrainingSettings, parse_settings

NETWORKS = "network.py"
FOLDER = Path("models")


class Recipe:
    """A recipe that was opened.

    Args:
        folder: Where its `network.py` is, which has ARCHITECTURES, each with `defaults`, and
            `build_network(name, size, classes, *, width, dropout, weights)`.

    Raises:
        LabError: There is no such file, or it is of a recipe with a trainer of its own.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NETWORKS
        if not path.is_file():
            raise LabError(f"{folder} is no recipe: it has no {NETWORKS}.")
        # A name of its own: every recipe has a network.py.
        name = f"lintel_recipe_{folder.resolve().name}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise LabError(f"{path} is no Python file.")
        module = importlib.util.module_from_spec(spec)
        # Its dataclasses look themselves up.
        sys.modules[name] = module
        spec.loader.exec_module(module)
        if not hasattr(module, "ARCHITECTURES"):
            raise LabError(
                f"{folder} has a trainer of its own, and no ARCHITECTURES for this one: see its"
                " train.py."
            )
        self.folder = folder
        self._module: Any = module

    @property
    def architectures(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._module.ARCHITECTURES)

    def settings(self, given: dict[str, Any]) -> TrainingSettings:
        """Returns the settings of a training.

        Args:
            given: Settings by name; what is not given is as suits the architecture.

        Raises:
            LabError: There is no such architecture or setting (the message has the nearest), or
                one is wrong.
        """
        name = given.get("arch", TrainingSettings().arch)
        if name not in self._module.ARCHITECTURES:
            nearest = difflib.get_close_matches(str(name), self.architectures, n=1, cutoff=0.4)
            hint = f" Did you mean {nearest[0]}?" if nearest else ""
            known = ", ".join(self.architectures)
            raise LabError(f"There is no architecture {name}.{hint} There are: {known}.")
        return parse_settings({**self._module.ARCHITECTURES[name].defaults, **given})

    def build(self, settings: TrainingSettings, classes: int, weights: Path | None = None) -> Any:
        """Builds a network.

        Args:
            settings: Of the training.
            classes: How many logits it is to give.
            weights: A file of weights for its backbone.

        Returns:
            A Keras model.

        Raises:
            LabError: The weights cannot be had, or are not of this network.
        """
        if weights is not None and not weights.is_file():
            raise LabError(f"{weights}: there is no such file of weights.")
        try:
            return self._module.build_network(
                settings.arch,
                settings.size,
                classes,
                width=settings.width,
                dropout=settings.dropout,
                weights=weights,
            )
        except (ValueError, OSError) as error:
            raise LabError(f"{settings.arch} cannot be built: {error}") from error


def open_recipe(name: str) -> Recipe:
    """Opens a recipe.

    Args:
        name: Of a folder in `models` here, or the path of a recipe's folder.

    Raises:
        LabError: There is none.
    """
    place = Path(name)
    # Where someone installed the repository itself, its recipes are known from anywhere.
    installed = Path(__file__).resolve().parents[4] / FOLDER
    for folder in (place, FOLDER / name, installed / name):
        if (folder / NETWORKS).is_file():
            return Recipe(folder)
    raise LabError(
        f"There is no recipe {name}: name a folder of {FOLDER}/ or the path of a folder with"
        f" {NETWORKS}."
    )
