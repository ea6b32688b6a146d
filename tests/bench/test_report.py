"""What a run says as text and as a picture."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace

from bench.e2e import chart, report
from bench.e2e.figures import Run

MakeRun = Callable[..., Run]

SVG = "{http://www.w3.org/2000/svg}"


def test_table_names_what_is_invalid_and_what_is_missing(make_run: MakeRun) -> None:
    run = make_run("plaintext", {"limit": 5.0, "axum": 6.0}, {"axum": ["round 1: Non-2xx responses: 7"]})
    table = report.case_table(replace(run.cases[0], missing={"uvicorn": "not installed"}))
    row = next(line for line in table.splitlines() if line.startswith("axum"))
    assert row.split() == ["axum", "6.00", "1.20", "(1.20-1.20)", "1.00", "166,667", "2", "INVALID"]
    assert "!! axum INVALID, round 1: Non-2xx responses: 7" in table
    assert "-- no uvicorn: not installed" in table


def test_markdown_has_a_table_for_each_kind_of_case_and_a_line_a_case(make_run: MakeRun) -> None:
    run = make_run("echo", {"limit": 5.0, "uvloop": 6.0, "fastloop": 5.5}, {"uvloop": ["round 1: closed"]})
    tcp = replace(run.cases[0], parameters={"kind": "echo"})
    udp = make_run("udp", {"limit": 4.0, "fastloop": 6.0}).cases[0]
    http = replace(make_run("plaintext", {"limit": 5.0, "axum": 6.0}).cases[0], parameters={"kind": "http"})
    tables = report.to_markdown(
        replace(run, cases=[tcp, replace(udp, parameters={"kind": "echo"}), http])
    ).split("\n\n")
    rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in tables[0].splitlines()]
    assert rows[0] == ["limit, µs", "fastloop", "uvloop"]
    assert rows[2] == ["5.00", "**1.10** (1.10\N{EN DASH}1.10)", "invalid"]
    assert rows[3] == ["4.00", "**1.50** (1.50\N{EN DASH}1.50)", ""]
    assert len(tables[1].splitlines()) == 3
    assert "A <fast> & cheap CPU" in tables[2]


def test_markdown_says_what_handlers_cost_above_the_bare_server(make_run: MakeRun) -> None:
    costs = {"limit": 5.0, "fastloop_http": 6.3, "fastloop_http-raw": 6.0}
    path, query = make_run("handler_path", costs), make_run("handler_query", costs, {"fastloop_http": ["no"]})
    run = replace(path, cases=[path.cases[0], query.cases[0]])
    table, legend = report.to_markdown(run).split("\n\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert [row[-1] for row in rows] == ["handlers, µs", "---:", "**0.30**", ""]
    assert "fastloop_http above fastloop_http-raw" in legend


def test_chart_is_well_formed_and_draws_the_ratios(make_run: MakeRun) -> None:
    run = make_run("plaintext", {"limit": 5.0, "axum": 6.0, "fastloop_http": 5.5})
    document = ElementTree.fromstring(chart.draw(run))
    bars = [
        float(each.attrib["width"]) for each in document.iter(f"{SVG}rect") if "bar" in each.attrib["class"]
    ]
    assert [round(bar / bars[0], 2) for bar in bars] == [1.0, 1.2, 1.1]
    text = " ".join(each.text or "" for each in document.iter(f"{SVG}text"))
    assert "1.20\N{MULTIPLICATION SIGN}" in text
    assert "A <fast> & cheap CPU" in text


def test_chart_gives_an_invalid_figure_no_bar(make_run: MakeRun) -> None:
    run = make_run("echo", {"limit": 5.0, "uvloop": 6.0}, {"uvloop": ["round 1: closed"]})
    document = ElementTree.fromstring(chart.draw(run))
    assert len([each for each in document.iter(f"{SVG}rect") if "bar" in each.attrib["class"]]) == 1
