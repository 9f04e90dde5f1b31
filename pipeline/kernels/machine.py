"""Machine instructions that numba has no name for: bytes at an address, trailing zeros, several numbers at a time."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
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


def _splat(builder: Any, value: Any, count: int) -> Any:
    """A vector of so many times a value."""
    kind = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))


def _load_vector(builder: Any, address: Any, count: int) -> Any:
    """So many uint32 from an address on."""
    return builder.load(builder.inttoptr(address, ir.VectorType(ir.IntType(32), count).as_pointer()), align=4)


def _which64(_: Any, address: Any, bits: Any) -> Any:
    """Which of the 64 uint32 from an address on have one of some bits set: the lowest bit of a uint64 is the first's.
    The caller answers for the memory."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        both = builder.and_(_load_vector(builder, arguments[0], 64), _splat(builder, arguments[1], 64))
        found = builder.icmp_unsigned("!=", both, ir.Constant(both.type, [0] * 64))
        return builder.bitcast(found, ir.IntType(64))

    return types.uint64(types.intp, types.uint32), generate


def _reduce8(operation: str, neutral: int) -> Any:
    """One operation over the first of the 8 uint32 from an address on, `count` of them (more count as 8), the others
    read and not used. The caller answers for the memory."""

    def typed(_: Any, address: Any, count: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            numbers = _load_vector(builder, arguments[0], 8)
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), 8), list(range(8)))
            wanted = builder.icmp_signed("<", lanes, _splat(builder, arguments[1], 8))
            used = builder.select(wanted, numbers, ir.Constant(numbers.type, [neutral] * 8))
            kind = ir.FunctionType(ir.IntType(32), [numbers.type])
            name = f"llvm.vector.reduce.{operation}.v8i32"
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [used])

        return types.uint32(types.intp, types.int32), generate

    return typed


load64: Any = intrinsic(_load64)
store64: Any = intrinsic(_store64)
trailing_zeros: Any = intrinsic(_trailing_zeros)
which64: Any = intrinsic(_which64)
or8: Any = intrinsic(_reduce8("or", 0))
and8: Any = intrinsic(_reduce8("and", 0xFFFFFFFF))
