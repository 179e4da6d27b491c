import threading
import time
from collections.abc import Mapping

import pytest

from wfctl.train.handlers import logger_thread
from wfctl.train.handlers.logger_services import Service
from wfctl.train.handlers.logger_thread import LoggerThread


class Slow(Service):
    """Takes points only once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.points: list[tuple[dict[str, float], int]] = []
        self.closed = False

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        self.let.wait(30)
        self.points.append((dict(scalars), iteration))

    def close(self) -> None:
        self.closed = True


class Broken(Slow):
    def __init__(self) -> None:
        super().__init__()
        self.met = threading.Event()

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        self.met.set()
        raise ConnectionError("gone")


class HalfFull(Slow):
    """Has points of one curve already, as behind a process that was killed."""

    def last_iteration(self, name: str, resumed_behind: int) -> int:
        return 3 if name == "a" else -1


def test_training_does_not_wait_for_a_slow_service() -> None:
    service = Slow()
    logger = LoggerThread(service, 0)
    started_s = time.monotonic()
    for iteration in range(1, 1001):
        logger.write({"loss": float(iteration)}, iteration)
    assert time.monotonic() - started_s < 5
    assert service.points == []
    service.let.set()
    logger.close()
    assert [iteration for _, iteration in service.points] == list(range(1, 1001))
    assert service.closed


def test_points_that_the_service_has_are_not_sent_again() -> None:
    service = HalfFull()
    service.let.set()
    logger = LoggerThread(service, 2)
    for iteration in (3, 4):
        logger.write({"a": 0.5, "b": 0.5}, iteration)
    logger.close()
    assert service.points == [({"b": 0.5}, 3), ({"a": 0.5, "b": 0.5}, 4)]


def test_what_the_service_raises_is_raised_at_a_later_point() -> None:
    service = Broken()
    logger = LoggerThread(service, 0)
    logger.write({"loss": 0.5}, 1)
    assert service.met.wait(30)
    logger._thread.join(30)
    with pytest.raises(ConnectionError, match="gone"):
        logger.write({"loss": 0.5}, 2)
    with pytest.raises(ConnectionError, match="gone"):
        logger.close()


def test_a_service_that_hangs_does_not_hold_the_end_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger_thread, "CLOSE_LIMIT_S", 0.05)
    service = Slow()
    logger = LoggerThread(service, 0)
    logger.write({"loss": 0.5}, 1)
    with pytest.raises(TimeoutError, match="did not take them"):
        logger.close()
    service.let.set()
