// Pictures of a camera: live as motion JPEG, or one after the other.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
// Pictures that are older are not followed by another soon.
const NEWEST_S = 3;

/** A live picture, which is fetched anew whenever it breaks. */
export class LivePicture {
  constructor(image, camera) {
    this.image = image;
    this.camera = camera;
    this.wait = FIRST_WAIT_MS;
    this.timer = null;
    image.addEventListener("error", () => this.retry());
    image.addEventListener("load", () => {
      this.wait = FIRST_WAIT_MS;
    });
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = null;
    this.image.src = `/pictures/${this.camera}?n=${Date.now()}`;
  }

  retry() {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => this.open(), this.wait * (0.5 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
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
