"""Model packages: manifests, digests, and the folders that hold them."""

from lintel.edge.packages.folder import (
    MAXIMUM_FILE_BYTES,
    FoundPackages,
    Package,
    builtin_packages,
    find_packages,
    load_package,
)
from lintel.edge.packages.manifest import (
    AUTO,
    MAXIMUM_MANIFEST_BYTES,
    Calibration,
    CascadeOutput,
    Input,
    Manifest,
    Output,
    PlainOutput,
    Variant,
    parse_manifest,
)

__all__ = [
    "AUTO",
    "MAXIMUM_FILE_BYTES",
    "MAXIMUM_MANIFEST_BYTES",
    "Calibration",
    "CascadeOutput",
    "FoundPackages",
    "Input",
    "Manifest",
    "Output",
    "Package",
    "PlainOutput",
    "Variant",
    "builtin_packages",
    "find_packages",
    "load_package",
    "parse_manifest",
]
