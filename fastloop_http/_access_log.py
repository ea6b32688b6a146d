"""The access log: a line, and a record with its parts, for each request that is answered, refused or lost."""

import logging
import time

logger = logging.getLogger("fastloop_http.access")

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clock_time(seconds: int) -> str:
    """Return a time since the epoch as the combined format has it, in UTC whatever the locale."""
    now = time.gmtime(seconds)
    return f"{now.tm_mday:02}/{MONTHS[now.tm_mon - 1]}/{now.tm_year}:{time.strftime('%H:%M:%S', now)} +0000"


def client_host(client: object) -> str | None:
    """Return the address in what a transport calls its peer: an IP; "unix:" for a socket file."""
    if isinstance(client, tuple):
        return str(client[0])
    return None if client is None else "unix:"


class AccessLog:
    """Writes to a logger what connections tell of requests, at level INFO."""

    def __init__(self, target: logging.Logger) -> None:
        self._logger = target
        self._second = -1  # of which _time is the text
        self._time = ""

    def __call__(
        self,
        client: object,
        request_line: str | None,
        method: str | None,
        target: str | None,
        version: str | None,
        status: int,
        sent: int,
        duration_ns: int,
        referer: str | None,
        user_agent: str | None,
        complete: bool,
    ) -> None:
        """Write one line; the arguments are those of `_h1.access`."""
        log = self._logger
        if not log.isEnabledFor(logging.INFO):
            return
        # Not log.info(): there is no caller worth finding, and to look for one costs more than all the rest.
        record = log.makeRecord(log.name, logging.INFO, __file__, 0, "", (), None, "access")
        if int(record.created) != self._second:
            self._second = int(record.created)
            self._time = clock_time(self._second)
        host = client_host(client)
        duration_ms = duration_ns / 1e6
        # The combined format of Apache and nginx, then milliseconds, and a word for an answer that is cut.
        record.msg = (
            f'{host or "-"} - - [{self._time}] "{request_line or "-"}" {status} {sent} "{referer or "-"}" '
            f'"{user_agent or "-"}" {duration_ms:.3f}{"" if complete else " cut"}'
        )
        record.__dict__.update(
            client=host,
            request_line=request_line,
            method=method,
            target=target,
            http_version=version,
            status=status,
            sent=sent,
            duration_ms=duration_ms,
            referer=referer,
            user_agent=user_agent,
            complete=complete,
        )
        log.handle(record)


def check_access_log(value: object) -> AccessLog | None:
    """Return what writes to the logger that value stands for; None for False; TypeError for anything else."""
    if isinstance(value, bool):
        return AccessLog(logger) if value else None
    if isinstance(value, str):
        return AccessLog(logging.getLogger(value))
    if isinstance(value, logging.Logger):
        return AccessLog(value)
    raise TypeError(f"access_log must be True, False, a logger or its name, not {value!r}")
