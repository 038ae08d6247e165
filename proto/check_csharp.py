"""Generates the contract's C# messages and checks what C# programs rely on.

The C# client arrives later; until then this keeps every change to proto/ usable from C#.
Run it as `make check` does: `python proto/check_csharp.py`.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parent
NAMESPACE = "namespace Lintel.V1 {"


def main() -> int:
    """Returns 0 where protoc writes C# for every file, all of it in the one namespace."""
    protoc = Path(sysconfig.get_path("scripts")) / "protoc"
    sources = sorted((PROTO / "lintel" / "v1").glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [protoc, f"-I{PROTO}", f"--csharp_out={folder}", *sources],
            check=True,
        )
        written = sorted(Path(folder).glob("*.cs"))
        strays = [path.name for path in written if NAMESPACE not in path.read_text("utf-8")]
    if len(written) != len(sources) or strays:
        sys.stderr.write(
            f"C#: {len(written)} files of {len(sources)}; outside Lintel.V1: {strays}\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
