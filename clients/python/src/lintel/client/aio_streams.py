"""One open video stream of the asyncio client: a task sends, the caller's own reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TypeAlias

import grpc

from lintel.client import errors
from lintel.client.results import FrameResult, read_frame
from lintel.client.video import Progress, VideoInput, frame_request
from lintel.v1.video_pb2 import ProcessVideoRequest, ProcessVideoResponse

StreamCall: TypeAlias = "grpc.aio.StreamStreamCall[ProcessVideoRequest, ProcessVideoResponse]"


async def exchange(
    open_stream: Callable[[None], StreamCall],
    config: ProcessVideoRequest,
    frames: AsyncIterable[VideoInput] | Iterable[VideoInput],
    limit: int | None,
    timeout_s: float,
) -> AsyncGenerator[FrameResult, None]:
    """Opens a stream, yields its results, and ends it when the caller has had enough.

    The arguments and what is raised are those of streams.exchange.
    """
    progress = Progress(timeout_s, lossless=limit is not None)
    room = asyncio.Semaphore(limit) if limit is not None else None
    call = open_stream(None)
    sender = asyncio.create_task(_send(call, config, _take(frames, room), progress))
    try:
        while (response := await _receive(call, sender, progress)) is not None:
            progress.answered(response.sequence_number)
            if room is not None:
                room.release()
            yield read_frame(response)
    except grpc.RpcError as error:
        raise errors.of_call(error) from error
    finally:
        sender.cancel()
        call.cancel()


async def _take(
    frames: AsyncIterable[VideoInput] | Iterable[VideoInput], room: asyncio.Semaphore | None
) -> AsyncIterator[VideoInput]:
    """Yields what the caller gives, waiting for room before taking each frame."""
    if room is not None:
        await room.acquire()
    async for given in _as_asynchronous(frames):
        yield given
        if room is not None:
            await room.acquire()


async def _as_asynchronous(
    frames: AsyncIterable[VideoInput] | Iterable[VideoInput],
) -> AsyncIterator[VideoInput]:
    if isinstance(frames, AsyncIterable):
        async for given in frames:
            yield given
        return
    # Such an iterator may well wait for a camera or a disk, and must not hold the loop.
    iterator = enumerate(frames)
    while (taken := await asyncio.to_thread(next, iterator, None)) is not None:
        yield taken[1]


async def _send(
    call: StreamCall,
    config: ProcessVideoRequest,
    frames: AsyncIterator[VideoInput],
    progress: Progress,
) -> None:
    """Feeds the stream. Ends without a word where the call has ended: reading it tells why."""
    if not await _write(call, config):
        return
    number = 0
    async for given in frames:
        request = await asyncio.to_thread(frame_request, number, given)
        progress.sent()
        if not await _write(call, request):
            return
        number += 1
    progress.sent()
    await call.done_writing()


async def _write(call: StreamCall, request: ProcessVideoRequest) -> bool:
    try:
        await call.write(request)
    except (grpc.RpcError, asyncio.InvalidStateError):
        return False
    return True


async def _receive(
    call: StreamCall, sender: asyncio.Task[None], progress: Progress
) -> ProcessVideoResponse | None:
    """Waits for the next reply; None at the end of the stream.

    Raises:
        DeadlineExceededError: The device is late.
        Exception: Whatever the sender raised.
    """
    progress.waiting()
    read = asyncio.ensure_future(call.read())
    try:
        while not read.done():
            watched = {read} if sender.done() else {read, sender}
            left = max(progress.time_left(), 0.0)
            await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                sender.result()
            if not read.done() and progress.time_left() <= 0:
                raise progress.late()
    finally:
        read.cancel()
    response = read.result()
    return response if isinstance(response, ProcessVideoResponse) else None
