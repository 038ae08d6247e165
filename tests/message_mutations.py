"""Damages protobuf messages: as bytes, and as what the bytes mean.

Messages are read without their descriptors, by wire type alone, so that a change deep inside is
written with lengths that are right again and reaches the code behind the parser; others are
written with lengths that lie, for the parser itself.
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# Numbers at which something may overflow, wrap, or be allocated.
TELLING_NUMBERS = [0, 1, 2, 3, 7, 255, 256, 65535, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
TELLING_NUMBERS += [1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2, 40_000_001]
TELLING_FLOATS = [math.nan, -math.nan, math.inf, -math.inf, -0.0, -1.0, 1e-45, 3.4e38, 2.5]
TELLING_BYTES = [b"", b"\0", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"../../x"]
TELLING_BYTES += [b"a" * 300, b"\0" * 64, b"\n" * 8, b"%s%n{0}", b"\x08" + b"\xff" * 12]
TELLING_BYTES += ["\u202e\u0000\U0001f600".encode(), b"\x0a\xff\xff\xff\xff\x0f", b"\x0b\x0c"]
LARGEST_FIELD = (1 << 29) - 1


@dataclass
class Field:
    """A field on the wire; `value` is a list where its bytes read as a message."""

    number: int
    kind: int
    value: int | bytes | list[Field]


def mutate(messages: list[bytes], chance: random.Random) -> bytes:
    """Takes one of `messages` and damages it in one to four ways."""
    data = chance.choice(messages)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        fields = read(data) if chance.random() < 0.75 else None
        if fields is None:
            data = mutate_bytes(data, messages, chance)
        else:
            mutate_field(fields, messages, chance)
            data = write(fields, chance if chance.random() < 0.05 else None)
    return data


def mutate_bytes(data: bytes, messages: list[bytes], chance: random.Random) -> bytes:
    """Flips, cuts, inserts, repeats or splices, whatever the bytes mean."""
    mutated = bytearray(data)
    # Tags and lengths are mostly at the front.
    at = chance.randrange((len(mutated) if chance.random() < 0.5 else min(len(mutated), 60)) + 1)
    end = at + chance.choice([1, 2, 8, 100])
    match chance.randrange(6):
        case 0:
            mutated[at : at + 1] = bytes([chance.randrange(256)])
        case 1:
            mutated[at : at + 1] = bytes(b ^ (1 << chance.randrange(8)) for b in data[at : at + 1])
        case 2:
            del mutated[at : end if chance.random() < 0.6 else None]
        case 3:
            other = chance.choice(messages)
            mutated[at:end] = other[chance.randrange(len(other) + 1) :][: chance.choice([4, 1000])]
        case 4:
            mutated[at:at] = chance.choice([*TELLING_BYTES, chance.randbytes(9)])
        case _:
            mutated[at:at] = mutated[at:end]
    return bytes(mutated)


def mutate_field(fields: list[Field], messages: list[bytes], chance: random.Random) -> None:
    """Changes one field, found at any depth, or the fields around it."""
    siblings = fields
    while True:
        if not siblings:
            siblings.append(random_field(chance))
            return
        index = chance.randrange(len(siblings))
        inner = siblings[index].value
        if not isinstance(inner, list) or chance.random() < 0.2:
            break
        siblings = inner
    field = siblings[index]
    match chance.randrange(10):
        case 0:
            del siblings[index]
        case 1:
            siblings[index:index] = [field] * chance.choice([1, 2, 70])
        case 2:
            siblings.insert(index, random_field(chance))
        case 3:
            field.number = chance.choice([1, 2, 3, 4, 5, 6, 7, 16, LARGEST_FIELD])
        case 4:
            chance.shuffle(siblings)
        case 5:
            other = read(chance.choice(messages))
            field.kind, field.value = BYTES, other if other is not None else b"\xff"
        case 6:
            nested: list[Field] = [random_field(chance)]
            for _ in range(chance.choice([3, 120])):
                nested = [Field(field.number, BYTES, nested)]
            siblings[index] = nested[0]
        case _:
            field.value = telling_value(field, chance)


def telling_value(field: Field, chance: random.Random) -> int | bytes | list[Field]:
    """Returns another value of a field's wire type: an extreme, or one just beside the old."""
    if field.kind == VARINT:
        old = field.value if isinstance(field.value, int) else 0
        near = [max(old - 1, 0), old + 1, old * 2, old ^ (1 << chance.randrange(64))]
        return chance.choice([*TELLING_NUMBERS, *near])
    if field.kind == FIXED32:
        return struct.pack("<f", chance.choice(TELLING_FLOATS))
    if field.kind == FIXED64:
        return struct.pack("<d", chance.choice(TELLING_FLOATS))
    old_bytes = write(field.value) if isinstance(field.value, list) else field.value
    if not isinstance(old_bytes, bytes):
        return b""
    # Packed numbers, such as shapes: minus one, zero, 2**31, 2**63 - 1.
    packed = b"".join(write_varint(chance.choice(TELLING_NUMBERS)) for _ in range(4))
    damaged = mutate_bytes(old_bytes, [old_bytes], chance)
    choices = [*TELLING_BYTES, packed, packed[:1] * 4, damaged, damaged, damaged]
    return chance.choice([*choices, old_bytes[:-1], old_bytes * 2, old_bytes + b"\xff"])


def random_field(chance: random.Random) -> Field:
    """Returns a field that the message may or may not know."""
    number = chance.choice([1, 2, 3, 4, 5, 6, 7, 99, 19_000, LARGEST_FIELD])
    match chance.choice([VARINT, FIXED64, BYTES, FIXED32]):
        case 0:
            return Field(number, VARINT, chance.choice(TELLING_NUMBERS))
        case 1:
            return Field(number, FIXED64, struct.pack("<d", chance.choice(TELLING_FLOATS)))
        case 5:
            return Field(number, FIXED32, struct.pack("<f", chance.choice(TELLING_FLOATS)))
    return Field(number, BYTES, chance.choice(TELLING_BYTES))


def read(data: bytes, depth: int = 0) -> list[Field] | None:
    """Takes a message apart; None where the bytes are none."""
    fields: list[Field] = []
    position = 0
    while position < len(data):
        tag, position = read_varint(data, position)
        number, kind = tag >> 3, tag & 7
        length = {FIXED64: 8, FIXED32: 4}.get(kind, 0)
        value: int | bytes | list[Field]
        if kind == VARINT:
            value, position = read_varint(data, position)
        elif kind == BYTES:
            length, position = read_varint(data, position)
        if not 1 <= number <= LARGEST_FIELD or position < 0 or position + length > len(data):
            return None
        if kind != VARINT:
            if kind not in (FIXED32, FIXED64, BYTES):
                return None
            value = data[position : position + length]
            position += length
            if kind == BYTES and value and depth < 8:
                inner = read(value, depth + 1)
                # What reads as many fields of one byte is rather a picture or a tensor.
                value = inner if inner is not None and len(inner) < 80 else value
        fields.append(Field(number, kind, value))
    return fields


def write(fields: list[Field], liar: random.Random | None = None) -> bytes:
    """Puts a message together; with a `liar`, some lengths are wrong and some numbers endless."""
    parts: list[bytes] = []
    for field in fields:
        parts.append(write_varint(field.number << 3 | field.kind))
        lie = liar is not None and liar.random() < 0.3
        if isinstance(field.value, int):
            parts.append(b"\xff" * 11 if lie else write_varint(field.value))
            continue
        data = write(field.value, liar) if isinstance(field.value, list) else field.value
        if field.kind == BYTES:
            length = len(data)
            if lie and liar is not None:
                length = liar.choice([length + 1, max(length - 1, 0), 1 << 31, (1 << 64) - 1])
            parts.append(write_varint(length))
        parts.append(data)
    return b"".join(parts)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Returns a number and the position after it, -1 where there is none."""
    value = 0
    for shift in range(0, 70, 7):
        if not 0 <= position + shift // 7 < len(data):
            return 0, -1
        byte = data[position + shift // 7]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position + shift // 7 + 1
    return 0, -1


def write_varint(value: int) -> bytes:
    """Writes a number in groups of seven bits."""
    value &= (1 << 64) - 1
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
