"""An artifact and the service as a Bento: what `bentoml build` needs, and one call of it."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from ..core.artifact import MANIFEST, Artifact
from ..core.errors import MissingDependency, UsageError, WfctlError

BENTOFILE = "bentofile.yaml"
STAGED = "artifact"
TAG_LINE = re.compile(r"^__tag__:(\S+)$", re.MULTILINE)


def build_bento(artifact: Artifact, root: Path) -> str:
    """Pack an artifact by the bentofile in `root`, without a network; the Bento's tag.

    Args:
        root: the checkout; the artifact is copied to `root/artifact` first.

    Raises:
        UsageError: there is no bentofile, or no wheel where it says.
        MissingDependency: uv is not there, which BentoML would install by itself.
        WfctlError: BentoML failed; what it said is in the message.
    """
    check_context(root)
    stage(artifact, root / STAGED)
    environment = os.environ | {"BENTOML_DO_NOT_TRACK": "True"}
    environment.pop("WFCTL_ARTIFACT", None)  # the copy is what goes in
    command = [sys.executable, "-m", "bentoml", "build", "--output", "tag", "-f", BENTOFILE, "."]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    found = TAG_LINE.search(done.stdout)
    if done.returncode != 0 or found is None:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["nothing"]
        raise WfctlError(f"bentoml build failed: {said[-1]}")
    return found[1]


def check_context(root: Path) -> None:
    """See that everything is there before BentoML starts.

    Raises:
        UsageError, MissingDependency: what is missing, and how to get it.
    """
    bentofile = root / BENTOFILE
    if not bentofile.is_file():
        raise UsageError(f"{bentofile}: is not there; run this in the checkout's root")
    try:
        wheels = yaml.safe_load(bentofile.read_bytes())["python"]["wheels"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise UsageError(f"{bentofile}: names no python.wheels") from error
    for wheel in wheels:
        if not (root / wheel).is_file():
            raise UsageError(f"{root / wheel}: is not there; `make wheel` makes it")
    if shutil.which("uv") is None:
        try:
            importlib.metadata.version("uv")
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingDependency(
                "uv is not installed, and bentoml build needs it: pip install uv"
            ) from error


def stage(artifact: Artifact, target: Path) -> None:
    """Copy an artifact to `target`; what is there is replaced in one step."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        copy = Path(folder) / "new"
        copy.mkdir()
        for name in (MANIFEST, *artifact.manifest.files):
            shutil.copyfile(artifact.path / name, copy / name)
        Artifact.open(copy)
        if target.exists():
            target.rename(Path(folder) / "old")
        copy.rename(target)
