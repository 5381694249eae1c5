/**
 * The one store of the page: what is known and what is seen.
 *
 * @typedef {[number, number, number, number]} Box x, y, w, h in pixels of the frame, 0-based
 * @typedef {{path: string, name: string, frames: number|null, width: number, height: number, fps: number|null,
 *   notes: string[]}} Source
 * @typedef {{name: string, colour: string}} TrackedObject
 * @typedef {{id: string, state: string, done: number, total: number|null, fps: number, left_s: number|null,
 *   frame: number|null, phase: string, error: string|null}} Job
 * @typedef {{id: string, path: string|null, objects: number, frames: number, modified: string}} ProjectLine
 *
 * @typedef {object} State
 * @property {Source|null} source the open video
 * @property {string|null} project the id of the open run; null before the first one of a video
 * @property {ProjectLine[]} projects the runs of the open video
 * @property {TrackedObject[]} objects those of the open run, as the server has them
 * @property {Map<string, import("./rows.js").Track>} tracks the rows of each object
 * @property {Map<string, Map<number, Box>>} drafts boxes that were drawn and not tracked yet: object, frame, box
 * @property {Set<string>} hidden objects that are not drawn
 * @property {string|null} selected the object that the next box is of; null: a new one
 * @property {number} frame the frame that is seen
 * @property {boolean} playing whether the frames go on by themselves
 * @property {boolean} follow whether the picture goes with the frame that is tracked
 * @property {Job|null} job the last work on the open run
 * @property {string|null} ownJob the id of the work that was begun on this page; only that moves the picture unasked
 * @property {string} direction in which to track: forward, backward or both
 * @property {number|null} start the first frame to track; null: the video's
 * @property {number|null} stop the last frame to track; null: the video's
 * @property {boolean} drawing whether the next drag draws a box, whatever lies below the pointer
 * @property {{box: Box, sizing: boolean}|null} byKeys the box that the arrow keys move or size
 * @property {{scale: number, x: number, y: number}} view zoom (1: the whole picture), and what is in the middle
 *   of the picture, as parts of its width and height
 */

/** @returns {State} nothing open */
export function emptyState() {
  return {
    source: null, project: null, projects: [], objects: [], tracks: new Map(), drafts: new Map(),
    hidden: new Set(), selected: null, frame: 0, playing: false, follow: true, job: null,
    ownJob: null, direction: "forward", start: null, stop: null,
    drawing: false, byKeys: null, view: { scale: 1, x: 0.5, y: 0.5 },
  };
}

export class Store {
  constructor() {
    this.state = emptyState();
    /** @type {((state: State) => void)[]} */
    this.listeners = [];
    this.due = false;
  }

  /** Changes the state. The listeners are called once before the next picture of the screen. */
  set(/** @type {Partial<State>} */ patch) {
    Object.assign(this.state, patch);
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      for (const listener of this.listeners) listener(this.state);
    });
  }

  /** Calls the listener after every change. */
  on(/** @type {(state: State) => void} */ listener) {
    this.listeners.push(listener);
  }
}
