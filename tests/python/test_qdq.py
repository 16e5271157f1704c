"""Contractions of DequantizeLinear results: sums of integers, as docs/semantics.md states them, said here in numpy."""

import itertools

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto

# What stands in place of the convolution's sum: the same operator over f64, where these integers are exact.
ONNX_OF = {np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8, np.dtype(np.uint16): TensorProto.UINT16}


def exact_sum(op, attributes, x, w):
    value = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, None) for n in "xwy"]
    graph = helper.make_graph([helper.make_node(op, ["x", "w"], ["y"], **attributes)], "g", value[:2], value[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return onnx.reference.ReferenceEvaluator(model).run(None, {"x": x.astype(np.float64), "w": w.astype(np.float64)})[0]


def scales(random, count, like):
    return (like * (1 + random.random(count))).astype(np.float32)


def case(seed, op, x_type=np.uint8, per_channel=True, bias="quantized", attributes=(), between="", zero=None):
    """(model, x f32, the result that the definition says)"""
    random = np.random.default_rng(seed)
    attributes = dict(attributes)
    shapes = {"Conv": ((2, 6, 7, 5), (8, 6 // attributes.get("group", 1), 3, 3)), "ConvTranspose": ((2, 6, 5, 4), (6, 8, 3, 3)),
              "MatMul": ((3, 5, 70), (70, 9)), "Gemm": ((5, 70), (9, 70) if attributes.get("transB") else (70, 9))}
    x_shape, w_shape = shapes[op]
    channel_axis = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1, "Gemm": 0 if attributes.get("transB") else 1}[op]
    along = 1 if op.startswith("Conv") else len(x_shape) - 1
    info = np.iinfo(x_type)
    x = random.normal(size=x_shape).astype(np.float32)
    sx = np.float32(6 / (int(info.max) - int(info.min)))
    zx = x_type(random.integers(info.min, info.max + 1) if zero is None else zero)
    qw = random.integers(-127, 128, w_shape).astype(np.int8)
    sw = scales(random, w_shape[channel_axis] if per_channel else 1, 0.01)
    sw = sw if per_channel else sw.reshape(())
    init = {"sx": sx, "zx": zx, "qw": qw, "sw": sw, "zw": np.zeros(sw.shape, np.int8)}
    nodes = [helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]), helper.make_node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
             helper.make_node("DequantizeLinear", ["qw", "sw", "zw"], ["wd"], axis=channel_axis)]
    if between:
        nodes.append(helper.make_node(between, ["xd"], ["xb"]))
    inputs = ["xb" if between else "xd", "wd"]
    outs = w_shape[channel_axis]
    shape = [1] * len(x_shape)
    shape[along] = outs
    product = np.float64(sx) * sw.astype(np.float64)
    acc_bias = np.int64(0)
    f_bias = None
    if bias and op != "MatMul":
        if bias == "f32":
            init["b"] = f_bias = random.normal(size=outs).astype(np.float32)
            inputs.append("b")
        else:
            init["qb"] = random.integers(-5000, 5000, outs).astype(np.int32)
            init["sb"] = product.astype(np.float32)
            if bias == "another scale":
                init["sb"] = np.nextafter(init["sb"], np.float32(1))
                f_bias = init["qb"].astype(np.float32) * init["sb"]
            else:
                acc_bias = init["qb"].astype(np.int64).reshape(shape)
            nodes.append(helper.make_node("DequantizeLinear", ["qb", "sb"], ["bd"], axis=0))
            inputs.append("bd")
    nodes.append(helper.make_node(op, inputs, ["y"], **attributes))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x_shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(np.asarray(v), k) for k, v in init.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    q = np.clip(np.rint(x / sx) + np.float32(zx), info.min, info.max).astype(np.int64)
    acc = np.rint(exact_sum(op, attributes, q - int(zx), qw)).astype(np.int64) + acc_bias
    m = product.astype(np.float32)
    y = acc.astype(np.float32) * (m.reshape(shape) if per_channel else m)
    if f_bias is not None:
        y = y + f_bias.reshape(shape)
    return model, x, y


CASES = [("Conv", {}), ("Conv", {"group": 2, "pads": [1, 1, 1, 1]}), ("Conv", {"strides": [2, 2], "dilations": [2, 1], "pads": [2, 1, 0, 1]}),
         ("ConvTranspose", {"strides": [2, 2]}), ("MatMul", {}), ("Gemm", {}), ("Gemm", {"transB": 1})]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_it_is_the_stated_sum_of_integers(number):
    op, attributes = CASES[number]
    for seed, (x_type, per_channel, bias) in enumerate(itertools.product(
            [np.uint8, np.int8], [True, False], ["", "quantized", "another scale", "f32"])):
        model, x, y = case(seed, op, x_type, per_channel, bias, attributes)
        m = tauto.load(model)
        assert m.run([x], interpret=True)[0].tobytes() == y.tobytes(), (op, attributes, seed)
        assert m(x).tobytes() == y.tobytes(), (op, attributes, seed)


def contractions(model):
    return [line for line in tauto.load(model).text().splitlines() if "= contract(" in line]


def test_what_ranges_do_not_prove_keeps_its_f32_meaning():
    (integers,) = contractions(case(0, "MatMul", np.uint16, zero=0)[0])     # 70 · 65535 · 128 < 2^31
    assert ": i32[" in integers
    model = case(0, "MatMul", np.uint16, zero=0)[0]
    random = np.random.default_rng(0)
    for init in model.graph.initializer:
        if init.name == "qw":
            init.CopyFrom(numpy_helper.from_array(random.integers(-127, 128, (300, 9)).astype(np.int8), "qw"))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 300      # 300 · 65535 · 128 > 2^31
    (floats,) = contractions(model)
    assert ": f32[" in floats


def test_what_stands_between_makes_it_another_program():
    (floats,) = contractions(case(0, "MatMul", between="Relu")[0])
    assert ": f32[" in floats


def test_a_sum_of_unknown_length_keeps_its_f32_meaning():
    nodes = []
    for name in "ab":
        nodes += [helper.make_node("QuantizeLinear", [name, "s", "z"], [name + "q"]),
                  helper.make_node("DequantizeLinear", [name + "q", "s", "z"], [name + "d"])]
    nodes.append(helper.make_node("MatMul", ["ad", "bd"], ["y"]))
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("a", [3, "K"]), ("b", ["K", 4]), ("y", [3, 4]))]
    init = [numpy_helper.from_array(np.array(0.1, np.float32), "s"), numpy_helper.from_array(np.array(3, np.uint8), "z")]
    model = helper.make_model(helper.make_graph(nodes, "g", value[:2], value[2:], init), opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (floats,) = contractions(model)
    assert ": f32[" in floats
    for value_info in model.graph.input:                                    # both operands from inputs, K known
        for dim in value_info.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = 16
    (integers,) = contractions(model)
    assert ": i32[" in integers
    random = np.random.default_rng(3)
    a, b = (random.normal(size=s).astype(np.float32) for s in ((3, 16), (16, 4)))
    q = [np.clip(np.rint(v / np.float32(0.1)) + np.float32(3), 0, 255).astype(np.int64) - 3 for v in (a, b)]
    y = (q[0] @ q[1]).astype(np.float32) * np.float32(np.float64(np.float32(0.1)) ** 2)
    m = tauto.load(model)
    assert m.run([a, b], interpret=True)[0].tobytes() == y.tobytes() == m.run([a, b])[0].tobytes()


def test_an_equal_constant_that_was_never_quantized_stays_what_it_is():
    """Small constants are folded and equal ones are one node: the meaning goes by names, not by values."""
    q = np.array([[1], [2]], np.int8)
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]), helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
             helper.make_node("DequantizeLinear", ["q", "s"], ["wd"]), helper.make_node("MatMul", ["xd", "wd"], ["y"]),
             helper.make_node("MatMul", ["xd", "w"], ["v"])]
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [3, 2]), ("y", [3, 1]), ("v", [3, 1]))]
    init = [numpy_helper.from_array(np.array(0.1, np.float32), "s"), numpy_helper.from_array(np.array(3, np.uint8), "z"),
            numpy_helper.from_array(q, "q"), numpy_helper.from_array(q.astype(np.float32) * np.float32(0.1), "w")]
    model = helper.make_model(helper.make_graph(nodes, "g", value[:1], value[1:], init), opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert [": i32[" in line for line in contractions(model)] == [True, False]
