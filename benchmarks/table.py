"""A report as text for a terminal."""

from collections.abc import Sequence

from .report import Comparison, Report, VariantRecord, Workload

HEADERS = ("batch", "variant", "calls", "median", "p95", "min", "samples/s", "ratio to {}", "95 %")


def render(report: Report) -> str:
    """The table of latencies, the control, and the profile by operator."""
    settings, artifact = report.settings, report.artifact
    lines = [
        f"{artifact.name} {artifact.version} on {settings.device}, {settings.threads} "
        f"thread{'s' if settings.threads > 1 else ''}, "
        f"{report.run.rounds_done} rounds in {report.run.elapsed:.0f} s; times of one call in ms",
        "",
        *_columns(_rows(report)),
    ]
    lines += ["", *(_control(workload) for workload in report.workloads if workload.aa)]
    lines += [f"not measured: {entry.variant}: {entry.reason}" for entry in report.absent]
    lines += [f"failed: {entry.variant}: {entry.reason}" for entry in report.failed]
    lines += [f"warning: {warning}" for warning in report.validity.warnings]
    lines += [f"INVALID: {reason}" for reason in report.validity.reasons]
    for workload in report.workloads:
        lines += _profile(workload)
    return "\n".join(lines) + "\n"


def _rows(report: Report) -> list[tuple[str, ...]]:
    rows = [tuple(header.format(report.reference) for header in HEADERS)]
    for workload in report.workloads:
        compared = {entry.variant: entry for entry in workload.comparisons}
        rows += [
            _row(workload.batch, variant, compared.get(variant.id), report.reference)
            for variant in workload.variants
        ]
    return rows


def _row(
    batch: int, variant: VariantRecord, compared: Comparison | None, reference: str | None
) -> tuple[str, ...]:
    latency, throughput = variant.latency, variant.throughput
    if latency is None or throughput is None:
        return (str(batch), variant.id, "0", "-", "-", "-", "-", "-", "")
    p95 = latency.p95
    ratio = "1" if variant.id == reference else "-"
    return (
        str(batch),
        variant.id,
        str(latency.n),
        milliseconds(latency.p50),
        f"n<{p95.need_n}" if p95.value is None else milliseconds(p95.value),
        milliseconds(latency.min),
        f"{throughput.items_per_s:.0f}",
        ratio if compared is None else f"{compared.ratio:.3f}",
        "" if compared is None else _interval(compared),
    )


def milliseconds(seconds: float) -> str:
    """A time in ms with four significant digits."""
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 1000 else f"{value:#.4g}"


def _interval(compared: Comparison) -> str:
    interval = compared.interval
    return "" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned text; the second column, a name, is the only one that starts on the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _control(workload: Workload) -> str:
    assert workload.aa is not None
    spread = _interval(workload.aa) or "no interval"
    reference = workload.aa.reference
    return (
        f"A/A, batch {workload.batch}: {reference} against {reference} in another process: "
        f"{workload.aa.ratio:.3f} ({spread})"
    )


def _profile(workload: Workload) -> list[str]:
    profile = workload.profile
    if profile is None:
        return []
    return [
        "",
        f"Profile of {profile.variant}, batch {workload.batch}, {profile.calls} calls, "
        f"not among those above: under the profiler a call takes {profile.overhead:.2f} times as "
        f"long, {profile.attributed:.0%} of it in operators",
        profile.table.rstrip(),
    ]
