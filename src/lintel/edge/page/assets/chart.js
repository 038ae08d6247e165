// The day by the hour, as a picture and as a table: who came in, and the band of what is expected.

import { moment, number, text } from "./texts.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const HOUR_US = 3_600_000_000;

/** Draws a day anew whenever it is told one, or its place changes its size. */
export class Chart {
  constructor(place, note, legend, table) {
    this.place = place;
    this.note = note;
    this.legend = legend;
    this.table = table;
    this.day = null;
    new ResizeObserver(() => this.draw()).observe(place);
  }

  show(day) {
    this.day = day;
    this.draw();
    this.legend.hidden = day.outlook !== "ready";
    this.note.textContent = this.remark();
    this.tabulate();
  }

  /** What is said beneath where there is no forecast: why. */
  remark() {
    const { outlook, known_hours, needed_hours } = this.day;
    if (outlook === "ready") return "";
    const hours = (count) => count.toLocaleString(document.documentElement.lang, {
      style: "unit",
      unit: "hour",
      unitDisplay: "long",
    });
    return text(`chart.${outlook}`, { needed: hours(needed_hours), known: hours(known_hours) });
  }

  summary() {
    const { hours, coming } = this.day;
    const count = hours.reduce((sum, hour) => sum + hour.entered, 0);
    const parts = [text("chart.summary", { count: number(count) })];
    if (coming.length) {
      const total = (level) => number(coming.reduce((sum, hour) => sum + hour[level], 0));
      parts.push(text("chart.summary-expected", { low: total("low"), high: total("high") }));
    }
    return parts.join(" ");
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (!this.day || !width || !height) return;
    const { start_us, end_us, hours, coming, zone } = this.day;
    const letter = Math.min(Math.max(height / 14, 11), 20);
    const margin = { top: letter / 2, right: letter / 2, bottom: letter * 1.8, left: letter * 3 };
    const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const highest = Math.max(4, ...hours.map((hour) => hour.entered), ...coming.map((hour) => hour.high));
    const top = roundUp(highest);
    const x = (time_us) => margin.left + (inner.width * (time_us - start_us)) / (end_us - start_us);
    const y = (count) => margin.top + inner.height * (1 - count / top);
    const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": this.summary() });
    for (const count of [0, top / 2, top]) {
      svg.append(element("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(count), y2: y(count) }));
      svg.append(element("text", { class: "label", "font-size": letter, x: margin.left - letter / 2, y: y(count) + letter / 3, "text-anchor": "end" }, number(count)));
    }
    const step_us = (width > letter * 35 ? 6 : 12) * HOUR_US;
    for (let time_us = start_us; time_us <= end_us; time_us += step_us) {
      const label = moment(time_us, { hour: "2-digit", minute: "2-digit", timeZone: zone });
      const anchor = time_us === start_us ? "start" : x(time_us) > width - letter * 3 ? "end" : "middle";
      svg.append(element("text", { class: "label", "font-size": letter, x: x(time_us), y: height - letter / 2, "text-anchor": anchor }, label));
    }
    if (coming.length) {
      svg.append(element("path", { class: "band", d: band(coming, x, y) }));
      svg.append(element("path", { class: "middle", d: steps(coming, "middle", x, y) }));
    }
    const gap = Math.max(1, inner.width / 24 / 8);
    for (const { start_us: time_us, entered } of hours) {
      const [left, right] = [x(time_us) + gap, x(time_us + HOUR_US) - gap];
      svg.append(element("rect", { class: "bar", x: left, width: right - left, y: y(entered), height: y(0) - y(entered) }));
    }
    this.place.replaceChildren(svg);
  }

  tabulate() {
    const { hours, coming, zone } = this.day;
    const table = document.createElement("table");
    const heads = ["hour", "counted", "expected"].map((key) => cell("th", text(`chart.${key}`)));
    table.createTHead().insertRow().append(...heads);
    const body = table.createTBody();
    const counted = new Map(hours.map((hour) => [hour.start_us, hour.entered]));
    const expected = new Map(coming.map((hour) => [hour.start_us, hour]));
    for (const time_us of new Set([...counted.keys(), ...expected.keys()])) {
      const band = expected.get(time_us);
      body.insertRow().append(
        cell("th", moment(time_us, { hour: "2-digit", minute: "2-digit", timeZone: zone })),
        cell("td", counted.has(time_us) ? number(counted.get(time_us)) : "–"),
        cell("td", band ? `${number(band.low)}–${number(band.high)}` : "–"),
      );
    }
    this.table.replaceChildren(table);
  }
}

function cell(kind, content) {
  const made = document.createElement(kind);
  if (kind === "th") made.scope = "row";
  made.textContent = content;
  return made;
}

function element(name, attributes, content = "") {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = content;
  return made;
}

function corners(coming, level, x, y) {
  return coming.flatMap((hour) => [
    `${x(hour.start_us)},${y(hour[level])}`,
    `${x(hour.start_us + HOUR_US)},${y(hour[level])}`,
  ]);
}

function steps(coming, level, x, y) {
  return `M${corners(coming, level, x, y).join("L")}`;
}

function band(coming, x, y) {
  const there = corners(coming, "high", x, y);
  const back = corners(coming, "low", x, y).reverse();
  return `M${[...there, ...back].join("L")}Z`;
}

/** Returns the next number that is easy to read: an even one digit, and zeros. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [2, 4, 6, 8, 10, 20].find((digit) => digit * unit >= value) * unit;
}
