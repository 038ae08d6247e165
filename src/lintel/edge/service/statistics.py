"""lintel.v1.StatisticsService: measurements of pictures."""

from __future__ import annotations

import grpc

from lintel.edge.service import messages
from lintel.edge.workbench import EncodedImage, RawImage, Workbench
from lintel.v1 import statistics_pb2, statistics_pb2_grpc


class StatisticsServicer(statistics_pb2_grpc.StatisticsServiceServicer):
    """Serves the measurements.

    Args:
        workbench: Does the work.
        limits: What a call may carry.
    """

    def __init__(self, workbench: Workbench, limits: messages.CallLimits) -> None:
        self._workbench = workbench
        self._limits = limits

    def ComputeImageStatistics(  # noqa: N802 - the contract's name
        self,
        request: statistics_pb2.ComputeImageStatisticsRequest,
        context: grpc.ServicerContext,
    ) -> statistics_pb2.ComputeImageStatisticsResponse:
        """Measures every picture."""

        def work(
            image: EncodedImage | RawImage, _index: int
        ) -> statistics_pb2.ComputeImageStatisticsResult:
            result = self._workbench.statistics(image)
            return statistics_pb2.ComputeImageStatisticsResult(
                statistics=messages.write_statistics(result)
            )

        results = messages.for_each_image(
            request.images,
            self._limits,
            context,
            work,
            lambda error: statistics_pb2.ComputeImageStatisticsResult(error=error),
        )
        return statistics_pb2.ComputeImageStatisticsResponse(results=results)
