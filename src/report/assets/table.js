// Tables that can be sorted by their columns.

/**
 * `columns`: {label, unit, value (to sort by), cell (to show; default: `value`), title, kind}. A column of the `kind`
 * "number" is aligned to the right and sorts in descending order first. On a narrow screen, each row of a table with `cards`
 * becomes a card, in which every cell has its column's label before it. Rows that are `pinned` stay first.
 */
function table(caption, columns, rows, { sorted = null, mark = () => "", rowHeader = 0, cards = false, pinned = () => false } = {}) {
  let order = sorted ?? { at: null, down: false };
  const body = element("tbody");
  const heads = columns.map((column, at) => {
    const sort = () => {
      order = { at, down: order.at === at ? !order.down : column.kind === "number" };
      fill();
      say(`Sorted by ${column.label}, ${order.down ? "descending" : "ascending"}`);
    };
    const label = [element("span", { className: "label" }, column.label), column.unit ? element("span", { className: "unit" }, " " + column.unit) : null];
    return element("th", { scope: "col", className: column.kind ?? "" },
      column.value ? element("button", { type: "button", className: "sort", onclick: sort }, label) : label);
  });
  function fill() {
    const shown = order.at === null ? rows : rows.slice().sort((one, other) => {
      if (pinned(one) !== pinned(other)) return pinned(one) ? -1 : 1;
      const [a, b] = [columns[order.at].value(one), columns[order.at].value(other)];
      const less = a === b ? 0 : a === null || a === undefined ? -1 : b === null || b === undefined ? 1 : a < b ? -1 : 1;
      return order.down ? -less : less;
    });
    heads.forEach((head, at) => {
      if (order.at === at) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    body.replaceChildren(...shown.map((row) => element("tr", { className: mark(row) }, columns.map((column, at) =>
      element(at === rowHeader ? "th" : "td", {
        scope: at === rowHeader ? "row" : undefined,
        className: column.kind ?? "",
        title: column.title ? column.title(row) ?? undefined : undefined,
        "data-label": cards && at !== rowHeader ? column.label + (column.unit ? `, ${column.unit}` : "") : undefined,
      }, (column.cell ?? column.value)(row) ?? "–")))));
  }
  fill();
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element("table", { className: cards ? "cards" : "" }, element("caption", {}, caption), element("thead", {}, element("tr", {}, heads)), body));
}

/** A column of figures in one unit; without one, in the unit that fits the highest of them. */
const measureColumn = (label, of, unit, base) => ({
  label, unit: unit.name, kind: "number",
  value: (row) => (of(row) === null ? null : Number(of(row))),
  cell: (row) => (of(row) === null ? null : inUnit(of(row), unit)),
  title: (row) => (of(row) === null ? null : `${exact(of(row))} ${base}`),
});

const bandwidthColumn = (label, of, rows, unit = unitFor(BANDWIDTH, rows.map(of))) => measureColumn(label, of, unit, "bit/s");
const trafficColumn = (of, rows, unit = unitFor(TRAFFIC, rows.map(of))) => measureColumn("Traffic", of, unit, "bytes");

const countColumn = (label, of) => ({
  label, kind: "number",
  value: (row) => Number(of(row)),
  cell: (row) => exact(of(row)),
});
