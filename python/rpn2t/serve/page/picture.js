/** Draws the frame and the boxes on it. */

import { cleared } from "./canvas.js";
import { placement } from "./geometry.js";
import { allObjects, boxAt } from "./model.js";

const LOST = "#ff4040";
const LONG = 24; // letters of a name that are drawn

/**
 * @typedef {import("./store.js").State} State
 * @typedef {import("./geometry.js").Placement} Placement
 * @typedef {{name: string, colour: string, box: import("./store.js").Box, status: string, score: number|null,
 *   selected: boolean}} Outline
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {State} state
 * @param {ImageBitmap|null} image
 * @param {{name: string, colour: string, box: import("./store.js").Box}|null} sketch a box that is being dragged
 */
export function drawPicture(canvas, state, image, sketch) {
  const { context, width, height } = cleared(canvas);
  if (!state.source) return;
  const place = placement(state.source, { width, height }, state.view);
  if (image) drawImage(context, image, place, state.source);
  for (const each of outlines(state, sketch)) drawOutline(context, each, place);
}

/** @returns {Outline[]} the boxes of the frame, the selected one last */
export function outlines(/** @type {State} */ state, /** @type {{name: string, colour: string, box: import("./store.js").Box}|null} */ sketch = null) {
  const found = allObjects(state).flatMap(({ name, colour }) => {
    const shown = boxAt(state, name);
    if (!shown || state.hidden.has(name) || sketch?.name === name) return [];
    return [{ name, colour, ...shown, selected: name === state.selected }];
  });
  if (sketch) found.push({ ...sketch, status: "draft", score: null, selected: true });
  return found.sort((one, other) => Number(one.selected) - Number(other.selected));
}

function drawImage(/** @type {CanvasRenderingContext2D} */ context, /** @type {ImageBitmap} */ image, /** @type {Placement} */ place, /** @type {{width: number, height: number}} */ frame) {
  context.imageSmoothingEnabled = place.scale < 3; // of a small target the pixels are what one wants to see
  context.drawImage(image, place.left, place.top, frame.width * place.scale, frame.height * place.scale);
}

function drawOutline(/** @type {CanvasRenderingContext2D} */ context, /** @type {Outline} */ outline, /** @type {Placement} */ place) {
  const [x, y, w, h] = outline.box;
  const left = place.left + x * place.scale;
  const top = place.top + y * place.scale;
  const size = [w * place.scale, h * place.scale];
  const colour = outline.status === "lost" ? LOST : outline.colour;
  context.setLineDash([]);
  context.lineWidth = outline.selected ? 5 : 4;
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.strokeRect(left, top, size[0], size[1]);
  context.setLineDash(outline.status === "lost" ? [7, 5] : outline.status === "draft" ? [3, 3] : []);
  context.lineWidth = outline.selected ? 3 : 2;
  context.strokeStyle = colour;
  context.strokeRect(left, top, size[0], size[1]);
  context.setLineDash([]);
  if (outline.selected) drawHandles(context, left, top, size[0], size[1], colour);
  drawLabel(context, outline, left, top, colour);
}

function drawHandles(/** @type {CanvasRenderingContext2D} */ context, /** @type {number} */ left, /** @type {number} */ top, /** @type {number} */ width, /** @type {number} */ height, /** @type {string} */ colour) {
  context.fillStyle = colour;
  context.strokeStyle = "#000";
  context.lineWidth = 1;
  for (const x of [left, left + width / 2, left + width]) {
    for (const y of [top, top + height / 2, top + height]) {
      const middle = x === left + width / 2 && y === top + height / 2;
      const narrow = (x === left + width / 2 && width < 40) || (y === top + height / 2 && height < 40);
      if (middle || narrow) continue;
      context.fillRect(x - 4, y - 4, 8, 8);
      context.strokeRect(x - 4, y - 4, 8, 8);
    }
  }
}

function drawLabel(/** @type {CanvasRenderingContext2D} */ context, /** @type {Outline} */ outline, /** @type {number} */ left, /** @type {number} */ top, /** @type {string} */ colour) {
  const score = outline.score === null ? { draft: "to be tracked" }[outline.status] ?? outline.status : outline.score.toFixed(2);
  const name = outline.name.length > LONG ? `${outline.name.slice(0, LONG - 1)}…` : outline.name;
  const text = `${name}  ${outline.status === "lost" ? "lost " : ""}${score}`;
  context.font = "600 12px system-ui, sans-serif";
  const width = context.measureText(text).width + 10;
  const x = Math.max(0, Math.min(left - 1, context.canvas.clientWidth - width));
  const y = Math.max(0, top - 22);
  context.fillStyle = "rgb(0 0 0 / 72%)";
  context.fillRect(x, y, width, 17);
  context.fillStyle = colour;
  context.fillText(text, x + 5, y + 13);
}
