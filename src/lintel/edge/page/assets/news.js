// The device's news: reports, days and happenings, over a connection that is never given up.

import { duration, text } from "./texts.js";

// Reports come every second, whatever happens.
const SILENT_AFTER_MS = 4000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

/** Follows /news: `onReport`, `onDay` and `onHappening` get what comes. */
export class News {
  constructor({ onReport, onDay, onHappening }) {
    this.listeners = { report: onReport, day: onDay, happening: onHappening };
    this.heard = null;
    this.opened = 0;
    this.wait = FIRST_WAIT_MS;
    this.last = null;
    this.version = null;
    this.isFull = false;
    this.open();
    document.documentElement.dataset.awake = "";
    setInterval(() => this.check(), 500);
  }

  open() {
    this.opened = performance.now();
    this.source = new EventSource(this.last === null ? "/news" : `/news?after=${this.last}`);
    for (const [kind, listener] of Object.entries(this.listeners)) {
      this.source.addEventListener(kind, (event) => {
        const document = JSON.parse(event.data);
        if (kind === "report") this.hear(document);
        if (kind === "happening") this.last = event.lastEventId;
        listener?.(document);
      });
    }
    this.source.addEventListener("error", () => this.retry());
  }

  hear(report) {
    // Another version has other scripts and texts.
    if (this.version !== null && this.version !== report.version) location.reload();
    this.version = report.version;
    this.heard = performance.now();
    this.wait = FIRST_WAIT_MS;
    this.isFull = false;
    hideSilence();
  }

  /** Notices silence: a cable that was pulled ends no connection. */
  check() {
    const since = performance.now() - Math.max(this.heard ?? 0, this.opened);
    if (since > SILENT_AFTER_MS) this.retry();
    const silent_ms = performance.now() - (this.heard ?? 0);
    if (silent_ms > SILENT_AFTER_MS) {
      showSilence(this.isFull, this.heard === null ? null : silent_ms / 1000);
    }
  }

  async retry() {
    if (this.source === null) return;
    this.source.close();
    this.source = null;
    const status = await ask();
    if (status === 401 || status === 403) {
      location.reload();
      return;
    }
    this.isFull = status === 503;
    setTimeout(() => this.open(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}

/** Returns the status that a stream of news would have, which browsers do not tell; 0: no answer. */
async function ask() {
  try {
    const answer = await fetch("/news", { method: "HEAD", signal: AbortSignal.timeout(3000) });
    return answer.status;
  } catch {
    return 0;
  }
}

const silence = document.getElementById("silence");

function showSilence(isFull, silent_s) {
  document.getElementById("silence-title").textContent = text(isFull ? "full.title" : "silent.title");
  let more = text("full.text");
  if (!isFull) {
    more = silent_s === null ? text("silent.never") : text("silent.text", { age: duration(silent_s) });
  }
  document.getElementById("silence-text").textContent = more;
  silence.hidden = false;
}

function hideSilence() {
  silence.hidden = true;
}
