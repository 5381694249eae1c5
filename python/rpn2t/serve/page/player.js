/** Which frame is seen: steps, jumps, playing. */

import { Frames } from "./frames.js";
import { frameCount, halted, within } from "./model.js";
import { complain } from "./say.js";

const AHEAD = 4;
const FOLLOWED = 1000; // ms; the server decodes these frames while the tracker needs the processor

export class Player {
  constructor(/** @type {import("./store.js").Store} */ store) {
    this.store = store;
    /** @type {Frames|null} */
    this.frames = null;
    /** @type {ImageBitmap|null} the last picture that came: seen until the next one comes */
    this.image = null;
    this.followed = 0;
  }

  open(/** @type {string} */ path) {
    this.store.set({ playing: false });
    this.image = null;
    this.frames = new Frames(path, (error) => {
      this.store.set({ playing: false });
      complain(error);
    });
  }

  /** Goes to a frame, by the person's wish. */
  go(/** @type {number} */ frame) {
    const { state } = this.store;
    if (!state.source || !Number.isFinite(frame)) return;
    this.store.set({ ...halted(state), byKeys: null });
    this.show(frame);
  }

  step(/** @type {number} */ frames) {
    this.go(this.store.state.frame + frames);
  }

  /** Goes with the work, now and then; to its last frame always. */
  track(/** @type {number|null} */ frame, isLast = false) {
    const { state } = this.store;
    const now = performance.now();
    if (!state.follow || state.playing || frame === null) return;
    if (!isLast && (document.hidden || now < this.followed + FOLLOWED)) return;
    this.followed = now;
    this.show(frame);
  }

  show(/** @type {number} */ frame) {
    const last = this.store.state.source?.frames == null ? Infinity : frameCount(this.store.state) - 1;
    const index = within(0, Math.round(frame), last);
    this.store.set({ frame: index });
    return this.frames?.want(index, () => this.store.set({}));
  }

  /** @returns {ImageBitmap|null} what to draw */
  picture() {
    const fresh = this.frames?.picture(this.store.state.frame);
    if (fresh) this.image = fresh;
    return this.image && this.image.width > 0 ? this.image : null; // a closed picture has no width
  }

  toggle() {
    if (this.store.state.playing) this.store.set({ playing: false });
    else this.play().catch(complain);
  }

  async play() {
    const { state } = this.store;
    const { frames } = this;
    if (!frames || !state.source) return;
    if (state.frame >= frameCount(state) - 1) await this.show(0);
    this.store.set({ playing: true, byKeys: null });
    const pause = 1000 / (state.source.fps || 25);
    let due = performance.now() + pause;
    while (state.playing && frames === this.frames && state.frame < frameCount(state) - 1) {
      const next = state.frame + 1;
      for (let index = next; index < Math.min(next + AHEAD, frameCount(state)); index += 1) frames.prepare(index);
      await frames.file(next);
      await sleep(due - performance.now());
      if (!state.playing) break;
      await this.show(next);
      due = Math.max(due + pause, performance.now());
    }
    this.store.set({ playing: false });
  }
}

function sleep(/** @type {number} */ time) {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time)));
}
