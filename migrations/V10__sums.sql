-- Why: people are billed by these figures, and a disk or another program can change one without SQLite seeing it. A sum
-- that does not depend on the order of the rows is kept for the points of every domain and month, and for each of the
-- tables that say what was asked for and what the numbers mean. `check --deep` and `snapshot` compute the sums anew. See
-- src/model/sum.rs for the hash.
--
-- Only this program keeps the sums. The triggers that keep `table_sum` belong to its connections and are not part of
-- the file, so a change by any other program stays possible and is found. A migration that rewrites one of these tables
-- sets `sum_build.complete` to 0, and the sums are built anew.
--
-- Cost: one row a domain and month, one a table. A database from before is read through once when it is next opened for
-- writing, about 0.5 s a million points.

-- `month_ts` is the UTC+8 midnight that begins the month, in the time of the data: the label less the shift of
-- `slot_label`, as in the rollups.
CREATE TABLE month_sum (
    domain_id BIGINT NOT NULL,
    month_ts  BIGINT NOT NULL CHECK (typeof(month_ts) = 'integer'),
    points    BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    -- Counts above zero.
    counts    BIGINT NOT NULL CHECK (typeof(counts) = 'integer'),
    sum       BLOB   NOT NULL CHECK (typeof(sum) = 'blob' AND length(sum) = 16),
    PRIMARY KEY (domain_id, month_ts)
) WITHOUT ROWID;

CREATE TABLE table_sum (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE,
    rows BIGINT  NOT NULL CHECK (typeof(rows) = 'integer'),
    sum  BLOB    NOT NULL CHECK (typeof(sum) = 'blob' AND length(sum) = 16)
);

-- One row: whether what was stored before this migration is part of the sums.
CREATE TABLE sum_build (
    complete BIGINT NOT NULL CHECK (complete IN (0, 1))
);
INSERT INTO sum_build (complete) VALUES (0);
