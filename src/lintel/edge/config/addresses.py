"""What addresses tell of where they lead."""

from __future__ import annotations

import ipaddress


def is_this_machine(host: str) -> bool:
    """Tells whether a host is this machine by its name or number; brackets of IPv6 may be there."""
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
