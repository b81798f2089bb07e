-- Why: what the API reported, kept exactly and small. Domains, codes and sets of codes are named once and
-- referred to by number; only counts above zero are rows; a point names the set of codes that it reported,
-- so its zeros can be given back. Both large tables are keyed by (domain, time), the only order they are
-- read in.
--
-- Cost: 73 bytes a point as `benches/store.rs` makes them up, with 2.6 of 17 codes above zero and figures of
-- millions. The plain form, names as text and a row for every zero, takes twelve times that.
--
-- Columns that a view shows are declared BIGINT, TEXT or TIMESTAMP, the names that BI tools and ODBC know;
-- STRICT tables refuse those names, so checks stand in for STRICT. In the two large tables they are written
-- `(x | 0) = x`, which only an integer fulfils: some 4 % more instructions an inserted point, where typeof()
-- takes 10 %. References would take half as many again there, and are left out: ids come from the dictionary
-- tables in the same transaction, and a count is only ever written beside its point.

CREATE TABLE domain (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (typeof(name) = 'text')
);

-- A code is text: "0", "000" and "other" are three of them.
CREATE TABLE code (
    id   INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE CHECK (typeof(code) = 'text')
);

-- `codes` is the set's one canonical form: a JSON array of the codes in the order of their text.
CREATE TABLE code_set (
    id    INTEGER PRIMARY KEY,
    codes TEXT NOT NULL UNIQUE CHECK (json_valid(codes))
);

CREATE TABLE code_set_member (
    code_set_id BIGINT NOT NULL REFERENCES code_set (id),
    code_id     BIGINT NOT NULL REFERENCES code (id),
    PRIMARY KEY (code_set_id, code_id)
) WITHOUT ROWID;

-- `ts` is the Unix second that was reported, on the 300-second grid or not; at most one point a slot.
CREATE TABLE point (
    domain_id   BIGINT NOT NULL,
    ts          BIGINT NOT NULL CHECK ((ts | 0) = ts),
    bandwidth   BIGINT NOT NULL CHECK ((bandwidth | 0) = bandwidth AND bandwidth >= 0),
    pv          BIGINT NOT NULL CHECK ((pv | 0) = pv AND pv >= 0),
    code_set_id BIGINT NOT NULL,
    PRIMARY KEY (domain_id, ts)
) WITHOUT ROWID;

CREATE TABLE code_count (
    domain_id BIGINT NOT NULL,
    ts        BIGINT NOT NULL,
    code_id   BIGINT NOT NULL,
    count     BIGINT NOT NULL CHECK ((count | 0) = count AND count > 0),
    PRIMARY KEY (domain_id, ts, code_id)
) WITHOUT ROWID;

-- The civil times of every `ts` that a point has; a table, because a computed column of a view has no type.
CREATE TABLE calendar (
    ts       BIGINT    NOT NULL PRIMARY KEY CHECK (typeof(ts) = 'integer'),
    time_utc TIMESTAMP NOT NULL CHECK (typeof(time_utc) = 'text'),
    time_cst TIMESTAMP NOT NULL CHECK (typeof(time_cst) = 'text')
) WITHOUT ROWID;

-- One row, for the same reason: the zero of a code that was reported as zero.
CREATE TABLE zero (
    count BIGINT NOT NULL CHECK (typeof(count) = 'integer' AND count = 0)
);
INSERT INTO zero (count) VALUES (0);
