// Figures and times as text. Units are decimal: 1 Mbit/s = 1,000,000 bit/s, 1 GB = 1,000,000,000 bytes.

const SLOT = 300, HOUR = 3600, DAY = 86400, ZONE = 8 * HOUR;

/** An integer with all its digits. Integers beyond 2^53 are text in the data. */
const exact = (value) => (typeof value === "string" ? BigInt(value) : value).toLocaleString("en-US");

const digits = (value, most) =>
  value.toLocaleString("en-US", { minimumFractionDigits: most, maximumFractionDigits: most });

/** Units, the largest first: {size, name}. */
const BANDWIDTH = [[1e12, "Tbit/s"], [1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [1, "bit/s"]].map(([size, name]) => ({ size, name }));
const TRAFFIC = [[1e15, "PB"], [1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "bytes"]].map(([size, name]) => ({ size, name }));

/** The largest unit in which the highest of `values` is at least 1. One unit for many figures keeps them comparable. */
function unitFor(units, values) {
  const top = values.reduce((high, value) => Math.max(high, Math.abs(Number(value ?? 0))), 0);
  return units.find(({ size }) => top >= size) ?? units[units.length - 1];
}

/** A figure in a unit, with more decimals where it is small. What is not zero never looks like zero. */
function inUnit(value, { size }) {
  const number = Number(value) / size;
  const height = Math.abs(number);
  if (size === 1) return exact(value);
  if (height > 0 && height < 0.0000005) return "< 0.000001";
  return digits(number, height >= 1 || height === 0 ? 2 : height >= 0.01 ? 4 : 6);
}

const withUnit = (units) => (value) => {
  const unit = unitFor(units, [value]);
  return `${inUnit(value, unit)} ${unit.name}`;
};
const bandwidthText = withUnit(BANDWIDTH);
const trafficText = withUnit(TRAFFIC);

/** A power of ten of bit/s in short: `10 G`. */
const prefixed = (value) => {
  const unit = unitFor(BANDWIDTH, [value]);
  return `${value / unit.size} ${unit.name[0] === "b" ? "" : unit.name[0]}`;
};

/** A large number in short: `689.04M`. */
const short = (value, most = 2) => Number(value).toLocaleString("en-US", { notation: "compact", maximumFractionDigits: most });

/** A share. It shows 100 only if nothing is missing, and 0 only if everything is. */
function percent(part, whole) {
  if (!(whole > 0)) return "–";
  const share = (part / whole) * 100;
  if (part >= whole) return "100 %";
  if (part > 0 && share < 0.01) return "< 0.01 %";
  return digits(Math.floor(share * 100) / 100, 2) + " %";
}

const plural = (count, one, many = one + "s") => `${exact(count)} ${Number(count) === 1 ? one : many}`;

/** The civil time in UTC+8, independent of the reader's time zone. */
const civil = (ts) => new Date((ts + ZONE) * 1000).toISOString();
const minute = (ts) => civil(ts).slice(0, 16).replace("T", " ");
const date = (ts) => civil(ts).slice(0, 10);

/** The start of a UTC+8 date such as 2026-01-31 or 2026-01. */
const startOf = (text) => Date.parse(text.length === 7 ? text + "-01" : text) / 1000 - ZONE;

/** The start of the next month. */
const monthAfter = (month) => startOf(date(startOf(month) + 32 * DAY).slice(0, 7));

function span(seconds) {
  if (seconds >= 2 * DAY) return plural(Math.round(seconds / DAY), "day");
  if (seconds >= 2 * HOUR) return plural(Math.round(seconds / HOUR), "hour");
  return plural(Math.round(seconds / 60), "minute");
}

/** `by hour`, `by 7 days`. */
function every(step) {
  if (step === HOUR) return "by hour";
  if (step === DAY) return "by day";
  return step < HOUR ? "by 5 minutes" : `by ${step / DAY} days`;
}

/** The name of one bucket: `hour`, `7 days`. */
const bucketName = (step) => (step === SLOT ? "5 minutes" : step === HOUR ? "hour" : step === DAY ? "day" : `${step / DAY} days`);

/** A bucket of time, from its start to the minute before the next one. A slot is named by the time of its point. */
function bucketText(ts, step) {
  if (step === SLOT) return minute(ts + labelShift);
  if (step === HOUR) return `${minute(ts)}–${civil(ts + HOUR - 60).slice(11, 16)}`;
  return step === DAY ? date(ts) : `${date(ts)} to ${date(ts + step - DAY)}`;
}
