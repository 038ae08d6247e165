"""The same ONNX model written in the same way each time.

tf2onnx walks through sets of objects, whose order is that of their addresses: from run to run,
nodes come in another order and counters in names have other numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_COUNTER = re.compile(r"__\d+(?=$|[/:_])")


def settle(model: Any) -> None:
    """Puts the nodes of a model's main graph in an order of their own, and names values by it.

    Names of inputs and outputs stay.

    Args:
        model: A ModelProto, changed in place.
    """
    graph = model.graph
    nodes = _ordered(graph)
    places = {place.name for place in (*graph.input, *graph.output)}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    names = {name: name for name in places}
    taken = set(places)

    def rename(old: str, wish: str) -> None:
        if old and old not in names:
            names[old] = _free(wish, taken)

    for node in nodes:
        node.name = _free(_COUNTER.sub("", node.name) or node.op_type, taken)
        for index, name in enumerate(_used(node)):
            if name in constants:
                rename(name, f"{node.name}/{index}")
        for index, name in enumerate(node.output):
            rename(name, f"{node.name}:{index}")
    for node in nodes:
        _rename_in(node, names)
    used = [tensor for name, tensor in constants.items() if name in names]
    for tensor in used:
        tensor.name = names[tensor.name]
    kept = sorted(used, key=lambda tensor: str(tensor.name))
    _replace(graph.node, nodes)
    _replace(graph.initializer, kept)
    del graph.value_info[:]


def _ordered(graph: Any) -> list[Any]:
    """Returns the nodes that the outputs hang on, each after those that it hangs on."""
    makers = {name: node for node in graph.node for name in node.output if name}
    ordered: list[Any] = []
    seen: set[int] = set()
    for place in graph.output:
        stack = [(makers.get(place.name), False)]
        while stack:
            node, is_done = stack.pop()
            if node is None or (not is_done and id(node) in seen):
                continue
            if is_done:
                ordered.append(node)
                continue
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((makers.get(name), False) for name in reversed(list(_used(node))))
    return ordered


def _used(node: Any) -> Iterator[str]:
    """Yields the values that a node takes, those of its bodies from outside among them."""
    yield from node.input
    for graph in _bodies(node):
        for inner in graph.node:
            yield from _used(inner)
        yield from (place.name for place in graph.output)


def _bodies(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _rename_in(node: Any, names: dict[str, str]) -> None:
    for values in (node.input, node.output):
        for index, name in enumerate(values):
            values[index] = names.get(name, name)
    for graph in _bodies(node):
        for inner in graph.node:
            _rename_in(inner, names)
        for place in graph.output:
            place.name = names.get(place.name, place.name)


def _free(wish: str, taken: set[str]) -> str:
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    taken.add(name)
    return name


def _replace(field: Any, values: list[Any]) -> None:
    copies = [type(value)() for value in values]
    for copy, value in zip(copies, values, strict=True):
        copy.CopyFrom(value)
    del field[:]
    field.extend(copies)
