/** Where frame pixels are on the screen, what part of a box the pointer is on, and boxes that are dragged. */

import { within } from "./model.js";

/**
 * @typedef {import("./store.js").Box} Box
 * @typedef {{x: number, y: number}} Point
 * @typedef {{scale: number, left: number, top: number}} Placement screen = left + scale * frame pixel
 * @typedef {{width: number, height: number}} Size
 */

const FURTHEST = 40;

/** @returns {Placement} */
export function placement(/** @type {Size} */ frame, /** @type {Size} */ room, /** @type {{scale: number, x: number, y: number}} */ view) {
  const fit = Math.min(room.width / frame.width, room.height / frame.height);
  const scale = fit * view.scale;
  return {
    scale,
    left: room.width / 2 - view.x * frame.width * scale,
    top: room.height / 2 - view.y * frame.height * scale,
  };
}

/** @returns {Point} in frame pixels */
export function toFrame(/** @type {Placement} */ place, /** @type {Point} */ point) {
  return { x: (point.x - place.left) / place.scale, y: (point.y - place.top) / place.scale };
}

/** The view after a zoom by a factor; what is at the frame's point stays where it is. */
export function zoomed(/** @type {{scale: number, x: number, y: number}} */ view, /** @type {number} */ factor, /** @type {Point} */ at, /** @type {Size} */ frame) {
  const scale = within(1, view.scale * factor, FURTHEST);
  const ratio = view.scale / scale;
  return clampView({
    scale,
    x: at.x / frame.width + (view.x - at.x / frame.width) * ratio,
    y: at.y / frame.height + (view.y - at.y / frame.height) * ratio,
  });
}

/** The whole picture stays in the middle; of a larger one the middle stays on the picture. */
export function clampView(/** @type {{scale: number, x: number, y: number}} */ view) {
  const half = 0.5 / view.scale;
  return { scale: view.scale, x: within(half, view.x, 1 - half), y: within(half, view.y, 1 - half) };
}

/**
 * @param {Box} box
 * @param {Point} point
 * @param {number} near how near counts as on an edge, in frame pixels
 * @returns {string} of n, s, w, e: the edges that the point is on; "move": inside; "": outside
 */
export function partOf([x, y, w, h], point, near) {
  const { x: px, y: py } = point;
  if (px < x - near || px > x + w + near || py < y - near || py > y + h + near) return "";
  const inner = Math.min(near, w / 3, h / 3); // of a small box something is left to move it by
  const vertical = py < y + inner ? "n" : py > y + h - inner ? "s" : "";
  const horizontal = px < x + inner ? "w" : px > x + w - inner ? "e" : "";
  return vertical + horizontal || "move";
}

/** @returns {Box} the box after its part was dragged by dx, dy */
export function dragged(/** @type {Box} */ [x, y, w, h], /** @type {string} */ part, /** @type {number} */ dx, /** @type {number} */ dy) {
  if (part === "move") return [x + dx, y + dy, w, h];
  const left = part.includes("w") ? x + dx : x;
  const right = part.includes("e") ? x + w + dx : x + w;
  const top = part.includes("n") ? y + dy : y;
  const bottom = part.includes("s") ? y + h + dy : y + h;
  return between({ x: left, y: top }, { x: right, y: bottom });
}

/** @returns {Box} */
export function between(/** @type {Point} */ one, /** @type {Point} */ other) {
  return [Math.min(one.x, other.x), Math.min(one.y, other.y), Math.abs(one.x - other.x), Math.abs(one.y - other.y)];
}

/** @returns {Box} with tenths of pixels, on the frame; a moved box keeps its size */
export function tidy(/** @type {Box} */ [x, y, w, h], /** @type {Size} */ frame) {
  const width = within(1, w, frame.width);
  const height = within(1, h, frame.height);
  const box = [within(0, x, frame.width - width), within(0, y, frame.height - height), width, height];
  const [a, b, c, d] = box.map((value) => Math.round(10 * value) / 10);
  return [a, b, c, d];
}

/** @returns {string} why `tidy` makes another box of it, but for rounding; "": it does not */
export function outside(/** @type {Box} */ [x, y, w, h], /** @type {Size} */ { width, height }) {
  if (w < 1 || h < 1) return "A box is at least 1 px wide and high";
  const on = x >= 0 && y >= 0 && x + w <= width + 0.05 && y + h <= height + 0.05;
  return on ? "" : `The picture has ${width} x ${height} px`;
}

/** @returns {Box} the part of the box that is on the frame */
export function cut(/** @type {Box} */ [x, y, w, h], /** @type {Size} */ frame) {
  const one = { x: within(0, x, frame.width), y: within(0, y, frame.height) };
  return between(one, { x: within(0, x + w, frame.width), y: within(0, y + h, frame.height) });
}
