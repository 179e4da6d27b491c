"""What BentoML imports: `bentoml serve wfctl.serve.service:service`, and the entry of a Bento.

Importing this module reads one manifest, because BentoML wants its types before a worker exists;
the model is loaded in the worker. The artifact is the folder that WFCTL_ARTIFACT names, or
`artifact/` in the current folder, which inside a Bento is the Bento's own.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bentoml.exceptions import BentoMLConfigException

from ..core.artifact import Artifact, read_manifest
from ..core.errors import WfctlError
from .bento_service import FrontService, make_service

if TYPE_CHECKING:
    from .runtime import Runtime

ARTIFACT_VARIABLE = "WFCTL_ARTIFACT"
BUNDLED_ARTIFACT = Path("artifact")


def _make() -> FrontService:
    named = os.environ.get(ARTIFACT_VARIABLE)
    path = Path(named).resolve() if named else BUNDLED_ARTIFACT.resolve()
    try:
        manifest = read_manifest(path)
    except WfctlError as error:
        hint = f"; {ARTIFACT_VARIABLE} names the artifact folder to serve" if not named else ""
        raise BentoMLConfigException(f"{error}{hint}") from error

    def load() -> "Runtime":
        from .runtime import Runtime  # brings onnxruntime, which BentoML's supervisor never needs

        return Runtime.load(path)

    return make_service(manifest, load, lambda: Artifact.open(path))


service = _make()
