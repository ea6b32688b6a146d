"""A run as text, a block a case; and as Markdown, a line a figure."""

from bench import markdown
from bench.facts import one_line
from bench.strain.figures import Row, Run


def header(run: Run) -> str:
    """Say how and on what the run was made."""
    part = "" if run.scale == 1 else f" at {run.scale:g} of their size"
    return f"{one_line(run.facts)}\n{run.rounds} rounds of each case{part}, seed {run.seed}"


def row_table(row: Row) -> str:
    """Lay out one case, a column a round."""
    lines = [f"{row.title} ({row.name})"]
    lines += [f"{name:<20}" + "".join(f"{cell:>14}" for cell in cells) for name, cells in _figures(row)]
    lines += [f"  !! {fault}" for outcome in row.rounds for fault in outcome.faults]
    return "\n".join(lines)


def to_markdown(run: Run) -> str:
    """Lay out the run for a document."""
    rows = [[row.name, name, " / ".join(cells)] for row in run.rows for name, cells in _figures(row)]
    how = header(run).replace("\n", ". ")
    return f"{markdown.table(['', 'figure', 'in each round'], rows)}\n\n{how}."


def _figures(row: Row) -> list[tuple[str, list[str]]]:
    names = dict.fromkeys(name for outcome in row.rounds for name in outcome.figures)
    return [(name, [_cell(outcome.figures.get(name)) for outcome in row.rounds]) for name in names]


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.3g}"
