"""Single-operator programs of the law: every operator over every element type that ONNX allows it, and inputs that
are bad or extreme.

The test cases of the onnx package have most operators in one or two types. Their models are taken again here with the
element types of one type variable of the operator's schema replaced: the values are those of the case, scaled into
the new type, and a second time with NaN, infinities, zeros of both signs, denormals and the type's limits among them.
Whether such values or types make sense is not asked: the interpreter and machine code are to give the same bits, or
the same error.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import lib_cases

MOST = 20_000      # elements of a case's largest input, else another case of the operator is taken
_TYPES = {"tensor(float)": TensorProto.FLOAT, "tensor(double)": TensorProto.DOUBLE, "tensor(float16)": TensorProto.FLOAT16,
          "tensor(bfloat16)": TensorProto.BFLOAT16, "tensor(bool)": TensorProto.BOOL,
          **{f"tensor({sign}int{bits})": getattr(TensorProto, f"{sign}int{bits}".upper())
             for sign in ("", "u") for bits in (8, 16, 32, 64)}}


def _array(bits: Any, element: int) -> np.ndarray:
    return np.asarray(bits, helper.tensor_dtype_to_np_dtype(element))


def _is_float(element: int) -> bool:
    return element in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def retyped(value: np.ndarray, element: int, extreme: int) -> np.ndarray:
    """The values in another type; with `extreme` (a seed) some of them are replaced by corners of the type."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    wide = value.astype(np.float64)
    with np.errstate(all="ignore"):
        if element == TensorProto.BOOL:
            made = wide > 0
        elif _is_float(element):
            made = wide.astype(np.float32).astype(dtype) if element != TensorProto.DOUBLE else wide
        else:
            limits = np.iinfo(dtype)
            scaled = wide if value.dtype.kind in "iub" else np.round(wide * 8)
            made = np.clip(np.nan_to_num(scaled), float(max(limits.min, -2 ** 31)), float(min(limits.max, 2 ** 31))).astype(dtype)
    if not extreme or made.size == 0 or element == TensorProto.BOOL:
        return np.asarray(made, dtype)
    random = np.random.default_rng(extreme)
    if _is_float(element):
        with np.errstate(over="ignore"):
            corners = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 6e-8, 3e38, -6e4, 1.0]).astype(dtype)
    else:
        corners = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1], dtype)
    flat = np.array(made, dtype).reshape(-1)
    some = random.random(flat.size) < 0.3
    flat[some] = random.choice(corners, int(some.sum()))
    return flat.reshape(made.shape)


def _version(model: onnx.ModelProto) -> int:
    return max(v.version for v in model.opset_import if v.domain in ("", "ai.onnx"))


@lru_cache(maxsize=1)
def _templates() -> dict[str, tuple[lib_cases.Case, list[tuple[str, int]]]]:
    """Of each operator the case with most inputs, and what may vary: (type variable, element type)."""
    best: dict[str, tuple[int, lib_cases.Case, onnx.ModelProto]] = {}
    for case in lib_cases.all_cases():
        if case.suite != "node":
            continue
        model = onnx.load(case.model)
        nodes = model.graph.node
        if len(nodes) != 1 or nodes[0].domain not in ("", "ai.onnx"):
            continue
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in nodes[0].attribute):
            continue
        size = max([int(np.prod([d.dim_value for d in v.type.tensor_type.shape.dim])) for v in model.graph.input] or [0])
        inputs = sum(1 for name in nodes[0].input if name)
        if size <= MOST and (nodes[0].op_type not in best or inputs > best[nodes[0].op_type][0]):
            best[nodes[0].op_type] = (inputs, case, model)
    found = {}
    for op, (_, case, model) in sorted(best.items()):
        schema = onnx.defs.get_schema(op, _version(model))
        node = model.graph.node[0]
        used = {schema.inputs[min(k, len(schema.inputs) - 1)].type_str for k, name in enumerate(node.input) if name}
        found[op] = (case, [(c.type_param_str, _TYPES[t]) for c in schema.type_constraints
                            if c.type_param_str in used for t in sorted(c.allowed_type_strs) if t in _TYPES])
    return found


def all_variants() -> list[tuple[str, str, int]]:
    """(operator, type variable, element type): what `variant` takes."""
    return [(op, *variable) for op, (_, variables) in _templates().items() for variable in variables]


def variant(what: tuple[str, str, int]) -> tuple[bytes, list[list[Any]]]:
    """(model, sets of inputs) of an operator in a type."""
    op, variable, element = what
    case = _templates()[op][0]
    model = onnx.load(case.model)
    schema = onnx.defs.get_schema(op, _version(model))
    node = model.graph.node[0]

    def variable_of(formal: Any, k: int) -> str:
        return formal[min(k, len(formal) - 1)].type_str

    changed = {name for k, name in enumerate(node.input) if name and variable_of(schema.inputs, k) == variable}
    results = {name for k, name in enumerate(node.output) if name and variable_of(schema.outputs, k) == variable}
    for value in list(model.graph.input) + list(model.graph.output):
        if value.name in changed | results and value.type.HasField("tensor_type"):
            value.type.tensor_type.elem_type = element
    for tensor in model.graph.initializer:
        if tensor.name in changed:
            tensor.CopyFrom(numpy_helper.from_array(retyped(numpy_helper.to_array(tensor), element, 0), tensor.name))
    stored = lib_cases.data_sets(case, onnx.load(case.model))[0][0]
    names = [value.name for value in model.graph.input][:len(stored)]
    sets = []
    for seed in (0, 1):
        sets.append([retyped(v, element, (seed + k) * seed) if name in changed and isinstance(v, np.ndarray)
                     and v.dtype.kind not in "OUS" else v for k, (name, v) in enumerate(zip(names, stored))])
    return model.SerializeToString(), sets


# ---- bad and extreme inputs -----------------------------------------------------------------------------------------

def _model(nodes: list[onnx.NodeProto], inputs: dict[str, tuple[int, list[Any]]], outputs: list[str],
           constants: dict[str, np.ndarray] | None = None) -> bytes:
    graph = helper.make_graph(
        nodes, "bad", [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [helper.make_empty_tensor_value_info(n) for n in outputs],
        [numpy_helper.from_array(v, n) for n, v in (constants or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def _bad() -> dict[str, tuple[bytes, list[dict[str, np.ndarray]]]]:
    random = np.random.default_rng(5)
    f, i = TensorProto.FLOAT, TensorProto.INT64

    def floats(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    def ints(*values: int) -> np.ndarray:
        return np.array(values, np.int64)

    made: dict[str, tuple[bytes, list[dict[str, np.ndarray]]]] = {}

    def add(name: str, nodes: list[onnx.NodeProto], inputs: dict[str, tuple[int, list[Any]]],
            *sets: dict[str, np.ndarray], constants: dict[str, np.ndarray] | None = None) -> None:
        made[name] = (_model(nodes, inputs, [nodes[-1].output[0]], constants), list(sets))

    # Indices: inside, at both borders, outside by one and by far; alone, and inside a group of nodes.
    for after in ("", "Relu"):
        tail = [helper.make_node(after, ["g"], ["y"])] if after else []
        out = "g" if after else "y"
        for name, node in (("Gather", helper.make_node("Gather", ["x", "i"], [out], axis=0)),
                           ("GatherElements", helper.make_node("GatherElements", ["x", "i"], [out], axis=0)),
                           ("GatherND", helper.make_node("GatherND", ["x", "i"], [out]))):
            shape = [3, 4] if name == "GatherElements" else [3, 1] if name == "GatherND" else [3]
            for worst in (0, 4, -5, 5, -6, 2 ** 40, -2 ** 63):
                index = np.zeros(shape, np.int64)
                index.reshape(-1)[-1] = worst
                add(f"{name} {worst} {after}", [node, *tail], {"x": (f, [5, 4]), "i": (i, shape)},
                    {"x": floats(5, 4), "i": index})
                add(f"{name} {worst} {after} any", [node, *tail], {"x": (f, ["N", 4]), "i": (i, shape)},
                    {"x": floats(5, 4), "i": index})
    for worst in (4, 5, -6, 2 ** 40):
        add(f"ScatterND {worst}", [helper.make_node("ScatterND", ["x", "i", "u"], ["y"])],
            {"x": (f, [5, 4]), "i": (i, [2, 1]), "u": (f, [2, 4])},
            {"x": floats(5, 4), "i": np.array([[0], [worst]]), "u": floats(2, 4)})
        add(f"ScatterElements {worst}", [helper.make_node("ScatterElements", ["x", "i", "u"], ["y"], axis=0)],
            {"x": (f, [5, 4]), "i": (i, [1, 4]), "u": (f, [1, 4])},
            {"x": floats(5, 4), "i": np.array([[0, 1, 2, worst]]), "u": floats(1, 4)})
        add(f"OneHot {worst}", [helper.make_node("OneHot", ["i", "d", "v"], ["y"])],
            {"i": (i, [2]), "d": (i, [1]), "v": (f, [2])}, {"i": ints(0, worst), "d": ints(5), "v": floats(2)})

    # Sizes 0, with and without the size known when the graph is made.
    for known in (True, False):
        n: Any = 0 if known else "N"
        sort = "known" if known else "any"
        nothing, five = floats(0, 5), floats(5, 0)
        for op in ("Relu", "Softmax", "Exp", "Neg"):
            add(f"{op} of nothing, {sort}", [helper.make_node(op, ["x"], ["y"])], {"x": (f, [n, 5])}, {"x": nothing})
            add(f"{op} of empty rows, {sort}", [helper.make_node(op, ["x"], ["y"])], {"x": (f, [5, n])}, {"x": five})
        for op in ("ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean", "ReduceProd", "ReduceLogSumExp"):
            for axes in (ints(0), ints(1), ints(0, 1)):
                axis = {"axes": axes.tolist()} if op != "ReduceSum" else {}
                node = helper.make_node(op, ["x", "a"] if op == "ReduceSum" else ["x"], ["y"], **axis)
                add(f"{op} of nothing over {axes.tolist()}, {sort}", [node], {"x": (f, [n, 5])}, {"x": nothing},
                    constants={"a": axes} if op == "ReduceSum" else None)
        add(f"ArgMax of nothing, {sort}", [helper.make_node("ArgMax", ["x"], ["y"], axis=0)], {"x": (f, [n, 5])}, {"x": nothing})
        add(f"MatMul over nothing, {sort}", [helper.make_node("MatMul", ["x", "w"], ["y"])],
            {"x": (f, [5, n]), "w": (f, [n, 3])}, {"x": five, "w": floats(0, 3)})
        add(f"MatMul of no rows, {sort}", [helper.make_node("MatMul", ["x", "w"], ["y"])],
            {"x": (f, [n, 5])}, {"x": nothing}, constants={"w": floats(5, 3)})
        add(f"Conv of no images, {sort}", [helper.make_node("Conv", ["x", "w"], ["y"])],
            {"x": (f, [n, 2, 7, 7])}, {"x": floats(0, 2, 7, 7)}, constants={"w": floats(3, 2, 3, 3)})
        add(f"Concat with nothing, {sort}", [helper.make_node("Concat", ["x", "w"], ["y"], axis=0)],
            {"x": (f, [n, 5]), "w": (f, [2, 5])}, {"x": nothing, "w": floats(2, 5)})
        add(f"Transpose of nothing, {sort}", [helper.make_node("Transpose", ["x"], ["y"])], {"x": (f, [n, 5])}, {"x": nothing})
        add(f"MaxPool of no images, {sort}", [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3])],
            {"x": (f, [n, 2, 7, 7])}, {"x": floats(0, 2, 7, 7)})
        add(f"Gather out of nothing, {sort}", [helper.make_node("Gather", ["x", "i"], ["y"], axis=0)],
            {"x": (f, [n, 5]), "i": (i, [1])}, {"x": nothing, "i": ints(0)})

    # Integer division by zero and MIN / -1, in every type.
    for element in (TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8,
                    TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64):
        dtype = helper.tensor_dtype_to_np_dtype(element)
        limits = np.iinfo(dtype)
        a = np.array([7, limits.min, limits.min, limits.max, 0, 5] * 7, dtype)
        b = np.array([0, limits.max if limits.min == 0 else -1, 0, 0, 0, 2] * 7, dtype)
        for op, attributes in (("Div", {}), ("Mod", {}), ("Mod", {"fmod": 1})):
            add(f"{op} by 0, {dtype} {attributes}", [helper.make_node(op, ["a", "b"], ["y"], **attributes)],
                {"a": (element, ["N"]), "b": (element, ["N"])}, {"a": a, "b": b}, {"a": a[:3], "b": b[:3]})

    # Sizes that contradict each other: of a symbol in two inputs, of what the graph does with them.
    add("one symbol, two sizes", [helper.make_node("Add", ["a", "b"], ["y"])], {"a": (f, ["N"]), "b": (f, ["N"])},
        {"a": floats(3), "b": floats(4)}, {"a": floats(3), "b": floats(3)})
    add("sizes that do not broadcast", [helper.make_node("Add", ["a", "b"], ["c"]), helper.make_node("Relu", ["c"], ["y"])],
        {"a": (f, ["N", 4]), "b": (f, ["M", 4])}, {"a": floats(3, 4), "b": floats(2, 4)}, {"a": floats(3, 4), "b": floats(1, 4)})
    add("a product of two sizes", [helper.make_node("MatMul", ["a", "b"], ["y"])], {"a": (f, ["N", "K"]), "b": (f, ["L", 3])},
        {"a": floats(3, 4), "b": floats(5, 3)}, {"a": floats(3, 4), "b": floats(4, 3)})
    add("a concatenation of two sizes", [helper.make_node("Concat", ["a", "b"], ["y"], axis=0)],
        {"a": (f, ["N", "K"]), "b": (f, ["M", "L"])}, {"a": floats(3, 4), "b": floats(5, 3)}, {"a": floats(3, 4), "b": floats(5, 4)})
    add("a reshape that does not divide", [helper.make_node("Reshape", ["a", "s"], ["y"])], {"a": (f, ["N", 5])},
        {"a": floats(3, 5)}, {"a": floats(4, 5)}, constants={"s": ints(4, -1)})
    add("a window larger than its image", [helper.make_node("Conv", ["x", "w"], ["y"])], {"x": (f, [1, 2, "H", "W"])},
        {"x": floats(1, 2, 2, 2)}, {"x": floats(1, 2, 5, 5)}, constants={"w": floats(3, 2, 3, 3)})
    return made


@lru_cache(maxsize=1)
def bad_programs() -> dict[str, tuple[bytes, list[dict[str, np.ndarray]]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _bad()
