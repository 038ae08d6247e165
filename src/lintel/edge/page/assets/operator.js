// The view of those who look after the device.

import "./controls.js";
import { News } from "./news.js";
import { RenewedPicture } from "./pictures.js";
import { duration, moment, number, quantity, text } from "./texts.js";

const MOST_EVENTS = 50;
const ALARMS = new Set(["mask-missing", "camera-lost"]);
const cards = new Map(
  [...document.querySelectorAll(".camera")].map((card) => [card.dataset.camera, card]),
);
const pictures = new Map(
  [...cards].map(([name, card]) => [name, new RenewedPicture(card.querySelector("img"), name)]),
);
// Older pictures are not to be taken for what is there now.
const OLD_AFTER_S = 2;

const events = document.getElementById("events");
const sound = document.getElementById("sound");
const started = Date.now();
let speaker = null;

new News({
  onReport: (report) => {
    write(document.getElementById("connection"), text("operator.live"));
    for (const camera of report.cameras) {
      const card = cards.get(camera.name);
      if (card === undefined) location.reload();
      else show(card, camera);
    }
    showModels(report);
  },
  onHappening: (happening) => {
    add(happening);
    if (sound.checked && ALARMS.has(happening.kind) && happening.time_us / 1000 > started) beep();
  },
});

function show(card, camera) {
  card.dataset.state = camera.state;
  const age_s = camera.picture_age_s;
  pictures.get(camera.name).takeAge(age_s);
  card.classList.toggle("stale", age_s === null || age_s > OLD_AFTER_S);
  if (age_s !== null) {
    write(card.querySelector(".no-picture"), text("kiosk.picture-age", { age: duration(age_s) }));
  }
  const state = text(`state.${camera.state}`);
  const fault = camera.fault === null ? "" : `: ${text(`fault.${camera.fault}`)}`;
  const since = camera.state === "STREAMING" ? "" : ` (${duration(camera.state_age_s)})`;
  const fields = {
    state: state + fault + since,
    sign: text(`sign.${camera.sign}`),
    rate: number(camera.frame_rate_hz, 1),
    latency: milliseconds(camera.latency_ms),
    slowest: milliseconds(camera.latency_p99_ms),
    age: age_s === null ? "–" : age(age_s),
    // Isolated, so that it stays in this order among words that run to the left.
    size: camera.width ? `\u2066${camera.width} × ${camera.height}\u2069` : "–",
    captured: number(camera.captured),
    dropped: number(camera.dropped),
    damaged: number(camera.damaged),
    failed: number(camera.failed),
    reopened: number(camera.reopenings),
    every: number(camera.detect_every),
    covered: listed(camera.covered_whole, "reason", number) || text("operator.covered-none"),
    stages: listed(camera.stages_ms, "stage", milliseconds) || "–",
    inside: number(camera.inside),
    entered: number(camera.entered),
    left: number(camera.left),
  };
  for (const place of card.querySelectorAll("[data-field]")) {
    write(place, fields[place.dataset.field]);
  }
  for (const place of card.querySelectorAll("[data-if-counting]")) place.hidden = !camera.counts;
}

function listed(counts, kind, format) {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${text(`${kind}.${name}`)} ${format(count)}`)
    .join(" · ");
}

function milliseconds(value) {
  return quantity(value, "millisecond", "short", value < 10 ? 1 : 0);
}

function age(seconds) {
  return seconds < 10 ? quantity(seconds, "second", "short", 1) : duration(seconds);
}

function showModels(report) {
  const problems = [];
  if (!report.finds_faces) problems.push(text("operator.no-faces"));
  if (!report.reads_masks) problems.push(text("operator.no-masks"));
  const note = document.getElementById("models-note");
  note.hidden = problems.length === 0;
  write(note, problems.join(" "));
  const rows = report.models.map((model) => [
    model.name,
    model.version || "–",
    model.backend || "–",
    number(model.inferences),
    number(model.failures),
    model.problem || text("operator.well"),
  ]);
  const body = document.getElementById("models");
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, index) => {
    const row = body.rows[index] ?? body.insertRow();
    cells.forEach((content, column) => write(row.cells[column] ?? row.insertCell(), content));
    row.classList.toggle("broken", Boolean(report.models[index].problem));
  });
}

function add(happening) {
  const known = document.getElementById(`event-${happening.number}`);
  if (known?.dataset.timeUs === String(happening.time_us)) return;
  // A device that keeps no events begins at 1 again whenever it starts.
  known?.removeAttribute("id");
  document.getElementById("no-events").hidden = true;
  if (happening.missed > 0) {
    events.prepend(item(text("operator.missed", { count: number(happening.missed) })));
  }
  const when = moment(happening.time_us, { dateStyle: "short", timeStyle: "medium" });
  const where = [happening.camera, happening.place].filter(Boolean).join(", ");
  const made = item(`${when} · ${where} · ${text(`event.${happening.kind}`)}`);
  made.id = `event-${happening.number}`;
  made.dataset.kind = happening.kind;
  made.dataset.timeUs = happening.time_us;
  events.prepend(made);
  while (events.children.length > MOST_EVENTS) events.lastElementChild.remove();
}

function item(content) {
  const made = document.createElement("li");
  made.textContent = content;
  return made;
}

function beep() {
  speaker ??= new AudioContext();
  const [tone, volume] = [speaker.createOscillator(), speaker.createGain()];
  volume.gain.setValueAtTime(0.2, speaker.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, speaker.currentTime + 0.5);
  tone.frequency.value = 660;
  tone.connect(volume).connect(speaker.destination);
  tone.start();
  tone.stop(speaker.currentTime + 0.5);
}

// Browsers play nothing before somebody has touched the page.
sound.addEventListener("change", () => {
  if (sound.checked) beep();
});

function write(element, content) {
  if (element.textContent !== content) element.textContent = content;
}
