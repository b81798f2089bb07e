-- Why: a hole that nobody sees is billed as zero. Every slot that holds no point is named here, with the reason.
-- What a commit leaves without a point is written by that commit; only what was never asked for moves without
-- one, and is written at the end of each run.
--
-- Cost: one row a gap, however long; one look into this table for each domain of a window. A database from
-- before is walked through once when it is next opened for writing, about 0.1 s a million points.

-- Half-open ranges on the 5-minute grid; those of a domain are ordered and do not overlap, and neighbours of
-- the same reason are one row.
CREATE TABLE gap (
    domain_id BIGINT    NOT NULL REFERENCES domain (id),
    start_ts  BIGINT    NOT NULL CHECK (typeof(start_ts) = 'integer'),
    end_ts    BIGINT    NOT NULL CHECK (typeof(end_ts) = 'integer' AND end_ts > start_ts),
    start_cst TIMESTAMP NOT NULL,
    end_cst   TIMESTAMP NOT NULL,
    slots     BIGINT    NOT NULL CHECK (slots * 300 = end_ts - start_ts),
    reason    TEXT      NOT NULL CHECK (reason IN ('never_asked', 'empty', 'rejected', 'beyond_retention')),
    PRIMARY KEY (domain_id, start_ts)
) WITHOUT ROWID;
-- The rows that the end of a run writes anew, without those of old holes.
CREATE INDEX gap_never_asked ON gap (domain_id, start_ts, end_ts) WHERE reason = 'never_asked';

-- One row: whether the points that were stored before this migration have been looked through.
CREATE TABLE gap_build (
    complete BIGINT NOT NULL CHECK (complete IN (0, 1))
);
INSERT INTO gap_build (complete) SELECT NOT EXISTS (SELECT 1 FROM coverage);

CREATE VIEW origin_gaps AS
SELECT d.name AS domain, g.start_ts AS start_ts, g.end_ts AS end_ts, g.start_cst AS start_cst,
       g.end_cst AS end_cst, g.slots AS slots, g.reason AS reason
FROM domain d CROSS JOIN gap g
WHERE g.domain_id = d.id;
