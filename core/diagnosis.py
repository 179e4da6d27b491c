"""What is installed and whether it loads, found out without loading it into this process."""

import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from .dependencies import DEPENDENCIES, NEEDED_BY, Dependency, how_to_install
from .environment import memory_bytes, processor_name, usable_cores, version_of, versions

State = Literal["works", "missing", "broken"]
IMPORT_TIMEOUT_S = 120
# Some packages report their use as soon as they are imported, unless these say otherwise.
REPORTS_NOTHING_HOME = {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
}

# Run by a Python of its own, so that a package that crashes takes nothing with it. Prints JSON.
PROBE = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
facts = {}
if sys.argv[1] == "torch":
    cuda = module.cuda
    facts = {"cuda_build": module.version.cuda, "threads": module.get_num_threads(),
             "gpus": [cuda.get_device_name(index) for index in range(cuda.device_count())]}
elif sys.argv[1] == "onnxruntime":
    facts = {"providers": module.get_available_providers()}
print(json.dumps(facts), file=sys.stderr)
"""


@dataclass(frozen=True)
class PackageState:
    """One package. `detail` says why it is broken; `facts` what it found on this machine."""

    name: str
    version: str | None
    state: State
    detail: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class CommandState:
    """Whether a command has what it needs; `lacks` names packages, `advice` says what to type."""

    ready: bool
    lacks: tuple[str, ...]
    advice: str | None


@dataclass(frozen=True)
class Diagnosis:
    """All that `wfctl doctor` says."""

    python: str
    platform: str
    processor: str
    cores: int
    memory_bytes: int | None
    disk_free_bytes: int
    packages: tuple[PackageState, ...]
    commands: dict[str, CommandState]

    @property
    def healthy(self) -> bool:
        """Serving has all it needs, and nothing that a command needs is installed but broken."""
        needed = {module for modules in NEEDED_BY.values() for module in modules}
        names = {each.distribution for each in DEPENDENCIES if each.module in needed}
        broken = [each for each in self.packages if each.state == "broken" and each.name in names]
        return not broken and all(self.commands[name].ready for name in ("serve", "predict"))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"healthy": self.healthy}


def diagnose(folder: Path) -> Diagnosis:
    """Look at this Python, this machine and the disk that holds `folder`."""
    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        packages = tuple(pool.map(probe, DEPENDENCIES))
    works = {
        dependency.module
        for dependency, package in zip(DEPENDENCIES, packages, strict=True)
        if package.state == "works"
    }
    return Diagnosis(
        python=versions(())["python"],
        platform=platform.platform(),
        processor=processor_name(),
        cores=usable_cores(),
        memory_bytes=memory_bytes(),
        disk_free_bytes=shutil.disk_usage(folder).free,
        packages=packages,
        commands={name: _command_state(needs, works) for name, needs in NEEDED_BY.items()},
    )


def probe(dependency: Dependency) -> PackageState:
    """Import a package in a Python of its own, and say whether that worked."""
    version = version_of(dependency.distribution)
    if version is None:
        return PackageState(dependency.distribution, None, "missing", "", {})
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE, dependency.module],
            capture_output=True,
            text=True,
            timeout=IMPORT_TIMEOUT_S,
            env=os.environ | REPORTS_NOTHING_HOME,
        )
    except subprocess.TimeoutExpired:
        detail = f"importing it took over {IMPORT_TIMEOUT_S} s"
        return PackageState(dependency.distribution, version, "broken", detail, {})
    last_line = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == 0:
        facts = json.loads(last_line)
        return PackageState(dependency.distribution, version, "works", "", facts)
    detail = _describe_failure(dependency, done.returncode, last_line)
    return PackageState(dependency.distribution, version, "broken", detail, {})


def _describe_failure(dependency: Dependency, exit_code: int, last_line: str) -> str:
    if dependency.module == "torchtext" and "OSError" in last_line:
        return "its compiled part does not load on this torch"
    if exit_code < 0:
        return f"importing it ended by signal {-exit_code}"
    return last_line or f"importing it ended with exit code {exit_code}"


def _command_state(needs: tuple[str, ...], works: set[str]) -> CommandState:
    lacks = tuple(module for module in needs if module not in works)
    return CommandState(not lacks, lacks, how_to_install(*lacks))
