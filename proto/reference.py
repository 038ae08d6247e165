"""Writes docs/contract.md, the reference of the contract, from the comments in proto/.

`python proto/reference.py` writes the page; with `--check` it only tells whether the page
is up to date. buf compiles the files; this renders what buf understood.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

PROTO = Path(__file__).resolve().parent
PAGE = PROTO.parent / "docs" / "contract.md"
HEADING = """\
# The contract

Written by `make docs` from the comments in proto/lintel/v1; do not edit.

Boxes are pixels of the picture as sent, after its EXIF orientation. Every enum has an
UNSPECIFIED zero. Errors of a call carry google.rpc details: ErrorInfo with a constant `reason`
(domain `lintel`), BadRequest with the field at fault, RetryInfo where a retry makes sense.
"""

# Numbers of descriptor.proto's own fields, of which the paths of comments are made.
MESSAGE, ENUM, SERVICE = 4, 5, 6
MESSAGE_FIELD, ENUM_VALUE, SERVICE_METHOD = 2, 2, 2


class Comments:
    """The comments of one file, by the path of what they stand before."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._texts = {
            tuple(location.path): " ".join(location.leading_comments.split())
            for location in file.source_code_info.location
        }

    def at(self, *path: int) -> str:
        """Returns the comment at `path`, in one line."""
        return self._texts.get(path, "")


def compile_contract() -> FileDescriptorSet:
    """Compiles proto/ with buf, comments included."""
    buf = Path(sysconfig.get_path("scripts")) / "buf"
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "contract.binpb"
        subprocess.run(
            [buf, "build", "--path", "proto/lintel/v1", "-o", image],
            check=True,
            cwd=PROTO.parent,
        )
        return FileDescriptorSet.FromString(image.read_bytes())


def render(contract: FileDescriptorSet) -> str:
    """Returns the page."""
    lines = [HEADING]
    for file in contract.file:
        if file.package == "lintel.v1":
            comments = Comments(file)
            # The comment before `syntax` tells what the file is for.
            lines += [f"## {file.name}", "", comments.at(12), ""]
            for index, service in enumerate(file.service):
                lines += _service(service, index, comments)
            for index, message in enumerate(file.message_type):
                lines += _message(message, index, comments)
            for index, enum in enumerate(file.enum_type):
                lines += _enum(enum, index, comments)
    return "\n".join(lines).rstrip() + "\n"


def _service(service: ServiceDescriptorProto, index: int, comments: Comments) -> Iterator[str]:
    yield from (f"### service {service.name}", "", comments.at(SERVICE, index), "")
    yield from ("| method | takes | gives | |", "|---|---|---|---|")
    for number, method in enumerate(service.method):
        takes = _link(method.input_type, stream=method.client_streaming)
        gives = _link(method.output_type, stream=method.server_streaming)
        text = comments.at(SERVICE, index, SERVICE_METHOD, number)
        yield f"| `{method.name}` | {takes} | {gives} | {text} |"
    yield ""


def _message(message: DescriptorProto, index: int, comments: Comments) -> Iterator[str]:
    yield from (f"### {message.name}", "", comments.at(MESSAGE, index), "")
    yield from ("| field | type | number | |", "|---|---|---|---|")
    for number, field in enumerate(message.field):
        text = comments.at(MESSAGE, index, MESSAGE_FIELD, number)
        if field.HasField("oneof_index") and not field.proto3_optional:
            text = f"*One of `{message.oneof_decl[field.oneof_index].name}`.* {text}"
        yield f"| `{field.name}` | {_type(field)} | {field.number} | {text} |"
    yield ""


def _enum(enum: EnumDescriptorProto, index: int, comments: Comments) -> Iterator[str]:
    yield from (f"### {enum.name}", "", comments.at(ENUM, index), "")
    yield from ("| value | number | |", "|---|---|---|")
    for number, value in enumerate(enum.value):
        text = comments.at(ENUM, index, ENUM_VALUE, number)
        yield f"| `{value.name}` | {value.number} | {text} |"
    yield ""


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        name = _link(field.type_name)
    else:
        name = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    return f"optional {name}" if field.proto3_optional else name


def _link(type_name: str, *, stream: bool = False) -> str:
    name = type_name.rpartition(".")[2]
    return f"{'stream of ' if stream else ''}[{name}](#{name.lower()})"


def main() -> int:
    """Writes the page, or with `--check` returns 1 where it is out of date."""
    page = render(compile_contract())
    if "--check" in sys.argv[1:]:
        if not PAGE.exists() or PAGE.read_text("utf-8") != page:
            sys.stderr.write("docs/contract.md is out of date: run `make docs`.\n")
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
