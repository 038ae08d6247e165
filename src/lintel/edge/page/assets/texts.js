// What the page says, and how it writes numbers and times, in the language of the document.

const code = document.documentElement.lang;
const texts = await (await fetch(`/languages/${code}.json`)).json();
const counts = new Intl.NumberFormat(code);

/** Returns a text; {name} in it gives way to what `values` has of that name. */
export function text(key, values = {}) {
  const found = texts[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Writes a number with as many digits after the point. */
export function number(value, digits = 0) {
  if (digits === 0) return counts.format(Math.round(value));
  return value.toLocaleString(code, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Writes a quantity with its unit, such as "12 seconds". */
export function quantity(value, unit, display = "long", digits = 0) {
  const options = { style: "unit", unit, unitDisplay: display, maximumFractionDigits: digits };
  return value.toLocaleString(code, options);
}

/** Writes how long something took or lies back, in the unit that fits. */
export function duration(seconds) {
  if (seconds < 120) return quantity(Math.max(0, Math.floor(seconds)), "second");
  if (seconds < 7200) return quantity(Math.floor(seconds / 60), "minute");
  if (seconds < 172800) return quantity(Math.floor(seconds / 3600), "hour");
  return quantity(Math.floor(seconds / 86400), "day");
}

/** Writes a moment, given in microseconds since 1970 UTC. */
export function moment(time_us, options) {
  const zoned = { ...options };
  if (!zoned.timeZone) delete zoned.timeZone;
  return new Intl.DateTimeFormat(code, zoned).format(new Date(time_us / 1000));
}
