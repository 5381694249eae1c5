/** The pointer on the picture: a box is drawn, moved or sized; two fingers, the wheel and Shift move and zoom. */

import { pointOn } from "./canvas.js";
import { between, clampView, cut, dragged, partOf, placement, tidy, toFrame, zoomed } from "./geometry.js";
import { allObjects, boxAt, freeName, halted } from "./model.js";
import { outlines } from "./picture.js";

const CURSORS = { "": "crosshair", move: "move", n: "ns-resize", s: "ns-resize", w: "ew-resize", e: "ew-resize",
  nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize" };
const MOVED = 3; // CSS pixels; less is a click

/**
 * @typedef {import("./geometry.js").Point} Point
 * @typedef {{name: string, colour: string, box: import("./store.js").Box}} Sketch
 * @typedef {{id: number, from: Point, kind: "pan"|"box", name: string|null, part: string,
 *   start: import("./store.js").Box|null}} Drag
 */

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./store.js").Store} store
   * @param {{draft: (name: string, box: import("./store.js").Box) => void}} actions
   */
  constructor(canvas, store, actions) {
    this.canvas = canvas;
    this.store = store;
    this.actions = actions;
    /** @type {Sketch|null} the box that is being dragged */
    this.sketch = null;
    /** @type {Drag|null} */
    this.drag = null;
    /** @type {Map<number, Point>} the fingers that touch */
    this.touches = new Map();
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  get place() {
    const { source, view } = this.store.state;
    const room = { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
    return placement(source ?? { width: 1, height: 1 }, room, view);
  }

  down(/** @type {PointerEvent} */ event) {
    const { state } = this.store;
    if (!state.source || event.button > 1) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.touches.set(event.pointerId, pointOn(this.canvas, event));
    if (this.touches.size > 1) return this.forget(); // two fingers: no box
    const from = pointOn(this.canvas, event);
    if (event.button === 1 || event.shiftKey) {
      event.preventDefault();
      this.drag = { id: event.pointerId, from, kind: "pan", name: null, part: "", start: null };
      return;
    }
    const { name, part } = this.below(from, event.pointerType);
    const start = part ? boxAt(state, name)?.box ?? null : null;
    // Beside a box that was just drawn, another one is another object's; "Draw box" draws it anew.
    const another = !state.drawing && state.drafts.get(state.selected ?? "")?.has(state.frame);
    const meant = part ? name : another ? null : state.selected;
    this.drag = { id: event.pointerId, from, kind: "box", name: meant, part, start };
    if (part) this.store.set({ selected: name });
    this.store.set({ ...halted(state), byKeys: null });
  }

  /** What is below the pointer: the selected object's box first. */
  below(/** @type {Point} */ point, /** @type {string} */ pointer) {
    if (this.store.state.drawing) return { name: null, part: "" };
    const place = this.place;
    const near = (pointer === "touch" ? 16 : 8) / place.scale;
    for (const each of outlines(this.store.state).reverse()) {
      const part = partOf(each.box, toFrame(place, point), near);
      if (part) return { name: each.name, part };
    }
    return { name: null, part: "" };
  }

  move(/** @type {PointerEvent} */ event) {
    const point = pointOn(this.canvas, event);
    if (this.touches.size > 1 && this.touches.has(event.pointerId)) return this.pinch(event.pointerId, point);
    if (!this.drag) {
      if (this.store.state.source) this.canvas.style.cursor = CURSORS[this.below(point, event.pointerType).part];
      return;
    }
    if (this.drag.id !== event.pointerId) return;
    if (this.drag.kind === "pan") {
      this.pan(point.x - this.drag.from.x, point.y - this.drag.from.y);
      this.drag.from = point;
    } else if (this.sketch || Math.hypot(point.x - this.drag.from.x, point.y - this.drag.from.y) >= MOVED) {
      this.sketchTo(point);
    }
  }

  /** The box as the pointer has dragged it so far. */
  sketchTo(/** @type {Point} */ point) {
    const { state } = this.store;
    const { drag, place } = this;
    if (!drag || !state.source) return;
    const [from, to] = [toFrame(place, drag.from), toFrame(place, point)];
    const box = drag.start ? dragged(drag.start, drag.part, to.x - from.x, to.y - from.y) : between(from, to);
    const name = drag.name ?? this.sketch?.name ?? freeName(state);
    const colour = allObjects(state).find((each) => each.name === name)?.colour ?? "#ffffff";
    const inside = drag.part === "move" ? box : cut(box, state.source);
    this.sketch = { name, colour, box: tidy(inside, state.source) };
    this.store.set({});
  }

  up(/** @type {PointerEvent} */ event) {
    this.touches.delete(event.pointerId);
    if (this.drag?.id !== event.pointerId) return;
    const { sketch, drag } = this;
    this.forget();
    const enough = sketch && (drag.start || (sketch.box[2] >= 2 && sketch.box[3] >= 2));
    if (sketch && enough) this.actions.draft(sketch.name, sketch.box);
  }

  cancel(/** @type {PointerEvent} */ event) {
    this.touches.delete(event.pointerId);
    this.forget();
  }

  /** Ends a drag without a box. */
  forget() {
    this.drag = null;
    this.sketch = null;
    this.store.set({});
  }

  wheel(/** @type {WheelEvent} */ event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), pointOn(this.canvas, event));
  }

  /** Zooms; what is at the point, or in the middle, stays. */
  zoom(/** @type {number} */ factor, /** @type {Point|null} */ point = null) {
    const { source, view } = this.store.state;
    if (!source) return;
    const middle = { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 2 };
    this.store.set({ view: zoomed(view, factor, toFrame(this.place, point ?? middle), source) });
  }

  pan(/** @type {number} */ dx, /** @type {number} */ dy) {
    const { source, view } = this.store.state;
    if (!source) return;
    const { scale } = this.place;
    const x = view.x - dx / scale / source.width;
    const y = view.y - dy / scale / source.height;
    this.store.set({ view: clampView({ scale: view.scale, x, y }) });
  }

  /** One of two fingers has moved. */
  pinch(/** @type {number} */ id, /** @type {Point} */ point) {
    const other = Array.from(this.touches).find(([each]) => each !== id)?.[1];
    const before = this.touches.get(id);
    if (!other || !before) return;
    const distance = Math.hypot(before.x - other.x, before.y - other.y);
    const factor = Math.hypot(point.x - other.x, point.y - other.y) / Math.max(distance, 1);
    this.zoom(factor, other);
    this.touches.set(id, point);
  }
}
