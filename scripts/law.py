#!/usr/bin/env python3
"""The law: machine code returns the interpreter's bits, on every instruction set and any number of threads.

Programs are the test models of the onnx package, every operator in every type, bad inputs, random graphs, and the
public networks on stored and on drawn inputs (lib_programs.py). Each is compared by memcmp (a NaN is a NaN; an error is
to be the same error) under every instruction set this machine can run natively, with 1, 2 and 3 threads, compiled here
and read from the cache; where its inputs have symbols in their sizes, so is its program for all sizes, which counts as
another. Where code uses the CPU's dot products of narrow numbers (VNNI, BF16), it is compared without them too. The
machine code is to have the same bytes when it is compiled again. Random graphs are also compared node by
node with the ONNX reference evaluator, within the bounds of our definitions, and rows of batches with runs of one row
where the compiler sees that they are independent. Every distinct kernel is then proved and compared level by level
(docs/trust.md). Ends with

    law: N programs x M configurations, D differing bits, lowered X of Y, proved P of K kernels, native isas: ...

where X of Y counts nodes of the programs that became machine code (or a view of another value), and P kernels whose
vector program was proved equal to its definition for all inputs at the program's sizes. Exit code 1 if a bit differs,
a program fails, or a kernel is refuted. A run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import collections
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from typing import Any

import numpy as np
import onnx.printer

import lib_models
import lib_programs
import lib_random_graphs
import lib_runtimes
import lib_workers

TIMEOUT = 1800.0
THREADS = (1, 2, 3)
ISAS = ("avx2", "avx512")
GRAPHS = 2400            # random ones
ROWS = 3                 # of a batch
KEYS_AT_ONCE = 60        # kernels that one worker proves in a row
BUILD = os.path.abspath(lib_runtimes._BUILD)
FOLDER = os.path.join(BUILD, "law")


def bits(value: Any) -> Any:
    """What memcmp compares: bytes with their type and shape, lists element by element."""
    if value is None or isinstance(value, (str, bytes, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    array = np.ascontiguousarray(value)
    if array.dtype.kind in "OUS":
        return (array.shape, [str(v) for v in array.reshape(-1)])
    return (array.shape, array.dtype.name, array.tobytes())


def count_differences(a: Any, b: Any) -> int:
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return sum(count_differences(x, y) for x, y in zip(a, b))
    if a == b:
        return 0
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) == 3 and a[:2] == b[:2]:
        x, y = np.frombuffer(a[2], np.uint8), np.frombuffer(b[2], np.uint8)
        return int(np.unpackbits(x ^ y).sum())
    return 1


def attempt(run: Any) -> Any:
    """The results' bits, or the error's text: a refusal has to be the same one."""
    try:
        return bits(run())
    except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
        return f"{type(error).__name__}: {error}"


def differences(loaded: Any, inputs: Any, expected: Any, called: tuple[str, str] = ("", "")) -> tuple[int, str]:
    """(differing bits over all numbers of threads, the first complaint). `called`: how errors call the model that is
    loaded, and how the expected ones do."""
    differ, why = 0, ""
    for threads in THREADS:
        got = attempt(lambda: loaded.run(inputs, threads=threads))
        if isinstance(got, str) and called[0]:
            got = got.replace(*called)
        differ += count_differences(expected, got)
        if got != expected and not why:
            why = f"on {threads} threads: " + "; ".join(v[:300] for v in (expected, got) if isinstance(v, str))
    return differ, why


def smaller(seed: int) -> str:
    """The text of the smallest part of a random graph that still differs."""
    import tauto

    def fails(graph: lib_random_graphs.Graph) -> bool:
        try:
            loaded = tauto.load(graph.model.SerializeToString())
        except tauto.Error:
            return False
        return any(differences(loaded, x, attempt(lambda: loaded.run(x, interpret=True)))[0] for x in graph.inputs)

    return onnx.printer.to_text(lib_random_graphs.shrink(lib_random_graphs.make(seed), fails).model)[:3000]


class Environment:
    """Variables of the environment for a while; the compiler reads them at each load."""

    def __init__(self, **variables: str) -> None:
        self.variables = variables

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.variables}
        os.environ.update(self.variables)

    def __exit__(self, *_: Any) -> None:
        for name, value in self.before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Comparison:
    """One program under this process's instruction set."""

    def __init__(self, program: lib_programs.Program) -> None:
        self.kind, self.what = program
        self.model, self.sets = lib_programs.open_program(program)
        self.expected: list[Any] = []
        self.total: dict[str, Any] = {"differ": 0, "lowered": 0, "nodes": 0, "why": [], "wrong": [], "keys": [],
                                      "cached": 0, "generic": 0, "rows": 0, "dotless": 0}

    def runs(self, loaded: Any, how: str, called: tuple[str, str] = ("", "")) -> None:
        for inputs, expected in zip(self.sets, self.expected):
            differ, why = differences(loaded, inputs, expected, called)
            self.total["differ"] += differ
            self.total["wrong"] += [f"{how}: {differ} differing bits {why}"] if differ else []

    def same_code(self, first: list[Any], loaded: Any, how: str) -> None:
        for one, inputs in zip(first, self.sets):
            if one and (again := loaded.program(inputs))["code"] != one["code"]:
                self.total["wrong"].append(f"{how}: other bytes of machine code, of {one['kernels']} and {again['kernels']} kernels")

    def of_sizes(self, folder: str) -> Any:
        """Compiled for the inputs' sizes: at once, from the cache, again."""
        import tauto

        with Environment(TAUTO_CACHE=folder):
            cold = tauto.load(self.model)
            known = lib_programs.Interpreted(os.path.join(FOLDER, "interpreted"), self.model)
            self.expected = [known.get(x, lambda: attempt(lambda: cold.run(x, interpret=True))) for x in self.sets]
            fine = [not isinstance(expected, str) for expected in self.expected]
            self.runs(cold, "compiled")
            code = [cold.program(x) if ok else None for x, ok in zip(self.sets, fine)]
            stored = tauto.load(self.model)
            self.runs(stored, "from the cache")
            self.same_code(code, stored, "from the cache")
            self.total["cached"] = sum(stored.program(x)["cached"] for x, ok in zip(self.sets, fine) if ok)
            for inputs, ok in zip(self.sets, fine):
                for group in stored.groups(inputs) if ok else []:   # compiles it again, for its stages
                    self.total["nodes"] += len(group["nodes"])
                    if group["kind"] != "reference":
                        self.total["lowered"] += len(group["nodes"])
                    else:
                        self.total["why"].append(f"{group['nodes'][-1]}: {group['reason']}")
            self.same_code(code, stored, "compiled again")
            self.without_dots(code)
            if fine[0]:
                self.total["keys"] = [proof["key"] for proof in stored.prove(self.sets[0], keys=[])]
            return stored

    def without_dots(self, code: list[Any]) -> None:
        """Where this CPU's dot products of narrow numbers make other code: the code that does without them."""
        import tauto

        with Environment(TAUTO_CACHE="off", TAUTO_ISA=os.environ["TAUTO_ISA"] + "-novnni"):
            loaded = tauto.load(self.model)
            if any(one and loaded.program(x)["code"] != one["code"] for one, x in zip(code, self.sets)):
                self.total["dotless"] = 1
                self.runs(loaded, "without dot products")

    def of_all_sizes(self, folder: str) -> None:
        """The program with sizes as arguments: compiled, and out of an artifact."""
        import tauto

        with Environment(TAUTO_CACHE="off", TAUTO_OFF="specialise"):
            loaded = tauto.load(self.model)
            self.total["generic"] = 1
            self.runs(loaded, "for all sizes")
            path = os.path.join(folder, "saved.tauto")
            try:
                loaded.save(path)
            except tauto.Error:
                return      # there is no one graph
            self.runs(tauto.load(path), "for all sizes, saved", (path, self.model if isinstance(self.model, str) else "model"))


    def of_rows(self, loaded: Any) -> None:
        """Row i of a batch is the run of row i alone, where the compiler sees that rows are independent."""
        import tauto

        if isinstance(self.expected[0], str) or len(self.sets[0]) != len(loaded.inputs):
            return
        names = [slot.name for slot in loaded.inputs]
        given = self.sets[0] if isinstance(self.sets[0], dict) else dict(zip(names, self.sets[0]))
        try:
            batches = [batch for batch in loaded.batches() if not batch["why_not"]]
        except tauto.Error:
            return      # there is no one graph
        for batch in batches:
            several = {name: in_rows(given[name], *batch["inputs"][name]) if name in batch["inputs"] else given[name]
                       for name in names}
            together = loaded.run(several)
            for row in range(ROWS):
                alone = loaded.run({name: row_of(several[name], row, *batch["inputs"][name])
                                    if name in batch["inputs"] else several[name] for name in names})
                for slot, all_rows, one in zip(loaded.outputs, together, alone):
                    if slot.name in batch["outputs"]:
                        all_rows = row_of(all_rows, row, *batch["outputs"][slot.name])
                    differ = count_differences(bits(all_rows), bits(one))
                    self.total["differ"] += differ
                    self.total["wrong"] += [f"row {row} of {batch['symbol']}: {differ} differing bits"] if differ else []
            self.total["rows"] += ROWS


def row_of(value: np.ndarray, row: int, axis: int, inner: int) -> np.ndarray:
    return np.ascontiguousarray(value[(slice(None),) * axis + (slice(row * inner, (row + 1) * inner),)])


def in_rows(value: np.ndarray, axis: int, inner: int) -> np.ndarray:
    """The first rows, and where there are too few the first one again, its elements moved along the last axis."""
    rows = [row_of(value, row, axis, inner) for row in range(min(ROWS, value.shape[axis] // inner))]
    while rows and len(rows) < ROWS:
        rows.append(np.roll(rows[0], len(rows), axis=-1))
    return np.concatenate(rows, axis=axis) if rows else value


def compare(item: tuple[lib_programs.Program, bool]) -> dict[str, Any]:
    """In a worker: one program under this process's instruction set; with the reference evaluator if asked."""
    import tauto

    program, oracle = item
    started = time.monotonic()
    comparison = Comparison(program)
    total = comparison.total
    os.makedirs(FOLDER, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="cache-", dir=FOLDER)
    try:
        loaded = comparison.of_sizes(folder)
        if any(isinstance(size, str) for slot in loaded.inputs for size in slot.shape or []):
            comparison.of_all_sizes(folder)
            comparison.of_rows(loaded)
    except tauto.Error as error:
        if not comparison.expected:
            return {"refused": str(error)}
        total["wrong"].append(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if comparison.kind == "random" and total["differ"]:
        total["wrong"].append(f"scripts/law.py --seed {comparison.what}\n{smaller(comparison.what)}")
    if comparison.kind == "random" and oracle:
        total["wrong"] += lib_programs.against_reference(lib_random_graphs.make(comparison.what))
    total["seconds"] = time.monotonic() - started
    return total


def prove(item: tuple[lib_programs.Program, list[str]]) -> list[dict[str, Any]]:
    """In a worker: the kernels of a program that have these keys."""
    import tauto

    program, keys = item
    model, sets = lib_programs.open_program(program)
    return [proof for proof in tauto.load(model).prove(sets[0], keys=keys) if proof["verdict"]]


class State:
    """What was found before by the same code; a file with a line for each finding, gone when all is done."""

    def __init__(self, run: str, fresh: bool) -> None:
        code = glob.glob(os.path.join(BUILD, "python", "tauto", "*.so"))
        code += glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "l*.py"))
        digest = hashlib.sha256(run.encode())
        for path in sorted(code):
            with open(path, "rb") as handle:
                digest.update(handle.read())
        self.path = os.path.join(FOLDER, f"state-{digest.hexdigest()[:16]}")
        self.known: dict[str, Any] = {}
        if os.path.exists(self.path) and not fresh:
            with open(self.path, encoding="utf-8") as handle:
                for line in handle:
                    if line.endswith("\n"):
                        key, value = json.loads(line)
                        self.known[key] = value

    def put(self, key: str, value: Any) -> None:
        self.known[key] = value
        os.makedirs(FOLDER, exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(json.dumps([key, value]) + "\n")

    def end(self) -> None:
        if os.path.exists(self.path):
            os.remove(self.path)


class Durations:
    """How long each item took when it last ran: the long ones begin first, and the time left is known."""

    def __init__(self) -> None:
        self.path = os.path.join(FOLDER, "durations.json")
        self.known: dict[str, float] = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as handle:
                self.known = json.load(handle)

    def of(self, key: str, item: Any) -> float:
        first = item[0] if isinstance(item, tuple) else item
        guess = 15.0 if isinstance(first, tuple) and first[0] in ("network", "drawn") else 0.1
        return self.known.get(key, guess)

    def end(self) -> None:
        os.makedirs(FOLDER, exist_ok=True)
        with open(self.path, "w", encoding="utf-8") as handle:
            json.dump(self.known, handle)


def campaign(state: State, title: str, target: str, names: list[str], items: list[Any], jobs: int,
             failed: list[str]) -> dict[str, Any]:
    """Runs what has no result yet; results by name."""
    key_of = [f"{title} {name}" for name in names]
    durations = Durations()
    weight = [durations.of(key, item) for key, item in zip(key_of, items)]
    todo = sorted((i for i, key in enumerate(key_of) if key not in state.known), key=lambda i: -weight[i])
    total = sum(weight[i] for i in todo)
    if todo:
        print(f"{title}: {len(todo)} of {len(items)} to do, about {total / jobs / 60:.1f} minutes", flush=True)
    progress = lib_workers.Progress(total, title)
    started = time.monotonic()
    for index, outcome in lib_workers.run_all(target, [items[i] for i in todo], jobs, TIMEOUT):
        key = key_of[todo[index]]
        progress.step(names[todo[index]], weight[todo[index]])
        if outcome.kind == "ok":
            value = outcome.value
            state.put(key, value)
            durations.known[key] = (sum(v["seconds"] for v in value) if isinstance(value, list)
                                    else value.get("seconds", 0.05))
        else:
            failed.append(f"{key}: {outcome.kind} {outcome.value}")
    progress.close()
    if todo:
        print(f"{title}: {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
        durations.end()
    return {name: state.known[key] for name, key in zip(names, key_of) if key in state.known}


def prove_all(state: State, isa: str, items: list[lib_programs.Program], results: dict[str, Any], jobs: int,
              failed: list[str]) -> list[dict[str, Any]]:
    """Each distinct kernel once, with the first program that has it."""
    seen: set[str] = set()
    tasks = []
    for program in items:
        keys = [key for key in results.get(lib_programs.name_of(program), {}).get("keys", []) if key not in seen]
        seen.update(keys)
        tasks += [(program, keys[i:i + KEYS_AT_ONCE]) for i in range(0, len(keys), KEYS_AT_ONCE)]
    names = [f"{lib_programs.name_of(program)} {keys[0]}" for program, keys in tasks]
    found = campaign(state, f"law {isa} proofs", "law:prove", names, tasks, jobs, failed)
    return [proof for proofs in found.values() for proof in proofs]


def print_proofs(proofs: list[dict[str, Any]], verbose: bool) -> None:
    """Verdicts, and what stands in the way, numbers and names taken out."""
    verdicts = collections.Counter(proof["verdict"] for proof in proofs)
    print("proofs: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    reasons: collections.Counter[str] = collections.Counter()
    for proof in proofs:
        if proof["verdict"] not in ("proved", "proved on shapes"):
            reason = proof["reason"].split(" (")[0]
            reasons[f"{proof['verdict']}: {reason.split(':')[-1] if reason.startswith('line') else reason[:60]}"] += 1
            if verbose:
                print(f"  {proof['verdict']} {proof['name']}: {proof['reason']}")
    for reason, count in reasons.most_common(None if verbose else 8):
        print(f"{count:6} {reason}")
    shapes = collections.Counter(proof["reason"].split(":")[0] for proof in proofs if proof["verdict"] == "proved on shapes")
    for reason, count in shapes.most_common():
        print(f"{count:6} on shapes: {reason}")
    ran = [proof for proof in proofs if proof["sampled"]]
    print(f"on numbers: {len(ran)} kernels at full size, {sum(p['sampled'] for p in ran)} elements; "
          f"{sum(p['shrunk'] > 0 for p in proofs)} on smaller extents, {sum(p['shrunk'] for p in proofs)} elements")
    left = collections.Counter(p["left"].split(":")[-1] if "lanes" in p["left"] else p["left"][:60] for p in ran if p["left"])
    for reason, count in left.most_common(None if verbose else 8):
        print(f"{count:6} left out: {reason}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only programs whose name contains TEXT")
    parser.add_argument("--isas", default="", metavar="LIST", help="comma-separated; default: all this machine has")
    parser.add_argument("--no-networks", action="store_true", help="leave the public networks out")
    parser.add_argument("--no-proofs", action="store_true", help="leave the proofs of kernels out")
    parser.add_argument("--graphs", type=int, default=GRAPHS, metavar="N", help="random graphs")
    parser.add_argument("--seed", type=int, metavar="N", help="only the random graph of this seed")
    parser.add_argument("--quick", action="store_true", help="a few hundred programs, no networks, no proofs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--fresh", action="store_true", help="do not go on with an interrupted run")
    parser.add_argument("--verbose", action="store_true", help="print why nodes run their reference, all reasons")
    args = parser.parse_args(argv)

    import tauto

    native = tauto.isas()
    begun = time.monotonic()
    if not (args.no_networks or args.quick or args.seed is not None):
        missing = [m.name for m in lib_models.public_models() if not os.path.exists(m.path)]
        if missing:
            lib_models.fetch(missing)
    isas = args.isas.split(",") if args.isas else native
    seeds = range(args.graphs) if args.seed is None else range(args.seed, args.seed + 1)
    items = lib_programs.all_programs(not (args.no_networks or args.quick), seeds)
    if args.seed is not None:
        items = [item for item in items if item[0] == "random"]
        print(onnx.printer.to_text(lib_random_graphs.make(args.seed).model))
    if args.quick:
        items = [item for item in items if item[0] != "random"][::16] + [("random", seed) for seed in range(150)]
    items = [item for item in items if args.only in lib_programs.name_of(item)]
    print(f"seeds of random graphs: {seeds.start} to {seeds.stop - 1}; repeat one: scripts/law.py --seed N", flush=True)
    short = args.quick or args.seed is not None
    state = State(f"{short} {args.seed}" if short else "", args.fresh or short)
    names = [lib_programs.name_of(item) for item in items]
    count = generic = cached = rows = batches = dotless = differ = lowered = nodes = 0
    failed: list[str] = []
    proofs: list[dict[str, Any]] = []
    reasons: collections.Counter[str] = collections.Counter()
    os.environ["TAUTO_CACHE"] = "off"   # what an older run compiled is not compared; see Comparison
    for isa in isas:
        os.environ["TAUTO_ISA"] = isa
        work = [(item, isa == isas[0]) for item in items]
        results = campaign(state, f"law {isa}", "law:compare", names, work, args.jobs, failed)
        for name, result in results.items():
            if "refused" in result:
                continue
            if isa == isas[0]:
                count += 1
                generic += result["generic"]
                cached += result["cached"] > 0
                rows += result["rows"]
                batches += result["rows"] > 0
                lowered += result["lowered"]
                nodes += result["nodes"]
            dotless += result["dotless"]
            differ += result["differ"]
            failed += [f"{isa} {name}: {what}" for what in result["wrong"]]
            reasons.update(result["why"])
        if not (args.no_proofs or args.quick):
            proofs += prove_all(state, isa, items, results, args.jobs, failed)
    failed += [f"refuted: {proof['name']}: {proof['reason']}" for proof in proofs if proof["verdict"] == "refuted"]
    failed += [f"on numbers: {proof['name']}: {proof['differs']}" for proof in proofs if proof["differs"]]
    for line in failed:
        print(line)
    if args.verbose:
        for why, times in reasons.most_common():
            print(f"{times:6} {why}")
    if proofs:
        print_proofs(proofs, args.verbose)
    if not failed:
        state.end()
    print(f"{count} programs for the sizes of their inputs, {cached} of them from the cache too, {generic} for all sizes; "
          f"{rows} rows of {batches} batches run alone; "
          f"{dotless} also without dot products of narrow numbers; "
          f"{(time.monotonic() - begun) / 60:.1f} minutes")
    proved = sum(proof["verdict"] == "proved" for proof in proofs)
    print(f"law: {count + generic} programs x {len(isas) * len(THREADS) * 2} configurations, {differ} differing bits, "
          f"lowered {lowered} of {nodes}, proved {proved} of {len(proofs)} kernels, native isas: {', '.join(native)}"
          + "".join(f", {isa} evaluated" for isa in ISAS if isa not in native))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
