"""Random ONNX graphs for the law: one seed, one graph with two sets of inputs.

A graph grows node by node. Each step draws a rule and values that it can take; whether a node is legal is decided
by running it with the ONNX reference evaluator on values of the first set of inputs, so a rule need not know every
condition of its operator. Sizes are odd, small, sometimes 0 or 1; dims are named by symbols now and then; values
are normal numbers, now and then with NaN, infinities, -0 and denormals among them.

`shrink` makes a failing graph smaller: outputs nearer to the inputs, fewer nodes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 18
SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40, 65)
MOST = 20_000           # elements of a value
FLOATS = (np.float32, np.float32, np.float32, np.float64, np.float16)
INTEGERS = (np.int64, np.int32, np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64)

UNARY = ("Relu", "Neg", "Abs", "Exp", "Tanh", "Sigmoid", "Sqrt", "Floor", "Ceil", "Round", "Sign", "Erf", "Sin", "Cos",
         "Log", "Reciprocal", "Softplus", "Softsign", "HardSigmoid", "LeakyRelu", "Elu", "Selu", "HardSwish", "Atan",
         "Tan", "Asinh", "Sinh", "Cosh", "Identity", "ThresholdedRelu", "Celu", "Mish")
BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "PRelu")
COMPARE = ("Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual")
REDUCE = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
          "ReduceLogSumExp")


@dataclass
class Graph:
    seed: int
    model: onnx.ModelProto
    inputs: list[dict[str, np.ndarray]]


class _Refused(Exception):
    pass


class _Builder:
    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng([seed, 77])
        self.values: dict[str, np.ndarray] = {}     # of the first set
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.fed: list[str] = []
        self.used: set[str] = set()
        self.wild = self.random.random() < 0.25     # NaN and infinities among the inputs
        self.symbolic = self.random.random() < 0.35

    # ---- drawing ----
    def below(self, n: int) -> int:
        return int(self.random.integers(n))

    def one_of(self, items: Any) -> Any:
        return items[self.below(len(items))]

    def chance(self, p: float) -> bool:
        return bool(self.random.random() < p)

    def shape(self, rank: int) -> tuple[int, ...]:
        for _ in range(20):
            dims = tuple(0 if self.chance(0.004) else int(self.one_of(SIZES)) for _ in range(rank))
            if np.prod(dims, dtype=np.int64) <= MOST // 4:
                return dims
        return (3,) * rank

    def array(self, shape: tuple[int, ...], dtype: Any, wild: bool = False) -> np.ndarray:
        dtype = np.dtype(dtype)
        if dtype.kind == "b":
            return self.random.random(shape) < 0.5
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            if wild and self.chance(0.3):
                return self.random.integers(info.min, info.max, shape, dtype, endpoint=True)
            return self.random.integers(max(info.min, -9), 10, shape).astype(dtype)
        x = self.random.standard_normal(shape) * self.one_of((1.0, 1.0, 0.1, 30.0))
        x = np.asarray(x, np.float64)
        if wild and x.size:
            flat = x.reshape(-1)
            for value in (np.nan, np.inf, -np.inf, -0.0, 1e-40, 0.0, 6e4):
                if self.chance(0.5):
                    flat[self.below(flat.size)] = value
            x = flat.reshape(x.shape)
        with np.errstate(all="ignore"):
            return x.astype(dtype)

    def of(self, want: Callable[[np.ndarray], bool]) -> str:
        """A value; late ones and unused ones are likelier."""
        names = [name for name, value in self.values.items() if want(value)]
        if not names:
            raise _Refused
        fresh = [name for name in names if name not in self.used]
        if fresh and self.chance(0.6):
            return fresh[-1 - min(self.below(3), len(fresh) - 1)]
        return names[-1 - min(self.below(6), len(names) - 1)] if self.chance(0.7) else self.one_of(names)

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def input(self, shape: tuple[int, ...], dtype: Any) -> str:
        name = f"x{len(self.fed)}"
        self.fed.append(name)
        self.values[name] = self.array(shape, dtype, self.wild)
        return name

    # ---- nodes ----
    def add(self, op: str, inputs: list[str], count: int = 1, **attributes: Any) -> list[str]:
        outputs = [f"v{len(self.nodes)}_{i}" if count > 1 else f"v{len(self.nodes)}" for i in range(count)]
        node = helper.make_node(op, inputs, outputs, **attributes)
        known = {name: self.values.get(name, self.constants.get(name)) for name in inputs if name}
        results = run_nodes([node], known, outputs)
        for value in results:
            if not isinstance(value, np.ndarray) or value.size > MOST or value.ndim > 6:
                raise _Refused
        self.nodes.append(node)
        self.used.update(inputs)
        self.values.update(zip(outputs, results))
        return outputs

    def partner(self, name: str) -> str:
        """Another operand that broadcasts with it: a value, a constant, an input."""
        value = self.values[name]

        def fits(other: np.ndarray) -> bool:
            try:
                return other.dtype == value.dtype and np.broadcast_shapes(other.shape, value.shape) is not None
            except ValueError:
                return False

        if self.chance(0.5):
            return self.of(fits)
        shape = list(value.shape[self.below(value.ndim + 1):])
        shape = tuple(1 if self.chance(0.3) else dim for dim in shape)
        if self.chance(0.7) or len(self.fed) > 4:
            return self.constant(self.array(shape, value.dtype))
        return self.input(shape, value.dtype)


def run_nodes(nodes: list[onnx.NodeProto], known: dict[str, np.ndarray], outputs: list[str]) -> list[Any]:
    """By the reference evaluator; _Refused where it does not take the nodes."""
    from onnx.reference import ReferenceEvaluator

    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
              for name, value in known.items()]
    graph = helper.make_graph(nodes, "g", inputs, [onnx.ValueInfoProto(name=name) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(model).run(None, known)
    except Exception as error:  # noqa: BLE001 - whatever it says, this node is not for this graph
        raise _Refused from error
    return [np.asarray(value) if not isinstance(value, (list, type(None))) else value for value in results]


def _is_float(value: np.ndarray) -> bool:
    return value.dtype.kind == "f"


def _unary(b: _Builder) -> None:
    b.add(b.one_of(UNARY), [b.of(_is_float)])


def _binary(b: _Builder) -> None:
    name = b.of(lambda value: value.dtype.kind in "fiu")
    ops = BINARY if b.values[name].dtype.kind == "f" else ("Add", "Sub", "Mul", "Max", "Min", "Div")
    pair = [name, b.partner(name)]
    b.add(b.one_of(ops), pair[::-1] if b.chance(0.3) else pair)


def _chain(b: _Builder) -> None:
    """A pointwise chain, which is to become one kernel; some with a residual at its end."""
    start = name = b.of(_is_float)
    for _ in range(2 + b.below(4)):
        if b.chance(0.5):
            name, = b.add(b.one_of(UNARY[:12]), [name])
        else:
            name, = b.add(b.one_of(BINARY[:6]), [name, b.partner(name)])
    if b.values[name].shape == b.values[start].shape and b.values[name].dtype == b.values[start].dtype:
        b.add("Add", [name, start])


def _logic(b: _Builder) -> None:
    name = b.of(lambda value: value.dtype.kind in "fi")
    condition, = b.add(b.one_of(COMPARE), [name, b.partner(name)])
    if b.chance(0.3):
        condition, = b.add("Not", [condition])
    other = b.of(lambda value: value.dtype.kind in "fi" and value.shape == b.values[condition].shape)
    b.add("Where", [condition, other, b.partner(other)])


def _cast(b: _Builder) -> None:
    name = b.of(lambda value: value.dtype.kind in "fiub")
    kinds = [*FLOATS, *INTEGERS, np.bool_]
    value = b.values[name]
    if value.dtype.kind == "f" and not (np.isfinite(value).all() and np.abs(value).max(initial=0) < 100):
        kinds = [*FLOATS, np.bool_]        # out of range: the reference evaluator does what C does
    if value.dtype.kind == "f" and (value < 0).any():
        kinds = [kind for kind in kinds if np.dtype(kind).kind != "u"]
    b.add("Cast", [name], to=helper.np_dtype_to_tensor_dtype(np.dtype(b.one_of(kinds))))


def _integers(b: _Builder) -> None:
    name = b.of(lambda value: value.dtype.kind == "u")
    op = b.one_of(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "Add", "Mul"))
    b.add(op, [name, b.partner(name)])


def _reduce(b: _Builder) -> None:
    name = b.of(lambda value: _is_float(value) and value.ndim > 0)
    rank = b.values[name].ndim
    axes = sorted({b.below(rank) for _ in range(1 + b.below(2))})
    inputs, attributes = [name], {"keepdims": int(b.chance(0.6))}
    op = b.one_of(REDUCE)
    if OPSET >= 18 or op == "ReduceSum":
        inputs.append(b.constant(np.array(axes, np.int64)))
    b.add(op, inputs, **attributes)


def _normalise(b: _Builder) -> None:
    name = b.of(lambda value: _is_float(value) and value.ndim > 1 and value.size > 0)
    value = b.values[name]
    op = b.one_of(("Softmax", "LogSoftmax", "LayerNormalization", "by hand", "InstanceNormalization"))
    if op in ("Softmax", "LogSoftmax"):
        b.add(op, [name], axis=b.below(value.ndim) if b.chance(0.3) else -1)
    elif op == "LayerNormalization":
        scale = [b.constant(b.array(value.shape[-1:], value.dtype)) for _ in range(2)]
        b.add(op, [name, *scale], axis=-1, epsilon=1e-5)
    elif op == "InstanceNormalization":
        if value.ndim < 3:
            raise _Refused
        scale = [b.constant(b.array(value.shape[1:2], value.dtype)) for _ in range(2)]
        b.add(op, [name, *scale])
    else:
        axes = b.constant(np.array([-1], np.int64))
        most, = b.add("ReduceMax", [name, axes])
        less, = b.add("Sub", [name, most])
        powers, = b.add("Exp", [less])
        total, = b.add("ReduceSum", [powers, axes])
        b.add("Div", [powers, total])


def _matmul(b: _Builder) -> None:
    name = b.of(lambda value: _is_float(value) and value.ndim > 1)
    value = b.values[name]
    inner, columns = value.shape[-1], int(b.one_of(SIZES))
    if b.chance(0.3):
        turned, = b.add("Transpose", [name], perm=[*range(value.ndim - 2), value.ndim - 1, value.ndim - 2])
        product, = b.add("MatMul", [name, turned])
    elif value.ndim == 2 and b.chance(0.4):
        weights = b.constant(b.array((columns, inner), value.dtype))
        bias = b.constant(b.array((columns,), value.dtype))
        product, = b.add("Gemm", [name, weights, bias], transB=1)
    else:
        product, = b.add("MatMul", [name, b.constant(b.array((inner, columns), value.dtype))])
        if b.chance(0.6):
            product, = b.add("Add", [product, b.constant(b.array((columns,), value.dtype))])
    if b.chance(0.5):
        b.add(b.one_of(UNARY[:8]), [product])


def _image(b: _Builder) -> str:
    def fits(value: np.ndarray) -> bool:
        return value.dtype in (np.float32, np.float64) and value.ndim == 4 and min(value.shape) > 0

    if b.chance(0.7):
        try:
            return b.of(fits)
        except _Refused:
            pass
    if len(b.fed) > 5:
        raise _Refused
    side = (1 + b.below(2), int(b.one_of((1, 2, 3, 4, 8, 16, 17, 24))), 3 + b.below(12), 3 + b.below(12))
    return b.input(side, np.float32)


def _convolution(b: _Builder) -> None:
    name = _image(b)
    value = b.values[name]
    channels = value.shape[1]
    kernel = [1 + b.below(min(3, value.shape[2])), 1 + b.below(min(3, value.shape[3]))]
    group = b.one_of([g for g in (1, 1, 2, channels) if channels % g == 0])
    filters = group * int(b.one_of((1, 2, 3, 5, 16)))
    weights = b.constant(b.array((filters, channels // group, *kernel), value.dtype))
    extra = [b.constant(b.array((filters,), value.dtype))] if b.chance(0.6) else []
    name, = b.add("Conv", [name, weights, *extra], group=group, strides=[1 + b.below(2), 1 + b.below(2)],
                  pads=[b.below(2) for _ in range(4)], dilations=[1, 1] if b.chance(0.8) else [2, 1])
    if b.chance(0.3):
        scale = [b.constant(b.array((filters,), value.dtype)) for _ in range(3)]
        positive = b.constant(np.abs(b.array((filters,), value.dtype)) + value.dtype.type(0.1))
        name, = b.add("BatchNormalization", [name, *scale[:2], scale[2], positive])
    if b.chance(0.5):
        name, = b.add(b.one_of(("Relu", "LeakyRelu", "Sigmoid", "HardSwish", "Clip")), [name])
    if b.chance(0.3):
        b.add("Add", [name, b.partner(name)])


def _pool(b: _Builder) -> None:
    name = _image(b)
    op = b.one_of(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize"))
    if op == "Resize":
        b.add(op, [name, "", b.constant(np.array([1, 1, 2, 2], np.float32))], mode="nearest",
              coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    elif op.startswith("Global"):
        b.add(op, [name])
    else:
        b.add(op, [name], kernel_shape=[2, 1 + b.below(3)], strides=[1 + b.below(2)] * 2)


def _move(b: _Builder) -> None:
    name = b.of(lambda value: value.ndim > 0)
    value = b.values[name]
    rank, axis = value.ndim, b.below(value.ndim)
    size = value.shape[axis]
    integers = lambda *numbers: b.constant(np.array(numbers, np.int64))  # noqa: E731
    op = b.one_of(("Transpose", "Slice", "Concat", "Pad", "Reshape", "Unsqueeze", "Expand", "Tile", "Split", "Gather",
                   "Flatten", "Squeeze", "Reverse", "DepthToSpace", "Trilu", "CumSum"))
    if op == "Transpose":
        b.add(op, [name], perm=[int(i) for i in b.random.permutation(rank)])
    elif op == "Slice":
        start = b.below(size + 1)
        b.add(op, [name, integers(start), integers(b.below(size + 2)), integers(axis), integers(1 + b.below(2))])
    elif op == "Reverse":
        b.add("Slice", [name, integers(-1), integers(-size - 1), integers(axis), integers(-1 - b.below(2))])
    elif op == "Concat":
        others = [name]
        for _ in range(1 + b.below(2)):
            others.append(b.of(lambda other: other.dtype == value.dtype and other.ndim == rank and
                               other.shape[:axis] + other.shape[axis + 1:] ==
                               value.shape[:axis] + value.shape[axis + 1:]))
        b.add(op, others, axis=axis)
    elif op == "Pad" and value.dtype.kind in "fi":
        b.add(op, [name, integers(*(b.below(3) for _ in range(2 * rank))), b.constant(np.array(1, value.dtype))],
              mode="constant")
    elif op == "Reshape":
        count = value.size
        factor = b.one_of([f for f in range(1, 9) if count and count % f == 0] or [1])
        b.add(op, [name, integers(factor, -1) if count else integers(0, *([1] * b.below(2)))])
    elif op == "Unsqueeze":
        b.add(op, [name, integers(b.below(rank + 1))])
    elif op == "Squeeze":
        b.add(op, [name])
    elif op == "Expand":
        b.add(op, [name, integers(1 + b.below(3), *value.shape)])
    elif op == "Tile":
        b.add(op, [name, integers(*(1 + b.below(2) for _ in range(rank)))])
    elif op == "Split" and size > 1:
        first = 1 + b.below(size - 1)
        b.add(op, [name, integers(first, size - first)], count=2, axis=axis)
    elif op == "Gather" and size > 0:
        indices = b.random.integers(-size, size, b.shape(1 + b.below(2)))
        b.add(op, [name, b.constant(indices.astype(np.int64))], axis=axis)
    elif op == "Flatten":
        b.add(op, [name], axis=axis)
    elif op == "DepthToSpace":
        b.add(op, [_image(b)], blocksize=2)
    elif op == "Trilu" and rank > 1:
        b.add(op, [name], upper=b.below(2))
    elif op == "CumSum" and _is_float(value):
        b.add(op, [name, b.constant(np.array(axis, np.int64))])
    else:
        raise _Refused


def _clip(b: _Builder) -> None:
    name = b.of(lambda value: value.dtype.kind in "fi")
    dtype = b.values[name].dtype
    b.add("Clip", [name, b.constant(np.array(-2, dtype)), b.constant(np.array(3, dtype))])


def _arg(b: _Builder) -> None:
    name = b.of(lambda value: value.ndim > 0 and value.size > 0 and value.dtype.kind in "fi" and
                not (_is_float(value) and np.isnan(value).any()))
    b.add(b.one_of(("ArgMax", "ArgMin")), [name], axis=b.below(b.values[name].ndim), keepdims=b.below(2))


RULES = ((_unary, 4), (_binary, 6), (_chain, 5), (_logic, 2), (_cast, 2), (_integers, 1), (_reduce, 4), (_normalise, 3),
         (_matmul, 5), (_convolution, 4), (_pool, 2), (_move, 8), (_clip, 1), (_arg, 1))


def make(seed: int) -> Graph:
    """The graph of a seed; always the same one."""
    b = _Builder(seed)
    for _ in range(1 + b.below(3)):
        dtype = b.one_of(FLOATS if b.chance(0.8) else INTEGERS)
        b.input(b.shape(b.one_of((1, 2, 2, 3, 3, 4))), dtype)
    rules = [rule for rule, weight in RULES for _ in range(weight)]
    target = 1 + b.below(14)
    for _ in range(6 * target):
        if len(b.nodes) >= target:
            break
        try:
            b.one_of(rules)(b)
        except _Refused:
            pass
    if not b.nodes:
        b.add("Identity", [b.fed[0]])
    return Graph(seed, *_finish(b))


def _finish(b: _Builder) -> tuple[onnx.ModelProto, list[dict[str, np.ndarray]]]:
    made = [name for node in b.nodes for name in node.output]
    outputs = [name for name in made if name not in b.used][:6] or made[-1:]
    needed = _cone(b.nodes, outputs)
    nodes = [node for node in b.nodes if set(node.output) & needed]
    fed = [name for name in b.fed if name in needed]
    symbols: dict[int, str] = {}
    inputs = []
    for name in fed:
        dims: list[int | str] = list(b.values[name].shape)
        if b.symbolic:
            dims = [symbols.setdefault(d, f"N{d}") if d > 1 and b.chance(0.5) else d for d in dims]
        inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(b.values[name].dtype), dims))
    results = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(b.values[name].dtype),
                                             [None] * b.values[name].ndim) for name in outputs]
    fixed = [numpy_helper.from_array(value, name) for name, value in b.constants.items() if name in needed]
    graph = helper.make_graph(nodes, "random", inputs, results, fixed)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    first = {name: b.values[name] for name in fed}
    second = {name: b.array(value.shape, value.dtype, True) for name, value in first.items()}
    return model, [first, second]


def _cone(nodes: list[onnx.NodeProto], outputs: list[str]) -> set[str]:
    needed = set(outputs)
    for node in reversed(nodes):
        if set(node.output) & needed:
            needed.update(node.input)
    return needed


def shrink(graph: Graph, fails: Callable[[Graph], bool]) -> Graph:
    """The smallest part found that still fails: one node's results as the outputs, its inputs fed where it can."""
    values = [dict(inputs) for inputs in graph.inputs]
    for inputs in values:
        fixed = {t.name: numpy_helper.to_array(t) for t in graph.model.graph.initializer}
        for node in graph.model.graph.node:
            known = {name: inputs.get(name, fixed.get(name)) for name in node.input if name}
            try:
                inputs.update(zip(node.output, run_nodes([node], known, list(node.output))))
            except _Refused:
                return graph
    best = graph
    nodes = list(graph.model.graph.node)
    for end in range(len(nodes)):                      # the first node whose result is wrong …
        part = _part(graph, values, nodes[:end + 1], list(nodes[end].output))
        if fails(part):
            best, nodes = part, list(part.model.graph.node)
            break
    else:
        return best
    for begin in range(len(nodes) - 1, 0, -1):         # … and the fewest before it
        part = _part(graph, values, nodes[begin:], list(nodes[-1].output))
        if fails(part):
            return part
    return best


def _part(graph: Graph, values: list[dict[str, np.ndarray]], nodes: list[onnx.NodeProto], outputs: list[str]) -> Graph:
    needed = _cone(nodes, outputs)
    nodes = [node for node in nodes if set(node.output) & needed]
    made = {name for node in nodes for name in node.output}
    fixed = [t for t in graph.model.graph.initializer if t.name in needed]
    fed = sorted(needed - made - {t.name for t in fixed} - {""})
    dims = {value.name: value for value in graph.model.graph.input}
    inputs = [dims.get(name) or helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(values[0][name].dtype), values[0][name].shape) for name in fed]
    results = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values[0][name].dtype),
                                             [None] * values[0][name].ndim) for name in outputs]
    model = helper.make_model(helper.make_graph(nodes, "part", inputs, results, fixed),
                              opset_imports=graph.model.opset_import, ir_version=9)
    return Graph(graph.seed, model, [{name: v[name] for name in fed} for v in values])
