-- Why: people read the dictionary in their second language, in a BI tool and in a hurry. Each text now says in short sentences
-- what the column holds, what NULL means and what is not counted. No name, type or figure changes.
--
-- Cost: the text of 114 rows; nothing that was measured is touched.

UPDATE origin_dictionary AS d SET meaning = plain.meaning
FROM (
    SELECT column1 AS relation, column2 AS "column", column3 AS meaning FROM (VALUES
('origin_monthly', '',
 'The billing figures of each month (UTC+8): one row for each domain, and one row with domain * for the whole account. A ' ||
 'month is complete when expected_points is the number of all its slots (8640 in 30 days) and points is equal to it.'),
('origin_monthly', 'domain',
 'Domain in lower case. * is the account: the points of its domains are summed for each slot first, so its peaks are not ' ||
 'the sums of the domains'' peaks.'),
('origin_monthly', 'points',
 'Stored points. For *: slots for which every requested domain has its point.'),
('origin_monthly', 'expected_points',
 'Slots of the month that were asked for, also those that the API no longer served. Slots in the future and slots that ' ||
 'were never asked for do not count. For *: slots that were asked for of any domain. If it is more than points, the month ' ||
 'has gaps, and they count as 0 in its figures.'),
('origin_monthly', 'bandwidth_95',
 'The 95 peak. The expected slots are sorted from high to low, missing ones count as 0, and the highest 5 % (rounded down) ' ||
 'are dropped. This is the highest one left.'),
('origin_monthly', 'bandwidth_peak', 'Highest point. 0 for a month without points.'),
('origin_monthly', 'bandwidth_fourth_peak',
 'Fourth highest point: the peak when the three highest points are dropped. 0 with fewer than four points.'),
('origin_monthly', 'bandwidth_daily_peak_avg',
 'Mean of the daily peaks of all days (UTC+8) that were asked for. A day without points counts as 0.'),
('origin_monthly', 'traffic_bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. Missing slots add nothing.'),
('origin_monthly', 'pv', 'Back-to-origin requests. Missing slots add nothing.'),

('origin_daily', '',
 'One row for each domain and day (UTC+8) for which something was fetched. A day without points has a row with 0 points ' ||
 'and NULL figures. A day that is wholly beyond the retention of the API has no row.'),
('origin_daily', 'domain', 'Domain in lower case. The account (*) has no rows here.'),
('origin_daily', 'date_cst',
 'Day, YYYY-MM-DD. Compare it with full dates: SQLite reads ''2026'' as a number, and then every date is greater. If ' ||
 'slot_label in origin_settings is end, a point of 00:00 belongs to the day before.'),
('origin_daily', 'points', 'Stored points.'),
('origin_daily', 'expected_points',
 'Slots of the day that were asked for, also those that the API no longer served. 288 when the day is over and all of it ' ||
 'was asked for. If it is more than points, see origin_gaps.'),
('origin_daily', 'bandwidth_avg',
 'Mean of the stored points. Missing slots are left out and do not count as 0. NULL without points.'),
('origin_daily', 'bandwidth_peak', 'Highest point. NULL without points.'),
('origin_daily', 'peak_ts',
 'ts of the highest point. If several are equal, of the first one. NULL without points.'),
('origin_daily', 'traffic_bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. Missing slots add nothing. NULL without points.'),
('origin_daily', 'pv', 'Back-to-origin requests. Missing slots add nothing. NULL without points.'),

('origin_hourly', '', 'One row for each domain and hour (UTC+8) with at least one point.'),
('origin_hourly', 'domain', 'Domain in lower case. The account (*) has no rows here.'),
('origin_hourly', 'hour_cst',
 'Start of the hour, YYYY-MM-DD HH:00:00. Compare it with full dates or times: SQLite reads ''2026'' as a number. If ' ||
 'slot_label in origin_settings is end, a point of 08:00 belongs to 07:00:00.'),
('origin_hourly', 'points', 'Stored points. 12 in an hour without gaps.'),
('origin_hourly', 'bandwidth_avg',
 'Mean of the stored points. Missing slots are left out and do not count as 0.'),
('origin_hourly', 'traffic_bytes',
 'Sum of bandwidth x 300 s / 8 over the points, rounded down. Missing slots add nothing.'),
('origin_hourly', 'pv', 'Back-to-origin requests. Missing slots add nothing.'),

('origin_status_daily', '',
 'Requests by status code: one row for each domain, day (UTC+8) and code that the API reported on that day. Codes with 0 ' ||
 'requests are listed, too.'),
('origin_status_daily', 'domain', 'Domain in lower case. The account (*) has no rows here.'),
('origin_status_daily', 'date_cst',
 'Day, YYYY-MM-DD. Compare it with full dates: SQLite reads ''2026'' as a number. If slot_label in origin_settings is end, ' ||
 'a point of 00:00 belongs to the day before.'),
('origin_status_daily', 'code',
 'Status code as reported. It is text: 0, 000 and other are three different codes.'),
('origin_status_daily', 'class',
 '1xx, 2xx, 3xx, 4xx or 5xx for codes of three digits that begin with that digit. Otherwise other.'),
('origin_status_daily', 'requests',
 'Requests with this code. All codes of a domain and day add up to its pv, except for the few points whose reported codes ' ||
 'do not add up.'),

('origin_stats', '',
 'The 5-minute points as the API reported them: one row for each domain and slot that has a point. A slot without a row is ' ||
 'missing, not zero: see origin_gaps. Filters on domain, on ts and on both are fast. Filters on time_utc and time_cst read ' ||
 'the whole table.'),
('origin_stats', 'ts',
 'Time of the 5 minutes, as reported: their start, or their end if slot_label in origin_settings is end. The point belongs ' ||
 'to the slot ts - ts % 300. A slot never has two points.'),
('origin_stats', 'time_cst',
 'ts as YYYY-MM-DD HH:MM:SS in UTC+8. Compare it with full dates or times: SQLite reads ''2026'' as a number, and then ' ||
 'every time is greater.'),

('origin_status_codes', '',
 'Requests by status code for each point: one row for each code that the API reported for it, zeros too. Filters on ' ||
 'domain, on ts and on both are fast.'),
('origin_status_codes', 'time_cst',
 'ts as YYYY-MM-DD HH:MM:SS in UTC+8. Compare it with full dates or times: SQLite reads ''2026'' as a number.'),
('origin_status_codes', 'code',
 'Status code as reported. It is text: 0, 000 and other are three different codes.'),
('origin_status_codes', 'count',
 'Requests with this code in the 5 minutes. If a point has no row for a code, the API did not report that code.'),

('origin_status_nonzero', '',
 'origin_status_codes without the zeros: smaller, faster, and with the same sums.'),
('origin_status_nonzero', 'time_cst',
 'ts as YYYY-MM-DD HH:MM:SS in UTC+8. Compare it with full dates or times: SQLite reads ''2026'' as a number.'),
('origin_status_nonzero', 'code',
 'Status code as reported. It is text: 0, 000 and other are three different codes.'),
('origin_status_nonzero', 'count', 'Requests with this code in the 5 minutes. Always more than 0.'),

('origin_gaps', '',
 'Every range of slots without a point, with the reason, as of the end of the last run. never_asked gaps are listed only ' ||
 'for configured domains, from the configured start on.'),
('origin_gaps', 'start_ts', 'Start of the range, on the 5-minute grid.'),
('origin_gaps', 'end_ts', 'End of the range (exclusive).'),
('origin_gaps', 'reason',
 'never_asked: not asked for yet. failed: asked for without a usable answer; the next run asks again. empty: the answer ' ||
 'had no point. rejected: the point was unusable. beyond_retention: the API no longer serves it.'),
('origin_gaps', 'confirmed',
 '1: the reason is empty, and two answers to different requests agree. 0: not confirmed, or another reason.'),

('origin_coverage', '',
 'The ranges of each domain that were asked for. They do not overlap. Neighbouring ranges with the same history are one ' ||
 'row.'),
('origin_coverage', 'start_ts', 'Start of the range, on the 5-minute grid.'),
('origin_coverage', 'end_ts', 'End of the range (exclusive).'),
('origin_coverage', 'fetched_at',
 'When any part of the range was last fetched, or was last refused as too old.'),
('origin_coverage', 'state',
 'settled: fetched at the last of refresh.ages, and not asked for again. provisional: will be asked for again at the next ' ||
 'age, so its figures may change. beyond_retention: not settled, and the API no longer serves it.'),

('origin_restatements', '',
 'Every change of a stored value by a later answer, and every late point: one row for each point and change. origin_stats ' ||
 'has the newest value. A point is late if its slot had settled without one; then the columns …_before are NULL.'),
('origin_restatements', 'detected_at', 'When the answer with the change arrived.'),
('origin_restatements', 'age_seconds', 'Seconds from the start of the slot to detected_at.'),
('origin_restatements', 'bandwidth_before', 'Bandwidth before the change. NULL: the point came late.'),
('origin_restatements', 'pv_before', 'Requests before the change. NULL: the point came late.'),
('origin_restatements', 'codes_before',
 'JSON object {code: count} before the change. A zero is listed only if the other side lacks the code. NULL if codes ' ||
 'and counts did not change, or if the point came late.'),
('origin_restatements', 'codes_after',
 'The same after the change. NULL if codes and counts did not change. Never NULL if the point came late.'),

('origin_rejects', '',
 'Unusable parts of answers (dead letters), with the reason and the text as received. A row is deleted when the range is ' ||
 'fetched again without it, by the command rejects, or as the oldest of its kind when there are more than keep.rejects.'),
('origin_rejects', 'id', 'Number of the reject, for the command rejects. Numbers are never used twice.'),
('origin_rejects', 'domain', 'Domain of the reject, as the API wrote it.'),
('origin_rejects', 'ts', 'Time of the point. NULL if it is unreadable.'),
('origin_rejects', 'window_start', 'Start of the range of the request.'),
('origin_rejects', 'window_end', 'End of the range of the request (exclusive).'),
('origin_rejects', 'reason', 'Why it is unusable, as a sentence.'),
('origin_rejects', 'raw', 'The text as received, at most 64 KiB.'),
('origin_rejects', 'seen_at', 'When the first answer with it arrived.'),

('origin_runs', '',
 'Every run that could write: what it asked for, how it ended, and what it stored. A window is one planned request: a ' ||
 'range and a group of domains. Runs older than keep.runs are deleted, except those that rejects refer to.'),
('origin_runs', 'id', 'Number of the run. Later runs have higher numbers.'),
('origin_runs', 'started_at', 'Start of the run.'),
('origin_runs', 'finished_at', 'End of the run. NULL while it runs, and if it was killed.'),
('origin_runs', 'outcome',
 'complete: everything it asked for is stored. partial: some windows failed, or points were rejected. failed. refused: the ' ||
 'API refused the credentials. stopped: by a signal. running. interrupted: it was killed, or failed by a defect.'),
('origin_runs', 'retries', 'Requests that repeat a failed one.'),
('origin_runs', 'windows_planned',
 'Windows in the plan. When the run has ended, the sum of the next three columns.'),
('origin_runs', 'windows_fetched', 'Windows that are stored completely.'),
('origin_runs', 'windows_failed', 'Windows with something missing after all retries.'),
('origin_runs', 'windows_skipped',
 'Windows that were not asked for: the run stopped before, or they are beyond the retention of the API.'),
('origin_runs', 'points_inserted', 'Points that are new.'),
('origin_runs', 'points_updated', 'Points that replaced other figures. See origin_restatements.'),
('origin_runs', 'points_unchanged',
 'Points that were already stored with the same figures, and identical duplicates in one answer.'),
('origin_runs', 'points_rejected',
 'Unusable points. origin_rejects keeps the text of at most 100 for each answer.'),
('origin_runs', 'points_odd_codes',
 'Code-sum mismatches: points whose status codes do not add up to their requests. They are stored as reported.'),
('origin_runs', 'bytes', 'Size of the answers, decompressed.'),
('origin_runs', 'from_ts', 'Start of the range that was asked for. NULL if the run had no range.'),
('origin_runs', 'to_ts', 'End of that range (exclusive). NULL if the run had no range.'),
('origin_runs', 'finished_cst', 'finished_at as YYYY-MM-DD HH:MM:SS in UTC+8. NULL if finished_at is NULL.'),
('origin_runs', 'failures', 'JSON list of {domains, from, to, error}: what is missing and why.'),
('origin_runs', 'message', 'The failure of the database that ended the run. NULL if there was none. A stopped or refused run has NULL too: see outcome.'),
('origin_runs', 'points_left_out',
 'Stored points that are missing from a new answer for their range. They were kept.'),
('origin_runs', 'slots_asked',
 'Slots that the run asked for, counted for each domain. The failed ones are included.'),
('origin_runs', 'slots_empty', 'Slots without a point in the answers.'),
('origin_runs', 'slots_rejected', 'Slots with an unusable point.'),
('origin_runs', 'slots_failed', 'Slots without a usable answer.'),
('origin_runs', 'points_surplus',
 'Points outside the requested range. They are not stored and are no failure.'),
('origin_runs', 'holes_confirmed', 'Slots for which a second, different request also found no point.'),
('origin_runs', 'confirmations',
 'Requests in addition to the planned windows: for slots without a point, and for one slot alone to test what an answer ' ||
 'said.'),

('origin_refusals', '',
 'Ranges that the API refused, and when they are asked for again. An answer for the range deletes the row.'),
('origin_refusals', 'start_ts', 'Start of the range, on the 5-minute grid.'),
('origin_refusals', 'end_ts', 'End of the range (exclusive).'),
('origin_refusals', 'status', 'Status of the answer, such as 21: the date is too old.'),
('origin_refusals', 'first_at', 'First refusal of a part of the range.'),
('origin_refusals', 'last_at', 'Last refusal of a part of the range.'),
('origin_refusals', 'times', 'Number of runs that were refused.'),
('origin_refusals', 'next_at',
 'Earliest time of the next request. After the first refusal: the next run. Later: after 1 h, 6 h, then once a day.'),

('origin_settings', '',
 'The settings that the figures in this file depend on, one row each. To change one, edit the configuration file. The next ' ||
 'run computes the figures again.'),
('origin_settings', 'value',
 'The value in use. slot_label is start or end: the time of a point is the start or the end of its 5 minutes. It decides ' ||
 'which hour, day and month a point belongs to.'),

('origin_dictionary', '', 'This dictionary: the meaning of every public relation and column.'),
('origin_dictionary', 'column',
 'Name of the column. Empty if the row describes the relation itself. It is a keyword of SQL: write "column" with quotes.'),
('origin_dictionary', 'type', 'Declared type of the column. Empty for a relation.'),
('origin_dictionary', 'unit',
 'Unit of the values. Empty if they have none. UTC text and UTC+8 text are times as text in that zone. Columns …_cst are in ' ||
 'China Standard Time (UTC+8). Unix s is seconds since 1970 in UTC.'),
('origin_dictionary', 'meaning', 'What it means, what NULL means, and what is not counted.')
    )
) AS plain
WHERE d.relation = plain.relation AND d."column" = plain."column";
