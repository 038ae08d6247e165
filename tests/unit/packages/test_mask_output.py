"""What [output] may say of a model that judges masks, and what it goes with."""

from __future__ import annotations

import pytest

from lintel.edge.errors import PackageInvalidError
from lintel.edge.packages import MASK_LABELS, ClassesOutput, parse_manifest

VALID = f"""
name = "mask-test"
version = "1.0.0"
task = "classify-masks"
licence = "CC0-1.0"
[input]
size = [96, 96]
colour = "rgb"
dtype = "uint8"
resize = "stretch"
[output]
decoder = "classes"
labels = ["with_mask", "without_mask", "incorrect_mask"]
probabilities = "logits"
activation = "softmax"
[[variant]]
name = "a"
backend = "litert"
file = "a.tflite"
sha256 = "{"0" * 64}"
"""


def refused(text: str) -> str:
    with pytest.raises(PackageInvalidError) as caught:
        parse_manifest(text.encode())
    return caught.value.field


def test_the_least_is_enough() -> None:
    output = parse_manifest(VALID.encode()).output
    assert isinstance(output, ClassesOutput)
    assert output.labels == MASK_LABELS
    assert (output.temperature, output.min_probability, output.margin) == (1.0, 0.5, 0.2)


def test_labels_may_come_in_the_models_own_order() -> None:
    text = VALID.replace('["with_mask", "without_mask"', '["without_mask", "with_mask"')
    output = parse_manifest(text.encode()).output
    assert isinstance(output, ClassesOutput)
    assert output.labels == ("without_mask", "with_mask", "incorrect_mask")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"with_mask", ', "", "output.labels"),
        ('"with_mask"', '"without_mask"', "output.labels"),
        ('"with_mask"', '"masked"', "output.labels"),
        ('probabilities = "logits"', 'probabilities = ""', "output.probabilities"),
        ('probabilities = "logits"', "", "output.probabilities"),
        ('activation = "softmax"', "", "output.activation"),
        ('activation = "softmax"', 'activation = "sigmoid"', "output.activation"),
        ("[[variant]]", "temperature = 0\n[[variant]]", "output.temperature"),
        ("[[variant]]", "min_probability = 1.5\n[[variant]]", "output.min_probability"),
        ("[[variant]]", "margin = -0.1\n[[variant]]", "output.margin"),
        ('resize = "stretch"', 'resize = "letterbox"', "input.resize"),
        ('decoder = "classes"', 'decoder = "none"', "output.probabilities"),
        ('task = "classify-masks"', 'task = "detect-faces"', "output.decoder"),
        ('task = "classify-masks"', 'task = "tensor"', "output.decoder"),
        ('backend = "litert"', 'backend = "opencv-cascade"', "variant[0].backend"),
    ],
)
def test_a_broken_rule_is_told_by_its_key(old: str, new: str, field: str) -> None:
    assert refused(VALID.replace(old, new)) == field


def test_a_mask_model_needs_its_own_decoder_and_an_input() -> None:
    head, rest = VALID.split("[input]")
    keys, variant = rest.split("[[variant]]")
    plain = keys.split("[output]")[0] + '[output]\ndecoder = "none"\n'
    assert refused(f"{head}[input]{plain}[[variant]]{variant}") == "output.decoder"
    assert refused(f"{head}[output]{keys.split('[output]')[1]}[[variant]]{variant}") == "input"
