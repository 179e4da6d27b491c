"""A real training that is killed again and again goes on from its newest checkpoint each time."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wfctl.core.runs import RunFolder
from wfctl.models.trained import read_checkpoint
from wfctl.train.verify_resume import leaves

KILLS = 50


@pytest.mark.slow
def test_nothing_is_lost_by_50_kills_at_random_moments(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "wfctl.tests.helpers.kill_repeatedly", str(run.path)]
    finished = subprocess.run(
        [*command, str(KILLS), "5"], capture_output=True, text=True, timeout=250, check=False
    )
    assert finished.returncode == 0, finished.stderr
    result = json.loads(finished.stdout)
    newest, resumed, within_save = 0, 0, 0
    for kill in result["kills"]:
        assert kill["damaged"] == []
        said = re.search(r"going on behind iteration (\d+)", kill["said"])
        if said:
            assert int(said[1]) == newest
            resumed += 1
        iterations = kill["iterations"] or [0]
        assert iterations[-1] >= newest
        if iterations[-1] > newest:  # it was past its start: what it left is its own
            assert all(f".{kill['process']}." in name for name in kill["temporary"])
        within_save += bool(kill["temporary"] or kill["unlisted"])
        newest = iterations[-1]
    assert len(result["kills"]) == KILLS
    assert resumed >= KILLS // 4
    assert within_save >= 5
    assert newest >= KILLS // 4

    assert result["codes"] == [0, 0]
    last = result["last"]
    assert (last["damaged"], last["temporary"], last["unlisted"]) == ([], [], [])
    assert not list(run.path.glob(".*.tmp"))
    assert last["iterations"][-1] == result["iteration"]
    killed, whole = (
        dict(leaves(read_checkpoint(newest_file(path)))) for path in (run.path, tmp_path / "whole")
    )
    assert killed == whole


def newest_file(run: Path) -> Path:
    return max((run / "checkpoints").glob("*.pt"), key=lambda file: file.name.split("-")[-1])
