import hashlib
from pathlib import Path
from typing import IO

import pytest

from wfctl.core.files import sha256_bytes, sha256_file, write_atomically, write_bytes_atomically

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sha256_of_known_content(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256_bytes(b"abc") == sha256_file(file) == ABC


def test_sha256_of_a_file_larger_than_one_read(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "large").write_bytes(content)
    assert sha256_file(tmp_path / "large") == hashlib.sha256(content).hexdigest()


def test_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_bytes_atomically(file, b"old")
    write_bytes_atomically(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "file"
    write_bytes_atomically(file, b"old")

    def fail_midway(stream: IO[bytes]) -> None:
        stream.write(b"half of the ne")
        raise error

    with pytest.raises(type(error)):
        write_atomically(file, fail_midway)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_bytes_atomically(file, b"old")
    seen: list[bytes] = []

    def write(stream: IO[bytes]) -> None:
        stream.write(b"new")
        seen.append(file.read_bytes())

    write_atomically(file, write)
    assert seen == [b"old"]


def test_no_folder_to_write_into(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_bytes_atomically(tmp_path / "absent" / "file", b"x")
