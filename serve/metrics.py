"""Prometheus counters of our own routes. Labels are bounded: templates and numbers, never input."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

LATENCY_BUCKETS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip

_made: "Metrics | None" = None


class Metrics:
    """Counts one process's requests. Made once a process, as Prometheus names must be."""

    def __init__(self, requests: "Counter", latency: "Histogram") -> None:
        self._requests = requests
        self._latency = latency

    def observe(self, route: str, model: str, version: str, status: int, duration_s: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, model, version, status).inc()
        self._latency.labels(route, model, version).observe(duration_s)


def process_metrics() -> Metrics:
    """The metrics of this process.

    `prometheus_client` is imported here and not before: it decides at its import whether it writes
    into PROMETHEUS_MULTIPROC_DIR, which BentoML sets late.
    """
    global _made
    if _made is None:
        from prometheus_client import Counter, Histogram

        _made = Metrics(
            Counter(
                "wfctl_requests", "Requests answered.", ("route", "model", "version", "status")
            ),
            Histogram(
                "wfctl_request_duration_seconds",
                "Seconds from the request's headers to its answer.",
                ("route", "model", "version"),
                buckets=LATENCY_BUCKETS_S,
            ),
        )
    return _made
