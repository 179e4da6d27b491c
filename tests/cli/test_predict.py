import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from wfctl.cli.main import run
from wfctl.tests.helpers.bad_files import flip_byte, huge_png


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "dark.png", tmp_path / "bright one.png"
    for path, brightness in zip(paths, (0, 255), strict=True):
        Image.new("RGB", (9, 7), (brightness,) * 3).save(path)
    return paths


def test_one_line_an_input(
    image_artifact: Path, pictures: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    dark, bright = map(str, pictures)
    # The tiny model's logits rise by 16/9 a label for black: softmax gives 1 - exp(-16/9) = 0.8310.
    assert run(["predict", str(image_artifact), dark, bright, "--top-k", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"{dark}: 0 0.8310 1 0.1404",
        f"{bright}: 9 0.8286 8 0.1420",
    ]
    assert printed.err == ""


def test_json_lines_hold_what_the_service_answers(
    image_artifact: Path, pictures: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(image_artifact), *map(str, pictures), "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["input"] for answer in answers] == [str(path) for path in pictures]
    for answer in answers:
        assert (answer["model"], answer["version"]) == ("digits", "3")
        assert len(answer["predictions"]) == 3
        assert all(set(entry) == {"label", "index", "score"} for entry in answer["predictions"])


def test_numbers_stand_for_themselves(
    number_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "number.txt").write_text("14\n")
    assert run(["predict", str(number_artifact), "15", str(tmp_path / "number.txt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("15: fizzbuzz 0.98")
    assert lines[1].startswith(f"{tmp_path}/number.txt: buzz 0.98")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"", "the file is empty (0 bytes)"),
        (b"this is text\n", "not a picture in a known format"),
    ],
)
def test_a_wrong_file_is_named(
    image_artifact: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    message: str,
) -> None:
    path = tmp_path / "input.png"
    if content is not None:
        path.write_bytes(content)
    assert run(["predict", str(image_artifact), str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"wfctl: error: {path}: {message}")
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


def test_a_huge_picture_is_refused(
    image_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "huge.png").write_bytes(huge_png())
    assert run(["predict", str(image_artifact), str(tmp_path / "huge.png")]) == 2
    assert "huge.png: the picture is too large" in capsys.readouterr().err


def test_what_went_before_a_wrong_file_was_answered(
    image_artifact: Path, pictures: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(image_artifact), str(pictures[0]), "absent.png"]) == 2
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "absent.png: there is no such file" in printed.err


def test_a_changed_artifact_is_refused(
    make_artifact: Callable[[], Path],
    pictures: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = make_artifact()
    flip_byte(path / "model.onnx")
    assert run(["predict", str(path), str(pictures[0])]) == 2
    assert "model.onnx: is not the file that was exported" in capsys.readouterr().err


def test_it_needs_an_input(image_artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(image_artifact)]) == 2
    assert "Missing argument 'INPUT...'" in capsys.readouterr().err


def test_it_imports_neither_torch_nor_the_service(
    image_artifact: Path, pictures: tuple[Path, Path]
) -> None:
    code = (
        "import sys; from wfctl.cli.main import run; code = run(sys.argv[1:]); "
        "print(code, [name for name in ('torch', 'torchvision', 'onnx', 'bentoml', 'uvicorn') "
        "if name in sys.modules])"
    )
    arguments = ["predict", str(image_artifact), str(pictures[0])]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []"
