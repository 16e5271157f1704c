"""Small ONNX models for tests, made of few operators."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def value(name, element, shape):
    return helper.make_tensor_value_info(name, element, shape)


def model(nodes, inputs, outputs, initializers=(), opset=21):
    tensors = [numpy_helper.from_array(array, name) for name, array in dict(initializers).items()]
    graph = helper.make_graph(nodes, "g", inputs, [value(name, FLOAT, None) if isinstance(name, str) else name
                                                   for name in outputs], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def add(**kwargs):
    """z[N, 3] = x[N, 3] + y[3]"""
    return model([helper.make_node("Add", ["x", "y"], ["z"], name="add_1")],
                 [value("x", FLOAT, ["N", 3]), value("y", FLOAT, [3])], ["z"], **kwargs)


def add_default():
    """The same with y = [1, 2, 3] unless it is given."""
    return add(initializers={"y": np.array([1, 2, 3], np.float32)})


def dense():
    """y[batch, 4] = relu(x[batch, 30] w)"""
    w = np.linspace(-1, 1, 120, dtype=np.float32).reshape(30, 4)
    return model([helper.make_node("MatMul", ["x", "w"], ["h"], name="mm"),
                  helper.make_node("Relu", ["h"], ["y"], name="act")],
                 [value("x", FLOAT, ["batch", 30])], ["y"], {"w": w})


def slow(steps=40, size=4096):
    """A minute of matrix products, or some: 2.7 T multiply-adds."""
    nodes = [helper.make_node("MatMul", [f"x{i}" if i else "x", "x"], [f"x{i + 1}"]) for i in range(steps)]
    return model(nodes, [value("x", FLOAT, [size, size])], [f"x{steps}"])


def sum_by_input():
    """z = x summed over the axes that are an input: no graph exists before they are known."""
    return model([helper.make_node("ReduceSum", ["x", "axes"], ["z"], name="sum_1", keepdims=0)],
                 [value("x", FLOAT, ["A", "B", "C"]), value("axes", INT64, ["K"])], ["z"])


def unsupported():
    return model([helper.make_node("Frobnicate", ["x"], ["y"], name="frob_1"),
                  helper.make_node("Relu", ["y"], ["z"], name="act")], [value("x", FLOAT, ["N"])], ["z"])


def save(proto, path):
    onnx.save(proto, str(path))
    return str(path)
