#!/usr/bin/env python3
"""What is known of the method by which networks are compared: its campaigns, and docs/equivalence.md made of them.

Campaigns run in units of at most ten minutes; a finished unit is a small text file under bench/campaigns, with the hashes
of what it was made from, and is not run again until they change. Three campaigns are run here: *legal executions*, which
are compared as somebody else's implementation and may never be refuted (our evaluator with random orders of summation and
FMA choices; ONNX Runtime and OpenVINO over what they let one choose); *mutants* judged as a foreign binary
(scripts/mutants.py); and *known different answers* of OpenVINO, which have to be explained by a node. What is missing is run,
a seeded part is run again and must find the same. The units of certificates are those of scripts/certificates.py. What has
not been measured says so. Ends with

    equivalence: killed K %, node N %, stage P %, false alarms F, certified C %, smallest fault S
"""

from __future__ import annotations

import argparse
import collections
import glob
import itertools
import json
import os
import sys
import time
from typing import Any, Iterator

import numpy as np
import onnx

import lib_campaign
import lib_models
import lib_runtimes
import lib_workers
import mutants

UNITS = os.path.join(lib_models.ROOT, "bench", "campaigns")
PAGE = os.path.join(lib_models.ROOT, "docs", "equivalence.md")
OPENVINO_PYTHON = os.path.join(lib_models.ROOT, ".venv-bench", "bin", "python")
SEED = 20241130
EXECUTIONS = 100          # inputs to a unit of legal executions
LEGAL_SEEDS = 2           # of our evaluator, for each net
ORT = [f"--optimise {level} --threads {threads}" for level in ("none", "basic", "extended", "all") for threads in (1, 2)]
OPENVINO = [f"--isa {isa} --threads {threads}" for isa in ("avx2", "avx512_core", "all") for threads in (1, 2)] + \
           ["--mode accuracy"]
MUTANT_SEEDS = 2          # of each kind, for each net of at most 0.1 GMAC
DIFFERENT = ("minilm-int8",)
OUT_OF_BOUNDS = ("imgly-small",)  # hours in intervals
OUTPUTS_ONLY = ("imgly-small",)   # whose values, asked for at once, take more than 20 GB
BOUND_SECONDS = 4         # of the processor, for the bounds of outputs in a unit of legal executions
OUTPUT_SECONDS = 60       # and in one of bounds
NUDGED = ("nudged:1", "nudged:-1", "nudged:2")   # the source itself, its input times 1 + N 2^-23
RECHECKED = 0.02
TIMEOUT = 600.0


def nets() -> list[lib_models.Model]:
    """ACAS Xu, MNIST and the policies: small enough for thousands of executions."""
    return lib_models.data_models()


def legal_units() -> list[dict[str, Any]]:
    units = []
    for net in nets():
        single = net.name.startswith("acasxu")
        systems = [f"legal:{seed}" for seed in range(1, LEGAL_SEEDS + 1)]
        systems += [f"onnxruntime {options}" for options in (ORT[-1:] if single else ORT)]
        if os.path.exists(OPENVINO_PYTHON):
            systems += [f"openvino {options}" for options in (OPENVINO[-2:-1] if single else OPENVINO)]
        units += [{"kind": "legal", "net": net.name, "path": net.path, "system": system,
                   "name": f"{net.name}-{system.replace(' ', '').replace('--', '-').replace(':', '-')}"} for system in systems]
    return units


def mutant_units() -> list[dict[str, Any]]:
    there = mutants.networks()
    return [{"kind": "mutants", "net": name, "path": there[name].path, "seed": seed, "name": f"{name}-{seed}"}
            for name in mutants.SMALL if name in there for seed in range(MUTANT_SEEDS)]


def different_units() -> list[dict[str, Any]]:
    """OpenVINO's answer to a stored case, and how far legal executions of the source are from it there."""
    there = {model.name: model for model in lib_models.public_models() if os.path.exists(model.path)}
    systems = (["openvino", "openvino --quantize no"] if os.path.exists(OPENVINO_PYTHON) else []) + ["legal:1", "legal:2"]
    return [{"kind": "different", "net": name, "path": there[name].path, "system": system,
             "name": f"{name}-{system.replace(' ', '').replace('--', '-').replace(':', '-')}"}
            for name in DIFFERENT + OUTPUTS_ONLY if name in there
            for system in (systems if name in DIFFERENT else [*(one for one in systems if one != "legal:1"), *NUDGED])]


def bounds_units() -> list[dict[str, Any]]:
    """Bounds of outputs, for one stored or made input of every network."""
    there = [model for model in lib_models.public_models() if os.path.exists(model.path) and model.name not in OUT_OF_BOUNDS]
    there += [model for model in nets() if not model.name.startswith("acasxu") or model.name == "acasxu_1_1"]
    return [{"kind": "bounds", "net": model.name, "path": model.path, "name": model.name} for model in there]


def samples(net: str, path: str, count: int) -> dict[str, np.ndarray]:
    proto = onnx.load(path)
    random = np.random.default_rng([SEED, *net.encode()])
    data = {}
    for value in lib_runtimes.fed_inputs(proto):
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        each = [count] + (shape[1:] if shape and shape[0] in (0, 1) else shape)
        if net.startswith("mnist"):
            data[value.name] = (lib_models.mnist_images(0, count) / np.float32(255)).astype(np.float32).reshape(each)
        else:
            data[value.name] = random.standard_normal(each).astype(np.float32)
    return data


def run_legal(unit: dict[str, Any]) -> dict[str, Any]:
    """In a worker: every node of every execution, held against what is legal."""
    import tauto

    kind, _, options = unit["system"].partition(" ")
    if kind == "openvino":
        os.environ["TAUTO_PYTHON3"] = OPENVINO_PYTHON
    else:
        os.environ.pop("TAUTO_PYTHON3", None)
    other = f"{kind}:{unit['path']} {options}".strip()
    found = tauto.same(unit["path"], other, samples(unit["net"], unit["path"], EXECUTIONS), level="numeric", deep=EXECUTIONS,
                       proofs=3 * BOUND_SECONDS)
    line = next(line for line in found.verdicts if line.level == "numeric")
    ratios = [node["worst"] for node in found.tables["nodes"] if node["worst"] is not None and not node["skipped"]]
    outputs = next((line for line in found.verdicts if line.level == "outputs"), line)
    refuted = [one for one in (line, outputs) if one.kind == "REFUTED"]
    return {"system": unit["system"], "is": found.found["b"]["is"], "executions": EXECUTIONS,
            "verdict": refuted[0].kind if refuted else line.kind, "why": refuted[0].reason if refuted else line.reason,
            "outputs": outputs.n or 0, "nodes": sum(not node["skipped"] for node in found.tables["nodes"]),
            "worst": round(max(ratios, default=0.0), 4)}


def run_different(unit: dict[str, Any]) -> dict[str, Any]:
    """In a worker: a stored case; of OpenVINO node by node."""
    import tauto

    os.environ["TAUTO_PYTHON3"] = OPENVINO_PYTHON
    model = next(model for model in lib_models.public_models() if model.name == unit["net"])
    data = {name: value[None] for name, value in lib_models.load_case(model, model.cases[0], onnx.load(model.path))[0].items()}
    if unit["system"].startswith("nudged"):
        return run_nudged(unit, data)
    kind, _, options = unit["system"].partition(" ")
    outside = kind == "openvino" and unit["net"] in DIFFERENT
    source = unit["path"] if unit["net"] in DIFFERENT else f"legal:1:{unit['path']}"
    found = tauto.same(source, f"{kind}:{unit['path']} {options}".strip(), data, level="numeric" if outside else "bitwise", deep=1,
                       proofs=3 * BOUND_SECONDS)
    line = next((line for line in found.verdicts if line.level == "numeric"), found.verdicts[-1])
    illegal = [node for node in found.tables["nodes"] if node["outside"] and not node["skipped"]]
    return {"system": unit["system"], "is": found.found["b"]["is"], "verdict": line.kind, "why": line.reason,
            "outputs": [{key: output[key] for key in ("name", "most", "mean", "scale")} for output in found.tables["outputs"]],
            "cut": found.found["cut_effect"], "cuts": rounded(found.tables["cuts"]), "looked": sum(not node["skipped"] for node in found.tables["nodes"]),
            "nodes": len(found.tables["nodes"]),
            "illegal": [rounded({key: node[key] for key in ("node", "op", "outside", "elements", "worst", "largest", "scale")})
                        for node in illegal]}


def run_bounds(unit: dict[str, Any]) -> dict[str, Any]:
    """In a worker: how far legal executions of the network may be from its exact value, and the network itself."""
    import tauto

    model = next(model for model in lib_models.public_models() + nets() if model.name == unit["net"])
    data = {name: value[None] for name, value in lib_models.load_case(model, model.cases[0], onnx.load(model.path))[0].items()}
    found = tauto.same(unit["path"], unit["path"], data, level="numeric", deep=1, proofs=3 * OUTPUT_SECONDS)
    line = next(line for line in found.verdicts if line.level == "outputs")
    return {"verdict": line.kind, "why": line.reason or "", "detail": line.detail}


def run_nudged(unit: dict[str, Any], data: dict[str, np.ndarray]) -> dict[str, Any]:
    import tauto

    net, factor = tauto.load(unit["path"]), np.float32(1 + int(unit["system"].partition(":")[2]) * 2.0 ** -23)
    before = net.run({name: value[0] for name, value in data.items()})
    after = net.run({name: value[0] * factor if value.dtype == np.float32 else value[0] for name, value in data.items()})
    outputs = [{"name": slot.name, "most": float(np.abs(a - b).max()), "mean": float(np.abs(a - b).mean()),
                "scale": float(np.abs(a).max())} for slot, a, b in zip(net.outputs, before, after)]
    return {"system": unit["system"], "is": "the source", "verdict": "", "why": "", "outputs": outputs, "cut": "", "cuts": [],
            "looked": 0, "nodes": 0, "illegal": []}


def mutant_of(item: tuple[str, str, int]) -> dict[str, Any]:
    """In a worker."""
    os.environ["TAUTO_CACHE"] = "off"
    return mutants.judge(item)


def path_of(unit: dict[str, Any]) -> str:
    return os.path.join(UNITS, unit["kind"], unit["name"] + ".json")


def stamp(unit: dict[str, Any]) -> dict[str, Any]:
    import tauto

    return {"net": unit["net"], "semantics": tauto.semantics_version, "model": lib_campaign.digest(unit["path"])}


def is_done(unit: dict[str, Any]) -> bool:
    if not os.path.exists(path_of(unit)):
        return False
    with open(path_of(unit), encoding="utf-8") as handle:
        known = json.load(handle)
    return all(known[key] == value for key, value in stamp(unit).items())


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.3g}")
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def prove_again_of(item: tuple[str, str, int]) -> dict[str, Any]:
    """In a worker: what a finished unit says of a mutant that changes nothing on its inputs."""
    import tauto

    os.environ["TAUTO_CACHE"] = "off"
    net = mutants.opened(item[0])
    faulty = tauto._faulty(net.model, net.inputs[0], *item[1:])
    return {"site": {key: faulty.site[key] for key in ("stage", "kernel", "what")}, **mutants.prove(item[0], faulty)}


def prove_again(args: argparse.Namespace) -> list[str]:
    """Proofs of finished units, anew; a mutant whose place has moved with the compiler is not the one of its unit any more."""
    failed = []
    units = [unit for unit in mutant_units() if args.only in f"{unit['kind']}/{unit['name']}" and is_done(unit)]
    progress = lib_workers.Progress(len(units), "proofs")
    for unit in units:
        with open(path_of(unit), encoding="utf-8") as handle:
            known = json.load(handle)
        rows = [row for row in known["mutants"] if row["verdict"] == "unchanged"]
        items = [(unit["net"], row["kind"], unit["seed"]) for row in rows]
        for index, outcome in lib_workers.run_all("equivalence:prove_again_of", items, args.jobs, TIMEOUT):
            row = rows[index]
            if outcome.kind != "ok" or outcome.value["site"] != row["site"]:
                failed.append(f"{' / '.join(map(str, items[index]))}: {outcome.value if outcome.kind != 'ok' else 'another place'}")
                row.update(proof="", elsewhere="")
                continue
            row.pop("elsewhere", None)
            row.update({key: value for key, value in outcome.value.items() if key != "site"})
        with open(path_of(unit), "w", encoding="utf-8") as handle:
            handle.write(text_of(known))
        progress.step(unit["name"])
    progress.close()
    return failed


def mutant_row(item: tuple[str, str, int], outcome: lib_workers.Outcome) -> dict[str, Any] | None:
    """What a unit keeps of a mutant. A worker that died or hung: its mutant did that, which anybody notices."""
    if outcome.kind in ("crash", "hang"):
        dead = {"killed": True, "error": f"{outcome.kind} {outcome.value}"}
        return {"kind": item[1], "verdict": "crash", "foreign": {"any": dead, "ours": dead}, "customs": list(mutants.CUSTOMS)}
    if outcome.kind != "ok":
        raise RuntimeError(f"{item}: {outcome.value}")
    found = dict(outcome.value)
    if found["verdict"] == "no place":
        return None
    site = found.pop("site")
    found = {key: found[key] for key in ("verdict", "change", "located", "proof", "elsewhere", "foreign", "customs") if key in found}
    for judged in found["foreign"].values():
        judged.pop("why", None)
    return rounded({"kind": item[1], "site": {key: site[key] for key in ("stage", "kernel", "what")}, **found})


def run_mutants(units: list[dict[str, Any]], jobs: int, end: float) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Finished units; the rows of one are made by many workers."""
    for unit in units:
        items = mutants.items_of(unit["net"], unit["seed"])
        rows: dict[int, dict[str, Any] | None] = {}
        for index, outcome in lib_workers.run_all("equivalence:mutant_of", items, jobs, TIMEOUT):
            rows[index] = mutant_row(items[index], outcome)
        yield unit, {"seed": unit["seed"], "mutants": [rows[i] for i in range(len(items)) if rows[i] is not None]}
        if time.monotonic() > end:
            return


def run_others(units: list[dict[str, Any]], jobs: int, end: float) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for kind in ("legal", "different", "bounds"):
        mine = [unit for unit in units if unit["kind"] == kind]
        for index, outcome in lib_workers.run_all(f"equivalence:run_{kind}", mine, jobs, TIMEOUT):
            yield mine[index], outcome.value if outcome.kind == "ok" else {"failed": f"{outcome.kind} {outcome.value}"}
            if time.monotonic() > end:
                return


def verdicts_of(result: dict[str, Any]) -> Any:
    """What has to be the same when a unit is run again. Places of mistakes may move with the compiler."""
    if "mutants" in result:
        return [(row["kind"], str(row.get("site")), row["verdict"], row["foreign"]["any"]["killed"]) for row in result["mutants"]]
    return [result["verdict"]]


def campaign(args: argparse.Namespace) -> list[str]:
    """Runs what is missing and a seeded part of what is there; what went wrong."""
    units = [unit for unit in legal_units() + mutant_units() + different_units() + bounds_units()
             if args.only in f"{unit['kind']}/{unit['name']}"]
    random = np.random.default_rng(SEED)
    missing = [unit for unit in units if args.fresh or not is_done(unit)]
    again = [unit for unit in units if unit not in missing and random.random() < RECHECKED]
    progress = lib_workers.Progress(len(missing) + len(again), "equivalence")
    failed = []
    end = time.monotonic() + (args.seconds or float("inf"))
    todo = missing + again
    of_mutants = [unit for unit in todo if unit["kind"] == "mutants"]
    others = [unit for unit in todo if unit["kind"] != "mutants"]
    for unit, result in itertools.chain(run_mutants(of_mutants, args.jobs, end), run_others(others, args.jobs, end)):
        progress.step(unit["name"])
        if "failed" in result:
            failed.append(f"{unit['kind']}/{unit['name']}: {result['failed']}")
            continue
        path = path_of(unit)
        result = {**stamp(unit), **result}
        if unit in again:
            with open(path, encoding="utf-8") as handle:
                before = json.load(handle)
            was, is_ = verdicts_of(before), verdicts_of(result)
            moved = [row[:2] for row in is_] != [row[:2] for row in was] if "mutants" in result else False
            if was != is_ and not moved:
                failed.append(f"{unit['name']}: another verdict than before")
            if not moved:
                continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text_of(result))
    progress.close()
    return failed


def text_of(result: dict[str, Any]) -> str:
    """JSON, a mutant to a line."""
    if "mutants" not in result:
        return json.dumps(result, indent=1) + "\n"
    head = {key: value for key, value in result.items() if key != "mutants"}
    rows = ",\n  ".join(json.dumps(row) for row in result["mutants"])
    return json.dumps(head)[:-1] + ', "mutants": [\n  ' + rows + "\n]}\n"


def read_units(folder: str) -> list[Any]:
    found = []
    for path in sorted(glob.glob(os.path.join(UNITS, folder, "*.json"))):
        with open(path, encoding="utf-8") as handle:
            found.append(json.load(handle))
    return found


def table_of_legal(units: list[dict[str, Any]]) -> tuple[list[str], int, int]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for unit in units:
        rows.setdefault(unit["is"] if not unit["system"].startswith("legal") else "our evaluator, random orders and FMA", []).append(unit)
    lines = ["| whose executions | nets | executions | node checks | refuted | worst error / bound |", "|---|---|---|---|---|---|"]
    total = alarms = 0
    for who, list_ in sorted(rows.items()):
        executions = sum(unit["executions"] for unit in list_)
        refuted = sum(unit["verdict"] == "REFUTED" for unit in list_)
        total += executions
        alarms += refuted
        lines.append(f"| {who} | {len({unit['net'] for unit in list_})} | {executions:,} | "
                     f"{sum(unit['nodes'] * unit['executions'] for unit in list_):,} | {refuted} | "
                     f"{max(unit['worst'] for unit in list_):.2f} |")
    return lines, total, alarms


APART = ("mnist_cnn_max", "mnist_residual", "opennsfw-resnet50")   # convolutions, reported apart


def certificates() -> tuple[list[str], str]:
    """The units that scripts/certificates.py left: (a table, the share of the dense nets in f32)."""
    groups: dict[str, list[tuple[int, int, str]]] = {}
    for path in sorted(glob.glob(os.path.join(UNITS, "certificates", "*.txt"))):
        with open(path, encoding="utf-8") as handle:
            words = dict(line.split(": ", 1) for line in handle.read().splitlines() if ": " in line)
        name = os.path.splitext(os.path.basename(path))[0]
        family, _, below = name.rpartition("_") if name.endswith(("_f16", "_bf16")) else (name, "", "")
        group = family if family in APART else family.split("_")[0] + " dense"
        certified, asked = map(int, words["certified"].split(" of "))
        groups.setdefault(f"{group}, {below or 'f32'}", []).append((certified, asked, words["checker accepts"]))
    if not groups:
        return ["Not measured."], "not measured"
    lines = ["| networks | units | certified | certificates that the checker accepts |", "|---|---|---|---|"]
    dense = [0, 0]
    for group, rows in groups.items():
        certified, asked = sum(row[0] for row in rows), sum(row[1] for row in rows)
        accepted = [sum(int(row[2].split(" of ")[i]) for row in rows) for i in (0, 1)]
        lines.append(f"| {group} | {len(rows)} | {certified:,} of {asked:,} ({100 * certified / asked:.3f} %) | "
                     f"{accepted[0]:,} of {accepted[1]:,} |")
        if group.endswith("dense, f32"):
            dense = [dense[0] + certified, dense[1] + asked]
    return lines, f"{100 * dense[0] / dense[1]:.3f}" if dense[1] else "not measured"


def share(part: int, of: int) -> str:
    return f"{100 * part / of:.1f}" if of else "not measured"


def undecided_text(row: dict[str, Any]) -> str:
    return f"{row['kind']} ({row['site']['kernel']}: {row['site']['what'].partition('  #')[0]})"


def proofs_table(equivalent: list[dict[str, Any]]) -> list[str]:
    counts = collections.Counter(row["proof"].partition(":")[0] for row in equivalent)
    return ["| proved equivalent because | mutants |", "|---|---|", *(f"| {why} | {n} |" for why, n in counts.most_common())]


def mutants_section(units: list[dict[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    rows = [row for unit in units for row in unit["mutants"]]
    if not rows:
        return ["Not measured."], {}
    unchanged = [row for row in rows if row["verdict"] == "unchanged"]
    equivalent = [row for row in unchanged if row["proof"]]
    told = {how: [row for row in unchanged if not row["proof"] and row["elsewhere"] == how] for how in ("network", "kernel", "")}
    t = mutants.foreign_totals(rows)
    lines = [f"{len(rows):,} mutants of {len({row['kind'] for row in rows})} kinds in {len({unit['net'] for unit in units})} nets "
             f"of at most 0.1 GMAC, 10 inputs each. {t['changed']:,} change a bit of a value, all of which "
             f"comparing bits with the interpreter catches. Of the {len(unchanged)} that change none on these inputs "
             f"{len(equivalent)} are proved equivalent for all inputs (verify/prove_fault.h), {len(told['network'])} are told by directed "
             f"inputs of the network (other scales, noise, zeros of both signs, values that are not finite), {len(told['kernel'])} have a "
             "kernel that gives something else for other values of its arguments, which none of these inputs led to, and "
             f"{len(told[''])} are not decided{': ' if told[''] else ''}{'; '.join(map(undecided_text, told['']))}. "
             f"{t['false']} of the unchanged are called illegal below.", "", *proofs_table(equivalent), "",
             "Judged as a foreign binary: every value that it computes against all that is legal for its node on what the node "
             "really consumed, no interpreter, no bits. *Any order* grants every order of additions and every choice of FMA; *our "
             "order* the one of docs/semantics.md.", "",
             "| | killed | node named right | stage named right | smallest relative fault |", "|---|---|---|---|---|"]
    for order, name in (("any", "any order"), ("ours", "our order")):
        o = mutants.foreign_totals(rows, order)
        lines.append(f"| {name} | {o['killed']:,} of {o['changed']:,} ({share(o['killed'], o['changed'])} %) | {o['node']:,} of "
                     f"{o['named']:,} ({share(o['node'], o['named'])} %) | {o['stage']:,} of {o['named']:,} "
                     f"({share(o['stage'], o['named'])} %) | {o['smallest']:.1e} |")
    changed = [row for row in rows if row["verdict"] != "unchanged"]
    survivors = [row for row in changed if not row["foreign"]["any"]["killed"]]
    sizes = sorted(row["change"] for row in survivors if "change" in row)
    lines += ["", "A fault's size is the largest error of the node's values, relative to the largest of them. A mutant whose process "
              "dies or answers with an error is killed and names no node.", "",
              f"{len(survivors)} changed mutants are legal executions on these inputs: {sum('change' not in r for r in survivors)} "
              "leave all outputs as they are" + (f", the others change outputs by {sizes[0]:.0e} to {sizes[-1]:.0e} of their scale "
                                                f"(median {sizes[len(sizes) // 2]:.0e})." if sizes else "."), "",
              "What comparing outputs by custom notices of the same changed mutants:", "",
              "| | notices |", "|---|---|"]
    for custom in mutants.CUSTOMS:
        n = sum(custom in row["customs"] for row in changed)
        lines.append(f"| {custom} | {n:,} of {len(changed):,} ({share(n, len(changed))} %) |")
    lines += ["", "| stage | mistake | changed | killed | node | stage |", "|---|---|---|---|---|---|"]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    for kind, mine in kinds.items():
        o = mutants.foreign_totals(mine)
        stage = next((row["site"]["stage"] for row in mine if "site" in row), "")
        lines.append(f"| {stage} | {kind} | {o['changed']} | {o['killed']} | {o['node']} of {o['named']} | {o['stage']} of {o['named']} |")
    t["unchanged"], t["equivalent"] = len(unchanged), len(equivalent)
    return lines, t


ROUNDING = 1e-5    # of a node's largest value: what another way of rounding may make, and no mistake


def off(unit: dict[str, Any]) -> str:
    """By how much the outputs are others, of their scale."""
    most = max(unit["outputs"], key=lambda o: (o["most"] or 0) / (o["scale"] or 1))
    scale = most["scale"] or 1
    return f"at most {100 * most['most'] / scale:.2g} % of the scale of \"{most['name']}\", {most['mean'] / scale:.1e} in the mean"


def outputs_section(units: list[dict[str, Any]]) -> list[str]:
    """Where only outputs were looked at: beside them, how far the source moves itself when its input does by an ulp."""
    lines = []
    for net in OUTPUTS_ONLY:
        rows = [unit for unit in units if unit["net"] == net]
        if not rows:
            continue
        lines += [f"**{net}**, whose values take more than 20 GB when they are asked for at once: outputs only. OpenVINO and a random "
                  "legal execution (which fuses nothing across nodes, and the sums here are of integers) beside another one; the source "
                  "beside itself on an input that is nudged by about an ulp.", "",
                  "| execution | farthest | mean, of the scale |", "|---|---|---|"]
        for unit in rows:
            most = max(unit["outputs"], key=lambda o: (o["most"] or 0) / (o["scale"] or 1))
            kind, _, options = unit["system"].partition(" ")
            who = "a random legal execution" if kind.startswith("legal") else f"{unit['is']} {options}".strip() \
                if kind == "openvino" else f"the source, its input times 1 {'-' if ':-' in kind else '+'} {kind.partition(':')[2].lstrip('-')} · 2⁻²³"
            lines.append(f"| {who} | {100 * most['most'] / (most['scale'] or 1):.2g} % of the scale of \"{most['name']}\" | "
                         f"{off_by(unit):.1e} |")
        theirs = max((off_by(unit) for unit in rows if unit["system"].startswith("openvino")), default=0)
        nudged = max((off_by(unit) for unit in rows if unit["system"].startswith("nudged")), default=0)
        if theirs and nudged:
            lines += ["", "Its answer is as far off as the source's own on an input that is an ulp away: **the network is ill-conditioned "
                      "there** (its quantizers turn roundings into steps), and no node is to blame." if theirs <= 3 * nudged else
                      f"Its answer is {theirs / nudged:.0f} times as far off as that of a nudged source: the node has not been found."]
        lines.append("")
    return lines


def off_by(unit: dict[str, Any]) -> float:
    return max((output["mean"] or 0) / (output["scale"] or 1) for output in unit["outputs"])


def different_section(units: list[dict[str, Any]]) -> list[str]:
    lines = []
    for unit in (unit for unit in units if unit["system"] == "openvino" and unit["net"] in DIFFERENT):
        legal = [other for other in units if other["net"] == unit["net"] and other["system"].startswith("legal")]
        plain = [other for other in units if other["net"] == unit["net"] and other["system"] == "openvino --quantize no"]
        lines += [f"**{unit['net']}**, {unit['is']}: {off(unit)}. " +
                  "".join(f"A random legal execution of the source: {off(other)}. " for other in legal) +
                  f"{unit['looked']} of {unit['nodes']} nodes could be asked for; {unit['cut']}.", ""]
        scale = max(output["scale"] or 1 for output in unit["outputs"])
        mending = [cut for cut in unit["cuts"] if cut["off"] <= ROUNDING * scale < cut["changes"]]
        if mending:
            lines += ["Asked for nothing but the results of " + ", or ".join(f"{cut['op']} ({cut['nodes']} nodes)" for cut in mending) +
                      f", its answer is off by {min(cut['off'] for cut in mending):.1e} only; asked for those of any of the "
                      f"{len(unit['cuts']) - len(mending)} other sorts it stays as it is. So unasked it computes something else in place "
                      "of these nodes and the products that read them: **a changed program**. Weights of bytes that are cast, scaled "
                      "and multiplied are what its quantization of activations looks for" +
                      "".join(f"; with that switched off (`--quantize no`) it is off by {off(other)}" for other in plain) + ".", ""]
        illegal = unit["illegal"]
        large = [node for node in illegal if not node["largest"] <= ROUNDING * node["scale"]]
        if not illegal:
            lines += ["All of them are legal executions: **the network is ill-conditioned there.**", ""]
            continue
        lines += [f"{len(illegal)} are no legal execution of their node on what they were given. The first of each kind:", "",
                  "| node | our operators | elements outside | worst error / bound | largest error / largest value |",
                  "|---|---|---|---|---|"]
        seen = set()
        for node in illegal:
            if node["op"] not in seen:
                seen.add(node["op"])
                lines.append(f"| {node['node']} | {node['op']} | {node['outside']:,} of {node['elements']:,} | "
                             f"{node['worst'] or float('inf'):.2g} | {node['largest'] / (node['scale'] or 1):.1e} |")
        lines += ["", f"**An error**: {large[0]['node']} is off by {large[0]['largest'] / (large[0]['scale'] or 1):.1e} of its largest "
                  "value." if large else "**A program that rounds elsewhere**, by no more than "
                  f"{max(node['largest'] / (node['scale'] or 1) for node in illegal):.0e} of a node's largest value.", ""]
    return (lines or ["Not measured.", ""]) + outputs_section(units)


def bounds_table(units: list[dict[str, Any]]) -> list[str]:
    if not units:
        return ["Not measured."]
    lines = ["| network | verdict | |", "|---|---|---|"]
    for unit in sorted(units, key=lambda unit: (unit["verdict"] != "PROVED-ON-SET", unit["net"])):
        text = unit["why"] if unit["verdict"] == "UNDECIDED" else unit["detail"].partition(", on ")[0].replace("legal executions of M ", "")
        lines.append(f"| {unit['net']} | {unit['verdict']} | {text.replace('|', ' ')} |")
    return lines


def write_page(args: argparse.Namespace) -> str:
    rows, total, alarms = table_of_legal(read_units("legal"))
    proved, certified = certificates()
    false_alarms = f"{alarms} of {total:,}" if total else "not measured"
    of_mutants, t = mutants_section(read_units("mutants"))
    lines = ["# How well the comparison works", "",
             "Written by `make equivalence` from the units under bench/campaigns. What has no unit has not been measured.", "",
             "## Mutants", "", *of_mutants, "",
             "## No false alarm", "",
             "Legal executions, judged as somebody else's implementation: every node on the inputs that it really had, by bounds "
             "alone. None may be refuted.", "", *rows, "",
             f"{total:,} executions in all, {EXECUTIONS} inputs to a unit. ONNX Runtime does not let one choose its instruction set.",
             "",
             "## Bounds of outputs", "",
             "How far any legal execution may be from the exact value of the outputs, for one input: the errors of all nodes, each "
             "carried to the output by the signed slopes in between (docs/certificates.md). The slopes hold within radii, and radii "
             "are intervals: each layer multiplies them by the sums of its |slopes|. Where they exceed the values no relu is decided, the "
             "errors' bends are as large as the values, and the bound says nothing: UNDECIDED then, with the first such node. It is not "
             "the rounding that is large there but what is known of it. Radii by functionals of their own would stay small and cost one "
             "backward pass for each activation of the network.", "",
             *bounds_table(read_units("bounds")), "",
             "## Known different answers", "", *different_section(read_units("different")),
             "## Certificates", "", *proved, "",
             "## Statistics", "",
             "tests/verify/statistics_test.cpp, in every `make test`: over 10,000 simulated campaigns the bounds of the rate of "
             "flips cover at least as often as they say, and the sequential test, stopped at its first answer, errs at most as "
             "often as it says.", ""]
    if not args.no_page:
        with open(PAGE, "w", encoding="utf-8") as handle:
            handle.write("\n".join(lines))
    part = {name: share(t[name], t[of]) + " %" if t else "not measured"
            for name, of in (("killed", "changed"), ("node", "named"), ("stage", "named"))}
    return (f"equivalence: killed {part['killed']}, node {part['node']}, stage {part['stage']}, false alarms {false_alarms}, "
            f"certified {certified}{' %' if certified[0].isdigit() else ''}, smallest fault "
            f"{format(t['smallest'], '.1e') if t else 'not measured'}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only units whose KIND/NAME contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; the rest is run next time")
    parser.add_argument("--fresh", action="store_true", help="run units that are there as well")
    parser.add_argument("--prove-again", action="store_true", help="only the proofs of mutants that change nothing, in finished units")
    parser.add_argument("--no-page", action="store_true", help="leave docs/equivalence.md as it is")
    args = parser.parse_args(argv)
    failed = prove_again(args) if args.prove_again else campaign(args)
    for line in failed:
        print(line)
    last = write_page(args)
    alarms = [unit for unit in read_units("legal") if unit["verdict"] == "REFUTED"]
    for unit in alarms:
        print(f"false alarm: {unit['net']} {unit['system']}: {unit['why']}")
    print(last)
    return 1 if failed or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
