/** What follows from the state: all objects, and the box of one of them in a frame. */

/**
 * @typedef {import("./store.js").State} State
 * @typedef {import("./store.js").Box} Box
 * @typedef {{box: Box, score: number|null, status: string}} Shown status is "draft" too
 */

/** The server's colours for objects, in order; for those that it does not know yet. */
const COLOURS = ["#ffd700", "#5abefa", "#5adc6e", "#dc82dc", "#ff965a", "#a0e6e6"];

/** @returns {import("./store.js").TrackedObject[]} those of the run, then those that have drawn boxes only */
export function allObjects(/** @type {State} */ state) {
  const all = [...state.objects];
  for (const name of state.drafts.keys()) {
    if (!all.some((each) => each.name === name)) all.push({ name, colour: COLOURS[all.length % COLOURS.length] });
  }
  return all;
}

/** @returns {Shown|null} the object's box: the drawn one before the tracked one */
export function boxAt(/** @type {State} */ state, /** @type {string|null} */ name, frame = state.frame) {
  if (name === null) return null;
  const draft = state.drafts.get(name)?.get(frame);
  if (draft) return { box: draft, score: null, status: "draft" };
  return state.tracks.get(name)?.row(frame) ?? null;
}

/** @returns {number} how many frames there are, as far as known */
export function frameCount(/** @type {State} */ state) {
  return state.source?.frames ?? Math.max(state.frame, ...Array.from(state.tracks.values(), (each) => each.length)) + 1;
}

/** @returns {string} a name that no object has */
export function freeName(/** @type {State} */ state) {
  const taken = new Set(allObjects(state).map((each) => each.name));
  let number = 1;
  while (taken.has(`object ${number}`)) number += 1;
  return `object ${number}`;
}

/** @returns {boolean} whether work goes on */
export function isBusy(/** @type {Pick<State, "job">} */ { job }) {
  return job !== null && (job.state === "running" || job.state === "paused");
}

/** @returns {{frame: number, note: string}} the frame of a number that was typed, or the nearest one, and what to say then */
export function nearestFrame(/** @type {State} */ { source }, /** @type {number} */ typed) {
  const frame = within(0, Math.round(typed), (source?.frames ?? Infinity) - 1);
  return { frame, note: frame === typed ? "" : `There is no frame ${typed}; the nearest one is ${frame}.` };
}

/** @returns {Partial<State>} the frame that is seen stays: the person works on it */
export function halted(/** @type {State} */ state) {
  return { playing: false, follow: state.follow && !isBusy(state) };
}

/** @returns {number} how many drawn boxes wait for Track */
export function draftCount(/** @type {State} */ { drafts }) {
  return Array.from(drafts.values()).reduce((sum, each) => sum + each.size, 0);
}

/** Forgets drawn boxes that the server has taken: they are rows now. */
export function settleDrafts(/** @type {State} */ { drafts, tracks }) {
  for (const [name, boxes] of drafts) {
    for (const [frame, box] of boxes) {
      const row = tracks.get(name)?.row(frame);
      const users = row?.status === "given" || row?.status === "fixed";
      if (row && users && row.box.every((value, index) => Math.abs(value - box[index]) < 0.02)) boxes.delete(frame);
    }
    if (boxes.size === 0) drafts.delete(name);
  }
}

/** @returns {number} the value, or the nearest bound */
export function within(/** @type {number} */ low, /** @type {number} */ value, /** @type {number} */ high) {
  return Math.max(low, Math.min(high, value));
}
