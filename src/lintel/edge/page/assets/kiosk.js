// The view of those who stand at the door.

import { Chart } from "./chart.js";
import "./controls.js";
import { News } from "./news.js";
import { LivePicture } from "./pictures.js";
import { duration, number, text } from "./texts.js";

const camera = document.body.dataset.camera;
const sign = document.getElementById("sign-text");
const note = document.getElementById("picture-note");
const chart = new Chart(
  document.getElementById("chart"),
  document.getElementById("chart-note"),
  document.getElementById("legend"),
  document.getElementById("chart-table"),
);
const picture = new LivePicture(document.getElementById("picture"), camera);
// Older pictures are not to be taken for what is there now.
const OLD_AFTER_S = 2;

new News({
  onReport: (report) => {
    const found = report.cameras.find((each) => each.name === camera);
    if (found === undefined) location.reload();
    else show(found);
  },
  onDay: (day) => {
    if (day.camera === camera) chart.show(day);
  },
});

function show(found) {
  document.body.dataset.sign = found.sign;
  write(sign, text(`sign.${found.sign}`));
  showAge(found);
  write(document.getElementById("inside"), number(found.inside));
  write(document.getElementById("entered"), number(found.entered));
}

function showAge(found) {
  const age_s = found.picture_age_s;
  const isOld = age_s === null || age_s > OLD_AFTER_S;
  picture.takeAge(age_s);
  document.body.classList.toggle("stale", isOld);
  if (age_s === null) write(note, text("kiosk.no-picture"));
  else if (isOld) write(note, text("kiosk.picture-age", { age: duration(age_s) }));
  else if (found.covered_now !== null) {
    write(note, text("kiosk.covered", { reason: text(`reason.${found.covered_now}`) }));
  } else write(note, "");
}

/** Writes what is new only: screen readers would tell it again and again. */
function write(element, content) {
  if (element.textContent === content) return;
  element.textContent = content;
  if (element === sign) fit();
}

/** Makes the sign as large as there is room, in any language. */
function fit() {
  const room = sign.parentElement;
  let [small, large] = [16, room.clientHeight];
  while (large - small > 1) {
    const size = (small + large) / 2;
    sign.style.fontSize = `${size}px`;
    if (sign.scrollWidth > sign.clientWidth || sign.offsetHeight > room.clientHeight) large = size;
    else small = size;
  }
  sign.style.fontSize = `${small}px`;
}

new ResizeObserver(fit).observe(sign.parentElement);

// The screen of a kiosk is not to go dark; browsers let go of this whenever it is hidden.
async function stayAwake() {
  try {
    await navigator.wakeLock?.request("screen");
  } catch {
    // Without power, or without TLS, it may be refused.
  }
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) stayAwake();
});
stayAwake();
