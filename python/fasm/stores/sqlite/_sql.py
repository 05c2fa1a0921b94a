"""The tables and statements of `SqliteStore`."""

from __future__ import annotations

from fasm.stores._decode import LOG_COLUMNS, OUTBOX_COLUMNS

FORMAT = 1
APPLICATION_ID = 0x6661736D  # "fasm" in ASCII, at byte 68 of the file
OLDEST_SQLITE = (3, 37, 0)  # STRICT tables

TABLES = {
    "fasm_meta": """CREATE TABLE fasm_meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    "fasm_instance": """CREATE TABLE fasm_instance (
    name TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT,
    last INTEGER NOT NULL,
    state_revision INTEGER,
    state_version INTEGER,
    state BLOB,
    state_seal INTEGER
) STRICT""",
    "fasm_snapshot": """CREATE TABLE fasm_snapshot (
    instance TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state BLOB NOT NULL,
    seal INTEGER NOT NULL
) STRICT""",
    "fasm_log": """CREATE TABLE fasm_log (
    seq INTEGER NOT NULL PRIMARY KEY,
    previous INTEGER NOT NULL,
    instance TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    input BLOB NOT NULL,
    key TEXT,
    digest BLOB NOT NULL,
    seal INTEGER NOT NULL
) STRICT""",
    "fasm_outbox": """CREATE TABLE fasm_outbox (
    instance TEXT NOT NULL,
    action_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    seal INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    error TEXT NOT NULL,
    result BLOB,
    result_seal INTEGER,
    result_attempts INTEGER NOT NULL,
    dead TEXT,
    PRIMARY KEY (instance, action_id)
) STRICT, WITHOUT ROWID""",
    "fasm_key": """CREATE TABLE fasm_key (
    instance TEXT NOT NULL,
    key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (instance, key)
) STRICT, WITHOUT ROWID""",
}

# ---- units -----------------------------------------------------------------------------------------------

UNIT_COLUMNS = (
    "instance", "seq", "revision", "epoch", "at", "version", "input", "input_seal", "digest", "key",
    "fingerprint", "state", "large_state", "state_seal", "removed",
    "emitted", "emitted_at", "position", "kind", "payload", "payload_seal", "attempts", "not_before", "dead",
)  # fmt: skip
WRITER = (
    f"CREATE TEMP VIEW fasm_unit AS SELECT {', '.join(f'NULL AS {name}' for name in UNIT_COLUMNS)}",
    """CREATE TEMP TRIGGER fasm_write INSTEAD OF INSERT ON fasm_unit WHEN NEW.instance IS NOT NULL BEGIN
    INSERT INTO fasm_log SELECT NEW.seq, (SELECT last FROM fasm_instance WHERE name = NEW.instance),
        NEW.instance, NEW.revision + 1, NEW.at, NEW.version, NEW.epoch, NEW.input, NEW.key, NEW.digest,
        NEW.input_seal WHERE NEW.seq IS NOT NULL;
    UPDATE fasm_instance SET revision = revision + 1, at = NEW.at, last = NEW.seq,
        state_revision = CASE WHEN NEW.state IS NULL THEN state_revision ELSE revision + 1 END,
        state_version = CASE WHEN NEW.state IS NULL THEN state_version ELSE NEW.version END,
        state = coalesce(NEW.state, state),
        state_seal = CASE WHEN NEW.state IS NULL THEN state_seal ELSE NEW.state_seal END
        WHERE NEW.seq IS NOT NULL AND name = NEW.instance AND revision = NEW.revision
        AND epoch = NEW.epoch AND owner IS NOT NULL;
    SELECT RAISE(ABORT, 'a unit of fasm does not apply') WHERE NEW.seq IS NOT NULL AND changes() <> 1;
    INSERT INTO fasm_snapshot SELECT NEW.instance, NEW.revision + 1, NEW.version, NEW.large_state,
        NEW.state_seal WHERE NEW.large_state IS NOT NULL
        ON CONFLICT (instance) DO UPDATE SET revision = excluded.revision, version = excluded.version,
        state = excluded.state, seal = excluded.seal;
    INSERT INTO fasm_key SELECT NEW.instance, NEW.key, NEW.revision + 1, NEW.at, NEW.fingerprint
        WHERE NEW.key IS NOT NULL;
    DELETE FROM fasm_outbox WHERE instance = NEW.instance AND action_id = NEW.removed;
    SELECT RAISE(ABORT, 'a unit of fasm does not apply') WHERE NEW.removed IS NOT NULL AND changes() <> 1;
    INSERT INTO fasm_outbox SELECT NEW.instance, NEW.emitted, NEW.emitted_at, NEW.position, NEW.kind,
        NEW.payload, NEW.payload_seal, NEW.attempts, NEW.not_before, '', NULL, NULL, 0, NEW.dead
        WHERE NEW.emitted IS NOT NULL;
END""",
)
"""How units are written: rows inserted into this view. A batch of units is one statement, which SQLite runs
and commits in one go, without a turn for Python in between. It lives in the writer's connection only."""

OWNED = "SELECT revision FROM fasm_instance WHERE name = ? AND epoch = ? AND owner IS NOT NULL"
LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM fasm_log"
PUT_SNAPSHOT = """INSERT INTO fasm_snapshot VALUES (?, ?, ?, ?, ?) ON CONFLICT (instance) DO UPDATE SET
    revision = excluded.revision, version = excluded.version, state = excluded.state, seal = excluded.seal"""
CHANGE = """UPDATE fasm_outbox SET attempts = ?, not_before = ?, error = ?, result = ?, result_seal = ?,
    result_attempts = ?, dead = ? WHERE instance = ? AND action_id = ? AND revision = ?"""
IN_OUTBOX = "SELECT 1 FROM fasm_outbox WHERE instance = ? AND action_id = ?"
REPLACE_PAYLOAD = """UPDATE fasm_outbox SET kind = ?, payload = ?, seal = ?
    WHERE instance = ? AND action_id = ? AND revision = ?"""

# ---- ownership -------------------------------------------------------------------------------------------

NEXT_EPOCH = "UPDATE fasm_meta SET value = CAST(value AS INTEGER) + ? WHERE name = 'epoch' RETURNING value"
EVICT = "UPDATE fasm_instance SET owner = NULL, epoch = 0 WHERE owner IS NOT NULL"
CLAIM = """INSERT INTO fasm_instance VALUES (?, 0, 0, ?, ?, 0, NULL, NULL, NULL, NULL)
    ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, owner = excluded.owner"""
PENDING = """SELECT DISTINCT instance FROM fasm_outbox JOIN fasm_instance ON name = instance
    WHERE dead IS NULL AND owner IS NULL AND instance > ? ORDER BY instance LIMIT ?"""
RELEASE = "UPDATE fasm_instance SET owner = NULL, epoch = 0 WHERE name = ? AND owner = ?"
FORGET_UNUSED = """DELETE FROM fasm_instance WHERE name = ? AND revision = 0 AND owner IS NULL
    AND NOT EXISTS (SELECT 1 FROM fasm_outbox WHERE instance = name)"""

# ---- reads -----------------------------------------------------------------------------------------------

READ_META = "SELECT name, value FROM fasm_meta"
READ_INSTANCE = """SELECT revision, at, epoch, last, state_revision, state_version, state, state_seal
    FROM fasm_instance WHERE name = ?"""
READ_SNAPSHOT = "SELECT revision, version, state, seal FROM fasm_snapshot WHERE instance = ?"
READ_TAIL = """WITH RECURSIVE given (last, name, after) AS (VALUES (?, ?, ?)),
    chain (seq, previous, revision) AS (
        SELECT log.seq, log.previous, log.revision
        FROM given CROSS JOIN fasm_log AS log ON log.seq = last AND log.instance = name
        UNION ALL SELECT log.seq, log.previous, log.revision
        FROM chain CROSS JOIN given CROSS JOIN fasm_log AS log ON log.seq = chain.previous
        WHERE chain.revision > after + 1 AND log.instance = name AND log.seq < chain.seq
    ) SELECT chain.seq FROM chain CROSS JOIN given WHERE chain.revision > after"""
READ_LOG = f"SELECT {LOG_COLUMNS} FROM fasm_log WHERE seq = ?"
READ_OUTBOX = f"SELECT {OUTBOX_COLUMNS} FROM fasm_outbox WHERE instance = ? ORDER BY revision, position"
READ_KEY = "SELECT key, revision, at, fingerprint FROM fasm_key WHERE instance = ? AND key = ?"
LIST_INSTANCES = """SELECT name, revision, at, epoch, owner,
    (SELECT count(*) FROM fasm_outbox WHERE instance = name AND dead IS NULL),
    (SELECT count(*) FROM fasm_outbox WHERE instance = name AND dead IS NOT NULL)
    FROM fasm_instance WHERE name > ? ORDER BY name LIMIT ?"""
LIST_LIVE = f"""SELECT {OUTBOX_COLUMNS} FROM fasm_outbox
    WHERE dead IS NULL AND (instance, action_id) > (?, ?) ORDER BY instance, action_id LIMIT ?"""
LIST_DEAD = f"""SELECT {OUTBOX_COLUMNS} FROM fasm_outbox
    WHERE dead IS NOT NULL AND (instance, action_id) > (?, ?) ORDER BY instance, action_id LIMIT ?"""
STATS = """SELECT (SELECT count(*) FROM fasm_instance), (SELECT count(*) FROM fasm_outbox WHERE dead IS NULL),
    (SELECT count(*) FROM fasm_outbox WHERE dead IS NOT NULL)"""

# ---- pruning: found by the reader, deleted by the writer -------------------------------------------------

OLD_KEYS = "SELECT instance, key FROM fasm_key WHERE at < ? LIMIT ?"
OLD_LOG = """SELECT log.seq FROM fasm_log AS log LEFT JOIN fasm_instance ON name = log.instance
    LEFT JOIN fasm_snapshot AS apart ON apart.instance = log.instance
    WHERE log.seq < (SELECT coalesce(min(seq), 9223372036854775807) FROM (
        SELECT seq FROM fasm_log WHERE at >= ? ORDER BY seq LIMIT 1))
    AND log.revision <= max(coalesce(state_revision, 0), coalesce(apart.revision, 0))
    AND log.seq IS NOT fasm_instance.last
    ORDER BY log.seq LIMIT ?"""
OLD_LOG_UNREPLAYED = """SELECT log.seq FROM fasm_log AS log LEFT JOIN fasm_instance ON name = log.instance
    WHERE log.at < ? AND log.seq IS NOT fasm_instance.last ORDER BY log.seq LIMIT ?"""
DELETE_KEY = "DELETE FROM fasm_key WHERE instance = ? AND key = ? AND at < ?"
DELETE_LOG = "DELETE FROM fasm_log WHERE seq = ?"
