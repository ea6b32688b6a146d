"""A run as text, a block a workload; and as Markdown, a line a workload."""

from bench import markdown
from bench.facts import one_line
from bench.loops import LOOPS, OURS
from bench.micro.figures import LoopResult, Row, Run
from bench.pairs import Ratio

HEADER = f"{'loop':<12}{'ns/op':>9}{'(min-max)':>18}{'x asyncio':>22}{'x fastest peer':>22}"
BYTES = {
    "pending_bytes": "resident",
    "left_bytes": "resident, 90% cancelled",
    "left_traced_bytes": "allocated, 90% cancelled",
}
TIMERS = "A million pending timers, bytes a timer"

# Typography that is easily taken for ASCII.
TO = "\N{EN DASH}"


def header(run: Run) -> str:
    """Say how and on what the run was made."""
    how = f"{run.rounds} rounds, seed {run.seed}; only ratios within this run are figures"
    return f"{one_line(run.facts)}\n{how}"


def row_table(row: Row) -> str:
    """Lay out one workload, the fastest loop first."""
    valid = sorted((each for each in row.loops if each.valid), key=lambda each: each.median_ns)
    peer = row.fastest_peer()
    lines = [f"{row.title} ({row.name})", HEADER, *(_line(row, each, peer) for each in valid)]
    lines += [f"  !! {each.loop} INVALID, {each.error}" for each in row.loops if each.error]
    return "\n".join(lines)


def _line(row: Row, result: LoopResult, peer: str | None) -> str:
    spread = f"({min(result.ns.values()):.0f}-{max(result.ns.values()):.0f})"
    asyncio, fastest = (_ratio(row, result.loop, against) for against in ("asyncio", peer))
    return f"{result.loop:<12}{result.median_ns:>9.0f}{spread:>18}{asyncio:>22}{fastest:>22}"


def _ratio(row: Row, loop: str, against: str | None) -> str:
    ratio = row.ratio(loop, against) if against not in (None, loop) else None
    return f"{ratio.median:.2f} ({ratio.least:.2f}-{ratio.most:.2f})" if ratio else ""


def memory_table(run: Run) -> str:
    """Lay out what pending timers take."""
    lines = [TIMERS, "loop        " + "".join(f"{title:>26}" for title in BYTES.values())]
    for loop, found in run.memory.items():
        lines.append(f"{loop:<12}" + "".join(f"{found[name]:>26.0f}" for name in BYTES))
    return "\n".join(lines)


def to_markdown(run: Run) -> str:
    """Lay out the run for a document."""
    loops = [loop for loop in LOOPS if any(row.valid(loop) for row in run.rows)]
    head = ["ns an operation", *loops, f"{OURS} / asyncio", f"{OURS} / fastest peer"]
    rows = [[row.title, *(_cell(row, loop) for loop in loops), *_ratio_cells(row)] for row in run.rows]
    legend = (
        f"Medians of {run.rounds} interleaved rounds; ratios are medians of the rounds' own "
        f"(min{TO}max). {one_line(run.facts)}."
    )
    parts = [markdown.table(head, rows), legend]
    if run.memory:
        lines = [[loop, *(f"{found[name]:.0f}" for name in BYTES)] for loop, found in run.memory.items()]
        parts.append(markdown.table([TIMERS, *BYTES.values()], lines))
    return "\n\n".join(parts)


def _cell(row: Row, loop: str) -> str:
    result = row.valid(loop)
    return f"{result.median_ns:,.0f}" if result else "invalid"


def _ratio_cells(row: Row) -> list[str]:
    peer = row.fastest_peer()
    cells = []
    for against in ("asyncio", peer):
        ratio = row.ratio(OURS, against) if against else None
        named = f" ({peer})" if against == peer and ratio else ""
        cells.append(f"{_spread(ratio)}{named}" if ratio else "")
    return cells


def _spread(ratio: Ratio) -> str:
    return f"**{ratio.median:.2f}** ({ratio.least:.2f}{TO}{ratio.most:.2f})"
