# SPDX-License-Identifier: MIT
"""What a run says: a table for a person, JSON for everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .figures import Alternation, Figure, Spread, ratios_of, values_of, verdict


def shown(value: float, unit: str) -> str:
    if unit == "ns":
        return f"{value:,.0f} ns" if value >= 100 else f"{value:.1f} ns"
    if unit == "B":
        return f"{value / 2**20:,.2f} MiB" if abs(value) >= 2**20 else f"{value:,.0f} B"
    if unit == "ms":
        return f"{value:.3f} ms"
    if unit == "/s":
        return f"{value:,.0f}/s"
    return f"{value:.3f}"


def ratio_shown(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def rows_of(figure: Figure, servers: Sequence[str], alternations: Sequence[Alternation], judge: bool) -> Iterator[dict[str, object]]:
    """One a server that gave anything."""
    for server in servers:
        value = Spread.of(values_of(figure, server, alternations))
        if value is None:
            continue
        ratio = Spread.of(ratios_of(figure, server, alternations))
        yield {
            "server": server,
            "value": vars(value),
            "ratio": vars(ratio) if ratio else None,
            "verdict": verdict(figure, ratio, value) if server == "mempool" and judge else "",
        }


def summary(figures: Mapping[str, Sequence[Figure]], servers: Sequence[str], raw: Mapping[str, Sequence[Alternation]], judge: bool) -> list[dict[str, object]]:
    """Every figure of the scenarios that ran. `judge`: held against what it must reach."""
    return [
        {
            "figure": figure.name,
            "scenario": scenario,
            "title": figure.title,
            "unit": figure.unit,
            "divided_by": figure.of,
            "must": figure.must,
            "aim": figure.aim,
            "more_is_better": figure.more_is_better,
            "rows": list(rows_of(figure, servers, alternations, judge)),
        }
        for scenario, alternations in raw.items()
        for figure in figures.get(scenario, [])
    ]


def _spread(spread: Mapping[str, float], show: object) -> str:
    assert callable(show)
    return f"{show(spread['median'])} ({show(spread['low'])} .. {show(spread['high'])})"


def table(summed: Sequence[dict[str, object]]) -> str:
    lines: list[str] = []
    for figure in summed:
        rows = figure["rows"]
        assert isinstance(rows, list)
        if not rows or (figure["divided_by"] and not any(row["ratio"] for row in rows)):
            continue  # nobody measured, or not the one that it is divided by
        asked = [f"{word} {figure[word]:g}" for word in ("must", "aim") if figure[word] is not None]
        lines += ["", str(figure["title"]) + (f"   [{', '.join(asked)}]" if asked else "")]
        for row in rows:
            value = _spread(row["value"], lambda number: shown(number, str(figure["unit"])))
            ratio = _spread(row["ratio"], ratio_shown) if row["ratio"] else ""
            said = {"aim": "aim reached", "must": "must reached", "missed": "MISSED"}.get(row["verdict"], "")
            lines.append(f"  {row['server']:<13} {value:<52} {ratio:<26} {said}".rstrip())
    return "\n".join(lines)


def table_in_process(inside: Sequence[Mapping[str, object]]) -> str:
    if not inside:
        return ""
    lines = ["", "Inside one process"]
    for figure in inside:
        value = figure["value"]
        assert isinstance(value, Mapping)
        lines.append(f"  {figure['figure']!s:<64} {_spread(value, lambda number: shown(number, str(figure['unit'])))}")
    return "\n".join(lines)


def conditions(whole: Mapping[str, object]) -> str:
    """The machine, the versions, and who took no part."""
    machine, versions, skipped = whole["machine"], whole["versions"], whole["skipped"]
    assert isinstance(machine, Mapping) and isinstance(versions, Mapping) and isinstance(skipped, Mapping)
    lines = [
        "",
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, page-table isolation "
        f"{'on' if machine['page_table_isolation'] else 'off'}" + (", a virtual machine" if machine["hypervisor"] else ""),
    ]
    lines += [f"  {name:<13} " + ", ".join(f"{what} {version}" for what, version in each.items()) for name, each in versions.items()]
    raw = whole["raw"]
    assert isinstance(raw, Mapping)
    floor = [each["floor"]["waited"] for alternations in raw.values() for each in alternations if "floor" in each]
    if floor and max(floor) > 0.1:  # one thread, alone on its core: what it waits for is not ours
        lines.append(f"  others load this machine: the floor, one thread, waited for its core up to {max(floor):.0%} of its time; latencies above are theirs too")
    lines += [f"  not measured: {name}: {why}" for name, why in skipped.items()]
    if whole["small"]:
        lines.append("  --small: these are no figures")
    return "\n".join(lines)
