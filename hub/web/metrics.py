"""`/metrics`, in the text format of Prometheus."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from flask import Flask, Response, abort, request

from hub.admin.operations import metrics
from hub.admin.operations.metrics import Metric
from hub.pipeline.hub import Hub
from hub.web.intake import Intake

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH_S = 10.0
SHARE = 0.01
"""Of its time the hub spends no more than this on numbers that take a look at every row."""


def add_metrics(app: Flask, hub: Hub, intake: Callable[[], Intake], is_from_this_machine: Callable[[], bool]) -> None:
    """Answer `/metrics`: with the token of HUB_METRICS_TOKEN, or on this machine, while the hub is not public."""
    current = Remembered(lambda: metrics.current(hub))
    totals = Remembered(lambda: metrics.totals(hub))

    @app.get("/metrics")
    def show() -> Response:
        if not is_from_this_machine():
            _check_token(hub.settings.metrics_token)
        found = [*current(), *totals(), _requests(intake().answered())]
        return Response(render(found), content_type=CONTENT_TYPE)


def _check_token(token: str | None) -> None:
    if token is None:
        abort(404)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        abort(401)


def _requests(answered: Mapping[int, int]) -> Metric:
    return Metric(
        name="hub_intake_requests_total",
        kind="counter",
        help="Event requests that this process answered, by status",
        samples=[({"status": str(status)}, number) for status, number in sorted(answered.items())],
    )


class Remembered:
    """Calls a function when its last result is 10 seconds old, or older where the function takes its time."""

    def __init__(self, measure: Callable[[], Sequence[Metric]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._measure = measure
        self._clock = clock
        self._found: Sequence[Metric] = ()
        self._fresh_until = -1.0
        self._measuring = threading.Lock()

    def __call__(self) -> Sequence[Metric]:
        """Return the result."""
        with self._measuring:
            started = self._clock()
            if started >= self._fresh_until:
                self._found = self._measure()
                ended = self._clock()
                self._fresh_until = ended + max(FRESH_S, (ended - started) / SHARE)
            return self._found


def render(found: Iterable[Metric]) -> str:
    """Return metrics as Prometheus reads them."""
    return "".join(f"{line}\n" for metric in found for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples:
        named = ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items())
        yield f"{metric.name}{{{named}}} {float(value):.15g}" if named else f"{metric.name} {float(value):.15g}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
