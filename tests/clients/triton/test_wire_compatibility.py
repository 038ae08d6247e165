"""What our contract declares of the Open Inference Protocol is what tritonclient declares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.clients.triton.describe import describe

from lintel.inference import open_inference_pb2


def test_every_field_is_the_one_of_tritonclient(run_with_triton: Callable[..., Any]) -> None:
    ours = describe(open_inference_pb2.DESCRIPTOR)
    theirs = run_with_triton("describe.py")

    different = {
        f"{scope}.{name}": (declared, theirs.get(scope, {}).get(name))
        for scope, members in ours.items()
        for name, declared in members.items()
        if declared != theirs.get(scope, {}).get(name)
    }

    assert len(ours) > 40
    assert not different
    assert set(ours) <= set(theirs)
