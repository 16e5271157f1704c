"""A small model on which two systems still part, out of one that may be large and private.

    python -m tauto.reduce MODEL.onnx OTHER --data x.npz --out FOLDER [--sample N] [--seconds S] [--seed N]

OTHER is what runs the same file, the word MODEL standing for it: "onnxruntime:MODEL", "openvino:MODEL --threads 2",
"MODEL --off layouts". Something has to be refuted of it at the numeric level (tauto same). What is kept of the graph is the
node at which they part, with as many of its neighbours as it takes; weights and inputs are drawn anew, with the mean and the
deviation (integers: the range) of what stood there; sizes are halved; names are numbers. Each step stays only if the same
operator is still refuted. FOLDER gets model.onnx, inputs.npz, about.json (what was kept, what had to stay), and replay.sh,
which runs `tauto same` on them and ends with 4 as long as they part.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import stat
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from . import _tauto
from .comparison import same

Arrays = dict[str, np.ndarray]
KEPT_ELEMENTS = 16     # constants of no more elements are parameters of operators rather than weights
PROOF_SECONDS = 30.0   # of each comparison


@dataclass(frozen=True)
class Case:
    """A graph as a list of nodes, and every value that it reads."""

    nodes: tuple[onnx.NodeProto, ...]
    weights: Arrays
    inputs: Arrays
    opset: tuple[tuple[str, int], ...]
    kept: tuple[str, ...] = field(default=())   # weights and inputs that could not be drawn anew

    def outputs(self) -> list[str]:
        """What no node of it reads, in order; of a node that ends it all results."""
        read = {name for node in self.nodes for name in node.input}
        return [name for node in self.nodes for name in node.output if name and name not in read]

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            list(self.nodes), "reduced",
            [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
             for name, value in self.inputs.items()],
            [onnx.ValueInfoProto(name=name) for name in self.outputs()],
            [numpy_helper.from_array(value, name) for name, value in self.weights.items()])
        model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid(*one) for one in self.opset])
        try:   # the outputs' types, where they can be had
            model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        except Exception:  # noqa: BLE001 - whoever loads it says what is wrong
            pass
        return model

    def elements(self) -> int:
        return sum(value.size for value in [*self.weights.values(), *self.inputs.values()])


class Judge:
    """Do the two still part, at this operator?"""

    def __init__(self, other: str, folder: str, end: float) -> None:
        self.other, self.folder, self.end = other, folder, end
        self.op = ""
        self.asked = 0

    def ask(self, model: onnx.ModelProto, inputs: Arrays) -> "tuple[str, str] | None":
        """(the node, its operators) where they part; "" for a node: only outputs are refuted. None: they do not."""
        self.asked += 1
        path = os.path.join(self.folder, "model.onnx")
        onnx.save(model, path)
        found = same(path, self.other.replace("MODEL", path), {name: value[None] for name, value in inputs.items()},
                     level="numeric", deep=1, proofs=PROOF_SECONDS)
        self.text = str(found)
        if not any(line.kind == "REFUTED" for line in found.verdicts):
            return None
        node = str(found.found["first_illegal"])
        ops = {one["node"]: one["op"] for one in found.found["graph"]}
        name = node if node in ops else node.rsplit(" (", 1)[0]   # of our own machine code: "name (operator)"
        return name, ops.get(name, "")

    def still(self, case: Case) -> bool:
        if time.monotonic() > self.end:
            return False
        try:
            parted = self.ask(case.model(), case.inputs)
        except _tauto.Error:
            return False
        return parted is not None and (not self.op or parted[1] == self.op)


def name_of(node: onnx.NodeProto) -> str:
    return node.name or next((output for output in node.output if output), "")


def values_of(model: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """Every tensor that a node of the graph gives, by our interpreter."""
    asked = copy.deepcopy(model)
    there = {value.name for value in asked.graph.output}
    names = [name for node in model.graph.node for name in node.output if name and name not in there]
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    results = _tauto.load_bytes(asked.SerializeToString()).run(inputs, interpret=True)
    results = list(results) if isinstance(results, (list, tuple)) else [results]
    named = dict(zip([value.name for value in asked.graph.output], results))
    return {name: value for name, value in named.items() if isinstance(value, np.ndarray)}


def part_of(model: onnx.ModelProto, keep: set[int], known: Arrays) -> Case:
    """These nodes; what they read of others becomes an input."""
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = [copy.deepcopy(node) for i, node in enumerate(model.graph.node) if i in keep]
    made = {name for node in nodes for name in node.output if name}
    read = [name for node in nodes for name in node.input if name and name not in made]
    for node in nodes:
        for attribute in node.attribute:
            for graph in [attribute.g, *attribute.graphs]:   # bodies read what lies around them
                inside = {name for one in graph.node for name in one.output} | {value.name for value in graph.input} | \
                         {tensor.name for tensor in graph.initializer}
                read += [name for one in graph.node for name in one.input if name and name not in inside | made]
    inputs, constants = {}, {}
    for name in dict.fromkeys(read):
        if name in weights:
            constants[name] = weights[name]
        elif name in known:
            inputs[name] = known[name]
        else:
            raise _tauto.Error(f"reduce: required the value of \"{name}\", which is no tensor")
    return Case(tuple(nodes), constants, inputs, tuple((one.domain, one.version) for one in model.opset_import))


def around(model: onnx.ModelProto, target: int) -> Iterator[set[int]]:
    """The node alone, then with more and more of what it reads and what reads it, then the whole graph."""
    nodes = model.graph.node
    maker = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    keep = {target}
    while len(keep) < len(nodes):
        yield keep
        more = {maker[name] for i in keep for name in nodes[i].input if name in maker}
        made = {name for i in keep for name in nodes[i].output if name}
        more |= {i for i, node in enumerate(nodes) if made & set(node.input)}
        if more <= keep:
            break
        keep = keep | more
    yield set(range(len(nodes)))


def without_nodes(case: Case, known: Arrays) -> Iterator[Case]:
    for i, node in enumerate(case.nodes):
        if len(case.nodes) == 1 or any(name and name not in known for name in node.output):
            continue
        rest = case.nodes[:i] + case.nodes[i + 1:]
        read = {name for one in rest for name in one.input}
        inputs = {name: value for name, value in case.inputs.items() if name in read}
        inputs |= {name: known[name] for name in node.output if name in read}
        yield replace(case, nodes=rest, inputs=inputs, weights={n: v for n, v in case.weights.items() if n in read})


def drawn_like(value: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if value.dtype.kind == "f":
        finite = value[np.isfinite(value)].astype(np.float64)
        mean, deviation = (finite.mean(), finite.std()) if finite.size else (0.0, 1.0)
        new = random.normal(mean, deviation, value.shape)
        if finite.size and finite.min() >= 0:   # variances, probabilities
            new = np.abs(new)
        return new.astype(value.dtype)
    if value.dtype.kind in "iu" and value.size:
        return random.integers(int(value.min()), int(value.max()) + 1, value.shape).astype(value.dtype)
    return value


def draw_anew(case: Case, still: Callable[[Case], bool], seed: int) -> Case:
    """All weights and inputs; if that is too much, one after the other."""
    random = np.random.default_rng(seed)

    def with_new(names: "set[str]") -> Case:
        return replace(case, weights={n: drawn_like(v, random) if n in names else v for n, v in case.weights.items()},
                       inputs={n: drawn_like(v, random) if n in names else v for n, v in case.inputs.items()})

    private = {n for n, v in [*case.weights.items(), *case.inputs.items()] if v.dtype.kind in "fiu" and
               (v.size > KEPT_ELEMENTS or n in case.inputs)}
    if still(new := with_new(private)):
        return new
    kept = []
    for name in sorted(private):
        if still(new := with_new({name})):
            case = new
        else:
            kept.append(name)
    return replace(case, kept=tuple(kept))


def with_size(case: Case, old: int, new: int) -> Case:
    """Each dimension `old` of weights and inputs cut to `new`, and what says `old` besides."""
    def cut(value: np.ndarray) -> np.ndarray:
        value = value[tuple(slice(0, new if n == old else n) for n in value.shape)]
        if value.dtype == np.int64 and value.size <= KEPT_ELEMENTS:   # a shape
            value = np.where(value == old, new, value)
        return np.ascontiguousarray(value)

    nodes = []
    for node in case.nodes:
        node = copy.deepcopy(node)
        for attribute in node.attribute:
            if attribute.name in ("group", "hidden_size", "num_heads", "shape") and attribute.i == old:
                attribute.i = new
            if attribute.name in ("shape", "split"):
                attribute.ints[:] = [new if n == old else n for n in attribute.ints]
        nodes.append(node)
    return replace(case, nodes=tuple(nodes), weights={n: cut(v) for n, v in case.weights.items()},
                   inputs={n: cut(v) for n, v in case.inputs.items()})


def shrink_sizes(case: Case, still: Callable[[Case], bool]) -> Case:
    refused: set[tuple[int, int]] = set()
    while True:
        sizes = {n for value in [*case.weights.values(), *case.inputs.values()] for n in value.shape if n > 1}
        steps = [(old, new) for old in sorted(sizes, reverse=True) for new in (1, old // 2, old - 1)
                 if 1 <= new < old and (old, new) not in refused]
        for old, new in steps:
            if still(smaller := with_size(case, old, new)):
                case = smaller
                break
            refused.add((old, new))
        else:
            return case


def anonymous(case: Case) -> Case:
    """Numbers for names."""
    names: dict[str, str] = {"": ""}

    def of(name: str) -> str:
        return names.setdefault(name, f"t{len(names) - 1}")

    nodes = []
    for i, node in enumerate(case.nodes):
        node = copy.deepcopy(node)
        if any(a.HasField("g") or a.graphs for a in node.attribute):
            return case   # names inside of bodies mean those around them
        node.name, node.doc_string = f"n{i}", ""
        node.input[:] = [of(name) for name in node.input]
        node.output[:] = [of(name) for name in node.output]
        nodes.append(node)
    return replace(case, nodes=tuple(nodes), weights={of(n): v for n, v in case.weights.items()},
                   inputs={of(n): v for n, v in case.inputs.items()}, kept=tuple(of(n) for n in case.kept))


def one_sample(model: onnx.ModelProto, data: Arrays, sample: int) -> Arrays:
    """What a run takes of arrays that hold samples along their first axis."""
    given = {tensor.name for tensor in model.graph.initializer}
    inputs = {}
    for value in model.graph.input:
        if value.name in given:
            continue
        if value.name not in data:
            raise _tauto.Error(f"reduce: --data: required an array for \"{value.name}\", got {', '.join(sorted(data)) or 'none'}")
        array, rank = data[value.name], len(value.type.tensor_type.shape.dim)
        if sample >= len(array):
            raise _tauto.Error(f"reduce: --sample: required 0 to {len(array) - 1}, got {sample}")
        inputs[value.name] = array[sample:sample + 1] if array.ndim == rank else array[sample]
    return inputs


def reduce(path: str, other: str, data: Arrays, out: str, *, sample: int = 0, seconds: float = 300.0, seed: int = 1,
           say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Writes the folder; what about.json says. Error: they do not part on this sample."""
    if "MODEL" not in other:
        raise _tauto.Error(f"reduce: required the word MODEL where the other system names its file, got \"{other}\"")
    model = onnx.load(path)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(other, folder, time.monotonic() + seconds)
        inputs = one_sample(model, data, sample)
        parted = judge.ask(model, inputs)
        if parted is None:
            raise _tauto.Error(f"reduce: required two systems that part, got none that is refuted:\n{judge.text}")
        known = {**values_of(model, inputs), **inputs}
        nodes = model.graph.node
        judge.op = parted[1]
        target = next((i for i, node in enumerate(nodes) if name_of(node) == parted[0]), len(nodes) - 1)
        say(f"they part at {parted[0] or 'an output'} ({judge.op})")
        case = None
        for keep in around(model, target):
            tried = part_of(model, keep, known)
            if judge.still(tried):
                case = tried
                break
        if case is None:
            raise _tauto.Error("reduce: no part of the graph could be shown to part by itself within the time")
        before = {"nodes": len(nodes), "elements": part_of(model, set(range(len(nodes))), known).elements()}
        say(f"{len(case.nodes)} of {before['nodes']} nodes")
        again = True
        while again:
            again = False
            for smaller in without_nodes(case, known):
                if judge.still(smaller):
                    case, again = smaller, True
                    break
        case = draw_anew(case, judge.still, seed)
        case = shrink_sizes(case, judge.still)
        plain = anonymous(case)
        if judge.still(plain):
            case = plain
        parted = judge.ask(case.model(), case.inputs)
        assert parted is not None
        about = {"operators": judge.op, "nodes": len(case.nodes), "of_nodes": before["nodes"], "elements": case.elements(),
                 "of_elements": before["elements"], "not_drawn_anew": list(case.kept), "comparisons": judge.asked,
                 "other": other, "text": judge.text.replace(folder + os.sep, "")}
        write(out, case, other, about)
        return about


def write(out: str, case: Case, other: str, about: dict[str, Any]) -> None:
    os.makedirs(out, exist_ok=True)
    onnx.save(case.model(), os.path.join(out, "model.onnx"))
    np.savez(os.path.join(out, "inputs.npz"), **{name: value[None] for name, value in case.inputs.items()})
    with open(os.path.join(out, "about.json"), "w", encoding="utf-8") as handle:
        json.dump(about, handle, indent=1)
    script = os.path.join(out, "replay.sh")
    with open(script, "w", encoding="utf-8") as handle:
        handle.write("#!/bin/sh\n# Ends with 4 as long as the two part.\ncd \"$(dirname \"$0\")\" && exec \"${TAUTO:-tauto}\" same model.onnx "
                     f"'{other.replace('MODEL', 'model.onnx')}' --data inputs.npz --level numeric --deep 1 --json same.json\n")
    os.chmod(script, os.stat(script).st_mode | stat.S_IXUSR)


def main(argv: "list[str] | None" = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tauto.reduce", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("other", help="a system of tauto same, MODEL in place of the file")
    parser.add_argument("--data", required=True, help="an .npz file, as for tauto same")
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="which of the samples")
    parser.add_argument("--seconds", type=float, default=300.0, help="after which nothing more is tried")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn anew")
    args = parser.parse_args(argv)
    try:
        with np.load(args.data) as archive:
            data = {name: archive[name] for name in archive.files}
        about = reduce(args.model, args.other, data, args.out, sample=args.sample, seconds=args.seconds, seed=args.seed,
                       say=lambda text: print(text, file=sys.stderr))
    except (_tauto.Error, OSError) as error:
        print(f"tauto: {error}", file=sys.stderr)
        return 1
    print(f"{about['text']}\nreduced: {about['nodes']} of {about['of_nodes']} nodes, {about['elements']} of "
          f"{about['of_elements']} elements; {args.out}/replay.sh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
