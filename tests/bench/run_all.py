"""Runs every benchmark, one after the other: `make bench`.

The figures of the README are medians of what these print on an idle machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Returns 0 where every benchmark ran to its end."""
    failed = []
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"\n== {script.stem}", flush=True)
        command = [sys.executable, "-m", f"tests.bench.{script.stem}"]
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(script.stem)
    if failed:
        print(f"did not run to the end: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
