"""A run as an SVG: a panel a case, a bar a server, its length the ratio to the limit. No dependencies."""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from bench.e2e.cases import BASE
from bench.e2e.figures import CaseResult, Figures, Run, ServerResult

WIDTH = 860
MARGIN = 28
NAME_WIDTH = 128  # the column of server names
FIGURE_WIDTH = 236  # the columns of numbers right of the bars
ROW = 25
BAR = 13
TITLE_HEIGHT = 70
PANEL_HEAD = 44
PANEL_GAP = 22
FOOT = 40

# Typography that is easily taken for ASCII.
TO = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"

PLOT_LEFT = MARGIN + NAME_WIDTH
PLOT_RIGHT = WIDTH - MARGIN - FIGURE_WIDTH

# The card is opaque, so it is legible on any page; it follows the reader's colour scheme where it can.
STYLE = """
text { font: 13px -apple-system, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; fill: #24292f }
.card { fill: #ffffff; stroke: #d0d7de }
.title { font-size: 19px; font-weight: 600 }
.case { font-size: 14px; font-weight: 600 }
.note, .spread, .head { fill: #636c76; font-size: 12px }
.ours { font-weight: 600 }
.number { text-anchor: end; font-variant-numeric: tabular-nums }
.name { text-anchor: end }
.bar { fill: #b4bdc7 }
.bar.ours { fill: #e8590c }
.bar.base { fill: #6e7781 }
.whisker { stroke: #24292f; stroke-width: 1.3; fill: none }
.limit { stroke: #6e7781; stroke-dasharray: 3 3 }
.rule { stroke: #d0d7de }
.invalid { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .card { fill: #0d1117; stroke: #30363d }
  .note, .spread, .head { fill: #9198a1 }
  .bar { fill: #4d5661 }
  .bar.ours { fill: #fd7e14 }
  .bar.base { fill: #8b949e }
  .whisker { stroke: #e6edf3 }
  .limit { stroke: #8b949e }
  .rule { stroke: #30363d }
  .invalid { fill: #ff7b72 }
}
"""


@dataclass(frozen=True)
class Scale:
    """Ratios to pixels: linear from zero, so that a bar twice as long is a cost twice as high."""

    top: float

    def x(self, ratio: float) -> float:
        return PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * ratio / self.top


def draw(run: Run) -> str:
    """Return the SVG document."""
    parts: list[str] = []
    y = TITLE_HEIGHT
    for case in run.cases:
        if any(server.figures for server in case.servers):
            parts += _panel(case, y)
            y += PANEL_HEAD + ROW * len(case.servers) + PANEL_GAP
    height = y + FOOT
    parts.append(_text(MARGIN, height - 20, _foot(run), "note"))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="chart-title">',
            '<title id="chart-title">Server CPU time per request or message, '
            "as a multiple of a bare C server's</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
            _text(MARGIN, 36, "Server CPU time per request or message", "title"),
            _text(
                MARGIN,
                57,
                "As a multiple of a bare C epoll server measured in the same rounds; shorter is better.",
                "note",
            ),
            *parts,
            "</svg>\n",
        ]
    )


def write(run: Run, path: Path) -> None:
    """Draw the run into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(run))


def _panel(case: CaseResult, top: float) -> list[str]:
    scale = Scale(max(server.figures.ratio_max for server in case.servers if server.figures) * 1.02)
    baseline = top + PANEL_HEAD - 12
    columns = ((PLOT_RIGHT + 62, "ratio"), (PLOT_RIGHT + 152, f"min{TO}max"), (WIDTH - MARGIN, "CPU each"))
    parts = [
        f'<line class="rule" x1="{MARGIN}" y1="{top}" x2="{WIDTH - MARGIN}" y2="{top}"/>',
        _text(MARGIN, baseline, case.title, "case"),
        *(_text(x, baseline, label, "number head") for x, label in columns),
    ]
    for index, server in enumerate(case.servers):
        parts += _row(server, scale, top + PANEL_HEAD + ROW * index)
    one = scale.x(1.0)
    bottom = top + PANEL_HEAD + ROW * len(case.servers)
    parts.append(
        f'<line class="limit" x1="{one:.1f}" y1="{top + PANEL_HEAD - 4}" x2="{one:.1f}" y2="{bottom}"/>'
    )
    return parts


def _row(server: ServerResult, scale: Scale, top: float) -> list[str]:
    kind = "base" if server.name == BASE else "ours" if server.name.startswith("fastloop") else ""
    middle = top + ROW / 2
    text_y = middle + 4.5
    label = "C limit" if server.name == BASE else server.name
    parts = [_text(PLOT_LEFT - 10, text_y, label, f"name {kind}")]
    figures = server.figures
    if figures is None or not server.valid:
        return [*parts, _text(PLOT_LEFT + 6, text_y, "no valid figure", "invalid")]
    length = scale.x(figures.ratio) - PLOT_LEFT
    parts.append(
        f'<rect class="bar {kind}" x="{PLOT_LEFT}" y="{middle - BAR / 2:.1f}" width="{length:.1f}" '
        f'height="{BAR}" rx="2"/>'
    )
    if kind != "base":
        parts.append(_whisker(figures, scale, middle))
    digits = 1 if figures.ratio_max >= 10 else 2
    spread = "" if kind == "base" else f"{figures.ratio_min:.{digits}f}{TO}{figures.ratio_max:.{digits}f}"
    return [
        *parts,
        _text(PLOT_RIGHT + 62, text_y, f"{figures.ratio:.{digits}f}{TIMES}", f"number {kind}"),
        _text(PLOT_RIGHT + 152, text_y, spread, "number spread"),
        _text(WIDTH - MARGIN, text_y, f"{figures.cpu_us:.2f} µs", f"number {kind}"),
    ]


def _whisker(figures: Figures, scale: Scale, middle: float) -> str:
    low, high = scale.x(figures.ratio_min), scale.x(figures.ratio_max)
    return (
        f'<path class="whisker" d="M{low:.1f} {middle - 3.5}v7M{low:.1f} {middle}H{high:.1f}'
        f'M{high:.1f} {middle - 3.5}v7"/>'
    )


def _text(x: float, y: float, text: str, css: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{css.strip()}">{escape(text)}</text>'


def _foot(run: Run) -> str:
    facts = run.facts
    return (
        f"Median of {run.rounds} interleaved rounds, whiskers min{TO}max. {facts.get('cpu', 'Unknown CPU')}, "
        f"Linux {str(facts.get('kernel', '?')).partition('-')[0]}, Python {facts.get('python', '?')}; "
        "server and load on one core each."
    )
