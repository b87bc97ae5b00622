"""`type = remote_icombuffer`: into a channel of another iobuffer.

The other instance stores what is new in each request, and answers with how far it has
got once that is on its disk; so a request that is sent again, or comes late, changes
nothing there. What this side has parked or dropped is told as such, and leaves no gap
that the other would wait for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import attrs

from ..acks import ACKS
from ..batch import Batch
from ..framing import FRAMINGS
from ..links.web_answers import WebTrouble, sample, trouble_in
from ..links.web_client import (
    INSTANCE,
    WebAnswer,
    WebAuthConfig,
    WebClient,
    WebTlsConfig,
)
from ..links.web_opening import open_client
from ..options import DURATION, MIB, TEXT, group, option, variant
from ..relay_format import CONTENT_TYPE, Parcel, encode_pieces
from ._web_link import Trouble, WebLink
from .base import LinkContext
from .policy import DeliveryConfig

__all__ = ["RemoteDestinationConfig", "build", "link_over"]

_MAX_ANSWER_BYTES = 64 * 1024

#: What comes while a request is under way goes out in the next one, up to this: the
#: other side commits a request at a time.
_GATHER_BYTES = 4 * MIB


@attrs.frozen(kw_only=True)
class RemoteDestinationConfig(DeliveryConfig):
    """Gives the messages to another iobuffer."""

    type_name: ClassVar[str] = "remote_icombuffer"

    url: str = option(
        INSTANCE,
        example="https://remote-server:8080",
        help="Address of the other instance. With http everybody on the way can read "
        "the messages and the password.",
    )
    channel_id: str = option(
        TEXT,
        example="chem-1",
        help="The channel there that takes the messages, beside those of its source if "
        "it has one.",
    )
    auth: WebAuthConfig = group(
        WebAuthConfig,
        help="The account at the other instance: a user of the role relay, and no "
        "other gateway's, since it is known there by that how far this one has got.",
    )
    tls: WebTlsConfig = group(WebTlsConfig, help="TLS of an https URL.")
    timeout: float = option(
        DURATION, default=30.0, help="How long a request may take, answer included."
    )
    framing: Any = variant(
        {"raw": FRAMINGS["raw"]},
        default="raw",
        help="Batches travel whole: there is nothing to frame.",
    )
    ack: Any = variant(
        {"none": ACKS["none"]},
        default="none",
        help="The other instance answers each request once it has it on disk.",
    )

    def problems(self) -> list[tuple[str, str]]:
        """What the loader cannot see in one option alone."""
        found = list(super().problems())
        if not self.channel_id.strip():
            found.append(("channel_id", "expected the name of the channel there"))
        if self.timeout < 1.0:
            found.append(("timeout", "expected at least 1s"))
        if self.stall <= self.timeout:
            found.append(("stall", "expected more than timeout"))
        return found


def build(config: RemoteDestinationConfig, context: LinkContext) -> WebLink:
    """A link that gives once it is started."""
    client = open_client(
        config, context, {"Content-Type": CONTENT_TYPE}, _MAX_ANSWER_BYTES
    )
    return link_over(client, config, context)


def link_over(
    client: WebClient, config: RemoteDestinationConfig, context: LinkContext
) -> WebLink:
    """The same over a client that is there already."""
    giver = _Giver(config, context, client)
    return WebLink(context, config, client, giver.place, giver.post, _GATHER_BYTES)


class _Giver:
    """Turns batches into one request."""

    def __init__(
        self, config: RemoteDestinationConfig, context: LinkContext, client: WebClient
    ) -> None:
        self.place = f"channel {config.channel_id} of {config.url}"
        self._config = config
        self._context = context
        self._client = client
        channel = quote(config.channel_id, safe="")
        self._url = f"{config.url.rstrip('/')}/api/channels/{channel}/batches"
        #: How far the other side has got; None until it has said so.
        self._reached: int | None = None

    async def post(
        self, batches: Sequence[Batch], taken: Callable[[int], None]
    ) -> None:
        """See `_web_link.Post`."""
        before, last_seq = batches[0].first_seq - 1, batches[-1].last_seq
        if self._reached is None:
            # After a start, or when it was not where it was thought to be.
            self._reached = await self._give(0)
        reached, self._reached = self._reached, None
        # What is between there and these was settled here in another way: it is parked
        # or dropped, and counted.
        after = min(reached or before, before)
        self._reached = await self._give(after, *batches)
        if self._reached < last_seq:
            said = self._reached
            self._reached = None
            raise Trouble(
                WebTrouble(
                    f"{self.place} says that it has got to {said}, and was given up "
                    f"to {last_seq}"
                )
            )
        taken(sum(map(len, batches)))

    async def _give(self, after: int, *batches: Batch) -> int:
        """Where the other side is then, in our numbers; 0 for nowhere."""
        gateway = self._context.epoch()
        parcel = Parcel(gateway, self._context.channel, after, batches)
        answer = await self._client.ask(
            "POST",
            self._url,
            body=encode_pieces(parcel),
            timeout_seconds=self._config.timeout,
        )
        trouble = trouble_in(answer, self.place, self._context.wall())
        if trouble is not None:
            raise Trouble(trouble)
        return self._where(answer, gateway)

    def _where(self, answer: WebAnswer, gateway: str) -> int:
        found: Any = None
        if answer.status == 200:
            try:
                found = json.loads(answer.body)
            except (ValueError, RecursionError):
                found = None
        if not isinstance(found, dict) or not {"gateway", "seq"} <= found.keys():
            # No message is at fault when the other side takes none: nothing is parked.
            reason = f"{self.place} answers {answer.status}{sample(answer)}"
            raise Trouble(WebTrouble(reason, needs_somebody=True))
        seq = found["seq"]
        if found["gateway"] != gateway or not isinstance(seq, int):
            return 0
        return seq
