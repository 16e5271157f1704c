#!/usr/bin/env python3
"""Do kernels that run band by band pay? Attentions (products, softmax, products, as exporters write them, from q, k and v
as projections leave them) of more and more tokens, beside the same with every kernel for all of its rows
(TAUTO_OFF=bands), answers compared first. Wall time of a run; each round runs both by turns, ratios are medians over
rounds. Ends with

    bench-attention: 1 thread A x (least B, net), 2 threads C x (least D, net)
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

import numpy as np
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# tokens, heads, width of a head: those of MiniLM, BERT and ViT (197); from 128 tokens, whose scores stay in the cache
NETS = ((128, 12, 32), (192, 12, 32), (256, 12, 32), (512, 12, 32), (1024, 12, 32), (2048, 12, 32),
        (197, 12, 64), (256, 12, 64), (512, 12, 64), (1024, 12, 64), (2048, 12, 64), (4096, 4, 64))


def attention(tokens: int, heads: int, width: int) -> bytes:
    nodes, constants = [], []

    def constant(value: object) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(constants)}"))
        return f"c{len(constants) - 1}"

    def add(op: str, inputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(op, inputs, [f"v{len(nodes)}"], **attributes))
        return f"v{len(nodes) - 1}"

    def split(name: str, perm: list[int]) -> str:
        shape = constant(np.int64([1, tokens, heads, width]))
        return add("Transpose", [add("Reshape", [name, shape])], perm=perm)

    scores = add("MatMul", [split("q", [0, 2, 1, 3]), split("k", [0, 2, 3, 1])])
    scores = add("Add", [add("Div", [scores, constant(np.float32(width**0.5))]), "mask"])
    y = add("MatMul", [add("Softmax", [scores], axis=-1), split("v", [0, 2, 1, 3])])
    y = add("Reshape", [add("Transpose", [y], perm=[0, 2, 1, 3]), constant(np.int64([1, tokens, heads * width]))])
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, tokens, heads * width)) for n in "qkv"]
    inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, (1, 1, 1, tokens)))
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)], constants)
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


class System:
    def __init__(self, data: bytes, inputs: list[np.ndarray], off: str) -> None:
        import tauto

        self.inputs, before = inputs, os.environ.get("TAUTO_OFF")
        os.environ["TAUTO_OFF"] = off
        self.model = tauto.load(data)
        self.result = self.model.run(inputs)
        os.environ.pop("TAUTO_OFF") if before is None else os.environ.update(TAUTO_OFF=before)

    def seconds(self, threads: int, repeat: int) -> float:
        start = time.perf_counter()
        for _ in range(repeat):
            self.model.run(self.inputs, threads=threads, out=self.result)
        return (time.perf_counter() - start) / repeat


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")))
    parser.add_argument("--rounds", type=int, default=21)
    args = parser.parse_args(argv)
    sys.path.insert(0, os.path.join(args.build, "python"))
    os.environ.setdefault("TAUTO_CACHE", "off")
    rng = np.random.default_rng(2)
    by: dict[int, dict[str, float]] = {1: {}, 2: {}}
    print("tokens x heads x width: us whole, us in bands, ratio (middle half of the rounds)")
    for net in NETS:
        inputs = [rng.normal(0, 1, (1, net[0], net[1] * net[2])).astype(np.float32) for _ in range(3)]
        inputs.append(np.where(rng.random((1, 1, 1, net[0])) < 0.1, np.float32(-1e9), np.float32(0)))
        data = attention(*net)
        whole, bands = System(data, inputs, "bands"), System(data, inputs, "")
        if whole.result[0].tobytes() != bands.result[0].tobytes():
            raise SystemExit("different answers")
        name = " x ".join(map(str, net))
        repeat = max(1, int(5e-3 / bands.seconds(1, 2)))
        for threads in by:
            times = [(whole.seconds(threads, repeat), bands.seconds(threads, repeat)) for _ in range(args.rounds)]
            ratios = sorted(a / b for a, b in times)
            by[threads][name] = statistics.median(ratios)
            print(f"  {name:14} {threads} threads {1e6 * statistics.median(t[0] for t in times):10.1f} us "
                  f"{1e6 * statistics.median(t[1] for t in times):10.1f} us  {by[threads][name]:5.2f} x "
                  f"({ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f})", flush=True)
    parts = []
    for threads, all_of in by.items():
        least = min(all_of, key=all_of.__getitem__)
        parts.append(f"{threads} thread{'s' if threads > 1 else ''} {statistics.geometric_mean(all_of.values()):.2f} x "
                     f"(least {all_of[least]:.2f}, {least})")
    print("bench-attention: " + ", ".join(parts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
