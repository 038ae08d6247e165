"""Hatchling's build hook: the stubs of the contract, generated at build.

The contract is the repository's in a checkout; an sdist carries it in `proto`.
"""

import runpy
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_PLACES = (_HERE / "proto", _HERE.parent.parent / "proto")
_script = next(folder / "generate.py" for folder in _PLACES if folder.is_dir())
ContractStubs = runpy.run_path(str(_script))["ContractStubs"]
