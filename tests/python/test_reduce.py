"""`python -m tauto.reduce`: what is left of a network still parts, and says nothing of it."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto
from tauto import reduce

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TAUTO = os.path.join(os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")), "tauto")
FAULT = 'MODEL --fault "lost K tail:0"'


@pytest.fixture(name="secret")
def make_secret(tmp_path, monkeypatch):
    """relu -> conv -> relu -> flatten -> gemm, a file with names and weights that nobody is to see."""
    monkeypatch.setenv("TAUTO_CACHE", "off")
    random = np.random.default_rng(8)
    weights = {"secret_w": random.standard_normal((8, 4, 3, 3)), "secret_b": random.standard_normal(8),
               "secret_m": random.standard_normal((10, 8 * 36)) * 0.1}
    nodes = [helper.make_node("Relu", ["x"], ["secret_r"], name="secret_relu"),
             helper.make_node("Conv", ["secret_r", "secret_w", "secret_b"], ["secret_c"], name="secret_conv", pads=[1] * 4),
             helper.make_node("Relu", ["secret_c"], ["secret_d"], name="secret_act"),
             helper.make_node("Flatten", ["secret_d"], ["secret_f"], name="secret_flat"),
             helper.make_node("Gemm", ["secret_f", "secret_m"], ["y"], name="secret_gemm", transB=1)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 6])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
                              [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()])
    path = tmp_path / "secret.onnx"
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return str(path), {"x": random.standard_normal((3, 4, 6, 6)).astype(np.float32)}


def test_what_is_left_is_small_anonymous_and_parts(secret, tmp_path):
    path, data = secret
    out = tmp_path / "out"
    about = reduce.reduce(path, FAULT, data, str(out), sample=1)
    assert about["nodes"] < about["of_nodes"] == 5 and about["elements"] < about["of_elements"] // 4
    assert about["not_drawn_anew"] == []
    model = onnx.load(out / "model.onnx")
    assert b"secret" not in model.SerializeToString()
    old = {w.tobytes() for w in map(numpy_helper.to_array, onnx.load(path).graph.initializer)}
    assert not old & {numpy_helper.to_array(w).tobytes() for w in model.graph.initializer}
    done = subprocess.run([out / "replay.sh"], env={**os.environ, "TAUTO": TAUTO}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 4 and "REFUTED" in done.stdout, (done.stdout, done.stderr)
    assert json.loads((out / "about.json").read_text())["operators"] == about["operators"]


def test_the_command(secret, tmp_path):
    path, data = secret
    np.savez(tmp_path / "x.npz", **data)
    done = subprocess.run([sys.executable, "-m", "tauto.reduce", path, FAULT, "--data", tmp_path / "x.npz", "--out", tmp_path / "o"],
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(tauto.__file__))})
    assert done.returncode == 0 and "\nreduced: " in done.stdout and "they part at secret_" in done.stderr, done.stderr


@pytest.mark.parametrize("other, sample, message", [
    ("MODEL --threads 2", 0, "required two systems that part, got none that is refuted"),
    ("secret.onnx --threads 2", 0, 'required the word MODEL where the other system names its file, got "secret.onnx --threads 2"'),
    (FAULT, 3, "--sample: required 0 to 2, got 3")])
def test_what_cannot_be_reduced_is_said(secret, tmp_path, other, sample, message):
    path, data = secret
    with pytest.raises(tauto.Error, match=message.replace("(", "\\(")):
        reduce.reduce(path, other, data, str(tmp_path / "out"), sample=sample)
    assert not (tmp_path / "out").exists()
