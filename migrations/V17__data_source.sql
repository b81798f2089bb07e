-- Why: figures of the simulator look like real ones. A demo that was run on the account's database, or a run that met the
-- simulator by mistake, would mix invented figures with those that people are billed by. Each run now notes where its
-- answers come from, and the next run refuses answers of the other kind.
--
-- Cost: one short text for each run. Existing rows are not written: they have NULL.

ALTER TABLE run ADD COLUMN source TEXT CHECK (source IN ('api', 'simulator'));

DROP VIEW origin_runs;
CREATE VIEW origin_runs AS
SELECT id, command, started_at, finished_at, outcome, requests, retries,
       windows_planned, windows_fetched, windows_failed, windows_skipped,
       points_received, points_inserted, points_updated, points_unchanged, points_rejected, points_odd_codes,
       bytes, from_ts, to_ts, started_cst, finished_cst, failures, message, points_left_out,
       slots_asked, slots_empty, slots_rejected, slots_failed, points_surplus, holes_confirmed, confirmations,
       conclusions, source
FROM run;

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_runs', 'source', 'TEXT', '',
 'Where the answers come from. api: the API. simulator: `demo` or `simulate`, with invented figures. NULL if no answer ' ||
 'came, and for runs of versions that did not note it.');
