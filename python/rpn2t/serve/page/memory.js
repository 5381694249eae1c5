/**
 * What this tab keeps of each run, so that it is there after a reload and after a look at another video: the frame,
 * the direction and range, the drawn boxes, and which work was begun here. It is gone when the tab is closed.
 */

import { tidy } from "./geometry.js";
import { within } from "./model.js";
import { emptyState } from "./store.js";

/**
 * @typedef {import("./store.js").State} State
 * @typedef {import("./store.js").Source} Source
 * @typedef {Pick<State, "frame"|"follow"|"ownJob"|"direction"|"start"|"stop"|"drafts">} Kept
 */

/** Keeps the open run. */
export function keep(/** @type {State} */ { source, project, frame, follow, ownJob, direction, start, stop, drafts }) {
  if (!source) return;
  const boxes = Array.from(drafts, ([name, own]) => [name, Array.from(own)]);
  const text = JSON.stringify({ frame, follow, ownJob, direction, start, stop, boxes });
  quietly(() => sessionStorage.setItem(place(source.path, project), text));
}

/** @returns {Kept} what was kept of a run (null: the one that is not begun), as far as the video has such frames */
export function recall(/** @type {Source} */ source, /** @type {string|null} */ run) {
  const { frame, follow, ownJob, direction, start, stop, drafts } = emptyState();
  const kept = { frame, follow, ownJob, direction, start, stop, drafts };
  quietly(() => {
    const { boxes, ...rest } = JSON.parse(sessionStorage.getItem(place(source.path, run)) ?? '{"boxes": []}');
    const end = source.frames ?? Infinity; // another folder may have had a video of this name
    Object.assign(kept, rest, { frame: within(0, rest.frame ?? 0, end - 1) });
    for (const [name, own] of boxes) {
      const inside = own.filter((/** @type {[number, any]} */ [index]) => index < end);
      if (inside.length > 0) kept.drafts.set(name, new Map(inside.map((/** @type {any} */ [index, box]) => [index, tidy(box, source)])));
    }
  });
  return kept;
}

/** Forgets a run that is no more, or that has begun. */
export function forget(/** @type {string} */ path, /** @type {string|null} */ run) {
  quietly(() => sessionStorage.removeItem(place(path, run)));
}

function place(/** @type {string} */ path, /** @type {string|null} */ run) {
  return `rpn2t ${JSON.stringify([path, run])}`;
}

/** A browser may forbid to keep anything, or have no room: then nothing is kept. */
function quietly(/** @type {() => void} */ action) {
  try {
    action();
  } catch {
    return;
  }
}
