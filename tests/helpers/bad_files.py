"""Files that must be refused, made cheaply."""

import struct
import zlib
from pathlib import Path


def huge_png(side: int = 20_000) -> bytes:
    """A valid grey PNG of side x side pixels, all black, in a few hundred kilobytes.

    One compressed block of 100 rows is written side / 100 times, which takes milliseconds.
    """
    rows = bytes(100 * (side + 1))  # of each row a filter byte, then the pixels
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(rows) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(side // 100):
        checksum = zlib.adler32(rows, checksum)
    data = b"\x78\xda" + block * (side // 100) + compressor.flush() + struct.pack(">I", checksum)
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )


def flip_byte(path: Path, position: int = 100) -> None:
    """Change one bit of a file in place."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
