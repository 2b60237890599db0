# SPDX-License-Identifier: MIT
"""Plots of a run's JSON as SVG, by hand: bars of medians with the spread over all alternations, and the two lines that libmempool must
reach and should. One file a figure, readable on a light and on a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from .report import ratio_shown, shown

WIDTH, LEFT, RIGHT, TOP, ROW = 760, 150, 190, 62, 30
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600; font-size: 15px } .small { font-size: 11px; fill: #57606a }
.bar { fill: #8c959f } .ours { fill: #0969da } .spread { stroke: #24292f; stroke-width: 1.5 } .axis { stroke: #d0d7de }
.must { stroke: #cf222e; stroke-dasharray: 5 3 } .aim { stroke: #1a7f37; stroke-dasharray: 5 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small { fill: #9198a1 } .spread { stroke: #e6edf3 } .axis { stroke: #3d444d }
.bar { fill: #656c76 } .ours { fill: #4493f8 } }
</style>"""


def draw(whole: Mapping[str, object], folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    machine = whole["machine"]
    assert isinstance(machine, Mapping) and isinstance(whole["figures"], list)
    where = f"{machine['cpu']}, Linux {machine['kernel']}, page-table isolation {'on' if machine['page_table_isolation'] else 'off'}"
    for figure in whole["figures"]:
        if len(figure["rows"]) > 1 and (not figure["divided_by"] or any(row["ratio"] for row in figure["rows"])):
            path = folder / f"{figure['figure']}.svg"
            path.write_text(svg(figure, where))
            yield path


def svg(figure: Mapping[str, object], where: str) -> str:
    rows = figure["rows"]
    assert isinstance(rows, list)
    ratios = bool(figure["divided_by"])
    kind = "ratio" if ratios else "value"
    bars = [(row["server"], row[kind], row["value"]) for row in rows if row[kind]]
    marks = [(word, figure[word]) for word in ("must", "aim") if isinstance(figure[word], (int, float))]
    values = [spread["median"] for _, spread, _ in bars] + [mark for _, mark in marks]
    # Where the largest would leave nothing of the others, each step is a power of ten.
    logarithmic = min(values) > 0 and max(values) / min(values) > 30
    low = 10 ** math.floor(math.log10(min(values))) if logarithmic else 0.0
    high = max(values + [spread["high"] for _, spread, _ in bars]) * (1.3 if logarithmic else 1.05)

    def x(value: float) -> float:
        if logarithmic:
            part = math.log(max(value, low) / low) / math.log(high / low)
        else:
            part = max(value, 0.0) / high
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    height = TOP + ROW * len(bars) + 34
    unit = str(figure["unit"])
    better = "more is better" if figure["more_is_better"] else "less is better"
    of = f"divided by {figure['divided_by']}" if ratios and figure["divided_by"] != "self" else "ratio" if ratios else f"in {unit}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(str(figure["title"]))}">',
        STYLE,
        f'<text class="title" x="12" y="24">{escape(str(figure["title"]))}</text>',
        f'<text class="small" x="12" y="42">{of}; {better}; median and spread of {bars[0][1]["count"]} alternations'
        f"{'; logarithmic' if logarithmic else ''}</text>",
        f'<line class="axis" x1="{LEFT}" y1="{TOP - 4}" x2="{LEFT}" y2="{height - 30}"/>',
    ]
    for index, (server, spread, value) in enumerate(bars):
        y = TOP + ROW * index
        middle = y + 10
        label = f"{ratio_shown(spread['median'])} · {shown(value['median'], unit)}" if ratios else shown(spread["median"], unit)
        lines += [
            f'<text x="{LEFT - 8}" y="{middle + 5}" text-anchor="end">{escape(server)}</text>',
            f'<rect class="{"ours" if server == "mempool" else "bar"}" x="{LEFT}" y="{y}" width="{max(1.0, x(spread["median"]) - LEFT):.1f}" height="20"/>',
            f'<line class="spread" x1="{x(spread["low"]):.1f}" y1="{middle}" x2="{x(spread["high"]):.1f}" y2="{middle}"/>',
            f'<text x="{WIDTH - RIGHT + 12}" y="{middle + 5}">{label}</text>',
        ]
    for word, mark in marks:
        at = x(float(mark))
        lines.append(f'<line class="{word}" x1="{at:.1f}" y1="{TOP - 6}" x2="{at:.1f}" y2="{height - 30}"><title>{word} {mark:g}</title></line>')
    legend = ", ".join(f"{word} {mark:g} ({'red' if word == 'must' else 'green'})" for word, mark in marks)
    lines += [f'<text class="small" x="12" y="{height - 10}">{escape(where)}{"; libmempool: " + legend if legend else ""}</text>', "</svg>", ""]
    return "\n".join(lines)
