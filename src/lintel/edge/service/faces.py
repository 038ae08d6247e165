"""lintel.v1.FaceService: finding faces and destroying them."""

from __future__ import annotations

import grpc

from lintel.edge.service import messages
from lintel.edge.workbench import EncodedImage, RawImage, Workbench
from lintel.v1 import face_pb2, face_pb2_grpc


class FaceServicer(face_pb2_grpc.FaceServiceServicer):
    """Serves the face methods.

    Args:
        workbench: Does the work.
        limits: What a call may carry.
    """

    def __init__(self, workbench: Workbench, limits: messages.CallLimits) -> None:
        self._workbench = workbench
        self._limits = limits

    def DetectFaces(  # noqa: N802 - the contract's name
        self, request: face_pb2.DetectFacesRequest, context: grpc.ServicerContext
    ) -> face_pb2.DetectFacesResponse:
        """Finds the faces of every picture."""
        detection = messages.read_detection(request.detection)
        self._workbench.check_face_model(detection)

        def work(image: EncodedImage | RawImage, _index: int) -> face_pb2.DetectFacesResult:
            result = self._workbench.detect(image, detection)
            return face_pb2.DetectFacesResult(detections=messages.write_detections(result))

        results = messages.for_each_image(
            request.images,
            self._limits,
            context,
            work,
            lambda error: face_pb2.DetectFacesResult(error=error),
        )
        return face_pb2.DetectFacesResponse(results=results)

    def BlurFaces(  # noqa: N802 - the contract's name
        self, request: face_pb2.BlurFacesRequest, context: grpc.ServicerContext
    ) -> face_pb2.BlurFacesResponse:
        """Destroys the faces of every picture."""
        cover = messages.read_cover(request.blur)
        detection = messages.read_detection(request.detection)
        if not cover.whole_frame:
            self._workbench.check_face_model(detection)
        output = messages.read_output(request.output)

        def work(image: EncodedImage | RawImage, _index: int) -> face_pb2.BlurFacesResult:
            result = self._workbench.blur(image, detection, cover, output)
            return face_pb2.BlurFacesResult(
                blurred=face_pb2.BlurredImage(
                    image=messages.write_blurred(result),
                    faces=messages.write_faces(result),
                    width=result.width,
                    height=result.height,
                )
            )

        results = messages.for_each_image(
            request.images,
            self._limits,
            context,
            work,
            lambda error: face_pb2.BlurFacesResult(error=error),
        )
        return face_pb2.BlurFacesResponse(results=results)
