"""tauto.Model: loading, running, refusing, interrupting."""

import ast
import os
import signal
import threading
import time
import tomllib

import numpy as np
import onnx
import pytest

import make_models
import tauto

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = np.array([10, 20, 30], np.float32)


def test_every_way_to_run_gives_the_same():
    model = tauto.load(make_models.add())
    expected = (X + Y).tolist()
    assert model(X, Y).tolist() == expected
    assert [a.tolist() for a in model.run({"y": Y, "x": X})] == [expected]
    assert [a.tolist() for a in model.run([X, Y])] == [expected]
    assert [a.tolist() for a in model.ideal({"y": Y, "x": X})] == [expected]
    (lo, hi), = model.interval({"y": Y, "x": X})
    assert (lo <= X + Y).all() and (X + Y <= hi).all()


def test_every_way_to_load_gives_the_same(tmp_path):
    proto = make_models.dense()
    path = make_models.save(proto, tmp_path / "m.onnx")
    texts = []
    for source in (path, tmp_path / "m.onnx", proto, proto.SerializeToString(), bytearray(proto.SerializeToString())):
        model = tauto.load(source)
        texts.append((model.text(), model.side()))
    assert len(set(texts)) == 1
    again = tauto.parse(*texts[0])
    assert (again.text(), again.side()) == texts[0]
    (tmp_path / "m.graph").write_text(texts[0][0])
    (tmp_path / "m.graph.side").write_bytes(texts[0][1])
    x = np.ones((2, 30), np.float32)
    assert tauto.load(tmp_path / "m.graph")(x).tobytes() == tauto.load(path)(x).tobytes()


def test_signature():
    model = tauto.load(make_models.add())
    assert repr(model) == "tauto.Model(x: f32[N, 3], y: f32[3]) -> (z: f32[N, 3])"
    assert [(s.name, s.dtype, s.shape, s.type) for s in model.inputs] == [
        ("x", "float32", ["N", 3], "f32[N, 3]"), ("y", "float32", [3], "f32[3]")]
    assert repr(model.outputs) == "[z: f32[N, 3]]"
    assert model.defaults == []


@pytest.mark.parametrize("inputs, message", [
    ({"x": X}, 'run: input "y": required f32[3], got nothing'),
    ({"x": X, "y": Y, "q": Y}, 'run: input "q": required one of "x", "y", got an unknown name'),
    ({"x": X, "y": X}, 'run: input "y": required f32[3], got f32[2, 3]'),
    ({"x": X[:, :2], "y": Y}, 'run: input "x": required f32[N, 3], got f32[2, 2]'),
    ({"x": X.astype(np.float64), "y": Y}, 'run: input "x": required f32[N, 3], got f64[2, 3]'),
    ([X], 'run: required 2 inputs ("x", "y"), got 1'),
])
def test_wrong_inputs(inputs, message):
    with pytest.raises(tauto.Error) as error:
        tauto.load(make_models.add()).run(inputs)
    assert str(error.value) == message
    assert isinstance(error.value, ValueError)


def test_a_size_that_inputs_share():
    x, z = (make_models.value(name, make_models.FLOAT, ["N"]) for name in "xz")
    model = tauto.load(make_models.model([onnx.helper.make_node("Concat", ["x", "z"], ["y"], axis=0)], [x, z], ["y"]))
    with pytest.raises(tauto.Error) as error:
        model(Y[:2], Y)
    assert str(error.value) == 'run: input "z": required f32[N], got f32[3] (N is 2 here)'


def test_wrong_use_is_a_type_error():
    model = tauto.load(make_models.add())
    for wrong in (3, {1: X, 2: Y}):
        with pytest.raises(TypeError):
            model.run(wrong)


def test_wrong_models(tmp_path):
    with pytest.raises(tauto.Error, match='^model: node "frob_1" \\(Frobnicate\\): the operator is not supported$'):
        tauto.load(make_models.unsupported())
    with pytest.raises(tauto.Error, match="nowhere.onnx: cannot open: No such file or directory$"):
        tauto.load(tmp_path / "nowhere.onnx")
    for length in (0, 1, 10, 60):
        with pytest.raises(tauto.Error, match="^model: "):
            tauto.load(make_models.add().SerializeToString()[:length])


def test_a_default_may_be_given_or_not():
    model = tauto.load(make_models.add_default())
    assert [s.name for s in model.inputs] == ["x"] and [s.name for s in model.defaults] == ["y"]
    assert model(X).tolist() == (X + [1, 2, 3]).tolist()
    for _ in range(2):
        assert model.run({"x": X, "y": Y})[0].tolist() == (X + Y).tolist()
        assert model.run({"x": X})[0].tolist() == (X + [1, 2, 3]).tolist()
    with pytest.raises(tauto.Error, match=r'^run: input "y": required f32\[3\], got f32\[2\]$'):
        model.run({"x": X, "y": Y[:2]})


def test_axes_that_are_an_input():
    model = tauto.load(make_models.sum_by_input())
    assert [s.type for s in model.inputs] == ["f32[A, B, C]", "i64[K]"]
    with pytest.raises(tauto.Error, match='^model: node "sum_1" \\(ReduceSum\\): the values of some inputs decide'):
        model.text()
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    rng = np.random.default_rng(7)
    for _ in range(60):  # more choices than graphs are kept
        axes = rng.permutation(3)[:rng.integers(1, 4)] - 3 * rng.integers(2)
        assert np.array_equal(model(x, axes), x.sum(tuple(axes))), f"seed 7, axes {axes}"


def test_threads_share_a_model():
    model = tauto.load(make_models.dense())
    xs = [np.random.default_rng(i).standard_normal((i + 1, 30)).astype(np.float32) for i in range(8)]
    alone = [model(x).tobytes() for x in xs]
    wrong = []

    def work(i):
        for _ in range(20):
            if model(xs[i]).tobytes() != alone[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_other_threads_run_while_a_model_does():
    model = tauto.load(make_models.slow(steps=3, size=512))
    x = np.zeros((512, 512), np.float32)
    thread = threading.Thread(target=lambda: model(x))
    thread.start()
    turns = 0
    while thread.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 3


def test_ctrl_c_ends_a_run():
    model = tauto.load(make_models.slow())
    x = np.zeros((4096, 4096), np.float32)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model(x)
    timer.join()
    assert time.monotonic() - started < 20


def test_versions_agree():
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as handle:
        assert tomllib.load(handle)["project"]["version"] == tauto.__version__
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as handle:
        assert f"project(tauto VERSION {tauto.__version__} " in handle.read()
    with open(os.path.join(ROOT, "include", "tauto", "version.h"), encoding="utf-8") as handle:
        assert f'kVersion[] = "{tauto.__version__}"' in handle.read()


def test_stub_names_what_the_module_has():
    import tauto._tauto as module

    with open(os.path.join(ROOT, "python", "tauto", "_tauto.pyi"), encoding="utf-8") as handle:
        stub = ast.parse(handle.read()).body
    aliases = {"Value", "Inputs"}  # for the stub's own use
    named = {n.name for n in stub if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    named |= {n.target.id for n in stub if isinstance(n, ast.AnnAssign)}
    assert named - aliases == {n for n in vars(module) if not n.startswith("_")}
    for node in stub:
        if isinstance(node, ast.ClassDef) and node.name in ("Model", "Slot"):
            members = {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
            real = {n for n in vars(getattr(module, node.name)) if not n.startswith("_") or n == "__call__"}
            assert members == real, node.name


def test_results_go_where_the_caller_wants_them():
    model = tauto.load(make_models.add())
    for interpret in (False, True):
        memory = np.full((4, 6), -1, np.float32)
        strided = memory[::2, ::2]
        returned, = model.run({"x": X, "y": Y}, out=[strided], interpret=interpret)
        assert returned is strided and (strided == X + Y).all()
        assert (memory[1::2] == -1).all() and (memory[:, 1::2] == -1).all()
        state = X.copy()   # an output may lie where an input lies
        for _ in range(3):
            model.run({"x": state, "y": Y}, out=[state], interpret=interpret)
        assert (state == X + 3 * Y).all()


def test_places_for_results_are_checked_before_anything_is_written():
    model = tauto.load(make_models.add())
    fixed = np.zeros((2, 3), np.float32)
    fixed.flags.writeable = False
    for out, message in (([], "run: out: required 1 arrays, got 0"),
                         ([np.zeros((2, 3))], 'run: out "z": required float32(2, 3), got float64(2, 3)'),
                         ([np.zeros((3, 2), np.float32)], 'run: out "z": required float32(2, 3), got float32(3, 2)'),
                         ([[0]], 'run: out "z": required an array, got list'),
                         ([fixed], 'run: out "z": required an array that may be written')):
        with pytest.raises(tauto.Error) as error:
            model.run([X, Y], out=out)
        assert str(error.value) == message
