#!/usr/bin/env python3
"""Times our networks beside ONNX Runtime's and OpenVINO's, after comparing their answers.

For each network and 1 and 2 threads: every system gets a process of its own, loads the network and runs it once;
its answer is compared with the stored one, and a system that answers otherwise is no rival there. Then rounds: each
system in turn runs for a moment while the others are stopped, in an order that rotates. The medians of the rounds
are compared. Results are kept in BUILD/bench, so that a campaign that was interrupted goes on where it was; a new
build, another network or other settings begin anew. Ends with geometric means of (better rival's time / ours):

    bench: compute A bandwidth B overhead C (1 thread) A2 B2 C2 (2 threads), worst D (model)
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
from typing import Any

import nets
import report
from systems import Failed, Running, System, known_systems

sys.path.insert(0, os.path.join(nets.ROOT, "scripts"))
from lib_workers import Progress  # noqa: E402

ROUNDS, SECONDS = 5, 0.2
QUICK_ROUNDS, QUICK_SECONDS = 2, 0.05
PATIENCE = 300.0      # seconds for one answer; the interpreter on a large network needs more
LONG = 2.0            # what takes this many seconds is run once a round, and not in more than MOST_LONG rounds
MOST_LONG = 3


def describe(system: System, running: Running | None, state: str, why: str = "") -> dict[str, Any]:
    known = {"load": running.load, "first": running.first, "version": running.version} if running else {}
    return {"state": state, "why": why, "rounds": [], **known}


def start_all(systems: list[System], net: nets.Net, case: nets.Case, threads: int, folder: str,
              patience: float) -> tuple[dict[str, dict[str, Any]], list[Running]]:
    """(what is known of each system, those that answer as they must). One after the other: none runs meanwhile."""
    found: dict[str, dict[str, Any]] = {}
    running: list[Running] = []
    for system in systems:
        outputs = os.path.join(folder, f"{net.name}.{system.name}.npz")
        try:
            one = Running(system, net.model.path, case.path, threads, outputs, patience)
        except Failed as failure:
            found[system.name] = describe(system, None, "failed", str(failure))
            continue
        _, why = nets.difference(case, one.outputs())
        found[system.name] = describe(system, one, "different" if why else "ok", why)
        if why:
            one.end()
        else:
            running.append(one)
    return found, running


def measure(systems: list[System], net: nets.Net, case: nets.Case, threads: int, folder: str, rounds: int,
            seconds: float, patience: float) -> report.Measurement:
    found, running = start_all(systems, net, case, threads, folder, patience)
    try:
        for number in range(rounds):
            for one in running[number % len(running):] + running[:number % len(running)] if running else []:
                kept = found[one.system.name]
                if kept["state"] != "ok" or (one.first >= LONG and len(kept["rounds"]) >= MOST_LONG):
                    continue
                if one.first >= LONG * 5:    # hopeless: its first run is its time
                    kept["rounds"] = [one.first]
                    continue
                try:
                    kept["rounds"].append(statistics.median(one.time(seconds)))
                except Failed as failure:
                    kept.update(state="failed", why=str(failure))
    finally:
        for one in running:
            one.end()
    return {"net": net.name, "group": net.group, "threads": threads, "systems": found}


class Store:
    """Measurements of this build with these settings, one file each."""

    def __init__(self, build: str, settings: list[str]) -> None:
        self.folder_ = os.path.join(build, "bench")
        os.makedirs(self.folder_, exist_ok=True)
        total = hashlib.sha256("\n".join(settings).encode())
        package = os.path.join(build, "python", "tauto")
        files = [os.path.join(package, name) for name in sorted(os.listdir(package)) if name.endswith((".so", ".py"))]
        files += [os.path.join(nets.ROOT, "bench", name) for name in ("nets.py", "systems.py", "worker.py", "bench.py")]
        for path in files + [os.path.join(build, "bench_run_model")]:
            if os.path.exists(path):
                with open(path, "rb") as handle:
                    total.update(hashlib.sha256(handle.read()).digest())
        self.key_ = total.hexdigest()

    def path_(self, net: nets.Net, threads: int) -> str:
        return os.path.join(self.folder_, f"{net.name}.{threads}.json")

    def get(self, net: nets.Net, threads: int) -> report.Measurement | None:
        try:
            with open(self.path_(net, threads), encoding="utf-8") as handle:
                kept = json.load(handle)
        except (OSError, ValueError):
            return None
        return kept["measurement"] if kept.get("key") == self.key_ else None

    def put(self, net: nets.Net, threads: int, measurement: report.Measurement) -> None:
        path = self.path_(net, threads)
        with open(path + ".part", "w", encoding="utf-8") as handle:
            json.dump({"key": self.key_, "measurement": measurement}, handle, indent=1)
        os.replace(path + ".part", path)


def campaign(systems: list[System], chosen: list[nets.Net], threads: list[int], store: Store, folder: str,
             rounds: int, seconds: float, patience: float, fresh: bool) -> list[report.Measurement]:
    measurements = []
    progress = Progress(len(chosen) * len(threads), "bench")
    for net in chosen:
        case = None
        for count in threads:
            progress.show(f"{net.name}, {count} threads")
            found = None if fresh else store.get(net, count)
            if found is None:
                case = case or nets.make_case(net, os.path.join(folder, "cases"))
                found = measure(systems, net, case, count, os.path.join(folder, "cases"), rounds, seconds, patience)
                store.put(net, count, found)
            measurements.append(found)
            progress.step(f"{net.name}, {count} threads")
    progress.close()
    return measurements


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.environ.get("TAUTO_BUILD", os.path.join(nets.ROOT, "build")))
    parser.add_argument("--only", default="", metavar="NAMES", help="comma-separated beginnings of network names")
    parser.add_argument("--threads", default="1,2", metavar="COUNTS", help="comma-separated numbers of threads")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: for a look, not for a claim")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one system in one round")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="seconds to wait for a load or a run")
    parser.add_argument("--fresh", action="store_true", help="ignore the results of earlier campaigns")
    parser.add_argument("--systems", default="", metavar="NAMES", help="comma-separated; default: all")
    parser.add_argument("--rivals-python", default=os.path.join(nets.ROOT, ".venv-bench", "bin", "python"))
    args = parser.parse_args(argv)

    build = os.path.abspath(args.build)
    systems = known_systems(build, sys.executable, args.rivals_python)
    if args.systems:
        systems = [system for system in systems if system.name in args.systems.split(",")]
    elif not any(system.rival for system in systems):
        print(f"bench: {args.rivals_python}: required the rivals' environment (scripts/setup.sh bench), got none",
              file=sys.stderr)
        return 2
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    seconds = args.seconds or (QUICK_SECONDS if args.quick else SECONDS)
    threads = [int(count) for count in args.threads.split(",")]
    try:
        chosen = nets.nets(tuple(args.only.split(",")))
    except FileNotFoundError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    store = Store(build, [str(rounds), str(seconds), *(system.name for system in systems)])
    found = campaign(systems, chosen, threads, store, os.path.join(build, "bench"), rounds, seconds, args.patience,
                     args.fresh)
    print(report.table(found))
    versions = {f"{name} {one['version']}" for m in found for name, one in m["systems"].items() if "version" in one}
    print(f"{', '.join(sorted(versions))}; load averages of the machine: {', '.join(f'{x:.1f}' for x in os.getloadavg())}")
    print(report.last_line(found))
    return 0 if found and all(report.median(m, report.OURS) is not None for m in found) else 1


if __name__ == "__main__":
    sys.exit(main())
