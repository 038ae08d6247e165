"""Generates the typed Python stubs of the contract, as a step of every build.

hatchling calls it for the device (the root of the repository) and, through its hatch_build.py, for
the thin client (clients/python, or its sdist); `pip install` and `pip install --editable`
therefore always work on stubs that match the contract.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTO = Path(__file__).resolve().parent
# Where the client's sources are in what is built: the device, the client.
CLIENT_SOURCES = ("clients/python/src", "src")


def generate(stubs: Path) -> None:
    """Writes `*_pb2.py`, `*_pb2_grpc.py` and their `.pyi`.

    Args:
        stubs: The client's sources, where they belong.

    Raises:
        RuntimeError: protoc refused the contract; its own message is on stderr.
    """
    # Only there in a build environment.
    import grpc_tools  # noqa: PLC0415
    from grpc_tools import protoc  # noqa: PLC0415

    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    # The plugin's script lies beside the interpreter that runs the build, which is
    # on PATH in pip's isolated environments; name it so that others work too.
    plugin = Path(sys.executable).with_name("protoc-gen-mypy")
    plugins = [f"--plugin=protoc-gen-mypy={plugin}"] if plugin.exists() else []
    status = protoc.main(
        [
            "protoc",
            *plugins,
            f"-I{PROTO}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            f"--python_out={stubs}",
            f"--grpc_python_out={stubs}",
            f"--mypy_out=quiet:{stubs}",
            f"--mypy_grpc_out=quiet:{stubs}",
            *sources,
        ]
    )
    if status != 0:
        raise RuntimeError(f"protoc ended with status {status}")


class ContractStubs(BuildHookInterface[Any]):
    """Hatchling's build hook: generate before anything is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generates the stubs.

        Args:
            version: "standard" or "editable"; the stubs are the same for both.
            build_data: Hatchling's; left as it is.
        """
        places = (Path(self.root) / folder for folder in CLIENT_SOURCES)
        generate(next(place for place in places if (place / "lintel" / "client").is_dir()))
