"""The strict comparison of a computed value with an expected one.

Equal means: same kind of value, same element type, same shape; numbers of every type within the tolerance
(|got - want| <= atol + rtol * |want|), NaN where NaN is expected, infinities of the
same sign. Strings are compared exactly. A difference is returned as a Mismatch, never raised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mismatch:
    sort: str     # "kind", "dtype", "shape", "value" or "count": what a report groups by
    detail: str


def _is_text(array: np.ndarray) -> bool:
    return array.dtype.kind in "OUS"


def _texts(array: np.ndarray) -> list[str]:
    return [item.decode() if isinstance(item, bytes) else str(item) for item in array.reshape(-1).tolist()]


def _widen(array: np.ndarray) -> np.ndarray:
    """Numbers in a type that holds each of them and that numpy computes with; 64-bit integers stay integers."""
    if array.dtype.kind == "c":
        return array.astype(np.complex128)
    if array.dtype.kind in "iub":
        return array if array.dtype.itemsize == 8 and array.dtype.kind != "b" else array.astype(np.int64)
    return array.astype(np.float64)


def _compare_numbers(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> Mismatch | None:
    wide_got, wide_want = _widen(got), _widen(want)
    with np.errstate(all="ignore"):
        near = np.isclose(wide_got, wide_want, rtol=rtol, atol=atol, equal_nan=True)
        near |= wide_got == wide_want
    if near.all():
        return None
    first = tuple(int(i) for i in np.argwhere(~near)[0]) if near.ndim else ()
    return Mismatch("value", f"{int((~near).sum())} of {near.size} elements; "
                             f"first at {list(first)}: required {want[first]}, got {got[first]}")


def compare(got: Any, want: Any, rtol: float, atol: float) -> Mismatch | None:
    if want is None or got is None:
        if want is None and got is None:
            return None
        return Mismatch("kind", f"required {type(want).__name__}, got {type(got).__name__}")
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return Mismatch("kind", f"required a sequence, got {type(got).__name__}")
        return compare_all(got, want, rtol, atol)
    if isinstance(got, (list, tuple)):
        return Mismatch("kind", "required a tensor, got a sequence")
    got, want = np.asarray(got), np.asarray(want)
    if _is_text(want) or _is_text(got):
        if not (_is_text(want) and _is_text(got)):
            return Mismatch("dtype", f"required {want.dtype}, got {got.dtype}")
    elif got.dtype != want.dtype:
        return Mismatch("dtype", f"required {want.dtype}, got {got.dtype}")
    if got.shape != want.shape:
        return Mismatch("shape", f"required {list(want.shape)}, got {list(got.shape)}")
    if _is_text(want):
        return None if _texts(got) == _texts(want) else Mismatch("value", "strings differ")
    return _compare_numbers(got, want, rtol, atol)


def compare_all(got: Any, want: Any, rtol: float, atol: float) -> Mismatch | None:
    if len(got) != len(want):
        return Mismatch("count", f"required {len(want)} values, got {len(got)}")
    for index, (one, other) in enumerate(zip(got, want)):
        difference = compare(one, other, rtol, atol)
        if difference:
            return Mismatch(difference.sort, f"[{index}] {difference.detail}")
    return None
