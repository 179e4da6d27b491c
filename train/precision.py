"""Mixed precision: where operators may run in 16 bits, and how gradients are scaled for it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ..core.errors import RecipeError

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """`train.amp` on a device.

    Args:
        amp: `off`, `bf16` or `fp16`.

    Raises:
        RecipeError: fp16 on the CPU, where gradients cannot be scaled.
    """

    def __init__(self, amp: str, device: torch.device) -> None:
        if amp == "fp16" and device.type != "cuda":
            raise RecipeError([f"train.amp: fp16 needs CUDA; on {device.type} use bf16"])
        self._dtype = DTYPES.get(amp)
        self._device_type = device.type
        self._scaler = torch.amp.GradScaler(device.type, enabled=amp == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self._device_type, self._dtype)

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss, scaled where fp16 asks for it."""
        self._scaler.scale(loss).backward()

    def step(
        self, optimizer: torch.optim.Optimizer, clip_norm: float | None, parameters: list[Tensor]
    ) -> None:
        """One step of the optimiser; its gradients are clipped first."""
        if clip_norm is not None:
            self._scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue scaling."""
        if state:
            self._scaler.load_state_dict(state)
