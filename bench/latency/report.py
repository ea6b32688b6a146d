"""A run as text, a block a probe; and as Markdown, a line a probe and loop."""

from bench import markdown
from bench.facts import one_line
from bench.latency.figures import Row, Run, Seen

PARTS = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
COLUMNS = ("samples", "early", "starved", *PARTS)
HEADER = f"{'loop':<12}" + "".join(f"{name:>10}" for name in COLUMNS)


def header(run: Run) -> str:
    """Say how and on what the run was made."""
    how = f"{run.rounds} rounds of {run.seconds:g} s a probe and loop, seed {run.seed}"
    return f"{one_line(run.facts)}\n{how}"


def row_table(row: Row) -> str:
    """Lay out one probe."""
    lines = [f"{row.title}, {row.unit} ({row.name})", HEADER]
    lines += [f"{seen.loop:<12}" + "".join(f"{cell:>10}" for cell in _cells(row, seen)) for seen in row.loops]
    lines += [f"  !! {seen.loop} INVALID, {error}" for seen in row.loops for error in seen.errors]
    return "\n".join(lines)


def to_markdown(run: Run) -> str:
    """Lay out the run for a document."""
    rows = [
        [f"{row.title}, {row.unit}", seen.loop, *_cells(row, seen)] for row in run.rows for seen in row.loops
    ]
    legend = f"{run.rounds} rounds of {run.seconds:g} s a probe and loop. {one_line(run.facts)}."
    return f"{markdown.table(['', 'loop', *COLUMNS], rows)}\n\n{legend}"


def _cells(row: Row, seen: Seen) -> list[str]:
    # Only a timer can be early, and only what is answered late can starve.
    early = str(seen.early) if row.is_timer else ""
    starved = str(seen.starved) if row.unit == "us" else ""
    parts = [f"{seen.percentile(part):,.0f}" if seen.samples else "" for part in PARTS.values()]
    return [str(len(seen.samples)), early, starved, *parts]
