#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures libmempool and its peers side by side, in one run and in alternation. `./dev bench` builds all that this needs and runs it;
README.md says what is measured and how.

It starts a server on one core and the load generator on the other, and computes nothing meanwhile. A peer that can't be had is
skipped, and the report says why. A wrong, missing or repeated frame ends the run with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

from driver import inprocess, peers, plots, report
from driver.figures import Spread
from driver.machine import machine
from driver.processes import Child, Failed, Unsupported
from driver.scenarios import FIGURES, SCENARIOS, TICK_MS, Scenario, Session

Raw = dict[str, list[dict[str, dict[str, float]]]]  # by scenario, alternation, server


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [each.name for each in SCENARIOS] + ["inprocess"]
    parser.add_argument("--build", type=Path, default=peers.ROOT / "build" / "release", help="CMake's tree (build/release)")
    parser.add_argument("--only", metavar="A,B", default=",".join(names), help="of " + ", ".join(names))
    parser.add_argument("--servers", metavar="A,B", help="of " + ", ".join(peer.name for peer in peers.PEERS))
    parser.add_argument("--alternations", type=int, metavar="N", help="7; with --small 2")
    parser.add_argument("--small", action="store_true", help="floor and mempool with few clients, in seconds: that all of it works, no figures")
    parser.add_argument("--no-fetch", action="store_true", help="build nothing by cargo and npm; what they built before takes part")
    parser.add_argument("--out", type=Path, help="the JSON (bench/out/TIME.json)")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="SVG plots too, for docs/performance")
    parser.add_argument("--plots-of", type=Path, metavar="JSON", help="runs nothing: plots of an earlier run, into --plots")
    given = parser.parse_args()
    given.only = given.only.split(",")
    if unknown := set(given.only) - set(names):
        parser.error(f"--only {','.join(sorted(unknown))}: no such scenario; there are {', '.join(names)}")
    given.servers = (given.servers or ("floor,mempool" if given.small else ",".join(peer.name for peer in peers.PEERS))).split(",")
    if unknown := set(given.servers) - {peer.name for peer in peers.PEERS}:
        parser.error(f"--servers {','.join(sorted(unknown))}: no such server; there are {', '.join(peer.name for peer in peers.PEERS)}")
    given.alternations = given.alternations or (2 if given.small else 7)
    return given


class Bench:
    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.place = peers.Place(given.build.resolve(), peers.ROOT / "build" / "bench", fetch=not (given.no_fetch or given.small))
        self.skipped: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.commands: dict[str, list[str]] = {}
        self.raw: Raw = {}
        self.machine = machine()
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = (cores[0], cores[1]) if len(cores) > 1 else (cores[0], cores[0])
        self.load_command = [str(self.place.build / "bench" / "bench_load")]
        if len(cores) > 1:
            self.load_command.append("--spin")
            os.sched_setaffinity(0, set(cores) - {self.server_core})
        else:
            self.skipped["a second core"] = "server and load generator share the only one: each send() of a server may pay for waking a client"

    def make(self) -> None:
        if not Path(self.load_command[0]).exists():
            raise Failed(f"{self.load_command[0]} is not there; `./dev bench` builds it, or cmake with -DMEMPOOL_BENCH=ON")
        for peer in peers.PEERS:
            if peer.name in self.given.servers:
                try:
                    self.commands[peer.name] = peer.make(self.place)
                    self.versions[peer.name] = peer.versions(self.place)
                except peers.Missing as why:
                    self.skipped[peer.name] = str(why)

    def session(self, peer: peers.Peer, scenario: Scenario) -> dict[str, float]:
        environment = {"MEMPOOL_BENCH_TICK_MS": str(TICK_MS), "MEMPOOL_BENCH_RING": "1024"}
        server = Child(peer.name, [*self.commands[peer.name], *scenario.flags], self.server_core, environment)
        load = Child(f"the load generator (against {peer.name}, {scenario.name})", self.load_command, self.load_core)
        try:
            (port,) = server.hear("listening", 30)
            session = Session(server, load, int(port), self.given.small)
            scenario.run(session)
            session.values["waited"] = server.waited_part()
            return session.values
        finally:
            load.close()
            server.close()

    def alternate(self, scenario: Scenario) -> None:
        taking_part = []
        for peer in peers.PEERS:
            if peer.name in self.commands and not peer.lacks & scenario.needs:
                taking_part.append(peer)
            elif peer.name in self.commands:
                self.skipped[f"{peer.name}, {scenario.name}"] = "it has no " + ", no ".join(sorted(peer.lacks & scenario.needs))
        self.raw[scenario.name] = []
        for alternation in range(self.given.alternations):
            values: dict[str, dict[str, float]] = {}
            turn = alternation % max(1, len(taking_part))
            for peer in taking_part[turn:] + taking_part[:turn]:
                try:
                    values[peer.name] = self.session(peer, scenario)
                except Unsupported:
                    self.skipped[f"{peer.name}, {scenario.name}"] = "unsupported"
            if not values:
                break
            self.raw[scenario.name].append(values)
            print(f"{scenario.name}: {alternation + 1} of {self.given.alternations}", flush=True)

    def in_process(self) -> list[dict[str, object]]:
        programs, skipped = inprocess.programs(self.place)
        self.skipped.update(skipped)
        found: dict[str, list[float]] = {}
        units: dict[str, str] = {}
        self.raw["inprocess"] = []
        for alternation in range(self.given.alternations if programs else 0):
            values: dict[str, float] = {}
            for name, command in programs.items():
                for line in inprocess.run_once(name, command, self.given.small):
                    values[inprocess.key(name, line)] = float(str(line["value"]))
                    units[inprocess.key(name, line)] = str(line["unit"])
            for name, value in values.items():
                found.setdefault(name, []).append(value)
            self.raw["inprocess"].append(inprocess.by_owner(values))
            print(f"inprocess: {alternation + 1} of {self.given.alternations}", flush=True)
        return [{"figure": name, "unit": units[name], "values": values, "value": vars(Spread.of(values))} for name, values in found.items()]


def main() -> int:
    given = arguments()
    if given.plots_of:
        for path in plots.draw(json.loads(given.plots_of.read_text()), given.plots or peers.ROOT / "docs" / "performance"):
            print(path)
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    bench = Bench(given)
    whole: dict[str, object] = {"started": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "small": given.small, "machine": bench.machine}
    inside: list[dict[str, object]] = []
    failure = ""
    try:
        bench.make()
        for scenario in SCENARIOS:
            if scenario.name in given.only:
                bench.alternate(scenario)
        if "inprocess" in given.only:
            inside = bench.in_process()
    except Failed as why:
        failure = str(why)
    except KeyboardInterrupt:
        failure = "interrupted"
    servers = [*bench.commands, *(name for name in inprocess.OWNERS if name not in bench.commands)]
    figures = report.summary(FIGURES | {"inprocess": inprocess.FIGURES}, servers, bench.raw, judge=not given.small and not failure)
    whole |= {"versions": bench.versions, "skipped": bench.skipped, "figures": figures, "inprocess": inside, "raw": bench.raw, "failed": failure}

    print(report.table(figures))
    print(report.table_in_process(inside))
    print(report.conditions(whole))
    out = given.out or peers.BENCH / "out" / time.strftime("%Y%m%d-%H%M%S.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(whole, indent=1) + "\n")
    print(f"\nall values: {out}")
    if given.plots:
        for path in plots.draw(whole, given.plots):
            print(path)
    if failure:
        print(f"bench: the run failed; what is above is what it had by then: {failure}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
