"""`type = http`: each message, or several at a time, as a POST.

A message counts as acknowledged once the server has answered 2xx. 408, 425, 429 and
5xx are the server's trouble, and the messages are sent again; another 4xx is its word
on the message, which is final.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import attrs

from ..acks import ACKS
from ..batch import Batch
from ..errors import Unframeable
from ..framing import FRAMINGS
from ..links.web_answers import sample, trouble_in
from ..links.web_client import (
    URL,
    WebAnswer,
    WebAuthConfig,
    WebClient,
    WebTlsConfig,
)
from ..links.web_opening import open_client
from ..options import DURATION, TEXT, Converter, group, integer, option, variant
from ._web_link import Trouble, WebLink
from .base import LinkContext, Refused
from .policy import DeliveryConfig

__all__ = ["HttpDestinationConfig", "build", "link_over"]

#: What an answer may say; it is read for its first words only.
_MAX_ANSWER_BYTES = 64 * 1024

_MEDIA_TYPE = re.compile(r"[!-.0-~]+/[!-.0-~]+(;[ -~]*)?")


def _media_type(value: Any) -> str:
    text = TEXT.parse(value).strip()
    if not isinstance(text, str) or _MEDIA_TYPE.fullmatch(text) is None:
        raise ValueError(value)
    return text


@attrs.frozen(kw_only=True)
class HttpDestinationConfig(DeliveryConfig):
    """Posts to a web server."""

    type_name: ClassVar[str] = "http"

    url: str = option(
        URL,
        example="https://lis.example:8443/in",
        help="Where to POST. With https the certificate is verified; redirects are "
        "not followed.",
    )
    auth: WebAuthConfig = group(WebAuthConfig, help="The account at the server.")
    tls: WebTlsConfig = group(WebTlsConfig, help="TLS of an https URL.")
    content_type: str = option(
        Converter("a media type such as text/plain; charset=utf-8", _media_type),
        default="application/octet-stream",
        help="The Content-Type of each request.",
    )
    batch: int = option(
        integer(1, 100_000),
        default=1,
        help="Messages in one request, at most. With more than 1, framing says how "
        "they are told apart, such as line. When the server refuses such a request, "
        "its messages are sent one by one, to find out which it will not have.",
    )
    timeout: float = option(
        DURATION, default=30.0, help="How long a request may take, answer included."
    )
    framing: Any = variant(
        FRAMINGS,
        default="raw",
        help="How messages are put into the body. raw: as they are.",
    )
    ack: Any = variant(
        {"none": ACKS["none"]},
        default="none",
        help="The answer is the HTTP status: 2xx is a yes.",
    )
    window: int = option(
        integer(0, 1_000_000),
        default=1000,
        help="Messages between two steps of the cursor: what may be posted twice after "
        "a crash of the gateway. One request is under way at a time. 0 stands for "
        "65536.",
    )

    def problems(self) -> Iterable[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        yield from super().problems()
        if self.batch > 1 and self.framing.type_name in ("raw", "datagram"):
            yield (
                "framing",
                "expected one that keeps the messages of a batch apart, such as line",
            )
        if self.timeout < 0.1:
            yield "timeout", "expected at least 100ms"
        if self.stall <= self.timeout:
            yield "stall", "expected more than timeout, or every slow answer is a stall"


def build(config: HttpDestinationConfig, context: LinkContext) -> WebLink:
    """A link that posts once it is started."""
    client = open_client(
        config, context, {"Content-Type": config.content_type}, _MAX_ANSWER_BYTES
    )
    return link_over(client, config, context)


def link_over(
    client: WebClient, config: HttpDestinationConfig, context: LinkContext
) -> WebLink:
    """The same over a client that is there already."""
    poster = _Poster(config, context, client)
    return WebLink(context, config, client, config.url, poster.post)


class _Poster:
    """Turns a batch into requests, one after the other."""

    def __init__(
        self, config: HttpDestinationConfig, context: LinkContext, client: WebClient
    ) -> None:
        self._config = config
        self._context = context
        self._client = client
        self._encoder = config.framing.encoder()

    async def post(
        self, batches: Sequence[Batch], taken: Callable[[int], None]
    ) -> None:
        """See `_web_link.Post`; one batch at a time."""
        (batch,) = batches
        start = 0
        most = self._config.batch
        while start < len(batch):
            stop = min(start + most, len(batch))
            answer = await self._ask(batch, start, stop)
            if 200 <= answer.status < 300:
                start = stop
                taken(start)
            elif stop - start > 1:
                # One of them is what it will not have: which?
                for at in range(start, stop):
                    alone = await self._ask(batch, at, at + 1)
                    self._judge(at, alone)
                    taken(at + 1)
                start = stop
            else:
                self._judge(start, answer)

    def _judge(self, index: int, answer: WebAnswer) -> None:
        if not 200 <= answer.status < 300:
            reason = f"HTTP status {answer.status}{sample(answer)}"
            raise Refused(index, reason, final=True)

    async def _ask(self, batch: Batch, start: int, stop: int) -> WebAnswer:
        """Post these messages; an answer that says something of them."""
        try:
            body = self._encoder.encode(batch.messages[start:stop])
        except Unframeable as error:
            if error.index:
                stop_before = start + error.index
                answer = await self._ask(batch, start, stop_before)
                if not 200 <= answer.status < 300:
                    return answer
            raise Refused(start + error.index, error.reason, final=True) from None
        answer = await self._client.ask(
            "POST",
            self._config.url,
            body=body,
            headers={"Idempotency-Key": self._key(batch, start, stop)},
            timeout_seconds=self._config.timeout,
        )
        trouble = trouble_in(answer, self._config.url, self._context.wall())
        if trouble is not None:
            raise Trouble(trouble)
        return answer

    def _key(self, batch: Batch, start: int, stop: int) -> str:
        """The same for the same messages, now and after a restart, and for no others:
        the store's epoch is random, and counts no number twice."""
        first, last = batch.first_seq + start, batch.first_seq + stop - 1
        numbers = str(first) if first == last else f"{first}-{last}"
        return f'"{self._context.epoch()}/{self._context.channel}/{numbers}"'
