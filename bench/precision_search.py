#!/usr/bin/env python3
"""Searching precisions: how many validations until a budget of flips holds, beside a greedy search.

The rival is written here after NNCF's accuracy-aware quantization (nncf.quantize_with_accuracy_control, its documented
algorithm): validate all quantized; if that is not enough, rank every quantized node by validating the program in which
it alone is reverted, then revert them one after the other in that order until the budget holds. Both searches use the
same programs, samples, rule of acceptance (exact upper bound of the rate of flips) and verify on the same fresh half.
Whoever ends at f32 has found nothing. Where all nodes hold at once neither searches: such a case is in the table, not in
the ratio. MNIST; ends with

    precision-search: R x fewer validations than greedy (least S), reverted nodes: ours A, greedy B, bound kept K of K
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import numpy as np
import onnx

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scripts"))

import lib_models  # noqa: E402

CALIBRATION = 200
CASES = [("mnist_256x2", "int4", 0.01), ("mnist_256x4", "int4", 0.01), ("mnist_256x4", "int4", 0.005), ("mnist_256x4", "int2", 0.02),
         ("mnist_cnn_max", "int4", 0.01), ("mnist_cnn_max", "int2", 0.02), ("mnist_256x2", "int8", 0.005)]
CONFIDENCE = 0.95


def data_of(name: str) -> tuple[str, str, np.ndarray]:
    """The file, the input's name, and all test images in its shape."""
    model = next(m for m in lib_models.data_models() if m.name == name)
    value = onnx.load(model.path).graph.input[0]
    shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim][1:]
    images = (lib_models.mnist_images(0, 10000) / np.float32(255)).astype(np.float32)
    return model.path, value.name, images.reshape([len(images), *shape])


def classes(model: Any, images: np.ndarray) -> np.ndarray:
    fixed = isinstance(model.inputs[0].shape[0], int)
    size = model.inputs[0].shape[0] if fixed else 500
    return np.concatenate([model(images[i:i + size]).reshape(min(size, len(images) - i), -1).argmax(1) for i in range(0, len(images), size)])


def greedy(quantized: Any, images: np.ndarray, budget: float) -> tuple[int, int | None, bool]:
    """(validations, reverted nodes or None where only f32 is left, does the fresh half hold)"""
    import tauto

    half = len(images) // 2
    truth = classes(tauto.load(quantized.path), images)
    count = 0

    def holds(kept: list[str], fresh: bool = False) -> tuple[bool, int]:
        nonlocal count
        count += 1
        part = slice(half, None) if fresh else slice(0, half)
        model = (quantized.keeping(kept) if kept else quantized).load()
        flips = int((classes(model, images[part]) != truth[part]).sum())
        return upper_rate(flips, len(truth[part])) <= budget, flips

    nodes = [n.name for n in quantized.nodes if n.precision != "f32"]
    kept: list[str] = []
    if not holds([])[0]:
        ranked = sorted(nodes, key=lambda node: holds([node])[1])
        while True:
            kept.append(ranked[len(kept)])
            if len(kept) == len(nodes):
                return count, None, True
            if holds(kept)[0]:
                break
    return count + 1, len(kept), holds(kept, fresh=True)[0]


def upper_rate(flips: int, n: int) -> float:
    """Clopper and Pearson's one-sided bound, by bisection of the binomial's tail."""
    from math import exp, lgamma, log

    def tail(p: float) -> float:  # P(at most `flips`)
        return sum(exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p)) for k in range(flips + 1))

    low, high = flips / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle <= 0 or tail(middle) > 1 - CONFIDENCE else (low, middle)
    return high


def compare(name: str, spec: str, budget: float) -> dict[str, Any]:
    import tauto

    path, value, images = data_of(name)
    quantized = tauto.quantize(path, spec, {value: images[:CALIBRATION]})
    rest = images[CALIBRATION:]
    found = quantized.search({value: rest}, "top1", f"flips={budget} confidence={CONFIDENCE}", timed=False)
    theirs, reverted, kept = greedy(quantized, rest, budget)
    last = found.validations[-1]
    return {"net": name, "precision": spec, "budget": budget, "nodes": len(quantized.nodes), "validations": len(found.validations),
            "reverted": len(last.kept) if found.quantized else None, "flips": last.flips, "samples": last.samples, "upper": round(last.upper, 5),
            "holds": last.holds, "greedy_validations": theirs, "greedy_reverted": reverted, "greedy_holds": kept,
            "frontier": [[len(v.kept), v.fresh, v.flips, v.samples, v.holds] for v in found.validations]}


def summary(rows: list[dict[str, Any]]) -> str:
    searched = [row for row in rows if len(row["frontier"]) > 2 or row["reverted"] != 0]
    ratios = [row["greedy_validations"] / row["validations"] for row in searched] or [float("nan")]
    kept = [row for row in rows if row["reverted"] is not None]
    both = [row for row in kept if row["greedy_reverted"] is not None]
    return (f"precision-search: {np.exp(np.mean(np.log(ratios))):.2f} x fewer validations than greedy (least {min(ratios):.2f}), reverted nodes: "
            f"ours {sum(row['reverted'] for row in both)}, greedy {sum(row['greedy_reverted'] for row in both)}, "
            f"bound kept {sum(row['holds'] for row in kept)} of {len(kept)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the nets' names")
    args = parser.parse_args()
    build = os.environ.get("TAUTO_BUILD", os.path.join(HERE, "..", "build"))
    sys.path.insert(0, os.path.join(build, "python"))
    rows = []
    for case in CASES:
        if args.only not in case[0]:
            continue
        rows.append(row := compare(*case))
        print(f"{row['net']:14} {row['precision']:5} flips <= {row['budget']:.1%}: {row['validations']} validations, {row['reverted']} of {row['nodes']} nodes "
              f"in f32, fresh {row['flips']} / {row['samples']}; greedy {row['greedy_validations']}, {row['greedy_reverted']}", flush=True)
    print(summary(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
