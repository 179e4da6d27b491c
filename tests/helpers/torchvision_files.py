"""Tiny data sets in the very formats that torchvision reads, each class told by its brightness.

The md5 sums that torchvision compares are set to those of the files written here, so that its
checks run and can fail.
"""

import gzip
import hashlib
import io
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

Pixels = NDArray[np.uint8]


def pictures(count: int, classes: int, *shape: int, seed: int = 0) -> tuple[Pixels, list[int]]:
    """`count` noisy pictures of any shape, and their classes 0, 1, ... in turn."""
    random = np.random.default_rng(seed)
    targets = [index % classes for index in range(count)]
    brightness = np.array([20 + 200 * target // max(classes - 1, 1) for target in targets])
    noise = random.integers(0, 20, (count, *shape))
    return (brightness.reshape(-1, *[1] * len(shape)) + noise).astype(np.uint8), targets


def idx(array: Pixels) -> bytes:
    """An array as MNIST's files have it: big-endian sizes, then the bytes."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def mnist_files(train: int = 40, test: int = 20) -> dict[str, bytes]:
    """The four files of MNIST, without compression: name -> content."""
    files = {}
    for prefix, count in (("train", train), ("t10k", test)):
        pixels, targets = pictures(count, 10, 28, 28, seed=count)
        files[f"{prefix}-images-idx3-ubyte"] = idx(pixels)
        files[f"{prefix}-labels-idx1-ubyte"] = idx(np.array(targets, dtype=np.uint8))
    return files


def write_mnist(root: Path, name: str = "MNIST", train: int = 40, test: int = 20) -> None:
    """`<root>/<name>/raw/...` of MNIST, KMNIST or FashionMNIST."""
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for file, content in mnist_files(train, test).items():
        (folder / file).write_bytes(content)


def write_emnist(root: Path, group: str, classes: int) -> None:
    """`<root>/EMNIST/raw/...` of one of its groups, such as `letters`."""
    folder = root / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        pixels, targets = pictures(classes, classes, 28, 28)
        name = f"emnist-{group}-{part}"
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(np.array(targets, dtype=np.uint8)))


def mnist_archives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four archives as a mirror of MNIST has them; torchvision expects their md5 sums."""
    folder.mkdir(parents=True)
    resources = []
    for name, content in mnist_files().items():
        archive = folder / f"{name}.gz"
        archive.write_bytes(gzip.compress(content))
        resources.append((archive.name, md5(archive)))
    monkeypatch.setattr(datasets.MNIST, "resources", resources)


def write_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch, count: int = 10) -> None:
    """`<root>/cifar-10-batches-py/...`, five batches of `count` pictures and one to test."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    sums = {}
    for number, name in enumerate([f"data_batch_{each}" for each in range(1, 6)] + ["test_batch"]):
        pixels, targets = pictures(count, 10, 3, 32, 32, seed=number)
        content = {"data": pixels.reshape(count, -1), "labels": targets}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        sums[name] = md5(folder / name)
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship"]
    meta = folder / "batches.meta"
    meta.write_bytes(pickle.dumps({"label_names": [*names, "truck"]}, protocol=2))
    train = [[name, sums[name]] for name in sums if name != "test_batch"]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", train)
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    expected = {**datasets.CIFAR10.meta, "md5": md5(meta)}
    monkeypatch.setattr(datasets.CIFAR10, "meta", expected)


def write_svhn(root: Path, monkeypatch: pytest.MonkeyPatch, count: int = 12) -> None:
    """`<root>/{train,test}_32x32.mat`; the digit 0 has the label 10 there."""
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    lists = {}
    for split in ("train", "test"):
        pixels, targets = pictures(count, 10, 32, 32, 3)
        labels = np.array([[target or 10] for target in targets], dtype=np.uint8)
        file = root / f"{split}_32x32.mat"
        savemat(file, {"X": np.transpose(pixels, (1, 2, 3, 0)), "y": labels})
        lists[split] = ["http://127.0.0.1/none", file.name, md5(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", lists)


def write_stl10(root: Path, monkeypatch: pytest.MonkeyPatch, count: int = 10) -> None:
    """`<root>/stl10_binary/...`: pictures by column, labels from 1 on."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    lists: dict[str, list[list[str]]] = {"train": [], "test": []}
    for split in ("train", "test"):
        pixels, targets = pictures(count, 10, 3, 96, 96)
        (folder / f"{split}_X.bin").write_bytes(pixels.transpose(0, 1, 3, 2).tobytes())
        (folder / f"{split}_y.bin").write_bytes(bytes(target + 1 for target in targets))
        lists[split] = [[f"{split}_{part}.bin", md5(folder / f"{split}_{part}.bin")]
                        for part in "Xy"]  # fmt: skip
    (folder / "unlabeled_X.bin").write_bytes(pictures(2, 1, 3, 96, 96)[0].tobytes())
    lists["train"].append(["unlabeled_X.bin", md5(folder / "unlabeled_X.bin")])
    names = "airplane bird car cat deer dog horse monkey ship truck"
    (folder / "class_names.txt").write_text("\n".join(names.split()) + "\n")
    monkeypatch.setattr(datasets.STL10, "train_list", lists["train"])
    monkeypatch.setattr(datasets.STL10, "test_list", lists["test"])


def write_imagenet(root: Path) -> None:
    """`<root>/{meta.bin,train,val}` as torchvision leaves it; two classes of one name."""
    root.mkdir(parents=True, exist_ok=True)
    names = {"n01": ("tench", "Tinca tinca"), "n02": ("crane",), "n03": ("crane",)}
    torch.save((names, []), root / "meta.bin")
    for split in ("train", "val"):
        write_folder(root / split, list(names), count=2)


def write_folder(root: Path, classes: list[str], count: int, suffix: str = ".JPEG") -> None:
    """`<root>/<class>/<number><suffix>`, pictures of different sizes."""
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels, _ = pictures(number + 1, len(classes), 24 + 2 * index, 30, 3, seed=index)
            Image.fromarray(pixels[number]).save(root / name / f"{index}{suffix}")


def write_lsun(root: Path, categories: list[str], split: str, count: int) -> None:
    """`<root>/<category>_<split>_lmdb`, pictures as PNG."""
    import lmdb

    for category in categories:
        folder = root / f"{category}_{split}_lmdb"
        folder.mkdir(parents=True)
        pixels, _ = pictures(count, 1, 20, 30, 3)
        with (
            lmdb.open(str(folder), map_size=2**20) as environment,
            environment.begin(write=True) as transaction,
        ):
            for index, each in enumerate(pixels):
                buffer = io.BytesIO()
                Image.fromarray(each).save(buffer, "PNG")
                transaction.put(f"{index}".encode(), buffer.getvalue())


def write_coco(root: Path, split: str) -> None:
    """`<root>/<split>2017/*.png`, with the annotation files of boxes and of captions."""
    folder = root / f"{split}2017"
    folder.mkdir(parents=True)
    images, boxes, captions = [], [], []
    for index, each in enumerate(pictures(3, 3, 20, 30, 3)[0], start=1):
        Image.fromarray(each).save(folder / f"{index}.png")
        images.append({"id": index, "file_name": f"{index}.png", "height": 20, "width": 30})
        boxes.append({"id": index, "image_id": index, "category_id": 1, "bbox": [1, 2, 3, 4],
                      "area": 12, "iscrowd": 0, "segmentation": []})  # fmt: skip
        captions.append({"id": index, "image_id": index, "caption": f"picture {index}"})
    (root / "annotations").mkdir(exist_ok=True)
    categories = {"categories": [{"id": 1, "name": "thing"}]}
    for kind, more in (
        ("instances", {"annotations": boxes, **categories}),
        ("captions", {"annotations": captions}),
    ):
        content = {"images": images, **more}
        (root / "annotations" / f"{kind}_{split}2017.json").write_text(json.dumps(content))


def write_photo_tour(root: Path, name: str = "liberty") -> None:
    """`<root>/<name>/...`: patches on sheets, their points, and pairs that match or not."""
    folder = root / name
    folder.mkdir(parents=True)
    pixels, _ = pictures(4, 4, 64, 64)
    sheet = np.concatenate([np.concatenate([*pixels[:2]], axis=1),
                            np.concatenate([*pixels[2:]], axis=1)])  # fmt: skip
    Image.fromarray(sheet).save(folder / "patches0000.bmp")
    (folder / "info.txt").write_text("0 0\n0 0\n5 0\n6 0\n")
    (folder / "m50_100000_100000_0.txt").write_text("0 0 0 1 0 0 0\n1 0 0 2 5 0 0\n")


def write_voc(root: Path) -> None:
    """`<root>/VOCdevkit/VOC2012/...`: pictures with masks of their classes."""
    base = root / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (base / folder).mkdir(parents=True)
    for split in ("train", "val"):
        (base / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(f"{split}\n")
        pixels, _ = pictures(1, 1, 12, 16, 3)
        Image.fromarray(pixels[0]).save(base / "JPEGImages" / f"{split}.jpg")
        mask = np.zeros((12, 16), dtype=np.uint8)
        mask[:, 8:], mask[0] = 1, 255
        picture = Image.fromarray(mask)
        picture.putpalette([each for grey in range(256) for each in (grey, grey, grey)])
        picture.save(base / "SegmentationClass" / f"{split}.png")


def md5(file: Path) -> str:
    """The sum that torchvision compares."""
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
