#!/usr/bin/env python3
"""Do one-bit layers pay? Three layers of signs (quantized, times a matrix of signs, normalised, quantized again) as the
pipeline makes them beside the same network with its contractions left in f32 (TAUTO_OFF) and, where that differs, with
integers but no bits; answers compared first. And vectors times matrices of 8, 4 and 2 bits that no cache holds.

Times are what kernels take (the profile), so that calls do not count; each round runs all in turn, ratios are medians
over rounds. One thread. Ends with

    bench-lowbit: 1 bit A x f32 (least B, layer), 4 bits C x 8 bits, 2 bits D x 8 bits
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOMAIN = "qonnx.custom_op.general"
LAYERS = ((1, 784, 64), (64, 784, 64), (1, 256, 256), (64, 256, 256), (1, 1024, 1024), (64, 1024, 1024), (1, 4096, 1024))
VECTORS = ((1, 4096, 4096), (1, 2048, 8192))


class Net:
    def __init__(self) -> None:
        self.nodes: list[object] = []
        self.constants: list[object] = []

    def constant(self, value: object) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(self.constants)}"))
        return f"c{len(self.constants) - 1}"

    def add(self, op: str, inputs: list[str], domain: str = "", **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [f"v{len(self.nodes)}"], domain=domain, **attributes))
        return f"v{len(self.nodes) - 1}"

    def model(self, shape: tuple[int, int], result: str) -> bytes:
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info(result, TensorProto.FLOAT, None)], self.constants)
        return helper.make_model(graph, ir_version=9, opset_imports=[
            helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]).SerializeToString()


def signs(rows: int, terms: int, neurons: int) -> bytes:
    rng, net = np.random.default_rng(1), Net()
    one = net.constant(np.float32(1))
    x = net.add("BipolarQuant", ["x", one], DOMAIN)
    for k in (terms, neurons, neurons):
        w = net.constant(rng.choice(np.float32([-1, 1]), (k, neurons)))
        y = net.add("MatMul", [x, w])
        scale, shift = rng.normal(0, 1, neurons).astype(np.float32), rng.normal(0, 1, neurons).astype(np.float32)
        parts = [scale, shift, 9 * shift[::-1].copy(), np.full(neurons, k, np.float32)]
        x = net.add("BipolarQuant", [net.add("BatchNormalization", [y] + [net.constant(p) for p in parts]), one], DOMAIN)
    return net.model((rows, terms), x)


def few_bits(rows: int, terms: int, neurons: int, bits: int) -> bytes:
    """A vector of bytes times a matrix of so many bits."""
    rng, net = np.random.default_rng(1), Net()
    f = [net.constant(np.float32(v)) for v in (1, 0, 8)]
    x = net.add("Quant", ["x", f[0], f[1], f[2]], DOMAIN, signed=0, narrow=0, rounding_mode="ROUND")
    low = -(1 << bits - 1)
    w = net.constant(rng.integers(low, -low, (terms, neurons)).astype(np.float32))
    return net.model((rows, terms), net.add("MatMul", [x, w]))


class System:
    def __init__(self, data: bytes, x: np.ndarray, off: str) -> None:
        import tauto

        self.x, before = [x], os.environ.get("TAUTO_OFF")
        os.environ["TAUTO_OFF"] = off
        self.model = tauto.load(data)
        self.result = self.model.run(self.x)[0]
        self.seconds()
        os.environ.pop("TAUTO_OFF") if before is None else os.environ.update(TAUTO_OFF=before)

    def seconds(self) -> float:
        return sum(line["seconds"] for line in self.model.profile(self.x, repeat=15))


def ratios(systems: list[System], rounds: int) -> list[float]:
    """Of the time of the last to that of each other; and that time in microseconds."""
    for s in systems[1:]:
        if s.result.tobytes() != systems[0].result.tobytes():
            raise SystemExit("different answers")
    times = [[s.seconds() for s in systems] for _ in range(rounds)]
    return [statistics.median(t[i] / t[-1] for t in times) for i in range(len(systems) - 1)] + [
        1e6 * statistics.median(t[-1] for t in times)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")))
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args(argv)
    sys.path.insert(0, os.path.join(args.build, "python"))
    os.environ.setdefault("TAUTO_CACHE", "off")
    rng = np.random.default_rng(2)
    of_f32: dict[str, float] = {}
    print("rows x terms x neurons, three layers of signs: us, x f32, x integers without bits")
    for layer in LAYERS:
        x, data = rng.normal(0, 1, layer[:2]).astype(np.float32), signs(*layer)
        f32, whole, us = ratios([System(data, x, "integers,thresholds,bits"), System(data, x, "bits"),
                                 System(data, x, "")], args.rounds)
        name = " x ".join(map(str, layer))
        of_f32[name] = f32
        print(f"  {name:18} {us:9.2f} us  {f32:6.2f} x f32  {whole:6.2f} x integers", flush=True)
    print("vector times matrix of few bits: us, x the same with bytes")
    narrow: dict[int, list[float]] = {4: [], 2: []}
    for shape in VECTORS:
        for bits in narrow:
            x = rng.integers(0, 256, shape[:2]).astype(np.float32)
            data = few_bits(*shape, bits)
            by, us = ratios([System(data, x, "narrow_weights"), System(data, x, "")], args.rounds)
            narrow[bits].append(by)
            print(f"  {' x '.join(map(str, shape)):18} {bits} bits {us:9.2f} us  {by:5.2f} x 8 bits", flush=True)
    least = min(of_f32, key=of_f32.__getitem__)
    mean = {b: statistics.geometric_mean(v) for b, v in narrow.items()}
    print(f"bench-lowbit: 1 bit {statistics.geometric_mean(of_f32.values()):.2f} x f32 (least {of_f32[least]:.2f}, {least}), "
          f"4 bits {mean[4]:.2f} x 8 bits, 2 bits {mean[2]:.2f} x 8 bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
