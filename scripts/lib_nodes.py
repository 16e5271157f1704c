"""Runs a model one node at a time, the way unoptimised ONNX Runtime does, and shows every node with the values
it really consumed and produced.

Each node becomes a model of its own: the arrays it is fed are its inputs, with literal shapes, and what is an
initializer or a `Constant` in the whole model stays an initializer, so that a static attribute stays static.
`If` is followed into the branch taken; values captured by the body of another node become inputs. Values are
freed after their last use, so that a segmentation network at 1024 x 1024 fits into memory.

Nothing is fused or reordered, so the outputs must equal, to the bit, those of the whole model run with graph
optimisation off; `models.py` checks that on every stored case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from lib_runtimes import ort_session


@dataclass(frozen=True)
class Step:
    label: str                       # where: the node's path, unique in the model
    op: str
    model: bytes                     # the node as a model of its own
    feeds: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]   # ONNX Runtime's, by name


def _free_names(graph: onnx.GraphProto) -> set[str]:
    """Names that the graph reads but does not define."""
    defined = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    defined |= {name for node in graph.node for name in node.output}
    read = {value.name for value in graph.output}
    for node in graph.node:
        read |= _read_names(node)
    return read - defined - {""}


def _bodies(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def _read_names(node: onnx.NodeProto) -> set[str]:
    return set(node.input).union(*(_free_names(body) for body in _bodies(node))) - {""}


def constant_value(node: onnx.NodeProto) -> np.ndarray | None:
    """The array a Constant node stands for; None if it holds something else than one tensor."""
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name == "value":
            return numpy_helper.to_array(value)
        if attribute.name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
    return None


def _element(array: np.ndarray) -> int:
    return helper.np_dtype_to_tensor_dtype(array.dtype)


class Walk:
    """One execution of a model. Iterating `steps()` runs it; afterwards `results` holds the graph's outputs and
    `makers` the operator that computed each of them (through `If` and `Identity`)."""

    def __init__(self, model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> None:
        self.model_ = model
        self.feeds_ = feeds
        self.results: dict[str, np.ndarray] = {}
        self.makers: dict[str, str] = {}

    def steps(self) -> Iterator[Step]:
        values = dict(self.feeds_)
        constants: dict[str, onnx.TensorProto] = {}
        yield from self._graph(self.model_.graph, values, constants, "")
        self.results = {value.name: values[value.name] for value in self.model_.graph.output}

    def _graph(self, graph: onnx.GraphProto, values: dict[str, np.ndarray],
               constants: dict[str, onnx.TensorProto], path: str) -> Iterator[Step]:
        for tensor in graph.initializer:
            if tensor.name not in values:   # an initializer that is also an input may be fed
                values[tensor.name] = numpy_helper.to_array(tensor)
                constants[tensor.name] = tensor
        last_use: dict[str, int] = {}
        for position, node in enumerate(graph.node):
            for name in _read_names(node):
                last_use[name] = position
        kept = {value.name for value in graph.output}
        own = {name for node in graph.node for name in node.output}
        for position, node in enumerate(graph.node):
            label = f"{path}{node.name or node.output[0]}"
            yield from self._node(node, values, constants, label)
            for name in _read_names(node) | set(node.output):
                if name in own - kept and last_use.get(name, -1) <= position:
                    values.pop(name, None)

    def _node(self, node: onnx.NodeProto, values: dict[str, np.ndarray],
              constants: dict[str, onnx.TensorProto], label: str) -> Iterator[Step]:
        if node.op_type == "Constant" and (array := constant_value(node)) is not None:
            values[node.output[0]] = array
            constants[node.output[0]] = numpy_helper.from_array(array, node.output[0])
            return
        if node.op_type == "If":
            taken = "then_branch" if bool(values[node.input[0]].reshape(())) else "else_branch"
            body = next(a.g for a in node.attribute if a.name == taken)
            inner, inner_constants = dict(values), dict(constants)
            yield from self._graph(body, inner, inner_constants, f"{label}/{taken}/")
            for outer, value in zip(node.output, body.output):
                values[outer] = inner[value.name]
                self.makers[outer] = self.makers.get(value.name, "")
                if value.name in inner_constants:
                    constants[outer] = numpy_helper.from_array(inner[value.name], outer)
            return
        step = self._run(node, values, constants, label)
        values.update(step.outputs)
        maker = self.makers.get(node.input[0], "") if node.op_type == "Identity" else node.op_type
        self.makers.update((name, maker) for name in step.outputs)
        yield step

    def _run(self, node: onnx.NodeProto, values: dict[str, np.ndarray],
             constants: dict[str, onnx.TensorProto], label: str) -> Step:
        names = sorted(_read_names(node))
        feeds = {name: values[name] for name in names if name not in constants}
        outputs = [name for name in node.output if name]
        single = self._single(node, feeds, [constants[name] for name in names if name in constants],
                              [onnx.ValueInfoProto(name=name) for name in outputs])
        try:
            found = ort_session(single.SerializeToString(), optimise=False).run(outputs, feeds)
        except Exception as error:
            raise RuntimeError(f"onnxruntime: {label} ({node.op_type}): {error}") from error
        produced = dict(zip(outputs, found))
        del single.graph.output[:]
        single.graph.output.extend(helper.make_tensor_value_info(name, _element(array), array.shape)
                                   for name, array in produced.items())
        return Step(label, node.op_type, single.SerializeToString(), feeds, produced)

    def _single(self, node: onnx.NodeProto, feeds: dict[str, np.ndarray], fixed: list[onnx.TensorProto],
                outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(name, _element(array), array.shape)
                  for name, array in feeds.items()]
        graph = helper.make_graph([node], "node", inputs, outputs, fixed)
        model = helper.make_model(graph, ir_version=max(4, self.model_.ir_version),
                                  opset_imports=self.model_.opset_import)
        model.functions.extend(self.model_.functions)
        return model


def downstream_of(model: onnx.ModelProto, is_source: Callable[[onnx.NodeProto], bool]) -> set[str]:
    """Names of the graph outputs that depend on a node for which `is_source` holds, bodies included."""
    def contains(node: onnx.NodeProto) -> bool:
        return is_source(node) or any(contains(inner) for body in _bodies(node) for inner in body.node)

    tainted: set[str] = set()
    for node in model.graph.node:
        if contains(node) or _read_names(node) & tainted:
            tainted.update(node.output)
    return tainted & {value.name for value in model.graph.output}
