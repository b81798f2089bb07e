-- Why: people see 464, 613 or `other` in the figures, and need to know what it stands for, and whether it counts as an error
-- of the origin. Every code that was seen now says its class, its meaning and who says so (`origin_codes`). The vendor's own
-- codes have no published meaning, and that is said, too. One rule decides what an origin error is: a code of class 5xx.
--
-- Class and origin error follow from the code alone. They are columns of `code`, and checks hold them to the rule, so they
-- cannot be wrong. (Generated columns would be shorter, but `PRAGMA table_info` does not list them, and DuckDB then cannot read a
-- view that uses them.) The texts are rows beside the codes, because a later version may know more;
-- src/store/origin/code_texts.rs writes them. The relations with a code take the class from `code`.
--
-- The dictionary warns beside the columns where a filter that looks right is wrong.
--
-- Cost: a class and two short texts for each code, and there are some 20 codes. The rollups of codes lose a column.

-- NULL only in a row that another program inserted: it is filled when the file is next opened for writing.
ALTER TABLE code ADD COLUMN class TEXT CHECK (class IS NULL OR class =
    CASE WHEN code GLOB '[1-5][0-9][0-9]' THEN substr(code, 1, 1) || 'xx' ELSE 'other' END);
ALTER TABLE code ADD COLUMN origin_error BIGINT CHECK (origin_error IS NULL OR origin_error = (code GLOB '5[0-9][0-9]'));
UPDATE code SET
    class = CASE WHEN code GLOB '[1-5][0-9][0-9]' THEN substr(code, 1, 1) || 'xx' ELSE 'other' END,
    origin_error = (code GLOB '5[0-9][0-9]');

CREATE TABLE code_text (
    code_id INTEGER PRIMARY KEY REFERENCES code (id),
    meaning TEXT NOT NULL CHECK (typeof(meaning) = 'text' AND meaning <> ''),
    source  TEXT NOT NULL CHECK (typeof(source) = 'text' AND source <> '')
);

CREATE VIEW origin_codes AS
SELECT k.code AS code, k.class AS class, t.meaning AS meaning, t.source AS source, k.origin_error AS origin_error
FROM code k LEFT JOIN code_text t ON t.code_id = k.id;

DROP VIEW origin_status_nonzero;
CREATE VIEW origin_status_nonzero AS
SELECT d.name AS domain, c.ts AS ts, t.time_utc AS time_utc, t.time_cst AS time_cst,
       k.code AS code, c.count AS count, k.class AS class
FROM domain d CROSS JOIN code_count c CROSS JOIN code k CROSS JOIN calendar t
WHERE c.domain_id = d.id AND k.id = c.code_id AND t.ts = c.ts;

DROP VIEW origin_status_codes;
-- The counts above zero, and then a zero for every code of the point's set that has no count.
CREATE VIEW origin_status_codes AS
SELECT d.name AS domain, c.ts AS ts, t.time_utc AS time_utc, t.time_cst AS time_cst,
       k.code AS code, c.count AS count, k.class AS class
FROM domain d CROSS JOIN code_count c CROSS JOIN code k CROSS JOIN calendar t
WHERE c.domain_id = d.id AND k.id = c.code_id AND t.ts = c.ts
UNION ALL
SELECT d.name, p.ts, t.time_utc, t.time_cst, k.code, z.count, k.class
FROM domain d CROSS JOIN point p CROSS JOIN code_set_member m CROSS JOIN code k CROSS JOIN calendar t
     CROSS JOIN zero z
WHERE p.domain_id = d.id AND m.code_set_id = p.code_set_id AND k.id = m.code_id AND t.ts = p.ts
  AND NOT EXISTS (SELECT 1 FROM code_count c
                  WHERE c.domain_id = p.domain_id AND c.ts = p.ts AND c.code_id = m.code_id);

-- The class was a column of its own in every row. No view may name the column when it goes.
DROP VIEW origin_status_daily;
ALTER TABLE rollup_code_day DROP COLUMN class;
CREATE VIEW origin_status_daily AS
SELECT d.name AS domain, r.date_cst AS date_cst, k.code AS code, k.class AS class, r.requests AS requests
FROM domain d CROSS JOIN rollup_code_day r CROSS JOIN code k
WHERE r.domain_id = d.id AND k.id = r.code_id;

-- The new relation comes after the other relations with codes.
UPDATE origin_dictionary SET rowid = rowid + 10000
WHERE rowid > (SELECT max(rowid) FROM origin_dictionary WHERE relation = 'origin_status_nonzero');
INSERT INTO origin_dictionary (rowid, relation, "column", type, unit, meaning)
SELECT last.id + column1, column2, column3, column4, '', column5
FROM (SELECT max(rowid) AS id FROM origin_dictionary WHERE relation = 'origin_status_nonzero') AS last
CROSS JOIN (VALUES
(1, 'origin_status_codes', 'class', 'TEXT',
 '1xx, 2xx, 3xx, 4xx or 5xx for codes of three digits that begin with that digit. Otherwise other. Requests of class 5xx ' ||
 'are origin errors: see origin_codes.'),
(2, 'origin_status_nonzero', 'class', 'TEXT',
 '1xx, 2xx, 3xx, 4xx or 5xx for codes of three digits that begin with that digit. Otherwise other. Requests of class 5xx ' ||
 'are origin errors: see origin_codes.'),
(3, 'origin_codes', '', '',
 'Every status code that the API reported, also those with 0 requests: its class, what it means, and whether it is an ' ||
 'origin error.'),
(4, 'origin_codes', 'code', 'TEXT',
 'Status code as reported. It is text: 0, 000 and other are three different codes.'),
(5, 'origin_codes', 'class', 'TEXT',
 '1xx, 2xx, 3xx, 4xx or 5xx for codes of three digits that begin with that digit. Otherwise other.'),
(6, 'origin_codes', 'meaning', 'TEXT',
 'What the code means, in a few words. The vendor has published no meaning for 0, 000, other, 464 to 466, 512, 605, 612 ' ||
 'and 613, and the text says so. NULL only between an upgrade of the file and the next run.'),
(7, 'origin_codes', 'source', 'TEXT',
 'Who says so: a standard (RFC), nginx, or the page of the vendor that lists the code. none: nobody that we know of.'),
(8, 'origin_codes', 'origin_error', 'BIGINT',
 '1: requests with this code are origin errors. That is class 5xx, and nothing else. 0: all other codes. Failed ' ||
 'connections are left out if the vendor counts them as 0, 000, other or a code from 600 on. Whether it does is unknown.')
);
UPDATE origin_dictionary SET meaning = meaning || ' Requests of class 5xx are origin errors: see origin_codes.'
WHERE relation = 'origin_status_daily' AND "column" = 'class';

-- Filters that look right and are wrong.
UPDATE origin_dictionary SET meaning = meaning || ' It is text, with a blank before the time: a filter with T, such as ' ||
    '''2026-10-01T00:00:00'', is wrong by up to a day.'
WHERE type = 'TIMESTAMP';
UPDATE origin_dictionary SET meaning = meaning || ' Compare it with dates alone: >= ''2026-10-01T00:00:00'' or >= ' ||
    '''2026-10-01 00:00:00'' leaves out 2026-10-01.'
WHERE type = 'DATE';
UPDATE origin_dictionary SET meaning = meaning || ' It is text: write = ''2026-10''. The filter >= ''2026-10-01'' leaves ' ||
    'out October, because ''2026-10'' < ''2026-10-01''.'
WHERE "column" = 'month_cst';
