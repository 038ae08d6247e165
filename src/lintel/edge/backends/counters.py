"""What a model has done so far."""

from __future__ import annotations

import threading
import time


class InferenceCounters:
    """Counts the inferences of a model, from any thread.

    Attributes:
        success_count: Inferences that gave a result.
        failure_count: Inferences that did not, those refused for want of a session among them.
        queue_ns: Time that successful inferences waited for a session, in nanoseconds.
        compute_ns: Time that they ran, in nanoseconds.
        last_inference_ms: When the last inference ended, in milliseconds since 1970; 0: never.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        with self._lock:
            self.success_count = 0
            self.failure_count = 0
            self.queue_ns = 0
            self.compute_ns = 0
            self.last_inference_ms = 0

    def succeeded(self, queue_ns: int, compute_ns: int) -> None:
        """Counts an inference that gave a result."""
        with self._lock:
            self.success_count += 1
            self.queue_ns += queue_ns
            self.compute_ns += compute_ns
            self.last_inference_ms = time.time_ns() // 1_000_000

    def failed(self) -> None:
        """Counts an inference that gave none."""
        with self._lock:
            self.failure_count += 1
            self.last_inference_ms = time.time_ns() // 1_000_000
