"""From stored measurements to the table and the last line.

A measurement is one network at one number of threads:

    {"net", "group", "threads", "systems": {name: {"state", "why", "load", "first", "rounds": [seconds], "version"}}}

state is "ok", "different" (answers otherwise, so it is no rival) or "failed"; rounds holds one median per round.
Ratios are the better rival's time over ours: above 1 we are faster.
"""

from __future__ import annotations

import math
import statistics
from typing import Any

from nets import GROUPS

OURS, OURS_CPP, RIVALS = "tauto", "tauto-c++", ("onnxruntime", "openvino")

Measurement = dict[str, Any]


def median(measurement: Measurement, system: str) -> float | None:
    """Seconds; None if the system was not measured or answers differently."""
    found = measurement["systems"].get(system)
    return statistics.median(found["rounds"]) if found and found["state"] == "ok" and found["rounds"] else None


def better_rival(measurement: Measurement) -> str | None:
    times = {name: time for name in RIVALS if (time := median(measurement, name)) is not None}
    return min(times, key=times.__getitem__) if times else None


def ratio(measurement: Measurement) -> float | None:
    ours, rival = median(measurement, OURS), better_rival(measurement)
    return median(measurement, rival) / ours if rival and ours else None


def ratio_spread(measurement: Measurement) -> tuple[float, float] | None:
    """The smallest and the largest ratio of one round."""
    rival = better_rival(measurement)
    if ratio(measurement) is None or rival is None:
        return None
    pairs = zip(measurement["systems"][rival]["rounds"], measurement["systems"][OURS]["rounds"])
    ratios = [theirs / ours for theirs, ours in pairs]
    return min(ratios), max(ratios)


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


def group_mean(measurements: list[Measurement], group: str, threads: int) -> str:
    """"-" where nothing of the group was measured, "FAILED" if we did not answer (rightly) on one of its networks."""
    of_group = [m for m in measurements if m["group"] == group and m["threads"] == threads]
    if any(median(m, OURS) is None for m in of_group):
        return "FAILED"
    ratios = [r for m in of_group if (r := ratio(m)) is not None]
    return f"{geometric_mean(ratios):.2f}" if ratios else "-"


def last_line(measurements: list[Measurement]) -> str:
    def groups(threads: int) -> list[str]:
        return [group_mean(measurements, group, threads) for group in GROUPS]

    one, two = groups(1), groups(2)
    ratios = [(r, m["net"]) for m in measurements if (r := ratio(m)) is not None]
    worst = f"{min(ratios)[0]:.2f} ({min(ratios)[1]})" if ratios else "- (-)"
    return (f"bench: compute {one[0]} bandwidth {one[1]} overhead {one[2]} (1 thread) "
            f"{two[0]} {two[1]} {two[2]} (2 threads), worst {worst}")


def milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    ms = seconds * 1e3
    return f"{ms:.4f}" if ms < 0.1 else f"{ms:.3f}" if ms < 10 else f"{ms:.1f}" if ms < 1000 else f"{ms:.0f}"


def cell(measurement: Measurement, system: str) -> str:
    found = measurement["systems"].get(system)
    if not found:
        return "-"
    return milliseconds(median(measurement, system)) if found["state"] == "ok" else found["state"]


def table(measurements: list[Measurement]) -> str:
    """Milliseconds of one run, and of load + compile in the last column; then every refusal and difference."""
    header = ["network", "threads", OURS, OURS_CPP, *RIVALS, "ratio", "of a round", "load: " + " / ".join((OURS, *RIVALS))]
    rows = [header]
    for m in measurements:
        known, spread = ratio(m), ratio_spread(m)
        loads = [m["systems"].get(name, {}).get("load") for name in (OURS, *RIVALS)]
        rows.append([m["net"], str(m["threads"]), *(cell(m, name) for name in (OURS, OURS_CPP, *RIVALS)),
                     f"{known:.2f}" if known else "-", f"{spread[0]:.2f}..{spread[1]:.2f}" if spread else "-",
                     " / ".join(milliseconds(load) for load in loads)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["  ".join(text.ljust(width) if i in (0, len(header) - 1) else text.rjust(width)
                       for i, (text, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
    notes: dict[str, list[str]] = {}
    for m in measurements:
        for name, found in m["systems"].items():
            if found["state"] != "ok":
                state = "different answer" if found["state"] == "different" else "failed"
                notes.setdefault(f"{m['net']}: {name}: {state}: {found['why']}", []).append(str(m["threads"]))
    lines += [f"{note}  (threads: {', '.join(threads)})" for note, threads in notes.items()]
    return "\n".join(lines)
