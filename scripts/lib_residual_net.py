"""A small residual network for MNIST, made here: certificates need one that a checker in Python can follow, and the
public residual networks are too deep for any bound of theirs (docs/certificates.md).

Two blocks x + conv(relu(conv(x))) over 8 and 16 channels with random filters (He's scale, seeded), a max pool between
them, and a last layer fitted by ridge regression to seeded images of the test set. Its weights are rounded to
multiples of 2^-14, so that another BLAS gives the same file.
"""

from __future__ import annotations

import os

import numpy as np
import onnx
from onnx import helper, numpy_helper

import lib_models

SEED = 20240501
FITTED = 4000


def _filters(random: np.random.Generator, outputs: int, inputs: int, size: int, gain: float) -> np.ndarray:
    scale = gain * np.sqrt(2 / (inputs * size * size))
    return (np.round(random.standard_normal((outputs, inputs, size, size)) * scale * 2 ** 14) / 2 ** 14).astype("f4")


def _graph(last: np.ndarray | None, bias: np.ndarray | None) -> onnx.ModelProto:
    random = np.random.default_rng(SEED)
    weights = {"stem": _filters(random, 8, 1, 5, 1)}
    for block in ("a", "b"):
        weights[block + "1"] = _filters(random, 8, 8, 3, 1)
        weights[block + "2"] = _filters(random, 8, 8, 3, 0.5)
    weights |= {name + "_bias": (np.round(random.standard_normal(len(w)) * 0.05 * 2 ** 14) / 2 ** 14).astype("f4")
                for name, w in list(weights.items())}

    def conv(x: str, name: str, **attributes: object) -> onnx.NodeProto:
        return helper.make_node("Conv", [x, name, name + "_bias"], [name + "_out"], name=name + "_conv", **attributes)

    nodes = [conv("x", "stem", strides=[2, 2], pads=[2, 2, 2, 2]), helper.make_node("Relu", ["stem_out"], ["h0"], "relu0")]
    x = "h0"
    for block in ("a", "b"):
        nodes += [conv(x, block + "1", pads=[1, 1, 1, 1]),
                  helper.make_node("Relu", [block + "1_out"], [block + "1_on"], block + "_relu1"),
                  conv(block + "1_on", block + "2", pads=[1, 1, 1, 1]),
                  helper.make_node("Add", [x, block + "2_out"], [block + "_sum"], block + "_add"),
                  helper.make_node("Relu", [block + "_sum"], [block + "_on"], block + "_relu2")]
        x = block + "_on"
        if block == "a":
            nodes.append(helper.make_node("MaxPool", [x], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]))
            x = "pooled"
    nodes.append(helper.make_node("Flatten", [x], ["features"], "flatten"))
    output = ("features", [1, 392])
    if last is not None:
        weights |= {"last": last, "last_bias": bias}
        nodes.append(helper.make_node("Gemm", ["features", "last", "last_bias"], ["scores"], "last_gemm", transB=1))
        output = ("scores", [1, 10])
    graph = helper.make_graph(nodes, "mnist_residual",
                              [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, 28, 28])],
                              [helper.make_tensor_value_info(output[0], onnx.TensorProto.FLOAT, output[1])],
                              [numpy_helper.from_array(w, name) for name, w in weights.items()])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])


def make(path: str) -> None:
    """Writes the network to `path`."""
    import tauto

    body = tauto.load(_graph(None, None))
    chosen = np.random.default_rng(SEED).choice(10000, FITTED, replace=False)
    images = (lib_models.mnist_images(0, 10000) / np.float32(255)).astype(np.float32)
    features = np.stack([body(images[i].reshape(1, 1, 28, 28))[0] for i in chosen]).astype(np.float64)
    features = np.concatenate([features, np.ones((FITTED, 1))], axis=1)
    targets = np.eye(10)[lib_models.mnist_labels()[chosen]] * 2 - 1
    fitted = np.linalg.solve(features.T @ features + 30 * np.eye(features.shape[1]), features.T @ targets)
    fitted = (np.round(fitted * 2 ** 14) / 2 ** 14).astype(np.float32)
    model = _graph(np.ascontiguousarray(fitted[:-1].T), np.ascontiguousarray(fitted[-1]))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    onnx.save(model, path)
