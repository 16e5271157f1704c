#!/usr/bin/env python3
"""Does Winograd pay? 3x3 convolutions of stride 1 by `--allow winograd` beside our own direct convolution.

The standard layers of ResNet-50, each between two 1x1 convolutions as in the network, and every such layer of
opennsfw-resnet50. One thread, in turns (median of the rounds' ratios). A layer's time is that of all kernels that its
convolution, and what is fused with it, became. Results of both are compared first. Ends with

    bench-winograd: resnet-50's N 3x3 layers R times as fast in all; K shapes rewritten (least A, most B), L left as they
    are (counted in R as 1); opennsfw-resnet50: ...
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts"))
import lib_models  # noqa: E402
import lib_runtimes  # noqa: E402,F401  (finds the build)
import tauto  # noqa: E402

SHAPES = [(56, 64, 3), (28, 128, 3), (14, 256, 5), (7, 512, 2)]     # pixels, channels, layers of stride 1 in ResNet-50


def block(pixels: int, channels: int) -> bytes:
    random = np.random.default_rng(pixels)
    nodes, weights, last = [], [], "x"
    for i, kernel in enumerate((1, 3, 1)):
        w = random.normal(size=(channels, channels, kernel, kernel)) * (kernel * kernel * channels / 2) ** -0.5
        weights += [numpy_helper.from_array(w.astype(np.float32), f"w{i}"),
                    numpy_helper.from_array(random.normal(size=channels).astype(np.float32) * 0.1, f"b{i}")]
        pad = kernel // 2
        nodes += [helper.make_node("Conv", [last, f"w{i}", f"b{i}"], [f"c{i}"], name=f"conv{i}", pads=[pad] * 4),
                  helper.make_node("Relu", [f"c{i}"], [f"r{i}"], name=f"relu{i}")]
        last = f"r{i}"
    shape = [1, channels, pixels, pixels]
    graph = helper.make_graph(nodes, "block", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def layers(plain: list[dict[str, Any]], rewritten: set[str]) -> dict[str, set[str]]:
    """Of each rewritten convolution the source nodes that its direct kernel computes."""
    return {name: set(line["sources"]) for line in plain for name in rewritten if name in line["sources"]}


def seconds(lines: list[dict[str, Any]], sources: set[str]) -> float:
    return sum(line["seconds"] for line in lines if sources & set(line["sources"]))


def compare(source: Any, inputs: dict[str, np.ndarray], rounds: int) -> dict[str, tuple[float, float, float]]:
    """{convolution: (ratio, direct, winograd seconds)} of those that are rewritten, medians over rounds."""
    direct, winograd = tauto.load(source), tauto.load(source, allow=["winograd"])
    for a, b in zip(direct.run(inputs), winograd.run(inputs)):
        assert np.abs(a - b).max() <= 1e-3 * np.abs(a).max(), "different answers"
    rewritten = {name for entry in winograd.ledger() if entry["pass"] == "winograd" for name in entry["sources"]}
    of = layers(direct.profile(inputs), rewritten)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in of}
    for _ in range(rounds):
        pair = [m.profile(inputs, repeat=5) for m in (direct, winograd)]
        for name, sources in of.items():
            times[name].append((seconds(pair[0], sources), seconds(pair[1], sources)))
    return {name: (statistics.median(a / b for a, b in list_), statistics.median(a for a, _ in list_),
                   statistics.median(b for _, b in list_)) for name, list_ in times.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-networks", action="store_true")
    arguments = parser.parse_args(argv)
    ratios, left, before, after = [], 0, 0.0, 0.0
    for pixels, channels, count in SHAPES:
        x = np.random.default_rng(1).normal(size=(1, channels, pixels, pixels)).astype(np.float32)
        found = compare(block(pixels, channels), {"x": x}, arguments.rounds)
        for ratio, direct, winograd in found.values():
            print(f"{pixels:3} x {pixels:3} x {channels:3}   direct {direct * 1e6:7.0f} us   winograd "
                  f"{winograd * 1e6:7.0f} us   {ratio:.2f}")
            ratios.append(ratio)
            before, after = before + count * direct, after + count * winograd
        if not found:
            model = tauto.load(block(pixels, channels))
            direct = min(seconds(model.profile({"x": x}, repeat=11), {"conv1"}) for _ in range(3))
            print(f"{pixels:3} x {pixels:3} x {channels:3}   direct {direct * 1e6:7.0f} us   left as it is")
            before, after, left = before + count * direct, after + count * direct, left + 1
    net = ""
    model = next((m for m in lib_models.public_models() if m.name == "opennsfw-resnet50"), None)
    if model is not None and os.path.exists(model.path) and not arguments.no_networks:
        inputs, _ = lib_models.load_case(model, model.cases[0], onnx.load(model.path))
        found = compare(model.path, inputs, arguments.rounds)
        for name, (ratio, direct, winograd) in found.items():
            print(f"{model.name} {name:24} direct {direct * 1e6:7.0f} us   winograd {winograd * 1e6:7.0f} us   {ratio:.2f}")
        all_ratios = [ratio for ratio, _, _ in found.values()]
        total = sum(d for _, d, _ in found.values()) / sum(w for _, _, w in found.values())
        net = (f"; {model.name}: {len(found)} layers, {total:.2f} in all (least {min(all_ratios):.2f}, "
               f"most {max(all_ratios):.2f})")
    print(f"bench-winograd: resnet-50's {sum(count for _, _, count in SHAPES)} 3x3 layers {before / after:.2f} times as "
          f"fast in all; {len(ratios)} shapes rewritten (least {min(ratios):.2f}, most {max(ratios):.2f}), {left} left as "
          f"they are{net}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
