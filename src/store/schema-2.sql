-- Version 2. Bans and windows have traces, by their W3C names: 32 hexadecimal digits.

ALTER TABLE bans ADD COLUMN trace TEXT;
ALTER TABLE history ADD COLUMN trace TEXT;
ALTER TABLE windows ADD COLUMN trace TEXT;

-- Those of version 1 get one each, so that they can be spoken of too.
UPDATE bans SET trace = lower(hex(randomblob(16)));
UPDATE history SET trace = lower(hex(randomblob(16)));
UPDATE windows SET trace = lower(hex(randomblob(16)));
