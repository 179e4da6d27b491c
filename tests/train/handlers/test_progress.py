"""Progress on a real terminal and off it."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

TRAIN = [sys.executable, "-m", "wfctl.cli.main", "train", "fizzbuzz", "--set", "train.epochs=2",
         "--set", "train.report=false", "--set", "train.loggers=[]"]  # fmt: skip


def on_a_terminal(*arguments: str) -> str:
    """What a command writes to stderr when that is a terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen([*TRAIN, *arguments], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux says that the other end was closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def visible_lines(shown: str) -> list[str]:
    """What is left on the screen: text behind a carriage return overwrites what was there."""
    lines = []
    for line in shown.replace("\r\n", "\n").split("\n"):
        left = ""
        for piece in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).split("\r"):
            left = piece + left[len(piece) :]
        lines.append(left.rstrip())
    return [line for line in lines if line]


def test_a_terminal_has_a_bar_that_leaves_one_line_an_epoch(tmp_path: Path) -> None:
    shown = on_a_terminal("--run-dir", str(tmp_path / "run"))
    assert re.search(r"epoch 1/2: +100%.*8/8.*loss \d", shown)
    lines = visible_lines(shown)
    assert len(lines) == 2
    assert re.fullmatch(r"epoch 1/2  train_loss [\d.]+  accuracy [\d.]+  loss [\d.]+", lines[0])


def test_a_run_stopped_in_mid_epoch_leaves_no_bar(tmp_path: Path) -> None:
    given = ("--set", "train.time_limit_s=0.00001", "--run-dir", str(tmp_path / "run"))
    shown = on_a_terminal(*given)
    assert "epoch 1/2:" in shown
    assert [line for line in visible_lines(shown) if not line.startswith("wfctl: ")] == []


def test_a_file_has_one_line_an_epoch_and_no_bar(tmp_path: Path) -> None:
    command = [*TRAIN, "--run-dir", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line.split("  ")[0] for line in done.stderr.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    assert "\r" not in done.stderr
    assert done.stdout == f"{tmp_path / 'run'}\n"
