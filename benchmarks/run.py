"""One benchmark from artifact to report, and what the report means for the exit code."""

import time
from datetime import UTC, datetime
from pathlib import Path

from ..core.artifact import Artifact
from ..core.errors import CheckFailed, Interrupted, InvalidMeasurement, UsageError
from .analysis import make_report
from .measure import Say, measure
from .plan import Plan
from .report import Report


def benchmark(artifact: Artifact, plan: Plan, say: Say) -> Report:
    """Measure an artifact. Ctrl-C and a failing variant give a report of what there is.

    Raises:
        UsageError: the device or everything that could be measured is missing.
        ArtifactError: the artifact has no golden sample.
        CheckFailed: a variant's outputs are not what training gave.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    begin_s = time.perf_counter()
    measured = measure(artifact, plan, say)
    return make_report(artifact, plan, measured, started, time.perf_counter() - begin_s)


def check_report(report: Report) -> None:
    """Raise what makes the command fail; a report that can stand raises nothing.

    Raises:
        Interrupted: it was cut short.
        CheckFailed: a variant failed.
        InvalidMeasurement: the numbers must not be believed.
    """
    if report.run.interrupted:
        done, planned = report.run.rounds_done, report.run.rounds_planned
        kept = "what was measured is above" if done else "nothing was measured"
        raise Interrupted(f"interrupted after {done} of {planned} rounds; {kept}")
    if report.failed:
        what = "; ".join(f"{entry.variant} failed {entry.reason}" for entry in report.failed)
        raise CheckFailed(what)
    if not report.validity.valid:
        raise InvalidMeasurement("; ".join(report.validity.reasons))


def check_destination(file: Path | None, folder: Path | None) -> None:
    """Make sure before measuring that the results can be written.

    Raises:
        UsageError: `file` is a folder or lies in none, or `folder` is a file.
        OSError: `folder` cannot be made.
    """
    if file is not None and file.is_dir():
        raise UsageError(f"--json {file}: is a folder; name a file, or - for stdout")
    if file is not None and not file.resolve().parent.is_dir():
        raise UsageError(f"--json {file}: there is no folder {file.resolve().parent}")
    if folder is not None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--trace {folder}: is a file; name a folder for the traces")
        folder.mkdir(parents=True, exist_ok=True)
