"""What is live, as Server-Sent Events: states and rates of all channels.

Once a second one sample is made for all who watch; nobody who watches costs the data
path anything. A reader that is slow loses samples and is sent a whole one when it can
take more; nothing is kept for it beyond what its socket holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import LoopingCall
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from .answers import to_json
from .api_past import unquoted
from .base import PEOPLE, Call, Problem, Reply, Route, Site

__all__ = ["ROUTES", "Live", "Stream", "live_of"]

_SAMPLE_SECONDS = 1.0
#: A stream ends this soon after its session or token has.
_LOOK_SECONDS = 3.0
_MAX_STREAMS = 200
_MAX_STREAMS_EACH = 32


@implementer(IPushProducer)
class Stream:
    """One reader of events. `lost` once something could not be given to it."""

    def __init__(self, call: Call, on_end: Callable[[Stream], None]) -> None:
        self.call = call
        self.lost = False
        self.open = True
        self._paused = False
        self._on_end = on_end
        self._look: LoopingCall | None = None
        request = call.request
        request.setHeader("Content-Type", "text/event-stream; charset=utf-8")
        # A stream that ends is over; nothing else is asked on its connection.
        request.setHeader("Connection", "close")
        request.channel.persistent = 0
        # Proxies that gather answers would hold it back.
        request.setHeader("X-Accel-Buffering", "no")
        # Whatever is left of it when the connection ends is nobody's loss.
        request.notifyFinish().addBoth(lambda _: self._end())
        request.registerProducer(self, True)
        self._look = LoopingCall(self._look_after)
        self._look.clock = call.site.reactor
        self._look.start(_LOOK_SECONDS, now=False)
        request.write(b"retry: 3000\n\n")

    def send(self, event: str, data: bytes) -> None:
        """Write it, or lose it."""
        if not self.open:
            return
        if self._paused:
            self.lost = True
            return
        self.call.request.write(b"event: %s\ndata: %s\n\n" % (event.encode(), data))

    @property
    def ready(self) -> bool:
        return self.open and not self._paused

    def close(self) -> None:
        """End the answer."""
        if self.open:
            request = self.call.request
            self._end()
            request.finish()

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False

    def stopProducing(self) -> None:
        self._end()

    def _look_after(self) -> None:
        if not self.call.request.still_allowed():
            self.close()
        elif self.ready:
            # Something has to be written for a reader that is gone to be missed.
            self.call.request.write(b": here\n\n")

    def _end(self) -> None:
        if not self.open:
            return
        self.open = False
        if self._look is not None and self._look.running:
            self._look.stop()
        request = self.call.request
        if request.producer is self and request.channel is not None:
            request.unregisterProducer()
        self._on_end(self)


class Live:
    """The streams of one site, and the sample that all who watch it share."""

    def __init__(self, site: Site) -> None:
        self._operations = site.operations
        self._each: Counter[str] = Counter()
        self._streams: set[Stream] = set()
        self._sent: dict[str, dict[str, Any]] = {}
        self._alarms: list[dict[str, Any]] = []
        self._log_totals: dict[str, int] = {}
        self._loop = LoopingCall(self._sample)
        self._loop.clock = site.reactor

    def open(self, call: Call, on_end: Callable[[Stream], None]) -> Stream:
        """A stream for this call, if there are not too many.

        Raises:
            Problem: 429.
        """
        name = call.principal.name if call.principal is not None else ""
        if self._each[name] >= _MAX_STREAMS_EACH or self._each.total() >= _MAX_STREAMS:
            raise Problem(
                429,
                "There are too many live views",
                "Close one of them.",
                headers=(("Retry-After", "10"),),
            )

        def ended(stream: Stream) -> None:
            self._each[name] -= 1
            on_end(stream)

        self._each[name] += 1
        return Stream(call, ended)

    def watch(self, call: Call) -> None:
        """Send this reader what happens to all channels."""
        stream = self.open(call, self._remove)
        self._streams.add(stream)
        past = self._operations.past
        stream.send("channels", to_json(self._operations.lines()))
        stream.send("alarms", to_json({"alarms": past.alarms()}))
        if not self._loop.running:
            self._sent = self._operations.lines()
            self._alarms, self._log_totals = past.alarms(), past.log_totals()
            self._loop.start(_SAMPLE_SECONDS, now=False)

    def _remove(self, stream: Stream) -> None:
        self._streams.discard(stream)
        if not self._streams and self._loop.running:
            self._loop.stop()

    def _sample(self) -> None:
        lines = self._operations.lines()
        changed: dict[str, Any] = {
            name: line for name, line in lines.items() if self._sent.get(name) != line
        }
        changed |= {name: None for name in self._sent if name not in lines}
        self._sent = lines
        past = self._operations.past
        alarms, known = past.alarms(), self._alarms
        self._alarms = alarms
        said = past.said_since(self._log_totals)
        self._log_totals = past.log_totals()
        # Each form once, however many watch.
        raised = to_json({"alarms": alarms})
        new_lines = [to_json(unquoted(line)) for line in said]
        part, whole = to_json(changed), b""
        for stream in tuple(self._streams):
            if stream.lost and stream.ready:
                whole = whole or to_json(lines)
                stream.lost = False
                stream.send("channels", whole)
                stream.send("alarms", raised)
                continue
            if changed:
                stream.send("changed", part)
            if alarms != known:
                stream.send("alarms", raised)
            for line in new_lines:
                stream.send("log", line)


def live_of(site: Site) -> Live:
    """The one Live of a site."""
    if site.live is None:
        site.live = Live(site)
    live: Live = site.live
    return live


def _events(call: Call) -> Any:
    if call.request.method == b"HEAD":
        return Reply(body=b"", content_type="text/event-stream; charset=utf-8")
    live_of(call.site).watch(call)
    return NOT_DONE_YET


ROUTES = (
    Route(
        method="GET",
        path="/api/events",
        roles=PEOPLE,
        call=_events,
        content_types=("text/event-stream",),
        summary="Server-Sent Events. `channels`: every channel's state, rates and "
        "queues, at first and after samples were lost; `changed`: those that are not "
        "as a second ago, null for one that is gone; `alarms`: those that are on, at "
        "first and whenever they change; `log`: a line that was said of a channel.",
    ),
)
