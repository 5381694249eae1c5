/** The rows of a run as typed arrays: two hours of video are 200,000 frames. */

const STATUS = ["", "given", "found", "lost", "fixed"];
const LOST = STATUS.indexOf("lost");

/**
 * @typedef {{box: import("./store.js").Box, score: number|null, status: string}} Row
 * @typedef {[string, number, number|null, number, number, number, number, number|null, string]} Line
 *   object, frame, time, x, y, w, h, score, status: as the server sends it
 */

/** One object's rows. A frame without a row has status "". */
export class Track {
  constructor() {
    this.boxes = new Float32Array(0);
    this.scores = new Float32Array(0); // NaN: the user gave the box
    this.statuses = new Uint8Array(0);
    this.count = 0;
    this.lost = 0;
    /** @type {Set<number>} the frames in which the user gave or corrected the box */
    this.marks = new Set();
  }

  /** One more than the last frame that may have a row. */
  get length() {
    return this.statuses.length;
  }

  /** @returns {Row|null} */
  row(/** @type {number} */ frame) {
    const status = STATUS[this.statuses[frame] ?? 0];
    if (!status) return null;
    const [x, y, w, h] = Array.from(this.boxes.subarray(4 * frame, 4 * frame + 4), hundredths);
    const score = this.scores[frame];
    return { box: [x, y, w, h], score: Number.isNaN(score) ? null : score, status };
  }

  /** @returns {string} "", given, found, lost or fixed */
  status(/** @type {number} */ frame) {
    return STATUS[this.statuses[frame] ?? 0];
  }

  isLost(/** @type {number} */ frame) {
    return this.statuses[frame] === LOST;
  }

  put(/** @type {Line} */ [, frame, , x, y, w, h, score, status]) {
    if (frame >= this.length) this.grow(frame + 1);
    const code = STATUS.indexOf(status);
    this.count += Number(this.statuses[frame] === 0);
    this.lost += Number(code === LOST) - Number(this.isLost(frame));
    if (status === "given" || status === "fixed") this.marks.add(frame);
    else this.marks.delete(frame);
    this.boxes.set([x, y, w, h], 4 * frame);
    this.scores[frame] = score ?? NaN;
    this.statuses[frame] = code;
  }

  grow(/** @type {number} */ needed) {
    const size = Math.max(needed, 2 * this.length, 256);
    this.boxes = longer(this.boxes, new Float32Array(4 * size));
    this.scores = longer(this.scores, new Float32Array(size).fill(NaN));
    this.statuses = longer(this.statuses, new Uint8Array(size));
  }
}

/** Puts the server's rows into the tracks of their objects. */
export function putRows(/** @type {Map<string, Track>} */ tracks, /** @type {Line[]} */ lines) {
  for (const line of lines) {
    let track = tracks.get(line[0]);
    if (!track) tracks.set(line[0], (track = new Track()));
    track.put(line);
  }
}

/** Floats of 32 bits are near, not equal: 80.1 is 80.0999985. */
function hundredths(/** @type {number} */ value) {
  return Math.round(100 * value) / 100;
}

/** @template {Float32Array|Uint8Array} T @param {T} old @param {T} fresh @returns {T} */
function longer(old, fresh) {
  fresh.set(old);
  return fresh;
}
