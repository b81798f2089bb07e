// Tables that can be sorted by their columns.

/**
 * `columns`: {label, unit, value (to sort by), cell (to show; default: `value`), title, kind}. A column of the `kind`
 * "number" is aligned to the right and sorts in descending order first.
 */
function table(caption, columns, rows, { sorted = null, mark = () => "", rowHeader = 0 } = {}) {
  let order = sorted ?? { at: null, down: false };
  const body = element("tbody");
  const heads = columns.map((column, at) => {
    const sort = () => {
      order = { at, down: order.at === at ? !order.down : column.kind === "number" };
      fill();
      say(`Sorted by ${column.label}, ${order.down ? "descending" : "ascending"}`);
    };
    const label = [column.label, column.unit ? element("span", { className: "unit" }, " " + column.unit) : null];
    return element("th", { scope: "col", className: column.kind ?? "" },
      column.value ? element("button", { type: "button", className: "sort", onclick: sort }, label) : label);
  });
  function fill() {
    const shown = order.at === null ? rows : rows.slice().sort((one, other) => {
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
      }, (column.cell ?? column.value)(row) ?? "–")))));
  }
  fill();
  return element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, heads)), body));
}

const bandwidthColumn = (label, of) => ({
  label, unit: "Mbps", kind: "number",
  value: (row) => (of(row) === null ? null : Number(of(row))),
  cell: (row) => (of(row) === null ? null : mbps(of(row))),
  title: (row) => (of(row) === null ? null : `${exact(of(row))} bit/s`),
});

const trafficColumn = (of) => ({
  label: "Traffic", unit: "GB", kind: "number",
  value: (row) => Number(of(row)),
  cell: (row) => gigabytes(of(row)),
  title: (row) => `${exact(of(row))} bytes`,
});

const countColumn = (label, of) => ({
  label, kind: "number",
  value: (row) => Number(of(row)),
  cell: (row) => exact(of(row)),
});
