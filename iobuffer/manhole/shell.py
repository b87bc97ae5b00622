"""The SSH server and its Python prompt, made of what conch has.

Public keys and nothing else: no passwords, no commands without a terminal, no
forwarding, no subsystems. Every login and every line that is typed is written into the
audit log before it is done, and is not done when that fails. It is told to `log` too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.conch import interfaces
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.insults.insults import ServerProtocol
from twisted.conch.manhole import ColoredManhole
from twisted.conch.manhole_ssh import (
    ConchFactory,
    TerminalRealm,
    TerminalSession,
    TerminalUser,
)
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import (
    MSG_CHANNEL_OPEN_FAILURE,
    OPEN_ADMINISTRATIVELY_PROHIBITED,
    SSHConnection,
)
from twisted.conch.ssh.keys import BadKeyError, Key
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..people import AuditError
from .keys import KeyFileError, authorized_keys, fingerprint

__all__ = ["MAX_CONNECTIONS", "ShellFactory"]

#: An SSH connection costs memory and a key exchange before anybody has proved anything.
MAX_CONNECTIONS = 8

_LOGIN_SECONDS = 60.0

#: As OpenSSH has it: a key agent offers key after key.
_ATTEMPTS = 6

#: The audit log cuts off what is longer, and nothing is run that is not in it.
_LINE_CHARACTERS = 4000

Log = Callable[[str, str], None]
Audit = Callable[[str, str, str], None]

#: What conch says of each connection is a library's word, below "warn" of no use to an
#: operator. A Logger that stands in a class takes the class's name instead.
_conch_log = Logger(namespace="twisted.conch")


@implementer(ICredentialsChecker)
class _Checker:
    """Lets in the keys of a file. The avatar's name is whose key it is, in words."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, path: Path, user: str, log: Log) -> None:
        self._path = path
        self._user = user.encode()
        self._log = log

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        try:
            offered = Key.fromString(credentials.blob)
        except BadKeyError:
            return fail(UnauthorizedLogin("not a key"))
        name = credentials.username.decode(errors="replace")
        shown = fingerprint(offered)
        try:
            known, problems = authorized_keys(self._path)
        except KeyFileError as problem:
            self._log("error", f"nobody can log in: {problem}")
            return fail(UnauthorizedLogin("no keys"))
        for text in problems:
            self._log("warn", text)
        comments = [each.comment for each in known if each.key == offered]
        if credentials.username != self._user or not comments:
            # Before a signature is asked for: an agent then goes on to its next key.
            self._log("warn", f"refused: user {name} with the key {shown}")
            return fail(UnauthorizedLogin("not authorized"))
        words = f"{name} with the key {shown}"
        if comments[0]:
            words += f" ({comments[0]})"
        signed = SSHPublicKeyChecker(InMemorySSHKeyDB({self._user: [offered]}))
        return signed.requestAvatarId(credentials).addCallback(lambda _: words)


class _User(TerminalUser):
    """Who has logged in; nothing but a session can be asked of it."""

    def __init__(self, original: Any, avatarId: str, audit: Audit, log: Log) -> None:
        super().__init__(original, avatarId)
        self.who = avatarId
        self.audit = audit
        self.log = log


class _Session(TerminalSession):
    """A terminal. What conch leaves unimplemented of it happens in real life."""

    # Until the client asks for a terminal.
    width, height = 80, 24
    _process: Any = None
    _on_closed: Callable[[], None] | None = None

    def openShell(self, proto: Any) -> None:
        user: Any = interfaces.IConchUser(self.original)
        peer = user.conn.transport.getPeer().address
        place = f" from {peer.host}:{peer.port}" if hasattr(peer, "port") else ""
        who = f"{user.who}{place}"
        self._process = proto
        try:
            user.audit(who, "manhole: logged in", "")
        except AuditError as error:
            user.log("error", f"{who}: refused: {error}")
            _turn_away(proto, str(error))
            return
        self._on_closed = lambda: user.log("warn", f"{who}: logged out")
        user.log("warn", f"{who}: logged in")
        self.transportFactory(
            proto, self.chainedProtocolFactory(who), user, self.width, self.height
        )

    def execCommand(self, proto: Any, cmd: bytes) -> None:
        _turn_away(proto, "No commands here: log in with ssh -tt, and type.")

    def closed(self) -> None:
        if self._on_closed is not None:
            self._on_closed()

    def windowChanged(self, newWindowSize: Any) -> None:
        """The prompt is drawn line by line; it needs no size."""

    def eofReceived(self) -> None:
        # The client's input has ended, as with Ctrl-D.
        if self._process is not None:
            self._process.loseConnection()


class _Deaf:
    """What stands behind a session in which nothing runs."""

    def write(self, data: bytes) -> None:
        """What the client has typed meanwhile."""

    def loseConnection(self) -> None:
        """There is nothing to end."""


def _turn_away(proto: Any, text: str) -> None:
    proto.makeConnection(_Deaf())
    proto.write(f"{text}\r\n".encode())
    proto.loseConnection()


class _Prompt(ColoredManhole):
    """The prompt, which says what can be typed and tells what is."""

    def __init__(
        self,
        who: str,
        namespace: Mapping[str, Any],
        banner: str,
        audit: Audit,
        log: Log,
    ) -> None:
        super().__init__(dict(namespace))
        self._who = who
        self._banner = banner
        self._audit = audit
        self._tell = log

    def terminalSize(self, width: int, height: int) -> None:
        # Comes once, right after the connection is made.
        self.width, self.height = width, height
        self.terminal.eraseDisplay()
        self.terminal.cursorHome()
        for line in self._banner.splitlines():
            self.terminal.write(line.encode())
            self.terminal.nextLine()
        self.drawInputLine()

    def lineReceived(self, line: bytes) -> None:
        # Here and not in a thread: it has to be on the disk before the line is run,
        # which may be the last thing that this process does. The reactor waits a sync
        # for it, at the pace of somebody who types.
        typed = line.decode(errors="replace")
        self._tell("warn", f"{self._who} typed: {typed}")
        try:
            if len(typed) > _LINE_CHARACTERS:
                raise AuditError(f"too long for the audit log; {_LINE_CHARACTERS} do")
            self._audit(self._who, "manhole: typed", typed)
        except AuditError as error:
            self.terminal.write(str(error).encode())
            self.terminal.nextLine()
            self.drawInputLine()
            return
        super().lineReceived(line)


class _Authentication(SSHUserAuthServer):
    attemptsBeforeDisconnect = _ATTEMPTS


class _Connection(SSHConnection):
    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self._log = _conch_log

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        kind, rest = getNS(packet)
        if kind == b"session":
            super().ssh_CHANNEL_OPEN(packet)
            return
        # A forwarding, most likely. Conch would refuse it too, with a traceback.
        refusal = rest[:4] + struct.pack(">L", OPEN_ADMINISTRATIVELY_PROHIBITED)
        words = NS(b"a terminal and nothing else") + NS(b"")
        self.transport.sendPacket(MSG_CHANNEL_OPEN_FAILURE, refusal + words)


class _Transport(SSHServerTransport):
    factory: ShellFactory
    transport: Any
    _deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._log = _conch_log
        self.factory.connections.add(self)
        # Conch's own begins only once the keys are exchanged, and is ten hours.
        self._deadline = self.factory.reactor.callLater(_LOGIN_SECONDS, self._late)
        super().connectionMade()

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        self.factory.connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        super().connectionLost(reason)

    def receiveError(self, reasonCode: int, description: bytes) -> None:
        """The client ends the connection; for most that is how they say goodbye."""

    def _late(self) -> None:
        self._deadline = None
        if not hasattr(self, "avatar"):
            self.transport.abortConnection()


class ShellFactory(ConchFactory):
    """Speaks SSH with whoever connects.

    Args:
        reactor: times the logins.
        keys_path: the public keys that may log in.
        user: the user name they log in with.
        own_key: the host's private key.
        namespace: what the prompt knows.
        banner: what it shows first.
        audit: audit(who, what, detail), as AuditLog.append.
        log: log(level, text).
    """

    protocol = _Transport
    services = {
        b"ssh-userauth": _Authentication,
        b"ssh-connection": _Connection,
    }
    noisy = False

    def __init__(
        self,
        reactor: Any,
        *,
        keys_path: Path,
        user: str,
        own_key: Key,
        namespace: Mapping[str, Any],
        banner: str,
        audit: Audit,
        log: Log,
    ) -> None:
        realm: Any = TerminalRealm()
        realm.userFactory = lambda original, who: _User(original, who, audit, log)
        realm.sessionFactory = _Session
        realm.chainedProtocolFactory = lambda who: ServerProtocol(
            _Prompt, who, namespace, banner, audit, log
        )
        super().__init__(Portal(realm, [_Checker(keys_path, user, log)]))
        self.reactor = reactor
        self._log = _conch_log
        kind = own_key.sshType()
        # Conch declares other types than it takes.
        own: Any = {kind: own_key}
        public: Any = {kind: own_key.public()}
        self.privateKeys, self.publicKeys = own, public
        self.connections: set[_Transport] = set()
        self._logins = log

    def buildProtocol(self, addr: Any) -> Any:
        if len(self.connections) >= MAX_CONNECTIONS:
            self._logins("warn", f"refused: {MAX_CONNECTIONS} connections are open")
            return None
        return super().buildProtocol(addr)

    def disconnect(self) -> None:
        """End every connection, at once."""
        for connection in tuple(self.connections):
            connection.transport.abortConnection()
