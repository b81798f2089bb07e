// The page: its header, its tables, its colours, and its print layout.

/** The functions that draw again when the colours change. */
const redraws = [];

function head() {
  const about = byId("about");
  const rest = hasDays
    ? [element("b", {}, `${minute(data.from)} to ${minute(data.to)}`), `, ${every(data.step)}`]
    : ["nothing stored yet"];
  about.append("Database ", element("b", {}, data.database), " · ", ...rest, element("br"),
    `Made ${minute(data.made)} · gaps and completeness as of the end of the last run${data.as_of === null ? "" : ` at ${minute(data.as_of)}`} · newest point ${data.newest === null ? "none" : minute(data.newest)} · `,
    element("b", {}, "all times are UTC+8"), labelShift ? ", and the time of a point is the end of its 5 minutes" : "", " · 1 Mbit/s = 1,000,000 bit/s · 1 GB = 1,000,000,000 bytes");
  const theme = choice("Colours", [["auto", "Auto"], ["light", "Light"], ["dark", "Dark"]], "auto", (value) => paint(value));
  byId("theme").append(...theme.made.childNodes);
}

function warnings() {
  const found = [];
  const gapSlots = Object.values(data.gaps.slots).reduce((sum, slots) => sum + slots, 0);
  if (data.due_days) found.push(`Rollups are out of date for ${plural(data.due_days, "domain-day")}: figures of those days are old or missing. The next run, or “jdcdn-stats migrate”, brings them up to date.`);
  if (gapSlots) found.push(`${plural(gapSlots, "slot")} without a point, in ${plural(data.gaps.count, "gap")}: see Gaps.`);
  if (data.rejects) found.push(`${plural(data.rejects, "reject")}: parts of answers that could not be used. See “jdcdn-stats rejects list”.`);
  const open = data.months.filter((row) => row.domain === null && !row.complete && row.month !== thisMonth).map((row) => row.month);
  if (open.length) found.push(`${plural(open.length, "month")} of the account ${open.length === 1 ? "is" : "are"} not complete: ${open.slice(-6).join(", ")}${open.length > 6 ? " and earlier" : ""}. See Bill.`);
  if (data.unfinished) found.push(`Run ${data.unfinished.id} (${data.unfinished.command}) began at ${data.unfinished.started_cst.slice(0, 16)} and ${data.unfinished.killed ? "was killed" : "had not ended when this page was made: it was at work, or it was killed"}.`);
  else if (data.last_run && data.last_run.outcome !== "complete") found.push(`The last run (${data.last_run.command}, ${data.last_run.started_cst}) ended as “${data.last_run.outcome}”.`);
  if (data.newest !== null && data.to + 0 > data.newest && data.made - data.newest > 2 * HOUR) found.push(`The newest point was ${span(data.made - data.newest)} old when this page was made.`);
  if (data.left_out) found.push(`${plural(data.left_out, "domain")} with the least traffic ${data.left_out === 1 ? "is" : "are"} not on this page and not in its totals.`);
  return found;
}

function summary() {
  if (!hasDays) {
    section("summary", "Summary", element("p", { className: "notice" }, data.chosen || data.last_run
      ? "The database has no data for these domains and days. Choose others, or fetch them with “jdcdn-stats backfill”."
      : "The database is empty: nothing was fetched yet. “jdcdn-stats backfill” fetches a range. “jdcdn-stats demo” shows the whole pipeline without an account."),
    data.gaps.outside ? note(`${plural(data.gaps.outside, "slot")} without a point: no usable answer has come for any of them.`) : "");
    return;
  }
  const { points, expected, traffic, pv, errors } = data.account ?? sumRow();
  const tile = (label, value, unit, detail) => element("div", { className: "tile" },
    element("dt", {}, label), element("dd", {}, element("span", { className: "big" }, value), unit ? " " + unit : "",
      element("span", { className: "detail" }, detail)));
  const figureTile = (label, text, detail) => tile(label, ...text.split(" "), detail);
  /** The newest month of the account and the one before it, or of the only domain. */
  function peakTiles() {
    const of = isWhole ? null : domains.length === 1 ? 0 : undefined;
    const rows = data.months.filter((row) => row.domain === of).slice(-2).reverse();
    return rows.map((row) => figureTile(`95 peak ${row.month}${isRunning(row) ? " so far" : ""}`, bandwidthText(row.p95), `${exact(row.p95)} bit/s; ${row.words}`));
  }
  const found = warnings();
  section("summary", "Summary",
    element("dl", { className: "tiles" },
      ...peakTiles(),
      figureTile("Traffic", trafficText(traffic), `${exact(traffic)} bytes`),
      tile("Requests", short(pv), "", `${exact(pv)} requests`),
      ...(data.left_out ? [] : [tile("Origin errors", percent(Number(errors), Number(pv)), "", `${exact(errors)} requests of class 5xx`)]),
      tile("Points", percent(points, expected), "", `${exact(points)} of ${exact(expected)} that were asked for`),
      tile("Domains", exact(domains.length), "", data.chosen ? "chosen with -d" : data.left_out ? `and ${exact(data.left_out)} more` : "all stored domains"),
      tile("Newest point", data.newest === null ? "–" : minute(data.newest).slice(5), "", data.newest === null ? "" : `${span(Math.max(0, data.made - data.newest))} before this page`)),
    found.length
      ? element("div", { className: "notice warn" }, element("h3", {}, `Before you rely on these figures (${found.length})`), element("ul", {}, found.map((text) => element("li", {}, text))))
      : element("p", { className: "notice good" }, "No warnings: every slot that was asked for has its point, the rollups are up to date, and nothing was rejected."),
    steps.length === 1 ? note(`This page has many domains and days, so it shows time ${every(data.step)}. Choose fewer domains (-d) or a shorter range (--from, --to) for steps of an hour or 5 minutes.`) : "");
}

const REASONS = { never_asked: "never asked for", failed: "asked for, no usable answer", empty: "asked for, no point in the answer", rejected: "its point could not be used", beyond_retention: "the API no longer serves it" };

function gapsSection() {
  const { count, slots, rows, outside } = data.gaps;
  const sums = Object.entries(slots).map(([reason, sum]) => `${plural(sum, "slot")} ${REASONS[reason] ?? reason}`);
  const before = outside ? note(`${plural(outside, "slot")} without a point ${outside === 1 ? "is" : "are"} before or after these days.`) : "";
  if (!count) {
    section("gaps", "Gaps", note("No slot without a point in these days."), before);
    return;
  }
  section("gaps", "Gaps",
    note(`${plural(count, "gap")}: ${sums.join("; ")}.${count > rows.length ? ` The ${rows.length} longest are listed.` : ""}`), before,
    table("Gaps, longest first", [
      { label: "Domain", kind: "name", value: (row) => nameOf(row.domain) },
      { label: "From", value: (row) => row.start, cell: (row) => minute(row.start) },
      { label: "To", value: (row) => row.end, cell: (row) => minute(row.end) },
      { label: "Slots", kind: "number", value: (row) => row.end - row.start, cell: (row) => exact((row.end - row.start) / SLOT), title: (row) => span(row.end - row.start) },
      { label: "Reason", value: (row) => REASONS[row.reason] ?? row.reason },
    ], rows));
}

/** The differences between two JSON objects {code: count}. */
function codeChanges(codes) {
  if (!codes) return "–";
  try {
    const [before, after] = codes.map((text) => (text === null ? {} : JSON.parse(text)));
    const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((code) => before[code] !== after[code]);
    return changed.map((code) => `${code}: ${before[code] ?? "–"} → ${after[code] ?? "–"}`).join(", ");
  } catch {
    return codes.map((text) => text ?? "none").join(" → ");
  }
}

function restatementsSection() {
  const { count, rows } = data.restatements;
  if (!count) {
    section("restatements", "Restatements", note("No later answer changed a stored value of these days."));
    return;
  }
  // A point that came late has no value before.
  const earlier = (before, show) => (before === null ? "none" : show(before));
  const arrow = ([before, after], show) => (String(before) === String(after) ? "unchanged" : `${earlier(before, show)} → ${show(after)}`);
  const whole = ([before, after], unit) => `${earlier(before, exact)} → ${exact(after)} ${unit}`;
  section("restatements", "Restatements",
    note(`A later answer changed ${plural(count, "stored value")} of these days.${count > rows.length ? ` The latest ${rows.length} are listed.` : ""}`),
    table("Values that a later answer changed, latest first", [
      { label: "Seen", value: (row) => row.seen, cell: (row) => minute(row.seen) },
      { label: "Domain", kind: "name", value: (row) => nameOf(row.domain) },
      { label: "Point", value: (row) => row.ts, cell: (row) => minute(row.ts) },
      { label: "Age", kind: "number", value: (row) => row.age, cell: (row) => span(row.age), title: (row) => `${exact(row.age)} seconds` },
      { label: "Bandwidth", kind: "number", value: (row) => Number(row.bandwidth[1]) - Number(row.bandwidth[0]), cell: (row) => arrow(row.bandwidth, bandwidthText), title: (row) => whole(row.bandwidth, "bit/s") },
      { label: "Requests", kind: "number", value: (row) => Number(row.pv[1]) - Number(row.pv[0]), cell: (row) => arrow(row.pv, exact) },
      { label: "Status codes", kind: "codes", cell: (row) => codeChanges(row.codes) },
    ], rows, { rowHeader: 2 }));
  byId("restatements").querySelector(".scroll").classList.add("tall");
}

function foot() {
  byId("foot").append(element("p", {}, `Made by jdcdn-stats ${data.version}. Figures in the text are rounded. Point at one to see it exactly. Averages are rounded to 1 bit/s. This page needs no network and sends nothing.`));
}

/** Applies the colours of a theme. Print is always light. */
function paint(theme) {
  document.documentElement.dataset.theme = theme;
  redraws.forEach((draw) => draw());
}

/** The width of a chart on an A4 page. */
const PRINT_WIDTH = 690;
let themeBefore = null;

function printing() {
  if (themeBefore !== null) return;
  themeBefore = document.documentElement.dataset.theme ?? "auto";
  paint("light");
  charts.forEach((found) => found.fit(PRINT_WIDTH));
}

function printed() {
  if (themeBefore === null) return;
  paint(themeBefore);
  themeBefore = null;
  charts.forEach((found) => found.fit());
}

head();
summary();
if (hasDays) {
  billSection();
  trafficSection();
  codesSection();
  calendarSection();
  gapsSection();
  restatementsSection();
}
foot();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((draw) => draw()));
matchMedia("print").addEventListener("change", ({ matches }) => (matches ? printing() : printed()));
addEventListener("beforeprint", printing);
addEventListener("afterprint", printed);
new ResizeObserver(() => { if (themeBefore === null) charts.forEach((found) => found.fit()); }).observe(byId("main"));
