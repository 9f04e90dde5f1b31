"""Parts of a file by their place: what a ledger row or an index entry points at, read without the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storage.errors import ShardFailed
from storage.files import open_read


def read_ranges(uri: str, ranges: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """The bytes of each (offset, length) of a file, here or in a store, in the order given.

    Raises:
        ShardFailed: The file ends before a range does.
        Transient: The store stayed busy.
        UserError: There is no such file.
    """
    with open_read(uri) as stream:
        for offset, length in ranges:
            stream.seek(offset)
            data = stream.read(length)
            if len(data) < length:
                raise ShardFailed(f"{uri} ends {length - len(data):,} bytes before the range {offset}+{length} does.")
            yield data
