-- Version 1. Times and spans are microseconds; times since 1970-01-01 UTC.

-- Bans that have not ended.
CREATE TABLE bans (
    jail     TEXT    NOT NULL,
    address  TEXT    NOT NULL,             -- with its prefix length, host bits zero
    origin   TEXT    NOT NULL CHECK (origin IN ('detected', 'manual')),
    since    INTEGER NOT NULL,
    bantime  INTEGER,                      -- NULL: for ever
    failures INTEGER NOT NULL,
    PRIMARY KEY (jail, address)
) STRICT, WITHOUT ROWID;

-- Bans that have ended; the oldest are forgotten.
CREATE TABLE history (
    id       INTEGER PRIMARY KEY,
    jail     TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    origin   TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    bantime  INTEGER,
    failures INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    reason   TEXT    NOT NULL
) STRICT;
CREATE INDEX history_by_address ON history (address);
CREATE INDEX history_by_end ON history (ended);

-- How far each source has been read, as JSON.
CREATE TABLE positions (
    source   TEXT PRIMARY KEY,
    position TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Failures counted and not yet answered by a ban, committed with the positions that led to them.
CREATE TABLE windows (
    jail    TEXT NOT NULL,
    address TEXT NOT NULL,                 -- a host or an IPv6 network, with its prefix length
    times   TEXT NOT NULL,                 -- ascending, a JSON array
    PRIMARY KEY (jail, address)
) STRICT, WITHOUT ROWID;

-- Breakers that are open.
CREATE TABLE breakers (
    jail  TEXT    PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts since the store was made.
CREATE TABLE totals (
    jail   TEXT    PRIMARY KEY,
    failed INTEGER NOT NULL,
    banned INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
