"""The module that BentoML imports, in processes of its own: it is made once a process."""

import os
import subprocess
import sys
from pathlib import Path

IMPORT = "import wfctl.serve.service as s, sys; print(s.service.name, 'onnxruntime' in sys.modules)"


def import_service(folder: Path, artifact: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "WFCTL_ARTIFACT"}
    if artifact is not None:
        environment["WFCTL_ARTIFACT"] = str(artifact)
    return subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=folder,
        env=environment | {"BENTOML_DO_NOT_TRACK": "True"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_variable_names_the_artifact(image_artifact: Path, tmp_path: Path) -> None:
    done = import_service(tmp_path, image_artifact)
    assert done.stdout == "digits False\n", done.stderr  # no model runtime in the supervisor


def test_the_folder_beside_it_is_taken_otherwise(number_artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "artifact").symlink_to(number_artifact)
    assert import_service(tmp_path).stdout == "fizzbuzz False\n"


def test_a_missing_artifact_is_named(tmp_path: Path) -> None:
    done = import_service(tmp_path)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "artifact: there is no such artifact folder; WFCTL_ARTIFACT names" in last
    assert "BentoMLConfigException" in last
    empty = import_service(tmp_path, tmp_path)
    assert "is not an artifact (it has no manifest.json)" in empty.stderr
