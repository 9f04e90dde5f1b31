"""Curves for TensorBoard: its event files, written without it.

A file is TFRecords (length, its checksum, data, its checksum) of `Event` messages in protobuf's wire format. One file a
process, so a training that was resumed has several, which TensorBoard shows as one run.
Source: tensorflow/core/util/event.proto and core/lib/io/record_writer.h (masked CRC-32C).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path

_POLYNOMIAL = 0x82F63B78


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


class EventFile:
    """Scalars by name and step, on the disk after every `add`.

    Args:
        directory: Local; made where it is missing.
        step: Where this process begins; part of the file's name, so that names sort as the steps do.
    """

    def __init__(self, directory: Path, step: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._file = (directory / f"events.out.tfevents.{now:.6f}.{step:08d}.winnow").open("ab")
        self._write(_double(1, now) + _bytes(3, b"brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Points of some curves at a step."""
        summary = b"".join(_bytes(1, _bytes(1, name.encode()) + _float(2, value)) for name, value in values.items())
        self._write(_double(1, time.time()) + _varint(2, step) + _bytes(5, summary))

    def close(self) -> None:
        """No more points."""
        self._file.close()

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        record = length + struct.pack("<I", masked_crc(length)) + event + struct.pack("<I", masked_crc(event))
        self._file.write(record)
        self._file.flush()


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and offset as TFRecords have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _double(field: int, value: float) -> bytes:
    return _number(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _number(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value
