-- Why: the vendor does not say whether a point's time is the start or the end of its five minutes. The rollups depend on
-- it: with `end`, the point of 00:00 on the 1st is the last one of the month before. The value that the rollups were
-- computed with is kept here, in the file, so that every reader of the file uses the same one. A run whose
-- configuration has another value changes it and computes the rollups anew (src/store/slot_label.rs).
--
-- `rollup_due` stays keyed by the UTC+8 midnight of the day that is meant: with `end`, day D holds the labels from
-- D + 300 to D + 86400.
--
-- Cost: one row.

CREATE TABLE slot_label (
    name  TEXT NOT NULL DEFAULT 'slot_label' CHECK (name = 'slot_label'),
    value TEXT NOT NULL CHECK (value IN ('start', 'end')),
    PRIMARY KEY (name)
);
INSERT INTO slot_label (value) VALUES ('start');

CREATE VIEW origin_settings AS SELECT name AS name, value AS value FROM slot_label;

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_settings', '', '', '',
 'The settings that the figures in this file depend on, one row each. To change one, change the configuration file; the ' ||
 'next run computes the figures anew.'),
('origin_settings', 'name', 'TEXT', '', 'Name of the setting, as in the configuration file.'),
('origin_settings', 'value', 'TEXT', '',
 'Value in force. slot_label is start or end: the time of a point is the start or the end of its 5 minutes. It decides ' ||
 'which hour, day and month a point belongs to.');

UPDATE origin_dictionary
SET meaning = meaning || ' If slot_label in origin_settings is end, a point of 08:00 belongs to 07:00:00.'
WHERE relation = 'origin_hourly' AND "column" = 'hour_cst';
UPDATE origin_dictionary
SET meaning = meaning || ' If slot_label in origin_settings is end, a point of 00:00 belongs to the day before.'
WHERE relation IN ('origin_daily', 'origin_status_daily') AND "column" = 'date_cst';
UPDATE origin_dictionary
SET meaning = meaning || ' If slot_label in origin_settings is end, a point of 00:00 on the 1st belongs to the month before.'
WHERE relation = 'origin_monthly' AND "column" = 'month_cst';
UPDATE origin_dictionary
SET meaning = 'Time of the 5 minutes, as reported: their start, or their end if slot_label in origin_settings is end. It ' ||
    'belongs to the slot ts - ts % 300, and no slot has two points.'
WHERE relation = 'origin_stats' AND "column" = 'ts';

-- The dictionary speaks of itself last.
UPDATE origin_dictionary SET rowid = rowid + 1000 WHERE relation = 'origin_dictionary';
