"""The tables and statements of `PostgresStore`, but for the one that writes units, which `_flush` builds.

Names are written `{s}.fasm_...`: `in_schema` puts the schema in. Text is compared byte by byte
(`COLLATE "C"`), so that every database orders names as Python does.
"""

from __future__ import annotations

from fasm.stores._decode import LOG_COLUMNS, OUTBOX_COLUMNS

FORMAT = 1

TABLES = """
CREATE TABLE {s}.fasm_meta (name text PRIMARY KEY, value text NOT NULL);
CREATE SEQUENCE {s}.fasm_epoch AS bigint;
CREATE TABLE {s}.fasm_owner (name text PRIMARY KEY, expires timestamptz NOT NULL);
CREATE TABLE {s}.fasm_instance (
    name text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    at bigint NOT NULL,
    epoch bigint NOT NULL,
    owner text,
    state_revision bigint,
    state_version bigint,
    state bytea,
    state_seal bigint
) WITH (fillfactor = 60);
ALTER TABLE {s}.fasm_instance ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE TABLE {s}.fasm_log (
    instance text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    at bigint NOT NULL,
    version bigint NOT NULL,
    epoch bigint NOT NULL,
    input bytea NOT NULL,
    key text,
    digest bytea NOT NULL,
    seal bigint NOT NULL,
    PRIMARY KEY (instance, revision)
);
CREATE TABLE {s}.fasm_outbox (
    instance text COLLATE "C" NOT NULL,
    action_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL,
    payload bytea NOT NULL,
    seal bigint NOT NULL,
    attempts bigint NOT NULL,
    not_before bigint NOT NULL,
    error text NOT NULL,
    result bytea,
    result_seal bigint,
    result_attempts bigint NOT NULL,
    dead text,
    PRIMARY KEY (instance, action_id)
);
CREATE TABLE {s}.fasm_key (
    instance text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    at bigint NOT NULL,
    fingerprint bytea NOT NULL,
    PRIMARY KEY (instance, key)
);
"""

RELATIONS = ("fasm_meta", "fasm_epoch", "fasm_owner", "fasm_instance", "fasm_log", "fasm_outbox", "fasm_key")

# ---- opening -----------------------------------------------------------------------------------------------

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
LOCK_SESSION = "SELECT pg_advisory_lock(hashtextextended($1, 0))"
UNLOCK_SESSION = "SELECT pg_advisory_unlock(hashtextextended($1, 0))"
FOUND = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2::text[])"
READ_META = "SELECT name, value FROM {s}.fasm_meta"
ADD_META = "INSERT INTO {s}.fasm_meta SELECT * FROM unnest($1::text[], $2::text[])"
NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"

# ---- ownership: an owner without a row, or with an expired one, owns nothing -------------------------------

SWEEP = "DELETE FROM {s}.fasm_owner WHERE expires <= clock_timestamp()"
LIVES = "SELECT 1 FROM {s}.fasm_owner WHERE name = $1"
ENROL = """INSERT INTO {s}.fasm_owner VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT DO NOTHING"""
RENEW = """WITH me AS MATERIALIZED (
    SELECT name FROM {s}.fasm_owner WHERE name = $1 AND expires > clock_timestamp() FOR UPDATE
) UPDATE {s}.fasm_owner AS o SET expires = clock_timestamp() + make_interval(secs => $2)
FROM me WHERE o.name = me.name RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint"""
DEPART = "DELETE FROM {s}.fasm_owner WHERE name = $1"

ADD_INSTANCES = """INSERT INTO {s}.fasm_instance (name, revision, at, epoch)
SELECT DISTINCT name, 0, 0, 0 FROM unnest($1::text[]) AS w (name) ON CONFLICT DO NOTHING"""
CLAIM = """UPDATE {s}.fasm_instance AS i SET owner = $2, epoch = nextval('{s}.fasm_epoch')
WHERE name = ANY($1::text[])
AND (owner IS NULL OR owner = $2 OR NOT EXISTS (SELECT FROM {s}.fasm_owner AS o WHERE o.name = i.owner))
RETURNING name, epoch"""
PUT_SNAPSHOT = """UPDATE {s}.fasm_instance
SET state_revision = $4, state_version = $5, state = $6, state_seal = $7
WHERE name = $1 AND epoch = $2 AND owner = $3 AND revision = $4 RETURNING 1"""
OWNERS = "SELECT name, owner FROM {s}.fasm_instance WHERE name = ANY($1::text[])"
PENDING = """SELECT DISTINCT b.instance
FROM {s}.fasm_outbox AS b JOIN {s}.fasm_instance AS i ON i.name = b.instance
WHERE b.dead IS NULL AND b.instance > $1
AND (i.owner IS NULL OR NOT EXISTS (SELECT FROM {s}.fasm_owner AS o WHERE o.name = i.owner))
ORDER BY b.instance LIMIT $2"""
RELEASE = "UPDATE {s}.fasm_instance SET owner = NULL, epoch = 0 WHERE name = ANY($1::text[]) AND owner = $2"
FORGET_UNUSED = """DELETE FROM {s}.fasm_instance AS i
WHERE name = ANY($1::text[]) AND revision = 0 AND owner IS NULL
AND NOT EXISTS (SELECT FROM {s}.fasm_outbox AS b WHERE b.instance = i.name)"""

# ---- why a unit does not apply -----------------------------------------------------------------------------

OWNED = "SELECT revision FROM {s}.fasm_instance WHERE name = $1 AND epoch = $2 AND owner = $3"
READ_KEYS = (
    "SELECT key, revision, at, fingerprint FROM {s}.fasm_key WHERE instance = $1 AND key = ANY($2::text[])"
)
IN_OUTBOX = "SELECT action_id FROM {s}.fasm_outbox WHERE instance = $1 AND action_id = ANY($2::text[])"

# ---- reads -------------------------------------------------------------------------------------------------

READ_INSTANCES = """SELECT name, revision, at, epoch, state_revision, state_version, state, state_seal
FROM {s}.fasm_instance WHERE name = ANY($1::text[])"""
_OF_LOG = ", ".join("l." + column for column in LOG_COLUMNS.split(", "))
READ_TAILS = f"""SELECT instance, {_OF_LOG}
FROM {{s}}.fasm_log AS l JOIN {{s}}.fasm_instance AS i ON i.name = l.instance
WHERE i.name = ANY($1::text[]) AND l.revision > coalesce(i.state_revision, 0)
ORDER BY l.instance, l.revision"""
READ_OUTBOXES = f"""SELECT {OUTBOX_COLUMNS} FROM {{s}}.fasm_outbox
WHERE instance = ANY($1::text[]) ORDER BY instance, revision, position"""
READ_LOG = f"""SELECT {LOG_COLUMNS} FROM {{s}}.fasm_log
WHERE instance = $1 AND revision > $2 ORDER BY revision LIMIT $3"""
KNOWN = "SELECT 1 FROM {s}.fasm_instance WHERE name = $1"
LOG_EPOCH = "SELECT epoch FROM {s}.fasm_log WHERE instance = $1 AND revision = $2"
LIST_INSTANCES = """SELECT i.name, i.revision, i.at, i.epoch,
    (SELECT o.name FROM {s}.fasm_owner AS o WHERE o.name = i.owner AND o.expires > clock_timestamp()),
    (SELECT count(*) FROM {s}.fasm_outbox AS b WHERE b.instance = i.name AND b.dead IS NULL),
    (SELECT count(*) FROM {s}.fasm_outbox AS b WHERE b.instance = i.name AND b.dead IS NOT NULL)
FROM {s}.fasm_instance AS i WHERE i.name > $1 ORDER BY i.name LIMIT $2"""
LIST_OUTBOX = f"""SELECT {OUTBOX_COLUMNS} FROM {{s}}.fasm_outbox
WHERE (dead IS NOT NULL) = $1 AND (instance, action_id) > ($2, $3) ORDER BY instance, action_id LIMIT $4"""
STATS = """SELECT (SELECT count(*) FROM {s}.fasm_instance),
    (SELECT count(*) FROM {s}.fasm_outbox WHERE dead IS NULL),
    (SELECT count(*) FROM {s}.fasm_outbox WHERE dead IS NOT NULL),
    (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relnamespace = to_regnamespace($1) AND relname = ANY($2::text[]))"""

# ---- pruning -----------------------------------------------------------------------------------------------

PRUNE_KEYS = """WITH gone AS (DELETE FROM {s}.fasm_key WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {s}.fasm_key WHERE at < $1 LIMIT $2)) AND at < $1 RETURNING 1)
SELECT count(*) FROM gone"""
PRUNE_LOG = """WITH gone AS (DELETE FROM {s}.fasm_log WHERE ctid = ANY(ARRAY(
    SELECT l.ctid FROM {s}.fasm_log AS l LEFT JOIN {s}.fasm_instance AS i ON i.name = l.instance
    WHERE l.at < $1 AND l.revision IS DISTINCT FROM i.revision
    AND (l.revision <= i.state_revision OR $3) LIMIT $2)) RETURNING 1)
SELECT count(*) FROM gone"""


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def in_schema(statement: str, schema: str) -> str:
    return statement.replace("{s}", quoted(schema))
