#!/usr/bin/env python3
"""What a model costs before its second run: time to load and compile, and memory at the peak.

Every system loads every network in a fresh process and runs it twice. Time is the processor's of that process, on
one thread: loading and the first run, less the second run. Memory is the highest resident set, less what the process
had when the system was imported and the inputs read. Nothing is cached on disk. The median of the rounds is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT = "opennsfw-resnet50,minilm-fp32,yolov8n-320,ppocr-det,ppocr-rec,ppocr-cls,magika,spliceai1,blazeface-front"


def resident(name: str) -> float:
    """A line of /proc/self/status, in MB."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name + ":")) / 1024


def one(system: str, path: str, case: str) -> dict[str, float]:
    """In a process of its own."""
    import time

    import worker

    __import__(system)
    inputs = worker.read_inputs(case)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as reset:
        reset.write("5")    # the peak counts from here
    memory = resident("VmRSS")
    started = time.process_time()
    run, _, _ = worker.LOADERS[system](path, inputs, 1)
    run()
    first = time.process_time()
    run()
    second = time.process_time()
    return {"ms": 1e3 * (first - started - (second - first)), "mb": resident("VmHWM") - memory}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.environ.get("TAUTO_BUILD", os.path.join(HERE, "..", "build")))
    parser.add_argument("--only", default=DEFAULT, metavar="NAMES", help="comma-separated beginnings of network names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rivals-python", default=os.path.join(HERE, "..", ".venv-bench", "bin", "python"))
    parser.add_argument("--one", nargs=3, metavar=("SYSTEM", "MODEL", "CASE"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(one(*args.one)))
        return 0

    import nets

    build = os.path.abspath(args.build)
    systems = [("tauto", sys.executable), ("onnxruntime", args.rivals_python)]
    systems = [(name, python) for name, python in systems if os.path.exists(python)]
    environment = dict(os.environ, PYTHONPATH=os.path.join(build, "python"), TAUTO_CACHE="off")
    print(f"{'':20}" + "".join(f"{name + ': ms':>18}{'MB':>8}" for name, _ in systems) + f"{'file MB':>10}")
    for net in nets.nets(tuple(args.only.split(","))):
        case = nets.make_case(net, os.path.join(build, "bench", "cases"))
        line = f"{net.name:20}"
        for name, python in systems:
            command = [python, os.path.abspath(__file__), "--one", name, net.model.path, case.path]
            found: list[dict[str, Any]] = [
                json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
                for _ in range(args.rounds)]
            line += f"{statistics.median(f['ms'] for f in found):18.1f}{statistics.median(f['mb'] for f in found):8.1f}"
        print(line + f"{os.path.getsize(net.model.path) / 1e6:10.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
