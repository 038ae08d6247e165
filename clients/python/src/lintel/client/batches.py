"""Many pictures, in calls of a bounded size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from lintel.client.errors import LintelError, NotFoundError
from lintel.client.pictures import MEBIBYTE, Frame, Picture, load
from lintel.v1.image_pb2 import Image

# Large enough that what a call costs by itself does not show, small enough that it is over
# soon. Beyond 1 MiB it also grew slower: 200 KB pictures, echoed, took 1.26 ms each in calls
# of eight and 0.76 ms in calls of five.
PICTURES_PER_CALL = 8
BYTES_PER_CALL = MEBIBYTE
# Keeps a device of a few cores busy without filling its queue.
CALLS_IN_FLIGHT = 4


@dataclass(slots=True)
class Batch:
    """The pictures of one call, with those that can't be sent in their places.

    Attributes:
        first: Position of the first in the user's pictures.
        outcomes: What can be sent, and why the rest can't, in order.
        size: Bytes of what can be sent.
    """

    first: int
    outcomes: list[Image | LintelError] = field(default_factory=list)
    size: int = 0

    @property
    def images(self) -> list[Image]:
        """What can be sent, in order."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, Image)]

    @property
    def positions(self) -> list[int]:
        """Where the images stand among the user's pictures."""
        return [
            position
            for position, outcome in enumerate(self.outcomes, start=self.first)
            if isinstance(outcome, Image)
        ]

    def has_room_for(self, size: int, most: int) -> bool:
        """Tells whether a picture of so many bytes still fits; one always does.

        Args:
            size: In bytes.
            most: Pictures of a call.
        """
        if not self.outcomes:
            return True
        return len(self.outcomes) < most and self.size + size <= BYTES_PER_CALL

    def add(self, outcome: Image | LintelError, size: int) -> None:
        """Appends a picture or what stands in its place."""
        self.outcomes.append(outcome)
        self.size += size

    def parts(self, most: int) -> Iterator[Batch]:
        """Yields the same pictures in batches of at most so many."""
        for start in range(0, len(self.outcomes), most):
            yield Batch(self.first + start, self.outcomes[start : start + most])


def batches(
    pictures: Iterable[Picture], most: Callable[[], int] = lambda: PICTURES_PER_CALL
) -> Iterator[Batch]:
    """Loads pictures one by one and yields a batch as soon as it is full.

    Args:
        pictures: The pictures.
        most: Tells how many a call may have by now.

    A picture that can't be read or sent becomes an error in its place, as the device's own
    errors do; an argument that is no picture at all is the caller's mistake, and is raised.

    Raises:
        TypeError: As `load`.
        ValueError: As `load`.
    """
    batch = Batch(first=0)
    for index, picture in enumerate(pictures):
        outcome = load_or_error(picture, f"pictures[{index}]")
        size = outcome.ByteSize() if isinstance(outcome, Image) else 0
        if not batch.has_room_for(size, most()):
            yield batch
            batch = Batch(first=index)
        batch.add(outcome, size)
    if batch.outcomes:
        yield batch


def refuse_single(pictures: object) -> None:
    """Refuses one picture where many are asked for: a path would be read letter by letter.

    Raises:
        TypeError: It is one picture, or not iterable.
    """
    is_single = isinstance(pictures, str | os.PathLike | bytes | bytearray | memoryview | Frame)
    if is_single or not isinstance(pictures, Iterable):
        raise TypeError(f"pictures must be an iterable of pictures, not {type(pictures).__name__}")


def load_or_error(picture: Picture, name: str) -> Image | LintelError:
    """Loads a picture, as `load`; where it can't be read or sent, returns why.

    Raises:
        TypeError: As `load`.
        ValueError: As `load`.
    """
    try:
        return load(picture, name)
    except OSError as error:
        unreadable = NotFoundError(
            f"The file can't be read: {error.strerror}.", reason="FILE_UNREADABLE"
        )
        unreadable.__cause__ = error
        return unreadable
    except LintelError as error:
        return error
