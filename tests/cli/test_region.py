"""`tauto same --box --epsilon`: for every input of a box. Verdicts, witnesses that replay, states, what does not fit, and the
committed units of the campaign (scripts/region.py), a few of which are run again."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import lib_models  # noqa: E402

TAUTO = os.path.join(os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")), "tauto")
INPUTS = 4


def net(weights, activation="Relu"):
    nodes, constants, x = [], [], "x"
    for k, w in enumerate(weights):
        last = k + 1 == len(weights)
        nodes.append(helper.make_node("MatMul", [x, f"w{k}"], ["y" if last else f"m{k}"], name=f"mul{k}"))
        if not last:
            nodes.append(helper.make_node(activation, [f"m{k}"], [f"h{k}"], name=f"act{k}"))
        constants.append(numpy_helper.from_array(w.astype(np.float32), f"w{k}"))
        x = f"h{k}"
    graph = helper.make_graph(nodes, "net", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", INPUTS])],
                              [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", weights[-1].shape[1]])], constants)
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])


def box_of(low, high, inputs=INPUTS):
    return "".join(f"(declare-const X_{i} Real)\n(assert (>= X_{i} {low}))\n(assert (<= X_{i} {high}))\n" for i in range(inputs))


@pytest.fixture
def same(tmp_path):
    """Runs `tauto same` in a folder with a.onnx, half.onnx (float16 weights), far.onnx (others), smooth.onnx, box.vnnlib."""
    random = np.random.default_rng(4)
    sizes = [INPUTS, 20, 20, 3]
    weights = [random.standard_normal((a, b)) * np.sqrt(2 / a) for a, b in zip(sizes, sizes[1:])]
    onnx.save(net(weights), tmp_path / "a.onnx")
    onnx.save(net([w.astype(np.float16) for w in weights]), tmp_path / "half.onnx")
    onnx.save(net([w + 0.1 * random.standard_normal(w.shape) for w in weights]), tmp_path / "far.onnx")
    onnx.save(net(weights, "Sigmoid"), tmp_path / "smooth.onnx")
    onnx.save(net([weights[0], weights[2]]), tmp_path / "short.onnx")
    (tmp_path / "box.vnnlib").write_text(box_of(-0.75, 0.75))

    def run(*words, code=0):
        done = subprocess.run([TAUTO, "same", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stderr if code == 1 else done.stdout

    run.path = tmp_path
    return run


BOX = ("--box", "box.vnnlib")


def found(same, *words, code=0):
    same(*words, "--json", "o.json", code=code)
    return json.loads((same.path / "o.json").read_text())


def test_near_networks_are_proved_and_no_sample_says_otherwise(same):
    text = same("a.onnx", "half.onnx", *BOX, "--epsilon", "0.004")
    assert "PROVED" in text and "|A - B| <= 0.004 for every input, rounding of both included" in text
    numbers = found(same, "a.onnx", "half.onnx", *BOX, "--epsilon", "0.004")["regions"][0]
    assert numbers["boxes"] == 2 * numbers["leaves"] - 1 > 1 and numbers["left"] == 0 and numbers["closed"] == 1
    assert numbers["seen"] <= numbers["bound"] <= 0.004
    import tauto

    x = np.random.default_rng(1).uniform(-0.75, 0.75, (5000, INPUTS)).astype(np.float32)
    a, b = (tauto.load(same.path / name)(x) for name in ("a.onnx", "half.onnx"))
    assert 0 < np.abs(a - b).max() <= numbers["bound"]


def test_far_networks_are_refuted_by_a_witness_that_replays(same):
    text = same("a.onnx", "far.onnx", *BOX, "--epsilon", "0.05", "--json", "o.json", code=4)
    assert "REFUTED" in text
    with np.load(same.path / "o.witness.npz") as witness:
        assert np.abs(witness["x"]).max() <= 0.75
        assert np.abs(witness["A.y"].astype(np.float64) - witness["B.y"]).max() > 0.05
    assert "the same answers as before, which differ" in same("--replay", "o.json")


def test_a_tie_is_no_common_decision(same):
    """0 is in the box, where all outputs are equal: no bound separates them."""
    result = found(same, "a.onnx", "half.onnx", *BOX, "--epsilon", "0.01", "--decision", "top1", "--boxes", "2000", code=4)
    assert [line["level"] for line in result["lines"]] == ["numeric", "decision"]
    assert result["lines"][0]["verdict"]["kind"] == "PROVED" and result["lines"][1]["verdict"]["kind"] in ("UNDECIDED", "REFUTED")


def test_an_undecided_search_leaves_a_state_and_goes_on(same):
    whole = found(same, "a.onnx", "half.onnx", *BOX, "--epsilon", "0.004")["regions"][0]
    part = found(same, "a.onnx", "half.onnx", *BOX, "--epsilon", "0.004", "--boxes", str(whole["boxes"] // 3), "--state", "s", code=4)
    line = part["lines"][0]
    assert line["verdict"]["kind"] == "UNDECIDED" and "boxes are left" in line["verdict"]["reason"]
    assert "of the volume is proved" in line["detail"] and os.path.exists(same.path / "s")
    assert "required the state of a search for this pair, goal and box" in same(
        "a.onnx", "half.onnx", *BOX, "--epsilon", "0.005", "--state", "s", code=1)
    rest = found(same, "a.onnx", "half.onnx", *BOX, "--epsilon", "0.004", "--state", "s")["regions"][0]
    assert {k: rest[k] for k in ("boxes", "leaves", "deepest", "bound")} == {k: whole[k] for k in ("boxes", "leaves", "deepest", "bound")}
    assert not os.path.exists(same.path / "s")


def test_networks_of_another_class_are_undecided_with_the_reason(same):
    text = same("a.onnx", "smooth.onnx", *BOX, "--epsilon", "1", code=4)
    assert "UNDECIDED" in text and 'B: node "act0": required a chain of products' in text and "got sigmoid" in text
    text = same("a.onnx", "short.onnx", *BOX, "--epsilon", "1", code=4)
    assert "required as many layers in B as in A, 3, got 2" in text


@pytest.mark.parametrize("words, message", [
    (("--epsilon", "1"), "same: --epsilon: required --box with it"),
    ((*BOX, "--epsilon", "-1"), "same: --box: --epsilon: required a finite number of 0 or more, got -1"),
    ((*BOX, "--epsilon", "1", "--budget", "flips=1%"), "same: --epsilon: required no --budget with it"),
    ((*BOX, "--epsilon", "1", "--decision", "topk:2"), "same: --epsilon: required --decision top1 or argmin with it, got topk:2"),
    ((*BOX, "--seconds", "1"), "same: --seconds: required --epsilon with it"),
    (("--box", "wide.vnnlib", "--epsilon", "1"), "same: --box: required a box of 4 inputs as the networks have, got 5"),
    (("--box", "none.vnnlib", "--epsilon", "1"), "none.vnnlib"),
])
def test_what_does_not_fit_is_refused(same, words, message):
    (same.path / "wide.vnnlib").write_text(box_of(0, 1, 5))
    assert message in same("a.onnx", "half.onnx", *words, code=1)


def test_an_outside_implementation_is_refused(same):
    assert "required models of ours" in same("a.onnx", "onnxruntime:a.onnx", *BOX, "--epsilon", "1", code=1)


@pytest.mark.skipif(not os.path.isdir(os.path.join(lib_models.SHARED, "data", "acasxu")), reason="no data beside the tree")
def test_units_of_the_campaign_come_out_again():
    import region

    units = region.all_units()
    assert sum(isinstance(u, region.Pair) and u.epsilon == region.EPSILON for u in units) == 141
    known = {u.name: region.read(u) for u in units}
    there = [u for u in units if known[u.name] is not None]
    assert there, "no unit is committed"
    count, wrong = region.recheck(there, {u.name: known[u.name] for u in there}, 3)
    assert count >= 3 and not wrong


@pytest.mark.skipif(not os.path.isdir(os.path.join(lib_models.SHARED, "data", "acasxu")), reason="no data beside the tree")
def test_a_refuted_pair_keeps_a_witness_that_is_replayed():
    """No pair of the campaign is refuted; with an epsilon below what its inputs show, one is."""
    import region

    unit = region.Pair(3, "2_3", 1e-4)
    facts = region.run_pair(unit, 1)
    assert facts["verdict"] == "REFUTED" and region.replays(unit, facts)
    assert not region.replays(region.Pair(3, "2_3", 0.05), facts)
    name = next(key for key in facts if key.startswith("B."))
    assert not region.replays(unit, facts | {name: "00" * (len(facts[name]) // 2)})
