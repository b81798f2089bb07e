-- Why: whoever opens the file in some tool sees names and types, and has to guess at units, at half-open ranges and
-- at what a missing value stands for. What every public column means is told in the file itself, where it cannot be
-- lost or be of another version. `docs/schema.md` and what Datasette shows are made from these rows.
--
-- A later migration that adds a public relation or column adds its row here as well; a test fails where it does not.
-- Rows are in the order in which people meet the relations. A row with '' for its column speaks of the relation.
--
-- Cost: about 25 KiB a database.

CREATE TABLE origin_dictionary (
    relation TEXT NOT NULL CHECK (typeof(relation) = 'text'),
    "column" TEXT NOT NULL CHECK (typeof("column") = 'text'),
    type     TEXT NOT NULL CHECK (typeof(type) = 'text'),
    unit     TEXT NOT NULL CHECK (typeof(unit) = 'text'),
    meaning  TEXT NOT NULL CHECK (typeof(meaning) = 'text' AND meaning <> ''),
    PRIMARY KEY (relation, "column")
);

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_monthly', '', '', '',
 'What each month of UTC+8 is billed by, for every domain and, as domain *, for the account. A month is complete ' ||
 'when expected_points holds all of its slots (8640 in 30 days), and points is as high.'),
('origin_monthly', 'domain', 'TEXT', '',
 'Domain in lower case; * is the account: the domains'' points summed per slot first, so its peaks are not the sums ' ||
 'of the domains'' peaks.'),
('origin_monthly', 'month_cst', 'TEXT', 'UTC+8 text', 'Month, YYYY-MM.'),
('origin_monthly', 'points', 'BIGINT', 'points',
 'Points that are stored. For *: slots for which every domain that was asked for holds its point.'),
('origin_monthly', 'expected_points', 'BIGINT', 'slots',
 'Slots of the month that were asked for, those included that the API no longer served; slots still to come, or never ' ||
 'asked for, are not among them. For *: slots that were asked for of any domain. More than points: the month has gaps, ' ||
 'and they count as 0 in its figures.'),
('origin_monthly', 'bandwidth_95', 'BIGINT', 'bit/s',
 'The 95 peak: of the expected slots in descending order, missing ones as 0, the highest 5 % (rounded down) are ' ||
 'dropped and this is the highest one left.'),
('origin_monthly', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest point; 0 for a month without points.'),
('origin_monthly', 'bandwidth_fourth_peak', 'BIGINT', 'bit/s',
 'Fourth highest point, that is the peak with three omitted; 0 with fewer than four points.'),
('origin_monthly', 'bandwidth_daily_peak_avg', 'DOUBLE', 'bit/s',
 'Mean of the highest point of each UTC+8 day that was asked for; a day without points counts as 0.'),
('origin_monthly', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down; missing slots add nothing.'),
('origin_monthly', 'pv', 'BIGINT', 'requests', 'Back-to-origin requests; missing slots add nothing.'),

('origin_daily', '', '', '',
 'One row a domain and day of UTC+8 of which anything was fetched. A day without points has a row, too: 0 points, and ' ||
 'NULL for every figure. A day that lies wholly beyond the API''s retention has none.'),
('origin_daily', 'domain', 'TEXT', '', 'Domain in lower case; there is no row of domain * here.'),
('origin_daily', 'date_cst', 'DATE', 'UTC+8 text',
 'Day, YYYY-MM-DD. Compare with full dates: against text that reads as a number, such as ''2026'', SQLite compares ' ||
 'as a number, and finds every date greater.'),
('origin_daily', 'points', 'BIGINT', 'points', 'Points that are stored.'),
('origin_daily', 'expected_points', 'BIGINT', 'slots',
 'Slots of the day that were asked for, those included that the API no longer served; 288 once the day is over and ' ||
 'was asked for as a whole. More than points: see origin_gaps.'),
('origin_daily', 'bandwidth_avg', 'DOUBLE', 'bit/s',
 'Mean over the points that are stored; missing slots are left out, not counted as 0. NULL without points.'),
('origin_daily', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest point; NULL without points.'),
('origin_daily', 'peak_ts', 'BIGINT', 'Unix s',
 'ts of the highest point, of the first one where several are as high; NULL without points.'),
('origin_daily', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down; missing slots add nothing. NULL without points.'),
('origin_daily', 'pv', 'BIGINT', 'requests',
 'Back-to-origin requests; missing slots add nothing. NULL without points.'),

('origin_hourly', '', '', '', 'One row a domain and hour of UTC+8 that holds at least one point.'),
('origin_hourly', 'domain', 'TEXT', '', 'Domain in lower case; there is no row of domain * here.'),
('origin_hourly', 'hour_cst', 'TIMESTAMP', 'UTC+8 text',
 'Start of the hour, YYYY-MM-DD HH:00:00. Compare with full dates or times; ''2026'' would be compared as a number.'),
('origin_hourly', 'points', 'BIGINT', 'points', 'Points that are stored; 12 in an hour without gaps.'),
('origin_hourly', 'bandwidth_avg', 'DOUBLE', 'bit/s',
 'Mean over the points that are stored; missing slots are left out, not counted as 0.'),
('origin_hourly', 'bandwidth_peak', 'BIGINT', 'bit/s', 'Highest point.'),
('origin_hourly', 'traffic_bytes', 'BIGINT', 'bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down; missing slots add nothing.'),
('origin_hourly', 'pv', 'BIGINT', 'requests', 'Back-to-origin requests; missing slots add nothing.'),

('origin_status_daily', '', '', '',
 'Requests by status code, one row a domain, day of UTC+8 and code that a point of the day reported, codes with 0 ' ||
 'requests included.'),
('origin_status_daily', 'domain', 'TEXT', '', 'Domain in lower case; there is no row of domain * here.'),
('origin_status_daily', 'date_cst', 'DATE', 'UTC+8 text',
 'Day, YYYY-MM-DD. Compare with full dates; ''2026'' would be compared as a number.'),
('origin_status_daily', 'code', 'TEXT', '',
 'Status code as reported. It is text: 0, 000 and other are three codes.'),
('origin_status_daily', 'class', 'TEXT', '',
 '1xx, 2xx, 3xx, 4xx or 5xx for codes of three digits that begin so, else other.'),
('origin_status_daily', 'requests', 'BIGINT', 'requests',
 'Requests with this code. The codes of a domain and day add up to its pv but for the few points that are reported ' ||
 'uneven.'),

('origin_stats', '', '', '',
 'The 5-minute points as the API reported them, one row a domain and slot that has one. A slot without a row is ' ||
 'missing, not zero: see origin_gaps. Filters on domain, on ts and on both use the key; filters on time_utc and ' ||
 'time_cst read everything.'),
('origin_stats', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_stats', 'ts', 'BIGINT', 'Unix s',
 'Start of the 5 minutes, as reported. It belongs to the slot ts - ts % 300, and no slot has two points.'),
('origin_stats', 'time_utc', 'TIMESTAMP', 'UTC text', 'ts as YYYY-MM-DD HH:MM:SS in UTC.'),
('origin_stats', 'time_cst', 'TIMESTAMP', 'UTC+8 text',
 'ts as YYYY-MM-DD HH:MM:SS in UTC+8. Compare with full dates or times: against text that reads as a number, such as ' ||
 '''2026'', SQLite compares as a number, and finds every time greater.'),
('origin_stats', 'bandwidth', 'BIGINT', 'bit/s',
 'Mean back-to-origin bandwidth of the 5 minutes. A reported zero is 0.'),
('origin_stats', 'pv', 'BIGINT', 'requests', 'Back-to-origin requests in the 5 minutes. A reported zero is 0.'),

('origin_status_codes', '', '', '',
 'Requests by status code of every point: one row for every code that the point reported, zeros too. Filters on ' ||
 'domain, on ts and on both use the key.'),
('origin_status_codes', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_status_codes', 'ts', 'BIGINT', 'Unix s', 'ts of the point in origin_stats.'),
('origin_status_codes', 'time_utc', 'TIMESTAMP', 'UTC text', 'ts as YYYY-MM-DD HH:MM:SS in UTC.'),
('origin_status_codes', 'time_cst', 'TIMESTAMP', 'UTC+8 text',
 'ts as YYYY-MM-DD HH:MM:SS in UTC+8. Compare with full dates or times; ''2026'' would be compared as a number.'),
('origin_status_codes', 'code', 'TEXT', '',
 'Status code as reported. It is text: 0, 000 and other are three codes.'),
('origin_status_codes', 'count', 'BIGINT', 'requests',
 'Requests with this code in the 5 minutes. A point without a row for a code did not report that code.'),

('origin_status_nonzero', '', '', '',
 'origin_status_codes without the zeros: smaller and faster, and the same sums.'),
('origin_status_nonzero', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_status_nonzero', 'ts', 'BIGINT', 'Unix s', 'ts of the point in origin_stats.'),
('origin_status_nonzero', 'time_utc', 'TIMESTAMP', 'UTC text', 'ts as YYYY-MM-DD HH:MM:SS in UTC.'),
('origin_status_nonzero', 'time_cst', 'TIMESTAMP', 'UTC+8 text',
 'ts as YYYY-MM-DD HH:MM:SS in UTC+8. Compare with full dates or times; ''2026'' would be compared as a number.'),
('origin_status_nonzero', 'code', 'TEXT', '',
 'Status code as reported. It is text: 0, 000 and other are three codes.'),
('origin_status_nonzero', 'count', 'BIGINT', 'requests', 'Requests with this code in the 5 minutes, above 0.'),

('origin_gaps', '', '', '',
 'Every range of slots that holds no point, and why, as of the end of the last run. What was never asked for is a ' ||
 'gap only of configured domains, from the configured start on.'),
('origin_gaps', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_gaps', 'start_ts', 'BIGINT', 'Unix s', 'First moment of the range, on the 5-minute grid.'),
('origin_gaps', 'end_ts', 'BIGINT', 'Unix s', 'First moment after the range (half-open).'),
('origin_gaps', 'start_cst', 'TIMESTAMP', 'UTC+8 text', 'start_ts as YYYY-MM-DD HH:MM:SS in UTC+8.'),
('origin_gaps', 'end_cst', 'TIMESTAMP', 'UTC+8 text', 'end_ts as YYYY-MM-DD HH:MM:SS in UTC+8.'),
('origin_gaps', 'slots', 'BIGINT', 'slots', '5-minute slots in the range.'),
('origin_gaps', 'reason', 'TEXT', '',
 'never_asked; empty: asked for, and the answer held no point; rejected: its point could not be taken, see ' ||
 'origin_rejects; beyond_retention: the API no longer served it.'),

('origin_coverage', '', '', '',
 'Which ranges of a domain were asked for. The ranges of a domain do not overlap, and neighbours of the same ' ||
 'history are one row.'),
('origin_coverage', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_coverage', 'start_ts', 'BIGINT', 'Unix s', 'First moment of the range, on the 5-minute grid.'),
('origin_coverage', 'end_ts', 'BIGINT', 'Unix s', 'First moment after the range (half-open).'),
('origin_coverage', 'start_cst', 'TIMESTAMP', 'UTC+8 text', 'start_ts as YYYY-MM-DD HH:MM:SS in UTC+8.'),
('origin_coverage', 'end_cst', 'TIMESTAMP', 'UTC+8 text', 'end_ts as YYYY-MM-DD HH:MM:SS in UTC+8.'),
('origin_coverage', 'fetched_at', 'BIGINT', 'Unix s',
 'The latest moment at which any part of the range was fetched, or was refused as too old.'),
('origin_coverage', 'state', 'TEXT', '',
 'settled: fetched at the last of refresh.ages, not asked for again; provisional: asked for again at the next age, ' ||
 'so its figures may still change; beyond_retention: not settled, and no longer served by the API.'),

('origin_restatements', '', '', '',
 'Every stored value that a later answer changed: one row a point and change. origin_stats holds the newest value.'),
('origin_restatements', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_restatements', 'ts', 'BIGINT', 'Unix s', 'ts of the point in origin_stats.'),
('origin_restatements', 'detected_at', 'BIGINT', 'Unix s', 'When the answer arrived that changed it.'),
('origin_restatements', 'age_seconds', 'BIGINT', 's', 'From the start of the point''s slot to detected_at.'),
('origin_restatements', 'bandwidth_before', 'BIGINT', 'bit/s', 'Bandwidth before the change.'),
('origin_restatements', 'bandwidth_after', 'BIGINT', 'bit/s', 'Bandwidth after the change.'),
('origin_restatements', 'pv_before', 'BIGINT', 'requests', 'Requests before the change.'),
('origin_restatements', 'pv_after', 'BIGINT', 'requests', 'Requests after the change.'),
('origin_restatements', 'codes_before', 'TEXT', 'requests',
 'JSON object {code: count} before the change: the counts above zero, and the zeros of codes that only this side ' ||
 'reported. NULL where codes and counts stayed the same.'),
('origin_restatements', 'codes_after', 'TEXT', 'requests',
 'The same after the change; NULL when codes_before is.'),

('origin_rejects', '', '', '',
 'What answers held that could not be taken, with the reason and the text as received. A row goes when the range is ' ||
 'fetched again without it, or by the command rejects.'),
('origin_rejects', 'id', 'BIGINT', '', 'Number of the reject, for the command rejects; never given twice.'),
('origin_rejects', 'domain', 'TEXT', '', 'The domain it stood under, as the API wrote it.'),
('origin_rejects', 'ts', 'BIGINT', 'Unix s', 'The time it gave; NULL where that could not be read.'),
('origin_rejects', 'window_start', 'BIGINT', 'Unix s', 'Start of the range of the request that brought it.'),
('origin_rejects', 'window_end', 'BIGINT', 'Unix s', 'First moment after that range (half-open).'),
('origin_rejects', 'reason', 'TEXT', '', 'Why it could not be taken, as a sentence.'),
('origin_rejects', 'raw', 'TEXT', '', 'The text as it was received, at most 64 KiB of it.'),
('origin_rejects', 'seen_at', 'BIGINT', 'Unix s', 'When the answer arrived that held it first.'),
('origin_rejects', 'run_id', 'BIGINT', '', 'id of that run in origin_runs.'),

('origin_runs', '', '', '',
 'Every run that could write: what was asked, how it ended, and what it committed. A window is one planned request, ' ||
 'that is a range and a group of domains.'),
('origin_runs', 'id', 'BIGINT', '', 'Number of the run, ascending.'),
('origin_runs', 'command', 'TEXT', '', 'The command, such as backfill or sync.'),
('origin_runs', 'started_at', 'BIGINT', 'Unix s', 'When it began.'),
('origin_runs', 'finished_at', 'BIGINT', 'Unix s', 'When it ended; NULL while it runs, and where it was killed.'),
('origin_runs', 'outcome', 'TEXT', '',
 'complete: all that was asked is stored; partial: some windows failed or points were rejected; failed; refused: the ' ||
 'API refused the credentials; stopped by a signal; running; interrupted: it ended without a word, as the next run ' ||
 'found.'),
('origin_runs', 'requests', 'BIGINT', 'HTTP requests', 'Requests sent to the API, retries included.'),
('origin_runs', 'retries', 'BIGINT', 'HTTP requests', 'Requests that were sent because an earlier one failed.'),
('origin_runs', 'windows_planned', 'BIGINT', 'windows',
 'Windows in the plan; the sum of the next three once the run has ended.'),
('origin_runs', 'windows_fetched', 'BIGINT', 'windows', 'Windows of which everything is stored.'),
('origin_runs', 'windows_failed', 'BIGINT', 'windows', 'Windows of which something is missing after all retries.'),
('origin_runs', 'windows_skipped', 'BIGINT', 'windows',
 'Windows that were not asked for: the run was stopped, or they lie beyond retention.'),
('origin_runs', 'points_received', 'BIGINT', 'points', 'Points in the answers.'),
('origin_runs', 'points_inserted', 'BIGINT', 'points', 'Points that were not stored before.'),
('origin_runs', 'points_updated', 'BIGINT', 'points',
 'Points that were stored with other figures before; see origin_restatements.'),
('origin_runs', 'points_unchanged', 'BIGINT', 'points',
 'Points that were stored with the same figures before, and identical duplicates within an answer.'),
('origin_runs', 'points_rejected', 'BIGINT', 'points', 'Points that could not be taken; see origin_rejects.'),
('origin_runs', 'points_odd_codes', 'BIGINT', 'points',
 'Points whose status codes do not add up to their requests; stored as reported.'),
('origin_runs', 'bytes', 'BIGINT', 'bytes', 'Bodies of the answers, decompressed.'),
('origin_runs', 'from_ts', 'BIGINT', 'Unix s', 'Start of the range that was asked for; NULL where it had none.'),
('origin_runs', 'to_ts', 'BIGINT', 'Unix s', 'First moment after that range (half-open); NULL where it had none.'),
('origin_runs', 'started_cst', 'TIMESTAMP', 'UTC+8 text', 'started_at as YYYY-MM-DD HH:MM:SS in UTC+8.'),
('origin_runs', 'finished_cst', 'TIMESTAMP', 'UTC+8 text',
 'finished_at as YYYY-MM-DD HH:MM:SS in UTC+8; NULL when that is.'),
('origin_runs', 'failures', 'TEXT', '', 'JSON list of {domains, from, to, error}: what is missing, and why.'),
('origin_runs', 'message', 'TEXT', '', 'Why the run could not go on; NULL where it could.'),
('origin_runs', 'points_left_out', 'BIGINT', 'points',
 'Stored points of which an answer for their range said nothing; they stay as they are.'),

('origin_dictionary', '', '', '', 'What every public relation and column means: this dictionary.'),
('origin_dictionary', 'relation', 'TEXT', '', 'Name of the relation.'),
('origin_dictionary', 'column', 'TEXT', '',
 'Name of the column; empty where the row speaks of the relation itself. A word of SQL: write it as "column".'),
('origin_dictionary', 'type', 'TEXT', '', 'Declared type of the column; empty for a relation.'),
('origin_dictionary', 'unit', 'TEXT', '',
 'Unit of the values; empty where they have none. UTC text and UTC+8 text are times as text in that zone; Unix s is ' ||
 'seconds since 1970 in UTC.'),
('origin_dictionary', 'meaning', 'TEXT', '', 'What it means, what NULL stands for, and what is not counted.');
