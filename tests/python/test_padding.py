"""Zero extension (docs/semantics.md): zeros appended to a masked sequence change no bit of what is not padding, in
machine code and in the interpreter, for any number of threads."""

import os
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
import lib_models  # noqa: E402

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def masked_attention(width: int, masked: float) -> bytes:
    """softmax(q kᵀ, padding at `masked`) v of a sequence, and its masked mean: attention as encoders write it."""
    random = np.random.default_rng(3)
    weights = {name: numpy_helper.from_array(random.standard_normal((width, width)).astype(np.float32), name)
               for name in ("wq", "wk", "wv")}
    constants = [*weights.values(), numpy_helper.from_array(np.array(masked, np.float32), "low"),
                 numpy_helper.from_array(np.array([1], np.int64), "one"), numpy_helper.from_array(np.array([2], np.int64), "two")]
    nodes = [helper.make_node(*spec) for spec in (
        ("MatMul", ["x", "wq"], ["q"]), ("MatMul", ["x", "wk"], ["k"]), ("MatMul", ["x", "wv"], ["v"]))]
    nodes += [helper.make_node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), helper.make_node("MatMul", ["q", "kt"], ["scores"]),
              helper.make_node("Cast", ["mask"], ["on"], to=TensorProto.BOOL),
              helper.make_node("Unsqueeze", ["on", "one"], ["on_keys"]),
              helper.make_node("Where", ["on_keys", "scores", "low"], ["masked"]),
              helper.make_node("Softmax", ["masked"], ["p"], axis=-1), helper.make_node("MatMul", ["p", "v"], ["y"]),
              helper.make_node("Cast", ["mask"], ["weight"], to=FLOAT), helper.make_node("Unsqueeze", ["weight", "two"], ["w"]),
              helper.make_node("Mul", ["y", "w"], ["kept"]), helper.make_node("ReduceSum", ["kept", "one"], ["sum"], keepdims=0),
              helper.make_node("ReduceSum", ["w", "one"], ["count"], keepdims=0), helper.make_node("Div", ["sum", "count"], ["mean"])]
    graph = helper.make_graph(
        nodes, "attention", [helper.make_tensor_value_info("x", FLOAT, ["N", "S", width]),
                             helper.make_tensor_value_info("mask", INT64, ["N", "S"])],
        [helper.make_tensor_value_info("y", FLOAT, ["N", "S", width]), helper.make_tensor_value_info("mean", FLOAT, ["N", width])],
        constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def padded(value: np.ndarray, by: int) -> np.ndarray:
    return np.concatenate([value, np.zeros((value.shape[0], by, *value.shape[2:]), value.dtype)], axis=1)


@pytest.mark.parametrize("masked", [-np.inf, -1e9, float(np.finfo(np.float32).min)])
def test_zeros_appended_to_a_masked_sequence_change_no_bit(masked):
    model = tauto.load(masked_attention(24, masked))
    random = np.random.default_rng(4)
    for length, by in ((1, 1), (5, 3), (16, 1), (17, 40), (100, 300)):
        x = random.standard_normal((2, length, 24)).astype(np.float32)
        mask = np.ones((2, length), np.int64)
        for how in ({"threads": 1}, {"threads": 2}, {"interpret": True}):
            y, mean = model.run({"x": x, "mask": mask}, **how)
            longer, same = model.run({"x": padded(x, by), "mask": padded(mask, by)}, **how)
            assert np.array_equal(mean.view(np.uint32), same.view(np.uint32)), (length, by, how)
            kept = np.ascontiguousarray(longer[:, :length])
            assert np.array_equal(y.view(np.uint32), kept.view(np.uint32)), (length, by, how)


def test_an_encoder_does_not_see_its_padding():
    found = [m for m in lib_models.public_models() if m.name == "minilm-fp32" and os.path.exists(m.path)]
    if not found or not found[0].cases:
        pytest.skip("minilm-fp32 was not fetched (make models)")
    stored = lib_models.load_case(found[0], found[0].cases[0], onnx.load(found[0].path))[0]
    model = tauto.load(found[0].path)
    random = np.random.default_rng(5)
    for length, by in ((9, 1), (20, 44)):
        ids = random.integers(0, 30521, (1, length))
        inputs = {name: ids if name == "input_ids" else np.full((1, length), name == "attention_mask", np.int64)
                  for name in stored}
        assert set(stored) == {"input_ids", "attention_mask", "token_type_ids"}
        short = model.run(inputs)
        long = model.run({name: padded(value, by) for name, value in inputs.items()})
        for slot, a, b in zip(model.outputs, short, long):
            b = np.ascontiguousarray(b[:, :length]) if b.shape != a.shape else b
            assert np.array_equal(a.view(np.uint32), b.view(np.uint32)), (slot.name, length, by)
