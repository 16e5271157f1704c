"""What the law is held for: programs with their inputs, and what is known about them from elsewhere.

A program is (kind, what): a test case of the onnx package, an operator in one of its types or with bad inputs
(lib_single_ops.py), a network with a stored case, a network with inputs drawn from its domain (input_domains.json), the
program that a network becomes with rewrites that are not exact or in another number system, a network as others quantize
it (lib_qdq.py), a network of one or two bits, or a random graph (lib_random_graphs.py).
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import pickle
import time
from typing import Any, Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

import lib_cases
import lib_models
import lib_qdq
import lib_random_graphs
import lib_runtimes
import lib_single_ops

Program = tuple[str, Any]
DRAWN = 3                  # inputs drawn per public network
FLUSHED = ("flush-to-zero",)                     # doubles the nodes: of small networks
FLUSHED_NETWORKS = ("silero-v5", "blazeface-front", "oww-hey-jarvis")
ALLOWED = (("online-softmax", "reassociate", "winograd"), FLUSHED)     # rewrites of docs/contracts.md
PRECISIONS = ("int8", "int8,dynamic,tensor", "int4,dynamic", "int2,dynamic", "int1,dynamic,weights=xnor", "int1,a1",
              "bf16", "bf16.dp", "f16")  # number systems of docs/quantization.md
IN_PRECISIONS = ("ppocr-cls", "blazeface-front", "oww-embedding", "opennsfw-resnet50", "mnist_256x2", "mnist_cnn_max")
IN_QDQ = ("ppocr-cls", "ppocr-det", "ppocr-rec", "oww-embedding", "opennsfw-resnet50", "yolov8n-320", "blazeface-front")
KEPT_FROM = 0.05           # seconds of interpretation from which a result is worth a file

# How far the ONNX reference evaluator's own answers may lie outside the interval of our definition, in epsilons of
# the type and of the largest magnitude of the operands and the result: numpy's functions are good to a few ulp, and
# what ONNX defines by other operators is computed there in several rounded steps.
EPSILONS = 32.0
# What it is known to compute otherwise than exactly; such nodes are left to other comparisons.
OVERFLOWS = ("Softplus", "LogSoftmax")          # log(1 + exp(x)), log(softmax(x)) as they are written
ONLY_FINITE = ("Conv", "Resize", "MaxPool", "AveragePool", "GlobalMaxPool",    # 0 · infinity where nothing is
               "ReduceLogSumExp", "PRelu",                                      # infinity - infinity, the side not taken
               "ReduceL2", "ReduceSumSquare")                                   # squares in f16 overflow
NOT_IN_F16 = ("InstanceNormalization",)         # its variance overflows
IN_F32 = ("Erf",)                                # whatever the type


def all_programs(networks: bool, seeds: range) -> list[Program]:
    items: list[Program] = [("case", case) for case in lib_cases.all_cases()]
    items += [("typed", variant) for variant in lib_single_ops.all_variants()]
    items += [("bad", name) for name in lib_single_ops.bad_programs()]
    items += [("random", seed) for seed in seeds]
    if networks:
        there = [m for m in lib_models.public_models() if os.path.exists(m.path)]
        items += [("network", (m, case)) for m in there + lib_models.data_models() for case in m.cases]
        items += [("allowed", (m, names)) for m in there if m.cases for names in ALLOWED
                  if names != FLUSHED or m.name in FLUSHED_NETWORKS]
        items += [("precision", (m, to)) for m in there + lib_models.data_models() if m.name in IN_PRECISIONS for to in PRECISIONS]
        items += [("qdq", m) for m in there if m.name in IN_QDQ]
        items += [("lowbit", path) for path in sorted(glob.glob(os.path.join(lib_models.SHARED, "data", "lowbit", "*.onnx")))]
        items += [("drawn", (m, index)) for m in there for index in range(DRAWN) if m.cases and m.name in _domains()]
    return items


def name_of(program: Program) -> str:
    kind, what = program
    if kind == "network":
        return f"{what[0].name}/{lib_models.case_name(what[1])}"
    if kind == "drawn":
        return f"{what[0].name}/drawn {what[1]}"
    if kind == "typed":
        return f"typed/{what[0]} {what[1]} {onnx.TensorProto.DataType.Name(what[2]).lower()}"
    if kind == "allowed":
        return f"{what[0].name} --allow {','.join(what[1])}"
    if kind == "precision":
        return f"{what[0].name} --precision {what[1]}"
    if kind == "qdq":
        return f"{what.name} in QDQ form"
    if kind == "lowbit":
        return f"lowbit/{os.path.basename(what)}"
    return f"{kind}/{what}" if kind in ("random", "bad") else f"{what.suite}/{what.name}"


def open_program(program: Program) -> tuple[Any, list[Any]]:
    """(path or bytes of the model, sets of inputs)."""
    kind, what = program
    if kind == "random":
        graph = lib_random_graphs.make(what)
        return graph.model.SerializeToString(), graph.inputs
    if kind == "typed":
        return lib_single_ops.variant(what)
    if kind == "bad":
        return lib_single_ops.bad_programs()[what]
    if kind == "case":
        return what.model, [inputs for inputs, _ in lib_cases.data_sets(what, onnx.load(what.model))]
    if kind == "allowed":
        model, names = what
        return _rewritten(model, names), [lib_models.load_case(model, model.cases[0], onnx.load(model.path))[0]]
    if kind == "precision":
        model, to = what
        inputs = lib_models.load_case(model, model.cases[0], onnx.load(model.path))[0]
        return _in_precision(model, to, inputs), [inputs]
    if kind == "qdq":
        inputs = lib_models.load_case(what, what.cases[0], onnx.load(what.path))[0]
        path = _file(f"{what.name}+qdq", "onnx")
        lib_qdq.write(what.path, inputs, path)
        return path, [inputs]
    if kind == "lowbit":
        pixels = np.random.default_rng(1).integers(0, 256, (8, 1, 1, 28, 28))
        return what, [(image / np.float32(255)).astype(np.float32) for image in pixels]
    model, case = what
    proto = onnx.load(model.path)
    stored = lib_models.load_case(model, case if kind == "network" else model.cases[0], proto)[0]
    return model.path, [stored if kind == "network" else _drawn(model.name, case, stored)]


def _rewritten(model: lib_models.Model, names: tuple[str, ...]) -> str:
    import tauto

    return _graph_file(tauto.load(model.path, allow=list(names)), f"{model.name}+{'+'.join(names)}")


def _in_precision(model: lib_models.Model, to: str, inputs: dict[str, np.ndarray]) -> str:
    import tauto

    data = None if "dynamic" in to or to in ("bf16", "f16") else inputs
    return _graph_file(tauto.quantize(model.path, to, data).load(), f"{model.name}+{to}")


def _graph_file(loaded: Any, name: str) -> str:
    """The file of the graph that a network has become: a program like any other."""
    path = _file(name, "graph")
    with open(path, "w", encoding="utf-8") as text, open(path + ".side", "wb") as side:
        text.write(loaded.text())
        side.write(loaded.side())
    return path


def _file(name: str, kind: str) -> str:
    folder = os.path.join(lib_runtimes._BUILD, "law", "graphs")
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, f"{name}.{os.getpid()}.{kind}")


def _domains() -> dict[str, Any]:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "input_domains.json")
    with open(path, encoding="utf-8") as handle:
        return json.load(handle)


def _drawn(name: str, index: int, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    random = np.random.default_rng([index, *name.encode()])
    inputs = {}
    for key, value in stored.items():
        (sort, bounds), = _domains()[name][key].items()
        if sort == "integers":
            drawn = random.integers(bounds[0], bounds[1], value.shape, endpoint=True)
        elif sort == "choices":
            drawn = random.choice(bounds, value.shape)
        else:
            drawn = random.uniform(bounds[0], bounds[1], value.shape)
        inputs[key] = np.asarray(drawn).astype(value.dtype)
    return inputs


class Interpreted:
    """Results of the interpreter that took long, kept by model, inputs and version of the semantics."""

    def __init__(self, folder: str, model: Any) -> None:
        self.folder, self.model = folder, b""
        if isinstance(model, str):
            with open(model, "rb") as handle:
                self.model = hashlib.file_digest(handle, "sha256").digest()

    def get(self, inputs: Any, run: Callable[[], Any]) -> Any:
        if not self.model:
            return run()
        import tauto

        digest = hashlib.sha256(self.model + str(tauto.semantics_version).encode())
        for name, value in sorted(inputs.items()) if isinstance(inputs, dict) else enumerate(inputs):
            digest.update(f"{name} {getattr(value, 'dtype', '')} {getattr(value, 'shape', '')}".encode())
            digest.update(value.tobytes() if isinstance(value, np.ndarray) and value.dtype != object
                          else repr(value).encode())
        path = os.path.join(self.folder, digest.hexdigest())
        if os.path.exists(path):
            with open(path, "rb") as handle:
                return pickle.load(handle)
        started = time.monotonic()
        result = run()
        if time.monotonic() - started > KEPT_FROM:
            os.makedirs(self.folder, exist_ok=True)
            with open(f"{path}.{os.getpid()}", "wb") as handle:
                pickle.dump(result, handle)
            os.replace(f"{path}.{os.getpid()}", path)
        return result


def against_reference(graph: lib_random_graphs.Graph) -> list[str]:
    """Node by node, on the values that the ONNX reference evaluator has: where its result lies outside of what our
    definition allows. Nodes that one of the two refuses are left out."""
    import tauto

    values = dict(graph.inputs[0])
    fixed = {t.name: numpy_helper.to_array(t) for t in graph.model.graph.initializer}
    wrong = []
    for node in graph.model.graph.node:
        known = {name: values.get(name, fixed.get(name)) for name in node.input if name}
        results = lib_random_graphs.run_nodes([node], known, list(node.output))
        values.update(zip(node.output, results))
        if not _is_comparable(node.op_type, list(known.values()) + results):
            continue
        single = _single(node, known, fixed, results)
        feeds = {name: value for name, value in known.items() if name not in fixed}
        try:
            intervals = tauto.load(single).interval(feeds)
        except tauto.Error:
            continue
        for theirs, (low, high) in zip(results, intervals):
            epsilon = np.finfo(np.float32 if node.op_type in IN_F32 or theirs.dtype.kind != "f" else theirs.dtype).eps
            if why := _outside(theirs, np.asarray(low), np.asarray(high), list(known.values()), epsilon):
                wrong.append(f"{node.op_type}: {why}")
    return wrong


def _single(node: onnx.NodeProto, known: dict[str, np.ndarray], fixed: dict[str, np.ndarray],
            results: list[np.ndarray]) -> bytes:
    def info(name: str, value: np.ndarray) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)

    graph = helper.make_graph([node], "node", [info(n, v) for n, v in known.items() if n not in fixed],
                              [info(n, v) for n, v in zip(node.output, results)],
                              [numpy_helper.from_array(fixed[n], n) for n in known if n in fixed])
    opset = [helper.make_opsetid("", lib_random_graphs.OPSET)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def _is_comparable(op: str, values: list[np.ndarray]) -> bool:
    if op in OVERFLOWS or any(value.dtype == np.uint64 for value in values):   # intervals of integers are int64
        return False
    if op in NOT_IN_F16 and any(value.dtype == np.float16 for value in values):
        return False
    finite = all(np.isfinite(value).all() for value in values if value.dtype.kind == "f")
    return (finite or op not in ONLY_FINITE) and all(value.size > 0 for value in values)


def _outside(theirs: np.ndarray, low: np.ndarray, high: np.ndarray, operands: list[np.ndarray],
             epsilon: float) -> str:
    if theirs.shape != low.shape:
        return f"shape {list(theirs.shape)}, ours {list(low.shape)}"
    if theirs.dtype.kind != "f":
        bad = ~((low <= theirs) & (theirs <= high))
    else:
        value = theirs.astype(np.float64)
        with np.errstate(all="ignore"):
            scale = max([1.0] + [float(np.abs(x[np.isfinite(x)]).max(initial=0)) for x in operands if x.dtype.kind == "f"])
            slack = EPSILONS * epsilon * np.maximum(scale, np.maximum(np.abs(low), np.abs(high)))
            inside = (low - slack <= value) & (value <= high + slack) | (value == low) | (value == high)
        any_value = np.isnan(low) | np.isnan(high) | (low == -np.inf) & (high == np.inf)
        bad = ~(inside | np.isnan(value) & any_value)
    if not bad.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{int(bad.sum())} of {bad.size} outside; at {list(at)}: [{low[at]}, {high[at]}], reference {theirs[at]}"
