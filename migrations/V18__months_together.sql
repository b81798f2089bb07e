-- Why: every run of a timer changes two rows of the month of each domain: its rollup and its sum. They were stored by domain and
-- month. With years of history each of them had a page of its own, which was read, logged and written for one row. Now they are
-- stored in the order in which they came, so those of a month lie together, forty to a page. Their keys are indexes, which change
-- only when a month begins.
--
-- Cost: two small tables are copied: two rows for each domain and month, 0.2 s for 1,000 domains and three years.

DROP VIEW origin_monthly;
ALTER TABLE rollup_month RENAME TO month_before;
CREATE TABLE rollup_month (
    domain_id                BIGINT NOT NULL CHECK (typeof(domain_id) = 'integer'),
    month_cst                TEXT   NOT NULL CHECK (typeof(month_cst) = 'text'),
    points                   BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points          BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    bandwidth_95             BIGINT NOT NULL CHECK (typeof(bandwidth_95) = 'integer'),
    bandwidth_peak           BIGINT NOT NULL CHECK (typeof(bandwidth_peak) = 'integer'),
    bandwidth_fourth_peak    BIGINT NOT NULL CHECK (typeof(bandwidth_fourth_peak) = 'integer'),
    bandwidth_daily_peak_avg DOUBLE NOT NULL CHECK (typeof(bandwidth_daily_peak_avg) = 'real'),
    traffic_bytes            BIGINT NOT NULL CHECK (typeof(traffic_bytes) = 'integer'),
    pv                       BIGINT NOT NULL CHECK (typeof(pv) = 'integer'),
    period_slots             BIGINT NOT NULL CHECK (typeof(period_slots) = 'integer'),
    empty_slots              BIGINT NOT NULL CHECK (typeof(empty_slots) = 'integer'),
    complete                 BIGINT NOT NULL CHECK (complete IN (0, 1)),
    bandwidth_95_ts          BIGINT CHECK (typeof(bandwidth_95_ts) IN ('integer', 'null')),
    bandwidth_95_least       BIGINT NOT NULL CHECK (typeof(bandwidth_95_least) = 'integer'),
    PRIMARY KEY (domain_id, month_cst)
);
INSERT INTO rollup_month (
    domain_id, month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
    bandwidth_daily_peak_avg, traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts, bandwidth_95_least)
SELECT
    domain_id, month_cst, points, expected_points, bandwidth_95, bandwidth_peak, bandwidth_fourth_peak,
    bandwidth_daily_peak_avg, traffic_bytes, pv, period_slots, empty_slots, complete, bandwidth_95_ts, bandwidth_95_least
FROM month_before ORDER BY month_cst, domain_id;
DROP TABLE month_before;
CREATE VIEW origin_monthly AS
SELECT d.name AS domain, r.month_cst AS month_cst, r.points AS points, r.expected_points AS expected_points,
       r.bandwidth_95 AS bandwidth_95, r.bandwidth_peak AS bandwidth_peak,
       r.bandwidth_fourth_peak AS bandwidth_fourth_peak, r.bandwidth_daily_peak_avg AS bandwidth_daily_peak_avg,
       r.traffic_bytes AS traffic_bytes, r.pv AS pv, r.period_slots AS period_slots, r.empty_slots AS empty_slots,
       r.complete AS complete, r.bandwidth_95_ts AS bandwidth_95_ts, r.bandwidth_95_least AS bandwidth_95_least
FROM domain d CROSS JOIN rollup_month r
WHERE r.domain_id = d.id;

ALTER TABLE month_sum RENAME TO sum_before;
CREATE TABLE month_sum (
    domain_id BIGINT NOT NULL,
    month_ts  BIGINT NOT NULL CHECK (typeof(month_ts) = 'integer'),
    points    BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    -- Counts above zero.
    counts    BIGINT NOT NULL CHECK (typeof(counts) = 'integer'),
    sum       BLOB   NOT NULL CHECK (typeof(sum) = 'blob' AND length(sum) = 16),
    PRIMARY KEY (domain_id, month_ts)
);
INSERT INTO month_sum (domain_id, month_ts, points, counts, sum)
SELECT domain_id, month_ts, points, counts, sum FROM sum_before ORDER BY month_ts, domain_id;
DROP TABLE sum_before;
