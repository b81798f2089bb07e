// The bill: months side by side, and all domains of a month.

const VENDOR = { bandwidth: { size: 2 ** 20, name: "Mbit/s of 2^20" }, traffic: { size: 2 ** 30, name: "GiB" } };
const DECIMAL = { bandwidth: { size: 1e6, name: "Mbit/s" }, traffic: { size: 1e9, name: "GB" } };

/** The measures of a month, in the order of the page: {label, of, kind, ts}. */
const MEASURES = [
  { label: "95 peak", of: (row) => row.p95, kind: "bandwidth", ts: (row) => row.p95_ts },
  { label: "Peak", of: (row) => row.peak, kind: "bandwidth" },
  { label: "4th peak", of: (row) => row.fourth, kind: "bandwidth" },
  { label: "Mean daily peak", of: (row) => row.daily, kind: "bandwidth" },
  { label: "Traffic", of: (row) => row.traffic, kind: "traffic" },
];

const isAccountMonth = (row) => row.domain === null;
const isRunning = (row) => row.month === thisMonth;
const stateOfMonth = (row) => (isRunning(row) ? "running" : row.complete ? "complete" : "open");
const ofMonth = (row) => (isAccountMonth(row) ? "Account" : nameOf(row.domain));

function monthBadge(row) {
  const [kind, words] = { running: ["now", "running"], complete: ["good", "complete"], open: ["bad", "not complete"] }[stateOfMonth(row)];
  return element("span", { className: "badge " + kind, title: row.words }, words);
}

/** The unit of a measure: the chosen one, or the one that fits all `rows`. */
function unitOf({ kind, of }, rows, chosen) {
  if (chosen !== "fit") return (chosen === "vendor" ? VENDOR : DECIMAL)[kind];
  return unitFor(kind === "traffic" ? TRAFFIC : BANDWIDTH, rows.map(of));
}

const baseOf = ({ kind }) => (kind === "traffic" ? "bytes" : "bit/s");

/** The change of a whole month from the month before, in percent. */
function change(measure, row, before) {
  if (!before || isRunning(row) || !row.complete || !before.complete || !(Number(measure.of(before)) > 0)) return null;
  const share = (Number(measure.of(row)) / Number(measure.of(before)) - 1) * 100;
  return `${share >= 0 ? "+" : "−"}${digits(Math.abs(share), 1)} %`;
}

/** The months of one domain or of the account, a column a month, the newest first. */
function sideBySide(rows, chosen) {
  const months = rows.slice().reverse();
  const top = Math.max(...months.map((row) => Number(row.p95)));
  const bar = (row) => {
    const made = element("span", { className: "bar" + (isRunning(row) ? " running" : ""), "aria-hidden": "true" });
    made.style.height = `${top > 0 ? Math.max(2, (Number(row.p95) / top) * 56) : 2}px`;
    return made;
  };
  const line = (label, unit, cell, title = () => null) => element("tr", {},
    element("th", { scope: "row" }, label, unit ? element("span", { className: "unit" }, unit) : null),
    months.map((row, at) => element("td", { className: "number " + stateOfMonth(row), title: title(row) ?? undefined }, cell(row, months[at + 1]) ?? "–")));
  const measures = MEASURES.map((measure) => {
    const unit = unitOf(measure, months, chosen);
    return line(measure.label, unit.name, (row, before) => [
      element("span", { className: "figure" }, inUnit(measure.of(row), unit)),
      element("span", { className: "detail" }, isRunning(row) ? "so far" : change(measure, row, before) ?? " "),
      measure.ts && measure.ts(row) !== null ? element("span", { className: "detail" }, minute(measure.ts(row)).slice(5)) : null,
    ], (row) => `${exact(measure.of(row))} ${baseOf(measure)}`);
  });
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Months side by side" },
    element("table", { className: "side" },
      element("caption", {}, `${ofMonth(rows[0])}: months side by side, the newest first`),
      element("thead", {},
        element("tr", {}, element("th", { scope: "col" }, element("span", { className: "unseen" }, "Measure")), months.map((row) =>
          element("th", { scope: "col", className: "number " + stateOfMonth(row) }, bar(row), element("span", { className: "month" }, row.month), monthBadge(row))))),
      element("tbody", {}, measures,
        line("Requests", null, (row) => [element("span", { className: "figure" }, short(row.pv)), isRunning(row) ? element("span", { className: "detail" }, "so far") : null], (row) => exact(row.pv)),
        line("Points", null, (row) => [element("span", { className: "figure" }, percent(row.points, row.slots)), element("span", { className: "detail" }, `of ${short(row.slots)}`)],
          (row) => `${exact(row.points)} points of ${exact(row.slots)} slots; ${exact(row.expected)} were asked for`),
        line("Can it change?", null, (row) => element("span", { className: "words" }, row.words)))));
}

/** All domains of a month, the account first. */
function domainsOf(rows, chosen) {
  const columns = MEASURES.map((measure) => measureColumn(measure.label, measure.of, unitOf(measure, rows, chosen), baseOf(measure)));
  return table(`${rows[0].month}: the account and its domains`, [
    { label: "Domain", kind: "name", value: ofMonth, cell: (row) => (isAccountMonth(row) ? element("b", {}, "Account") : ofMonth(row)) },
    ...columns,
    countColumn("Requests", (row) => row.pv),
    { label: "State", value: stateOfMonth, cell: monthBadge, title: (row) => row.words },
  ], rows, { cards: true, pinned: isAccountMonth, sorted: { at: 1, down: true }, mark: (row) => `${isAccountMonth(row) ? "account " : ""}${stateOfMonth(row)}` });
}

function billSection() {
  if (!data.months.length) {
    section("bill", "Bill", note("The rollups have no month yet."));
    return;
  }
  const names = [...new Set(data.months.map((row) => row.month))].sort().reverse();
  const has = (place) => data.months.some((row) => row.domain === place);
  let who = has(null) ? "account" : "0", month = names[0], unit = "fit";
  const [beside, all] = [element("div"), element("div")];
  function fill() {
    const ofWho = data.months.filter((row) => (who === "account" ? isAccountMonth(row) : String(row.domain) === who));
    beside.replaceChildren(ofWho.length ? sideBySide(ofWho, unit) : note("No month of this domain is on this page."));
    const rows = data.months.filter((row) => row.month === month);
    all.replaceChildren(domainsOf(rows, unit));
    if (rows.length > 12) all.firstChild.classList.add("tall");
  }
  section("bill", "Bill",
    note("The vendor's rules, applied to back-to-origin traffic of mainland China. It is not the invoice of the CDN, which is measured at the edge. The vendor's factor for billing days is left out."),
    element("div", { className: "controls" },
      select("Of", [...(has(null) ? [["account", "Account"]] : []), ...domains.map((domain, place) => [String(place), domain.name])], who, (value) => { who = value; fill(); }),
      select("Unit", [["fit", "Fits the size"], ["decimal", "Mbit/s and GB (decimal)"], ["vendor", "Mbit/s of 2^20 and GiB (vendor's pages)"]], unit, (value) => { unit = value; fill(); })),
    beside,
    element("div", { className: "controls" }, select("Month", names.map((name) => [name, name === thisMonth ? `${name}, running` : name]), month, (value) => { month = value; fill(); })),
    all,
    note("95 peak: sort the 5-minute slots of the month from high to low, count a slot without a point as 0, drop the highest 5 %, and take the next one. The time below it is that slot. 4th peak: the fourth highest point. Mean daily peak: the mean of the highest points of the days. The account is computed from the sum of all domains in each slot, so its peaks are not the sums of the peaks of the domains. A month is shown as a whole, even if this page begins or ends within it. A running month has the slots so far."));
  fill();
}
