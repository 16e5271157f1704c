"""The command `tauto`: files it reads and writes, waiting. What it prints: tests/cli/*.test."""

import os
import pty
import signal
import subprocess
import sys
import time

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "python"))
import make_models  # noqa: E402

TAUTO = os.path.join(os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")), "tauto")
SEMANTICS = subprocess.run([TAUTO, "--version"], capture_output=True, text=True).stdout.split()[-1]
X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = np.array([10, 20, 30], np.float32)


@pytest.fixture
def tauto(tmp_path):
    """Runs the command in a folder with add.onnx, dense.onnx, bad.onnx, x.npy, y.npy and case.npz."""
    make_models.save(make_models.add(), tmp_path / "add.onnx")
    make_models.save(make_models.dense(), tmp_path / "dense.onnx")
    make_models.save(make_models.unsupported(), tmp_path / "bad.onnx")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    np.savez(tmp_path / "case.npz", x=X, y=Y)

    def run(line, code=0):
        done = subprocess.run([TAUTO, *line.split()], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (done.stdout, done.stderr)
        assert (done.stderr == "") == (code == 0)
        return done.stderr if code else done.stdout

    run.path = tmp_path
    return run


def identity(path, declared):
    """id.graph, the model that returns its input."""
    (path / "id.graph").write_text(f'module g semantics {SEMANTICS}\n\nfunc main(%0 "x": {declared}) -> ("z") {{\n'
                                   '  return %0\n}\n')


# --- errors -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("line, message", [
    ("run add.onnx --input x=y.npy --input y=y.npy", 'run: input "x": required f32[N, 3], got f32[3]'),
    ("run add.onnx --inputs case.npz --input x=x.npy", 'run: input "x": given twice'),
    ("run add.onnx --inputs x.npy", 'run: --inputs: required a .npz file or a folder, got "x.npy"'),
])
def test_mistakes_in_files(tauto, line, message):
    assert tauto(line, code=1) == f"tauto: {message}\n"


@pytest.mark.parametrize("command", ["", "check", "show", "run"])
def test_help_has_examples_and_exit_codes(tauto, command):
    text = tauto(f"{command} --help")
    assert f"tauto {command or 'run'}" in text
    assert ("Examples:" if command else "Exit codes: 0 ") in text


def test_check_names_every_node_that_is_not_supported(tauto):
    done = subprocess.run([TAUTO, "check", "bad.onnx", "add.onnx"], cwd=tauto.path, capture_output=True, text=True)
    assert done.returncode == 1
    assert '  missing    node "frob_1" (Frobnicate)\n' in done.stdout
    assert "add.onnx\n" in done.stdout  # the others are still checked


def test_show_prints_a_graph_that_reads_back(tauto):
    text = tauto("show dense.onnx")
    assert text.startswith(f"module g semantics {SEMANTICS}\n") and '# "mm"\n' in text and '# "act"\n' in text
    assert tauto("show dense.onnx -o m.graph") == ""
    assert (tauto.path / "m.graph").read_text() == text
    assert (tauto.path / "m.graph.side").stat().st_size == 480
    assert tauto("show m.graph") == text
    assert tauto("run m.graph --random 5 --dim batch=3") == tauto("run dense.onnx --random 5 --dim batch=3")
    (tauto.path / "m.graph.side").write_bytes(b"short")
    assert tauto("show m.graph", code=1).startswith("tauto: m.graph: ")


def test_show_as_onnx_of_everything_a_node_can_hold(tauto):
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "body", [],
                             [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])])
    node = helper.make_node("Every thing", ["x", "", "a b"], ["z"], domain="my.domain", i=1, f=0.5, s="q\"\n", ints=[1, 2],
                            floats=[1.5], strings=["a"], t=numpy_helper.from_array(np.array([1, 2])), body=body)
    graph = helper.make_graph([node], "g", [helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, ["N", None])],
                              [helper.make_tensor_value_info("z", TensorProto.FLOAT, [])])
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("my.domain", 2)]),
              str(tauto.path / "any.onnx"))
    assert tauto("show any.onnx --as onnx") == """\
onnx "g"  ir 10
opset my.domain 2
input x: sequence<float32[N, ?]>
z = my.domain.Every thing(x, _, "a b") {body: graph, f: 0.5, floats: [1.5], i: 1, ints: [1, 2], \
s: "q\\"\\x0a", strings: ["a"], t: int64[2] {1, 2}}
  body:
    b = Identity(x)
    output b: float32[1]
output z: float32[]
"""


def test_show_exports_a_model_with_the_same_results(tauto):
    tauto("show dense.onnx -o m.graph")
    tauto("show m.graph --as onnx -o again.onnx")
    onnx.checker.check_model(str(tauto.path / "again.onnx"), full_check=True)
    assert tauto("run again.onnx --random 5 --dim batch=3") == tauto("run dense.onnx --random 5 --dim batch=3")
    assert tauto("show m.graph --as onnx") == tauto("show again.onnx --as onnx")


# --- run --------------------------------------------------------------------------------------------------------

def test_run_prints_and_writes(tauto):
    assert tauto("run add.onnx --input x=x.npy --input y=y.npy --print --out deep") == """\
z: f32[2, 3] in [10, 35] sha256:d0a5a2b0d4d5a9d3
[[10, 21, 32],
 [13, 24, 35]]
wrote deep/z.npy
""".replace("d0a5a2b0d4d5a9d3", hash_of(tauto))
    assert np.array_equal(np.load(tauto.path / "deep" / "z.npy"), X + Y)
    assert tauto("run add.onnx --inputs case.npz --out o.npz").endswith("wrote o.npz\n")
    assert np.array_equal(np.load(tauto.path / "o.npz")["z"], X + Y)


def hash_of(tauto):
    return tauto("run add.onnx --inputs case.npz").strip()[-16:]


def test_run_on_onnx_test_data(tauto):
    folder = tauto.path / "set"
    folder.mkdir()
    for i, (name, array) in enumerate({"x": X, "y": Y}.items()):
        (folder / f"input_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
    tauto("run add.onnx --inputs set --pb --out out")
    tensor = onnx.TensorProto.FromString((tauto.path / "out" / "output_0.pb").read_bytes())
    assert tensor.name == "z" and np.array_equal(numpy_helper.to_array(tensor), X + Y)


PB_TYPES = {"bf16": ml_dtypes.bfloat16, "f8e5m2": ml_dtypes.float8_e5m2, "i4": ml_dtypes.int4, "u2": ml_dtypes.uint2,
            "f4e2m1": ml_dtypes.float4_e2m1fn, "f16": np.float16, "c64": np.complex64, "bool": bool, "u64": np.uint64}


@pytest.mark.parametrize("element", PB_TYPES)
def test_every_element_type_goes_through_pb_and_npy_files(tauto, element):
    identity(tauto.path, f"{element}[N]")
    given = np.array([1, 0, 1], PB_TYPES[element])
    (tauto.path / "x.pb").write_bytes(numpy_helper.from_array(given, "x").SerializeToString())
    tauto("run id.graph --input x=x.pb --pb --out pb")
    tensor = onnx.TensorProto.FromString((tauto.path / "pb" / "output_0.pb").read_bytes())
    got = numpy_helper.to_array(tensor)
    assert got.dtype == given.dtype and got.tobytes() == given.tobytes()
    tauto("run id.graph --input x=x.pb --out npy")
    stored = np.load(tauto.path / "npy" / "z.npy")
    assert stored.itemsize == given.itemsize and stored.tobytes() == given.tobytes()
    tauto("run id.graph --input x=npy/z.npy --pb --out again")
    assert (tauto.path / "again" / "output_0.pb").read_bytes() == (tauto.path / "pb" / "output_0.pb").read_bytes()


def test_numbers_that_do_not_fit_are_refused(tauto):
    identity(tauto.path, "i4[N]")
    np.save(tauto.path / "n.npy", np.array([7, 8], np.int8))
    assert tauto("run id.graph --input x=n.npy", code=1) == \
        'tauto: run: input "x": required elements of i4, -8 to 7, got 8\n'


def test_strings_sequences_and_optionals_in_files(tauto):
    identity(tauto.path, "string[N]")
    np.save(tauto.path / "s.npy", np.array(["a", "ü"]))
    tauto("run id.graph --input x=s.npy --out o")
    assert np.load(tauto.path / "o" / "z.npy").tolist() == ["a", "ü"]
    tauto("run id.graph --input x=s.npy --pb --out o")
    tensor = onnx.TensorProto.FromString((tauto.path / "o" / "output_0.pb").read_bytes())
    assert list(tensor.string_data) == [b"a", "ü".encode()]

    identity(tauto.path, "sequence<f32[...]>")
    (tauto.path / "q.pb").write_bytes(numpy_helper.from_list([X, Y], "x").SerializeToString())
    assert "wrote o/z.pb\n" in tauto("run id.graph --input x=q.pb --out o")
    got = numpy_helper.to_list(onnx.SequenceProto.FromString((tauto.path / "o" / "z.pb").read_bytes()))
    assert [a.tolist() for a in got] == [X.tolist(), Y.tolist()]

    identity(tauto.path, "optional<f32[N]>")
    for given in (Y, None):
        proto = numpy_helper.from_optional(given, "x", onnx.OptionalProto.TENSOR)
        (tauto.path / "p.pb").write_bytes(proto.SerializeToString())
        tauto("run id.graph --input x=p.pb --out o")
        got = numpy_helper.to_optional(onnx.OptionalProto.FromString((tauto.path / "o" / "z.pb").read_bytes()))
        assert (got is None) == (given is None) and (given is None or np.array_equal(got, given))


def test_run_bounds_and_ideal_values(tauto):
    tauto("run add.onnx --inputs case.npz --rep interval --out o.npz")
    with np.load(tauto.path / "o.npz") as stored:
        assert (stored["z.lo"] <= X + Y).all() and (X + Y <= stored["z.hi"]).all()
    tauto("run add.onnx --inputs case.npz --rep ideal --out o.npz")
    assert np.load(tauto.path / "o.npz")["z"].dtype == np.float64


def split_mix(state, name):
    """The generator of --random, written from its definition."""
    def step():
        nonlocal state
        mask = 2**64 - 1
        state = (state + 0x9e3779b97f4a7c15) & mask
        z = ((state ^ (state >> 30)) * 0xbf58476d1ce4e5b9) & mask
        z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & mask
        return z ^ (z >> 31)

    for c in name.encode():
        state = step() ^ c
    while True:
        yield step()


def test_random_inputs_are_what_they_are_defined_to_be(tauto):
    words = split_mix(7, "x")
    floats = []
    for _ in range(5):
        total = sum(word >> 16 * j & 0xffff for word in (next(words), next(words), next(words)) for j in range(4))
        floats.append((total - 6 * 65535) / 65536)
    identity(tauto.path, "f32[5]")
    tauto("run id.graph --random 7 --out o")
    assert np.load(tauto.path / "o" / "z.npy").tolist() == np.array(floats, np.float32).tolist()
    words = split_mix(7, "x")
    identity(tauto.path, "i64[12]")
    tauto("run id.graph --random 7 --out o")
    assert np.load(tauto.path / "o" / "z.npy").tolist() == [next(words) % 8 for _ in range(12)]


def test_random_floats_are_nearly_normal(tauto):
    identity(tauto.path, "f32[100000]")
    tauto("run id.graph --random 3 --out o")
    x = np.load(tauto.path / "o" / "z.npy").astype(np.float64)
    assert abs(x.mean()) < 0.02 and abs(x.std() - 1) < 0.02 and 3 < np.abs(x).max() <= 6


# --- waiting ----------------------------------------------------------------------------------------------------

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as handle:
        return int(handle.read().rpartition(")")[2].split()[11]) / os.sysconf("SC_CLK_TCK")


def start_slow(folder, stderr):
    make_models.save(make_models.slow(), folder / "slow.onnx")
    return subprocess.Popen([TAUTO, "run", "slow.onnx", "--random", "1"], cwd=folder, stdout=subprocess.PIPE,
                            stderr=stderr)


def wait_until_busy(process, seconds):
    deadline = time.monotonic() + 60
    while cpu_seconds(process.pid) < seconds and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)


def test_ctrl_c_stops_with_130(tmp_path):
    process = start_slow(tmp_path, subprocess.PIPE)
    wait_until_busy(process, 0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, b"", b"tauto: interrupted\n")


def test_progress_is_shown_on_a_terminal_only(tmp_path):
    master, slave = pty.openpty()
    process = start_slow(tmp_path, slave)
    os.close(slave)
    seen = b""
    while b" nodes, " not in seen and process.poll() is None:
        seen += os.read(master, 1000)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    process.stdout.close()
    os.close(master)
    assert b"\rtauto: running [" in seen.replace(b"\x1b[K", b"") and b"/40 nodes, " in seen
