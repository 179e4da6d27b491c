import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wfctl.cli.benchmark import command


def wfctl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "wfctl.cli.main", *arguments]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=300, check=False, cwd=folder,
        env=dict(os.environ),
    )  # fmt: skip


@pytest.mark.parametrize("value", ["", "x", "0", "1,", "1;8", "-1", "1.5", "²"])
def test_batch_sizes_that_are_none_are_refused(value: str) -> None:
    result = CliRunner().invoke(command, ["--batch", value])
    assert result.exit_code == 2
    assert "expected whole numbers of at least 1, separated by commas" in result.output


@pytest.mark.parametrize(
    ("option", "value"),
    [("--threads", "0"), ("--rounds", "0"), ("--row-limit", "0"), ("--device", "tpu")],
)
def test_values_out_of_range_are_refused(option: str, value: str) -> None:
    result = CliRunner().invoke(command, [option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output


def test_without_any_artifact_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = wfctl(tmp_path, "benchmark")
    assert (done.returncode, done.stdout) == (2, "")
    assert "`wfctl export` makes one" in done.stderr


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    done = wfctl(tmp_path, "benchmark", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not an artifact" in done.stderr


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained and exported run of real digits."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("workplace")
    for line in (["train", "digits", "--set", "train.epochs=1"], ["export"]):
        done = wfctl(folder, *line)
        assert done.returncode == 0, done.stderr
    return folder


def workload(report: dict[str, Any]) -> dict[str, Any]:
    (only,) = report["workloads"]
    assert isinstance(only, dict)
    return only


@pytest.mark.slow
def test_digits_eager_torchscript_and_onnx_side_by_side(workplace: Path) -> None:
    done = wfctl(
        workplace, "benchmark", "--quick", "--batch", "8", "--json", "report.json",
        "--trace", "traces", "--row-limit", "4",
    )  # fmt: skip
    # A machine busy with other work may make two equal processes differ: that is 3, never a 0.
    report = json.loads((workplace / "report.json").read_text())
    assert done.returncode == (0 if report["validity"]["valid"] else 3), done.stderr
    assert report["reference"] == "eager"
    measured = {variant["id"]: variant for variant in workload(report)["variants"]}
    assert measured.keys() == {"eager", "torchscript", "onnx"}
    for variant in measured.values():
        latency = variant["latency"]
        assert 0 < latency["min"] <= latency["p50"] <= latency["p95"]["value"] <= latency["max"] < 1
        assert variant["equivalence"]["max_abs"] <= variant["equivalence"]["tolerance"]
        assert len(variant["blocks"]) == 8
        assert variant["throughput"]["items_per_s"] > 0
        assert variant["id"] in done.stdout
    compared = {entry["variant"]: entry for entry in workload(report)["comparisons"]}
    assert compared.keys() == {"torchscript", "onnx"}
    assert compared["onnx"]["interval"]["low"] < compared["onnx"]["ratio"] < 1
    profile = workload(report)["profile"]
    assert profile["variant"] == "eager"
    assert "aten::conv2d" in {row["name"] for row in profile["operators"]}
    assert profile["table"].count("aten::") == 4
    assert profile["table"].rstrip() in done.stdout
    trace = json.loads(gzip.decompress((workplace / "traces" / "eager-b8.json.gz").read_bytes()))
    assert "aten::conv2d" in {event.get("name") for event in trace["traceEvents"]}


@pytest.mark.slow
def test_eager_is_left_out_when_the_run_has_another_checkpoint(workplace: Path) -> None:
    (manifest_file,) = workplace.glob("runs/digits/*/export/digits/manifest.json")
    text = manifest_file.read_text()
    manifest = json.loads(text)
    manifest["source"]["checkpoint_sha256"] = "0" * 64
    manifest_file.write_text(json.dumps(manifest))
    try:
        done = wfctl(workplace, "benchmark", "--quick", "--rounds", "2", "--json", "-")
    finally:
        manifest_file.write_text(text)
    report = json.loads(done.stdout)
    assert "eager: not measured: the best checkpoint of" in done.stderr
    assert report["reference"] == "torchscript"
    assert [entry["variant"] for entry in report["absent"]] == ["eager"]
    assert not report["failed"]
