"""Tells what a .proto file declares, in a form that two processes can compare.

Run with tritonclient's interpreter, it prints what that client takes the protocol to be.
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import descriptor_pb2

Description = dict[str, dict[str, Any]]


def describe(*files: Any) -> Description:
    """Describes the messages, enums and methods of files by their full names.

    Args:
        files: Descriptors of generated modules.

    Returns:
        For each message its fields, for each enum its values, for each service its methods.
    """
    found: Description = {}
    for file in files:
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        scope = f".{proto.package}"
        for message in proto.message_type:
            _describe_message(message, scope, found)
        for enum in proto.enum_type:
            _describe_enum(enum, scope, found)
        for service in proto.service:
            found[f"{scope}.{service.name}"] = {
                method.name: [
                    method.input_type,
                    method.output_type,
                    method.client_streaming,
                    method.server_streaming,
                ]
                for method in service.method
            }
    return found


def _describe_message(message: Any, scope: str, found: Description) -> None:
    name = f"{scope}.{message.name}"
    found[name] = {
        field.name: [
            field.number,
            field.type,
            field.label,
            field.type_name,
            field.json_name,
            message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else "",
            message.options.map_entry,
        ]
        for field in message.field
    }
    for nested in message.nested_type:
        _describe_message(nested, name, found)
    for enum in message.enum_type:
        _describe_enum(enum, name, found)


def _describe_enum(enum: Any, scope: str, found: Description) -> None:
    found[f"{scope}.{enum.name}"] = {value.name: value.number for value in enum.value}


if __name__ == "__main__":
    from tritonclient.grpc import model_config_pb2, service_pb2

    print(json.dumps(describe(service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR)))  # noqa: T201
