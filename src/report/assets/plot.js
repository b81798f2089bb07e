// A chart over time: its axis in UTC+8, its tooltip, zooming and moving.

const TICKS = [SLOT, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY];
const MONTH_TICKS = [1, 2, 3, 6, 12, 24, 60, 120];

/** The ticks at UTC+8 hours, days or months, at least `room` seconds apart. */
function timeSplits(min, max, room) {
  const tick = TICKS.find((length) => length >= room);
  const splits = [];
  if (tick) {
    for (let at = Math.ceil((min + ZONE) / tick) * tick - ZONE; at <= max; at += tick) splits.push(at);
    return splits;
  }
  const months = MONTH_TICKS.find((count) => count * 28 * DAY >= room) ?? 240;
  const first = new Date((min + ZONE) * 1000);
  let month = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (; ; month += months) {
    const at = Date.UTC(Math.floor(month / 12), month % 12) / 1000 - ZONE;
    if (at > max) return splits;
    if (at >= min) splits.push(at);
  }
}

/** The label of each tick. The date or year is below the first tick and wherever it changes. */
function timeLabels(splits) {
  let last = "";
  const gap = splits.length > 1 ? splits[1] - splits[0] : DAY;
  return splits.map((ts) => {
    const text = civil(ts);
    const [above, below] = gap < DAY ? [text.slice(11, 16), text.slice(0, 10)]
      : gap < 28 * DAY ? [text.slice(5, 10), text.slice(0, 4)] : [text.slice(0, 7), ""];
    const label = below === last || !below ? above : above + "\n" + below;
    last = below;
    return label;
  });
}

/** On a logarithmic scale, only the powers of ten have lines and labels. */
const powersOfTen = (plot, splits) => splits.map((value) => (value > 0 && Math.abs(Math.log10(value) % 1) < 1e-9 ? value : null));

function axes(unit, log, show, width) {
  const [ink, grid] = [colour("soft"), colour("grid")];
  const font = "12px system-ui, sans-serif";
  const shared = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 5 } };
  return [
    {
      ...shared,
      size: 46,
      splits: (plot, at, min, max) => timeSplits(min, max, ((max - min) * 74) / Math.max(plot.bbox.width / devicePixelRatio, 1)),
      values: (plot, splits) => timeLabels(splits),
    },
    {
      ...shared,
      ...(log ? { filter: powersOfTen, grid: { ...shared.grid, filter: powersOfTen }, ticks: { ...shared.ticks, filter: powersOfTen } } : {}),
      label: unit,
      labelFont: font,
      labelSize: 18,
      labelGap: 2,
      // The same for all charts, so that their times are aligned.
      size: width < 600 ? 54 : 66,
      values: (plot, splits) => splits.map((value) => (value === null || value === undefined ? "" : show(value))),
    },
  ];
}

/** The powers of ten around the values. */
const decades = (min, max) => (min > 0 ? [10 ** Math.floor(Math.log10(min)), 10 ** Math.ceil(Math.log10(max * 1.01))] : [1, 10]);

/**
 * A chart in `holder`. `build()` returns {series, data, log, unit, show}. `rows(at)` returns the lines of the tooltip as
 * [colour, kind, name, value, exact], `heading(at)` its first line. Several charts can share a `view`. `levels()` returns
 * horizontal lines, each a value from a start to an end: {start, end, value, stroke, text, ts}. `last()` is the place of the
 * last bucket; what follows it only closes a line.
 */
function chart({ holder, height, label, build, rows, heading, view, levels = () => [], last = () => Infinity }) {
  const tip = element("div", { className: "tip", hidden: true });
  let plot = null, over = false, width = 0;

  function make() {
    plot?.destroy();
    const { series, data: figures, log, unit, show, stacked } = build();
    width = Math.max(240, Math.floor(holder.clientWidth));
    plot = new uPlot({
      width,
      height,
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [view.min, view.max] },
        y: log ? { distr: 3, range: (self, min, max) => decades(min, highest(max)) } : { range: (self, min, max) => [0, stacked === 100 ? 100 : highest(max) * 1.06 || 1] },
      },
      axes: axes(unit, log, show, width),
      series: [{}, ...series],
      cursor: {
        y: false,
        sync: { key: view.key },
        drag: { x: true, y: false, setScale: false, dist: 5 },
        points: { size: 7, show: stacked ? false : undefined },
        bind: { dblclick: () => () => view.reset() },
      },
      hooks: { setCursor: [point], setSelect: [zoomToSelection], ready: [(self) => self.over.append(tip)], drawClear: [shadeRunning], draw: [(self) => drawLevels(self, levels())] },
    }, figures, holder);
    plot.over.addEventListener("mouseenter", () => { over = true; });
    plot.over.addEventListener("mouseleave", () => { over = false; tip.hidden = true; });
    plot.over.addEventListener("wheel", wheel, { passive: false });
  }

  /** The highest value of the figures and the levels. */
  const highest = (max) => levels().filter(({ start, end }) => start < view.max && end > view.min).reduce((high, { value }) => Math.max(high, value), max > 0 ? max : 0);

  function zoomToSelection(self) {
    if (self.select.width < 5) return;
    const [from, to] = [self.select.left, self.select.left + self.select.width].map((left) => self.posToVal(left, "x"));
    self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    view.set(from, to);
  }

  /** Shows the values at the cursor. */
  function point(self) {
    if (self.cursor.idx === null || self.cursor.idx === undefined || !over) {
      tip.hidden = true;
      return;
    }
    const at = Math.min(self.cursor.idx, last());
    const lines = rows(at);
    tip.replaceChildren(element("strong", {}, heading(at)), element("table", {}, element("tbody", {}, lines.map(
      ([paint, kind, name, value, detail]) => element("tr", {},
        element("td", {}, swatch(paint, kind)), element("th", { scope: "row" }, name),
        element("td", { className: "number" }, value), element("td", { className: "number exact" }, detail ?? ""))))));
    tip.hidden = false;
    const left = self.valToPos(self.data[0][at], "x");
    const room = self.over.clientWidth;
    const beside = left + 16 + tip.offsetWidth <= room ? left + 16 : Math.max(left - 16 - tip.offsetWidth, Math.min(0, room - tip.offsetWidth));
    tip.style.transform = `translate(${Math.round(beside)}px, 8px)`;
  }

  /** The wheel scrolls the page. With Ctrl, or a pinch, it zooms around the pointer. */
  function wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const at = plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x");
    view.zoom(Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) / 250), at);
  }

  // Before uPlot interprets it as a selection.
  holder.addEventListener("mousedown", (event) => {
    if (!event.shiftKey || event.button !== 0 || !plot?.over.contains(event.target)) return;
    event.stopPropagation();
    event.preventDefault();
    const began = { x: event.clientX, min: view.min, max: view.max };
    const perPixel = (view.max - view.min) / plot.over.clientWidth;
    const move = (moved) => view.set(began.min - (moved.clientX - began.x) * perPixel, began.max - (moved.clientX - began.x) * perPixel, true);
    const end = () => {
      document.removeEventListener("mousemove", move);
      document.removeEventListener("mouseup", end);
    };
    document.addEventListener("mousemove", move);
    document.addEventListener("mouseup", end);
  }, true);

  holder.tabIndex = 0;
  holder.setAttribute("role", "group");
  holder.setAttribute("aria-label", label + ". Arrow keys read the values, Shift and arrow keys move, plus and minus zoom, 0 shows all.");
  holder.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && event.shiftKey) view.move(step * 0.2);
    else if (step) read(step);
    else if (event.key === "+" || event.key === "=") view.zoom(0.5);
    else if (event.key === "-") view.zoom(2);
    else if (event.key === "0" || event.key === "Escape") view.reset();
    else return;
    event.preventDefault();
  });
  holder.addEventListener("blur", () => { over = false; tip.hidden = true; });

  function read(step) {
    const times = plot.data[0];
    let at = plot.cursor.idx;
    at = at === null || at === undefined ? (step > 0 ? times.findIndex((ts) => ts >= view.min) : times.findLastIndex((ts) => ts < view.max)) : at + step;
    if (!(at >= 0 && at < times.length && at <= last())) return;
    if (times[at] < view.min || times[at] >= view.max) view.move(step * 0.5);
    over = true;
    plot.setCursor({ left: plot.valToPos(times[at], "x"), top: 10 });
    say(heading(at) + ": " + rows(at).map(([, , name, value, detail]) => `${name} ${value} ${detail ?? ""}`).join("; "));
  }

  const made = {
    make,
    plot: () => plot,
    /** Draws the same figures in the current view. */
    redraw() {
      plot.setScale("x", { min: view.min, max: view.max });
    },
    /** Sets the width, by default the available one. */
    fit(to) {
      const next = Math.max(240, Math.floor(to ?? holder.clientWidth));
      if (plot && next !== width) {
        width = next;
        plot.setSize({ width, height });
      }
    },
  };
  charts.push(made);
  return made;
}

/** Every chart of the page. */
const charts = [];

/** Shades the month and the day that are not over. Their figures are figures so far. */
function shadeRunning(plot) {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const place = (ts) => Math.min(left + width, Math.max(left, plot.valToPos(ts, "x", true)));
  for (const [start, end, name] of [[startOf(thisMonth), monthAfter(thisMonth), `${thisMonth}, running`], [startOf(today), startOf(today) + DAY, "today"]]) {
    const [from, to] = [place(start), place(end)];
    if (to <= from) continue;
    ctx.save();
    ctx.fillStyle = colour("running");
    ctx.fillRect(from, top, to - from, height);
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.fillStyle = colour("soft");
    ctx.textBaseline = "top";
    ctx.textAlign = "left";
    if (ctx.measureText(name).width + 8 * devicePixelRatio < to - from) ctx.fillText(name, from + 4 * devicePixelRatio, top + (name === "today" ? 18 : 3) * devicePixelRatio);
    ctx.restore();
  }
}

/** Draws horizontal lines with their names above them, and a dot at the slot that a value comes from. */
function drawLevels(plot, levels) {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.lineWidth = 2 * ratio;
  for (const { start, end, value, stroke, text, ts, running } of levels) {
    const [from, to, at] = [plot.valToPos(start, "x", true), plot.valToPos(end, "x", true), plot.valToPos(value, "y", true)];
    if (to < left || from > left + width || !Number.isFinite(at)) continue;
    ctx.strokeStyle = stroke;
    ctx.setLineDash(running ? [2 * ratio, 3 * ratio] : [8 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(from, at);
    ctx.lineTo(to, at);
    ctx.stroke();
    ctx.setLineDash([]);
    if (ts !== null) {
      ctx.beginPath();
      ctx.arc(plot.valToPos(ts, "x", true), at, 3.5 * ratio, 0, 2 * Math.PI);
      ctx.fillStyle = stroke;
      ctx.fill();
    }
    // A halo keeps the name readable over the lines.
    const begin = Math.max(from, left) + 4 * ratio;
    if (ctx.measureText(text).width + 8 * ratio > Math.min(to, left + width) - begin) continue;
    ctx.textBaseline = at - 16 * ratio > top ? "bottom" : "top";
    ctx.lineJoin = "round";
    ctx.strokeStyle = colour("card");
    ctx.lineWidth = 4 * ratio;
    ctx.strokeText(text, begin, at + (ctx.textBaseline === "bottom" ? -3 : 3) * ratio);
    ctx.fillStyle = stroke;
    ctx.fillText(text, begin, at + (ctx.textBaseline === "bottom" ? -3 : 3) * ratio);
    ctx.lineWidth = 2 * ratio;
  }
  ctx.restore();
}

/** The time range that charts show. `changed()` draws it. */
function makeView(key, finest, changed) {
  const view = {
    key,
    min: data.from,
    max: data.to,
    set(min, max, keepLength = false) {
      const length = Math.min(Math.max(max - min, 12 * finest), data.to - data.from);
      if (!keepLength) min = (min + max - length) / 2;
      view.min = Math.max(data.from, Math.min(min, data.to - length));
      view.max = view.min + length;
      changed();
    },
    zoom(factor, at = (view.min + view.max) / 2) {
      view.set(at - (at - view.min) * factor, at + (view.max - at) * factor);
    },
    move(share) {
      const by = (view.max - view.min) * share;
      view.set(view.min + by, view.max + by, true);
    },
    reset() {
      view.set(data.from, data.to);
    },
  };
  return view;
}

/** Buttons for the actions of the mouse and the keyboard in a chart. */
const viewButtons = (view) => element("div", { className: "choice", role: "group", "aria-label": "Time shown" },
  button("−", "Zoom out", () => view.zoom(2)), button("+", "Zoom in", () => view.zoom(0.5)),
  button("◀", "Move to earlier", () => view.move(-0.5)), button("▶", "Move to later", () => view.move(0.5)),
  button("Reset", "Show the whole range", () => view.reset()));
