"""A run as text and as Markdown, a line a case and contender."""

from bench import markdown
from bench.facts import one_line
from bench.parser.cases import OURS, PEER
from bench.parser.figures import Row, Run, Timed

HEADER = f"{'case':<12}{'parser':<12}{'median':>10}{'(min-max)':>20}  {'unit':<6}{'x httptools':>22}"

# Typography that is easily taken for ASCII.
TO = "\N{EN DASH}"


def table(run: Run) -> str:
    """Lay out the run, with what it ran on and what is missing."""
    how = f"{run.rounds} rounds, seed {run.seed}; CPU time"
    lines = [one_line(run.facts), how, "", HEADER]
    for row in run.rows:
        lines += [_line(row, timed) for timed in row.timed if timed.valid]
        lines += [f"  !! {row.name} {each.name} INVALID, {each.error}" for each in row.timed if each.error]
    lines += [f"  -- no {case}: {why}" for case, why in run.missing.items()]
    return "\n".join(lines)


def _line(row: Row, timed: Timed) -> str:
    median, low, high = figures(row, timed)
    ratio = row.ratio(OURS, PEER) if timed.name == OURS else None
    against = f"{ratio.median:.2f} ({ratio.least:.2f}-{ratio.most:.2f})" if ratio else ""
    spread = f"({low}-{high})"
    return f"{row.name:<12}{timed.name:<12}{median:>10}{spread:>20}  {row.unit:<6}{against:>22}".rstrip()


def figures(row: Row, timed: Timed) -> tuple[str, str, str]:
    """Return median, least and most in the case's unit."""
    shown = sorted(row.shown(ns) for ns in timed.ns.values())
    median = row.shown(timed.median_ns)
    places = 0 if median >= 100 else 1 if median >= 10 else 2
    low, high = shown[0], shown[-1]
    return f"{median:,.{places}f}", f"{low:,.{places}f}", f"{high:,.{places}f}"


def to_markdown(run: Run) -> str:
    """Lay out the run for a document."""
    rows = []
    for row in run.rows:
        cells = {}
        for timed in row.timed:
            if timed.valid:
                median, low, high = figures(row, timed)
                cells[timed.name] = f"**{median}** ({low}{TO}{high})"
        rows.append([f"{row.title}, {row.unit}", cells.get(OURS, "invalid"), cells.get(PEER, "")])
    legend = f"CPU time for a message, median (min{TO}max) of {run.rounds} rounds. {one_line(run.facts)}."
    return f"{markdown.table(['', OURS, PEER], rows)}\n\n{legend}"
