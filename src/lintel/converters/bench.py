"""The steps from a trained model to a package; each leaves files that the next ones take.

Make runs them one by one, `lintel-convert` all in a row.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lintel.converters import plugins, records, representative
from lintel.converters.conversion import Conversion, SourceModel
from lintel.converters.errors import ConversionError
from lintel.converters.examples import Tensor, load_outputs, save_examples, save_outputs
from lintel.converters.files import write_whole
from lintel.converters.metrics import (
    Metric,
    accuracy,
    agreement,
    class_numbers,
    mean_absolute_error,
)
from lintel.converters.precision import SUFFIX_OF_FORMAT, Precision
from lintel.converters.recipe import Data, Recipe, parse_variant
from lintel.converters.samples import Sample, Samples, read_samples, split_samples
from lintel.converters.verification import Reference, Verification, baseline_of, verify
from lintel.converters.workshop import Workshop

EXAMPLES = "examples.json"
SOURCE = "source.json"
_QUICK_SECONDS = 0.02


@dataclass(frozen=True)
class Examples:
    """What the first step made.

    Attributes:
        calibration: Folder of examples to calibrate with.
        verification: Folder of examples to verify with.
        calibration_labels: (examples,) or None.
        verification_labels: (examples,) or None.
        classes: Names of the classes.
        notes: What is wrong with them, in sentences.
    """

    calibration: Path
    verification: Path
    calibration_labels: Tensor | None
    verification_labels: Tensor | None
    classes: tuple[str, ...]
    notes: tuple[str, ...]


class Bench:
    """A recipe, and the folder where its steps leave what they make."""

    def __init__(
        self, recipe: Recipe, base: Path, build: Path, workshop: Workshop | None = None
    ) -> None:
        """Sets out.

        Args:
            recipe: What to make.
            base: Folder that the recipe's paths are relative to.
            build: Where the steps leave what they make.
            workshop: Where heavy work is done; None: one that the process shares.
        """
        self.recipe = recipe
        self.base = base
        self.build = build
        self.source = SourceModel(base / recipe.model, recipe.trust, recipe.shapes, workshop)

    def make_examples(self) -> None:
        """Writes the examples to calibrate and to verify with.

        Raises:
            ConversionError: There are none, or they are not as the model takes them.
        """
        recipe = self.recipe
        if recipe.calibration is None:
            raise ConversionError(
                "There is no data to calibrate and to verify with: give --calibrate with a folder"
                " of pictures or a .npz file."
            )
        samples = self._samples(recipe.calibration, "calibration")
        if recipe.verification is None:
            most = recipe.calibration.count
            chosen, held = split_samples(samples, most, 5 * most)
        else:
            # Else a class that one of the folders lacks would shift the numbers of the others.
            others = self._samples(recipe.verification, "verification", samples.classes)
            samples = replace(samples, classes=samples.classes or others.classes)
            chosen = list(samples.found[: recipe.calibration.count])
            used = {sample.key for sample in chosen}
            held = [sample for sample in others.found if sample.key not in used]
            held = held[: recipe.verification.count]
        try:
            self._keep_examples(samples, chosen, held)
        finally:
            for spool in self.build.glob("spool-*"):
                shutil.rmtree(spool)

    def _keep_examples(
        self, samples: Samples, chosen: Sequence[Sample], held: Sequence[Sample]
    ) -> None:
        if not chosen or not held:
            raise ConversionError(
                "All examples to verify with are calibrated with too: give others to --verify."
            )
        calibration, verification = self.build / "calibration", self.build / "verification"
        (self.build / EXAMPLES).unlink(missing_ok=True)
        for folder, group in ((calibration, chosen), (verification, held)):
            shutil.rmtree(folder, ignore_errors=True)
            save_examples((sample.load() for sample in group), folder)
        labels = {"calibration": self._labels(chosen), "verification": self._labels(held)}
        notes = representative.shortcomings(
            calibration, verification, labels["calibration"], samples.classes
        )
        if samples.duplicates:
            notes.append(f"{samples.duplicates} examples are copies of others: they count once.")
        known = {name: value for name, value in labels.items() if value is not None}
        save_outputs(known, self.build / "labels.npz")
        self._check_feeds(calibration)
        told = {
            "classes": list(samples.classes),
            "notes": notes,
            "keys": [[sample.key for sample in group] for group in (chosen, held)],
        }
        _write_json(self.build / EXAMPLES, told)

    def run_source(self) -> None:
        """Runs the source model on the examples, and writes what it gives.

        Raises:
            ConversionError: It cannot be run, gives what is no number, or has another count of
                classes than of labels.
        """
        for name, folder in (
            ("calibration", self.examples.calibration),
            ("verification", self.examples.verification),
        ):
            outputs = self.source.run(folder)
            _check_finite(outputs, name)
            save_outputs(outputs, self.build / f"source-{name}.npz")
        self._check_labels(outputs)
        _write_json(self.build / SOURCE, {name: value.shape for name, value in outputs.items()})

    def convert(self, name: str) -> Conversion:
        """Writes one variant.

        Args:
            name: Such as "litert-int8".

        Raises:
            ConversionError: It cannot be made.
        """
        form, precision = parse_variant(name)
        calibration = self.examples.calibration if precision.needs_calibration else None
        made = self.source.convert(
            self.file_of(name), precision, calibration, scratch=self._scratch(form)
        )
        # Make is to see that the step was done, though it gave the same bytes as before.
        made.file.touch()
        records.write_conversion(made, self._record(name, "converted"))
        return made

    def verify(self, name: str) -> list[Verification]:
        """Compares a variant with the source; one of int8 that fails is mended.

        Args:
            name: Such as "litert-int8"; it was converted, and so was the float32 variant of its
                format, and verified.

        Returns:
            What was found of it, and of the mended one.
        """
        form, precision = parse_variant(name)
        conversion = records.read_conversion(self._record(name, "converted"))
        floats = [
            records.read_verification(path)
            for path in (self._record(f"{f}-float32", "verified") for f in SUFFIX_OF_FORMAT)
            if path.exists() and path != self._record(name, "verified")
        ]
        baseline = baseline_of(form, precision, floats)
        found = [self._with_layers(verify(name, conversion, self.reference, baseline))]
        if not found[0].passed and precision is Precision.INT8 and found[0].layers:
            mended = self._mend(found[0], baseline)
            if mended is not None:
                found.append(mended)
        for one in found:
            records.write_verification(one, self._record(one.name, "verified"))
        return found

    def verifications(self) -> list[Verification]:
        """Returns what was found of every variant of the recipe, mended ones after their own."""
        found = []
        for name in self.recipe.variants:
            for path in (self._record(name, "verified"), self._record(f"{name}-mixed", "verified")):
                if path.exists():
                    found.append(records.read_verification(path))
        return found

    def file_of(self, name: str) -> Path:
        """Returns where a variant is."""
        form, _ = parse_variant(name.removesuffix("-mixed"))
        return self.build / f"{name}{SUFFIX_OF_FORMAT[form]}"

    @cached_property
    def examples(self) -> Examples:
        """What `make_examples` made."""
        told = json.loads((self.build / EXAMPLES).read_text())
        labels = load_outputs(self.build / "labels.npz")
        return Examples(
            self.build / "calibration",
            self.build / "verification",
            labels.get("calibration"),
            labels.get("verification"),
            tuple(told["classes"]),
            tuple(told["notes"]),
        )

    @cached_property
    def reference(self) -> Reference:
        """What variants are compared with: examples that they were not calibrated with."""
        outputs = load_outputs(self.build / "source-verification.npz")
        return Reference(
            self.examples.verification,
            outputs,
            self._metric(outputs, self.examples.verification_labels),
            self.recipe.task == "classify",
            self.recipe.gate,
            self.recipe.seconds,
        )

    def _agreement_on_calibration(self) -> Reference:
        """Returns what variants are tried on.

        A recipe's metric may know only the examples that are held back.
        """
        outputs = load_outputs(self.build / "source-calibration.npz")
        is_classifier = self.recipe.task == "classify"
        metric = agreement(outputs, is_classifier=is_classifier)
        folder = self.examples.calibration
        return Reference(folder, outputs, metric, is_classifier, self.recipe.gate, _QUICK_SECONDS)

    def _metric(self, outputs: dict[str, Tensor], labels: Tensor | None) -> Metric:
        chosen = self.recipe.metric
        if chosen is not None:
            function = plugins.load_function(chosen.function, self.base)
            return Metric(
                chosen.name, lambda given: float(function(given, labels)), chosen.higher_is_better
            )
        if labels is not None and self.recipe.task == "classify":
            return accuracy(labels)
        if labels is not None and self.recipe.task == "regress":
            return mean_absolute_error(labels)
        return agreement(outputs, is_classifier=self.recipe.task == "classify")

    def _with_layers(self, found: Verification) -> Verification:
        if found.conversion.precision is not Precision.INT8 or found.measured is None:
            return found
        form, calibration = found.conversion.format, self.examples.calibration
        try:
            layers = self.source.layer_errors(form, calibration, self._scratch(form))
        except ConversionError as error:
            return found.replace(problem=f"{found.problem} {error}".strip())
        return found.replace(layers=tuple(layers))

    def _mend(self, failed: Verification, baseline: Verification | None) -> Verification | None:
        """Leaves more and more of the worst layers in float until the gate is passed.

        Calibration data tells when that is so; what was held back has the last word.
        """
        quick = self._agreement_on_calibration()
        name, form = f"{failed.name}-mixed", failed.conversion.format
        nearest: tuple[float, Sequence[str]] | None = None
        for layers in _worst(failed):
            made = self._convert_mixed(name, form, layers)
            kept = verify(name, made, quick, baseline).kept
            if nearest is None or kept > nearest[0]:
                nearest = (kept, layers)
            if kept >= self.recipe.gate:
                found = verify(name, made, self.reference, baseline)
                if found.passed:
                    return found
        if nearest is None:
            return None
        # As near as it gets: what was held back has the last word on that too.
        made = self._convert_mixed(name, form, nearest[1])
        return verify(name, made, self.reference, baseline)

    def _convert_mixed(self, name: str, form: str, layers: Sequence[str]) -> Conversion:
        return self.source.convert(
            self.file_of(name),
            Precision.INT8,
            self.examples.calibration,
            layers,
            self._scratch(form),
        )

    def _scratch(self, form: str) -> Path | None:
        """Returns a folder where the ranges of ONNX are measured once for all conversions."""
        if form != "onnx":
            return None
        folder = self.source.work.scratch / f"ranges-{self.build.name}"
        folder.mkdir(exist_ok=True)
        return folder

    def _record(self, name: str, kind: str) -> Path:
        return self.build / kind / f"{name}.json"

    def _samples(self, data: Data, purpose: str, classes: Sequence[str] = ()) -> Samples:
        recipe = self.recipe
        reader: Callable[[], Any] | None = None
        if data.reader:
            reader = plugins.load_function(data.reader, self.base)
        spool = self.build / f"spool-{purpose}"
        labels = recipe.labels or classes
        return read_samples(
            self.base / data.path,
            recipe.input,
            reader,
            labels,
            spool,
            is_classified=recipe.task == "classify",
        )

    def _labels(self, samples: Sequence[Sample]) -> Tensor | None:
        """Returns the labels of examples, where all have one; those of classes are numbers."""
        labels = [sample.label for sample in samples]
        if any(label is None for label in labels):
            return None
        # A recipe's own metric may take labels of its own kind.
        if self.recipe.task == "classify" and self.recipe.metric is None:
            return class_numbers(np.asarray(labels))
        return np.asarray(labels)

    def _check_feeds(self, folder: Path) -> None:
        """Refuses examples of another shape than the model's input."""
        inputs, _ = self.source.describe()
        with np.load(next(iter(sorted(folder.glob("*.npz"))))) as file:
            shapes = {name: file[name].shape for name in file.files}
        only = len(inputs) == len(shapes) == 1
        for description in inputs:
            shape = next(iter(shapes.values())) if only else shapes.get(description.name)
            if shape is None:
                raise ConversionError(
                    f"The examples have no input {description.name}: name the arrays as the model"
                    f" does ({', '.join(d.name for d in inputs)})."
                )
            wanted = description.shape[-len(shape) :] if shape else description.shape
            own = shape if len(shape) == len(description.shape) else (1, *shape)
            fits = len(own) == len(description.shape) and all(
                length is None or length == given
                for length, given in zip(description.shape, own, strict=True)
            )
            if not fits:
                raise ConversionError(
                    f"An example of {description.name} has the shape {tuple(shape)}; the model"
                    f" takes {wanted}: prepare the data so."
                )

    def _check_labels(self, outputs: dict[str, Tensor]) -> None:
        if self.recipe.task != "classify":
            return
        scores = next(iter(outputs.values()))
        count = max(2, int(np.prod(scores.shape[1:])))
        classes = self.recipe.labels or self.examples.classes
        if classes and len(classes) != count:
            raise ConversionError(
                f"The model tells {count} classes apart, and there are"
                f" {len(classes)} labels ({', '.join(classes[:6])}): give --labels with one for"
                " each, in the model's order."
            )
        if self.recipe.metric is None:
            for labels in (self.examples.calibration_labels, self.examples.verification_labels):
                _check_range(labels, count)


def _check_finite(outputs: dict[str, Tensor], purpose: str) -> None:
    """Refuses a source that says nothing: what it gives is what variants are to keep."""
    for name, value in outputs.items():
        if value.dtype.kind != "f" or np.isfinite(value).all():
            continue
        first = int(np.argmax(~np.isfinite(value.reshape(len(value), -1)).all(axis=1)))
        raise ConversionError(
            f"The model's own output {name} is no finite number for example {first} of the"
            f" {purpose} data: look for NaN in the data, or mend the model."
        )


def _check_range(labels: Tensor | None, count: int) -> None:
    if labels is None or (labels.min() >= 0 and labels.max() < count):
        return
    wrong = labels[(labels < 0) | (labels >= count)]
    raise ConversionError(
        f"The label {wrong[0]} is of no class: the model tells {count} classes apart, 0 to"
        f" {count - 1}."
    )


def _worst(failed: Verification) -> Iterator[Sequence[str]]:
    """Yields the names of ever more of the worst layers, up to half of those there are."""
    rows = [row for row in failed.layers if row.lost_share > 0]
    count = 1
    while count <= max(1, len(failed.layers) // 2 + 1) and rows:
        chosen = rows[:count]
        yield list(dict.fromkeys(name for row in chosen for name in row.float_layers))
        if count >= len(rows):
            return
        count *= 2


def _write_json(path: Path, told: Any) -> None:
    write_whole(path, (json.dumps(told, indent=1) + "\n").encode())
    path.touch()
