"""Run the benchmarks: everything side by side on loopback in one run, ratios first, raw data kept.

    python bench/run.py [--rounds 3] [--seconds 2] [--only PART] [--case TEXT] [--distance 20]

The servers run on core 0, load and origin on core 1. Absolute figures drift on shared machines: quote the ratios.
The part `parents` starts the tests' squid and winbindd, so it is left out unless root runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import audit
import cold
import dataset
import peers
import tunnels
import warm
from load import Rate
from machine import LOAD_CORE

HERE = Path(__file__).parent
NGINXES = (*peers.VARIANTS, "nginx-mem")


def say(text: str) -> None:
    print(text, flush=True)


def verdict(ok: bool) -> str:
    return "ok" if ok else "MISSED"


def warm_table(measured: list[warm.Measured], chosen: list[warm.Case]) -> list[list[str]]:
    """One row per case: pipway's rate over the best nginx of the same round, median of rounds."""
    rows = []
    by = {(m.case, m.server): m.rounds for m in measured}
    for case in chosen:
        if (case.name, "pipway") not in by:
            continue
        rivals = [name for name in NGINXES if (case.name, name) in by]
        ratios = [
            mine.per_cpu_second / max(by[case.name, name][n].per_cpu_second for name in rivals)
            for n, mine in enumerate(by[case.name, "pipway"])
        ]
        ratio = statistics.median(ratios)
        errors = sum(rate.errors for rate in by[case.name, "pipway"])
        reached = verdict(ratio >= (case.target or 0) and not errors)
        rates = [_middle_rate(by.get((case.name, name), [])) for name in (*NGINXES, "pipway")]
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        rows.append([case.name, f"{ratio:.2f}", f">= {case.target}", reached, *rates, spread, str(errors)])
    return rows


def _middle_rate(rounds: list[Rate]) -> str:
    return f"{statistics.median(rate.per_cpu_second for rate in rounds):,.0f}" if rounds else "-"


def table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def run_warm(data: dataset.Dataset, upstream: str, folder: Path, options: argparse.Namespace) -> tuple[str, Any]:
    measured = warm.compare(
        data, upstream, folder, rounds=options.rounds, seconds=options.seconds, say=say, only=options.case
    )
    head = ["warm, requests per CPU-second", "ratio", "target", "", *NGINXES, "pipway", "min-max", "errors"]
    raw = [[m.case, m.server, [[r.requests, r.seconds, r.cpu, r.errors] for r in m.rounds]] for m in measured]
    return table(head, warm_table(measured, warm.cases(data))), raw


def run_peers(
    data: dataset.Dataset, upstream: str, lab: Path, folder: Path, options: argparse.Namespace
) -> tuple[str, Any]:
    measured = warm.python_peers(data, upstream, lab, folder, options.seconds)
    mine = next(m.rounds[0].per_cpu_second for m in measured if m.server == "pipway")
    rows = []
    for m in measured:
        ratio = mine / m.rounds[0].per_cpu_second
        wanted = 100 if m.server in ("devpi", "proxpi") else 1
        rate, errors = m.rounds[0].per_cpu_second, m.rounds[0].errors
        rows.append(
            [m.server, f"{rate:,.0f}", f"{ratio:,.0f}x", f">= {wanted}x", verdict(ratio >= wanted), str(errors)]
        )
    raw = [[m.case, m.server, [[r.requests, r.seconds, r.cpu, r.errors] for r in m.rounds]] for m in measured]
    return table(
        ["page of 100 files, 64 connections", "per CPU-s", "pipway over it", "target", "", "errors"], rows
    ), raw


def run_cold(data: dataset.Dataset, upstream: str, folder: Path, options: argparse.Namespace) -> tuple[str, Any]:
    timings = cold.first_client(data, upstream, folder, options.rounds * 3)
    rows = []
    for timing in timings:
        middle = {name: statistics.median(values) for name, values in timing.seconds.items()}
        ratio = middle["pipway"] / middle["nginx"]
        shown = [f"{middle[n] * 1000:.1f} ms" for n in ("direct", "nginx", "pipway")]
        rows.append([timing.name, *shown, f"{ratio:.2f}x nginx", "<= 1.3x", verdict(ratio <= 1.3)])
    big, stalls = cold.big_page(data, upstream, folder, options.rounds * 2)
    middle = {name: statistics.median(values) for name, values in big.seconds.items()}
    over = (middle["pipway"] - middle["direct"]) * 1000
    shown = [f"{middle['direct'] * 1000:.1f} ms", "", f"{middle['pipway'] * 1000:.1f} ms", f"{over:.1f} ms over"]
    rows.append([big.name, *shown, "<= 30 ms", verdict(over <= 30)])
    stall = statistics.median(stalls) * 1000
    rows.append(["  longest wait of another connection", "", "", f"{stall:.1f} ms", "", "<= 5 ms", verdict(stall <= 5)])
    raw = [[t.name, t.seconds] for t in [*timings, big]] + [["stalls", stalls]]
    return table(["cold, median", "direct", "nginx proxy_cache", "pipway", "ratio", "target", ""], rows), raw


def run_crowd(data: dataset.Dataset, folder: Path) -> tuple[str, Any]:
    static = peers.STATIC.format(root=data.root)
    with peers.nginx("crowd-origin", folder / "crowd-origin", server=static, core=LOAD_CORE) as logged:
        own = dataset.make(data.root, logged.url)
        result = cold.crowd(own, logged.url, folder, folder / "crowd-origin" / "access.log")
    growth = result.growth / 2**20
    rows = [
        ["every client got every byte", str(result.right), "True", verdict(result.right)],
        ["upstream requests", str(result.upstream_requests), "1", verdict(result.upstream_requests == 1)],
        ["resident memory growth", f"{growth:.0f} MiB", "<= 64 MiB", verdict(growth <= 64)],
    ]
    return table(["64 clients, one cold 100 MB file", "", "target", ""], rows), vars(result)


def run_start(upstream: str, folder: Path, options: argparse.Namespace) -> tuple[str, Any]:
    seconds = cold.start_up(upstream, folder, options.rounds * 3 + 1)[1:]
    middle = statistics.median(seconds)
    rows = [["start to ready", f"{middle:.2f} s", "<= 0.6 s", verdict(middle <= 0.6)]]
    return table(["", "median", "target", ""], rows), seconds


def run_parents(folder: Path, options: argparse.Namespace) -> tuple[str, Any]:
    sys.path.append(str(HERE.parent))  # the parents are those of tests/lab
    import parents

    place = folder / "parents"
    measured = parents.installs(options.lab, place / "installs", options.distance / 1000, options.rounds, say)
    rows = []
    for name in dict.fromkeys(one.name for one in measured):
        by = {one.contender: one for one in measured if one.name == name}
        mine, best = by["pipway"], min(by["cntlm"].seconds, by["px"].seconds)
        shown = [str(by[who]) for who in ("cntlm", "px", "pipway")]
        ratio = mine.seconds / best
        reached = verdict(ratio <= 0.6 and mine.logons <= 4)
        rows.append([name, *shown, f"{ratio:.2f}x the better", "<= 0.6x, <= 4 logons", reached])
    title = f"40 packages behind an NTLM squid, {options.distance:g} ms away: time, logons"
    installs = table([title, "cntlm", "px", "pipway", "ratio", "target", ""], rows)
    timed = {one.name: one.seconds for one in parents.connects(place / "connects", options.rounds * 70, 0.02)}
    squids = ("Basic", "Digest", "NTLM")
    middle, rows = {name: statistics.median(seconds) for name, seconds in timed.items()}, []
    for name, seconds in middle.items():
        over = [f"{seconds / middle[base]:.2f}x" for base in ("by hand", "no login")]
        target = ["<= 1.2x by hand", verdict(seconds <= 1.2 * middle["by hand"])] if name in squids else ["", ""]
        rows.append([name, f"{seconds * 1000:.2f} ms", *over, *target])
    head = ["CONNECT through a squid, once warm", "p50", "over one by hand", "over no login", "target", ""]
    raw = {"installs": [[one.name, one.contender, one.rounds] for one in measured], "connects": timed}
    return f"{installs}\n\n{table(head, rows)}", raw


def run_tunnels(folder: Path, options: argparse.Namespace) -> tuple[str, Any]:
    lines, raw = tunnels.compare(folder / "tunnels", options.rounds, options.seconds, say)
    rows = []
    for line in lines:
        shown = ", ".join(f"{name} {value}" for name, value in line.shown.items())
        rows.append([line.name, f"{line.ratio:.2f}", line.target, verdict(line.reached), shown])
    return table(["tunnels", "", "target", "", "medians"], rows), raw


def run_audit(folder: Path, options: argparse.Namespace) -> tuple[str, Any]:
    lines = audit.compare(folder / "audit", options.lab, options.rounds, say)
    by = {(line.name, line.who): line for line in lines}
    rows = []
    for name, limit in audit.TARGETS.items():
        mine = by[name, "pipway"]
        reached = verdict(mine.cpu <= limit and mine.megabytes <= audit.MEGABYTES)
        shown = [f"{mine.files}", f"{mine.seconds:.2f} s", f"{mine.cpu:.2f} s", f"{mine.megabytes:.0f} MB"]
        rows.append([name, *shown, f"<= {limit} s, <= {audit.MEGABYTES} MB", reached])
    own = table(["audit on one core", "files", "wall", "CPU", "memory", "target", ""], rows)
    rows = []
    for line in lines:
        mine = by[line.name, "pipway"]
        if line is not mine:
            shown = [f"{each.cpu:.2f} s, {each.megabytes:.0f} MB" for each in (line, mine)]
            rows.append([line.who, f"{line.name}, {line.files}", *shown, f"{mine.cpu / line.cpu:.2f}x"])
    rivals = table(["audit's peers", "tree, files", "peer, CPU", "pipway, CPU", "pipway over it"], rows)
    return f"{own}\n\n{rivals}", [[line.name, line.who, [vars(run) for run in line.runs]] for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--only", choices=["warm", "peers", "cold", "crowd", "start", "parents", "tunnels", "audit"])
    parser.add_argument("--case", default="", help="only the warm cases whose name holds this text")
    parser.add_argument("--distance", type=float, default=20, help="milliseconds to and fro, parent to index")
    parser.add_argument("--lab", type=Path, default=HERE.parent / ".lab", help="where the peers' environments live")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pipway-bench-") as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        with peers.origin(folder / "origin", root) as source:
            data = dataset.make(root, source.url)
            parts = {
                "warm": lambda: run_warm(data, source.url, folder, options),
                "peers": lambda: run_peers(data, source.url, options.lab, folder, options),
                "cold": lambda: run_cold(data, source.url, folder, options),
                "start": lambda: run_start(source.url, folder, options),
                "crowd": lambda: run_crowd(data, folder),
                "parents": lambda: run_parents(folder, options),
                "tunnels": lambda: run_tunnels(folder, options),
                "audit": lambda: run_audit(folder, options),
            }
            results = {}
            if os.geteuid() != 0 and options.only != "parents":
                del parts["parents"]
            for part, work in parts.items():
                if options.only in (None, part):
                    say(f"{part} …")
                    text, raw = work()
                    say(text + "\n")
                    results[part] = {"table": text, "raw": raw}
    keep(results, options)


def keep(results: dict[str, Any], options: argparse.Namespace) -> None:
    """Store tables and raw data with what they were measured on."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    facts = {"when": when, "python": sys.version.split()[0], "system": platform.platform(), "rounds": options.rounds}
    facts["seconds"] = options.seconds
    target = folder / f"{when}.json"
    target.write_text(json.dumps({**facts, **results}, indent=1))
    say(f"raw data: {target}")


if __name__ == "__main__":
    main()
