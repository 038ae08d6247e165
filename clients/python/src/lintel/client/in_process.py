"""The device's own work in this process, for those who have its distribution installed.

This is the only module of the client that knows the device, and nothing imports it before it is
asked for: the client works alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Unpack

from lintel.client.batches import load_or_error, refuse_single
from lintel.client.errors import LintelError, of_picture
from lintel.client.masks import MaskOptions
from lintel.client.pictures import Picture, load
from lintel.client.results import FaceDetections, read_detections
from lintel.edge import config, workbench
from lintel.edge.errors import LintelError as DeviceError
from lintel.edge.runtime import Runtime
from lintel.edge.service import messages
from lintel.v1.image_pb2 import Image


class InProcessDevice:
    """Judges masks as a device with the settings of this process would. Any thread may use it.

    The settings are the defaults, the file that LINTEL_CONFIG names over them, and single ones in
    the environment over both, such as LINTEL_MODELS__DIRECTORY. Options, results and errors are
    those of Client.

    Raises:
        LintelError: The settings are wrong, or the models can't be had.
    """

    def __init__(self) -> None:
        file = os.environ.get("LINTEL_CONFIG")
        try:
            settings = config.load(Path(file) if file else None)
            self._workers = settings.server.workers or len(os.sched_getaffinity(0))
            self._runtime = Runtime(settings, self._workers)
        except DeviceError as error:
            raise _told(error) from error
        self._workbench = workbench.Workbench(self._runtime, settings)

    def close(self) -> None:
        """Closes the models."""
        self._runtime.close()

    def classify_masks(self, picture: Picture, **options: Unpack[MaskOptions]) -> FaceDetections:
        """Judges the faces of a picture, as Client.classify_masks."""
        return self._judge(load(picture), 0, self._work(options))

    def classify_masks_each(
        self, pictures: Iterable[Picture], **options: Unpack[MaskOptions]
    ) -> Iterator[FaceDetections | LintelError]:
        """Judges the faces of every picture, as Client.classify_masks_each."""
        refuse_single(pictures)
        judge = partial(self._judge_or_error, work=self._work(options))
        with ThreadPoolExecutor(self._workers) as threads:
            yield from threads.map(judge, pictures, count())

    def _work(self, options: MaskOptions) -> workbench.Work:
        try:
            work = workbench.Work(
                frozenset({workbench.Task.MASKS}),
                workbench.DetectionOptions(options.get("min_score"), options.get("face_model", "")),
                workbench.MaskOptions(options.get("min_probability"), options.get("model", "")),
                workbench.GivenFaces() if options.get("whole_image", False) else None,
            )
            self._workbench.check_models(work)
        except DeviceError as error:
            raise _told(error) from error
        return work

    def _judge_or_error(
        self, picture: Picture, position: int, work: workbench.Work
    ) -> FaceDetections | LintelError:
        image = load_or_error(picture, f"pictures[{position}]")
        if isinstance(image, LintelError):
            return image
        try:
            return self._judge(image, position, work)
        except LintelError as error:
            return error

    def _judge(self, image: Image, position: int, work: workbench.Work) -> FaceDetections:
        try:
            result = self._workbench.process(messages.read_image(image), work)
        except DeviceError as error:
            raise _told(error.at(f"images[{position}]")) from error
        return read_detections(messages.write_detections(result))


def _told(error: DeviceError) -> LintelError:
    """Returns what a client would be told of an error."""
    return of_picture(messages.write_error(error))
