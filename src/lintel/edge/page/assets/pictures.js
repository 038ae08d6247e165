// Pictures of a camera: live as motion JPEG, or one after the other.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
// A stream without a picture for so long, though the camera gives some, is opened anew.
const STALLED_AFTER_MS = 5000;
// Pictures that are older are not followed by another soon.
const NEWEST_S = 3;

/** A live picture, which is fetched anew whenever it breaks.
 *
 * It is drawn on a canvas as soon as all of it is there. Browsers can show motion JPEG themselves,
 * but do so one picture late, fall behind where they are slow, and do not tell when it breaks.
 */
export class LivePicture {
  constructor(canvas, camera) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.camera = camera;
    this.waiting = null;
    this.isDrawing = false;
    this.aborter = null;
    this.heard = performance.now();
    this.run();
  }

  /** Takes in how old the newest picture of the device is, or null: there is none. */
  takeAge(age_s) {
    const silent_ms = performance.now() - this.heard;
    if (age_s !== null && age_s < NEWEST_S && silent_ms > STALLED_AFTER_MS) this.aborter?.abort();
  }

  async run() {
    let wait = FIRST_WAIT_MS;
    for (;;) {
      this.heard = performance.now();
      try {
        for await (const part of this.follow()) {
          wait = FIRST_WAIT_MS;
          this.heard = performance.now();
          // While one is being drawn, the newest waits and all others give way.
          this.waiting = part;
          if (!this.isDrawing) this.draw();
        }
      } catch {
        // The device is away, or every seat is taken: it is tried again all the same.
      }
      await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  async *follow() {
    this.aborter = new AbortController();
    const answer = await fetch(`/pictures/${this.camera}`, { signal: this.aborter.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    yield* parts(answer.body.getReader());
  }

  async draw() {
    this.isDrawing = true;
    while (this.waiting !== null) {
      const { jpeg, captured_us } = this.waiting;
      this.waiting = null;
      try {
        const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
        if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
          this.canvas.width = bitmap.width;
          this.canvas.height = bitmap.height;
        }
        this.context.drawImage(bitmap, 0, 0);
        bitmap.close();
        this.canvas.dataset.capturedUs = captured_us;
      } catch {
        // One picture is damaged; the next may be well.
      }
    }
    this.isDrawing = false;
  }
}

/** Yields the parts of a stream of motion JPEG. */
async function* parts(reader) {
  const decoder = new TextDecoder();
  let bytes = new Uint8Array(0);
  let head = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes = joined(bytes, value);
    for (;;) {
      if (head === null) {
        const end = endOfHead(bytes);
        if (end < 0) break;
        head = decoder.decode(bytes.subarray(0, end));
        bytes = bytes.subarray(end);
      }
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
      if (Number.isNaN(length)) throw new Error("a part without its length");
      if (bytes.length < length) break;
      yield {
        jpeg: bytes.slice(0, length),
        captured_us: /^x-timestamp-us: (\d+)/im.exec(head)?.[1] ?? "",
      };
      bytes = bytes.subarray(length);
      head = null;
    }
  }
}

function joined(first, second) {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Returns where what follows an empty line begins; -1: there is none yet. */
function endOfHead(bytes) {
  for (let at = bytes.indexOf(13); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return -1;
}

/** A picture that is renewed some times a second, as fast as it can be had, while it is seen and
 * `isThere` says that there is one.
 * A browser keeps six connections to a device: live pictures of many cameras would take them all. */
export class RenewedPicture {
  constructor(image, camera, most_hz = 5) {
    this.image = image;
    this.camera = camera;
    this.interval_ms = 1000 / most_hz;
    this.isSeen = true;
    this.isThere = false;
    new IntersectionObserver((entries) => {
      this.isSeen = entries.at(-1).isIntersecting;
    }).observe(image.parentElement);
    this.run();
  }

  /** Takes in how old the newest picture is, or null: one that gets no newer is fetched once. */
  takeAge(age_s) {
    const isShown = this.image.classList.contains("there");
    this.isThere = age_s !== null && (age_s < NEWEST_S || !isShown);
  }

  async run() {
    for (;;) {
      const began = performance.now();
      if (this.isThere && this.isSeen && !document.hidden) await this.renew();
      const left = this.interval_ms - (performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, Math.max(left, 20)));
    }
  }

  async renew() {
    const next = this.image.cloneNode();
    next.src = `/pictures/${this.camera}.jpg?n=${Date.now()}`;
    try {
      await next.decode();
      next.classList.add("there");
      this.image.replaceWith(next);
      this.image = next;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
