"""An artifact as a BentoML service: types for its OpenAPI page and clients, our wire in front."""

import os
import re
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bentoml
import orjson
from bentoml.exceptions import BentoMLConfigException
from pydantic import BaseModel
from starlette.applications import Starlette

from ..core.decode import DEFAULT_LIMITS
from ..core.environment import usable_cores
from ..core.errors import WfctlError
from ..core.manifest import Manifest
from ..core.samples import decode_sample
from .front import Front
from .messages import Application
from .predict_protocol import ROUTE, PredictProtocol
from .schemas import answer_model, input_model

if TYPE_CHECKING:
    from .runtime import Runtime


LEFT_OUT_MIDDLEWARE = frozenset({"RunnerTrafficMetricsMiddleware", "TimeoutMiddleware"})


class FrontService(bentoml.Service[Any]):  # type: ignore[misc]  # it is untyped
    """A BentoML service whose hot routes are answered before BentoML's per-request machinery."""

    manifest: Manifest
    _instance: Any = None

    @property
    def doc(self) -> str:
        """Shown on the OpenAPI page; BentoML's own text would load pictures from the network."""
        return str(self.inner.__doc__)

    def __call__(self) -> Any:
        """Make the instance, as BentoML does once a worker, and keep it for the front."""
        try:
            self._instance = super().__call__()
        except WfctlError:
            _stop_supervisor()
            raise
        return self._instance

    def to_asgi(self, is_main: bool = True) -> Application:
        """BentoML's application behind ours."""
        inner = super().to_asgi(is_main=is_main)
        if not isinstance(inner, Starlette):
            raise TypeError(f"BentoML's application is a {type(inner).__name__}, not a Starlette")
        _without_traffic_middleware(inner)
        pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="predict")
        protocol = PredictProtocol(self.runtime, pool, DEFAULT_LIMITS)
        return Front(inner, {ROUTE: protocol}, self.manifest.name, self.manifest.version)

    def runtime(self) -> "Runtime | None":
        """The loaded model, or None while there is none."""
        return None if self._instance is None else self._instance.runtime


def make_service(
    manifest: Manifest,
    load: Callable[[], "Runtime"],
    before_workers: Callable[[], object] | None = None,
) -> FrontService:
    """The service of one artifact.

    Args:
        manifest: what the model is, known before it is loaded.
        load: gives the model; called in the worker, where the heavy work belongs.
        before_workers: called once in BentoML's supervisor, before there is a worker.
    """

    answer = answer_model(manifest)

    class ModelService:
        def __init__(self) -> None:
            self.runtime = load()

        @bentoml.on_deployment  # type: ignore[untyped-decorator]
        @staticmethod
        def check() -> None:
            try:
                if before_workers is not None:
                    before_workers()
            except WfctlError as error:
                raise BentoMLConfigException(str(error)) from error

        @bentoml.api(  # type: ignore[untyped-decorator]
            route=ROUTE, input_spec=input_model(manifest), output_spec=answer
        )
        async def predict(self, **inputs: Any) -> BaseModel:
            """Label one sample; `top_k` in the query says how many candidates are wanted."""
            value = inputs[manifest.inputs[0].name]
            data = value.read_bytes() if isinstance(value, Path) else orjson.dumps(value)
            sample = decode_sample(manifest, data)
            return answer.model_validate(self.runtime.answer(sample))

    ModelService.__doc__ = f"{manifest.name} {manifest.version}: {manifest.task}"
    service: FrontService = bentoml.service(
        name=service_name(manifest.name),
        service_class=FrontService,
        workers=1,
        logging={"access": {"enabled": False}},
        tracing={"excluded_urls": ".*"},
    )(ModelService)
    service.manifest = manifest
    return service


def service_name(model: str) -> str:
    """A model's name as BentoML allows it in a tag."""
    return re.sub(r"[^a-z0-9_.-]+", "-", model.lower()).strip("-_.") or "model"


def _stop_supervisor() -> None:
    """BentoML's supervisor starts a dead worker again for ever, also one that can never start."""
    if bentoml.server_context.worker_index is not None:
        os.kill(os.getppid(), signal.SIGTERM)


def _without_traffic_middleware(inner: Starlette) -> None:
    """Leave out two parts of BentoML's stack around its own routes.

    Its traffic metrics are labelled with the raw path, so that a scan of addresses grows them
    without bound, and they cannot be registered twice in one process; `/metrics` serves ours.
    Its time limit never hears of a handler that raised, and keeps the client waiting 60 seconds.
    """
    inner.user_middleware[:] = [
        entry
        for entry in inner.user_middleware
        if getattr(entry.cls, "__name__", "") not in LEFT_OUT_MIDDLEWARE
    ]
