"""Both clients through one door, and servers that misbehave on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from lintel.client import AsyncClient, Client

Ask = Callable[..., Any]
StartServer = Callable[..., str]


@pytest.fixture(params=["waiting", "asyncio"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Calls one method of one of the two clients; iterators come back as lists.

    Called with the address, the method's name and its arguments; `client` holds arguments of
    the client itself.
    """

    def wait(
        address: str, name: str, /, *values: Any, client: dict[str, Any] | None = None, **named: Any
    ) -> Any:
        with Client(address, **(client or {})) as waiting:
            result = getattr(waiting, name)(*values, **named)
            return list(result) if isinstance(result, Iterator) else result

    async def wait_asynchronously(
        address: str, name: str, /, *values: Any, client: dict[str, Any] | None = None, **named: Any
    ) -> Any:
        async with AsyncClient(address, **(client or {})) as asynchronous:
            result = getattr(asynchronous, name)(*values, **named)
            if isinstance(result, AsyncIterator):
                return [item async for item in result]
            return await result

    if request.param == "waiting":
        return wait
    return lambda *values, **named: asyncio.run(wait_asynchronously(*values, **named))


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts gRPC servers; called with functions that each add a service. Returns the address."""
    servers: list[grpc.Server] = []
    threads: list[ThreadPoolExecutor] = []

    def start(*add: Callable[[grpc.Server], None], message_bytes: int = 1 << 26) -> str:
        threads.append(ThreadPoolExecutor(8))
        limit = ("grpc.max_receive_message_length", message_bytes)
        server = grpc.server(threads[-1], options=[limit])
        for add_service in add:
            add_service(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(0).wait()
    for pool in threads:
        pool.shutdown()
