import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torchvision import datasets

from wfctl.cli.main import run as wfctl
from wfctl.core.decode import decode_image
from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Data
from wfctl.models.dataset import Samples, Splits, check_data, load_splits, whole_split
from wfctl.models.torchvision_data import torchvision_source
from wfctl.tests.helpers import torchvision_files as files

# torchvision leaves files to the garbage collector to close, and calls what Pillow deprecates.
leaves_files_open = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:Image.Image.getdata is deprecated:DeprecationWarning",
)


def load(
    name: str, root: Path, mode: str = "RGB", task: str = "classification", **data: Any
) -> Splits:
    """Both splits of `torchvision:<name>`, as training loads them."""
    recipe_data = Data(source=f"torchvision:{name}", root=str(root), **data)
    known = {"task": task, "mode": mode}
    check_data(recipe_data, known)
    return load_splits(recipe_data, known)


def first(samples: Samples) -> tuple[tuple[int, ...], torch.dtype, int]:
    pixels, target = samples[0]
    return tuple(pixels.shape), pixels.dtype, int(target)


def test_every_class_of_torchvision_is_a_source() -> None:
    for name in datasets.__all__:
        if name not in {"VisionDataset", "wrap_dataset_for_transforms_v2"}:
            source = torchvision_source(name)
            assert len(source.splits) == 2
            assert {"split", "mode"} <= set(source.__signature__.parameters)


@pytest.mark.parametrize("name", ["MNIST", "KMNIST", "FashionMNIST"])
def test_the_mnists(tmp_path: Path, name: str) -> None:
    files.write_mnist(tmp_path, name, train=30, test=10)
    splits = load(name, tmp_path, "L")
    assert (len(splits.train), len(splits.held_out), splits.held_out_name) == (30, 10, "test")
    assert first(splits.train) == ((28, 28, 1), torch.uint8, 0)
    assert splits.classes == tuple(getattr(datasets, name).classes)


def test_samples_are_what_torchvision_gives(tmp_path: Path) -> None:
    files.write_mnist(tmp_path)
    theirs = datasets.MNIST(tmp_path, train=False)
    for mode, channels in (("L", 1), ("RGB", 3)):
        ours = load("MNIST", tmp_path, mode).held_out
        whole = whole_split(ours)
        assert whole is not None
        for index, (picture, target) in enumerate(iter(theirs)):
            expected = torch.tensor(list(picture.convert(mode).tobytes()), dtype=torch.uint8)
            pixels, given = ours[index]
            assert pixels.shape == (28, 28, channels)
            assert torch.equal(pixels.flatten(), expected)
            assert torch.equal(whole[0][index], pixels)
            assert given == target == whole[1][index]


def test_a_group_of_emnist_is_its_own_split(tmp_path: Path) -> None:
    files.write_emnist(tmp_path, "letters", classes=27)
    splits = load("EMNIST", tmp_path, "L", options={"own_split": "letters"})
    assert len(splits.classes) == 27
    assert len(splits.train) == len(splits.held_out) == 27


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, channels: int) -> None:
    files.write_cifar10(tmp_path, monkeypatch)
    splits = load("CIFAR10", tmp_path, mode)
    assert (len(splits.train), len(splits.held_out)) == (50, 10)
    assert splits.classes[:2] == ("airplane", "automobile")
    whole = whole_split(splits.held_out)
    assert whole is not None
    assert whole[0].shape == (10, 32, 32, channels)
    picture, target = datasets.CIFAR10(tmp_path, train=False)[3]
    expected = torch.tensor(list(picture.convert(mode).tobytes()), dtype=torch.uint8)
    assert torch.equal(whole[0][3].flatten(), expected)
    assert whole[1][3] == target


def test_a_damaged_cifar10_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_cifar10(tmp_path, monkeypatch)
    file = tmp_path / "cifar-10-batches-py" / "test_batch"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(RecipeError, match=r"data.root: torchvision:CIFAR10 is not whole in .*set "):
        load("CIFAR10", tmp_path)


def test_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_svhn(tmp_path, monkeypatch)
    splits = load("SVHN", tmp_path)
    assert splits.classes == tuple("0123456789")
    assert first(splits.held_out) == ((32, 32, 3), torch.uint8, 0)
    whole = whole_split(splits.train)
    assert whole is not None
    assert whole[1].tolist() == [*range(10), 0, 1]


def test_stl10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_stl10(tmp_path, monkeypatch)
    splits = load("STL10", tmp_path)
    assert splits.classes[:2] == ("airplane", "bird")
    assert first(splits.train) == ((96, 96, 3), torch.uint8, 0)
    with pytest.raises(RecipeError, match=r"data.splits: .*'unlabeled'.*samples without a class"):
        load("STL10", tmp_path, splits=("unlabeled", "test"))


def test_imagenet_is_read_as_serving_reads(tmp_path: Path) -> None:
    files.write_imagenet(tmp_path)
    splits = load("ImageNet", tmp_path)
    assert splits.held_out_name == "val"
    assert splits.classes == ("tench, Tinca tinca", "crane (n02)", "crane (n03)")
    assert getattr(splits.train, "targets").tolist() == [0, 0, 1, 1, 2, 2]  # noqa: B009
    served = decode_image((tmp_path / "train" / "n01" / "1.JPEG").read_bytes(), "RGB")
    assert torch.equal(torch.as_tensor(splits.train[1][0]), torch.tensor(served))


@leaves_files_open
def test_lsun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lmdb")
    monkeypatch.chdir(tmp_path)  # torchvision leaves a list of keys in the current folder
    for split, count in (("train", 3), ("val", 2)):
        files.write_lsun(tmp_path / "lsun", ["tower", "bridge"], split, count)
    splits = load("LSUN", tmp_path / "lsun", options={"categories": ["tower", "bridge"]})
    assert splits.classes == ("tower", "bridge")
    assert [int(splits.train[index][1]) for index in range(len(splits.train))] == [0] * 3 + [1] * 3
    assert first(splits.held_out) == ((20, 30, 3), torch.uint8, 0)


def test_a_set_without_splits_is_split_by_ratio(tmp_path: Path) -> None:
    names = ["Forest", "River"]
    files.write_folder(tmp_path / "eurosat" / "2750", names, count=5, suffix=".jpg")
    splits = load("EuroSAT", tmp_path, options={"held_out": 0.4})
    assert splits.classes == ("Forest", "River")
    counts = [torch.bincount(getattr(each, "targets")).tolist()  # noqa: B009
              for each in (splits.train, splits.held_out)]  # fmt: skip
    assert counts == [[3, 3], [2, 2]]


@leaves_files_open
def test_masks_fit_segmentation_alone(tmp_path: Path) -> None:
    files.write_voc(tmp_path)
    options = {"class_names": ["ground", "thing"]}
    splits = load("VOCSegmentation", tmp_path, task="segmentation", options=options)
    mask = splits.held_out[0][1]
    assert isinstance(mask, torch.Tensor)
    assert mask.shape == (12, 16)
    assert mask.unique().tolist() == [-100, 0, 1]
    with pytest.raises(RecipeError, match=r"task classification cannot learn from .*are masks"):
        load("VOCSegmentation", tmp_path, options=options)


@leaves_files_open
@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [("CocoDetection", "instances", [1, 2, 3, 4]), ("CocoCaptions", "captions", ["picture 2"])],
)
def test_coco_can_be_read_but_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str, target: list[object]
) -> None:
    pytest.importorskip("pycocotools")
    for split in ("train", "val"):
        files.write_coco(tmp_path, split)
    root = str(tmp_path / "{split}2017")
    annotations = str(tmp_path / "annotations" / (kind + "_{split}2017.json"))
    samples = torchvision_source(name)(split="val", root=root, mode="RGB", annFile=annotations)
    assert len(samples) == 3
    pixels, given = samples[1]
    assert (tuple(pixels.shape), pixels.dtype) == ((20, 30, 3), torch.uint8)
    assert (given[0]["bbox"] if name == "CocoDetection" else given) == target
    with pytest.raises(RecipeError, match=r"task classification cannot learn from .*boxes, capt"):
        load(name, Path(root), splits=("train", "val"), options={"annFile": annotations})
    assert capsys.readouterr().out == ""  # pycocotools prints; stdout is for results


def test_coco_needs_its_annotation_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"data.options.annFile: .* needs this option"):
        load("CocoDetection", tmp_path)


@leaves_files_open
def test_photo_tour_can_be_read_but_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(datasets.PhotoTour.lens, "liberty", 4)
    files.write_photo_tour(tmp_path)
    source = torchvision_source("PhotoTour")
    patches = source(split="train", root=str(tmp_path), mode="L", name="liberty")
    assert (tuple(patches[2][0].shape), patches[2][1]) == ((64, 64, 1), 5)
    pairs = source(split="test", root=str(tmp_path), mode="L", name="liberty")
    assert [(tuple(pair.shape), same) for pair, same in (pairs[0], pairs[1])] == [
        ((2, 64, 64, 1), 1),
        ((2, 64, 64, 1), 0),
    ]
    with pytest.raises(RecipeError, match=r"cannot learn from .*PhotoTour: .*pairs of them"):
        load("PhotoTour", tmp_path, "L", options={"name": "liberty"})


def test_classes_that_torchvision_does_not_name_can_be_given() -> None:
    data = Data(source="torchvision:FakeData", options={"size": 4, "image_size": [3, 8, 8]})
    known = {"task": "classification", "mode": "RGB"}
    with pytest.raises(RecipeError, match=r"data.options.class_names: .*does not name its classes"):
        load_splits(data, known)
    named = data.model_copy(update={"options": {**data.options, "class_names": ["a"] * 10}})
    assert first(load_splits(named, known).train)[0] == (8, 8, 3)


def test_what_is_not_there_is_one_line_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wfctl(["train", "mnist", "--set", f"data.root={tmp_path}"]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert f"data.root: torchvision:MNIST is not whole in {tmp_path}" in error[0]
    assert "set data.download=true to fetch it, or name the folder that holds it" in error[0]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("MNITS", {}, "data.source: torchvision.datasets has no 'MNITS' .did you mean 'MNIST'"),
        ("MNIST", {"options": {"flods": 1}}, "data.options.flods: torchvision:MNIST has no such"),
        ("MNIST", {"splits": ("extra", "test")}, "data.splits: torchvision:MNIST has train and"),
        ("MNIST", {"on_broken": "skip"}, "data.on_broken: torchvision:MNIST does not take"),
        ("ImageNet", {"download": True}, "data.options.download: .*no such|ImageNet must take"),
        ("ImageNet", {}, "ImageNet is not whole in .*torchvision cannot fetch it; name the folder"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, data: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load(name, tmp_path, **data)


def test_root_is_needed() -> None:
    data = Data(source="torchvision:MNIST")
    with pytest.raises(RecipeError, match=r"data.root: torchvision:MNIST needs the folder"):
        check_data(data, {"task": "classification", "mode": "L"})
    with pytest.raises(RecipeError, match=r"preprocess.kind: .*MNIST gives pictures"):
        check_data(data.model_copy(update={"root": "data"}), {"task": "classification"})


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mirror of MNIST on this machine; its folder."""
    folder = tmp_path / "mirror"
    files.mnist_archives(folder, monkeypatch)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        yield folder
        server.shutdown()
        thread.join()


def test_download_fetches_checks_and_unpacks(
    tmp_path: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = load("MNIST", tmp_path / "data", "L", download=True)
    assert (len(splits.train), len(splits.held_out)) == (40, 20)
    raw = tmp_path / "data" / "MNIST" / "raw"
    assert (raw / "train-images-idx3-ubyte").read_bytes() == files.mnist_files()[
        "train-images-idx3-ubyte"
    ]
    assert capsys.readouterr().out == ""
    for archive in mirror.iterdir():
        archive.unlink()
    again = load("MNIST", tmp_path / "data", "L", download=True)  # it is there: nothing is fetched
    assert len(again.train) == 40


@pytest.mark.parametrize("fault", ["other content", "no server"])
def test_a_failed_download_is_one_line(
    tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "other content":
        archive = mirror / "t10k-labels-idx1-ubyte.gz"
        archive.write_bytes(archive.read_bytes()[:-1])
    else:
        monkeypatch.setattr(datasets.MNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(
        RecipeError, match=r"^data.download: torchvision:MNIST cannot be fetch"
    ) as e:
        load("MNIST", tmp_path / "data", "L", download=True)
    assert "\n" not in str(e.value)


def test_an_upright_picture_stays_what_serving_decodes(tmp_path: Path) -> None:
    """Orientation is in the EXIF data; torchvision's own loader does not look at it."""
    files.write_imagenet(tmp_path)
    file = tmp_path / "train" / "n01" / "0.JPEG"
    with Image.open(file) as picture:
        exif = picture.getexif()
        exif[0x0112] = 6
        picture.save(file, exif=exif)
    pixels = load("ImageNet", tmp_path).train[0][0]
    assert pixels.shape == (30, 24, 3)
