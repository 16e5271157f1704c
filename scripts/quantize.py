#!/usr/bin/env python3
"""What quantization changes, and what it pays: its campaigns, and docs/quantization.md made of them.

    make quantize           what is missing: flips, blame, searches, speed (bench/precision.py), proofs (scripts/lowbit.py)
    make quantize-quick     within ten minutes: no speed, searches on two nets
    make region             is a campaign of its own; its units are counted here

A finished unit is a small text file in bench/campaigns/quantize with what it was made from (network, semantics, method); it
is not run again until that changes. Times are of the machine that the unit names. Ends with

    quantize: int8 X x f32, bf16 Y x openvino-default, proved P of P neurons, region A/141 B/12

in which a part that this CPU lacks is "n/a (no avx512_bf16)" and one without a unit "not measured".
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

import lib_campaign
import lib_models
import lib_runtimes  # noqa: F401  (finds the built package)
import lib_workers
import region

sys.path.insert(0, os.path.join(lib_models.ROOT, "bench"))

import precision_search  # noqa: E402

UNITS = os.path.join(lib_models.ROOT, "bench", "campaigns", "quantize")
PAGE = os.path.join(lib_models.ROOT, "docs", "quantization.md")
MARKS = ("<!-- written by make quantize -->", "<!-- until here -->")
METHOD = 1
CALIBRATION = 200      # images; the other 9,800 are looked at
BLAMED = 20            # flips of a unit that are looked into
STEPS = 16
FLIPS_NETS = ("mnist_256x2", "mnist_256x4", "mnist_cnn_max")
PAY = ("opennsfw-resnet50", "yolov8n-320", "spliceai1", "ppocr-det", "ppocr-rec", "oww-embedding", "magika", "blazeface-front", "ppocr-cls", "minilm-fp32")
SPECS = ("f16", "bf16", "bf16.dp", "int8", "int8,tensor,symmetric", "int8,dynamic", "int4", "int4,a4", "int2", "int1")
TIMEOUT = 600.0


def cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        return next((line.split(":", 1)[1].strip() for line in handle if line.startswith("model name")), "unknown")


def has_flag(flag: str) -> bool:
    with open("/proc/cpuinfo", encoding="utf-8") as handle:
        return any(flag in line.split() for line in handle if line.startswith("flags"))


# --- units --------------------------------------------------------------------------------------------------------


def scores(model: Any, images: np.ndarray) -> np.ndarray:
    fixed = isinstance(model.inputs[0].shape[0], int)
    size = model.inputs[0].shape[0] if fixed else 500
    return np.concatenate([model(images[i:i + size]).reshape(min(size, len(images) - i), -1) for i in range(0, len(images), size)])


def run_flips(unit: dict[str, Any]) -> dict[str, Any]:
    """Accuracy and flips on the images that did not calibrate; the file's bits if it has one; blame of the first flips."""
    import tauto

    path, name, images = precision_search.data_of(unit["net"])
    data = None if unit["precision"] in ("f16", "bf16", "bf16.dp") or "dynamic" in unit["precision"] else {name: images[:CALIBRATION]}
    quantized = tauto.quantize(path, unit["precision"], data)
    rest, labels = images[CALIBRATION:], lib_models.mnist_labels()[CALIBRATION:]
    source, low = tauto.load(path), quantized.load()
    before, after = scores(source, rest), scores(low, rest)
    a, b = before.argmax(1), after.argmax(1)
    flips = np.nonzero(a != b)[0]
    written = low if unit["precision"] == "bf16.dp" else tauto.load(quantized.to_onnx())    # it has no form in ONNX
    few = [rest[i:i + 1] for i in range(32)]
    same = all(low(x).tobytes() == written(x).tobytes() == low.run([x], interpret=True)[0].tobytes() for x in few)
    totals: dict[str, float] = {}
    residuals = []
    for i in flips[:BLAMED]:
        r = quantized.blame({name: rest[i:i + 1]}, {int(a[i]): 1.0, int(b[i]): -1.0}, steps=STEPS)
        residuals.append(abs(r.residual) / abs(r.quantized - r.source))
        against = {c.node: max(-c.total, 0.0) for c in r.contributions}    # what pulled the margin down
        for node, cost in against.items():
            totals[node] = totals.get(node, 0.0) + cost / max(sum(against.values()), 1e-30)
    shares = sorted(((v / len(residuals), k) for k, v in totals.items()), reverse=True) if residuals else []
    return {"nodes": [[n.name, n.precision, n.reason] for n in quantized.nodes], "images": len(rest), "right_f32": int((a == labels).sum()),
            "right": int((b == labels).sum()), "flips": len(flips), "right_to_wrong": int(((a == labels) & (b != labels)).sum()),
            "wrong_to_right": int(((a != labels) & (b == labels)).sum()), "same_bits": same,
            "blamed": len(residuals), "residual_median": round(float(np.median(residuals)), 4) if residuals else None,
            "residual_most": round(max(residuals), 4) if residuals else None, "shares": [[k, round(v, 3)] for v, k in shares[:4]]}


def run_search(unit: dict[str, Any]) -> dict[str, Any]:
    return precision_search.compare(unit["net"], unit["precision"], unit["budget"])


def output_of(command: list[str], pattern: str) -> list[str]:
    done = subprocess.run(command, cwd=lib_models.ROOT, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if re.match(pattern, line)]
    if not lines:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no output"])[-1])
    return lines


def run_proofs(unit: dict[str, Any]) -> dict[str, Any]:
    """TFC of one and two bits: scripts/lowbit.py."""
    return {"line": output_of([sys.executable, "scripts/lowbit.py"], "lowbit: ")[-1]}


def run_speed(unit: dict[str, Any]) -> dict[str, Any]:
    """bench/precision.py, in processes of its own."""
    build = os.environ.get("TAUTO_BUILD", "build")
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "table.json")
        line = output_of([sys.executable, "bench/precision.py", unit["kind"], "--build", build, "--json", table], f"bench-{unit['kind']}: ")[-1]
        nets = {}
        if os.path.exists(table):    # not where the CPU lacks it
            with open(table, encoding="utf-8") as handle:
                nets = json.load(handle)
    return {"cpu": cpu(), "line": line, "nets": nets}


def run_pay(unit: dict[str, Any]) -> dict[str, Any]:
    """int8 by our own plan, slower nodes left out, beside our f32: medians of the ratio of processor times, in turns."""
    import time

    import onnx
    import tauto

    model = next(m for m in lib_models.public_models() if m.name == unit["public"])
    inputs, _ = lib_models.load_case(model, model.cases[0], onnx.load(model.path))
    quantized = tauto.quantize(model.path, "int8", inputs, measure=True)
    systems = [tauto.load(model.path), quantized.load()]
    before, after = (system.run(inputs) for system in systems)
    floats = [(a, b) for a, b in zip(before, after) if a.dtype == np.float32]
    difference = max(float(np.abs(a.astype(np.float64) - b).mean() / max(float(np.abs(a).max()), 1e-30)) for a, b in floats)

    def seconds(system: Any) -> float:
        start, runs = time.thread_time(), 0
        while time.thread_time() - start < 0.1:
            system.run(inputs)
            runs += 1
        return (time.thread_time() - start) / runs

    rounds = [[seconds(system) for system in systems] for _ in range(9)]
    slower = sum("times as slow" in n.reason for n in quantized.nodes)
    return {"cpu": cpu(), "ratio": round(float(np.median([a / b for a, b in rounds])), 3), "milliseconds": round(1000 * float(np.median([b for _, b in rounds])), 3),
            "nodes": len(quantized.nodes), "slower": slower, "other": sum(n.precision == "f32" for n in quantized.nodes) - slower,
            "mean_difference": float(f"{difference:.2g}")}


RUNNERS = {"flips": run_flips, "pay": run_pay, "search": run_search, "proofs": run_proofs, "speed": run_speed}


def run(unit: dict[str, Any]) -> dict[str, Any]:
    """In a worker."""
    return {**key_of(unit), **RUNNERS[unit["of"]](unit)}


def all_units(quick: bool) -> list[dict[str, Any]]:
    units: list[dict[str, Any]] = [{"of": "flips", "net": net, "precision": spec} for net in FLIPS_NETS for spec in SPECS]
    units += [{"of": "search", "net": net, "precision": spec, "budget": budget} for net, spec, budget in precision_search.CASES
              if not quick or net != "mnist_256x4"]
    units.append({"of": "proofs"})
    if not quick:
        units += [{"of": "speed", "kind": kind} for kind in ("int8", "bf16")]
        units += [{"of": "pay", "public": net} for net in PAY]
    return units


def name_of(unit: dict[str, Any]) -> str:
    return "-".join(str(unit[k]).replace(",", "-") for k in ("of", "net", "precision", "budget", "kind", "public") if k in unit)


def path_of(unit: dict[str, Any]) -> str:
    return os.path.join(UNITS, name_of(unit) + ".json")


def key_of(unit: dict[str, Any]) -> dict[str, Any]:
    """What a unit is made from."""
    import tauto

    key = {**unit, "method": METHOD, "semantics": tauto.semantics_version}
    if "net" in unit:
        key["network"] = lib_campaign.digest(precision_search.data_of(unit["net"])[0])
    return key


def read(unit: dict[str, Any]) -> dict[str, Any] | None:
    if not os.path.exists(path_of(unit)):
        return None
    with open(path_of(unit), encoding="utf-8") as handle:
        known = json.load(handle)
    return known if all(known.get(k) == v for k, v in key_of(unit).items()) else None


def campaign(args: argparse.Namespace) -> list[str]:
    units = [u for u in all_units(args.quick) if args.only in name_of(u)]
    missing = [u for u in units if args.fresh or read(u) is None]
    progress = lib_workers.Progress(len(missing), "quantize")
    failed = []
    for index, outcome in lib_workers.run_all("quantize:run", missing, args.jobs, TIMEOUT):
        unit = missing[index]
        progress.step(name_of(unit))
        if outcome.kind != "ok":
            failed.append(f"{name_of(unit)}: {outcome.kind} {outcome.value}")
            continue
        os.makedirs(UNITS, exist_ok=True)
        with open(path_of(unit), "w", encoding="utf-8") as handle:
            handle.write(json.dumps(outcome.value, indent=1) + "\n")
    progress.close()
    return failed


# --- the page -----------------------------------------------------------------------------------------------------


def percent(part: int, of: int) -> str:
    return f"{100 * part / of:.2f} %"


def tables(known: list[dict[str, Any]]) -> list[str]:
    lines = ["### Accuracy hides flips", "",
             "MNIST test images that did not calibrate. *Flips*: another class than f32's; the difference of accuracies is what is usually told.", "",
             "| network | precision | accuracy f32 | accuracy | flips | right → wrong | wrong → right | most to blame (share of margins lost) | residual of blame: median, most |",
             "|---|---|---|---|---|---|---|---|---|"]
    for u in (u for u in known if u["of"] == "flips"):
        shares = ", ".join(f"{node} {100 * share:.0f} %" for node, share in u["shares"][:3]) or "–"
        residual = f"{100 * u['residual_median']:.1f} %, {100 * u['residual_most']:.1f} %" if u["blamed"] else "–"
        lines.append(f"| {u['net']} | {u['precision']} | {percent(u['right_f32'], u['images'])} | {percent(u['right'], u['images'])} | {u['flips']} of {u['images']:,} | "
                     f"{u['right_to_wrong']} | {u['wrong_to_right']} | {shares} | {residual} |")
    searches = [u for u in known if u["of"] == "search"]
    if searches:
        lines += ["", "### Searching", "",
                  "*Greedy*: as NNCF's accuracy control does it (bench/precision_search.py). Each validation runs half of the images; the last one the other half.", "",
                  "| network | precision | budget | validations | nodes in f32 | fresh flips (at most, 95 %) | greedy: validations | nodes in f32 | frontier: (nodes in f32, flips) |", "|---|---|---|---|---|---|---|---|---|"]
        for u in searches:
            frontier = " ".join(f"({k}, {flips}{' fresh' if fresh else ''})" for k, fresh, flips, _, _ in u["frontier"])
            fresh = f"{u['flips']} of {u['samples']:,} ({100 * u['upper']:.2f} %)" if u["reverted"] is not None else "–"
            lines.append(f"| {u['net']} | {u['precision']} | {100 * u['budget']:g} % | {u['validations']} | {'all' if u['reverted'] is None else u['reverted']} of {u['nodes']} | {fresh} | "
                         f"{u['greedy_validations']} | {'all' if u['greedy_reverted'] is None else u['greedy_reverted']} | {frontier} |")
        lines += ["", f"    {precision_search.summary(searches)}"]
    pay = [u for u in known if u["of"] == "pay"]
    if pay:
        lines += ["", "### Does it pay?", "",
                  f"int8 by `tauto.quantize(…, measure=True)` beside our own f32, stored cases, one thread, processor time in turns; {pay[0]['cpu']}. The machine was busy with "
                  "other work when these were measured. *Slower*: nodes that stay f32 because their int8 kernels took longer.", "",
                  "| network | times as fast as f32 | ms | contractions | slower | f32 for another reason | mean difference / largest value |", "|---|---|---|---|---|---|---|"]
        lines += [f"| {u['public']} | {u['ratio']:.2f} | {u['milliseconds']:.2f} | {u['nodes']} | {u['slower']} | {u['other']} | {u['mean_difference']:.1e} |" for u in pay]
    rest = [u for u in known if u["of"] in ("proofs", "speed")]
    if rest:
        lines += ["", "### Proofs and speed", ""]
        lines += [f"    {u['line']}" + (f"        ({u['cpu']})" if "cpu" in u else "") for u in rest]
        for u in rest:
            lines += speed_table(u)
    return lines


def speed_table(unit: dict[str, Any]) -> list[str]:
    """How long the systems of a speed unit took, and by how much their answers moved."""
    if not unit.get("nets"):
        return []
    systems = list(next(iter(unit["nets"].values())))
    moves = "mean" if unit["kind"] == "int8" else "largest"
    lines = ["", f"{unit['kind']}: milliseconds, and the {moves} difference of the answer as a part of its largest value; "
             "*otherwise*: so far off that it does not count.", "",
             "| network | " + " | ".join(systems) + " |", "|---|" + "---|" * len(systems)]
    for name, of in unit["nets"].items():
        cells = [f"{s['milliseconds']:.2f} ms, {s['apart']:.1e}" + (" *otherwise*" if s["why"] else "") if s["milliseconds"] else refusal(s["why"])
                 for s in of.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def refusal(why: str) -> str:
    """What a system says of why it does not run a network, without where in its sources it says so."""
    short = re.sub(r"Exception from \S+: *", "", why)
    return f"refused: {short[:90]}{'…' if len(short) > 90 else ''}"


def last_line(known: list[dict[str, Any]]) -> str:
    lines = {u.get("kind", u["of"]): u["line"] for u in known if "line" in u}

    def found(kind: str, pattern: str) -> str | None:
        match = re.search(pattern, lines.get(kind, ""))
        return match[1] if match else None

    int8 = found("int8", r"([\d.]+) x own f32")
    ratios = [u["ratio"] for u in known if u["of"] == "pay"]
    if not int8 and len(ratios) == len(PAY):
        int8 = f"{np.exp(np.mean(np.log(ratios))):.2f}"
    bf16 = found("bf16", r"([\d.]+) x openvino default")
    proved = found("proofs", r"proved (\d+ of \d+) neurons")
    parts = [f"int8 {int8} x f32" if int8 else "int8 not measured"]
    if not has_flag("avx512_bf16"):
        parts.append("bf16 n/a (no avx512_bf16)")
    else:
        parts.append(f"bf16 {bf16} x openvino-default" if bf16 else "bf16 not measured")
    parts.append(f"proved {proved} neurons" if proved else "proved not measured")
    regions = {u.name: facts for u in region.all_units() if (facts := region.read(u)) is not None}
    parts.append(f"region {region.counts(regions, region.EPSILON)} {region.counts(regions, region.TIGHT)}")
    return "quantize: " + ", ".join(parts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only units whose name contains TEXT")
    parser.add_argument("--quick", action="store_true", help="what fits into ten minutes")
    parser.add_argument("--fresh", action="store_true", help="run finished units again too")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--no-page", action="store_true", help="leave docs/quantization.md as it is")
    args = parser.parse_args(argv)
    if not os.path.isdir(os.path.join(lib_models.SHARED, "data", "mnist")):
        print("quantize: the data beside the tree are missing (TAUTO_SHARED)", file=sys.stderr)
        return 1
    failed = campaign(args)
    for line in failed:
        print(line)
    known = [facts for unit in all_units(quick=False) if (facts := read(unit)) is not None]
    wrong = [name_of(u) for u in known if u.get("same_bits") is False]
    for name in wrong:
        print(f"{name}: file, plan and interpreter have not the same bits")
    if not args.no_page:
        lib_campaign.write_between(PAGE, MARKS, "\n" + "\n".join(tables(known)) + "\n")
    print(last_line(known))
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
