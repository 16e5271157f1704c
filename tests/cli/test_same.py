"""`tauto same` on models and data: outside implementations, decisions of one's own, witnesses that replay, and what does
not fit together. What it prints for one model: same.test."""

import json
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TAUTO = os.path.join(os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")), "tauto")
SAMPLES = 400


def net(weights, second, classes=4, inputs=6, opset=17, relu="Relu"):
    """x -> Gemm -> Relu -> Gemm -> y"""
    def gemm(name, x, w, y):
        return helper.make_node("Gemm", [x, w], [y], name=name)
    graph = helper.make_graph(
        [gemm("first", "x", "w0", "a"), helper.make_node(relu, ["a"], ["b"], name="act"), gemm("second", "b", "w1", "y")],
        "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(weights, "w0"), numpy_helper.from_array(second, "w1")])
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", opset)])


@pytest.fixture
def same(tmp_path):
    """Runs `tauto same` in a folder with a.onnx, near.onnx (other weights of second, a little), far.onnx (wrong
    activation), x.npz."""
    random = np.random.default_rng(5)
    w0 = random.standard_normal((6, 32)).astype(np.float32)
    w1 = random.standard_normal((32, 4)).astype(np.float32)
    onnx.save(net(w0, w1), tmp_path / "a.onnx")
    onnx.save(net(w0, w1 + random.standard_normal(w1.shape).astype(np.float32) * np.float32(0.2)), tmp_path / "near.onnx")
    onnx.save(net(w0, w1, relu="Softplus"), tmp_path / "far.onnx")
    onnx.save(net(w0, w1[:, :3], classes=3), tmp_path / "three.onnx")
    x = random.standard_normal((SAMPLES, 6)).astype(np.float32)
    y = np.maximum(x @ w0, 0) @ w1
    np.savez(tmp_path / "x.npz", x=x, labels=y.argmax(1))

    def run(*words, code=0, env=None):
        done = subprocess.run([TAUTO, "same", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120,
                              env={**os.environ, **(env or {})})
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stderr if code == 1 else done.stdout

    run.path = tmp_path
    return run


def line_of(text, level, leg=""):
    """The verdict of a line."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("  " + leg)) if leg else 0
    line = next(line for line in lines[begin:] if f" {level} " in line)
    return line.split(level)[1].split()[0]


def test_an_outside_implementation_is_held_to_what_is_legal(same):
    text = same("a.onnx", "onnxruntime:a.onnx", "--data", "x.npz", "--decision", "top1", "--json", "o.json",
                env={"TAUTO_PYTHON3": sys.executable})
    assert line_of(text, "bitwise") == "PROVED"
    assert line_of(text, "numeric") == "PROVED-ON-SET"
    assert line_of(text, "outputs") == "PROVED-ON-SET"
    assert line_of(text, "decision") == "SUPPORTED"
    found = json.loads((same.path / "o.json").read_text())
    assert [n["node"] for n in found["nodes"]] == ["first", "act", "second"]
    assert all(n["outside"] == 0 and n["elements"] > 0 and not n["skipped"] for n in found["nodes"])
    assert found["b"]["is"].startswith("onnxruntime ")
    assert len(found["margins"]) == SAMPLES and found["decisions"]["labelled"] == SAMPLES


def test_the_node_where_an_outside_implementation_leaves_the_model_is_named(same):
    """far.onnx under ONNX Runtime, held against a.onnx: the activation is another function."""
    text = same("a.onnx", "far.onnx", "--data", "x.npz", "--json", "far.json", code=4)
    assert line_of(text, "numeric", "approximation") == "REFUTED"
    assert "they part at" in text and text.splitlines()[-3].split()[-1] == "act" or "act" in text.split("they part at")[1]
    found = json.loads((same.path / "far.json").read_text())
    assert found["first_illegal"] == "act" and not found["holds"]
    by_node = {n["node"]: n for n in found["nodes"]}
    assert by_node["first"]["outside"] == 0 and by_node["second"]["outside"] == 0   # legal on what they were given
    assert by_node["act"]["outside"] > 0


def test_outputs_beyond_what_is_legal_refute_an_outside_implementation(same):
    """A legal execution of far.onnx is none of a.onnx: as if somebody else ran it."""
    text = same("a.onnx", "legal:1:a.onnx", "--data", "x.npz", "--level", "numeric")
    assert line_of(text, "outputs") == "PROVED-ON-SET"
    text = same("a.onnx", "legal:1:far.onnx", "--data", "x.npz", "--level", "numeric", "--json", "l.json", code=4)
    assert line_of(text, "outputs") == "REFUTED"
    lines = json.loads((same.path / "l.json").read_text())["lines"]
    assert next(line for line in lines if line["level"] == "outputs")["counts"]


def test_values_of_machine_code_are_looked_at_by_probes(same):
    text = same("a.onnx", "a.onnx --threads 2", "--data", "x.npz", "--json", "v.json")
    assert line_of(text, "numeric", "implementation") == "PROVED-ON-SET"
    values = json.loads((same.path / "v.json").read_text())["values"]
    assert {v["node"].split()[0] for v in values} == {"first", "act", "second"}
    assert all(v["elements"] > 0 and v["outside"] == 0 and v["worst"] <= 1 and not v["skipped"] for v in values)
    text = same("a.onnx", "a.onnx", "--data", "x.npz", "--proofs", "0", "--level", "numeric", code=4)
    assert "no value was looked at within 0 s (--proofs SECONDS)" in text


def test_a_mistake_of_the_compiler_is_found_with_its_node_and_stage(same):
    text = same("a.onnx", 'a.onnx --fault "lost K tail:0"', "--data", "x.npz", "--json", "m.json", code=4)
    assert line_of(text, "bitwise") == "REFUTED" and line_of(text, "numeric", "implementation") == "REFUTED"
    found = json.loads((same.path / "m.json").read_text())
    assert found["b"]["is"].endswith("with a mistake: lost K tail")
    assert found["first_illegal"].split()[0] in ("first", "act", "second") and found["stage"].startswith("stage schedule, kernel ")


def test_the_rewrite_that_made_an_illegal_value_is_named(same):
    """Denormals that may be flushed to zero are no legal execution of a product."""
    graph = helper.make_graph([helper.make_node("Mul", ["x", "c"], ["y"], name="product")], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 6])],
                              [numpy_helper.from_array(np.full(6, 1e-20, np.float32), "c")])
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), same.path / "m.onnx")
    np.savez(same.path / "tiny.npz", x=np.full((3, 6), 1e-20, np.float32))
    text = same("m.onnx", "m.onnx --allow flush-to-zero", "--data", "tiny.npz", "--level", "numeric", code=4)
    assert line_of(text, "numeric", "approximation") == "REFUTED"
    assert 'rewritten there: flush-to-zero @main "product": ' in text


def png(picture, kind):
    """A PNG file of (H, W, C) bytes, each row filtered in one way."""
    rows = bytearray()
    data = picture.astype(np.int64)
    for y in range(picture.shape[0]):
        rows.append(kind)
        for x in range(picture.shape[1]):
            left = data[y, x - 1] if x else np.zeros(picture.shape[2], np.int64)
            up = data[y - 1, x] if y else np.zeros(picture.shape[2], np.int64)
            corner = data[y - 1, x - 1] if x and y else np.zeros(picture.shape[2], np.int64)
            paeth = [min((abs(b + c - 2 * a), i, v) if i == 2 else (abs((c if i == 0 else b) - a), i, v)
                         for i, v in enumerate((int(b), int(c), int(a))))[2]
                     for a, b, c in zip(corner, left, up)]
            guess = [0 * left, left, up, (left + up) // 2, np.array(paeth)][kind]
            rows += bytes(((data[y, x] - guess) & 255).tolist())
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    color = {1: 0, 3: 2}[picture.shape[2]]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 8, color, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b""))


def test_a_folder_of_pictures(same):
    tauto = pytest.importorskip("tauto")
    random = np.random.default_rng(7)
    pictures = random.integers(0, 256, (5, 4, 5, 3), dtype=np.uint8)
    weights = random.standard_normal((60, 3)).astype(np.float32)
    graph = helper.make_graph([helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"], name="product")],
                              "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4, 5])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])], [numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), same.path / "p.onnx")
    x = (pictures.transpose(0, 3, 1, 2) / 255).astype(np.float32)
    labels = (x.reshape(5, 60) @ weights).argmax(1)
    for i, picture in enumerate(pictures):
        (same.path / "pictures" / str(labels[i])).mkdir(parents=True, exist_ok=True)
        (same.path / "pictures" / str(labels[i]) / f"{i}.png").write_bytes(png(picture, i))
    text = same("p.onnx", "p.onnx", "--data", "pictures", "--decision", "top1", "--json", "p.json", env={"TAUTO_PYTHON3": sys.executable})
    assert "flips 0 / 5" in text
    decisions = json.loads((same.path / "p.json").read_text())["decisions"]
    assert decisions["labelled"] == 5 and decisions["right_a"] == 5   # so the pixels are where they should be
    assert tauto.same(same.path / "p.onnx", same.path / "p.onnx", same.path / "pictures", decision="top1").found["decisions"]["right_b"] == 5
    (same.path / "none").mkdir()
    with pytest.raises(tauto.Error, match="none: required pictures"):
        tauto.same(same.path / "p.onnx", same.path / "p.onnx", same.path / "none")


def test_flips_are_counted_bounded_labelled_and_charged(same):
    text = same("a.onnx", "near.onnx", "--data", "x.npz", "--decision", "top1", "--budget", "flips=25% confidence=95%",
                "--json", "near.json")
    found = json.loads((same.path / "near.json").read_text())
    flips = found["flips"]
    assert flips and line_of(text, "decision") == "SUPPORTED"
    verdict = next(line["verdict"] for line in found["lines"] if line["level"] == "decision")
    assert verdict["n"] == SAMPLES and len(flips) / SAMPLES < verdict["rate"] <= 0.25
    assert found["decisions"]["right_to_wrong"] == len(flips)   # the labels are the source's own
    assert all(f["leg"] == "approximation" and not f["excused"] for f in flips)
    assert [b["node"] for b in found["blame"]] == ["second"]    # the only one whose weights differ
    assert "to blame" in text and "second 100 %" in text


def test_a_refuted_decision_leaves_a_witness_that_replays(same):
    text = same("a.onnx", "near.onnx", "--data", "x.npz", "--decision", "top1", "--json", "w.json", code=4)
    assert line_of(text, "decision") == "REFUTED"
    with np.load(same.path / "w.witness.npz") as witness:
        assert witness["x"].shape == (1, 6)
        assert witness["A.y"].argmax() != witness["B.y"].argmax()
    assert "the same answers as before, which differ" in same("--replay", "w.json")
    near = onnx.load(same.path / "near.onnx")
    onnx.save(onnx.load(same.path / "a.onnx"), same.path / "near.onnx")
    assert "other answers than before" in same("--replay", "w.json", code=4)
    onnx.save(near, same.path / "near.onnx")


def test_a_comparison_without_a_witness_replays_as_a_whole(same):
    same("a.onnx", "a.onnx", "--data", "x.npz", "--json", "r.json")
    assert "the same verdicts as before" in same("--replay", "r.json")


def test_stopping_early_uses_fewer_inputs(same):
    np.savez(same.path / "many.npz", x=np.random.default_rng(1).standard_normal((20000, 6)).astype(np.float32))
    text = same("a.onnx", "near.onnx", "--data", "many.npz", "--decision", "top1", "--budget", "flips=40% confidence=95%",
                "--stop-early", "--json", "e.json")
    found = json.loads((same.path / "e.json").read_text())
    assert line_of(text, "decision") == "SUPPORTED" and found["contract"]["compared"] < 1000
    text = same("a.onnx", "near.onnx", "--data", "many.npz", "--decision", "top1", "--budget", "flips=0.1% confidence=95%",
                "--stop-early", "--json", "e.json", code=4)
    assert line_of(text, "decision") == "REFUTED"


def test_a_decision_of_ones_own(same):
    (same.path / "sign.py").write_text('TIES = "zero is positive"\n'
                                       'def decide(outputs):\n    return (outputs["y"] >= 0).astype(int)\n')
    env = {"TAUTO_PYTHON3": sys.executable}
    text = same("a.onnx", "near.onnx", "--data", "x.npz", "--decision", "sign.py", "--budget", "flips=30%", "--json", "c.json",
                env=env)
    assert line_of(text, "decision") == "SUPPORTED"
    assert json.loads((same.path / "c.json").read_text())["contract"]["ties"] == "zero is positive"
    (same.path / "bad.py").write_text("def decide(outputs):\n    return [0.5]\n")
    assert "bad.py: required decide(outputs) and TIES" in same("a.onnx", "a.onnx", "--decision", "bad.py", code=1, env=env)
    (same.path / "bad.py").write_text('TIES = ""\ndef decide(outputs):\n    return [0.5]\n')
    assert "decide: required an array of integers, got float64" in same("a.onnx", "a.onnx", "--decision", "bad.py", code=1,
                                                                        env=env)


def test_too_few_inputs_say_how_many_it_takes(same):
    text = same("a.onnx", "near.onnx", "--sample", "uniform:20:-0.01:0.01", "--decision", "top1",
                "--budget", "flips=0.1% confidence=95%", code=4)
    assert line_of(text, "decision") in ("UNDECIDED", "REFUTED")
    assert "flips <= 0.1 % at 95 % needs at least 2,995 inputs without a flip; 20 were given" in text


def test_a_box_limits_the_samples(same):
    declared = "".join(f"(declare-const X_{i} Real)\n" for i in range(6))
    (same.path / "box.vnnlib").write_text(declared + "".join(
        f"(assert (<= X_{i} 0.5))\n(assert (>= X_{i} {0.25 + 0.01 * i}))\n" for i in range(6)))
    text = same("a.onnx", "a.onnx", "--box", "box.vnnlib", "--sample", "uniform:50", "--decision", "argmin")
    assert "flips 0 / 50" in text
    (same.path / "box.vnnlib").write_text("(declare-const X_0 Real)\n(assert (<= X_0 0.5))\n")
    assert "required bounds (<= X_0 …) and (>= X_0 …), got only the upper one" in same(
        "a.onnx", "a.onnx", "--box", "box.vnnlib", code=1)
    (same.path / "box.vnnlib").write_text("(declare-const X_0 Real)\n(assert (<= X_0 0.5))\n(assert (>= X_0 0.5))\n")
    assert "--box: required bounds for 6 or more numbers, got 1" in same(
        "a.onnx", "a.onnx", "--box", "box.vnnlib", code=1)
    (same.path / "box.vnnlib").write_text("(declare-const X_0 Real)\n(assert (or (and (<= X_0 1) (>= X_0 0)) "
                                          "(and (<= X_0 3) (>= X_0 2))))\n")
    assert "required one box to draw samples from, got 2" in same("a.onnx", "a.onnx", "--box", "box.vnnlib", code=1)


@pytest.mark.parametrize("arrays, message", [
    ({"x": np.zeros((0, 6), np.float32)}, "same: --data: required at least one sample, got none"),
    ({"x": np.zeros((5, 7), np.float32)},
     'same: --data: input "x": required f32[N, 6] for each sample, got f32[5, 7]'),
    ({"x": np.zeros((5, 6), np.float64)},
     'same: --data: input "x": required f32[N, 6] for each sample, got f64[5, 6]'),
    ({"z": np.zeros((5, 6), np.float32)}, 'same: --data: required an array for each of "x", got none for "x"'),
    ({"x": np.zeros((5, 6), np.float32), "z": np.zeros(5)},
     'same: --data: required arrays for "x" and "labels", got "z"'),
    ({"x": np.zeros((5, 6), np.float32), "labels": np.zeros(4, np.int64)},
     "same: --data: labels: required integers, a row for each of 5 samples, got i64[4]"),
])
def test_data_that_do_not_fit(same, arrays, message):
    np.savez(same.path / "bad.npz", **arrays)
    assert same("a.onnx", "a.onnx", "--data", "bad.npz", code=1) == f"tauto: {message}\n"


def test_models_that_do_not_fit_together(same):
    assert same("a.onnx", "three.onnx", "--data", "x.npz", code=1) == (
        'tauto: same: required equal outputs, got a.onnx: "y": f32[N, 4]; three.onnx: "y": f32[N, 3]\n')


RULES = "required top1, topk:K, argmin, threshold:T, sequence, boxes:IOU or a .py file, got"


@pytest.mark.parametrize("words, message", [
    (["a.onnx", "five.onnx"], 'same: required equal inputs, got a.onnx: "x": f32[N, 6]; five.onnx: "x": f32[N, 5]'),
    (["a.onnx", "none.onnx"], "none.onnx: cannot open: No such file or directory"),
    (["a.onnx", "junk.onnx"], "junk.onnx: not an ONNX file: at byte 2: field number 13 has unknown wire type 4"),
    (["a.onnx", "a.onnx", "--data", "none.npz"], "none.npz: cannot open: No such file or directory"),
    (["a.onnx", "a.onnx", "--data", "text.npz"], "text.npz: not a NumPy archive: it does not end as a zip file"),
    (["a.onnx", "a.onnx", "--data", "empty"], 'same: --data: required an array for each of "x", got none for "x"'),
    (["a.onnx", "a.onnx", "--data", "x.npz", "--sample", "uniform:5"], "same: --data: required no --box and no --sample with it"),
    (["a.onnx", "a.onnx", "--sample", "uniform:0"],
     'same: --sample: required uniform:N, uniform:N:LO:HI with LO <= HI or random:N, got "uniform:0"'),
    (["three.onnx", "three.onnx", "--decision", "topk:5"],
     'same: --decision topk:5: required at least 6 classes, got "y": f32[N, 3]'),
    (["a.onnx", "a.onnx", "--decision", "threshold:x"], f'same: --decision: {RULES} "threshold:x"'),
    (["a.onnx", "a.onnx", "--decision", "boxes:2"], f'same: --decision: {RULES} "boxes:2"'),
    (["three.onnx", "three.onnx", "--decision", "boxes:0.5"],
     'same: --decision boxes:0.5: required an output of boxes, f32[…, 4], got "y": f32[N, 3]'),
    (["a.onnx", "a.onnx", "--decision", "top1", "--output", "z"],
     'same: --decision top1: required an output named "z", got "y": f32[N, 4]'),
    (["a.onnx", "a.onnx", "--decision", "top1", "--budget", "flips=200%"],
     "same: --budget: flips: required 0 % to below 100 %, got 200%"),
    (["a.onnx", "a.onnx --allow wino"],
     'same: --allow: required names of rewrites (online-softmax, reassociate, winograd, flush-to-zero), got "wino"'),
    (["onnxruntime:none.onnx", "a.onnx"], "none.onnx: cannot open: No such file or directory"),
])
def test_each_bad_request_says_what_is_required(same, words, message):
    random = np.random.default_rng(6)
    onnx.save(net(*(random.standard_normal(s).astype(np.float32) for s in ((5, 32), (32, 4))), inputs=5), same.path / "five.onnx")
    for name in ("junk.onnx", "text.npz"):
        (same.path / name).write_text("hello")
    (same.path / "empty").mkdir()
    assert same(*words, code=1) == f"tauto: {message}\n"


def test_a_budget_of_nothing_is_supported_by_no_number(same):
    model = onnx.load(same.path / "a.onnx")   # another program with the same decisions
    model.graph.node[2].output[0] = "z"
    model.graph.node.append(helper.make_node("Mul", ["z", "half"], ["y"], name="halved"))
    model.graph.initializer.append(numpy_helper.from_array(np.float32([0.5]), "half"))
    onnx.save(model, same.path / "half.onnx")
    text = same("a.onnx", "half.onnx", "--data", "x.npz", "--decision", "top1", "--budget", "flips=0%", code=4)
    assert line_of(text, "decision") == "UNDECIDED" and "flips 0 / 400" in text
    assert "a budget of no flips at all is supported by no number of inputs" in text


def test_no_verdict_is_no_yes(same):
    """The interpreter has no machine code to look at: what is left of the numeric level is the bound of the outputs."""
    same("a.onnx", "a.onnx --interpret", "--data", "x.npz", "--level", "numeric", "--json", "i.json")
    lines = json.loads((same.path / "i.json").read_text())["lines"]
    assert [(line["level"], line["counts"], line["verdict"]["kind"]) for line in lines] == [("outputs", True, "PROVED-ON-SET")]
    text = same("a.onnx", "a.onnx --interpret", "--data", "x.npz", "--level", "numeric", "--proofs", "0", code=4)
    assert line_of(text, "outputs") == "UNDECIDED"


def test_a_bound_beyond_the_values_is_no_proof(same):
    """Layers whose |slopes| are large and cancel: radii grow by them, values do not."""
    random = np.random.default_rng(9)
    nodes, weights, x = [], [], "x"
    for i in range(30):
        w = np.linalg.qr(random.standard_normal((64, 64)))[0].astype(np.float32)
        weights.append(numpy_helper.from_array(w, f"w{i}"))
        nodes += [helper.make_node("MatMul", [x, f"w{i}"], [f"m{i}"], name=f"product {i}"),
                  helper.make_node("LeakyRelu", [f"m{i}"], [f"x{i}" if i < 29 else "y"], name=f"relu {i}", alpha=0.9)]
        x = f"x{i}"
    graph = helper.make_graph(nodes, "deep", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 64])], weights)
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), same.path / "deep.onnx")
    text = same("deep.onnx", "deep.onnx", "--sample", "random:2", "--level", "numeric")
    assert line_of(text, "outputs") == "UNDECIDED"
    assert 'the bound of "y" is beyond its values: radii exceed the values from node "' in text


def test_what_is_not_installed_is_named(same):
    plain = same.path / "plain"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", plain], check=True)
    numpy = os.path.dirname(np.__path__[0])
    (same.path / "only").mkdir()
    for name in ("numpy", "numpy.libs"):
        os.symlink(os.path.join(numpy, name), same.path / "only" / name)
    error = same("a.onnx", "openvino:a.onnx", code=1,
                 env={"TAUTO_PYTHON3": str(plain / "bin" / "python"), "PYTHONPATH": str(same.path / "only")})
    assert "required the Python package openvino, which" in error and "TAUTO_PYTHON3" in error
    assert "--threads" in same("a.onnx", "onnxruntime:a.onnx --fast 3", code=1, env={"TAUTO_PYTHON3": sys.executable})


def test_nan_of_one_side_refutes(same):
    model = onnx.load(same.path / "a.onnx")
    model.graph.node[1].CopyFrom(helper.make_node("Log", ["a"], ["b"], name="act"))
    onnx.save(model, same.path / "nan.onnx")
    text = same("a.onnx", "nan.onnx", "--data", "x.npz", "--decision", "top1", "--level", "decision", code=4)
    assert line_of(text, "decision") == "REFUTED" and 'output "y" is NaN on' in text
    text = same("nan.onnx", "a.onnx", "--data", "x.npz", "--decision", "top1", "--level", "decision", code=4)
    assert line_of(text, "decision") == "UNDECIDED"


def test_nan_outside_of_a_decision_is_no_silent_pass(same):
    """A bound that a NaN is compared with says nothing; a definition that gives NaN is not met by a number."""
    model = onnx.load(same.path / "a.onnx")
    model.graph.node[1].CopyFrom(helper.make_node("Log", ["a"], ["b"], name="act"))
    onnx.save(model, same.path / "nan.onnx")
    same("a.onnx", "nan.onnx", "--data", "x.npz", "--level", "numeric", "--json", "n.json", code=4)
    lines = {(line["leg"], line["level"]): line for line in json.loads((same.path / "n.json").read_text())["lines"]}
    assert "verdict" not in lines["approximation", "outputs"]
    assert lines["approximation", "numeric"]["verdict"]["kind"] == "REFUTED"
    text = same("nan.onnx", "a.onnx", "--data", "x.npz", "--level", "numeric", code=4)
    assert line_of(text, "numeric", "approximation") == "REFUTED" and line_of(text, "outputs") == "UNDECIDED"
    assert "node act (log) is not legal" in text


def test_nan_is_no_decision_of_boxes_and_rules_of_ones_own(same):
    model = onnx.load(same.path / "a.onnx")
    model.graph.node[1].CopyFrom(helper.make_node("Log", ["a"], ["b"], name="act"))
    onnx.save(model, same.path / "nan.onnx")
    (same.path / "sign.py").write_text('TIES = ""\ndef decide(outputs):\n    return (outputs["y"] >= 0).astype(int)\n')
    for rule in ("sign.py", "boxes:0.5"):   # y is f32[N, 4]
        for other, verdict in (("nan.onnx", "UNDECIDED"), ("a.onnx", "UNDECIDED")):
            text = same("nan.onnx", other, "--data", "x.npz", "--decision", rule, "--level", "decision", code=4,
                        env={"TAUTO_PYTHON3": sys.executable})
            assert line_of(text, "decision") == verdict and "an output of the source is NaN on" in text
        text = same("a.onnx", "nan.onnx", "--data", "x.npz", "--decision", rule, "--level", "decision", code=4,
                    env={"TAUTO_PYTHON3": sys.executable})
        assert line_of(text, "decision") == "REFUTED" and "an output is NaN on" in text


# --- the command's other ways in -------------------------------------------------------------------------------------

def compile_with(same, *words, code=0):
    done = subprocess.run([TAUTO, "compile", *words], cwd=same.path, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def test_compile_refuses_what_is_not_shown(same):
    compile_with(same, "a.onnx", "--require", "top1 flips=5% confidence=95%", "--data", "x.npz", "-o", "a.tauto")
    assert (same.path / "a.tauto").exists()
    compile_with(same, "a.onnx", "--require", "decision top1 flips<=5% conf>=95%", "--data", "x.npz")    # says the same
    model = onnx.load(same.path / "a.onnx")     # NaN for all inputs: nothing can be shown of its decisions
    model.graph.node[1].CopyFrom(helper.make_node("Sqrt", ["a"], ["b"], name="act"))
    onnx.save(model, same.path / "nan.onnx")
    done = compile_with(same, "nan.onnx", "--require", "top1 flips=0.1% confidence=95%", "--data", "x.npz", "-o", "n.tauto", code=4)
    assert done.stderr.startswith('tauto: compile: --require: output "y" of the source is NaN on ')
    assert not (same.path / "n.tauto").exists()
    assert compile_with(same, "a.onnx", "--require", "flips=1%", code=1).stderr == (
        'tauto: compile: --require: required bitwise, numeric, or a decision with its budget, got "flips=1%"\n')
    assert compile_with(same, "a.onnx", "--data", "x.npz", code=1).stderr == "tauto: compile: --data: required --require with it\n"


def test_the_page_needs_nothing_else(same):
    same("a.onnx", "near.onnx", "--data", "x.npz", "--decision", "top1", "--report", "p.html", code=4)
    page = (same.path / "p.html").read_text()
    assert not [way for way in (" src=", " href=", "<link", "@import", "url(", "fetch(") if way in page]
    begin = page.index('id="data">') + len('id="data">')
    found = json.loads(page[begin:page.index("</script>", begin)].replace("<\\/", "</"))
    assert found == json.loads((same.path / "p.json").read_text())


def test_tauto_same_in_python(same):
    tauto = pytest.importorskip("tauto")
    with np.load(same.path / "x.npz") as archive:
        data = dict(archive)
    found = tauto.same(same.path / "a.onnx", same.path / "near.onnx", data, decision="top1", budget="flips=25%")
    assert found and found.holds
    assert [(v.leg, v.level) for v in found.verdicts] == [
        ("implementation", "bitwise"), ("implementation", "numeric"), ("approximation", "bitwise"), ("approximation", "numeric"),
        ("approximation", "outputs"), ("approximation", "decision")]
    assert found.verdicts[0].kind == "PROVED" and found.verdicts[-1].kind == "SUPPORTED" and found.verdicts[-1].n == SAMPLES
    assert found.tables["flips"] and found.tables["blame"][0]["node"] == "second"
    assert "to blame" in str(found)
    refused = tauto.same(same.path / "a.onnx", same.path / "near.onnx", data, decision="top1", budget="flips=0.1%",
                         report=same.path / "q.html")
    assert not refused and (same.path / "q.html").read_text().startswith("<!doctype html>")
    with pytest.raises(tauto.Error, match="required data, box or sample, got none"):
        tauto.same(same.path / "a.onnx", same.path / "a.onnx")
    with pytest.raises(tauto.Error, match="top-?k?:?5|topk:5"):
        tauto.same(same.path / "a.onnx", same.path / "a.onnx", data, decision="topk:5")
