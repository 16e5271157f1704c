"""Truncated, hostile and absurd models, and wrong inputs of runs: one clear error that names the file and the node
(or the input), in a process that may take ten seconds of a processor and one gigabyte of address space. What the
reader of protobuf and the decoder of tensors refuse is held by tests/onnx/proto_test.cpp and
decode_tensor_test.cpp; mutants of real models by test_fuzz.py.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import make_models
import tauto

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TAUTO = os.path.join(os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")), "tauto")
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
HUGE = 2 ** 60
SECONDS, MEGABYTES = 10, 1024


def limited():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))


def run_limited(folder, *words):
    return subprocess.run([TAUTO, *words], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          preexec_fn=limited, timeout=120)


def node(op, inputs, outputs, name="it", **attributes):
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


def value(name, element=FLOAT, shape=()):
    return helper.make_tensor_value_info(name, element, shape)


def model(nodes, inputs=(), outputs=("y",), initializers=(), functions=(), sparse=()):
    graph = helper.make_graph(nodes, "g", [*inputs], [helper.make_empty_tensor_value_info(o) for o in outputs],
                              [*initializers], sparse_initializer=[*sparse])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("f", 1)],
                             functions=[*functions], ir_version=10)


def ints(name, *values):
    return helper.make_tensor(name, INT64, [len(values)], values)


def number(name, v, element=INT64):
    return helper.make_tensor(name, element, [], [v])


def raw(name, element, dims):
    """A tensor without data."""
    tensor = TensorProto()
    tensor.name, tensor.data_type = name, element
    tensor.dims.extend(dims)
    return tensor


def zeros(name, dims):
    values = helper.make_tensor(name, FLOAT, [1], [1.0])
    return helper.make_sparse_tensor(values, ints("", 0), dims)


def external(location):
    tensor = raw("w", FLOAT, [2])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return model([node("Add", ["x", "w"], ["y"])], [value("x", FLOAT, [2])], initializers=[tensor])


X, C = value("x", FLOAT, [2]), value("c", BOOL)
ENDLESS = "required a loop that ends, got 9223372036854775807 trips and a condition that stays true"


def branch(nodes, output):
    return helper.make_graph(nodes, "b", [], [helper.make_empty_tensor_value_info(output)])


def body(nodes, condition="go", state="t"):
    outputs = [helper.make_empty_tensor_value_info(o) for o in (condition, state) if o]
    return helper.make_graph(nodes, "b", [value("i", INT64), value("go", BOOL), value("s", FLOAT, [2])], outputs)


def forever(trips=True, condition="go"):
    """A loop of 2^63 - 1 trips, or without a count."""
    inner = body([node("Add", ["s", "s"], ["t"]), node("Identity", ["go"], ["same"])], condition)
    return model([node("Loop", ["n" if trips else "", "", "x"], ["y"], body=inner)], [X],
                 initializers=[number("n", 2 ** 63 - 1)])


def field(number, payload):
    """A length-delimited protobuf field: Python's own protobuf refuses to nest as deep as files may."""
    size, varint = len(payload), b""
    while size > 127:
        varint, size = varint + bytes([size & 127 | 128]), size >> 7
    tag = bytes([number << 3 & 127 | 2 | (number > 15) << 7]) + (bytes([number >> 4]) if number > 15 else b"")
    return tag + varint + bytes([size]) + payload


def nested_ifs(depth):
    inner = branch([node("Relu", ["x"], ["t"])], "t").SerializeToString()
    outer = branch([], "t").SerializeToString()
    for i in range(depth):
        then = helper.make_attribute("then_branch", branch([], "t"))
        then.ClearField("g")
        bare = node("If", ["c"], ["t"], name=f"if{i}", else_branch=branch([], "x")).SerializeToString()
        inner = field(1, bare + field(5, then.SerializeToString() + field(6, inner))) + outer
    whole = model([], [X, C], ["t"])
    graph = whole.graph.SerializeToString()
    whole.ClearField("graph")
    return whole.SerializeToString() + field(7, field(1, bare + field(5, then.SerializeToString() + field(6, inner)))
                                             + graph)


def calls(depth, times):
    """f0 calls f1 `times` times, f1 calls f2, ..."""
    functions = []
    for i in range(depth):
        op, domain = (f"f{i + 1}", "f") if i + 1 < depth else ("Relu", "")
        steps = [helper.make_node(op, [f"v{k}" if k else "a"], [f"v{k + 1}" if k + 1 < times else "b"], domain=domain,
                                  name=f"call{i}") for k in range(times)]
        functions.append(helper.make_function("f", f"f{i}", ["a"], ["b"], steps,
                                              [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]))
    return model([helper.make_node("f0", ["x"], ["y"], domain="f", name="it")], [X], functions=functions)


def doubling(op, times, seed):
    """x1 = op(x, x), x2 = op(x1, x1), ...: each as large as all before."""
    attributes = {"axis": 0} if op == "Concat" else {}
    nodes = [node(op, [f"x{i}", f"x{i}"], [f"x{i + 1}"], name=f"n{i}", **attributes) for i in range(times)]
    return model([*nodes, node("Identity", [f"x{times}"], ["y"])], initializers=[seed])


def powers(times):
    """The product of all dims, squared again and again."""
    nodes = [node("Shape", ["x"], ["s0"])]
    nodes += [node("Mul", [f"s{i}", f"t{i}"], [f"s{i + 1}"], name=f"n{i}") for i in range(times)]
    adds = [node("Add", [f"s{i}", "r"], [f"t{i}"], name=f"a{i}") for i in range(times)]
    order = [nodes[0], node("Gather", ["s0", "turned"], ["r"])]
    for a, m in zip(adds, nodes[1:]):
        order += [a, m]
    return model([*order, node("ConstantOfShape", [f"s{times}"], ["y"], name="last")],
                 [value("x", FLOAT, ["A", "B", "C"])], initializers=[ints("turned", 1, 2, 0)])


def path(depth):
    """The name of a node in functions in functions: a long one is shown by its ends."""
    outer = "it/" + "".join(f"call{i}/" for i in range(depth - 1))
    return f"{outer[:60]} ... {outer[-60:]}call{depth - 1}"


# What a model is refused for when it is loaded. (More of them, in ONNX's text form: tests/onnx/errors.test.)
NO_SUCH = "is defined by no earlier node, initializer or graph input (missing, in a cycle, or out of order)"
OUTSIDE = "required a path inside the model's folder"
REFUSED = {
    # names
    "a node's own output": (model([node("Relu", ["y"], ["y"])], [X]), f'node "it" (Relu): input "y" {NO_SUCH}'),
    "missing initializer": (model([node("Add", ["x", "w"], ["y"])], [X]), f'node "it" (Add): input "w" {NO_SUCH}'),
    "an input listed twice": (model([node("Relu", ["x"], ["y"])], [X, X]), 'input "x" is listed twice'),
    "no nodes": (model([], [X]), f'output "y" {NO_SUCH}'),
    # types
    "unknown element type": (model([node("Relu", ["w"], ["y"])], initializers=[raw("w", 99, [2])]),
                             'initializer "w": required a defined element type, given type 99'),
    "input without type": (model([node("Relu", ["x"], ["y"])], [helper.make_empty_tensor_value_info("x")]),
                           'input "x": has no type'),
    "condition of floats": (
        model([node("If", ["x"], ["y"], then_branch=branch([], "x"), else_branch=branch([], "x"))], [X]),
        'node "it" (If): if(f32[2], f32[2]): condition: required one element bool, got f32[2]'),
    "branches of two types": (
        model([node("If", ["c"], ["y"], then_branch=branch([], "x"), else_branch=branch([], "c"))], [X, C]),
        'node "it" (If): types f32[2] and bool[] have no common form'),
    "a number for a graph": (model([node("Loop", ["", "", "x"], ["y"], body=3)], [X]),
                             'node "it" (Loop): attribute "body": required a graph, got attribute type 2'),
    "a sequence for a tensor": (
        model([node("SequenceConstruct", ["x"], ["s"]), node("Relu", ["s"], ["y"])], [X]),
        'node "it" (Relu): relu(sequence<f32[2]>): input 0: required a tensor, got sequence<f32[2]>'),
    "no rank where one counts": (
        model([node("LayerNormalization", ["x", "x"], ["y"])], [value("x", FLOAT, None)]),
        'node "it" (LayerNormalization): input 0: the rank must be known before run time'),
    "scales of no rank": (
        model([node("DequantizeLinear", ["q", "s"], ["y"], axis=0, block_size=1)],
              [value("q", TensorProto.INT8, [2]), value("s", FLOAT, None)]),
        'node "it" (DequantizeLinear): required scale and zero point of rank 1, got f32[...]'),
    "classes of no rank": (
        model([node("NegativeLogLikelihoodLoss", ["x", "t"], ["y"])], [value("x", FLOAT, [2, 3]),
                                                                      value("t", INT64, None)]),
        'node "it" (NegativeLogLikelihoodLoss): input 1: the rank must be known before run time'),
    "a scalar for an image": (
        model([node("BatchNormalization", ["x"] * 5, ["y", "m", "v"], training_mode=1)], [value("x")]),
        'node "it" (BatchNormalization): required more than 0 dims, got 0'),
    # dims
    "negative dim of an input": (model([node("Relu", ["x"], ["y"])], [value("x", FLOAT, [-5])]),
                                 'input "x": required dimensions >= 0, got -5'),
    "negative dim of an initializer": (model([node("Relu", ["w"], ["y"])], initializers=[raw("w", FLOAT, [-5])]),
                                       'initializer "w": required dimensions of 0 or more, given [-5]'),
    "2^60 elements without data": (model([node("Relu", ["w"], ["y"])], initializers=[raw("w", FLOAT, [HUGE])]),
                                   'initializer "w": float32[1152921504606846976] is too large'),
    "2^80 elements": (model([node("Relu", ["w"], ["y"])], initializers=[raw("w", FLOAT, [2 ** 40, 2 ** 40])]),
                      'initializer "w": dimensions [1099511627776, 1099511627776] have more than 2^62 elements'),
    "2^40 zeros": (model([node("Relu", ["w"], ["y"])], sparse=[zeros("w", [2 ** 40])]),
                   'initializer "w": sparse tensor: required at most 268435456 elements with the zeros, '
                   'got [1099511627776]'),
    "dims that multiply beyond 2^63": (model([node("Flatten", ["x"], ["y"])], [value("x", FLOAT, [2, HUGE, HUGE])]),
                                       'node "it" (Flatten): dimension arithmetic overflows'),
    "a window of 2^60": (
        model([node("MaxPool", ["x"], ["y"], kernel_shape=[HUGE])], [value("x", FLOAT, [1, 1, 8])]),
        'node "it" (MaxPool): kernel_shape: required positive numbers, got 1152921504606846976'),
    "pads of 2^62": (model([node("Pad", ["x", "p"], ["y"])], [X], initializers=[ints("p", 2 ** 62, 2 ** 62)]),
                     'node "it" (Pad): dimension arithmetic overflows'),
    "2^62 tiles": (model([node("Tile", ["x", "r"], ["y"])], [X], initializers=[ints("r", 2 ** 62)]),
                   'node "it" (Tile): shape [4611686018427387904, 2] has more than 2^63 elements'),
    "a range of 2^63": (model([node("Range", ["a", "b", "one"], ["y"])],
                              initializers=[number("a", -2 ** 62), number("b", 2 ** 62), number("one", 1)]),
                        'node "it" (Range): dimension arithmetic overflows'),
    "a range in steps of 0": (model([node("Range", ["a", "b", "a"], ["y"])],
                                    initializers=[number("a", 0), number("b", 5)]),
                              'node "it" (Range): range(i64[], i64[], i64[]): delta: required not 0'),
    # external data
    "outside the folder": (external("../w.bin"),
                           f'initializer "w": external data: path "../w.bin" contains ".."; {OUTSIDE}'),
    "an absolute path": (external("/etc/hostname"),
                         f'initializer "w": external data: path "/etc/hostname" is absolute; {OUTSIDE}'),
    "a link that leads out": (external("link.bin"), 'initializer "w": external data: path "link.bin" leaves the '
                              "model's folder through a symbolic link"),
    "no such file": (external("none.bin"),
                     'initializer "w": external data: ./none.bin: cannot open: No such file or directory'),
    "too short a file": (external("short.bin"), 'initializer "w": external data: float32[2] required 8 bytes at '
                         'offset 0, given a file "short.bin" of 4 bytes'),
    # depth (10^5 nested sub-graphs: tests/onnx/proto_test.cpp)
    "80 nested sub-graphs": (nested_ifs(80), 'node "if79" (If): more than 64 nested sub-graphs'),
    "80 nested functions": (calls(80, 1), f'node "{path(64)}" (f.f64): more than 64 nested functions or sub-graphs'),
    "functions that call two": (calls(40, 2), f'node "{path(39)}" (f.f39): more than 2000000 nodes'),
    # loops
    "2^63 trips": (forever(), f'node "it" (Loop): {ENDLESS}'),
    "trips without a count": (forever(trips=False), f'node "it" (Loop): {ENDLESS}'),
}

# Models that are absurd but mean something: they load at once, and a run says what it cannot have.
ABSURD = {
    "a constant of 2^60 elements": (model([node("ConstantOfShape", ["s"], ["y"])], initializers=[ints("s", HUGE)]),
        'node "it": tensor f32[1152921504606846976] is larger than 2^40 bytes'),
    "one-hot of 2^60 classes": (model([node("OneHot", ["i", "d", "v"], ["y"])], [value("i", INT64, [2])],
                                      initializers=[number("d", HUGE), helper.make_tensor("v", FLOAT, [2], [0, 1])]),
        'node "it": tensor i64[1152921504606846976] is larger than 2^40 bytes'),
    "resize by 1e30": (model([node("Resize", ["x", "", "s"], ["y"])], [X],
                             initializers=[helper.make_tensor("s", FLOAT, [1], [1e30])]),
        'node "it": resize: required more memory than there can be'),
    "lists that double": (doubling("Concat", 60, ints("x0", 1, 2)),
        "memory: required 1649269538816 bytes, got: Cannot allocate memory"),
    "strings that double": (doubling("StringConcat", 60, helper.make_tensor("x0", TensorProto.STRING, [1], [b"ab"])),
        'node "n27": string_concat(string[1], string[1]): required strings of at most 268435456 bytes'),
    "sizes to the power of 2^60": (powers(60),
        'node "last": expand(f32[], i64[3]): shape: required dims >= 0, got -811353010427527422'),
}


@pytest.fixture
def folder(tmp_path):
    """A folder for the model, with what external data may point at."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "w.bin").write_bytes(b"12345678")
    (inner / "short.bin").write_bytes(b"1234")
    (inner / "link.bin").symlink_to(tmp_path / "w.bin")
    return inner


def save(folder, source):
    (folder / "m.onnx").write_bytes(source if isinstance(source, bytes) else source.SerializeToString())


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_model_is_refused_in_one_line(folder, name):
    source, message = REFUSED[name]
    save(folder, source)
    done = run_limited(folder, "check", "m.onnx")
    assert (done.returncode, done.stderr) == (1, f"tauto: m.onnx: {message}\n")


@pytest.mark.parametrize("name", ABSURD)
def test_an_absurd_model_loads_and_its_run_says_what_cannot_be_had(folder, name):
    source, message = ABSURD[name]
    save(folder, source)
    loaded = run_limited(folder, "check", "m.onnx")
    assert (loaded.returncode, loaded.stderr) == (0, "")
    dims = [word for d in ("A=2", "B=3", "C=4") for word in ("--dim", d)] if "f32[A, B, C]" in loaded.stdout else []
    done = run_limited(folder, "run", "m.onnx", "--random", "1", *dims)
    assert (done.returncode, done.stderr) == (1, f"tauto: m.onnx: {message}\n")


def test_random_bytes_are_refused(tmp_path):
    rng = random.Random(20261122)
    start = make_models.dense().SerializeToString()
    names = [f"{i}.onnx" for i in range(300)]
    for i, name in enumerate(names):  # half of them begin as a model does
        size = rng.choice((1, 10, 100, 5000))
        (tmp_path / name).write_bytes(start[:rng.randrange(100)] * (i % 2) + rng.randbytes(size))
    done = run_limited(tmp_path, "check", *names)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == len(names)
    for name, line in zip(names, lines):
        assert line.startswith(f"tauto: {name}: "), f"seed 20261122: {line}"


# --- Ctrl-C ------------------------------------------------------------------------------------------------------

def endless():
    """A loop whose condition is computed, and always true."""
    inner = body([node("Equal", ["i", "i"], ["again"]), node("Identity", ["s"], ["t"])], "again")
    return model([node("Loop", ["", "", "x"], ["y"], body=inner)], [X])


def interrupt_soon():
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("what", ["loading", "specialising", "a loop without end"])
def test_ctrl_c_ends_python_calls(what):
    big = calls(40, 2)
    if what == "specialising":  # the model is made again for the values of its inputs
        big.graph.node.insert(0, node("ReduceSum", ["x", "axes"], ["z"]))
        big.graph.input.append(value("axes", INT64, [1]))
        waiting = tauto.load(big)
    loop = tauto.load(endless())
    x = np.ones(2, np.float32)
    timer = interrupt_soon()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        if what == "loading":
            tauto.load(big)
        elif what == "specialising":
            waiting(x, np.array([0]))
        else:
            loop(x)
    timer.join()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("words, source, code", [
    (["check"], calls(40, 2), -signal.SIGINT),  # a shell says 130
    (["run", "--random", "1"], endless(), 130),
])
def test_ctrl_c_ends_commands(folder, words, source, code):
    save(folder, source)
    process = subprocess.Popen([TAUTO, words[0], "m.onnx", *words[1:]], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=limited)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, b"tauto: interrupted\n" if code == 130 else b"")
