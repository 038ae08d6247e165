"""What comes by itself: pictures as motion JPEG, and numbers as server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from lintel.edge.page.handling import Stage, Watched
from lintel.edge.page.report import LOOK_EVERY_S, describe_event
from lintel.edge.pipeline import FrameResult

_BOUNDARY = b"lintel-frame"
# A viewer who takes longer to take a picture, or a few numbers, is let go.
_SEND_TIMEOUT_S = 20.0
# How often a stream of pictures without any looks up.
_PATIENCE_S = 1.0
# Events that a viewer gets at first, and of one reconnection at a time.
_FIRST_EVENTS = 30
_MOST_EVENTS = 200


class _Stream(Watched):
    """An answer that goes on until the viewer leaves, on one of the seats."""

    content_type: ClassVar[str]

    def initialize(self, stage: Stage) -> None:
        """Takes over what requests need."""
        super().initialize(stage)
        self._has_left = asyncio.Event()

    def prepare(self) -> None:
        """Refuses where every seat is taken."""
        super().prepare()
        if self.stage.seats.are_taken:
            raise HTTPError(503)
        self.set_header("Content-Type", self.content_type)
        # What lies between, such as nginx, is not to gather pictures before it hands them on.
        self.set_header("X-Accel-Buffering", "no")

    def head(self, *_arguments: str) -> None:
        """Tells only whether there is a place."""

    def on_connection_close(self) -> None:
        """Remembers that the viewer has left."""
        self._has_left.set()

    @property
    def is_over(self) -> bool:
        """Whether to end."""
        return self._has_left.is_set() or self.stage.is_closing()

    async def send(self, *chunks: bytes) -> None:
        """Writes, and waits until the viewer's connection has taken it.

        Raises:
            StreamClosedError: The viewer has left.
            TimeoutError: The viewer does not read.
        """
        for chunk in chunks:
            self.write(chunk)
        async with asyncio.timeout(_SEND_TIMEOUT_S):
            await self.flush()

    def let_go(self) -> None:
        """Closes the connection: who does not read would not read the end either."""
        self.detach().close()


class MotionJpeg(_Stream):
    """The blurred pictures of a camera, the newest whenever the viewer has taken the one before.

    Each part says when its picture was captured: `X-Timestamp-Us`, in microseconds since 1970 UTC.
    """

    content_type = f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}"

    async def get(self, name: str) -> None:
        """Sends pictures until the viewer leaves or the camera ends, the last good one first."""
        camera = self.find_camera(name)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            # Only once the page is closed, its loop takes no more calls.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with (
            self.stage.seats.take(),
            camera.follow(with_pictures=True, woken=wake) as following,
            suppress(StreamClosedError),
        ):
            try:
                await self.send(b"--", _BOUNDARY, b"\r\n")
                newest = camera.latest
                while not self.is_over and (following.is_open or newest is not None):
                    changed.clear()
                    result = following.get(0) or newest
                    newest = None
                    if result is not None:
                        await self._send(result)
                    else:
                        with suppress(TimeoutError):
                            await asyncio.wait_for(changed.wait(), _PATIENCE_S)
            except TimeoutError:
                self.let_go()

    async def _send(self, result: FrameResult) -> None:
        jpeg = result.picture.jpeg()
        head = (
            f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
            f"X-Timestamp-Us: {result.captured_us}\r\n\r\n"
        )
        # Browsers show a picture when they see what ends it: not to wait for the next one's sake,
        # the boundary goes along at once.
        await self.send(head.encode(), jpeg, b"\r\n--", _BOUNDARY, b"\r\n")


class Picture(Watched):
    """The newest blurred picture of a camera."""

    async def get(self, name: str) -> None:
        """Sends it, however old, with when it was captured; 503 where there is none yet."""
        result = self.find_camera(name).latest
        if result is None:
            raise HTTPError(503)
        loop = asyncio.get_running_loop()
        jpeg = await loop.run_in_executor(None, result.picture.jpeg)
        self.set_header("Content-Type", "image/jpeg")
        self.set_header("X-Timestamp-Us", str(result.captured_us))
        self.write(jpeg)


class News(_Stream):
    """How the device is, what happens, and the days of its cameras.

    `report` comes with every change that cannot wait and every second, which is the heartbeat;
    `day` of each camera that counts, when it changed; `happening` with an id by which a browser
    that comes again is told what it missed.
    """

    content_type = "text/event-stream"

    async def get(self) -> None:
        """Sends them until the viewer leaves."""
        with self.stage.seats.take(), suppress(StreamClosedError):
            try:
                await self._tell()
            except TimeoutError:
                self.let_go()

    async def _tell(self) -> None:
        position, backlog = self._start()
        days: dict[str, bytes] = {}
        told = 0
        await self.send(b"retry: 1000\n\n", *backlog)
        while not self.is_over:
            news: list[bytes] = []
            report = self.stage.reporter.report()
            if report.number != told:
                told = report.number
                news.append(_message("report", report.document))
            position, happenings = self._happenings(position)
            news += happenings
            for camera in self.stage.days.cameras:
                day = self.stage.days.current(camera)
                if day is not None and days.get(camera) is not day:
                    days[camera] = day
                    news.append(_message("day", day))
            if news:
                await self.send(*news)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_left.wait(), LOOK_EVERY_S)

    def _start(self) -> tuple[int, list[bytes]]:
        """Returns the number of the last event that the viewer knows, and what is told first."""
        door = self.stage.sources.door
        if door is None:
            return 0, []
        # A browser that comes back by itself says it in a header; a script can only ask.
        known = self.request.headers.get("Last-Event-ID") or self.get_query_argument("after", "")
        position = door.events.last_sequence_number
        # One that was never given is of a device that has begun anew since, and kept no events.
        if known.isdecimal() and len(known) < 20 and int(known) <= position:
            return int(known), []
        messages = [
            _happening(event.sequence_number, describe_event(event, 0))
            for event in door.events.newest(_FIRST_EVENTS)
            # What has happened since is told as it happens.
            if event.sequence_number <= position
        ]
        return position, messages

    def _happenings(self, position: int) -> tuple[int, list[bytes]]:
        """Returns the number of the last event that is told with this, and the messages."""
        door = self.stage.sources.door
        messages: list[bytes] = []
        while door is not None and len(messages) < _MOST_EVENTS:
            told = door.events.next(position, 0)
            if told is None:
                break
            position = told.event.sequence_number
            messages.append(_happening(position, describe_event(told.event, told.missed)))
        return position, messages


def _message(kind: str, document: bytes) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + document + b"\n\n"


def _happening(number: int, document: bytes) -> bytes:
    return b"id: " + str(number).encode() + b"\n" + _message("happening", document)
