"""Networks in the form in which others give quantized ones away: QuantizeLinear and DequantizeLinear around every node.

Made by onnxruntime.quantization: activations u8, weights i8 per channel, limits from one set of inputs.
"""

from __future__ import annotations

import logging
import os

import numpy as np
import onnx


def write(model: str, inputs: dict[str, np.ndarray], path: str) -> None:
    """Quantizes the network in the file `model` for the sizes and the limits of `inputs`, into `path`."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left_ = [inputs]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left_.pop() if self.left_ else None

    onnxruntime.set_default_logger_severity(4)
    logging.disable(logging.WARNING)
    onnx.save(_fixed(onnx.load(model), inputs), path + ".float")
    try:
        quantize_static(path + ".float", path, Samples(), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    finally:
        os.remove(path + ".float")


def _fixed(proto: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The network for these sizes, in an opset that has scales per channel."""
    if next(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")) < 13:
        proto = onnx.version_converter.convert_version(proto, 13)
    for value in proto.graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, inputs[value.name].shape if value.name in inputs else ()):
            dim.dim_value = size
    for value in proto.graph.output:
        value.type.tensor_type.ClearField("shape")
    del proto.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(proto)
