-- Why: what people ask of the figures (the hours, the days, the month's bill) must not be computed anew by every
-- tool, each in its own way. These are real tables with declared types, so that every tool reads the same; an
-- expression in a view has no type on SQLite 3.40 and is cut to 32 bits by the usual ODBC driver. Rows have a
-- rowid: DuckDB counts a table without one only when it is told the columns.
--
-- A commit notes in its own transaction which days it has changed (`rollup_due`). The run brings those days and
-- their months up to date before it ends; what a killed run leaves noted, the next one does.
--
-- Cost: about 20 bytes a point with the 21 codes of the simulator, 13 % of the file; on a hundred domains, a pass over
-- the month's points (some 900,000) at the end of every run that changed something. A database from before has all
-- its days noted here, and gets its rollups with the next run or `migrate`.

CREATE TABLE origin_hourly (
    domain         TEXT      NOT NULL CHECK (typeof(domain) = 'text'),
    hour_cst       TIMESTAMP NOT NULL CHECK (typeof(hour_cst) = 'text'),
    points         BIGINT    NOT NULL CHECK (typeof(points) = 'integer' AND points > 0),
    bandwidth_avg  DOUBLE    NOT NULL CHECK (typeof(bandwidth_avg) = 'real'),
    bandwidth_peak BIGINT    NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    traffic_bytes  BIGINT    NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv             BIGINT    NOT NULL CHECK (typeof(pv) = 'integer'),
    PRIMARY KEY (domain, hour_cst)
);

-- A day that was asked for and holds no point has a row, too: 0 points of those expected, and no figures.
CREATE TABLE origin_daily (
    domain          TEXT   NOT NULL CHECK (typeof(domain) = 'text'),
    date_cst        DATE   NOT NULL CHECK (typeof(date_cst) = 'text'),
    points          BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_avg   DOUBLE CHECK (typeof(bandwidth_avg) = iif(points > 0, 'real', 'null')),
    bandwidth_peak  BIGINT CHECK (typeof(bandwidth_peak) = iif(points > 0, 'integer', 'null')),
    peak_ts         BIGINT CHECK (typeof(peak_ts) = iif(points > 0, 'integer', 'null')),
    traffic_bytes   BIGINT CHECK (typeof(traffic_bytes) = iif(points > 0, 'integer', 'null')),
    pv              BIGINT CHECK (typeof(pv) = iif(points > 0, 'integer', 'null')),
    PRIMARY KEY (domain, date_cst)
);

-- Every code that the day's points reported, zeros too. The key begins with the date for "all domains, these
-- days", the index with the domain for "one domain, this year".
CREATE TABLE origin_status_daily (
    domain   TEXT   NOT NULL CHECK (typeof(domain) = 'text'),
    date_cst DATE   NOT NULL CHECK (typeof(date_cst) = 'text'),
    code     TEXT   NOT NULL CHECK (typeof(code) = 'text'),
    class    TEXT   NOT NULL CHECK (class IN ('1xx', '2xx', '3xx', '4xx', '5xx', 'other')),
    requests BIGINT NOT NULL CHECK (typeof(requests) = 'integer'),
    PRIMARY KEY (date_cst, domain, code)
);
CREATE INDEX origin_status_daily_domain ON origin_status_daily (domain, date_cst);

-- `domain` is `*` for the account: the domains' points summed per slot first.
CREATE TABLE origin_monthly (
    domain                   TEXT   NOT NULL CHECK (typeof(domain) = 'text'),
    month_cst                TEXT   NOT NULL CHECK (typeof(month_cst) = 'text'),
    points                   BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points          BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_95             BIGINT NOT NULL CHECK (typeof(bandwidth_95) = 'integer'),
    bandwidth_peak           BIGINT NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    bandwidth_fourth_peak    BIGINT NOT NULL CHECK (typeof(bandwidth_fourth_peak) = 'integer'),
    bandwidth_daily_peak_avg DOUBLE NOT NULL CHECK (typeof(bandwidth_daily_peak_avg) = 'real'),
    traffic_bytes            BIGINT NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv                       BIGINT NOT NULL CHECK (typeof(pv) = 'integer'),
    PRIMARY KEY (domain, month_cst)
);

-- The days, by their UTC+8 midnight, of which the rollups do not yet tell what is committed.
CREATE TABLE rollup_due (
    domain_id BIGINT NOT NULL REFERENCES domain (id),
    day_ts    BIGINT NOT NULL CHECK (typeof(day_ts) = 'integer' AND (day_ts + 28800) % 86400 = 0),
    PRIMARY KEY (domain_id, day_ts)
) WITHOUT ROWID;

-- Points lie only where coverage does.
INSERT OR IGNORE INTO rollup_due (domain_id, day_ts)
WITH RECURSIVE day (domain_id, day_ts, end_ts) AS (
    SELECT domain_id, start_ts - (start_ts + 28800) % 86400, end_ts FROM coverage
    UNION ALL
    SELECT domain_id, day_ts + 86400, end_ts FROM day WHERE day_ts + 86400 < end_ts
)
SELECT domain_id, day_ts FROM day;
