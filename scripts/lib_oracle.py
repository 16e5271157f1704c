"""How far ONNX Runtime 1.32's own answers may be from the interval that our definition of an operator gives.

Our intervals hold all legal executions of our definitions, and functions within the ulps that they promise. ONNX
Runtime is less exact in a few places. What it is granted here widens what it may answer, never what we may.

Measured: its kernels of these functions are polynomials clamped at the ends, so their error is absolute where it is
not in ulp. On 400,000 arguments each: sigmoid 1.66e-7, tanh 3.1e-7, log 2.8 ulp; rounded up to a power of two. An LSTM
is made of sigmoids and tanhs; on the stored cases its kernel is up to 2.2e-6 from f64 at states of 22.

Derived: a batch normalisation y = x·s + t is defined with s and t prepared in f64; ONNX Runtime prepares them in f32.
With u = 2⁻²⁴, s has then a relative error of at most 2.5u, t of 3.5u|mean·s| + u(|mean·s| + |bias|), and the last two
roundings add u|x·s| + u|y|; together below 5u(|x·s| + |mean·s| + |bias|).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from lib_nodes import Step

ABSOLUTE = {"Sigmoid": 2.0**-22, "Tanh": 2.0**-21, "LSTM": 2.0**-19}
RELATIVE = {"Log": 2.0**-21}
_U = 2.0**-24


def of_function(op: str, value: np.ndarray) -> Any:
    """What a result of `op` may be off by; 0 for an operator that ONNX Runtime computes as its type allows."""
    if op not in ABSOLUTE and op not in RELATIVE:
        return 0.0
    return ABSOLUTE.get(op, 0.0) + np.abs(value) * RELATIVE.get(op, 0.0)


def _batch_normalization(step: Step) -> np.ndarray:
    model = onnx.load_from_string(step.model)
    node = model.graph.node[0]
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer} | step.feeds
    x, scale, bias, mean, var = (values[name].astype(np.float64) for name in node.input)
    epsilon = next((helper.get_attribute_value(a) for a in node.attribute if a.name == "epsilon"), 1e-5)
    channels = [1, -1] + [1] * (x.ndim - 2)
    s = np.abs(scale / np.sqrt(var + epsilon))
    return 5 * _U * (np.abs(x) * s.reshape(channels) + (np.abs(mean) * s + np.abs(bias)).reshape(channels))


def of_step(step: Step, value: np.ndarray) -> Any:
    if step.op == "BatchNormalization" and value.dtype == np.float32:
        return _batch_normalization(step)
    return of_function(step.op, value)
