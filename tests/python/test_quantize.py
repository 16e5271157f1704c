"""Quantizing: the same bits as plan, as file and interpreted; a numpy statement of the rules; who is refused and why."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tauto


def small_net(seed=0, opset=13, groups=2):
    """Conv, Relu, grouped Conv, transposed Conv, MatMul + Add, Gemm: what there is to quantize."""
    random = np.random.default_rng(seed)
    init = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (6, 8 // groups, 3, 3), "b2": (6,), "w3": (6, 5, 2, 2), "w4": (16, 10), "b4": (10,),
            "w5": (7, 10), "b5": (7,)}
    init = {k: (random.normal(size=s) * (0.3 if k[0] == "w" else 0.1)).astype(np.float32) for k, s in init.items()}
    nodes = [helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="first", pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c1"], ["r1"]),
             helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="grouped", group=groups, strides=[2, 2]),
             helper.make_node("ConvTranspose", ["c2", "w3"], ["c3"], name="up"), helper.make_node("GlobalAveragePool", ["c3"], ["p"]),
             helper.make_node("Concat", ["c3", "c3", "c3"], ["cc"], axis=1),
             helper.make_node("Reshape", ["cc", "shape"], ["flat"]), helper.make_node("MatMul", ["flat", "w4"], ["m"], name="product"),
             helper.make_node("Add", ["m", "b4"], ["ma"]), helper.make_node("Gemm", ["ma", "w5", "b5"], ["y"], name="gemm", transB=1)]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["M", 7])],
                              [numpy_helper.from_array(v, k) for k, v in init.items()] + [numpy_helper.from_array(np.array([-1, 16]), "shape")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(small_net(), path)
    return path


def samples(count=12, seed=1):
    return {"x": np.random.default_rng(seed).normal(size=(count, 3, 8, 8)).astype(np.float32)}


SPECS = ["int8", "int8,tensor,symmetric", "int8,percentile:99", "int8,mse", "int4", "int4,a4,channel", "int2", "int2,a2,mse", "int1", "int1,a1",
         "int4,weights=absmax", "bf16", "f16"]


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("opset", [9, 13, 21])
def test_plan_file_and_interpreter_have_the_same_bits(tmp_path, spec, opset):
    path = tmp_path / "net.onnx"
    onnx.save(small_net(opset=opset), path)
    q = tauto.quantize(path, spec, samples())
    assert [n.precision.split(",")[0] for n in q.nodes] == [spec.split(",")[0]] * 5
    x = samples(seed=2)["x"]
    planned, written = q.load(), tauto.load(q.to_onnx())
    bits = planned(x).tobytes()
    assert bits == planned.run([x], interpret=True)[0].tobytes() == planned.run([x], threads=2)[0].tobytes()
    assert bits == written(x).tobytes() == written.run([x], interpret=True)[0].tobytes()
    model = onnx.load_from_string(q.to_onnx())
    onnx.checker.check_model(model, full_check=True)
    theirs = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    # They round elsewhere in the f32 parts between, so an activation may fall to a neighbouring step.
    step = 0.5 if "a" in spec.split(",", 1)[-1][:2] or spec.startswith(("int2", "int1")) else 0.05
    assert np.abs(theirs - planned(x)).max() <= step * np.abs(theirs).max()
    entries = [e for e in planned.ledger() if e["contract"] == "quantizing"]
    assert [e["sources"][0] for e in entries] == ["first", "grouped", "up", "product", "gemm"]


def test_products_of_bf16_as_the_instruction_has_them(net, monkeypatch):
    q = tauto.quantize(net, "bf16.dp")
    planned, plain = q.load(), tauto.load(net)
    x = samples(seed=2)["x"]
    bits = planned(x).tobytes()
    assert bits == planned.run([x], interpret=True)[0].tobytes() == planned.run([x], threads=2)[0].tobytes()
    assert bits != plain(x).tobytes() and np.abs(planned(x) - plain(x)).max() <= 0.02 * np.abs(plain(x)).max()
    monkeypatch.setenv("TAUTO_ISA", "avx2")    # without the instruction: the same bits
    assert q.load()(x).tobytes() == bits
    monkeypatch.delenv("TAUTO_ISA")
    assert {e["contract"] for e in planned.ledger() if e["pass"] == "precision"} == {"quantizing"}
    assert [n.name for n in q.nodes if n.precision == "bf16.dp"] == ["first", "product"]
    assert {n.reason for n in q.nodes if n.precision == "f32"} == {"fewer than 8 of its results differ in their weights"}
    with pytest.raises(tauto.Error, match="bf16.dp has no form in ONNX"):
        q.to_onnx()


def test_dynamic_scales(tmp_path):
    model = small_net()
    model.graph.node[3].name = "up"
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    q = tauto.quantize(path, "int8,dynamic", keep=["up"])
    assert [(n.name, n.reason) for n in q.nodes if n.precision == "f32"] == [("up", "kept")]
    x = samples(seed=2)["x"]
    planned, written = q.load(), tauto.load(q.to_onnx())
    assert planned(x).tobytes() == planned.run([x], interpret=True)[0].tobytes() == written(x).tobytes()
    theirs = onnxruntime.InferenceSession(q.to_onnx()).run(None, {"x": x})[0]
    assert np.abs(theirs - planned(x)).max() <= 0.05 * np.abs(theirs).max()
    with pytest.raises(tauto.Error, match=r'quantize: node "up" \(ConvTranspose\): required a Conv, MatMul or Gemm for dynamic scales'):
        tauto.quantize(path, "int8,dynamic").to_onnx()


def test_a_plan_is_text_that_reads_back(net, tmp_path):
    q = tauto.quantize(net, "int8,percentile:99.5", samples(), keep=["up"])
    file = tmp_path / "net.plan"
    file.write_text(q.plan)
    x = samples(seed=2)["x"]
    bits = {m(x).tobytes() for m in (q.load(), tauto.load(net, precision=file), tauto.load(net, precision=q.plan), tauto.load(net, precision=q))}
    assert len(bits) == 1
    assert tauto.load(net)(x).tobytes() not in bits
    assert q.keeping(["first"]).nodes[0].precision == "f32"


def test_what_is_cached_knows_its_plan(net, tmp_path, monkeypatch):
    monkeypatch.setenv("TAUTO_CACHE", str(tmp_path / "cache"))
    plans = [tauto.quantize(net, spec, samples()) for spec in ("int8", "int4")]
    x = samples(seed=2)["x"]
    bits = [m(x).tobytes() for _ in range(2) for m in (tauto.load(net), *(p.load() for p in plans))]
    assert bits[:3] == bits[3:] and len(set(bits)) == 3


# --- the rules, in numpy ------------------------------------------------------------------------------------------


def initializers(q):
    return {i.name: numpy_helper.to_array(i) for i in onnx.load_from_string(q.to_onnx()).graph.initializer}


def weights_of(name):
    return next(numpy_helper.to_array(i) for i in small_net().graph.initializer if i.name == name)


def test_absmax(net):
    w, q = weights_of("w1"), initializers(tauto.quantize(net, "int8", samples()))
    s = (np.abs(w).reshape(8, -1).max(1).astype(np.float64) / 127).astype(np.float32)
    np.testing.assert_array_equal(q["first/weight_scale"], s)
    np.testing.assert_array_equal(q["first/weights"], np.clip(np.rint(w / s[:, None, None, None]), -127, 127))


def test_ternary_weights(net):
    w, q = weights_of("w1"), initializers(tauto.quantize(net, "int2", samples()))
    size = np.abs(w.astype(np.float64)).reshape(8, -1)
    kept = size > 0.7 * size.mean(1, keepdims=True)
    np.testing.assert_array_equal(q["first/weights"], (np.sign(w).reshape(8, -1) * kept).reshape(w.shape))
    np.testing.assert_allclose(q["first/weight_scale"], (size * kept).sum(1) / kept.sum(1), rtol=1e-6)


def test_binary_weights(net):
    w, q = weights_of("w5"), initializers(tauto.quantize(net, "int1", samples()))
    np.testing.assert_array_equal(q["gemm/weights"], np.where(w < 0, -1, 1))
    np.testing.assert_allclose(q["gemm/weight_scale"], np.abs(w.astype(np.float64)).mean(1), rtol=1e-6)


def test_least_squares_is_never_worse_than_absmax(net):
    w = weights_of("w1")
    errors = []
    for rule in ("absmax", "mse"):
        q = initializers(tauto.quantize(net, f"int4,weights={rule}", samples()))
        errors.append(((w - q["first/weights"] * q["first/weight_scale"][:, None, None, None]) ** 2).reshape(8, -1).sum(1))
    assert (errors[1] <= errors[0] + 1e-9).all() and errors[1].sum() < errors[0].sum()


def test_ranges_of_activations(net):
    x = samples()["x"]
    q = initializers(tauto.quantize(net, "int8", samples()))
    s = np.float32((x.max().astype(np.float64) - x.min()) / 255)
    assert q["x/scale"] == s and q["x/zero"] == np.rint(-x.min().astype(np.float64) / s)
    assert q["r1/zero"] == 0                                                # behind a relu
    q = initializers(tauto.quantize(net, "int8,symmetric", samples()))
    assert q["x/scale"] == np.float32(np.abs(x).max().astype(np.float64) / 127) and q["x/zero"] == 0 and q["x/zero"].dtype == np.int8
    cut = initializers(tauto.quantize(net, "int8,percentile:98", samples()))
    lo, hi = np.quantile(x.astype(np.float64), [0.01, 0.99])
    assert cut["x/scale"] == pytest.approx((hi - lo) / 255, rel=0.01)


# --- mistakes -----------------------------------------------------------------------------------------------------


def one_conv(tmp_path, w=None, source="x"):
    random = np.random.default_rng(0)
    w = random.normal(size=(4, 3, 3, 3)).astype(np.float32) if w is None else w
    nodes = [helper.make_node("Mul", ["x", "zero"], ["never"]), helper.make_node("Conv", [source, "w"], ["y"], name="conv")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 6, 6])],
                              [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.array(0, np.float32), "zero")])
    path = tmp_path / "one.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def with_value(value):
    x = samples()
    x["x"][5, 1, 2, 3] = value
    return x


@pytest.mark.parametrize("make, spec, data, reason", [
    (dict(w=np.full((4, 3, 3, 3), 0.5, np.float32)), "int8", samples(), "its weights are all 0.5"),
    (dict(w=np.zeros((4, 3, 3, 3), np.float32)), "int8", samples(), "its weights are all 0"),
    (dict(w=np.full((4, 3, 3, 3), np.nan, np.float32)), "int8", samples(), "its weights are not all finite"),
    (dict(w=np.arange(108).reshape(4, 3, 3, 3).astype(np.float32) * np.float32(1e-44)), "int8", samples(), "a scale of its weights is 8e-45, which is denormal"),
    ({}, "int8", {"x": np.full((4, 3, 8, 8), 2.5, np.float32)}, "its input is always 2.5 in the calibration data"),
    (dict(source="never"), "int8", samples(), "its input is always 0 in the calibration data"),
    ({}, "int8", with_value(np.inf), "its input is not finite in the calibration data"),
    ({}, "int8", with_value(np.nan), "its input is not finite in the calibration data"),
    ({}, "int8", {"x": samples()["x"] * np.float32(1e-39)}, "the scale of its input would be"),
])
def test_what_cannot_be_quantized_stays_f32_and_says_why(tmp_path, make, spec, data, reason):
    path = one_conv(tmp_path, **make)
    with pytest.raises(tauto.Error) as error:                               # it is the only one
        tauto.quantize(path, spec, data)
    assert str(error.value).startswith('quantize: required a contraction that can be int8,channel,affine,minmax,weights=absmax, got none ("conv": ')
    assert reason in str(error.value)
    assert tauto.load(path)(samples()["x"]).shape == (12, 4, 6, 6)          # the float program stays


def test_data_that_never_reach_a_node(tmp_path):
    """An empty part of the input: no element is ever seen there."""
    nodes = [helper.make_node("Slice", ["x", "from", "to", "axes"], ["part"]), helper.make_node("MatMul", ["part", "w"], ["p"], name="never"),
             helper.make_node("MatMul", ["x", "w"], ["m"], name="always"), helper.make_node("Concat", ["p", "m"], ["y"], axis=0)]
    init = {"from": np.array([1000]), "to": np.array([2000]), "axes": np.array([0]), "w": np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)}
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [numpy_helper.from_array(v, k) for k, v in init.items()])
    path = tmp_path / "part.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    q = tauto.quantize(path, "int8", {"x": np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)})
    assert {n.name: n.reason for n in q.nodes} == {"never": "the calibration data never reaches it", "always": ""}


@pytest.mark.parametrize("spec, message", [
    ("int3", 'quantize: required int8, int4, int2, int1, f16, bf16 or bf16.dp, then any of channel, tensor, affine, symmetric, dynamic, minmax, '
             'percentile:P, mse, a8, a4, a2, a1, weights=absmax, weights=mse, weights=twn, weights=xnor, got "int3"'),
    ("int8,percentile:200", 'quantize: percentile: required more than 50, at most 100, got "200"'),
    ("int8,weights=twn", 'quantize: weights=twn: required int2, got "int8,weights=twn"'),
    ("int1,weights=mse", 'quantize: int1: required weights=xnor, got "int1,weights=mse"'),
    ("int8,dynamic,symmetric", 'quantize: dynamic: required affine activations of 8 bits by minmax, got "int8,dynamic,symmetric"'),
    ("bf16,channel", 'quantize: required nothing behind bf16, got "bf16,channel"'),
])
def test_precisions_that_do_not_exist(net, spec, message):
    with pytest.raises(tauto.Error) as error:
        tauto.quantize(net, spec, samples())
    assert str(error.value) == message


def test_other_mistakes(net, tmp_path):
    def message(*args, **kwargs):
        with pytest.raises(tauto.Error) as error:
            tauto.quantize(net, *args, **kwargs)
        return str(error.value)

    assert message("int8") == "quantize: int8,channel,affine,minmax,weights=absmax: required calibration data, got none"
    assert message("int8", {"z": samples()["x"]}) == 'quantize: data: required an array for each of "x", got none for "x"'
    with pytest.raises(tauto.Error, match="quantize: data: required at least one sample, got none"):
        tauto.quantize(one_conv(tmp_path), "int8", {"x": samples()["x"][:0]})
    assert message("int8", samples(), keep=["frist"]) == (
        'quantize: --keep: required the name of a contraction with constant weights, got "frist"')
    plan = tauto.quantize(net, "int8", samples()).plan
    for wrong, said in [(plan.replace("first", "nowhere"), 'precision: required the name of a contraction with constant weights ("first", "grouped", "up", '
                                                           '"product", "gemm"), got "nowhere"'),
                        (plan.replace("precision plan 1", "plan 7"), 'load: precision: required a plan ("precision plan 1"), got "plan 7"'),
                        ('precision plan 1\n"first" int8 x 0 3\n', 'load: precision: node "first": required a scale > 0, got 0'),
                        ('precision plan 1\n"first" int8 x 0.1 256\n', 'load: precision: node "first": required a zero point from 0 to 255, got 256')]:
        with pytest.raises(tauto.Error) as error:
            tauto.load(net, precision=wrong)
        assert str(error.value).endswith(said)


def test_opsets_are_raised_where_that_keeps_the_meaning(tmp_path):
    path = tmp_path / "old.onnx"
    model = small_net(opset=9)
    model.graph.node.extend([helper.make_node("Slice", ["y"], ["part"], starts=[1], ends=[6], axes=[1]),
                             helper.make_node("Softmax", ["part"], ["z"], name="soft"),
                             helper.make_node("Unsqueeze", ["z"], ["u"], axes=[0]), helper.make_node("ReduceSum", ["u"], ["s"], axes=[0], keepdims=0),
                             helper.make_node("Clip", ["s"], ["t"], min=0.1, max=0.5)])
    model.graph.output[0].name = "t"
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    onnx.save(model, path)
    q = tauto.quantize(path, "int8", samples())
    assert tauto.load(q.to_onnx())(samples()["x"]).tobytes() == q.load()(samples()["x"]).tobytes()
    onnx.checker.check_model(onnx.load_from_string(q.to_onnx()), full_check=True)
    model.graph.node[-4].attribute.append(helper.make_attribute("axis", 0))  # everything behind axis 0 together
    onnx.save(model, path)
    with pytest.raises(tauto.Error) as error:
        tauto.quantize(path, "int8", samples()).to_onnx()
    assert str(error.value) == ('quantize: node "soft" (Softmax) of opset 9: required axis -1 or an output that is known to have rank 1')


def test_what_is_quantized_is_not_judged_as_a_rounding(net, tmp_path):
    """Beside its source only the decision counts; the numeric level speaks of the nodes that are not quantized."""
    plan = tmp_path / "net.plan"
    plan.write_text(tauto.quantize(net, "int8", samples()).plan)
    x = {"x": samples(seed=2)["x"]}
    found = tauto.same(net, f"{net} --precision {plan}", x, level="numeric")
    assert [v.kind for v in found.verdicts if v.level == "numeric" and v.leg == "approximation"] == ["PROVED-ON-SET"]
    assert "5 nodes are quantized, as the ledger says: not judged here" in str(found)
    twice = tauto.same(f"{net} --precision {plan}", f"{net} --precision {plan}", x, level="bitwise")
    assert twice.verdicts[0].kind == "PROVED"                               # every kernel of integers, by proof


def test_saved_it_keeps_its_bits_and_its_ledger(tmp_path):
    """Six channels of bytes: no whole block of lanes, so they are one block of their own."""
    path = tmp_path / "net.onnx"
    onnx.save(small_net(groups=1), path)
    planned = tauto.quantize(path, "int8", samples()).load()
    planned.save(str(tmp_path / "m.tauto"))
    again = tauto.load(tmp_path / "m.tauto")
    x = samples(seed=2)["x"]
    assert again(x).tobytes() == planned(x).tobytes()
    assert sum(e["contract"] == "quantizing" for e in again.ledger()) == 5


@pytest.mark.parametrize("spec", [*SPECS, "int8,dynamic"])
def test_every_number_system_has_the_same_bits_on_every_instruction_set(net, tmp_path, spec):
    """Kernels by proof, and one hash over instruction sets, threads and the interpreter."""
    plan = tmp_path / "net.plan"
    plan.write_text(tauto.quantize(net, spec, samples()).plan)
    model = f"{net} --precision {plan}"
    found = tauto.same(model, model, {"x": samples(seed=2)["x"][:2]}, level="bitwise", proofs=120)
    assert found.verdicts[0].kind == "PROVED", str(found)
    assert f"1 hash over {', '.join(tauto.isas())} x 1,2,3 threads" in str(found)
