-- Why: a tick brought one point a domain, and read every point of the month to measure the month again: at the end of a month
-- 28 times what it read on the first day. A month is now measured from its days and from its highest points, which this table
-- keeps: enough of them for the 95 peak. It holds no figure of its own. A month without a row is read as a whole, and so is
-- one whose rows no longer reach to the 95 peak, because later answers lowered them.
--
-- Cost: about 3 KB for each domain and month, 0.4 bytes a point. A month gets its row when it is next computed.

-- `domain_id` is 0 for the sums of the account. See src/model/top_points.rs for the form of `points`.
CREATE TABLE month_top (
    domain_id BIGINT NOT NULL CHECK (typeof(domain_id) = 'integer'),
    month_ts  BIGINT NOT NULL CHECK (typeof(month_ts) = 'integer'),
    points    BLOB   NOT NULL CHECK (typeof(points) = 'blob'),
    PRIMARY KEY (domain_id, month_ts)
);
