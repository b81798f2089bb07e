// The embedded figures, and the same figures over longer steps.

const data = JSON.parse(byId("data").textContent);
const hasDays = data.from !== null;
const domains = data.domains;
/** The distance between the start of a slot and the time of its point. */
const labelShift = data.slot_label === "end" ? SLOT : 0;
/** The place of the account's total among the domains. */
const ACCOUNT = -1;
/** The account, or only some domains of it. */
const isWhole = data.account !== null;
const nameOf = (place) => (place === ACCOUNT ? (isWhole ? "Account" : "Sum of these domains") : domains[place].name);
/** The day and the month that are not over; a figure of theirs is one so far. */
const today = date(data.made), thisMonth = today.slice(0, 7);

/** The available time steps, finest first. */
const steps = !hasDays ? [] : data.step === SLOT ? [SLOT, HOUR, DAY] : data.step === HOUR ? [HOUR, DAY] : [data.step];

const unpacked = (runs) => runs.flatMap(([value, times]) => Array(times).fill(value));

/** The series as it is in the data: mean, peak, requests and points of every bucket. */
function unpackedSeries(packed) {
  const avg = packed.avg;
  const peak = packed.above ? avg.map((mean, at) => (mean === null ? null : mean + packed.above[at])) : avg;
  const points = packed.points ? unpacked(packed.points) : avg.map((mean) => (mean === null ? 0 : 1));
  return { avg, peak, pv: packed.pv, points };
}

/**
 * The sum of all domains, bucket by bucket. Domains may have their peaks at different times, so the account has a peak
 * only if each bucket is one point.
 */
function summed() {
  const buckets = data.series[0].avg.length;
  const made = { avg: Array(buckets).fill(null), peak: null, pv: Array(buckets).fill(null), points: Array(buckets).fill(0) };
  data.series.forEach((packed) => {
    const weights = packed.points ? unpacked(packed.points) : null;
    for (let at = 0; at < buckets; at++) {
      if (packed.avg[at] === null) continue;
      made.avg[at] += packed.avg[at];
      made.pv[at] += packed.pv[at];
      made.points[at] = Math.max(made.points[at], weights ? weights[at] : 1);
    }
  });
  if (data.step === SLOT) made.peak = made.avg;
  return made;
}

/** Merges `count` neighbours: the mean is weighted by points, the peak is the highest, requests are summed. */
function together(fine, count) {
  const coarse = { avg: [], peak: fine.peak ? [] : null, pv: [], points: [] };
  for (let from = 0; from < fine.avg.length; from += count) {
    let points = 0, weighted = 0, pv = 0, peak = 0;
    for (let at = from; at < Math.min(from + count, fine.avg.length); at++) {
      if (fine.avg[at] === null) continue;
      points += fine.points[at];
      weighted += fine.avg[at] * fine.points[at];
      pv += fine.pv[at];
      if (fine.peak) peak = Math.max(peak, fine.peak[at]);
    }
    coarse.avg.push(points ? Math.round(weighted / points) : null);
    coarse.pv.push(points ? pv : null);
    coarse.points.push(points);
    if (coarse.peak) coarse.peak.push(points ? peak : null);
  }
  return coarse;
}

const kept = new Map();

/** The figures of a domain, or of the account, in one of `steps`. */
function figures(place, step) {
  const key = place + "/" + step;
  if (!kept.has(key)) kept.set(key, madeFigures(place, step));
  return kept.get(key);
}

function madeFigures(place, step) {
  // The account has its own relations, with its own peaks.
  const own = place === ACCOUNT ? data.account_series[step] : null;
  if (own) return unpackedSeries(own);
  if (step !== data.step) return together(figures(place, data.step), step / data.step);
  return place === ACCOUNT ? summed() : unpackedSeries(data.series[place]);
}

/** The 95 peaks of a domain, or of the account, by month: {start, end, value, ts, running}. */
function billedPeaks(place) {
  const wanted = place === ACCOUNT ? (isWhole ? null : undefined) : place;
  return data.months.filter((row) => row.domain === wanted && row.points > 0).map((row) => ({
    month: row.month, start: startOf(row.month), end: monthAfter(row.month), value: Number(row.p95), exact: row.p95,
    ts: row.p95_ts === null ? null : row.p95_ts - labelShift, running: row.month === thisMonth,
  }));
}

/** The starts of the buckets of a step. */
const starts = (step, count) => Array.from({ length: count }, (_, at) => data.from + at * step);
