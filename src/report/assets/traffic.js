// Bandwidth and requests over time, and the domains to choose from.

/** The most lines that a reader can distinguish. */
const LINES = 8;
const lineColour = (place) => (place === ACCOUNT ? colour("ink") : colour("line" + lineSlots.indexOf(place)));
/** The domain of each colour. A domain keeps its colour while it is shown. */
const lineSlots = Array(LINES).fill(null);

/** The totals of the account; `null` on a page of chosen domains, and of one domain, which is the whole account. */
const accountRow = () => (isWhole && domains.length > 1 ? { ...data.account, newest: data.newest } : isWhole || domains.length < 2 ? null : sumRow());

/** The sum of the chosen domains. Their peaks do not add up. */
function sumRow() {
  const sum = (of) => String(domains.reduce((total, domain) => total + BigInt(of(domain)), 0n));
  return { traffic: sum(({ traffic }) => traffic), pv: sum(({ pv }) => pv), errors: sum(({ errors }) => errors), avg: null, peak: null, peak_ts: null,
    points: Number(sum(({ points }) => points)), expected: Number(sum(({ expected }) => expected)), newest: data.newest };
}

/** A remark on a bucket that is not over. */
const soFar = (ts, step) => (ts <= data.made && data.made < ts + step ? ", so far" : "");

function trafficSection() {
  // The peaks of many lines would hide their averages.
  let account = domains.length > 1, billed = true, which = domains.length > 3 ? "average" : "both", scale = "linear", fixed = "auto", step = steps[steps.length - 1];
  const shown = () => [...(account ? [ACCOUNT] : []), ...domains.keys()].filter((place) => place === ACCOUNT || lineSlots.includes(place));
  const top = (count) => {
    lineSlots.fill(null);
    domains.slice(0, count).forEach((_, place) => { lineSlots[place] = place; });
  };
  top(Math.min(account ? 3 : 5, domains.length));

  const bandwidthHolder = element("div", { className: "chart" });
  const requestsHolder = element("div", { className: "chart" });
  const legend = element("ul", { className: "legend" });
  const telling = element("p", { className: "telling", "aria-live": "off" });
  const view = makeView("traffic", data.step, changed);

  /** The chosen step, or the finest one that the width can show. */
  function bestStep() {
    if (fixed !== "auto") return Number(fixed);
    const room = Math.max(300, bandwidthHolder.clientWidth) * 1.2;
    return steps.find((length) => (view.max - view.min) / length <= room) ?? steps[steps.length - 1];
  }

  /** Whether peaks have their own lines. */
  const peaks = () => step > SLOT && which !== "average";
  const averages = () => step === SLOT || which !== "peak";

  function lines() {
    return shown().flatMap((place) => {
      const found = figures(place, step), paint = lineColour(place), weight = place === ACCOUNT ? 2 : 1.5;
      const made = [];
      if (averages()) made.push({ place, kind: "average", values: found.avg, stroke: paint, width: weight });
      if (peaks() && found.peak) made.push({ place, kind: "peak", values: found.peak, stroke: paint, width: averages() ? 1 : weight, dash: averages() ? [3, 3] : undefined });
      return made;
    });
  }

  const steppedPath = () => (step > SLOT ? uPlot.paths.stepped({ align: 1 }) : uPlot.paths.linear());
  const drawn = (values) => (scale === "log" ? values.map((value) => (value > 0 ? value : null)) : values);
  /** A step ends where the next one begins, so the last one needs an end. A line of points does not. */
  const closed = (values) => [...values, step > SLOT ? values[values.length - 1] : null];
  const last = () => buckets() - 1;
  const buckets = () => figures(0, step).avg.length;

  /** The lines whose 95 peaks are drawn: the account if it is shown, else the domains if they are few. */
  const measured = () => {
    const places = shown();
    if (!billed) return [];
    return places.includes(ACCOUNT) && isWhole ? [ACCOUNT] : places.filter((place) => place !== ACCOUNT).slice(0, 3);
  };
  const levels = () => measured().flatMap((place) => billedPeaks(place).map((found) => ({
    ...found, stroke: lineColour(place), text: `95 peak ${found.running ? "so far " : ""}${bandwidthText(found.value)}`,
  })));

  const bandwidth = chart({
    holder: bandwidthHolder, height: 320, label: "Bandwidth", view, levels,
    build() {
      const made = lines();
      const unit = scale === "log" ? { size: 1, name: "bit/s" } : unitFor(BANDWIDTH, [...made.flatMap(({ values }) => values), ...levels().map(({ value }) => value)]);
      return {
        unit: unit.name, log: scale === "log", show: (value) => (scale === "log" ? prefixed(value) : (value / unit.size).toLocaleString("en-US", { maximumSignificantDigits: 4 })),
        series: made.map(({ stroke, width, dash }) => ({ stroke, width, dash, paths: steppedPath(), points: { show: false } })),
        data: [starts(step, buckets() + 1), ...made.map(({ values }) => closed(drawn(values)))],
      };
    },
    last,
    heading: (at) => `${bucketText(data.from + at * step, step)} (UTC+8)${soFar(data.from + at * step, step)}`,
    rows: (at) => [...lines().map(({ place, kind, values, stroke }) => [stroke, kind,
      nameOf(place) + (step > SLOT ? `, ${kind}` : ""),
      values[at] === null ? "no point" : bandwidthText(values[at]), values[at] === null ? "" : exact(values[at]) + " bit/s"]),
      ...measured().flatMap((place) => billedPeaks(place).filter(({ start, end }) => start <= data.from + at * step && data.from + at * step < end).map((found) =>
        [lineColour(place), "peak", `${nameOf(place)}, 95 peak of ${found.month}${found.running ? " so far" : ""}`, bandwidthText(found.value), exact(found.exact) + " bit/s"]))],
  });
  const requests = chart({
    holder: requestsHolder, height: 200, label: "Requests", view,
    build: () => ({
      unit: `Requests per ${bucketName(step)}`, log: scale === "log", show: (value) => short(value),
      series: shown().map((place) => ({ stroke: lineColour(place), width: place === ACCOUNT ? 2 : 1.5, paths: steppedPath(), points: { show: false } })),
      data: [starts(step, buckets() + 1), ...shown().map((place) => closed(drawn(figures(place, step).pv)))],
    }),
    last,
    heading: (at) => `${bucketText(data.from + at * step, step)} (UTC+8)${soFar(data.from + at * step, step)}`,
    rows: (at) => shown().map((place) => {
      const value = figures(place, step).pv[at];
      return [lineColour(place), "average", nameOf(place), value === null ? "no point" : exact(value), "requests"];
    }),
  });

  function tell() {
    const whole = step === SLOT ? "5-minute points as the API reported them; average and peak are the same"
      : which === "both" ? "solid: average, dashed: highest 5-minute point" : which === "peak" ? "highest 5-minute point" : "average";
    const missing = account && peaks() && !figures(ACCOUNT, step).peak
      ? ` Their sum has no peak line, because the domains may have their peaks at different times.` : "";
    telling.textContent = `${minute(view.min)} to ${minute(view.max)} UTC+8, ${every(step)}; ${whole}.${missing}`;
    const lineOf95 = measured().length ? [element("li", {}, swatch(lineColour(measured()[0]), "level"), `95 peak of each month: ${measured().map(nameOf).join(", ")}`)] : [];
    legend.replaceChildren(...shown().map((place) => element("li", {}, swatch(lineColour(place)), nameOf(place))), ...lineOf95);
    if (!shown().length) legend.replaceChildren(element("li", {}, "No domain is chosen. Choose some in the table below."));
  }

  function make() {
    step = bestStep();
    bandwidth.make();
    requests.make();
    tell();
  }

  function changed() {
    if (bestStep() !== step) return make();
    bandwidth.redraw();
    requests.redraw();
    tell();
  }
  redraws.push(make);

  const values = () => domains.slice(0, 3).map((domain) => Number(domain.peak ?? 0)).filter((peak) => peak > 0);
  if (Math.max(...values()) > 50 * Math.min(...values())) scale = "log";

  const controls = element("div", { className: "controls" },
    choice("Show", [["both", "Average and peak"], ["average", "Average"], ["peak", "Peak"]], which, (value) => { which = value; make(); }).made,
    choice("Scale", [["linear", "Linear"], ["log", "Logarithmic"]], scale, (value) => { scale = value; make(); }).made,
    steps.length > 1 ? select("Steps", [["auto", "Automatic"], ...steps.map((length) => [String(length), every(length)])], fixed, (value) => { fixed = value; make(); }) : null,
    element("label", { className: "choice" }, element("input", { type: "checkbox", checked: true, onchange: (event) => { billed = event.currentTarget.checked; make(); } }), "95 peaks"),
    viewButtons(view));
  section("traffic", "Bandwidth and requests", controls, legend, telling,
    element("h3", {}, "Bandwidth"), bandwidthHolder, element("h3", {}, "Requests"), requestsHolder,
    element("p", { className: "note hint" }, "Drag to zoom in, Shift and drag to move, Ctrl and the wheel to zoom around the pointer, double-click to see everything again. With the keyboard, choose a chart with Tab: arrow keys read the values, + and − zoom, Shift and an arrow key moves, 0 shows all."),
    domainTable());
  make();

  function domainTable() {
    const total = isWhole ? Number(data.account.traffic) : domains.reduce((sum, domain) => sum + Number(domain.traffic), 0);
    const boxes = new Map();
    const box = (place) => {
      if (!boxes.has(place)) {
        boxes.set(place, element("input", { type: "checkbox", "aria-label": "Show " + nameOf(place), onchange: () => toggle(place) }));
      }
      return boxes.get(place);
    };
    function toggle(place) {
      if (place === ACCOUNT) account = !account;
      else if (lineSlots.includes(place)) lineSlots[lineSlots.indexOf(place)] = null;
      else lineSlots[lineSlots.indexOf(null)] = place;
      mark();
      make();
    }
    function mark() {
      const full = !lineSlots.includes(null);
      for (const [place, input] of boxes) {
        input.checked = place === ACCOUNT ? account : lineSlots.includes(place);
        input.disabled = full && place !== ACCOUNT && !input.checked;
        input.title = input.disabled ? `${LINES} domains are shown; remove one first` : "";
        input.style.accentColor = input.checked ? lineColour(place) : "";
      }
    }
    redraws.push(mark);
    const preset = (count) => button(`Top ${count}`, `Show the ${count} domains with the most traffic`, () => { top(count); mark(); make(); });
    const rows = [{ domain: accountRow(), place: ACCOUNT }, ...domains.map((domain, place) => ({ domain, place }))].filter(({ domain }) => domain !== null);
    const columns = [
      { label: "Shown", cell: ({ place }) => box(place), kind: "pick" },
      { label: "Domain", value: ({ place }) => nameOf(place), cell: ({ place }) => (place === ACCOUNT ? element("b", {}, nameOf(place)) : nameOf(place)), kind: "name" },
      trafficColumn(({ domain }) => domain.traffic, rows),
      { label: "Share", kind: "number", value: ({ domain }) => Number(domain.traffic), cell: ({ domain }) => percent(Number(domain.traffic), total) },
      countColumn("Requests", ({ domain }) => domain.pv),
      bandwidthColumn("Average", ({ domain }) => domain.avg, rows),
      bandwidthColumn("Peak", ({ domain }) => domain.peak, rows),
      { label: "Peak at", value: ({ domain }) => domain.peak_ts, cell: ({ domain }) => (domain.peak_ts === null ? null : minute(domain.peak_ts)) },
      { label: "Complete", kind: "number", value: ({ domain }) => (domain.expected ? domain.points / domain.expected : null), cell: ({ domain }) => percent(domain.points, domain.expected),
        title: ({ domain }) => `${exact(domain.points)} of ${exact(domain.expected)} points` },
      { label: "Newest point", value: ({ domain }) => domain.newest, cell: ({ domain }) => (domain.newest === null ? null : minute(domain.newest)) },
    ];
    const made = table("Domains, by traffic", columns, rows, { rowHeader: 1, cards: true, pinned: ({ place }) => place === ACCOUNT, mark: ({ place }) => (place === ACCOUNT ? "account" : "") });
    made.classList.add("tall");
    const filter = element("input", { type: "search", placeholder: "part of a name", oninput: () => {
      const part = filter.value.trim().toLowerCase();
      for (const row of made.querySelectorAll("tbody tr")) row.hidden = !row.classList.contains("account") && !row.querySelector("th").textContent.toLowerCase().includes(part);
    } });
    const picks = element("div", { className: "controls" },
      element("div", { className: "choice", role: "group", "aria-label": "Domains shown" },
        element("span", { className: "label", "aria-hidden": "true" }, "Domains"),
        ...[3, 5, 8].filter((count) => count === 3 || count <= domains.length).map(preset),
        button("None", "Show no domain", () => { top(0); mark(); make(); })),
      domains.length > 12 ? element("label", { className: "choice" }, element("span", { className: "label" }, "Find"), filter) : null);
    mark();
    return element("div", {}, element("h3", {}, "Domains"), picks, made);
  }
}
