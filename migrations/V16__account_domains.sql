-- Why: a domain that is added to the account is forgotten when the list of domains is typed by hand. The file now keeps
-- what the API lists of the account, and which of these domains are fetched in addition to the configured ones. The list
-- must survive restarts: a domain is followed only after two listings have shown it, and a domain that was given up must
-- not come back with the next listing.
--
-- Cost: one row for each domain of the account. The rows are written at most once a day.

CREATE TABLE account_domain (
    name            TEXT   NOT NULL PRIMARY KEY CHECK (typeof(name) = 'text' AND name <> ''),
    state           TEXT   NOT NULL CHECK (state IN ('listed', 'followed', 'forgotten')),
    status          TEXT   NOT NULL CHECK (typeof(status) = 'text'),
    kind            TEXT   CHECK (typeof(kind) IN ('text', 'null')),
    region          TEXT   CHECK (typeof(region) IN ('text', 'null')),
    cname           TEXT   CHECK (typeof(cname) IN ('text', 'null')),
    -- How many listings in a row have shown it; 0: the last one did not.
    listings        BIGINT NOT NULL CHECK (typeof(listings) = 'integer' AND listings >= 0),
    first_listed_at BIGINT NOT NULL CHECK (typeof(first_listed_at) = 'integer'),
    last_listed_at  BIGINT NOT NULL CHECK (typeof(last_listed_at) = 'integer'),
    missing_since   BIGINT CHECK (typeof(missing_since) = iif(listings = 0, 'integer', 'null')),
    followed_at     BIGINT CHECK (typeof(followed_at) IN ('integer', 'null')
                                  AND (state <> 'followed' OR followed_at IS NOT NULL))
) WITHOUT ROWID;

CREATE VIEW origin_domains AS
SELECT name AS domain, state AS state, status AS status, kind AS kind, region AS region, cname AS cname,
       first_listed_at AS first_listed_at, last_listed_at AS last_listed_at, missing_since AS missing_since,
       followed_at AS followed_at
FROM account_domain;

INSERT INTO origin_dictionary (relation, "column", type, unit, meaning) VALUES
('origin_domains', '', '', '',
 'The domains of the account as the API listed them, and which of them are fetched in addition to the configured ones. ' ||
 'Empty if `discover` was never on. The API does not list live streaming domains. A domain that is not listed any more stays.'),
('origin_domains', 'domain', 'TEXT', '', 'Domain in lower case.'),
('origin_domains', 'state', 'TEXT', '',
 'followed: runs fetch it, whether or not it is configured. forgotten: `domains forget` was run, and runs fetch it only if ' ||
 'it is configured. listed: neither.'),
('origin_domains', 'status', 'TEXT', '',
 'Status in the last listing that had it: running, stopped, configuring, auditing, rejected, blocked, unknown, or another ' ||
 'word of the API.'),
('origin_domains', 'kind', 'TEXT', '', 'Kind of content, in the words of the API. NULL if it gave none.'),
('origin_domains', 'region', 'TEXT', '', 'Region of acceleration, in the words of the API. NULL if it gave none.'),
('origin_domains', 'cname', 'TEXT', '', 'Name that its DNS entry points to. NULL if the API gave none.'),
('origin_domains', 'first_listed_at', 'BIGINT', 'Unix s', 'When it was listed for the first time.'),
('origin_domains', 'last_listed_at', 'BIGINT', 'Unix s', 'When it was listed for the last time.'),
('origin_domains', 'missing_since', 'BIGINT', 'Unix s',
 'First listing since then that did not have it. NULL if the last listing had it.'),
('origin_domains', 'followed_at', 'BIGINT', 'Unix s',
 'When it was followed for the first time. NULL if it never was.');
-- The dictionary ends with the settings and itself.
UPDATE origin_dictionary SET rowid = rowid + 100000 WHERE relation IN ('origin_settings', 'origin_dictionary');
