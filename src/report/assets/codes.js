// Status codes by day, stacked by class.

/** From the bottom of the stack to its top: errors are on top. */
const CLASSES = ["2xx", "3xx", "1xx", "other", "4xx", "5xx"];
const CLASS_NAMES = { "1xx": "1xx informational", "2xx": "2xx success", "3xx": "3xx redirection", "4xx": "4xx client error", "5xx": "5xx server error", other: "other" };
const classColour = (name) => colour("class-" + name);

function codesSection() {
  const step = data.status_step;
  const present = CLASSES.filter((name) => data.status.some((found) => found[name]));
  if (!present.length) {
    section("codes", "Status codes", note("No status codes are stored for these days."));
    return;
  }
  let place = ACCOUNT, how = "requests";
  const shownClasses = new Set(present);
  const count = Math.ceil((data.to - data.from) / step);
  const view = makeView("codes", DAY, () => { plot.redraw(); tell(); });
  const holder = element("div", { className: "chart" });
  const telling = element("p", { className: "telling" });
  const codeTable = element("div");

  /** The requests of a class by bucket, of one domain or of all domains. */
  function requests(name) {
    const packed = place === ACCOUNT ? data.status : [data.status[place]];
    const sums = Array(count).fill(null);
    for (const found of packed) {
      (found[name] ?? []).forEach((value, at) => { if (value !== null) sums[at] += value; });
    }
    return sums;
  }

  let byClass = {};
  const totalAt = (at) => present.reduce((sum, name) => sum + (byClass[name][at] ?? 0), 0);

  const plot = chart({
    holder, height: 300, label: "Requests by status class", view,
    build() {
      byClass = Object.fromEntries(present.map((name) => [name, requests(name)]));
      const stack = present.filter((name) => shownClasses.has(name));
      let below = Array(count).fill(0);
      const layers = stack.map((name) => {
        below = below.map((sum, at) => {
          const value = byClass[name][at] ?? 0;
          return sum + (how === "share" ? (totalAt(at) ? (value / totalAt(at)) * 100 : 0) : value);
        });
        return { name, sums: below };
      });
      // The tallest layer is drawn first, the others over it.
      layers.reverse();
      return {
        unit: how === "share" ? "% of requests" : `Requests per ${bucketName(step)}`, stacked: how === "share" && stack.length === present.length ? 100 : 1,
        show: (value) => (how === "share" ? value.toLocaleString("en-US", { maximumFractionDigits: 3 }) : short(value)),
        series: layers.map(({ name }) => ({ fill: classColour(name), stroke: classColour(name), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.86, 80], align: 1 }) })),
        data: [starts(step, count), ...layers.map(({ sums }) => sums)],
      };
    },
    heading: (at) => `${bucketText(data.from + at * step, step)} (UTC+8)${soFar(data.from + at * step, step)}`,
    rows: (at) => [...present].reverse().map((name) => {
      const value = byClass[name][at];
      return [classColour(name), "block", CLASS_NAMES[name], value === null ? "no point" : exact(value), value === null ? "" : percent(value, totalAt(at))];
    }),
  });

  function tell() {
    telling.textContent = `${place === ACCOUNT ? "All domains" : nameOf(place)}, ${minute(view.min)} to ${minute(view.max)} UTC+8, ${every(step)}.`;
  }

  const sumOf = (of, name) => (data.status[of][name] ?? []).reduce((sum, value) => sum + (value ?? 0), 0);
  const perDomain = domains.map((domain, of) => {
    const sums = Object.fromEntries(present.map((name) => [name, sumOf(of, name)]));
    return { of, domain, sums, all: Object.values(sums).reduce((sum, value) => sum + value, 0) };
  });

  function codeRows() {
    const rows = data.codes.map((row) => ({ ...row, sum: place === ACCOUNT ? row.requests.reduce((sum, value) => sum + Number(value), 0) : Number(row.requests[place]) }));
    const all = rows.reduce((sum, row) => sum + row.sum, 0);
    const shown = rows.filter((row) => row.sum > 0);
    const zeros = rows.length - shown.length;
    codeTable.replaceChildren(
      table(`Codes: ${place === ACCOUNT ? "all domains" : nameOf(place)}`, [
        { label: "Code", value: (row) => row.code, cell: (row) => element("span", {}, swatch(classColour(row.class), "block"), row.code), title: (row) => CLASS_NAMES[row.class] },
        { label: "Meaning", kind: "words", value: (row) => row.meaning ?? "" },
        countColumn("Requests", (row) => row.sum),
        { label: "Share", kind: "number", value: (row) => row.sum, cell: (row) => percent(row.sum, all) },
        { label: "Class", value: (row) => row.class, cell: (row) => CLASS_NAMES[row.class] },
      ], shown, { sorted: { at: 2, down: true } }),
      ...(zeros ? [note(`${plural(zeros, "more code has", "more codes have")} no requests.`)] : []),
      ...(data.codes_left_out ? [note(`${plural(data.codes_left_out, "code")} with fewer requests ${data.codes_left_out === 1 ? "is" : "are"} not listed.`)] : []));
  }

  function make() {
    plot.make();
    tell();
  }
  redraws.push(() => { make(); codeRows(); });
  const chips = present.slice().reverse().map((name) => element("button", {
    type: "button", className: "chip", "aria-pressed": "true", onclick: (event) => {
      if (!shownClasses.delete(name)) shownClasses.add(name);
      event.currentTarget.setAttribute("aria-pressed", String(shownClasses.has(name)));
      make();
    },
  }, classSwatch(name), CLASS_NAMES[name]));
  function classSwatch(name) {
    return element("span", { className: `swatch block class-${name}`, "aria-hidden": "true" });
  }
  const only = (names) => {
    shownClasses.clear();
    names.forEach((name) => shownClasses.add(name));
    present.slice().reverse().forEach((name, at) => chips[at].setAttribute("aria-pressed", String(shownClasses.has(name))));
    make();
  };
  const controls = element("div", { className: "controls" },
    select("Domain", [[String(ACCOUNT), "All domains"], ...domains.map((domain, of) => [String(of), domain.name])], String(ACCOUNT),
      (value) => { place = Number(value); make(); codeRows(); }),
    choice("As", [["requests", "Requests"], ["share", "Share"]], how, (value) => { how = value; make(); }).made,
    element("div", { className: "choice", role: "group", "aria-label": "Presets" },
      button("All classes", "Show all classes", () => only(present)),
      button("4xx and 5xx", "Show only 4xx and 5xx", () => only(present.filter((name) => name === "4xx" || name === "5xx"))),
      button("Origin errors", "Show only origin errors: 5xx", () => only(present.filter((name) => name === "5xx")))),
    viewButtons(view));
  const errors = ({ domain }) => Number(domain.errors);
  section("codes", "Status codes", controls,
    element("div", { className: "chips", role: "group", "aria-label": "Classes shown" }, chips), telling, holder,
    codeTable,
    table("Classes by domain", [
      { label: "Domain", value: (row) => row.domain.name, kind: "name" },
      { label: "Origin errors", kind: "number", value: (row) => (row.all ? errors(row) / row.all : null), cell: (row) => percent(errors(row), row.all) },
      ...[...present].reverse().map((name) => countColumn(name, (row) => row.sums[name])),
    ], perDomain),
    note("Origin errors are requests that ended with a code of class 5xx. Connections that failed without a code are not among them: the vendor may count them under other codes, and does not say which."));
  make();
  codeRows();
  document.querySelectorAll("#codes .scroll").forEach((found) => found.classList.add("tall"));
}
