"""Decision certificates as files: the checker accepts what the compiler certified, and nothing else."""

import base64
import copy
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import tauto  # noqa: E402
from tauto.certify import certificate, digest_of, text_of  # noqa: E402
import certificates as campaign  # noqa: E402
import check_certificate as checker  # noqa: E402
import lib_models  # noqa: E402

HAVE_DATA = os.path.isdir(os.path.join(lib_models.SHARED, "data", "acasxu"))


def save(folder, nodes, weights, inputs, output):
    graph = helper.make_graph(nodes, "net",
                              [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, inputs)],
                              [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, output)],
                              [numpy_helper.from_array(np.asarray(w, np.float32), n) for n, w in weights.items()])
    path = os.path.join(folder, "net.onnx")
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]), path)
    return path


def dense(folder, seed=1, layers=3, width=24, last=None):
    random = np.random.default_rng(seed)
    nodes, weights, x, size = [], {}, "x", 8
    for i in range(layers):
        weights[f"w{i}"] = random.standard_normal((width, size)) * np.sqrt(2 / size)
        weights[f"b{i}"] = random.standard_normal(width) * 0.1
        nodes += [helper.make_node("Gemm", [x, f"w{i}", f"b{i}"], [f"g{i}"], transB=1),
                  helper.make_node("Relu", [f"g{i}"], [f"h{i}"], f"relu{i}")]
        x, size = f"h{i}", width
    weights["last"] = random.standard_normal((5, size)) if last is None else last
    nodes.append(helper.make_node("Gemm", [x, "last"], ["y"], transB=1))
    return save(folder, nodes, weights, [1, 8], [1, len(weights["last"])])


def convolutions(folder):
    """A residual block, a strided and padded convolution, both with and without bias, a max pool with padding."""
    random = np.random.default_rng(2)
    weights = {"a": random.standard_normal((4, 2, 3, 3)) * 0.3, "ab": random.standard_normal(4),
               "b": random.standard_normal((4, 4, 3, 3)) * 0.2, "c": random.standard_normal((3, 4 * 9)) * 0.3}
    nodes = [helper.make_node("Conv", ["x", "a", "ab"], ["h"], pads=[1, 1, 1, 1], strides=[2, 1]),
             helper.make_node("Relu", ["h"], ["hr"], "r1"),
             helper.make_node("Conv", ["hr", "b"], ["k"], pads=[2, 2, 2, 2], dilations=[2, 2]),
             helper.make_node("Add", ["hr", "k"], ["s"]),
             helper.make_node("MaxPool", ["s"], ["p"], "pool", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 1, 0, 0]),
             helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
             helper.make_node("Flatten", ["t"], ["f"]),
             helper.make_node("Gemm", ["f", "c"], ["y"], transB=1)]
    return save(folder, nodes, weights, [1, 2, 6, 6], [1, 3])


def doubtful(folder):
    """relu((h + 0.005) - h): h's error meets itself, which only a functional of the relu's own sees."""
    weights = {"w": np.full((2, 8), 1000.0), "small": np.full((1, 2), 0.005), "last": [[1.0, 1.0], [-1.0, -1.0]]}
    nodes = [helper.make_node("Gemm", ["x", "w"], ["g"], transB=1), helper.make_node("Relu", ["g"], ["h"], "first"),
             helper.make_node("Add", ["h", "small"], ["p"]),
             helper.make_node("Sub", ["p", "h"], ["q"]), helper.make_node("Relu", ["q"], ["r"], "relu"),
             helper.make_node("Gemm", ["r", "last"], ["y"], transB=1)]
    return save(folder, nodes, weights, [1, 8], [1, 2])


def certified(path, x, decision="top1"):
    model = tauto.load(path)
    made = certificate(tauto.Certifier(model, decision), model, digest_of(path), {model.inputs[0].name: x})
    return json.loads(text_of(made))


def inputs(seed, shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("decision", ["top1", "argmin", "topk:2", "threshold:0.5"])
def test_what_is_certified_is_accepted(tmp_path, decision):
    path, loaded = dense(tmp_path), checker.read_model(dense(tmp_path))
    for seed in range(8):
        checker.check(path, certified(path, inputs(seed, (1, 8)), decision), loaded)
    path = convolutions(tmp_path)
    for seed in range(4):
        checker.check(path, certified(path, inputs(seed, (1, 2, 6, 6)), decision))


def test_pairs_that_need_functionals(tmp_path):
    random = np.random.default_rng(5)
    last = np.repeat(random.standard_normal((1, 24)) * 100, 2, axis=0)
    last[1] -= 0.002                      # apart by less than their radii, not by less than their difference's bound
    path = dense(tmp_path, last=last)
    model = tauto.load(path)
    x = inputs(3, (1, 8))
    found = tauto.Certifier(model)({"x": x})
    assert found["certified"] and not found["separations"][0]["by_radius"]
    checker.check(path, certified(path, x))


def test_refined_relus(tmp_path):
    path = doubtful(tmp_path)
    x = np.ones((1, 8), np.float32)
    assert not tauto.Certifier(tauto.load(path), refine=0)({"x": x})["certified"]
    made = certified(path, x)
    assert made["refined"] == [{"node": "relu", "elements": [0, 1]}]
    checker.check(path, made)
    made["refined"] = []
    with pytest.raises(checker.Rejected, match="not certainly on"):
        checker.check(path, made)


def rejection(path, made):
    with pytest.raises((checker.Rejected, KeyError, ValueError)) as error:
        checker.check(path, made)
    return str(error.value)


def test_corrupted_certificates_are_rejected(tmp_path):
    path, x = dense(tmp_path), inputs(1, (1, 8))
    good = certified(path, x)
    checker.check(path, good)

    def spoiled(change):
        made = copy.deepcopy(good)
        change(made)
        assert made != good
        return rejection(path, made)

    first = good["separations"][0]
    flip = {"0": "1", "1": "0"}
    assert "format" in spoiled(lambda c: c.update(format="another"))
    assert "model is another" in spoiled(lambda c: c.update(model="0" * 64))
    assert "margin is another" in spoiled(lambda c: c["separations"][0].update(margin=first["margin"] * 1.001))
    assert "may be larger" in spoiled(lambda c: c["separations"][0].update(error=first["error"] / 2))
    assert "does not exceed" in spoiled(lambda c: c["separations"][0].update(error=first["margin"] * 2))
    assert "decision is another" in spoiled(lambda c: c.update(winners=[(c["winners"][0] + 1) % 5]))
    assert "pairs of outputs" in spoiled(lambda c: c["separations"].pop())
    assert "pairs of outputs" in spoiled(lambda c: c["separations"].append(c["separations"][0]))
    assert "not known" in spoiled(lambda c: c.update(decision="best"))
    assert "decision is another" in spoiled(lambda c: c.update(decision="argmin"))
    for k in range(3):
        pattern = good["activations"][k]["pattern"]
        for i in (0, 7, 23):
            altered = pattern[:i] + flip[pattern[i]] + pattern[i + 1:]
            assert "not certainly" in spoiled(lambda c: c["activations"][k].update(pattern=altered))
        assert "decided after all" in spoiled(lambda c: c["activations"][k].update(pattern="u" + pattern[1:]))
        assert "another size" in spoiled(lambda c: c["activations"][k].update(pattern=pattern[:-1]))
    assert "no activations" in spoiled(lambda c: c["activations"].pop())
    assert "other nodes" in spoiled(lambda c: c["activations"].append({"node": "relu9", "pattern": ""}))
    assert "another shape" in spoiled(lambda c: c["inputs"][0].update(shape=[8, 1]))
    assert "other names" in spoiled(lambda c: c["inputs"][0].update(name="z"))
    other = certified(path, inputs(2, (1, 8)))
    spoiled(lambda c: c.update(inputs=other["inputs"]))
    # The same certificate for a model with one weight off by one unit in the last place.
    model = onnx.load(path)
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0, 0] = np.nextafter(weights[0, 0], np.float32(9), dtype=np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w0"))
    changed = os.path.join(tmp_path, "changed.onnx")
    onnx.save(model, changed)
    assert "model is another" in rejection(changed, good)


def test_ties_can_be_neither_certified_nor_forged(tmp_path):
    random = np.random.default_rng(6)
    last = np.repeat(random.standard_normal((1, 24)), 2, axis=0)
    path, x = dense(tmp_path, last=last), inputs(1, (1, 8))
    with pytest.raises(tauto.Error, match="not certified: elements 0 and 1: margin 0, bound"):
        certified(path, x)
    last[0, 3] += 1e-7
    near = dense(tmp_path, last=last)
    with pytest.raises(tauto.Error, match="not certified"):
        certified(near, x)
    found = tauto.Certifier(tauto.load(near))({"x": x}, activations=True)
    forged = {"format": checker.FORMAT, "model": digest_of(near), "output": "y", "decision": "top1",
              "inputs": [{"name": "x", "shape": [1, 8], "f32": base64.b64encode(x.tobytes()).decode()}],
              "winners": found["winners"],
              "separations": [{"above": found["winners"][0], "below": 1 - found["winners"][0],
                               "margin": found["separations"][0]["margin"], "error": 0.0}],
              "activations": [{"node": a["sources"][0], "pattern": a["pattern"]} for a in found["activations"]],
              "refined": []}
    assert "does not exceed the bound" in rejection(near, forged)


@pytest.mark.parametrize("half", ["f16", "bf16"])
def test_activations_below_f32(tmp_path, half, monkeypatch):
    """The winner of the network whose activations are rounded is that of the network without, or nothing is certified."""
    monkeypatch.setattr(lib_models, "CACHE", str(tmp_path))
    source = dense(tmp_path, seed=3)
    path = campaign.halved(source, f"net_{half}")
    plain, rounded = tauto.load(source), tauto.load(path)
    made = 0
    for seed in range(40):
        x = inputs(seed, (1, 8))
        (centre, error), (exact, _) = rounded.output_bounds({"x": x})[0], plain.output_bounds({"x": x})[0]
        assert np.abs(centre - exact).max() < 1e-12     # the centre is that of the network without
        y = rounded(x)
        assert 0 < np.abs(y - exact).max() and np.all(np.abs(y - centre) <= error)
        try:
            text = json.loads(text_of(certified(path, x)))
        except tauto.Error:
            continue
        made += 1
        assert text["winners"] == [int(plain(x).argmax())] == [int(y.argmax())]
        if made <= 3:
            checker.check(path, text)
            text["separations"][0]["error"] *= 0.5
            assert "larger than claimed" in rejection(path, text)
    assert made > 20
    model = onnx.load(path)
    model.graph.node[1].op_type = "Identity"            # a half that is read as one
    del model.graph.node[1].attribute[:]
    narrow = os.path.join(tmp_path, "narrow.onnx")
    onnx.save(model, narrow)
    with pytest.raises((checker.Rejected, KeyError)):
        checker.check(narrow, dict(certified(source, inputs(1, (1, 8))), model=digest_of(narrow)))


def test_a_margin_below_the_rounding_of_halves_is_not_certified(tmp_path, monkeypatch):
    """Between two inputs with different winners there is one whose margin f32 can tell, and halves cannot."""
    monkeypatch.setattr(lib_models, "CACHE", str(tmp_path))
    source = dense(tmp_path, seed=3)
    model = tauto.load(source)
    low, high = (x for x in (inputs(0, (1, 8)), inputs(1, (1, 8))))
    seed = 2
    while model(low).argmax() == model(high).argmax():
        high, seed = inputs(seed, (1, 8)), seed + 1
    for _ in range(40):
        x = ((low + high) / 2).astype(np.float32)
        first, second = np.sort(model(x).ravel())[-2:][::-1]
        if first - second < 3e-3:
            break
        low, high = (x, high) if model(x).argmax() == model(low).argmax() else (low, x)
    found = certified(source, x)
    for half in ("f16", "bf16"):
        path = campaign.halved(source, f"near_{half}")
        with pytest.raises(tauto.Error, match="not certified: elements"):
            certified(path, x)
        assert rejection(path, dict(found, model=digest_of(path)))


def test_sums_that_follow_their_order_are_not_certified(tmp_path):
    """2^24 + 1 + ... - 2^24: 16, or 0 from left to right, so no legal bound may say that it exceeds 8."""
    w = np.ones((2, 18))
    w[0, 0], w[0, 17], w[1] = 2.0 ** 24, -2.0 ** 24, 0
    w[1, 0] = 8
    path = save(tmp_path, [helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": w.T}, [1, 18], [1, 2])
    with pytest.raises(tauto.Error, match="not certified"):
        certified(path, np.ones((1, 18), np.float32))


def test_command_line(tmp_path):
    path, x = dense(tmp_path), inputs(1, (1, 8))
    np.save(os.path.join(tmp_path, "x.npy"), x)
    out = os.path.join(tmp_path, "c.json")
    done = subprocess.run([sys.executable, "-m", "tauto.certify", path, "--input", os.path.join(tmp_path, "x.npy"),
                           "--out", out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    script = os.path.join(ROOT, "scripts", "check_certificate.py")
    done = subprocess.run([sys.executable, script, path, out], capture_output=True, text=True)
    assert done.returncode == 0 and "accepted, top1 is [" in done.stdout
    with open(out, encoding="utf-8") as handle:
        made = json.load(handle)
    made["winners"] = [made["winners"][0] + 1]
    with open(out, "w", encoding="utf-8") as handle:
        json.dump(made, handle)
    done = subprocess.run([sys.executable, script, path, out], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == f"{out}: rejected: the decision is another one\n"
    done = subprocess.run([sys.executable, "-m", "tauto.certify", path, "--input", os.path.join(tmp_path, "x.npy"),
                           "--decision", "topk:5"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == ("tauto: decision topk:5: required more than 5 elements along the last axis, "
                           "got f32[1, 5]\n")


def test_bounds_hold_for_what_runs(tmp_path):
    """Model.output_bounds and node_bounds, on our own runs."""
    for make, shape in ((dense, (1, 8)), (convolutions, (1, 2, 6, 6))):
        model, x = tauto.load(make(tmp_path)), inputs(4, shape)
        (centre, error), = model.output_bounds({"x": x})
        assert np.all(np.abs(model(x) - centre) <= error) and np.all(error < 1e-4)
        assert all(n["ratio"] <= 1 and not n["reason"] for n in model.node_bounds({"x": x}))


def test_onnx_runtime_stays_within_output_bounds(tmp_path):
    """Another implementation, with and without its optimisations, is a legal execution of these."""
    ort = pytest.importorskip("onnxruntime")
    for make, shape in ((dense, (1, 8)), (convolutions, (1, 2, 6, 6))):
        path = make(tmp_path)
        model, worst = tauto.load(path), 0
        for level in (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
            options = ort.SessionOptions()
            options.graph_optimization_level = level
            session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            for seed in range(20):
                x = inputs(seed, shape)
                (centre, error), = model.output_bounds({"x": x})
                worst = max(worst, np.max(np.abs(session.run(None, {"x": x})[0] - centre) / error))
        assert 0 < worst <= 1


@pytest.mark.skipif(not HAVE_DATA, reason="the data beside the tree are missing (TAUTO_SHARED)")
def test_a_sample_of_the_campaign():
    nets = {net.name: net for net in campaign.all_nets()}
    for name, count in (("acasxu_2_3", 20), ("mnist_256x2", 3), ("mnist_256x4", 2), ("mnist_cnn_max", 2),
                        ("acasxu_3_1_f16", 10), ("mnist_256x2_f16", 2), ("mnist_256x4_bf16", 2)):
        net = nets[name]
        model, loaded = tauto.load(net.path), checker.read_model(net.path)
        certifier, digest = tauto.Certifier(model, net.decision), digest_of(net.path)
        for index in range(count):
            made = certificate(certifier, model, digest, {model.inputs[0].name: net.sample(index)})
            checker.check(net.path, json.loads(text_of(made)), loaded)


def test_the_checker_is_short_and_stands_alone():
    path = os.path.join(ROOT, "scripts", "check_certificate.py")
    with open(path, encoding="utf-8") as handle:
        lines = handle.read().splitlines()
    assert len(lines) <= 500
    imports = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imports <= {"argparse", "base64", "hashlib", "json", "sys", "numpy", "onnx"}
