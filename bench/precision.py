#!/usr/bin/env python3
"""Do fewer bits pay? Networks in int8 and bf16 beside our own f32 and OpenVINO, answers compared first.

int8: each network is quantized by onnxruntime.quantization (QDQ, u8 activations, i8 weights per channel), with
limits from its stored cases; everybody runs that one file. A system counts if its answer lies near what ONNX Runtime
gives when it computes every node as written. bf16: our --precision bf16.dp beside OpenVINO's default, which takes bf16
where the CPU has it; the answer is compared with the network's stored one. Every system has a process of its own,
the others stopped; medians over rounds, one thread. A system that answers otherwise is timed too, but does not count.
Ends with

    bench-int8: A x own f32 (least B, network), C x openvino f32 hint (least D), E x openvino default
    bench-bf16: A x own f32 (least B, network), C x openvino default (least D); F x with what answers otherwise
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from typing import Any

import nets
import numpy as np
from report import geometric_mean
from systems import HERE, Failed, Running, System

import lib_qdq  # after nets, which knows where scripts are

NETS = ("opennsfw-resnet50", "yolov8n-320", "ppocr-det", "ppocr-rec", "oww-embedding", "spliceai1")
NEAR = {"int8": 2e-2, "bf16": 1e-1}    # mean and largest difference from the reference, as a part of its scale
OURS, OWN_F32 = "tauto", "tauto f32"


def as_written(path: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def difference(kind: str, want: dict[str, np.ndarray], got: dict[str, np.ndarray]) -> float:
    """Of the worst output: mean (int8, where one rounding decides a step) or largest, as a part of its scale."""
    worst = 0.0
    for name, expected in want.items():
        if name not in got or got[name].shape != expected.shape:
            return np.inf
        apart = np.abs(np.asarray(got[name], np.float64) - expected)
        scale = float(np.abs(expected).max(initial=0)) or 1.0
        worst = max(worst, float(apart.mean() if kind == "int8" else apart.max(initial=0)) / scale)
    return worst


def measure(kind: str, net: nets.Net, folder: str, build: str, python: str, rounds: int, seconds: float,
            patience: float) -> dict[str, Any]:
    """{system: {"rounds", "apart", "why"}}; no rounds where it failed; a reason, too, where it answers otherwise."""
    case = nets.make_case(net, folder)
    with np.load(case.path) as stored:
        inputs = {str(name): stored[f"in_{i}"] for i, name in enumerate(stored["input_names"])}
    worker, ours = os.path.join(HERE, "worker.py"), (("PYTHONPATH", os.path.join(build, "python")),)
    model, want = net.model.path, dict(case.outputs)
    if kind == "int8":
        model = os.path.join(folder, f"{net.name}.int8.onnx")
        lib_qdq.write(net.model.path, inputs, model)
        want = as_written(model, inputs)
    contestants = [
        (System(OURS, (sys.executable, worker, "tauto" if kind == "int8" else "tauto:bf16.dp"), ours), model),
        (System(OWN_F32, (sys.executable, worker, "tauto"), ours), net.model.path),
        (System("openvino default", (python, worker, "openvino:default")), model)]
    if kind == "int8":
        contestants.append((System("openvino f32 hint", (python, worker, "openvino")), model))
    found: dict[str, Any] = {}
    running = []
    for system, path in contestants:
        try:
            one = Running(system, path, case.path, 1, os.path.join(folder, f"{net.name}.{system.name}.npz"), patience)
        except Failed as failure:
            found[system.name] = {"rounds": [], "why": str(failure)}
            continue
        apart = difference(kind, dict(case.outputs) if system.name == OWN_F32 else want, one.outputs())
        found[system.name] = {"rounds": [], "apart": apart, "why": "" if apart <= NEAR[kind] else "answers otherwise"}
        running.append(one)
    try:
        for number in range(rounds):
            for one in running[number % len(running):] + running[:number % len(running)] if running else []:
                found[one.system.name]["rounds"].append(statistics.median(one.time(seconds)))
    finally:
        for one in running:
            one.end()
    return found


def row(name: str, found: dict[str, Any]) -> tuple[str, dict[str, float], dict[str, float]]:
    """The table's lines, and how many times as fast ours is as each other; the last, as those that answer otherwise."""
    ratios: dict[str, float] = {}
    otherwise: dict[str, float] = {}
    cells = []
    mine = found[OURS]["rounds"]
    for system, of in found.items():
        time = f"{statistics.median(of['rounds']) * 1e3:9.3f} ms" if of["rounds"] else " " * 3
        if system != OURS and of["rounds"] and mine:
            each = sorted(other / own for other, own in zip(of["rounds"], mine))
            ratio = statistics.median(of["rounds"]) / statistics.median(mine)
            (otherwise if of["why"] or found[OURS]["why"] else ratios)[system] = ratio
            time += f" = {ratio:.2f} ({each[0]:.2f} to {each[-1]:.2f})"
        apart = f" apart {of['apart']:.1e}" if "apart" in of else ""
        why = f" ({of['why']})" if of["why"] else ""
        cells.append(f"    {system:18}{time}{apart}{why}")
    return "\n".join([name, *cells]), ratios, otherwise


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("int8", "bf16"))
    parser.add_argument("--only", default="", metavar="NAMES", help="comma-separated beginnings of network names")
    parser.add_argument("--build", default=os.environ.get("TAUTO_BUILD", os.path.join(nets.ROOT, "build")))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="of one system in one round")
    parser.add_argument("--patience", type=float, default=300.0)
    parser.add_argument("--json", metavar="FILE", help="the table, for programs")
    parser.add_argument("--rivals-python", default=os.path.join(nets.ROOT, ".venv-bench", "bin", "python"))
    arguments = parser.parse_args(argv)
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        needed = {"int8": "avx512_vnni", "bf16": "avx512_bf16"}[arguments.kind]
        if needed not in handle.read():
            print(f"bench-{arguments.kind}: n/a (no {needed})")
            return 0
    build = os.path.abspath(arguments.build)
    folder = os.path.join(build, "bench", "precision")
    os.makedirs(folder, exist_ok=True)
    every: dict[str, dict[str, float]] = {}
    otherwise: dict[str, dict[str, float]] = {}
    table: dict[str, Any] = {}
    wanted = tuple(arguments.only.split(","))
    for net in nets.nets(tuple(name for name in NETS if name.startswith(wanted))):
        found = measure(arguments.kind, net, folder, build, arguments.rivals_python, arguments.rounds,
                        arguments.seconds, arguments.patience)
        text, every[net.name], otherwise[net.name] = row(net.name, found)
        print(text, flush=True)
        table[net.name] = {system: {"milliseconds": round(statistics.median(of["rounds"]) * 1e3, 4) if of["rounds"] else None,
                                    "apart": float(f"{of['apart']:.2g}") if "apart" in of else None, "why": of["why"]}
                           for system, of in found.items()}
    parts = []
    for system, what in ((OWN_F32, "own f32"), ("openvino f32 hint", "openvino f32 hint"),
                         ("openvino default", "openvino default")):
        ratios = {name: of[system] for name, of in every.items() if system in of}
        if ratios:
            least = min(ratios, key=ratios.__getitem__)
            parts.append(f"{geometric_mean(list(ratios.values())):.2f} x {what} (least {ratios[least]:.2f}, {least})")
            more = [of[system] for of in otherwise.values() if system in of]
            if more:
                parts[-1] += f"; {geometric_mean([*ratios.values(), *more]):.2f} x with what answers otherwise"
    print(f"bench-{arguments.kind}: " + ", ".join(parts))
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as handle:
            json.dump(table, handle)
    return 0 if every and all(OWN_F32 in of for of in every.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
