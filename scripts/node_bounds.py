#!/usr/bin/env python3
"""Are the bounds of single nodes sound and finite? Every node of the public networks, as ONNX Runtime ran it.

    make node-bounds                     all networks that were fetched, on their first stored case
    make node-bounds ARGS="magika minilm-fp32"

ONNX Runtime, unoptimised, is a legal execution: each node of it, on the inputs that it really consumed, must lie
within Model.output_bounds of the node as a model of its own (docs/certificates.md). Printed per network: its nodes
with float results, those outside (there must be none), those without a finite bound, and by operator the largest
|value - centre| / bound: 1 for an operation rounded once, 0 for movement.
"""

from __future__ import annotations

import collections
import os
import sys

import numpy as np
import onnx

import lib_models
import lib_nodes
import lib_runtimes  # noqa: F401  (finds the built package)
import tauto


def compare(step: lib_nodes.Step) -> tuple[float, int, int]:
    """(largest |value - centre| / bound, elements outside, elements without a finite bound)"""
    worst, outside, unbounded = 0.0, 0, 0
    bounds = tauto.load(step.model).output_bounds(step.feeds)
    for (centre, error), value in zip(bounds, step.outputs.values()):
        if value.dtype.kind != "f" or value.size == 0:
            continue
        value = value.astype(np.float64)
        with np.errstate(all="ignore"):
            distance = np.abs(value - centre)
            same = (value == centre) | (np.isnan(value) & np.isnan(centre))
            ratio = np.where(same, 0, distance / error)
        outside += int(np.sum(~same & ~(distance <= error)))
        unbounded += int(np.sum(np.isinf(error) & ~same))
        finite = ratio[np.isfinite(ratio)]
        worst = max(worst, float(finite.max())) if finite.size else worst
    return worst, outside, unbounded


def main() -> int:
    wanted = sys.argv[1:]
    nodes = outside = unbounded = networks = 0
    for model in lib_models.public_models():
        if (wanted and model.name not in wanted) or not os.path.exists(model.path) or not model.cases:
            continue
        proto = onnx.load(model.path)
        feeds, _ = lib_models.load_case(model, model.cases[0], proto)
        worst: dict[str, float] = collections.defaultdict(float)
        own = [0, 0, 0]
        for step in lib_nodes.Walk(proto, feeds).steps():
            if not any(value.dtype.kind == "f" for value in step.outputs.values() if isinstance(value, np.ndarray)):
                continue
            own[0] += 1
            try:
                ratio, out, without = compare(step)
            except tauto.Error as error:
                print(f"  {model.name}, {step.label} ({step.op}): no bound: {error}")
                own[2] += 1
                continue
            worst[step.op] = max(worst[step.op], ratio)
            own[2] += without > 0
            if out:
                own[1] += 1
                print(f"  {model.name}, {step.label} ({step.op}): {out} elements outside, ratio {ratio:.3g}")
        table = ", ".join(f"{op} {ratio:.2g}" for op, ratio in sorted(worst.items()) if ratio > 0)
        print(f"{model.name}: {own[0]} nodes, {own[1]} outside, {own[2]} without a bound; {table}", flush=True)
        networks += 1
        nodes, outside, unbounded = nodes + own[0], outside + own[1], unbounded + own[2]
    print(f"node bounds: {nodes:,} nodes of {networks} networks, {outside} outside their bounds, {unbounded} without one")
    return 1 if outside or nodes == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
