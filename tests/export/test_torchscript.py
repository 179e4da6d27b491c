import io
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wfctl.export.runners import file_runner
from wfctl.export.torchscript import to_torchscript
from wfctl.models.digits import DigitsCnn
from wfctl.models.preprocess import ImageToTensor
from wfctl.models.trained import Trained

EXAMPLE = torch.zeros(2, 8, 8, 1, dtype=torch.uint8)


class Threshold(nn.Module):
    """Its answer hangs on the values, which a trace cannot note."""

    def forward(self, raw: Tensor) -> Tensor:
        if int(raw.max()) > 100:
            return raw.float()
        return -raw.float()


class NotScriptable(nn.Module):
    """A generator is beyond TorchScript's compiler, and would be no loss in a trace."""

    def forward(self, raw: Tensor) -> Tensor:
        return torch.stack(tuple(raw * factor for factor in (1, 3))).sum(dim=0)


def untrained(width: int) -> nn.Module:
    torch.manual_seed(width)
    return nn.Sequential(ImageToTensor((8, 8), (0.3,), (0.4,)), DigitsCnn(10, width)).eval()


def answer(content: bytes, raw: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
        module = torch.jit.load(io.BytesIO(content))
    with torch.no_grad():
        given: Tensor = module(raw)
    return given


def test_a_file_gives_what_the_model_gives(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(to_torchscript(trained.pipeline, EXAMPLE))
    raw = torch.randint(0, 256, (5, 20, 13, 1), dtype=torch.uint8)
    with torch.no_grad():
        expected = trained.pipeline(raw)
    given = torch.from_numpy(file_runner(path, "torchscript")(raw))
    torch.testing.assert_close(given, expected, rtol=0, atol=1e-5)


def test_the_same_model_gives_the_same_bytes_whatever_was_exported_before() -> None:
    """TorchScript counts the classes that a process has compiled, and writes the count."""
    first = to_torchscript(untrained(4), EXAMPLE)
    other = to_torchscript(untrained(6), EXAMPLE)
    assert to_torchscript(untrained(4), EXAMPLE) == first
    assert other != first


def test_nothing_in_a_file_tells_of_the_machine(repository: Path) -> None:
    content = to_torchscript(untrained(4), EXAMPLE)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        records = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not any("debug_pkl" in name for name in records)
    everything = b"".join([*records.values(), *(name.encode() for name in records)])
    for trace in (str(repository), str(Path(torch.__file__).parent), "site-packages", "digits.py"):
        assert trace.encode() not in everything


def test_a_branch_on_the_data_survives() -> None:
    content = to_torchscript(Threshold().eval(), torch.zeros(2, 1))
    assert answer(content, torch.tensor([[3.0]])) == torch.tensor([[-3.0]])
    assert answer(content, torch.tensor([[300.0]])) == torch.tensor([[300.0]])


def test_what_cannot_be_scripted_is_traced() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RuntimeError, match="cannot statically infer"):
            torch.jit.script(NotScriptable())
    content = to_torchscript(NotScriptable().eval(), torch.zeros(2, 3))
    raw = torch.rand(4, 3)
    torch.testing.assert_close(answer(content, raw), raw * 4)
