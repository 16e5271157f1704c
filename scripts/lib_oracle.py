"""How far ONNX Runtime 1.32's own answers may be from the interval that our definition of an operator gives.

Our intervals hold all legal executions of our definitions, and functions within the ulps that they promise. ONNX
Runtime is less exact in a few places. What it is granted here widens what it may answer, never what we may.

Measured: its kernels of these functions are polynomials clamped at the ends, so their error is absolute where it is
not in ulp. On 400,000 arguments each: sigmoid 1.66e-7, tanh 3.1e-7, log 2.8 ulp; rounded up to a power of two. An LSTM
is made of sigmoids and tanhs; on the stored cases its kernel is up to 2.2e-6 from f64 at states of 22.
"""

from __future__ import annotations

from typing import Any

import numpy as np

ABSOLUTE = {"Sigmoid": 2.0**-22, "Tanh": 2.0**-21, "LSTM": 2.0**-19}
RELATIVE = {"Log": 2.0**-21}


def of_function(op: str, value: np.ndarray) -> Any:
    """What a result of `op` may be off by; 0 for an operator that ONNX Runtime computes as its type allows."""
    if op not in ABSOLUTE and op not in RELATIVE:
        return 0.0
    return ABSOLUTE.get(op, 0.0) + np.abs(value) * RELATIVE.get(op, 0.0)
