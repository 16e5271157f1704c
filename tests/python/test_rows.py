"""Rows of a batch: where the compiler sees that they are independent (Model.batches), row i has the bits of a run with
row i alone; where they are not, it does not say so."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import tauto

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model(nodes, inputs, outputs, constants):
    graph = helper.make_graph(
        [helper.make_node(op, i, o, **a) for op, i, o, a in nodes], "g",
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [helper.make_empty_tensor_value_info(n) for n in outputs],
        [numpy_helper.from_array(v, n) for n, v in constants.items()])
    return tauto.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                        ir_version=9).SerializeToString())


def network():
    """A convolution with statistics, pooling, a reshape that asks for sizes, attention over places, a softmax."""
    random = np.random.default_rng(1)
    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)
    nodes = [
        ("Conv", ["x", "k"], ["c"], {"pads": [1, 1, 1, 1]}),
        ("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], {}),
        ("Relu", ["n"], ["r"], {}),
        ("MaxPool", ["r"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("Shape", ["p"], ["size"], {}), ("Gather", ["size", "zero"], ["count"], {}),
        ("Concat", ["count", "rest"], ["shape"], {"axis": 0}),
        ("Reshape", ["p", "shape"], ["t"], {}),
        ("Transpose", ["t"], ["tt"], {"perm": [0, 2, 1]}),
        ("MatMul", ["tt", "t"], ["scores"], {}), ("Softmax", ["scores"], ["a"], {"axis": -1}),
        ("MatMul", ["t", "a"], ["y"], {}),
        ("ReduceMean", ["y"], ["mean"], {"axes": [2], "keepdims": 0}),
        ("Gemm", ["mean", "w", "bias"], ["z"], {}), ("LogSoftmax", ["z"], ["out"], {"axis": -1})]
    constants = {"k": normal(6, 3, 3, 3), "s": normal(6), "b": normal(6), "m": normal(6), "v": np.abs(normal(6)) + 1,
                 "zero": np.array([0], np.int64), "rest": np.array([6, -1], np.int64), "w": normal(6, 5), "bias": normal(5)}
    return model(nodes, {"x": (FLOAT, ["N", 3, 8, 10])}, ["y", "out"], constants)


def test_rows_of_a_network_are_independent():
    net = network()
    batch, = net.batches()
    assert batch["why_not"] == ""
    assert (batch["symbol"], batch["inputs"], batch["outputs"]) == ("N", {"x": (0, 1)}, {"y": (0, 1), "out": (0, 1)})
    x = np.random.default_rng(2).standard_normal((5, 3, 8, 10)).astype(np.float32)
    for threads in (1, 2):
        together = net.run({"x": x}, threads=threads)
        for row in range(5):
            for all_rows, one in zip(together, net.run({"x": x[row:row + 1]}, threads=threads)):
                assert all_rows[row:row + 1].tobytes() == one.tobytes(), (row, threads)


def test_rows_that_see_each_other_are_no_batch():
    normal = [("ReduceMean", ["x"], ["m"], {"axes": [0]}), ("Sub", ["x", "m"], ["y"], {})]
    sorted_rows = [("Gather", ["x", "order"], ["y"], {"axis": 0})]
    numbered = [("Shape", ["x"], ["s"], {}), ("ReduceProd", ["s"], ["n"], {"keepdims": 0}),
                ("Cast", ["n"], ["f"], {"to": FLOAT}), ("Div", ["x", "f"], ["y"], {})]
    running = [("CumSum", ["x", "axis"], ["y"], {})]
    assert model(normal, {"x": (FLOAT, ["N", 4])}, ["y"], {}).batches()[0]['why_not']
    assert model(sorted_rows, {"x": (FLOAT, ["N", 4])}, ["y"], {"order": np.array([1, 0], np.int64)}).batches()[0]['why_not']
    assert model(numbered, {"x": (FLOAT, ["N", 4])}, ["y"], {}).batches()[0]['why_not']
    assert model(running, {"x": (FLOAT, ["N", 4])}, ["y"], {"axis": np.array(0, np.int64)}).batches()[0]['why_not']
