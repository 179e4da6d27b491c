"""`wfctl` in real processes, and recipes on disk for it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from wfctl.tests.helpers.training import NUMBERS
from wfctl.train.launch import command_line


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """A `wfctl` process in a session of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command_line(arguments), cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wfctl(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, folder=folder)
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def write_recipe(
    folder: Path, values: dict[str, Any] = NUMBERS, module: str = "", **train: Any
) -> Path:
    """A recipe file, with the user's module `mine` beside it.

    Args:
        train: keys of its section `train`; handlers are left out unless given.
    """
    values = values | {"train": values["train"] | {"handlers": []} | train}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    (folder / "mine.py").write_text(module)
    return path
