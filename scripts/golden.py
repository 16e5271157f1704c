#!/usr/bin/env python3
"""Hashes of the outputs of all stored cases, compared on every machine: the same bits, whoever computes them.

tests/golden/NETWORK.sha256 holds one line an output,

    semantics VERSION  CASE  OUTPUT  TYPE[SHAPE]  SHA-256 of its bytes

where every NaN counts as one and the same (its sign and payload are not observable). Lines of another version than the
library's are stale: that is a failure until `make golden` refreshes them. Networks that are not on this machine or
have no stored hashes are left out and counted. Ends with

    golden: N same, M different, K networks left out
"""

from __future__ import annotations

import argparse
import collections
import glob
import hashlib
import os
import re
import sys
from typing import Any

import numpy as np
import onnx

import lib_models
import lib_workers

FOLDER = os.path.join(lib_models.ROOT, "tests", "golden")
TIMEOUT = 3600.0
# What `make test` compares: together a second or two, from an LSTM to a convolution net.
QUICK = ("acasxu_1_1", "blazeface-front", "mnist", "oww-hey-jarvis", "policies", "ppocr-cls", "silero")

Key = tuple[str, str]           # case, output
Golden = dict[Key, str]         # -> "TYPE[SHAPE]  SHA-256"


def fingerprint(array: np.ndarray) -> str:
    array = np.ascontiguousarray(array)
    if array.dtype.kind in "OUS":  # strings: by content, each ended by a zero
        data = b"".join(str(item).encode() + b"\0" for item in array.reshape(-1))
    else:
        if array.dtype.kind not in "biu" and np.isnan(array).any():
            array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
        data = array.tobytes()
    shape = ",".join(map(str, array.shape))
    return f"{array.dtype.name if array.dtype.kind not in 'OUS' else 'string'}[{shape}]  {hashlib.sha256(data).hexdigest()}"


def compute(item: tuple[lib_models.Model, str]) -> tuple[int, Golden]:
    """In a worker: (semantics version, what one case gives)."""
    import tauto

    model, case = item
    proto = onnx.load(model.path)
    inputs, _ = lib_models.load_case(model, case, proto)
    loaded = tauto.load(model.path)
    found: Any = dict(zip((o.name for o in loaded.outputs), loaded.run(inputs, interpret=True)))
    return tauto.semantics_version, {(lib_models.case_name(case), name): fingerprint(np.asarray(value))
                                     for name, value in found.items()}


def path_of(network: str) -> str:
    return os.path.join(FOLDER, network + ".sha256")


def read_golden(network: str) -> dict[int, Golden]:
    """{semantics version: golden}; empty if the file is not there."""
    versions: dict[int, Golden] = collections.defaultdict(dict)
    if os.path.exists(path_of(network)):
        with open(path_of(network), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                m = re.fullmatch(r"semantics (\d+)  (\S+)  (\S.*?)  (\w+\[[\d,]*\]  [0-9a-f]{64})\n", line)
                if not m:
                    raise ValueError(f"{path_of(network)}:{number}: required a golden line, got {line!r}")
                versions[int(m[1])][m[2], m[3]] = m[4]
    return versions


def write_golden(network: str, version: int, golden: Golden) -> None:
    os.makedirs(FOLDER, exist_ok=True)
    with open(path_of(network), "w", encoding="utf-8") as file:
        for (case, output), value in sorted(golden.items()):
            file.write(f"semantics {version}  {case}  {output}  {value}\n")


def compare(network: str, version: int, got: Golden) -> tuple[int, list[str]]:
    """(how many are the same, what is wrong) of the cases that were computed."""
    stored = read_golden(network)
    if version not in stored:
        have = ", ".join(map(str, sorted(stored))) or "none"
        return 0, [f"{network}: required goldens of semantics {version}, got {have} (make golden)"]
    cases = {case for case, _ in got}
    wanted = {key: value for key, value in stored[version].items() if key[0] in cases}
    wrong = [f"{network} {key[0]}: output \"{key[1]}\": required {wanted.get(key, 'none')}, got {got.get(key, 'none')}"
             for key in sorted(wanted.keys() | got.keys()) if wanted.get(key) != got.get(key)]
    return sum(wanted.get(key) == value for key, value in got.items()), wrong


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refresh", action="store_true", help="write what this machine computes")
    parser.add_argument("--quick", action="store_true", help="only the networks that take no time")
    parser.add_argument("--only", default="", metavar="NAMES", help="comma-separated beginnings of network names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    args = parser.parse_args(argv)

    chosen = QUICK if args.quick else tuple(args.only.split(","))
    known = {os.path.basename(p).removesuffix(".sha256") for p in glob.glob(path_of("*"))}
    models = [m for m in lib_models.public_models() + lib_models.data_models() if m.name.startswith(chosen)]
    items = [(m, case) for m in models if os.path.exists(m.path) and (args.refresh or m.name in known)
             for case in m.cases]
    left_out = len({m.name for m in models} | {name for name in known if name.startswith(chosen)}) \
        - len({m.name for m, _ in items})

    got: dict[str, Golden] = collections.defaultdict(dict)
    wrong, failed, version = [], set(), -1
    progress = lib_workers.Progress(len(items), "golden")
    for index, outcome in lib_workers.run_all("golden:compute", items, args.jobs, TIMEOUT):
        model, case = items[index]
        if outcome.kind == "ok":
            version, golden = outcome.value
            got[model.name].update(golden)
        else:
            what = ": ".join(outcome.value) if outcome.kind == "raised" else f"{outcome.kind} {outcome.value}"
            wrong.append(f"{model.name} {lib_models.case_name(case)}: {what}")
            failed.add(model.name)
        progress.step(f"{model.name} {lib_models.case_name(case)}")
    progress.close()

    same = 0
    for network, golden in sorted(got.items()):
        if args.refresh and network not in failed:
            write_golden(network, version, golden)
        found, problems = compare(network, version, golden)
        same += found
        wrong += problems
    for line in wrong:
        print(line)
    print(f"golden: {same} same, {len(wrong)} different, {left_out} networks left out")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
