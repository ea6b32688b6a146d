"""A run as text: one table a case, what is missing or invalid said below it; and as Markdown, shorter."""

from bench import markdown
from bench.e2e.cases import BASE, RAW
from bench.e2e.figures import CaseResult, Run, ServerResult, compare
from bench.e2e.peers import PEERS
from bench.facts import one_line

# The server whose handlers cost what they do above RAW.
HANDLERS = "fastloop_http"

# Typography that is easily taken for ASCII.
TO = "\N{EN DASH}"

HEADER = (
    f"{'server':<18}{'CPU us':>11}{'x limit':>9}{'(min-max)':>15}{'tax us':>9}{'per s':>10}{'RSS MB':>8}"
)


def case_table(case: CaseResult) -> str:
    """Lay out one case. The base is the unit, so it has no tax."""
    lines = [case.title, HEADER]
    lines += [_row(server) for server in case.servers]
    for server in case.servers:
        # The first complaints tell; a broken server repeats itself every round.
        lines += [f"  !! {server.name} INVALID, {error}" for error in server.errors[:3]]
        if len(server.errors) > 3:
            lines.append(f"  !! {server.name} INVALID, and {len(server.errors) - 3} more errors")
    lines += [f"  -- no {name}: {reason}" for name, reason in case.missing.items()]
    return "\n".join(lines)


def _row(server: ServerResult) -> str:
    figures = server.figures
    if figures is None:
        return f"{server.name:<18}{'no figures':>11}"
    spread = f"({figures.ratio_min:.2f}-{figures.ratio_max:.2f})"
    tax = "" if server.name == BASE else f"{figures.tax_us:.2f}"
    row = f"{server.name:<18}{figures.cpu_us:>11.2f}{figures.ratio:>9.2f}{spread:>15}{tax:>9}"
    return f"{row}{figures.rps:>10,.0f}{server.rss_mb:>8.0f}{'' if server.valid else '  INVALID'}"


def header(run: Run) -> str:
    """Say how and on what the run was made."""
    return (
        f"{one_line(run.facts)}\n"
        f"{run.rounds} rounds of {run.seconds:g} s a server, seed {run.seed}; "
        "only ratios within this run are figures"
    )


def to_markdown(run: Run) -> str:
    """Lay out a table for each kind of case: a line a case, a column a server."""
    groups: dict[tuple[str, bool], list[CaseResult]] = {}
    for case in run.cases:
        kind = (str(case.parameters.get("kind")), bool(case.parameters.get("idle")))
        groups.setdefault(kind, []).append(case)
    legend = (
        f"CPU time per request or message as a multiple of the limit's, median (min{TO}max) of {run.rounds} "
        f"rounds; the limit's in microseconds. {one_line(run.facts)}."
    )
    if any(_above_raw(case) for case in run.cases):
        legend += f" Handlers: {HANDLERS} above {RAW} in the same rounds, median in microseconds."
    return "\n\n".join([*(_group(cases) for cases in groups.values()), legend])


def _group(cases: list[CaseResult]) -> str:
    measured = {server.name for case in cases for server in case.servers}
    names = [name for name in PEERS if name in measured and name != BASE]
    head = ["", "limit, \N{MICRO SIGN}s", *names]
    rows = [[case.title, *(_cell(case, name) for name in (BASE, *names))] for case in cases]
    above = [_above_raw(case) for case in cases]
    if any(above):
        head.append("handlers, \N{MICRO SIGN}s")
        rows = [[*row, figure] for row, figure in zip(rows, above, strict=True)]
    return markdown.table(head, rows)


def _above_raw(case: CaseResult) -> str:
    """What handlers cost above the bare server; empty where either has no figure that holds."""
    typed, raw = case.valid(HANDLERS), case.valid(RAW)
    found = compare(typed.bursts, raw.bursts) if typed and raw else None
    return f"**{found.tax_us:.2f}**" if found else ""


def _cell(case: CaseResult, name: str) -> str:
    server = next((each for each in case.servers if each.name == name), None)
    if server is None:
        return ""
    if not server.valid or server.figures is None:
        return "invalid"
    figures = server.figures
    if name == BASE:
        return f"{figures.cpu_us:.2f}"
    return f"**{figures.ratio:.2f}** ({figures.ratio_min:.2f}{TO}{figures.ratio_max:.2f})"
