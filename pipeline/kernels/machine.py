"""Machine instructions that numba has no name for: bytes at an address, trailing zeros, several numbers at a time."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic


def _store64(_: Any, address: Any, value: Any) -> Any:
    """Write a uint64 at any address, aligned or not; the caller answers for the memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store(arguments[1], pointer, align=1)
        return context.get_dummy_value()

    return types.void(types.intp, types.uint64), generate


def _load64(_: Any, address: Any) -> Any:
    """The uint64 at any address, aligned or not; the caller answers for the memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()), align=1)

    return types.uint64(types.intp), generate


def _trailing_zeros(_: Any, value: Any) -> Any:
    """Zero bits below the lowest one of a uint64; 64 for zero."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


def _ones(_: Any, value: Any) -> Any:
    """How many bits of a uint64 are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _splat(builder: Any, value: Any, count: int) -> Any:
    """A vector of so many times a value."""
    kind = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))


def _within64(_: Any, address: Any, first: Any, count: Any) -> Any:
    """Which of the 64 bytes from an address on are one of the `count` values from `first` on: the lowest bit of a
    uint64 is the first byte's. The caller answers for the memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), 64)
        numbers = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        above = builder.sub(numbers, _splat(builder, arguments[1], 64))
        found = builder.icmp_unsigned("<", above, _splat(builder, arguments[2], 64))
        return builder.bitcast(found, ir.IntType(64))

    return types.uint64(types.intp, types.uint8, types.uint8), generate


def _having64(_: Any, address: Any, bits: Any) -> Any:
    """Which of the 64 bytes from an address on have some of the bits set, as in `within64`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), 64)
        numbers = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        held = builder.and_(numbers, _splat(builder, arguments[1], 64))
        return builder.bitcast(builder.icmp_unsigned("!=", held, ir.Constant(kind, None)), ir.IntType(64))

    return types.uint64(types.intp, types.uint8), generate


def _paired64(_: Any, address: Any, first: Any, first_set: Any, second: Any, second_set: Any) -> Any:
    """Which of the 64 bytes from an address on are `first`, and the one after it `second`, when the bits `..._set` are
    set in them; as in `within64`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), 64)
        found = []
        for place, (byte, bits) in enumerate(zip(arguments[1::2], arguments[2::2], strict=True)):
            at = builder.add(arguments[0], ir.Constant(arguments[0].type, place))
            numbers = builder.load(builder.inttoptr(at, kind.as_pointer()), align=1)
            held = builder.or_(numbers, _splat(builder, bits, 64))
            found.append(builder.icmp_unsigned("==", held, _splat(builder, byte, 64)))
        return builder.bitcast(builder.and_(*found), ir.IntType(64))

    return types.uint64(types.intp, types.uint8, types.uint8, types.uint8, types.uint8), generate


load64: Any = intrinsic(_load64)
store64: Any = intrinsic(_store64)
trailing_zeros: Any = intrinsic(_trailing_zeros)
ones: Any = intrinsic(_ones)
within64: Any = intrinsic(_within64)
having64: Any = intrinsic(_having64)
paired64: Any = intrinsic(_paired64)
