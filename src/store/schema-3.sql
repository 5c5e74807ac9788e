-- Version 3. The records that bans rest on: bytes that attackers wrote, so blobs.

CREATE TABLE evidence (
    id      INTEGER PRIMARY KEY,
    trace   TEXT    NOT NULL,              -- the ban's
    time    INTEGER NOT NULL,              -- as the log states it, in microseconds
    address TEXT    NOT NULL,              -- one host, also where a network was banned
    source  TEXT    NOT NULL,
    pattern TEXT    NOT NULL,              -- the filter's line, as written
    user    BLOB,
    text    BLOB    NOT NULL,
    cut     INTEGER NOT NULL CHECK (cut IN (0, 1))
) STRICT;
CREATE INDEX evidence_by_trace ON evidence (trace);

-- What a ban rests on is forgotten with it.
CREATE TRIGGER evidence_with_history AFTER DELETE ON history BEGIN
    DELETE FROM evidence WHERE trace = old.trace;
END;
