#!/usr/bin/env python3
"""Networks of one and two bits (../shared/data/lowbit, TFC on MNIST): are they integers, the same bits, and how many
answers hang on one of them?

For each network: `tauto prove` (every neuron, for all inputs); the definition (interpreter) and machine code over all
10,000 test images, bit for bit, on each instruction set; and for every image and every bit of every hidden layer, the
class with that one bit flipped (of a 2-bit activation: of its two's complement). Ends with

    lowbit: proved P of P neurons in T s, D differing bits over N images, flips A / B / C %, A / B / C %
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build"))
SHARED = os.environ.get("TAUTO_SHARED", os.path.join(ROOT, "..", "shared"))
QUANTIZERS = ("BipolarQuant", "Quant")


def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    def read(kind: str, header: int) -> np.ndarray:
        with gzip.open(os.path.join(SHARED, "data", "mnist", f"t10k-{kind}-ubyte.gz")) as f:
            return np.frombuffer(f.read(), np.uint8, offset=header)
    pixels = read("images-idx3", 16).reshape(-1, 1, 1, 28, 28)[:count]
    return pixels.astype(np.float32) / np.float32(255), read("labels-idx1", 8)[:count]


def hidden(model: onnx.ModelProto) -> list[tuple[str, int]]:
    """The quantized activations between the layers, and their bits."""
    constants = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type in QUANTIZERS and node.input[0] not in constants:
            found.append((node.output[0], 1 if node.op_type == "BipolarQuant" else int(constants[node.input[3]])))
    return found[1:]   # the first is the input


def part(model: onnx.ModelProto, begin: str, end: str, shape: list[int | str]) -> bytes:
    """The nodes between two values, for any number of rows. begin: empty for the model's input."""
    keep, wanted = [], {end}
    for node in reversed(model.graph.node):
        if set(node.output) & wanted:
            keep.insert(0, node)
            wanted |= set(node.input) - {begin}
    first = begin or model.graph.input[0].name
    graph = helper.make_graph(keep, "part", [helper.make_tensor_value_info(first, TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(end, TensorProto.FLOAT, None)],
                              [i for i in model.graph.initializer if i.name in wanted])
    cut = helper.make_model(graph, ir_version=model.ir_version)
    del cut.opset_import[:]
    cut.opset_import.extend(model.opset_import)
    return cut.SerializeToString()


def flipped(values: np.ndarray, bits: int) -> np.ndarray:
    """[n, units] -> [units · bits, n, units]: one bit of one unit is the other."""
    n, units = values.shape
    out = np.repeat(values[None], units * bits, axis=0)
    for unit in range(units):
        for bit in range(bits):
            column = values[:, unit].astype(np.int64)
            if bits > 1:
                column = ((column ^ (1 << bit)) + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
            out[unit * bits + bit, :, unit] = column if bits > 1 else -column
    return out


def flips(model: onnx.ModelProto, x: np.ndarray, chunk: int = 50) -> list[float]:
    """Of each hidden layer: in how many of all pairs (image, bit) the class is another."""
    import tauto

    end, rates = model.graph.output[0].name, []
    for name, bits in hidden(model):
        front = tauto.load(part(model, "", name, ["N", 1, 28, 28]))
        values = front.run([x[:, 0]])[0]
        back = tauto.load(part(model, name, end, ["N", values.shape[1]]))
        classes = back.run([values])[0].argmax(1)
        changed = 0
        for at in range(0, len(values), chunk):
            rows = flipped(values[at:at + chunk], bits)
            answers = back.run([rows.reshape(-1, values.shape[1])])[0].argmax(1).reshape(rows.shape[:2])
            changed += int((answers != classes[at:at + chunk]).sum())
        rates.append(100 * changed / (values.size * bits))
    return rates


def differing(path: str, x: np.ndarray) -> tuple[int, np.ndarray]:
    """Bits in which machine code of any instruction set differs from the definition, one image after the other."""
    import tauto

    count, classes, before = 0, np.zeros(len(x), np.int64), os.environ.get("TAUTO_ISA")
    exact = None
    for isa in tauto.isas():
        os.environ["TAUTO_ISA"] = isa
        m = tauto.load(path)
        if exact is None:
            exact = [m.run([image], interpret=True)[0].view(np.uint32) for image in x]
            classes = np.array([int(e.view(np.float32).argmax()) for e in exact])
        for image, bits in zip(x, exact):
            count += int(np.unpackbits((m.run([image])[0].view(np.uint32) ^ bits).view(np.uint8)).sum())
    os.environ.pop("TAUTO_ISA") if before is None else os.environ.update(TAUTO_ISA=before)
    return count, classes


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10000, metavar="N", help="how many test images (10000)")
    args = parser.parse_args(argv)
    sys.path.insert(0, os.path.join(BUILD, "python"))
    x, labels = images(args.images)
    proved = neurons = bits = 0
    seconds, rates, failed = 0.0, [], False
    for name in ("tfc_1w1a", "tfc_1w2a"):
        path = os.path.join(SHARED, "data", "lowbit", name + ".onnx")
        start = time.perf_counter()
        said = subprocess.run([os.path.join(BUILD, "tauto"), "prove", path], capture_output=True, text=True, check=False)
        seconds += time.perf_counter() - start
        failed |= said.returncode != 0
        print(said.stdout + said.stderr, end="")
        words = said.stdout.split()
        proved, neurons = proved + int(words[-4]), neurons + int(words[-2])
        differ, classes = differing(path, x)
        bits += differ
        rate = flips(onnx.load(path), x)
        rates.append(" / ".join(f"{r:.2f}" for r in rate) + " %")
        print(f"{name}: {differ} differing bits over {len(x)} images, right {100 * (classes == labels).mean():.2f} %, "
              f"the class changes with one hidden bit, by layer: {rates[-1]}")
    print(f"lowbit: proved {proved} of {neurons} neurons in {seconds:.1f} s, {bits} differing bits over {len(x)} images, "
          f"flips {', '.join(rates)}")
    return int(failed or bits != 0 or proved != neurons)


if __name__ == "__main__":
    sys.exit(main())
