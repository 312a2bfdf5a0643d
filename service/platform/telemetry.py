"""Reports of the service about itself: JSON log lines, request ids, and counters in Prometheus' text format.

Every request passes through this code, so it is plain: lines are collected and written together, counters are lists in
dictionaries. Nothing logs bodies, header values or keys.
"""

import asyncio
import itertools
import logging
import os
import re
import sys
import time
import traceback
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, BinaryIO

import orjson

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_FLUSH_SECONDS = 0.2
_FLUSH_LINES = 500


class RequestIds:
    """Give each request an id: the client's own when it is well formed, else one that is unique over restarts."""

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex()
        self._next = itertools.count(1).__next__

    def choose(self, given: bytes | None) -> str:
        """Return the id: 1 to 128 characters of letters, digits and `._:-`."""
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
        return f"{self._prefix}{self._next():010x}"


class JsonLines(logging.Formatter):
    """Format a record as one JSON object. `extra={"fields": {...}}` adds members, and a traceback is one of them."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its line end."""
        line: dict[str, Any] = {
            "time": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(line, default=str).decode()


def configure_logging(level: str = "info") -> None:
    """Send every logger's records to standard error as JSON lines, from `level` upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel("WARNING")  # the command itself prints the address it serves


class AccessLog:
    """Write one JSON line per request, in batches: a line waits at most 0.2 s, or until 500 lines are waiting."""

    def __init__(self, stream: BinaryIO | None = None, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._stream = stream
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def write(self, fields: dict[str, Any]) -> None:
        """Add a line. Values must be plain (text, numbers, None)."""
        self._lines.append(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        if len(self._lines) >= _FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the waiting lines. Called by the log's own timer and when the service stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            stream = self._stream or sys.stderr.buffer
            stream.write(b"".join(self._lines))
            stream.flush()
            self._lines.clear()


class Metrics:
    """Counters, gauges and the request histogram of this process, rendered for Prometheus."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, int], list[float]] = {}
        self._counters: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}
        self._help: dict[str, str] = {}
        self._started = time.time()

    def request(self, method: str, template: str, status: int, seconds: float) -> None:
        """Count one answered request. `template` is the route with its parameters' names, never their values."""
        key = (method, template, status)
        row = self._requests.get(key)
        if row is None:
            row = self._requests[key] = [0.0] * (len(_BOUNDS) + 2)
        row[bisect_left(_BOUNDS, seconds)] += 1
        row[-1] += seconds

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter. By custom its name ends in `_total`."""
        rows = self._counters.setdefault(name, {})
        key = tuple(sorted(labels.items()))
        rows[key] = rows.get(key, 0.0) + amount

    def describe(self, name: str, text: str) -> None:
        """Set the help text of a counter."""
        self._help[name] = text

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a gauge whose value is read when the metrics are rendered."""
        self._gauges[name] = read
        self._help[name] = text

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format 0.0.4."""
        lines = [*self._render_requests(), *self._render_counters(), *self._render_gauges(), ""]
        return "\n".join(lines).encode()

    def _render_requests(self) -> Iterator[str]:
        name = "kam_http_request_duration_seconds"
        yield f"# HELP {name} Seconds from the first byte of a request to the last byte of its answer."
        yield f"# TYPE {name} histogram"
        for (method, template, status), row in sorted(self._requests.items()):
            labels = _labels((("method", method), ("route", template), ("status", str(status))))
            total = 0
            for bound, count in zip((*_BOUNDS, "+Inf"), row[:-1], strict=True):
                total += int(count)
                yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
            yield f"{name}_sum{{{labels}}} {row[-1]:.6f}"
            yield f"{name}_count{{{labels}}} {total}"

    def _render_counters(self) -> Iterator[str]:
        for name, rows in sorted(self._counters.items()):
            yield f"# HELP {name} {self._help.get(name, name)}"
            yield f"# TYPE {name} counter"
            for key, value in sorted(rows.items()):
                yield f"{name}{{{_labels(key)}}} {value:g}" if key else f"{name} {value:g}"

    def _render_gauges(self) -> Iterator[str]:
        for name, read in sorted(self._gauges.items()):
            yield f"# HELP {name} {self._help.get(name, name)}"
            yield f"# TYPE {name} gauge"
            yield f"{name} {read():g}"
        yield "# HELP process_start_time_seconds Start of the process, in seconds since 1970."
        yield "# TYPE process_start_time_seconds gauge"
        yield f"process_start_time_seconds {self._started:.3f}"


def _labels(pairs: tuple[tuple[str, str], ...]) -> str:
    """Return labels as Prometheus writes them."""
    return ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)


def _escape(value: str) -> str:
    """Return a label's value with backslash, quote and line end escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def stamp(seconds: float) -> str:
    """Return an instant, in seconds since 1970, as RFC 3339 in UTC with milliseconds."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@lru_cache(maxsize=8)
def _second(whole: int) -> str:
    """Return a second as RFC 3339 without its end: the same for all the lines of that second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
