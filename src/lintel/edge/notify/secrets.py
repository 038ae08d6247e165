"""Passwords and certificates, out of files."""

from __future__ import annotations

import ssl
from pathlib import Path

from lintel.edge.errors import SettingsInvalidError

_LONGEST = 4096


def read_first_line(path: str, field: str) -> bytes:
    """Returns the first line of a file, without spaces around it; nothing for no file.

    Args:
        path: The file; "": none.
        field: The setting that names it.

    Raises:
        SettingsInvalidError: It cannot be read.
    """
    if not path:
        return b""
    try:
        with Path(path).open("rb") as file:
            return file.readline(_LONGEST).strip()
    except OSError as error:
        raise SettingsInvalidError(
            f"The file {path} of {field} cannot be read: {error.strerror}.", field=field
        ) from error


def tls_context(
    section: str, authority: str, certificate: str = "", private_key: str = ""
) -> ssl.SSLContext:
    """Makes what checks the other side's certificate, and shows the device's own.

    Args:
        section: Of the settings.
        authority: PEM file of those who are trusted; "": those that this machine trusts.
        certificate: PEM file; "": none is shown.
        private_key: PEM file of its key.

    Raises:
        SettingsInvalidError: A file cannot be read, or is of another kind.
    """
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except OSError as error:
        raise SettingsInvalidError(
            f"The file of {section}.authority is no certificate in PEM that can be read.",
            field=f"{section}.authority",
        ) from error
    if certificate:
        try:
            # Without a password, so that nobody is asked for one.
            context.load_cert_chain(certificate, private_key or None, password="")
        except OSError as error:
            raise SettingsInvalidError(
                f"The files of {section}.certificate and {section}.private_key are not a"
                " certificate and its unencrypted key, in PEM.",
                field=f"{section}.certificate",
            ) from error
    return context
