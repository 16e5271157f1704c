#!/usr/bin/env python3
"""The campaign of regions: networks beside their quantized twins, for every f32 input of a box (docs/region.md).

    make region                       what is missing, then a seeded part again
    make region ARGS="--only acasxu-7"

ACAS Xu with all constants rounded to float16: the boxes of properties 1, 3, 4 with each of the 45 networks, and 5 and 6
with 1_1, 7 with 1_9, 8 with 2_9, 9 with 3_3, 10 with 4_5: 141 pairs, epsilon 0.05 in units of the ONNX output; twelve
seeded ones of them also with 0.01, within 900 s. MNIST 256x2 with int8 weights (per tensor, symmetric, dequantized): boxes of
1, 2 and 3 grey levels around 100 test images, one propagation without splits: is the class the same one throughout, how
far apart can the scores be.

A finished unit is a text file in bench/campaigns/region. It is run again when its network, box, epsilon or method (METHOD)
changed. An interrupted one goes on from its state in the cache. A seeded part of the finished ones is run again and must
come to the same verdicts with the same boxes; every witness is replayed by machine code. Ends with

    region: A/141 within 0.05, B/12 within 0.01 in 900 s; mnist_256x2 int8 same class of 100: ±1 X, ±2 Y, ±3 Z
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

import lib_campaign
import lib_models
import lib_runtimes  # noqa: F401  (finds the built package)
import lib_workers

UNITS = os.path.join(lib_models.ROOT, "bench", "campaigns", "region")
PAGE = os.path.join(lib_models.ROOT, "docs", "region.md")
MADE = os.path.join(lib_models.CACHE, "made")
BUILD = os.environ.get("TAUTO_BUILD", os.path.join(lib_models.ROOT, "build"))
TAUTO = os.path.join(BUILD, "tauto")
METHOD = 3                 # raised when bounds or splits change
SEED = 20240917
EPSILON, TIGHT = 0.05, 0.01
TIGHT_PAIRS, TIGHT_SECONDS = 12, 900
IMAGES = 100
RECHECKED, CHEAP = 6, 2.0   # units that are run again, of those that took at most so many seconds of processor time
MARKS = ("<!-- region.py: from here -->", "<!-- region.py: to here -->")


@dataclass(frozen=True)
class Pair:
    prop: int
    net: str
    epsilon: float

    @property
    def name(self) -> str:
        return f"acasxu-{self.prop}-{self.net}-{self.epsilon}"

    @property
    def source(self) -> str:
        return os.path.join(lib_models.SHARED, "data", "acasxu", f"acasxu_{self.net}.onnx")

    @property
    def box(self) -> str:
        return os.path.join(lib_models.SHARED, "data", "acasxu", f"prop_{self.prop}.vnnlib")


@dataclass(frozen=True)
class Grey:
    levels: int

    @property
    def name(self) -> str:
        return f"mnist_256x2-int8-{self.levels}"

    @property
    def source(self) -> str:
        return os.path.join(lib_models.SHARED, "data", "mnist", "mnist_256x2.onnx")


def all_units() -> list[Pair | Grey]:
    nets = [f"{a}_{b}" for a in range(1, 6) for b in range(1, 10)]
    loose = [Pair(prop, net, EPSILON) for prop in (1, 3, 4) for net in nets]
    loose += [Pair(prop, net, EPSILON) for prop, net in ((5, "1_1"), (6, "1_1"), (7, "1_9"), (8, "2_9"), (9, "3_3"), (10, "4_5"))]
    drawn = np.random.default_rng(SEED).choice(len(loose), TIGHT_PAIRS, replace=False)
    tight = [Pair(loose[i].prop, loose[i].net, TIGHT) for i in sorted(drawn)]
    return [*loose, *tight, *(Grey(levels) for levels in (1, 2, 3))]


@functools.cache
def version() -> str:
    """A state belongs to the graphs of one version of the semantics."""
    text = subprocess.run([TAUTO, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return "".join(c if c.isalnum() else "-" for c in text.strip())


def twin(source: str, how: str) -> str:
    """The quantized network as a file in the cache: the same graph with other constants."""
    path = os.path.join(MADE, f"{os.path.splitext(os.path.basename(source))[0]}_{how}.onnx")
    model = onnx.load(source)
    for tensor in model.graph.initializer:
        w = numpy_helper.to_array(tensor)
        if w.dtype != np.float32:
            continue
        if how == "float16":
            w = w.astype(np.float16).astype(np.float32)
        elif w.ndim == 2:
            scale = np.float32(np.abs(w).max() / np.float32(127))
            w = np.clip(np.rint(w / scale), -127, 127).astype(np.int8).astype(np.float32) * scale
        tensor.CopyFrom(numpy_helper.from_array(w, tensor.name))
    os.makedirs(MADE, exist_ok=True)
    data = model.SerializeToString()
    if not os.path.exists(path) or open(path, "rb").read() != data:
        with open(path + ".part", "wb") as handle:
            handle.write(data)
        os.replace(path + ".part", path)
    return path


def same(a: str, b: str, box: str, epsilon: float, *words: str) -> dict:
    """What `tauto same --json` writes."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "o.json")
        done = subprocess.run([TAUTO, "same", a, b, "--box", box, "--epsilon", str(epsilon), "--json", out, *words],
                              stdout=subprocess.PIPE, text=True)
        if done.returncode not in (0, 4):
            raise RuntimeError(f"tauto same ended with {done.returncode}: {done.stdout}")
        with open(out, encoding="utf-8") as handle:
            found = json.load(handle)
        if "witness" in found:
            with np.load(found["witness"]["file"]) as arrays:
                found["arrays"] = {name: arrays[name] for name in arrays.files}
        return found


def key_of(unit: Pair | Grey) -> dict[str, str]:
    """What a finished unit belongs to."""
    key = {"method": str(METHOD), "network": lib_campaign.digest(unit.source)}
    if isinstance(unit, Pair):
        key |= {"twin": "float16", "box": lib_campaign.digest(unit.box), "epsilon": str(unit.epsilon)}
    else:
        key |= {"twin": "int8", "images": f"{IMAGES} first of the test set", "grey levels": str(unit.levels)}
    return key


def bits(array: np.ndarray) -> str:
    return np.ascontiguousarray(array, "<f4").tobytes().hex()


def run_pair(unit: Pair, threads: int) -> dict[str, str]:
    state = os.path.join(MADE, f"{unit.name}-{METHOD}-{version()}.state")
    words = ["--state", state]
    if threads:
        words += ["--threads", str(threads)]
    if unit.epsilon == TIGHT:
        words += ["--seconds", str(TIGHT_SECONDS)]
    found = same(unit.source, twin(unit.source, "float16"), unit.box, unit.epsilon, *words)
    line, numbers = found["lines"][0], found["regions"][0]
    facts = {"verdict": line["verdict"]["kind"], "boxes": str(numbers["boxes"]), "decided": str(numbers["leaves"]),
             "depth": str(numbers["deepest"]), "bound": f"{numbers['bound']:.4g}",
             "bound without splits": "-" if numbers["first_bound"] is None else f"{numbers['first_bound']:.4g}",
             "largest met": f"{numbers['seen']:.4g}", "processor seconds": f"{numbers['cpu_seconds']:.2f}",
             "seconds": f"{numbers['seconds']:.2f}"}
    if facts["verdict"] == "REFUTED":
        facts |= {name: bits(array) for name, array in found["arrays"].items()}
    if facts["verdict"] == "UNDECIDED":
        facts["reason"] = line["verdict"]["reason"]
    return facts


def grey_box(image: np.ndarray, levels: int) -> str:
    """VNN-LIB of all images whose pixels are off by at most `levels`, pixels/255 in f32."""
    def scaled(pixels: np.ndarray) -> np.ndarray:
        return np.clip(pixels, 0, 255).astype(np.float32) / np.float32(255)
    low, high = scaled(image.reshape(-1).astype(int) - levels), scaled(image.reshape(-1).astype(int) + levels)
    lines = [f"(declare-const X_{i} Real)" for i in range(low.size)]
    lines += [f"(assert (>= X_{i} {float(a)!r}))\n(assert (<= X_{i} {float(b)!r}))" for i, (a, b) in enumerate(zip(low, high))]
    return "\n".join(lines) + "\n"


def run_image(unit: Grey, index: int) -> str:
    """One line: is the class the same throughout, a bound of the scores' difference, the largest that was met."""
    image = lib_models.mnist_images(index, 1)[0]
    with tempfile.NamedTemporaryFile("w", suffix=".vnnlib") as handle:
        handle.write(grey_box(image, unit.levels))
        handle.flush()
        # An epsilon that any bound meets: what is asked for is the bound.
        found = same(unit.source, twin(unit.source, "int8"), handle.name, 1e6, "--decision", "top1", "--boxes", "1",
                     "--threads", "1")
    numbers = found["regions"][0]
    return f"{found['lines'][1]['verdict']['kind']} {numbers['first_bound']:.5g} {numbers['seen']:.5g}"


def run(unit: Pair | Grey, threads: int, progress: lib_workers.Progress) -> dict[str, str]:
    if isinstance(unit, Pair):
        return run_pair(unit, threads)
    facts = {}
    for index in range(IMAGES):
        facts[f"image {index}"] = run_image(unit, index)
        progress.show(f"{unit.name}: image {index + 1}")
    return facts


def file_of(unit: Pair | Grey) -> str:
    return os.path.join(UNITS, unit.name + ".txt")


def write(unit: Pair | Grey, facts: dict[str, str]) -> None:
    os.makedirs(UNITS, exist_ok=True)
    with open(file_of(unit), "w", encoding="utf-8") as handle:
        handle.write("".join(f"{key}: {value}\n" for key, value in (key_of(unit) | facts).items()))


def read(unit: Pair | Grey) -> dict[str, str] | None:
    """The finished unit; None if there is none of this network, box, epsilon and method."""
    if not os.path.exists(file_of(unit)):
        return None
    with open(file_of(unit), encoding="utf-8") as handle:
        facts = dict(line.split(": ", 1) for line in handle.read().splitlines())
    return facts if all(facts.get(key) == value for key, value in key_of(unit).items()) else None


def replays(unit: Pair, facts: dict[str, str]) -> bool:
    """Do both networks, compiled, still answer as the witness says, and further apart than epsilon?"""
    import tauto

    answers = []
    for prefix, path in (("A", unit.source), ("B", twin(unit.source, "float16"))):
        model = tauto.load(path)
        x = np.frombuffer(bytes.fromhex(facts[model.inputs[0].name]), "<f4").reshape([1, 1, 1, 5])
        answers.append(np.asarray(model(x), np.float32))
        if bits(answers[-1]) != facts[f"{prefix}.{model.outputs[0].name}"]:
            return False
    return float(np.abs(answers[0].astype(np.float64) - answers[1].astype(np.float64)).max()) > unit.epsilon


def recheck(units: list[Pair | Grey], known: dict[str, dict[str, str]], count: int) -> tuple[int, list[str]]:
    """A seeded part of the cheap units again, a seeded image of MNIST, and every witness. (how many, what differs)"""
    random, wrong = np.random.default_rng([SEED, 2]), []
    refuted = [u for u in units if isinstance(u, Pair) and known[u.name]["verdict"] == "REFUTED"]
    wrong += [f"{u.name}: the witness does not replay" for u in refuted if not replays(u, known[u.name])]
    cheap = [u for u in units if isinstance(u, Pair) and known[u.name]["verdict"] == "PROVED"
             and float(known[u.name]["processor seconds"]) <= CHEAP]
    chosen = [cheap[i] for i in sorted(random.choice(len(cheap), min(count, len(cheap)), replace=False))]
    for unit in chosen:
        again = run_pair(unit, 0)
        for key in ("verdict", "boxes", "decided", "bound"):
            if again[key] != known[unit.name][key]:
                wrong.append(f"{unit.name}: {key} {known[unit.name][key]} before, {again[key]} now")
    greys = [u for u in units if isinstance(u, Grey)]
    for unit in greys:
        index = int(random.integers(IMAGES))
        if (again := run_image(unit, index)) != known[unit.name][f"image {index}"]:
            wrong.append(f"{unit.name}, image {index}: {known[unit.name][f'image {index}']} before, {again} now")
    return len(refuted) + len(chosen) + len(greys), wrong


def decided(known: list[dict[str, str]]) -> int:
    return sum(facts["verdict"] in ("PROVED", "REFUTED") for facts in known)


def counts(known: dict[str, dict[str, str]], epsilon: float) -> str:
    of = [u for u in all_units() if isinstance(u, Pair) and u.epsilon == epsilon]
    return f"{decided([known[u.name] for u in of if u.name in known])}/{len(of)}"


def summary(units: list[Pair | Grey], known: dict[str, dict[str, str]]) -> str:
    parts = [f"{counts(known, EPSILON)} within {EPSILON}", f"{counts(known, TIGHT)} within {TIGHT} in {TIGHT_SECONDS} s"]
    greys = [u for u in units if isinstance(u, Grey) and u.name in known]
    same_class = ", ".join(f"±{u.levels} {sum(v.startswith('PROVED') for v in known[u.name].values())}" for u in greys)
    return f"region: {', '.join(parts)}; mnist_256x2 int8 same class of {IMAGES}: {same_class or 'not run'}"


def tables(units: list[Pair | Grey], known: dict[str, dict[str, str]]) -> str:
    lines = ["| box of property | networks | epsilon | proved | refuted | undecided | boxes, median and most | largest difference met | processor seconds, median and most | in all |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    pairs = [u for u in units if isinstance(u, Pair) and u.name in known]
    for epsilon, prop in sorted({(-u.epsilon, u.prop) for u in pairs}):
        of = [known[u.name] for u in pairs if (-u.epsilon, u.prop) == (epsilon, prop)]
        kinds = [sum(f["verdict"] == kind for f in of) for kind in ("PROVED", "REFUTED", "UNDECIDED")]
        boxes, seconds = [int(f["boxes"]) for f in of], [float(f["processor seconds"]) for f in of]
        lines.append(f"| {prop} | {len(of)} | {-epsilon} | {' | '.join(map(str, kinds))} | {int(np.median(boxes)):,}, {max(boxes):,} | "
                     f"{max(float(f['largest met']) for f in of):.2g} | {np.median(seconds):.2g}, {max(seconds):,.1f} | {sum(seconds):,.1f} |")
    lines += ["", "| grey levels | images | same class for every input | refuted | undecided | bound of the scores' difference: median, most | largest met: median, most |",
              "|---|---|---|---|---|---|---|"]
    for unit in (u for u in units if isinstance(u, Grey) and u.name in known):
        rows = [value.split() for key, value in known[unit.name].items() if key.startswith("image ")]
        kinds = [sum(row[0] == kind for row in rows) for kind in ("PROVED", "REFUTED", "UNDECIDED")]
        numbers = [f"{np.median(column):.2g}, {max(column):.2g}" for column in ([float(row[i]) for row in rows] for i in (1, 2))]
        lines.append(f"| ±{unit.levels} | {len(rows)} | {' | '.join(map(str, kinds))} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove or refute that networks and their quantized twins are close.")
    parser.add_argument("--only", default="", help="units whose names begin so")
    parser.add_argument("--fresh", action="store_true", help="run finished units again too")
    parser.add_argument("--print", action="store_true", dest="show", help="print what is there, run nothing")
    parser.add_argument("--threads", type=int, default=0, help="of each search (all cores)")
    parser.add_argument("--recheck", type=int, default=RECHECKED, help="finished units that are run again")
    options = parser.parse_args()
    if not os.path.isdir(os.path.join(lib_models.SHARED, "data", "acasxu")):
        print("region: the data beside the tree are missing (TAUTO_SHARED)", file=sys.stderr)
        return 1
    units = [unit for unit in all_units() if unit.name.startswith(options.only)]
    if not units:
        print(f"region: no unit is called {options.only}", file=sys.stderr)
        return 1
    known: dict[str, dict[str, str]] = {}
    fresh = 0
    progress = lib_workers.Progress(len(units), "region")
    for unit in units:
        facts = None if options.fresh else read(unit)
        if facts is None and not options.show:
            write(unit, run(unit, options.threads, progress))
            facts, fresh = read(unit), fresh + 1
        if facts is not None:
            known[unit.name] = facts
        progress.step(unit.name)
    progress.close()
    there = [unit for unit in units if unit.name in known]
    count, wrong = (0, []) if options.show else recheck(there, known, options.recheck)
    for line in wrong:
        print(line)
    text = tables(there, known)
    print(text)
    if not options.only and not options.show:
        lib_campaign.write_between(PAGE, MARKS, text)
    print(f"{fresh} units run, {len(there) - fresh} were there, {count} run again, {len(wrong)} differ")
    print(summary(there, known))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
