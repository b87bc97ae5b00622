"""The tables of format 1, with what each column means, as they stand in the file."""

from __future__ import annotations

__all__ = ["APPLICATION_ID", "FORMAT", "PAGE_BYTES", "SCHEMA"]

#: "IOBF"; `file store.sqlite3` shows it.
APPLICATION_ID = 0x494F4246
#: PRAGMA user_version. A higher one was written by a newer iobuffer.
FORMAT = 1
PAGE_BYTES = 16384

SCHEMA = """
CREATE TABLE store (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch TEXT NOT NULL,            -- 32 hex digits
    commits INTEGER NOT NULL,       -- counts up with every commit
    messages INTEGER NOT NULL,      -- ever stored, all channels
    crc INTEGER NOT NULL            -- of the columns above, see "The chain"
) STRICT;

CREATE TABLE channel (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    served INTEGER NOT NULL,        -- 1 once it has had a destination
    first_seq INTEGER NOT NULL,     -- the oldest message kept
    last_seq INTEGER NOT NULL,      -- the newest ever given
    last_crc INTEGER NOT NULL,      -- crc of the newest row: prev_crc of the next
    messages INTEGER NOT NULL,      -- in rows
    bytes INTEGER NOT NULL,         -- sum of batch.size
    parked_bytes INTEGER NOT NULL,  -- in parked messages
    tallies TEXT NOT NULL,          -- JSON object, name to total
    crc INTEGER NOT NULL
) STRICT;

CREATE TABLE destination (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel INTEGER NOT NULL,
    name TEXT NOT NULL,
    configured INTEGER NOT NULL,    -- 0: an orphan
    start_seq INTEGER NOT NULL,     -- the ledger counts what came after this
    cursor INTEGER NOT NULL,        -- everything up to this is settled
    unnumbered INTEGER NOT NULL,    -- received without a number: drop_newest
    parked INTEGER NOT NULL,
    replayed INTEGER NOT NULL,
    sent INTEGER NOT NULL,          -- delivered, by confidence
    received INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    dropped TEXT NOT NULL,          -- JSON object, reason to messages
    pruned TEXT NOT NULL,           -- JSON object: sums of outcomes that are gone
    crc INTEGER NOT NULL,
    UNIQUE (channel, name)
) STRICT;

CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    count INTEGER NOT NULL,
    received_at REAL NOT NULL,      -- seconds since 1970, a label
    peers TEXT NOT NULL,            -- JSON: [["10.0.0.1:514", 3], ...]
    crc INTEGER NOT NULL,
    prev_crc INTEGER NOT NULL,      -- crc of the channel's row before this
    size INTEGER NOT NULL,          -- length(body)
    body BLOB NOT NULL,             -- count u32 lengths, then the messages
    UNIQUE (channel, first_seq)
) STRICT;

CREATE TABLE outcome (
    destination INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    confidence INTEGER NOT NULL,    -- 1 sent, 2 received, 3 acknowledged, 0 dropped
    settled_at REAL NOT NULL,
    reason TEXT NOT NULL,           -- of a drop
    PRIMARY KEY (destination, first_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE parked (
    id INTEGER PRIMARY KEY,
    destination INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    peer TEXT NOT NULL,
    received_at REAL NOT NULL,
    parked_at REAL NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    crc INTEGER NOT NULL,           -- of destination, seq and message
    message BLOB NOT NULL,
    UNIQUE (destination, seq)
) STRICT;

CREATE TABLE mark (
    channel INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE damaged (
    id INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    header TEXT NOT NULL,           -- JSON: the bad row's columns, as far as readable
    body BLOB                       -- its bytes, as far as readable
) STRICT;
"""
