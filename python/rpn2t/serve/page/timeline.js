/** The score of each object over the frames, and where one is. A click or a drag goes there. */

import { cleared, pointOn } from "./canvas.js";
import { allObjects, frameCount, within } from "./model.js";

const SIDE = 12;
const TOP = 16;
const LANE = 9;
const LOST = "#ff4040";

/**
 * @typedef {import("./store.js").State} State
 * @typedef {{context: CanvasRenderingContext2D, width: number, height: number, frames: number}} Chart
 */

/** Lets the pointer choose a frame. */
export function followPointer(/** @type {HTMLCanvasElement} */ canvas, /** @type {() => State} */ state, /** @type {(frame: number) => void} */ go) {
  const jump = (/** @type {PointerEvent} */ event) => {
    const part = (pointOn(canvas, event).x - SIDE) / (canvas.clientWidth - 2 * SIDE);
    const last = frameCount(state()) - 1;
    go(Math.round(within(0, part, 1) * last));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    jump(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) jump(event);
  });
}

export function drawTimeline(/** @type {HTMLCanvasElement} */ canvas, /** @type {State} */ state) {
  const { context, width, height } = cleared(canvas);
  const chart = { context, width, height, frames: frameCount(state) };
  const shown = allObjects(state).filter((each) => !state.hidden.has(each.name));
  const lanes = Math.min(shown.length, 6);
  const bottom = height - 6 - lanes * LANE;
  drawScale(chart, bottom);
  shown.forEach(({ name, colour }, index) => {
    const lane = bottom + 5 + (index % 6) * LANE;
    const selected = name === state.selected;
    const track = state.tracks.get(name);
    if (track) drawTrack(chart, track, colour, bottom, lane, selected);
    for (const frame of state.drafts.get(name)?.keys() ?? []) drawMark(chart, frame, lane, "draft", colour);
  });
  drawHead(chart, state.frame);
}

/** @returns {number} where a frame is, in CSS pixels */
function across(/** @type {Chart} */ chart, /** @type {number} */ frame) {
  return SIDE + (chart.frames < 2 ? 0 : (frame / (chart.frames - 1)) * (chart.width - 2 * SIDE));
}

function drawScale(/** @type {Chart} */ chart, /** @type {number} */ bottom) {
  const { context, width, frames } = chart;
  context.font = "11px system-ui, sans-serif";
  context.lineWidth = 1;
  for (const score of [0, 0.5, 1]) {
    const y = Math.round(bottom - score * (bottom - TOP)) + 0.5;
    context.strokeStyle = score ? "rgb(255 255 255 / 14%)" : "rgb(255 255 255 / 30%)";
    context.beginPath();
    context.moveTo(SIDE, y);
    context.lineTo(width - SIDE, y);
    context.stroke();
  }
  context.fillStyle = "rgb(255 255 255 / 65%)";
  context.fillText("score 1", SIDE + 10, 11);
  context.textAlign = "right";
  context.fillText(`frame ${frames - 1}`, width - SIDE, 11);
  context.textAlign = "left";
}

/**
 * A track by columns of pixels: in two hours of video many frames share one.
 * @param {import("./rows.js").Track} track
 * @param {number} frames how many there are
 * @param {(frame: number) => number} place where a frame is, in pixels
 * @returns {{x: number, low: number, lost: boolean, joined: boolean}[]} the lowest score (1: the user's box),
 *   whether a frame is lost, and whether the frame before the column has a row too
 */
export function columns(track, frames, place) {
  const found = [];
  let before = -2; // the last frame that has a row
  for (let frame = 0; frame < Math.min(track.length, frames); frame += 1) {
    if (track.statuses[frame] === 0) continue;
    const x = place(frame);
    let column = found[found.length - 1];
    if (!column || Math.floor(column.x) !== Math.floor(x)) {
      column = { x, low: 1, lost: false, joined: before === frame - 1 };
      found.push(column);
    }
    if (track.scores[frame] < column.low) column.low = track.scores[frame]; // NaN is not
    if (track.isLost(frame)) column.lost = true;
    before = frame;
  }
  return found;
}

/** The curve of the lowest scores, and a lane of what is tracked and lost. */
function drawTrack(/** @type {Chart} */ chart, /** @type {import("./rows.js").Track} */ track, /** @type {string} */ colour, /** @type {number} */ bottom, /** @type {number} */ lane, /** @type {boolean} */ selected) {
  const { context } = chart;
  const wide = Math.max(1.5, across(chart, 1) - across(chart, 0));
  context.strokeStyle = colour;
  context.lineWidth = selected ? 2 : 1.25;
  context.beginPath();
  for (const { x, low, lost, joined } of columns(track, chart.frames, (frame) => across(chart, frame))) {
    context.fillStyle = lost ? LOST : colour;
    context.fillRect(x - wide / 2, lane + 1, wide, LANE - 4);
    const y = bottom - low * (bottom - TOP);
    if (joined) context.lineTo(x, y);
    else context.moveTo(x, y);
  }
  context.globalAlpha = selected ? 1 : 0.75;
  context.stroke();
  context.globalAlpha = 1;
  for (const frame of track.marks) drawMark(chart, frame, lane, track.status(frame), colour);
}

/** A mark in an object's lane: first box a disc, correction a square, drawn box a ring. */
function drawMark(/** @type {Chart} */ chart, /** @type {number} */ frame, /** @type {number} */ lane, /** @type {string} */ status, /** @type {string} */ colour) {
  const { context } = chart;
  const [x, y] = [across(chart, frame), lane + LANE / 2 - 1];
  context.beginPath();
  if (status === "fixed") context.rect(x - 4, y - 4, 8, 8);
  else context.arc(x, y, 4.5, 0, 7);
  context.fillStyle = status === "draft" ? "#14181d" : colour;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#fff";
  context.stroke();
}

function drawHead(/** @type {Chart} */ chart, /** @type {number} */ frame) {
  const x = Math.round(across(chart, frame));
  chart.context.fillStyle = "#fff";
  chart.context.fillRect(x - 1, TOP - 4, 2, chart.height - TOP + 4);
  chart.context.beginPath();
  chart.context.moveTo(x - 6, TOP - 8);
  chart.context.lineTo(x + 6, TOP - 8);
  chart.context.lineTo(x, TOP);
  chart.context.fill();
}
