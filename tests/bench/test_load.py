"""What the load generators print, read."""

from bench.e2e.load import Load, read_echoload, read_wrk

WRK = """\
Running 1s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  90212 requests in 1.10s, 11.44MB read
{complaints}Requests/sec:  82010.91
Transfer/sec:     10.40MB
"""


def test_wrk_report_without_complaints_is_valid() -> None:
    assert read_wrk(WRK.format(complaints="")) == Load(90212, 82010.91)


def test_wrk_complaints_are_errors() -> None:
    complaints = "  Socket errors: connect 0, read 3, write 0, timeout 0\n  Non-2xx or 3xx responses: 12\n"
    error = read_wrk(WRK.format(complaints=complaints)).error
    assert error is not None
    assert "read 3" in error
    assert "responses: 12" in error


def test_echoload_names_what_went_wrong() -> None:
    assert read_echoload("500 1000 0 0\n") == Load(500, 1000.0)
    assert read_echoload("0 0 16 0\n").error == "no message came back"
    assert read_echoload("500 1000 3 7\n").error == "3 connections got nothing back"
    assert read_echoload("500 1000 0 7\n").error == "7 datagrams were lost"
