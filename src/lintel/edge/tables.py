"""TOML tables into typed Structs and back, with errors that name the key and help to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from lintel.edge.errors import LintelError

StructType = TypeVar("StructType", bound=Struct)

# What msgspec appends to a message to say where: "problem - at `$.server.listen[0]`".
_WHERE = re.compile(r"^(?P<problem>.*?)(?: - at (?:`key` in )?`\$\.?(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(\w+)`$")
_LONGEST_SHOWN = 80


def convert(
    tree: Mapping[str, Any], kind: type[StructType], error: type[LintelError], noun: str
) -> StructType:
    """Validates a tree of plain values, as a TOML file gives it.

    Args:
        tree: The plain values.
        kind: The Struct that they must fit.
        error: What to raise.
        noun: What a key is called in messages, such as "setting".

    Returns:
        The Struct.

    Raises:
        LintelError: Of the class `error`: a key is unknown (the message has the nearest known
            one) or missing, or a value is wrong; `field` is the path of the key, such as
            "variant[1].sha256".
    """
    for name, message in _problems(tree, kind, "", noun):
        raise error(message, field=name)
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as invalid:
        name, message = _told(invalid, "", noun)
        raise error(message, field=name) from invalid


def render(section: Struct) -> str:
    """Writes a Struct as TOML, with the descriptions of its fields as comments.

    Args:
        section: Its fields hold text, numbers, booleans, None, tuples of those, other Structs,
            and tuples or, by name, dicts of Structs.
    """
    lines: list[str] = []
    _render_fields(section, "", lines)
    return "\n".join(lines).strip() + "\n"


def shorten(text: str) -> str:
    """Cuts a word from outside to a length fit for a message."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _problems(value: Any, kind: Any, name: str, noun: str) -> Iterator[tuple[str, str]]:
    """Yields what msgspec tells less well.

    That is unknown keys, words that are not among the choices, and where in a dict an item is.

    Yields:
        The path of the key, and a message.
    """
    if get_origin(kind) in {Union, UnionType}:
        members = {_tag(member): member for member in get_args(kind) if member is not type(None)}
        tag_field = _tag_field(members.values())
        tag = value.get(tag_field) if tag_field and isinstance(value, Mapping) else None
        if isinstance(tag, str) and tag not in members:
            name = _join(name, str(tag_field))
            yield name, _not_a_choice(name, members, noun)
        kind = members.get(tag) if isinstance(tag, str | None) else None
    if get_origin(kind) is Literal and isinstance(value, str) and value not in get_args(kind):
        yield name, _not_a_choice(name, get_args(kind), noun)
    elif isinstance(value, Mapping) and isinstance(kind, type) and issubclass(kind, Struct):
        yield from _struct_problems(value, kind, name, noun)
    elif isinstance(value, Mapping) and get_origin(kind) is dict:
        item_kind = get_args(kind)[1]
        for key, item in value.items():
            yield from _problems(item, item_kind, _join(name, key), noun)
            try:
                msgspec.convert(item, item_kind)
            except msgspec.ValidationError as invalid:
                yield _told(invalid, _join(name, key), noun)
    elif isinstance(value, list) and get_origin(kind) is tuple and get_args(kind):
        for index, item in enumerate(value):
            yield from _problems(item, get_args(kind)[0], f"{name}[{index}]", noun)


def _told(invalid: msgspec.ValidationError, prefix: str, noun: str) -> tuple[str, str]:
    """Returns the path of the key at fault, below `prefix`, and a message."""
    where = _WHERE.match(str(invalid))
    problem, path = where.group("problem", "path") if where else (str(invalid), "")
    name = _join(prefix, path) if path else prefix
    missing = _MISSING.match(problem)
    if missing:
        name = _join(name, missing[1])
        problem = "it is required"
    return name, f"The {noun} {name or 'tree'} is wrong: {problem}."


def _struct_problems(
    table: Mapping[str, Any], kind: type[Struct], prefix: str, noun: str
) -> Iterator[tuple[str, str]]:
    hints = get_type_hints(kind)
    names = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    known = {key: hints[attribute] for key, attribute in names}
    tag_field = _tag_field([kind])
    for key, value in table.items():
        if key == tag_field:
            continue
        if key in known:
            yield from _problems(value, known[key], _join(prefix, key), noun)
            continue
        nearest = difflib.get_close_matches(shorten(key), known, n=1, cutoff=0.5)
        hint = f" Did you mean {_join(prefix, nearest[0])}?" if nearest else ""
        name = _join(prefix, key)
        yield name, f"There is no {noun} {name}.{hint}"


def _not_a_choice(name: str, choices: Iterable[Any], noun: str) -> str:
    listed = ", ".join(f'"{choice}"' for choice in choices)
    return f"The {noun} {name} is wrong: it must be one of {listed}."


def _tag(kind: Any) -> Any:
    """Returns what tells a Struct from others of its union, or None."""
    config = getattr(kind, "__struct_config__", None)
    return config.tag if config else None


def _tag_field(kinds: Iterable[Any]) -> str | None:
    """Returns the key that holds the tag, or None where the kinds have none."""
    configs = (getattr(kind, "__struct_config__", None) for kind in kinds)
    return next((config.tag_field for config in configs if config), None)


def _join(prefix: str, key: str) -> str:
    return f"{prefix}.{shorten(key)}" if prefix else shorten(key)


def _render_fields(section: Struct, prefix: str, lines: list[str]) -> None:
    described = get_type_hints(type(section), include_extras=True)
    headed: list[tuple[str, Struct]] = []
    for name in section.__struct_fields__:
        value = getattr(section, name)
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Struct):
            headed.append((f"[{path}]", value))
        elif isinstance(value, dict):
            headed += [(f"[{path}.{_toml(key, key=True)}]", item) for key, item in value.items()]
        elif isinstance(value, tuple) and value and isinstance(value[0], Struct):
            headed += [(f"[[{path}]]", item) for item in value]
        else:
            description = described[name].__metadata__[0].description
            assignment = f"{name} = {_toml(value)}" if value is not None else f"# {name} ="
            if value == () and _holds_tables(described[name]):
                # An empty array would keep tables from being added below.
                assignment = f"# [[{path}]]"
            lines += [f"# {description}", assignment]
    for header, item in headed:
        lines += ["", f"# {(type(item).__doc__ or '').strip()}", header]
        _render_fields(item, header.strip("[]"), lines)


def _holds_tables(hint: Any) -> bool:
    """Tells whether a field is an array of tables."""
    kind = get_args(hint)[0]
    item = get_args(kind)[0] if get_origin(kind) is tuple else None
    members = get_args(item) if get_origin(item) in {Union, UnionType} else (item,)
    return all(isinstance(member, type) and issubclass(member, Struct) for member in members)


def _toml(value: Any, *, key: bool = False) -> str:
    """Writes one value as TOML; the tree holds only these kinds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if key and re.fullmatch(r"[A-Za-z0-9_-]+", value):
            return value
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return repr(value)
