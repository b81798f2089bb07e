-- Why: people pay by the figures of a month, and later answers can change them. A closing keeps the figures of a month as
-- they stood, and nothing ever deletes one. `bill MONTH --changes` compares it with the figures of today.
--
-- A clock can go back, so no time says what came after a closing. `closed_restatement` notes it for the points of closed
-- months: which closing was the last one when the point was restated. `closing_row.slots` says which slots of a day had a
-- point, if some had none: only a point that was there can have been restated since.
--
-- `bandwidth_95_least` of a month is what its 95 peak is at least when the month ends. It is computed with the other
-- measures, so that `bill` reads no point.
--
-- Cost: about 80 bytes for each domain and day of a closed month, 2.6 MB for a month of 1,000 domains. The months are
-- computed again by the next run or `migrate`.

CREATE TABLE closing (
    id         BIGINT    NOT NULL PRIMARY KEY CHECK (typeof(id) = 'integer' AND id > 0),
    month_cst  TEXT      NOT NULL CHECK (typeof(month_cst) = 'text'),
    -- The month in the time of the data: the label less the shift of the slot label.
    start_ts   BIGINT    NOT NULL CHECK (typeof(start_ts) = 'integer'),
    end_ts     BIGINT    NOT NULL CHECK (typeof(end_ts) = 'integer' AND end_ts > start_ts),
    closed_at  BIGINT    NOT NULL CHECK (typeof(closed_at) = 'integer'),
    closed_cst TIMESTAMP NOT NULL CHECK (typeof(closed_cst) = 'text'),
    note       TEXT      CHECK (typeof(note) IN ('text', 'null')),
    slot_label TEXT      NOT NULL CHECK (slot_label IN ('start', 'end'))
) WITHOUT ROWID;

CREATE TABLE closing_row (
    closing_id               BIGINT NOT NULL REFERENCES closing (id),
    -- 0: the account.
    domain_id                BIGINT NOT NULL CHECK (typeof(domain_id) = 'integer'),
    -- The day of the month; 0: the whole month.
    day                      BIGINT NOT NULL CHECK (typeof(day) = 'integer'),
    scope                    TEXT   NOT NULL CHECK (scope = iif(domain_id = 0, 'account', 'domain')),
    period                   TEXT   NOT NULL CHECK (period = iif(day = 0, 'month', 'day')),
    date_cst                 DATE   CHECK (typeof(date_cst) = iif(day = 0, 'null', 'text')),
    domains                  BIGINT CHECK (typeof(domains) = iif(domain_id = 0, 'integer', 'null')),
    points                   BIGINT NOT NULL CHECK (typeof(points) = 'integer'),
    expected_points          BIGINT NOT NULL CHECK (typeof(expected_points) = 'integer'),
    period_slots             BIGINT NOT NULL CHECK (typeof(period_slots) = 'integer'),
    empty_slots              BIGINT NOT NULL CHECK (typeof(empty_slots) = 'integer'),
    complete                 BIGINT NOT NULL CHECK (complete IN (0, 1)),
    bandwidth_avg            DOUBLE CHECK (typeof(bandwidth_avg) IN ('real', 'null')),
    bandwidth_95             BIGINT CHECK (typeof(bandwidth_95) = iif(day = 0, 'integer', 'null')),
    bandwidth_95_ts          BIGINT CHECK (typeof(bandwidth_95_ts) IN ('integer', 'null')),
    bandwidth_peak           BIGINT CHECK (typeof(bandwidth_peak) IN ('integer', 'null')),
    peak_ts                  BIGINT CHECK (typeof(peak_ts) IN ('integer', 'null')),
    bandwidth_fourth_peak    BIGINT CHECK (typeof(bandwidth_fourth_peak) = iif(day = 0, 'integer', 'null')),
    bandwidth_daily_peak_avg DOUBLE CHECK (typeof(bandwidth_daily_peak_avg) = iif(day = 0, 'real', 'null')),
    traffic_bytes            BIGINT CHECK (typeof(traffic_bytes) IN ('integer', 'null')),
    pv                       BIGINT CHECK (typeof(pv) IN ('integer', 'null')),
    -- A bit for each slot of the day, from the lowest bit of the first byte on: 1 if it had a point. NULL if all slots had
    -- one, or none.
    slots                    BLOB   CHECK (slots IS NULL OR typeof(slots) = 'blob' AND length(slots) = 36),
    PRIMARY KEY (closing_id, domain_id, day)
) WITHOUT ROWID;

CREATE TABLE closed_restatement (
    domain_id  BIGINT NOT NULL,
    ts         BIGINT NOT NULL CHECK (typeof(ts) = 'integer'),
    nth        BIGINT NOT NULL CHECK (typeof(nth) = 'integer'),
    -- The last closing of any month when it was recorded.
    closing_id BIGINT NOT NULL REFERENCES closing (id),
    PRIMARY KEY (domain_id, ts, nth)
) WITHOUT ROWID;

CREATE VIEW origin_closings AS
SELECT c.id AS closing_id, c.month_cst AS month_cst, c.closed_at AS closed_at, c.closed_cst AS closed_cst, c.note AS note,
       c.slot_label AS slot_label, r.scope AS scope, d.name AS domain, r.period AS period, r.date_cst AS date_cst,
       r.domains AS domains, r.points AS points, r.expected_points AS expected_points, r.period_slots AS period_slots,
       r.empty_slots AS empty_slots, r.complete AS complete, r.bandwidth_avg AS bandwidth_avg,
       r.bandwidth_95 AS bandwidth_95, r.bandwidth_95_ts AS bandwidth_95_ts, r.bandwidth_peak AS bandwidth_peak,
       r.peak_ts AS peak_ts, r.bandwidth_fourth_peak AS bandwidth_fourth_peak,
       r.bandwidth_daily_peak_avg AS bandwidth_daily_peak_avg, r.traffic_bytes AS traffic_bytes, r.pv AS pv
FROM closing c CROSS JOIN closing_row r LEFT JOIN domain d ON d.id = r.domain_id
WHERE r.closing_id = c.id;

-- The new tables are summed, too. Files whose sums are not built yet get all of them when they are next opened.
INSERT OR IGNORE INTO table_sum (id, name, rows, sum) VALUES
(8, 'closing', 0, zeroblob(16)),
(9, 'closing_row', 0, zeroblob(16)),
(10, 'closed_restatement', 0, zeroblob(16));

ALTER TABLE rollup_month ADD COLUMN bandwidth_95_least BIGINT NOT NULL DEFAULT 0
    CHECK (typeof(bandwidth_95_least) = 'integer');
ALTER TABLE origin_account_monthly ADD COLUMN bandwidth_95_least BIGINT NOT NULL DEFAULT 0
    CHECK (typeof(bandwidth_95_least) = 'integer');
DROP VIEW origin_monthly;
CREATE VIEW origin_monthly AS
SELECT d.name AS domain, r.month_cst AS month_cst, r.points AS points, r.expected_points AS expected_points,
       r.bandwidth_95 AS bandwidth_95, r.bandwidth_peak AS bandwidth_peak,
       r.bandwidth_fourth_peak AS bandwidth_fourth_peak, r.bandwidth_daily_peak_avg AS bandwidth_daily_peak_avg,
       r.traffic_bytes AS traffic_bytes, r.pv AS pv, r.period_slots AS period_slots, r.empty_slots AS empty_slots,
       r.complete AS complete, r.bandwidth_95_ts AS bandwidth_95_ts, r.bandwidth_95_least AS bandwidth_95_least
FROM domain d CROSS JOIN rollup_month r
WHERE r.domain_id = d.id;

-- Any stale day of a month makes the next run compute the month.
INSERT OR IGNORE INTO rollup_due (domain_id, day_ts)
SELECT domain_id, CAST(strftime('%s', month_cst || '-01') AS INTEGER) - 28800 FROM rollup_month;

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_monthly', 'bandwidth_95_least', 'BIGINT', 'bit/s',
 'What bandwidth_95 is at least when the month ends: the highest 5 % of all slots of the month are dropped from the points ' ||
 'so far. 0 while there are fewer points than that. Only a point that is restated lower can lower it.'),
('origin_account_monthly', 'bandwidth_95_least', 'BIGINT', 'bit/s',
 'What bandwidth_95 is at least when the month ends: the highest 5 % of all slots of the month are dropped from the sums so ' ||
 'far. 0 while there are fewer slots with points than that. Only a point that is restated lower can lower it.'),

('origin_closings', '', '', '',
 'Closed months: the figures as they stood when `bill MONTH --close` was run. For each closing there is one row for each ' ||
 'domain and month, one for each domain and day, and the same for the account. Nothing is ever changed or deleted here. To ' ||
 'use one closing, filter on closing_id, scope and period.'),
('origin_closings', 'closing_id', 'BIGINT', '', 'Number of the closing. Later closings have higher numbers.'),
('origin_closings', 'month_cst', 'TEXT', 'UTC+8 text', 'Closed month, YYYY-MM.'),
('origin_closings', 'closed_at', 'BIGINT', 'Unix s', 'When it was closed.'),
('origin_closings', 'closed_cst', 'TIMESTAMP', 'UTC+8 text', 'closed_at as YYYY-MM-DD HH:MM:SS in UTC+8.'),
('origin_closings', 'note', 'TEXT', '', 'The note that was given. NULL without one.'),
('origin_closings', 'slot_label', 'TEXT', '', 'The slot_label that was in force. See origin_settings.'),
('origin_closings', 'scope', 'TEXT', '', 'domain: figures of one domain. account: of the sums of all domains.'),
('origin_closings', 'domain', 'TEXT', '', 'Domain in lower case. NULL for the account.'),
('origin_closings', 'period', 'TEXT', '', 'month: the whole month. day: one day of it.'),
('origin_closings', 'date_cst', 'DATE', 'UTC+8 text', 'Day, YYYY-MM-DD. NULL for the whole month.'),
('origin_closings', 'domains', 'BIGINT', 'domains', 'Domains for which something was fetched. NULL for one domain.'),
('origin_closings', 'points', 'BIGINT', 'points', 'Stored points.'),
('origin_closings', 'expected_points', 'BIGINT', 'slots', 'Slots that were asked for.'),
('origin_closings', 'period_slots', 'BIGINT', 'slots', 'Slots of the whole day or month. For the account: times domains.'),
('origin_closings', 'empty_slots', 'BIGINT', 'slots',
 'Slots without a point for which two answers to different requests agree that there is none.'),
('origin_closings', 'complete', 'BIGINT', '', '1: nothing was missing or due to change. 0: it was closed all the same.'),
('origin_closings', 'bandwidth_avg', 'DOUBLE', 'bit/s',
 'Mean of the stored points of the day. NULL without points, and for the whole month.'),
('origin_closings', 'bandwidth_95', 'BIGINT', 'bit/s', 'The 95 peak of the month. NULL for a day.'),
('origin_closings', 'bandwidth_95_ts', 'BIGINT', 'Unix s',
 'ts of the point that is the 95 peak. If several are equal, of the first one. NULL if a slot without a point is it, and for ' ||
 'a day.'),
('origin_closings', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest point. NULL for a day without points.'),
('origin_closings', 'peak_ts', 'BIGINT', 'Unix s',
 'ts of the highest point of the day. If several are equal, of the first one. NULL without points, and for the whole month.'),
('origin_closings', 'bandwidth_fourth_peak', 'BIGINT', 'bit/s', 'Fourth highest point of the month. NULL for a day.'),
('origin_closings', 'bandwidth_daily_peak_avg', 'DOUBLE', 'bit/s', 'Mean of the daily peaks of the month. NULL for a day.'),
('origin_closings', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. NULL for a day without points.'),
('origin_closings', 'pv', 'BIGINT', 'requests', 'Back-to-origin requests. NULL for a day without points.');

-- After the account, before everything else. The dictionary speaks of itself last.
UPDATE origin_dictionary SET rowid = rowid - 5000 WHERE relation = 'origin_closings';
UPDATE origin_dictionary SET rowid = rowid + 1000 WHERE relation = 'origin_dictionary';
