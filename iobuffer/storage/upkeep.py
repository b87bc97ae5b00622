"""The file's own housekeeping: folding the log in, giving space back, old outcomes.

Each lets `apsw.Error` out for what is fatal to the store; a full disk is not, because
everything is safe in the log, and it is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from ..options import MIB
from .database import fetch, query
from .ledger import Channel

__all__ = ["Upkeep"]

#: A log that has grown beyond this is folded in right behind the commit.
_LOG_BYTES = 16 * MIB
#: Free pages that stay in the file: the next burst takes them.
_SLACK_PAGES = 1024
_VACUUM_PAGES = 256
_PRUNE_SECONDS = 60.0


class Upkeep:
    """Housekeeping on the store's one connection.

    What is in the log will have to fit into the file as well: a small reserve on the
    disk (`min_free_bytes`) means a short log.
    """

    def __init__(self, connection: apsw.Connection, min_free_bytes: int) -> None:
        self._connection = connection
        self._log_bytes = min(_LOG_BYTES, min_free_bytes // 4 or _LOG_BYTES)
        self._page_bytes: int = fetch(connection, "PRAGMA page_size")
        self._log_pages = 0
        self._pruned_at = 0.0
        connection.set_wal_hook(self._on_log_grown)

    def after_commit(self) -> None:
        """Fold the log in if it is long. It stays as a file, and begins anew."""
        if self._log_pages * self._page_bytes > self._log_bytes:
            self._checkpoint("PASSIVE")

    def after_full(self) -> None:
        """The disk was full: fold the log in, so that the next commit, which moves a
        cursor, finds its space in the log's own file."""
        self._checkpoint("PASSIVE")

    def fold_in(self) -> None:
        """Fold in what there is of the log, and give its space back."""
        if self._log_pages:
            self._checkpoint("TRUNCATE")

    def give_back(self) -> bool:
        """Give some of the file's free pages back; True if there were any."""
        if fetch(self._connection, "PRAGMA freelist_count") <= _SLACK_PAGES:
            return False
        try:
            query(self._connection, f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        except apsw.FullError:
            # No room for the log; the next checkpoint makes some.
            return False
        return True

    def prune(self, channels: Iterable[Channel], now: float) -> None:
        """Once a minute, within a commit: outcomes of messages that are gone become
        sums."""
        # The clock may have been set back: any distance of a minute will do.
        if abs(now - self._pruned_at) < _PRUNE_SECONDS:
            return
        self._pruned_at = now
        for channel in channels:
            for destination in channel.destinations.values():
                key = (destination.destination_id, channel.first_seq)
                where = "WHERE destination=?1 AND first_seq<?2 AND last_seq<?2"
                sums = query(
                    self._connection,
                    "SELECT confidence || ':' || reason, sum(last_seq - first_seq + 1) "
                    f"FROM outcome {where} GROUP BY 1",
                    key,
                )
                if not sums:
                    continue
                self._connection.execute(f"DELETE FROM outcome {where}", key)
                pruned = destination.pruned
                for name, messages in sums:
                    pruned[name] = pruned.get(name, 0) + messages
                pruned["upto"] = channel.first_seq - 1
                destination.newest = None

    def _checkpoint(self, mode: str) -> None:
        try:
            ((busy, pages, folded),) = query(
                self._connection, f"PRAGMA wal_checkpoint({mode})"
            )
        except apsw.FullError:
            return
        if not busy and pages <= folded:
            self._log_pages = 0

    def _on_log_grown(
        self, connection: apsw.Connection, database: str, pages: int
    ) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK
