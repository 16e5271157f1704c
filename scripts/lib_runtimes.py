"""The runtimes a campaign can put under test, behind one call: prepare(name, model) -> run(inputs) -> outputs.

`model` is an onnx.ModelProto, `inputs` and `outputs` are lists in the order of the model's inputs that have
no initializer, and of its outputs. Values are numpy arrays (ml_dtypes for what numpy lacks), lists of values
for sequences and None for an empty optional.

tauto is the product; onnxruntime and reference are there to check the harness itself on known counts.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any, Callable

import numpy as np
import onnx
from onnx import TensorProto

# The package as built in the tree; an installed tauto is found when there is no build.
_BUILD = os.environ.get("TAUTO_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build"))
if os.path.isdir(os.path.join(_BUILD, "python")):
    sys.path.insert(0, os.path.abspath(os.path.join(_BUILD, "python")))

Run = Callable[[list[Any]], list[Any]]

NAMES = ("tauto", "onnxruntime", "reference")

# What numpy cannot hold by itself and ONNX Runtime's numpy conversion therefore refuses.
_NUMPY_NATIVE = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL,
                 TensorProto.STRING, TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64,
                 TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64}
_PACKED = {TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.FLOAT4E2M1: 4,
           TensorProto.INT2: 2, TensorProto.UINT2: 2}


def fed_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    given = {tensor.name for tensor in model.graph.initializer}
    given |= {sparse.values.name for sparse in model.graph.sparse_initializer}
    return [value for value in model.graph.input if value.name not in given]


def _prepare_tauto(model: onnx.ModelProto) -> Run:
    import tauto.onnx_backend

    prepared = tauto.onnx_backend.prepare(model, device="CPU")
    return lambda inputs: list(prepared.run(inputs))


def _prepare_reference(model: onnx.ModelProto) -> Run:
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(model)
    names = [value.name for value in fed_inputs(model)]
    return lambda inputs: session.run(None, dict(zip(names, inputs)))


def _pack(array: np.ndarray, bits: int) -> np.ndarray:
    """Sub-byte elements as ONNX stores them: first element in the low bits."""
    per_byte = 8 // bits
    flat = array.reshape(-1).view(np.uint8) & ((1 << bits) - 1)
    flat = np.concatenate([flat, np.zeros(-flat.size % per_byte, np.uint8)]).reshape(-1, per_byte)
    return np.bitwise_or.reduce(flat << (np.arange(per_byte, dtype=np.uint8) * bits), axis=1).astype(np.uint8)


def _to_ort_value(array: np.ndarray, element: int) -> Any:
    import onnxruntime

    if element not in _PACKED:
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(np.array(array, order="C"), element)
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(array.shape), element)
    packed = _pack(array, _PACKED[element])
    ctypes.memmove(value.data_ptr(), packed.ctypes.data, packed.nbytes)
    return value


def _from_ort_value(value: Any) -> Any:
    if not value.has_value():
        return None
    if not value.is_tensor():
        return value._ortvalue.to_python() if hasattr(value._ortvalue, "to_python") else value.numpy()
    element = value.element_type()
    if element in _NUMPY_NATIVE:
        return value.numpy()
    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    tensor = TensorProto(data_type=element, dims=value.shape(), raw_data=raw)
    return onnx.numpy_helper.to_array(tensor)


def ort_session(model: bytes, optimise: bool = True) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _prepare_onnxruntime(model: onnx.ModelProto) -> Run:
    session = ort_session(model.SerializeToString())
    types = [value.type for value in fed_inputs(model)]
    names = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    plain = all(not t.HasField("tensor_type") or t.tensor_type.elem_type in _NUMPY_NATIVE
                for t in types + [value.type for value in model.graph.output])

    def run(inputs: list[Any]) -> list[Any]:
        if plain:
            return session.run(outputs, dict(zip(names, inputs)))
        import onnxruntime

        feeds = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value)
                 if t.tensor_type.elem_type == TensorProto.STRING
                 else _to_ort_value(value, t.tensor_type.elem_type)
                 for name, value, t in zip(names, inputs, types)}
        return [_from_ort_value(value) for value in session.run_with_ort_values(outputs, feeds)]

    return run


def prepare(runtime: str, model: onnx.ModelProto) -> Run:
    return {"tauto": _prepare_tauto, "onnxruntime": _prepare_onnxruntime,
            "reference": _prepare_reference}[runtime](model)
