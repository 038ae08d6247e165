"""The way to a server, and its errors in words of the command line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import click

from lintel.cli.engines import EngineFailedError
from lintel.cli.names import shown

if TYPE_CHECKING:
    from lintel import client

Result = TypeVar("Result")

# Errors that every further request would have too.
_HOPELESS = frozenset({"UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})
_NO_MODEL = "MODEL_NOT_FOUND"


class RequestRefusedError(EngineFailedError):
    """The server does not accept a request; the message is a sentence for people.

    Attributes:
        field: What is at fault, such as "history.values[17]", or "".
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class ServerConnection:
    """A connection to a server that is ready for work.

    Args:
        address: "HOST:PORT" or "unix:/path/to/socket".
        token: Bearer token, or None.
        root_certificates: The authority that signed the server's certificate, in PEM; turns TLS
            on. None: plain text.
        client_certificate: What to show to a server that asks for a certificate, in PEM.
        client_key: The certificate's private key, in PEM.

    Raises:
        EngineFailedError: An argument is wrong, or the server is not to be reached.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        root_certificates: Path | None = None,
        client_certificate: Path | None = None,
        client_key: Path | None = None,
    ) -> None:
        # What it has to say of a failed handshake, the error says.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from lintel.client import Client  # noqa: PLC0415 - takes a tenth of a second

        self._address = address
        # Some things only a server can do.
        self._works_without = "local" in click.get_current_context().params
        self._speaks_tls = root_certificates is not None or client_certificate is not None
        try:
            self._client = Client(
                address,
                token=token,
                root_certificates=root_certificates,
                client_certificate=client_certificate,
                client_key=client_key,
            )
        except ValueError as error:
            raise EngineFailedError(_in_words_of_the_command_line(str(error))) from error
        except OSError as error:
            raise EngineFailedError(
                f"{shown(str(error.filename))} cannot be read: {error.strerror}."
            ) from error
        if not self._call(self._client.is_serving):
            self._client.close()
            raise EngineFailedError(f"The server at {address} is not ready for work yet.")

    def __enter__(self) -> Self:
        """Returns the connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it."""
        self._client.close()

    def _call(self, method: Callable[[], Result]) -> Result:
        from lintel.client import LintelError  # noqa: PLC0415

        try:
            return method()
        except LintelError as error:
            raise self._explained(error) from error

    def _explained(self, error: client.LintelError) -> Exception:
        # A server that answers gives a reason of its own.
        if error.code == "UNAVAILABLE" and error.reason == error.code:
            tls = (
                "see that it speaks TLS and that these certificates are its"
                if self._speaks_tls
                else "give --root-certificates or --client-certificate where it speaks TLS"
            )
            return EngineFailedError(
                f"The server at {self._address} does not answer: start one with `lintel serve`,"
                f" {tls}{', or leave --server out' if self._works_without else ''}."
            )
        if error.code in _HOPELESS or error.reason == _NO_MODEL:
            return EngineFailedError(f"The server at {self._address} refuses: {error.message}")
        return self._refused(error)

    def _refused(self, error: client.LintelError) -> Exception:
        """Returns what a request's own error is told as."""
        return RequestRefusedError(error.message, error.field)


def _in_words_of_the_command_line(message: str) -> str:
    """Rewrites what the client says of its arguments as what the options are called."""
    words = (
        ("give root_certificates, or write insecure=True", "give --root-certificates."),
        ("root_certificates", "--root-certificates"),
        ("client_certificate", "--client-certificate"),
        ("client_key", "--client-key"),
        ("address", "--server"),
    )
    for argument, option in words:
        message = message.replace(argument, option)
    return message
