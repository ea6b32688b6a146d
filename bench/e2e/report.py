"""A run as text: one table a case, what is missing or invalid said below it."""

from bench.e2e.cases import BASE
from bench.e2e.figures import CaseResult, Run, ServerResult

HEADER = (
    f"{'server':<16}{'CPU us/req':>11}{'x limit':>9}{'(min-max)':>15}{'tax us':>9}{'req/s':>10}{'RSS MB':>8}"
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
        return f"{server.name:<16}{'no figures':>11}"
    spread = f"({figures.ratio_min:.2f}-{figures.ratio_max:.2f})"
    tax = "" if server.name == BASE else f"{figures.tax_us:.2f}"
    row = f"{server.name:<16}{figures.cpu_us:>11.2f}{figures.ratio:>9.2f}{spread:>15}{tax:>9}"
    return f"{row}{figures.rps:>10,.0f}{server.rss_mb:>8.0f}{'' if server.valid else '  INVALID'}"


def header(run: Run) -> str:
    """Say how and on what the run was made."""
    facts = run.facts
    return (
        f"{facts.get('cpu', 'unknown CPU')}, {facts.get('cores', '?')} cores, "
        f"Linux {facts.get('kernel', '?')}, Python {facts.get('python', '?')}\n"
        f"{run.rounds} rounds of {run.seconds:g} s a server, seed {run.seed}; "
        "only ratios within this run are figures"
    )
