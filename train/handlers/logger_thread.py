"""A thread between training and a logger that may be slow, far away or gone."""

import queue
import threading
from collections.abc import Mapping

from .logger_services import Service

CLOSE_LIMIT_S = 30.0
Points = tuple[Mapping[str, float], int]


class LoggerThread:
    """A logger, as `Loggers` has them, that never makes training wait.

    Args:
        iteration: the one that the run goes on behind.
    """

    def __init__(self, service: Service, iteration: int) -> None:
        self._service = service
        self._resumed_behind = iteration
        self._points: queue.SimpleQueue[Points | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Hand points to the thread.

        Raises:
            Exception: what the service raised at earlier points, of any kind.
        """
        if self._error is not None:
            raise self._error
        self._points.put((scalars, iteration))

    def flush(self) -> None:
        """Do nothing: the thread sends points as they come."""

    def close(self) -> None:
        """Send what is left.

        Raises:
            TimeoutError: that took longer than `CLOSE_LIMIT_S`.
            Exception: what the service raised, of any kind.
        """
        self._points.put(None)
        self._thread.join(CLOSE_LIMIT_S)
        if self._thread.is_alive():
            raise TimeoutError(f"it did not take them within {CLOSE_LIMIT_S:.0f} s")
        if self._error is not None:
            raise self._error

    def _forward(self) -> None:
        try:
            while (points := self._points.get()) is not None:
                scalars, iteration = points
                known = {
                    name: value for name, value in scalars.items()
                    if iteration > self._service.last_iteration(name, self._resumed_behind)
                }  # fmt: skip
                if known:
                    self._service.write(known, iteration)
            self._service.close()
        except Exception as error:  # of any kind; training hears of it at the next point
            self._error = error
