"""The command as a user runs it: what is kept, what is said, and the exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wfctl.benchmarks.run import check_destination
from wfctl.core.artifact import Artifact
from wfctl.core.errors import UsageError

BENCHMARK = (sys.executable, "-m", "wfctl.cli.main", "benchmark")
SHORT = ("--quick", "--rounds", "2")


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BENCHMARK, *map(str, arguments)], capture_output=True, text=True, timeout=100,
        check=False, env=dict(os.environ) | environment,
    )  # fmt: skip


def variants(report: dict[str, Any]) -> list[str]:
    return [variant["id"] for variant in report["workloads"][0]["variants"]]


def test_without_torch_onnx_is_still_measured(both_artifact: Artifact, tmp_path: Path) -> None:
    # Python runs this at start; a None in sys.modules is how a module says that it is not there.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    done = run(both_artifact.path, *SHORT, "--json", "-", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "torchscript: not measured: torch is not installed" in done.stderr
    report = json.loads(done.stdout)
    assert variants(report) == ["onnx"]
    assert report["reference"] == "onnx"
    assert [entry["variant"] for entry in report["absent"]] == ["eager", "torchscript"]
    assert report["workloads"][0]["profile"] is None
    assert report["workloads"][0]["aa"]["variant"] == "onnx (copy)"


def test_ctrl_c_keeps_what_was_measured(onnx_artifact: Artifact, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = [*BENCHMARK, str(onnx_artifact.path), "--rounds", "10000", "--json", str(file)]
    process = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, start_new_session=True)
    assert process.stderr is not None
    while "measuring" not in (line := process.stderr.readline()):
        assert line, "it ended before it measured"
    time.sleep(2)  # a round takes 0.4 s
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted after" in errors
    assert "onnx" in output
    report = json.loads(file.read_text())
    assert report["run"]["interrupted"] is True
    assert 1 <= report["run"]["rounds_done"] < 10000
    assert report["workloads"][0]["variants"][0]["latency"]["n"] > 0
    assert report["validity"]["valid"] is False


def test_a_failed_variant_sets_the_exit_code(
    failing_artifact: Callable[[int], Artifact], tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = run(failing_artifact(20).path, *SHORT, "--batch", "1", "--json", file)
    assert done.returncode == 1
    assert "wfctl: error: torchscript failed at batch 1: " in done.stderr
    report = json.loads(file.read_text())
    latencies = {v["id"]: v["latency"] for v in report["workloads"][0]["variants"]}
    assert latencies["onnx"]["n"] > 0
    assert {entry["variant"] for entry in report["failed"]} >= {"torchscript"}
    assert "failed: torchscript: " in done.stdout


def test_outputs_that_differ_print_no_speed(wrong_artifact: Artifact, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = run(wrong_artifact.path, *SHORT, "--json", file)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "nothing was timed" in done.stderr.splitlines()[-1]
    assert not file.exists()


def test_destinations_are_checked_before_measuring(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    check_destination(tmp_path / "report.json", tmp_path / "new" / "traces")
    assert (tmp_path / "new" / "traces").is_dir()
    with pytest.raises(UsageError, match=r"--json .*: is a folder"):
        check_destination(tmp_path, None)
    with pytest.raises(UsageError, match=r"--json .*: there is no folder"):
        check_destination(tmp_path / "nowhere" / "report.json", None)
    with pytest.raises(UsageError, match=r"--trace .*: is a file"):
        check_destination(None, file)
