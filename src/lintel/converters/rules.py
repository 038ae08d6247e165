"""The rules of `make convert`, made of the recipes: run by path, with nothing but Python itself.

    python3 src/lintel/converters/rules.py MODELS CONVERTERS COMMAND [MODEL [VARIANT]]

prints them with `@@` for line breaks. What a recipe says goes into one small file a step, which
is written only where it changes: a new gate packs anew, and converts nothing.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# The same as lintel.converters.precision has them, which a bare Python cannot import.
VARIANTS = {
    "litert": ("float32", "float16", "dynamic", "int8", "int8-integer", "int16x8"),
    "onnx": ("float32", "float16", "dynamic", "int8"),
    "xgboost": ("float32",),
}
SUFFIXES = {"litert": "tflite", "onnx": "onnx", "xgboost": "json"}
CALIBRATED = frozenset({"int8", "int8-integer", "int16x8"})
# What of a recipe each step hangs on.
KEYS = {
    "examples": ("model", "input", "labels", "calibration", "verification", "shapes", "trust"),
    "source": ("model", "labels", "task", "shapes", "trust"),
    "convert": ("model", "shapes", "trust"),
    "verify": ("task", "metric", "gate", "seconds"),
    "pack": ("model", "package", "input", "labels", "task", "metric", "gate", "variants", "pack"),
}
# What of the converters each step hangs on.
CODE = {
    "examples": ("bench.py", "samples.py", "representative.py", "examples.py"),
    "source": ("bench.py", "conversion.py", "jobs.py", "sources/*.py"),
    "convert": ("conversion.py", "jobs.py", "sources/*.py", "targets/*.py"),
    "verify": ("bench.py", "verification.py", "measuring.py", "device.py", "metrics.py",
               "operators.py", "layers.py"),
    "pack": ("production.py", "packing.py", "report/*"),
}  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Prints the rules."""
    models, converters, command, *chosen = arguments
    model, variant = (*chosen, "", "")[:2]
    recipes = sorted(Path(models).glob(f"{model or '*'}/convert.toml"))
    if model and not recipes:
        sys.exit(f"There is no recipe {models}/{model}/convert.toml.")
    lines = []
    goals = []
    for recipe in recipes:
        rules = Rules(recipe, Path(converters), command, variant)
        lines += rules.lines
        goals += rules.goals
    goal = " ".join(goals)
    sys.stdout.write("@@".join([*lines, f"CONVERTED := {goal}"]))


class Rules:
    """The rules of one recipe.

    Attributes:
        lines: Of the makefile.
        goals: Targets to ask for.
    """

    def __init__(self, recipe: Path, converters: Path, command: str, variant: str) -> None:
        """Makes them."""
        self.tree = tomllib.loads(recipe.read_text(encoding="utf-8"))
        self.folder = recipe.parent
        self.build = recipe.parent / "build"
        self.lines: list[str] = []
        self._converters = converters
        self._step = f"$(BIN)/python -m {command} {recipe}"
        names = self._variants(variant)
        self._prepare()
        for name in names:
            self._convert(name)
        verified = [self._verify(name, names) for name in names]
        self.goals = verified
        if not variant:
            packed = f"{self.build}/packed.json"
            self._rule(packed, "pack", verified, f"pack {self.folder}/package")
            self.goals = [packed]

    def _variants(self, chosen: str) -> list[str]:
        every = [f"{form}-{precision}" for form, own in VARIANTS.items() for precision in own]
        names = list(self.tree.get("variants", every))
        if not chosen:
            return names
        picked = [name for name in names if chosen in {name, name.partition("-")[2]}]
        if not picked:
            sys.exit(f"{self.folder} makes no variant {chosen}: choose among {', '.join(names)}.")
        # What latencies are measured against.
        base = [name for name in names if name.endswith("-float32")]
        return list(dict.fromkeys([*base, *picked]))

    def _prepare(self) -> None:
        data: list[str] = []
        for key in ("calibration", "verification"):
            section = self.tree.get(key, {})
            data += self._code_beside(section.get("reader", ""))
            if section.get("path"):
                data += _files(self.folder / section["path"])
        examples = f"{self.build}/examples.json"
        self._rule(examples, "examples", [self._model(), *data], "examples")
        self._rule(f"{self.build}/source.json", "source", [self._model(), examples], "source")

    def _convert(self, name: str) -> None:
        form, _, precision = name.partition("-")
        needs = [self._model()]
        needs += [f"{self.build}/examples.json"] if precision in CALIBRATED else []
        stamp = f"{self.build}/converted/{name}.json"
        # Steps look for the examples' folder even where they need none of them.
        order = "" if precision in CALIBRATED else f" | {self.build}/examples.json"
        made = f"{self.build}/{name}.{SUFFIXES[form]} {stamp}"
        self._rule(made, "convert", needs, f"convert {name}", order)

    def _verify(self, name: str, names: Sequence[str]) -> str:
        form = name.partition("-")[0]
        needs = [f"{self.build}/{name}.{SUFFIXES[form]}", f"{self.build}/source.json"]
        needs += self._code_beside(self.tree.get("metric", {}).get("function", ""))
        base = [other for other in names if other.endswith("-float32")]
        if name in base:
            base = base[: base.index(name)]
        needs += [f"{self.build}/verified/{other}.json" for other in base]
        # Nothing is to be converted while latencies are measured.
        stamps = (f"{self.build}/converted/{other}.json" for other in names)
        target = f"{self.build}/verified/{name}.json"
        self._rule(target, "verify", needs, f"verify {name}", f" | {' '.join(stamps)}")
        return target

    def _rule(
        self, target: str, step: str, needs: Sequence[str], arguments: str, order: str = ""
    ) -> None:
        code = [str(p) for glob in CODE[step] for p in sorted(self._converters.glob(glob))]
        settings = self._settings(step)
        listed = " ".join([*needs, settings, *code])
        # One run makes all targets of a rule.
        colon = " &:" if " " in target else ":"
        self.lines += [f"{target}{colon} {listed}{order or ' |'} $(CONVERTER)"]
        self.lines += [f"\t{self._step} {arguments}"]

    def _settings(self, step: str) -> str:
        """Writes what a step hangs on of the recipe, where it has changed."""
        path = self.build / f"settings-{step}.json"
        said = {key: self.tree[key] for key in KEYS[step] if key in self.tree}
        text = json.dumps(said, indent=1, sort_keys=True, default=str) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return str(path)

    def _model(self) -> str:
        model: Any = self.folder / self.tree["model"]
        return str(model / "saved_model.pb" if model.is_dir() else model)

    def _code_beside(self, reference: str) -> list[str]:
        """Returns the file of a recipe's function: "file.py:function"."""
        name = reference.partition(":")[0]
        return [str(self.folder / name)] if name else []


def _files(path: Path) -> list[str]:
    """Returns what data consists of; names that Make cannot take are left to its folders."""
    if not path.is_dir():
        return [str(path)]
    found = [path, *(p for p in sorted(path.rglob("*")) if p.is_dir() or p.suffix)]
    return [str(p) for p in found if not set(str(p)) & set(" :#$%\t\n@")]


if __name__ == "__main__":
    main(sys.argv[1:])
