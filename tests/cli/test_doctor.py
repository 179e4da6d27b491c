import importlib.metadata
import json
import platform
import subprocess
import sys

import pytest

from wfctl.cli.doctor import report
from wfctl.core.diagnosis import CommandState, Diagnosis, PackageState

DOCTOR = (sys.executable, "-m", "wfctl.cli.main", "doctor")


def test_report_says_what_is_missing_for_which_command() -> None:
    packages = (
        PackageState("torch", "2.14.1", "works", "", {"gpus": [], "cuda_build": "13.0"}),
        PackageState("onnxruntime", "1.32.0", "works", "", {"providers": ["CPU", "Other"]}),
        PackageState("torchtext", "0.18.0", "broken", "its compiled part does not load", {}),
        PackageState("bentoml", None, "missing", "", {}),
    )
    commands = {
        "train": CommandState(True, (), None),
        "serve": CommandState(False, ("bentoml",), "pip install wfctl"),
    }
    text = report(Diagnosis("3.12.1", "Linux", "a cpu", 2, None, 3 * 10**9, packages, commands))
    assert text == [
        "Python     3.12.1 on Linux",
        "processor  a cpu, 2 cores for this process",
        "memory     unknown",
        "disk       3.0 GB free here",
        "",
        "torch            2.14.1     works (CUDA 13.0: no GPU that it can use)",
        "onnxruntime      1.32.0     works (CPU, Other)",
        "torchtext        0.18.0     broken: its compiled part does not load",
        "bentoml          -          missing",
        "",
        "wfctl train      ready",
        "wfctl serve      needs bentoml: pip install wfctl",
    ]


@pytest.mark.slow
def test_json_of_this_machine() -> None:
    done = subprocess.run([*DOCTOR, "--json"], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["healthy"] else 1)
    assert found["python"] == platform.python_version()
    for package in found["packages"]:
        if package["state"] == "missing":
            with pytest.raises(importlib.metadata.PackageNotFoundError):
                importlib.metadata.version(package["name"])
        else:
            assert package["version"] == importlib.metadata.version(package["name"])
    assert found["commands"]["serve"] == {"ready": True, "lacks": [], "advice": None}
    torch = next(package for package in found["packages"] if package["name"] == "torch")
    assert (torch["state"] == "works") == found["commands"]["train"]["ready"]
