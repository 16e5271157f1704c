"""Implementations that are not ours, asked by `tauto same` over a socket that is this process's stdin.

    python3 outside.py onnxruntime MODEL [--threads N] [--optimise none|basic|extended|all]
    python3 outside.py openvino MODEL [--threads N] [--mode accuracy|performance] [--isa avx2|avx512_core|all]
                                     [--quantize yes|no]   (activations, where weights are bytes; its default is yes)
    python3 outside.py decide FILE.py

A frame is eight bytes of length (little-endian) and an .npz archive. "do" says what is asked: `open` (answers with the
version), `run`, `values` (also what the nodes named in "nodes" computed: their outputs are made outputs of the model,
which may change what the runtime computes), `decide`. An answer that has "error" says what went wrong.
Nothing of Tauto is imported: the interpreter may be any that has the runtime's package.
"""

from __future__ import annotations

import importlib
import io
import os
import runpy
import socket
import struct
import sys
from typing import Any, Callable

import numpy as np

Arrays = dict[str, np.ndarray]


def package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise SystemExit(f"required the Python package {name}, which {sys.executable} does not have "
                         f"(TAUTO_PYTHON3 names another interpreter)") from None


def options_of(words: list[str], known: dict[str, str]) -> dict[str, str]:
    values = dict(known)
    for option, value in zip(words[::2], words[1::2] + [""]):
        if option.removeprefix("--") not in known or not value:
            raise SystemExit(f"required {', '.join('--' + k for k in known)} with values, got {' '.join(words)}")
        values[option.removeprefix("--")] = value
    return values


def with_outputs(path: str, nodes: list[str]) -> tuple[Any, dict[str, str]]:
    """The model with the first output of these nodes among its outputs; {node: output}."""
    onnx = package("onnx")
    model = onnx.load(path)
    there = {value.name for value in model.graph.output}
    cuts = {}
    for node in model.graph.node:
        name = node.name or next((output for output in node.output if output), "")
        if name in nodes and sum(bool(output) for output in node.output) == 1:
            cuts[name] = node.output[0]
            if node.output[0] not in there:
                there.add(node.output[0])
                model.graph.output.append(onnx.ValueInfoProto(name=node.output[0]))
    return model, cuts


def cut_model(system: Any, nodes: list[str], ready: Callable[[bytes], Any]) -> tuple[Any, dict[str, str]]:
    """The model with these outputs, made ready; the last one is kept."""
    if getattr(system, "cut_nodes_", None) != nodes:
        model, cuts = with_outputs(system.path_, nodes)
        system.cut_, system.cut_nodes_ = (ready(model.SerializeToString()), cuts), nodes
    return system.cut_


class OnnxRuntime:
    def __init__(self, path: str, words: list[str]) -> None:
        self.path_, self.ort_ = path, package("onnxruntime")
        self.options_ = options_of(words, {"threads": "1", "optimise": "all"})
        self.version = f"onnxruntime {self.ort_.__version__}"
        self.session_ = self._session(path)

    def _session(self, model: Any) -> Any:
        options = self.ort_.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = int(self.options_["threads"])
        options.inter_op_num_threads = 1
        levels = {"none": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED",
                  "all": "ORT_ENABLE_ALL"}
        if self.options_["optimise"] not in levels:
            raise SystemExit(f"--optimise: required one of {', '.join(levels)}, got {self.options_['optimise']}")
        options.graph_optimization_level = getattr(self.ort_.GraphOptimizationLevel, levels[self.options_["optimise"]])
        return self.ort_.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Arrays, outputs: list[str]) -> list[np.ndarray]:
        return self.session_.run(outputs, inputs)

    def values(self, inputs: Arrays, outputs: list[str], nodes: list[str]) -> tuple[list[np.ndarray], Arrays]:
        session, cuts = cut_model(self, nodes, self._session)
        found = session.run(outputs + list(cuts.values()), inputs)
        return found[:len(outputs)], dict(zip(cuts, found[len(outputs):]))


class OpenVino:
    MODES = ("accuracy", "performance")
    ISAS = {"avx2": "AVX2", "avx512_core": "AVX512_CORE", "all": "ALL"}

    def __init__(self, path: str, words: list[str]) -> None:
        self.options_ = options_of(words, {"threads": "1", "mode": "performance", "isa": "all", "quantize": "yes"})
        if self.options_["mode"] not in self.MODES:
            raise SystemExit(f"--mode: required one of {', '.join(self.MODES)}, got {self.options_['mode']}")
        if self.options_["quantize"] not in ("yes", "no"):
            raise SystemExit(f"--quantize: required yes or no, got {self.options_['quantize']}")
        if self.options_["isa"] not in self.ISAS:
            raise SystemExit(f"--isa: required one of {', '.join(self.ISAS)}, got {self.options_['isa']}")
        os.environ["ONEDNN_MAX_CPU_ISA"] = self.ISAS[self.options_["isa"]]  # read when its kernels are first asked for
        self.path_, self.ov_ = path, package("openvino")
        self.version = f"openvino {self.ov_.__version__.split('-')[0]}"
        self.model_ = self._compile(path)

    def _compile(self, model: Any) -> Any:
        core = self.ov_.Core()
        off = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": 0} if self.options_["quantize"] == "no" else {}
        return core.compile_model(core.read_model(model), "CPU", off | {
            "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": int(self.options_["threads"]),
            "EXECUTION_MODE_HINT": self.options_["mode"].upper()})

    @staticmethod
    def _run(compiled: Any, inputs: Arrays, outputs: list[str]) -> list[np.ndarray]:
        ports = {name: port for port in compiled.inputs for name in port.get_names()}
        results = compiled({ports[name]: value for name, value in inputs.items()})
        by_name = {name: value for port, value in results.items() for name in port.get_names()}
        return [np.array(by_name[name]) for name in outputs]

    def run(self, inputs: Arrays, outputs: list[str]) -> list[np.ndarray]:
        return self._run(self.model_, inputs, outputs)

    def values(self, inputs: Arrays, outputs: list[str], nodes: list[str]) -> tuple[list[np.ndarray], Arrays]:
        compiled, cuts = cut_model(self, nodes, self._compile)
        found = self._run(compiled, inputs, outputs + list(cuts.values()))
        return found[:len(outputs)], dict(zip(cuts, found[len(outputs):]))


def numbered(prefix: str, arrays: list[np.ndarray]) -> Arrays:
    return {f"{prefix}_{i}": np.asarray(a) for i, a in enumerate(arrays)}


def runtime_server(system: Any) -> Callable[[Arrays], Arrays]:
    def answer(question: Arrays) -> Arrays:
        what = str(question["do"][0])
        if what == "open":
            return {"version": np.array([system.version])}
        outputs = [str(name) for name in question["outputs"]]
        inputs = {str(name): question[f"input_{i}"] for i, name in enumerate(question["inputs"])}
        if what == "run":
            return numbered("output", system.run(inputs, outputs))
        results, values = system.values(inputs, outputs, [str(name) for name in question["nodes"]])
        return {**numbered("output", results), **numbered("value", list(values.values())),
                "nodes": np.array(list(values), dtype=str)}
    return answer


def decision_server(path: str) -> Callable[[Arrays], Arrays]:
    if not os.path.isfile(path):
        raise SystemExit(f"required a Python file, got {path}")
    program = runpy.run_path(path)
    if not callable(program.get("decide")) or not isinstance(program.get("TIES"), str):
        raise SystemExit("required decide(outputs) and TIES, a text that says how ties are broken")

    def answer(question: Arrays) -> Arrays:
        if str(question["do"][0]) == "open":
            return {"ties": np.array([program["TIES"]])}
        outputs = {str(name): question[f"output_{i}"] for i, name in enumerate(question["outputs"])}
        rows = np.asarray(program["decide"](outputs))
        if rows.dtype.kind not in "iub":
            raise TypeError(f"decide: required an array of integers, got {rows.dtype}")
        return {"decisions": rows.astype(np.int64)}
    return answer


def serve(channel: socket.socket, make: Callable[[], Callable[[Arrays], Arrays]]) -> None:
    answer: Callable[[Arrays], Arrays] | None = None
    with channel.makefile("rwb") as stream:
        while len(head := stream.read(8)) == 8:
            body = stream.read(struct.unpack("<Q", head)[0])
            try:
                with np.load(io.BytesIO(body)) as archive:
                    question = {name: archive[name] for name in archive.files}
                if answer is None:
                    answer = make()
                reply = answer(question)
            except SystemExit as error:
                reply = {"error": np.array([str(error)])}
            except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
                reply = {"error": np.array([f"{type(error).__name__}: {error}"])}
            buffer = io.BytesIO()
            np.savez(buffer, **reply)
            stream.write(struct.pack("<Q", buffer.tell()) + buffer.getvalue())
            stream.flush()


def main(argv: list[str]) -> None:
    what, path, *words = argv
    makers = {"onnxruntime": lambda: runtime_server(OnnxRuntime(path, words)),
              "openvino": lambda: runtime_server(OpenVino(path, words)),
              "decide": lambda: decision_server(path)}
    serve(socket.socket(fileno=os.dup(0)), makers[what])


if __name__ == "__main__":
    main(sys.argv[1:])
