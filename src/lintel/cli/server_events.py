"""What happens at the cameras of a server."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from lintel.cli.server_connection import ServerConnection

if TYPE_CHECKING:
    from lintel.client import Event


class ServerEvents(ServerConnection):
    """Follows a server's events. Takes and raises what ServerConnection does."""

    def events(
        self, after: int | None, kinds: Collection[str], cameras: Collection[str]
    ) -> Iterator[Event]:
        """Yields events as they happen; see Client.stream_events."""
        from lintel.client import LintelError  # noqa: PLC0415 - imported by now

        try:
            yield from self._client.stream_events(after=after, kinds=kinds, cameras=cameras)
        except LintelError as error:
            raise self._explained(error) from error
