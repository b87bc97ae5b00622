"""What a route is, what it is given and what it may give back.

Every room of the web (`api_*.py`, `metrics.py`, `relay.py`, `sign_in.py`, `page.py`)
holds a literal table `ROUTES`; `router.py` finds the route, `server.py` calls it once
it knows who asks and has the whole body, `openapi.py` describes the tables.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred

from ..errors import IobufferError
from ..relay_format import Parcel
from ..relay_order import Place

__all__ = [
    "ADMINS",
    "CSRF_HEADER",
    "MIB",
    "OPERATORS",
    "PEOPLE",
    "RELAYS",
    "SESSION_COOKIE",
    "Audit",
    "Call",
    "Operations",
    "Param",
    "Past",
    "People",
    "Principal",
    "Problem",
    "Relays",
    "Reply",
    "Role",
    "Route",
    "Site",
    "User",
]

MIB = 1024 * 1024

#: The session's cookie; over TLS it is called `__Host-` and this (sign_in.py sets it).
SESSION_COOKIE = b"iobuffer"
CSRF_HEADER = b"x-csrf-token"


class Role(enum.Enum):
    """What somebody may do. A viewer sees no payloads; a relay only takes and gives the
    messages of its channels."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    RELAY = "relay"


#: The sets that routes are given by name.
ADMINS = frozenset({Role.ADMIN})
OPERATORS = frozenset({Role.OPERATOR, Role.ADMIN})
PEOPLE = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
RELAYS = frozenset({Role.RELAY})


@attrs.frozen
class Principal:
    """Who asks. `channels` are those that a relay is bound to; `via` is how we know:
    "session", "token", "basic", or "local" (the unix socket)."""

    name: str
    role: Role
    channels: tuple[str, ...] = ()
    via: str = "session"
    #: What a change that comes with a session must bring along in CSRF_HEADER.
    csrf: str = attrs.field(default="", repr=False)
    #: Of the user as he was when he showed his password (people/person.py).
    generation: int = attrs.field(default=0, repr=False)


class Problem(IobufferError):
    """An answer that says what is wrong (RFC 9457): raise it anywhere in a call.

    Args:
        status: HTTP status.
        title: a sentence that a person understands.
        detail: what to do about it, or what exactly was wrong.
        extra: further members of the document; `headers` (a tuple of pairs) goes
            into the response's header instead.
    """

    def __init__(self, status: int, title: str, detail: str = "", **extra: Any) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.headers: tuple[tuple[str, str], ...] = extra.pop("headers", ())
        self.extra = extra
        super().__init__(f"{title}: {detail}" if detail else title)

    def document(self) -> dict[str, Any]:
        """The body, as `application/problem+json`."""
        found = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            found["detail"] = self.detail
        return found | self.extra


@attrs.frozen(kw_only=True)
class Param:
    """A parameter: `where` is "path" or "query"; `schema` a JSON schema of a scalar
    (type, enum, minimum, maximum, maxLength, pattern, default), which the server holds
    it to. In `Call.query` it arrives as that type, or as its default if it has one."""

    name: str
    where: str
    schema: Mapping[str, Any]
    help: str
    required: bool = False


@attrs.frozen(kw_only=True)
class Route:
    """One method of one path.

    `path` holds `{name}` for a segment. `roles` of None lets everyone in, without
    credentials: the explicit allow-list (a test names each). `call` gives a value
    (answered as JSON), a `Reply`, or a Deferred or coroutine of either. `body` is the
    JSON schema of the body (JSON is then required and parsed); with `body` None and
    `max_body_bytes` above 0 a body that is there arrives as bytes in `Call.body`.
    `reply` is the JSON schema of the answer, `statuses` and `content_types` are what it
    has when all is well: for the description, and held to it by a test. `audited` is
    the verb for the audit log; who, and the path, are added to it, and what `noted`
    says of a call (which messages, why) where the path does not tell. No GET changes
    anything.
    """

    method: str
    path: str
    roles: frozenset[Role] | None
    call: Callable[[Call], Any]
    summary: str
    params: tuple[Param, ...] = ()
    body: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None
    statuses: tuple[int, ...] = (200,)
    content_types: tuple[str, ...] = ("application/json",)
    max_body_bytes: int = MIB
    audited: str = ""
    noted: Callable[[Call], str] | None = None


@attrs.frozen
class Reply:
    """An answer that is more than a value: `body` of bytes is sent as it stands,
    anything else as JSON; None with a `status` of 204 is no body at all."""

    status: int = 200
    body: Any = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@attrs.define(eq=False)
class Call:
    """One request, once it is whole and allowed.

    A call that streams (SSE) writes to `request` itself and returns
    `twisted.web.server.NOT_DONE_YET`; security headers are set before the call.
    """

    request: Any
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    principal: Principal | None
    site: Site

    @property
    def may_see_payloads(self) -> bool:
        """Whether bytes of messages may be shown to whoever asks."""
        return self.principal is not None and self.principal.role in (
            Role.OPERATOR,
            Role.ADMIN,
        )


class User(Protocol):
    """What people/ tells of a user or of a token's owner; `role` is a Role's value."""

    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def channels(self) -> Sequence[str]: ...


class Audit(Protocol):
    """The audit log."""

    def append(self, who: str, what: str, detail: str = "") -> None:
        """Write one line; blocks for a sync, so it is called in a thread. Raises
        IobufferError when it cannot: what was to be done is then not done."""


class People(Protocol):
    """Who may come in, and what was done (people/ is the real one)."""

    @property
    def audit(self) -> Audit: ...

    def has_password(self) -> bool:
        """Whether there is a user with a password: without one only loopback is
        listened on."""

    def authenticate(self, name: str, password: str, address: str) -> User | None:
        """Check a password; blocks for the KDF, so it is called in a thread."""

    def stands(self, name: str, generation: int) -> bool:
        """Whether a user is as he was when he showed his password."""

    def token(self, secret: str) -> User | None:
        """Whose API token this is, if it is valid now."""

    def session(self, secret: str, *, seen: bool = True) -> User | None:
        """Whose session cookie this is, if it is valid now; without `seen` it grows
        idle all the same."""


class Relays(Protocol):
    """What other instances take and give (relays.py is the real one)."""

    async def following(
        self,
        user: str,
        channel: str,
        after: Place | None,
        wait_seconds: float,
        ahead: int = 0,
    ) -> Parcel | None:
        """What follows `after`, or `ahead`, or None when nothing has come in time."""

    async def given(self, user: str, channel: str, body: bytes) -> dict[str, Any]:
        """Store an encoded parcel; `gateway` and `seq` of what is committed."""


class Past(Protocol):
    """What was, from memory alone (past.py is the real one)."""

    def log(self, name: str, limit: int) -> dict[str, Any]:
        """`log`: a channel's last lines (channel, at, level, part, text, quoted), the
        newest first. What is quoted may repeat what a message says."""

    def skipped_sample(self, name: str) -> bytes:
        """The last bytes that no framing of the channel could use: payload."""

    def log_totals(self) -> dict[str, int]:
        """How many lines each channel has ever had."""

    def said_since(self, totals: Mapping[str, int]) -> list[dict[str, Any]]:
        """Lines of any channel that have come since log_totals() were these; of a flood
        the newest."""

    def history(self, name: str, span: str) -> dict[str, Any]:
        """`series` of a channel over a span of history.SPANS."""

    def overview(self, points: int) -> dict[str, Any]:
        """What came into each of the `channels`, as so many rates."""

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms that are on, the oldest first."""


class Operations(Protocol):
    """What the API asks of the gateway; floor 4 implements it (operations.py).

    Everything is JSON-ready. An unknown channel, part or message is a Problem (404), a
    gateway that is stopping one of 503. `part` is "source", a destination's name, or
    "" for the whole channel. Numbers carry their units in their names; times are epoch
    seconds.
    """

    @property
    def relays(self) -> Relays:
        """For web/relay.py."""

    @property
    def past(self) -> Past:
        """For web/api_past.py and the live views."""

    def status(self) -> Deferred[dict[str, Any]]:
        """version, started_at, now, channels by state word, the alarms that are on, the
        store's sizes."""

    def channels(self) -> Deferred[list[dict[str, Any]]]:
        """Each channel as in channel(), without its configuration."""

    def channel(self, name: str) -> Deferred[dict[str, Any]]:
        """name, description, state, parts, rates, ledger, cursors, config, origin; of
        each part the peers and the line. What is `quoted` in a state may repeat what a
        message says."""

    def names(self) -> list[str]:
        """The channels that run now."""

    def messages(self, name: str, query: Mapping[str, Any]) -> Deferred[dict[str, Any]]:
        """`messages` (seq, received_at, peer, size_bytes, message: bytes, `outcomes` by
        destination) and `next`, the query's fields that go on from there, or None at
        the end. A search looks at a bounded number of messages per call, so a page may
        be empty and have a `next`. Besides the route's parameters the query may hold
        `preview_bytes`, how much of each message is given, and `max_bytes`, how much
        of all of them."""

    def message(self, name: str, seq: int) -> Deferred[dict[str, Any]]:
        """One message with its `outcomes` by destination. One that came through other
        instances has them in `hops` (gateway: the store's epoch; channel), the first
        first; `origin` is who sent it there, and `received_at` when."""

    def payloads(self, name: str) -> str:
        """ "reveal" or "open", as the channel's policy has it."""

    def parked(
        self, name: str, destination: str, after: int, limit: int
    ) -> Deferred[dict[str, Any]]:
        """`parked` messages of all destinations, or of one."""

    def settle_parked(
        self, name: str, destination: str, seqs: Sequence[int], reason: str
    ) -> Deferred[dict[str, Any]]:
        """Drop parked messages for a reason; how many there were."""

    def replay(
        self, name: str, destination: str, seqs: Sequence[int], dry_run: bool
    ) -> Deferred[dict[str, Any]]:
        """Deliver messages once more: `replayed`, `missing`, `stopped` (why it went no
        further, or empty) and `quoted` (the receiver's words for it, which may repeat
        what a message says); with `dry_run` only `messages`, how many there are."""

    def retry_parked(
        self, name: str, destination: str, seqs: Sequence[int]
    ) -> Deferred[dict[str, Any]]:
        """Send parked messages again: `delivered`, `refused`, `missing`, `stopped`."""

    def act(
        self, name: str, part: str, verb: str, by: str = ""
    ) -> Deferred[dict[str, Any]]:
        """ "start", "stop", "pause", "resume" or "restart", wanted by somebody; the
        channel as it is then."""

    def kinds(self) -> dict[str, Any]:
        """Every kind of source and destination with its options, for a form."""

    def plan(self, name: str, found: Any) -> Deferred[dict[str, Any]]:
        """What would change if this JSON object (None: its removal) were applied:
        `changes`, `warnings`; of an object also `config` and `ini`."""

    def put_channel(self, name: str, found: Any) -> Deferred[dict[str, Any]]:
        """Keep this JSON object under state_dir/channels/ and run it."""

    def remove_channel(self, name: str) -> Deferred[dict[str, Any]]:
        """Forget the channel's file; what is stored of it stays."""

    def reload(self) -> Deferred[dict[str, Any]]:
        """Read the configuration again; a Problem (422) with every error if it has
        any."""

    def read(
        self, name: str, after: int, max_messages: int, max_bytes: int
    ) -> Deferred[Any]:
        """The next Batch behind `after`, or None: what a relay and a live tail poll."""

    def last_seq(self, name: str) -> int:
        """The newest message's number."""

    def lines(self) -> dict[str, dict[str, Any]]:
        """Each channel in a few figures, from memory alone: state, parts, rates,
        last_seq, queued."""

    def watch(self, name: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` after each commit of the channel; the result ends that."""


@attrs.define(eq=False)
class Site:
    """What every call can reach. `counters` is what the gateway and its pairs count
    (`gateway.pairs`), for metrics; `routes` the tables, put together."""

    operations: Operations
    people: Any
    reactor: Any
    wall: Callable[[], float]
    counters: Any = None
    routes: tuple[Route, ...] = ()
    #: What the live views share (api_live.py).
    live: Any = None
    #: For api_trials.py: `begin`, `trial` (trials/ is the real one).
    trials: Any = None
    #: Who has revealed which channel (reveals.py).
    reveals: Any = None
    #: How many exports are being sent (api_export.py).
    exports: int = 0
