"""Implementations that are not ours, asked by `tauto same` over a socket that is this process's stdin.

    python3 outside.py onnxruntime MODEL [--threads N] [--optimise none|basic|extended|all]
    python3 outside.py openvino MODEL [--threads N] [--mode accuracy|performance] [--isa avx2|avx512_core|all]
                                     [--quantize yes|no]   (activations, where weights are bytes; its default is yes)
    python3 outside.py decide FILE.py
    python3 outside.py pictures FOLDER

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
import zlib
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


def png(path: str) -> np.ndarray:
    """(H, W, channels) uint8 of a PNG file (ISO 15948) of 8 bits a channel, not interlaced, without a palette."""
    with open(path, "rb") as handle:
        body = handle.read()
    at, packed, head = 8, b"", b""
    while at + 8 <= len(body):
        size, kind = struct.unpack(">I4s", body[at:at + 8])
        if kind == b"IHDR":
            head = body[at + 8:at + 8 + size]
        elif kind == b"IDAT":
            packed += body[at + 8:at + 8 + size]
        at += size + 12
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(color, 0)
    if depth != 8 or interlaced or not channels:
        raise ValueError("required 8 bits a channel, no palette, not interlaced")
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    picture = np.zeros((height + 1, width + 1, channels), np.int64)   # a row and a column of zeros before
    for y in range(height):
        kind, line = rows[y, 0], rows[y, 1:].reshape(width, channels).astype(np.int64)
        above, here = picture[y], picture[y + 1]
        if kind in (0, 2):
            here[1:] = line + (above[1:] if kind == 2 else 0) & 255
            continue
        for x in range(width):
            left, up, corner = here[x], above[x + 1], above[x]
            if kind == 4:   # Paeth: of the three the one nearest to left + up - corner
                far = np.abs(np.stack([up - corner, left - corner, left + up - 2 * corner]))
                guess = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], up, corner))
            else:
                guess = left if kind == 1 else (left + up) // 2
            here[x + 1] = line[x] + guess & 255
    return picture[1:, 1:].astype(np.uint8)


def picture_of(path: str) -> np.ndarray:
    if path.lower().endswith(".png"):
        try:
            return png(path)
        except (ValueError, struct.error, zlib.error):
            pass
    with package("PIL.Image").open(path) as opened:
        return np.atleast_3d(np.asarray(opened.convert("RGB") if opened.mode not in ("L", "RGB") else opened))


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, pixels' centres at half numbers."""
    def taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, old - 1), at - low

    y0, y1, fy = taps(picture.shape[0], height)
    x0, x1, fx = taps(picture.shape[1], width)
    rows = picture[y0] * (1 - fy)[:, None, None] + picture[y1] * fy[:, None, None]
    return rows[:, x0] * (1 - fx)[None, :, None] + rows[:, x1] * fx[None, :, None]


PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


def read_pictures(folder: str, shape: list[int]) -> Arrays:
    """All pictures of a folder, or of its folders whose names are labels, for an input of this shape (-1: open): channels
    first or last, or all pixels in a row; 0 to 1. {"pictures": f32[N, …], "labels"}."""
    found = sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
                   if name.lower().endswith(PICTURES))
    if not found:
        raise SystemExit(f"{folder}: required pictures ({', '.join(PICTURES)}), got none")
    dims = shape[1:]
    first = len(dims) == 3 and dims[0] in (1, 3)
    last = len(dims) == 3 and not first and dims[2] in (1, 3)
    if not (first or last or len(dims) == 1):
        raise SystemExit(f"pictures: required an input of N x C x H x W, N x H x W x C or N x pixels with 1 or 3 channels, got {shape}")
    channels = dims[0] if first else dims[2] if last else 1
    pictures = []
    for path in found:
        picture = picture_of(path).astype(np.float64)
        color = picture[..., :3] if picture.shape[2] >= 3 else np.repeat(picture[..., :1], 3, axis=2)
        # One channel: luma of ITU-R BT.601.
        picture = color if channels == 3 else color @ np.array([[0.299], [0.587], [0.114]])
        height, width = (dims[1:] if first else dims[:2]) if len(dims) == 3 else picture.shape[:2]
        if len(dims) == 1 and 0 < dims[0] != height * width:
            height = width = int(round(dims[0] ** 0.5))
        picture = resized(picture, height if height > 0 else picture.shape[0], width if width > 0 else picture.shape[1]) / 255
        pictures.append((picture.transpose(2, 0, 1) if first else picture if last else picture.reshape(-1)).astype(np.float32))
        if pictures[-1].shape != pictures[0].shape:
            raise SystemExit(f"{path}: required {pictures[0].shape} like {found[0]}, got {pictures[-1].shape}")
    labels = [os.path.basename(os.path.dirname(path)) for path in found]
    arrays = {"pictures": np.stack(pictures)}
    if all(label.isdigit() for label in labels) and any(os.path.dirname(path) != folder.rstrip("/") for path in found):
        arrays["labels"] = np.array([int(label) for label in labels], np.int64)
    return arrays


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
              "decide": lambda: decision_server(path),
              "pictures": lambda: lambda question: read_pictures(path, [int(n) for n in question["shape"]])}
    serve(socket.socket(fileno=os.dup(0)), makers[what])


if __name__ == "__main__":
    main(sys.argv[1:])
