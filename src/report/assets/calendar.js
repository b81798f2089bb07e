// The completeness of each day of each domain. Each state has its own shade, sign and text.

const STATES = {
  complete: ["", "complete: final, and every slot has its point"],
  empty: ["∅", "complete: final, and some slots hold nothing, as two answers agree"],
  running: ["▸", "running: the day is not over"],
  sofar: ["◐", "can still change: not settled yet, or a part was not asked for"],
  partial: ["%", "points are missing; the number is the stored share, in percent"],
  missing: ["✕", "asked for, but no point came"],
  unasked: ["·", "not asked for"],
};
const STATE_WORDS = { complete: "complete", empty: "complete", running: "running", sofar: "can still change", partial: "points are missing", missing: "no point", unasked: "not asked for" };
const DAY_SLOTS = DAY / SLOT;
/** Above this many domain-days, months are shown one at a time. */
const CALENDAR_CELLS = 4500;

function stateOf([points, expected, empty, complete], isNow) {
  if (!expected && !points) return "unasked";
  if (complete) return empty ? "empty" : "complete";
  if (points + empty < expected && !isNow) return points ? "partial" : "missing";
  return isNow ? "running" : "sofar";
}

/** A cell is [points, expected, empty, complete]. */
function stateCell(name, when, cell, whole) {
  const [points, expected, empty] = cell;
  const state = stateOf(cell, when === today || when === thisMonth);
  const sign = state === "partial" ? String(Math.floor((points / expected) * 100)) : STATES[state][0];
  const words = STATE_WORDS[state];
  const figures = state === "unasked" ? "" : `: ${exact(points)} of ${plural(expected, "point")}${empty ? `, ${plural(empty, "slot")} empty` : ""}`;
  const more = expected < whole ? ` (${exact(whole)} slots in all)` : "";
  return element("td", { className: "state " + state, title: `${name}, ${when}: ${words}${figures}${more}` },
    element("span", { "aria-hidden": "true" }, sign), element("span", { className: "unseen" }, `${words}${figures}`));
}

const monthsShown = () => {
  const months = [];
  for (let at = startOf(date(data.from).slice(0, 7)); at < data.to; ) {
    const month = date(at).slice(0, 7);
    const next = startOf(date(at + 32 * DAY).slice(0, 7));
    months.push({ month, start: at, days: (next - at) / DAY });
    at = next;
  }
  return months;
};

function calendarSection() {
  const key = element("ul", { className: "key" }, Object.entries(STATES).map(([state, [sign, words]]) =>
    element("li", {}, element("span", { className: "state " + state, "aria-hidden": "true" }, sign === "%" ? "97" : sign), words)));
  const months = monthsShown();
  if (data.calendar === null) {
    section("complete", "Completeness", note("Too many domains and days for a calendar. Choose fewer domains (-d) or a shorter range. The monthly table shows the points of every month."));
    return;
  }
  const days = data.calendar.map(unpacked);
  if (data.account_calendar) days[ACCOUNT] = unpacked(data.account_calendar);
  const domainName = (place) => element("th", { scope: "row", className: "name", title: nameOf(place) }, nameOf(place));
  let lacking = false;
  const isLacking = (place, from = 0, to = Infinity) => days[place].slice(Math.max(0, from), to).some((cell) => ["partial", "missing", "unasked"].includes(stateOf(cell, false)));
  const places = (from, to) => [...(data.account_calendar && domains.length > 1 ? [ACCOUNT] : []), ...domains.keys()].filter((place) => !lacking || isLacking(place, from, to));

  /** One month: a row a domain, a column a day. */
  function monthTable({ month, start, days: length }) {
    const first = Math.round((start - data.from) / DAY);
    const numbers = Array.from({ length }, (_, at) => at);
    const weekend = (at) => [0, 6].includes(new Date((start + at * DAY + ZONE) * 1000).getUTCDay());
    const inRange = (at) => first + at >= 0 && first + at < days[0].length;
    const shown = places(first, first + length);
    return element("div", { className: few ? "scroll" : "scroll tall", tabIndex: 0, role: "region", "aria-label": "Completeness in " + month },
      element("table", { className: "calendar" }, element("caption", {}, month === thisMonth ? `${month}, running` : month),
        element("thead", {}, element("tr", {}, element("th", { scope: "col", className: "name" }, "Domain"),
          numbers.map((at) => element("th", { scope: "col", className: (weekend(at) ? "weekend" : "") + (inRange(at) ? "" : " outside") + (date(start + at * DAY) === today ? " now" : "") }, String(at + 1))))),
        element("tbody", {}, shown.length ? shown.map((place) => element("tr", {}, domainName(place),
          numbers.map((at) => {
            const cell = days[place][first + at];
            return cell ? stateCell(nameOf(place), date(start + at * DAY), cell, DAY_SLOTS) : element("td", { className: "outside" });
          }))) : element("tr", {}, element("td", { colSpan: length + 1 }, "Every day of every domain is complete.")))));
  }

  /** All months: one row for each domain, one column for each month. A click opens a month. */
  function overview(open) {
    return element("div", { className: "scroll tall", tabIndex: 0, role: "region", "aria-label": "Completeness by month" },
      element("table", { className: "calendar months" }, element("caption", {}, "By month: choose one to see its days"),
        element("thead", {}, element("tr", {}, element("th", { scope: "col", className: "name" }, "Domain"),
          months.map((found) => element("th", { scope: "col" }, button(found.month, "Show the days of " + found.month, () => open(found)))))),
        element("tbody", {}, places().map((place) => element("tr", {}, domainName(place), months.map((found) => {
          const first = Math.round((found.start - data.from) / DAY);
          const cells = days[place].slice(Math.max(0, first), Math.max(0, first + found.days));
          const sum = (at) => cells.reduce((total, cell) => total + cell[at], 0);
          return stateCell(nameOf(place), found.month, [sum(0), sum(1), sum(2), cells.length === found.days && cells.every((cell) => cell[3]) ? 1 : 0], found.days * DAY_SLOTS);
        }))))));
  }

  const body = element("div");
  const few = domains.length * months.length * 31 <= CALENDAR_CELLS;
  let opened = months[months.length - 1];
  function fill() {
    if (few) return body.replaceChildren(...months.map(monthTable));
    const month = element("div", {}, monthTable(opened));
    body.replaceChildren(overview((found) => {
      opened = found;
      month.replaceChildren(monthTable(found));
      say("Days of " + found.month);
    }), month);
  }
  const box = element("input", { type: "checkbox", onchange: () => { lacking = box.checked; fill(); } });
  section("complete", "Completeness",
    note("How far each UTC+8 day is complete, as of the end of the last run. A whole day has 288 slots."),
    key, element("div", { className: "controls" }, element("label", { className: "choice" }, box, "Only domains with missing points or days not asked for")), body);
  fill();
}
