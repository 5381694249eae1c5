/** What a person does to boxes and objects. */

import { projectAddress, send } from "./api.js";
import { outside, tidy } from "./geometry.js";
import { allObjects, boxAt, freeName, halted } from "./model.js";
import { confirmDeletion, say } from "./say.js";

/** @typedef {import("./store.js").Box} Box */

export class Boxes {
  constructor(/** @type {import("./store.js").Store} */ store) {
    this.store = store;
  }

  get state() {
    return this.store.state;
  }

  /** Keeps a drawn box of the frame that is seen. */
  draft(/** @type {string} */ name, /** @type {Box} */ box) {
    const { drafts, frame } = this.state;
    drafts.set(name, new Map(drafts.get(name)).set(frame, box));
    this.store.set({ drafts, selected: name, drawing: false });
    say(`${name} has a box in frame ${frame}; Track goes on from there.`);
  }

  /** Forgets the drawn box of the selected object in this frame. */
  discard() {
    const { drafts, selected, frame } = this.state;
    const own = drafts.get(selected ?? "");
    if (!own?.delete(frame)) return say("No box was drawn in this frame.");
    if (own.size === 0) drafts.delete(selected ?? "");
    const left = allObjects(this.state).some((each) => each.name === selected);
    this.store.set({ drafts, selected: left ? selected : allObjects(this.state)[0]?.name ?? null });
    return say(`The box drawn in frame ${frame} is forgotten.`);
  }

  /** The next box is of a new object. */
  begin() {
    this.store.set({ ...halted(this.state), selected: null, drawing: true, byKeys: null });
    say("Draw a box around the new object.");
  }

  /** The next drag draws, whatever lies below it. */
  draw() {
    this.store.set({ ...halted(this.state), drawing: !this.state.drawing, byKeys: null });
  }

  /** A number of the box was typed. */
  type(/** @type {(number)[]} */ numbers) {
    const { source } = this.state;
    if (!source) return undefined;
    if (!numbers.every(Number.isFinite)) return say("A box needs four numbers: x, y, w and h.");
    const [x, y, w, h] = numbers;
    const box = tidy([x, y, w, h], source);
    const name = this.state.selected ?? freeName(this.state);
    this.draft(name, box);
    const fault = outside([x, y, w, h], source);
    return fault ? say(`${fault}: the box of ${name} is now ${box.join(", ")}.`) : undefined;
  }

  /** Starts the box by arrow keys, or changes from moving to sizing and back. */
  byKeys() {
    const { source, byKeys, selected } = this.state;
    if (!source) return;
    const box = byKeys?.box ?? boxAt(this.state, selected)?.box ?? middle(source);
    const sizing = byKeys ? !byKeys.sizing : false;
    this.store.set({ ...halted(this.state), byKeys: { box, sizing } });
    say(`Arrow keys ${sizing ? "size" : "move"} the box; b: ${sizing ? "move" : "size"} it; Enter keeps it.`);
  }

  /** An arrow key, while a box is made by keys. */
  nudge(/** @type {number} */ dx, /** @type {number} */ dy) {
    const { source, byKeys } = this.state;
    if (!source || !byKeys) return;
    const [x, y, w, h] = byKeys.box;
    const box = /** @type {Box} */ (byKeys.sizing ? [x, y, w + dx, h + dy] : [x + dx, y + dy, w, h]);
    this.store.set({ byKeys: { ...byKeys, box: tidy(box, source) } });
  }

  /** Enter or Escape, while a box is made by keys. */
  endKeys(/** @type {boolean} */ keep) {
    const { byKeys, selected } = this.state;
    this.store.set({ byKeys: null, drawing: false });
    if (keep && byKeys) this.draft(selected ?? freeName(this.state), byKeys.box);
    else say("No box was kept.");
  }

  /** Selects the next object, or the one before. */
  next(/** @type {number} */ step) {
    const names = allObjects(this.state).map((each) => each.name);
    if (names.length === 0) return;
    const at = names.indexOf(this.state.selected ?? "");
    const selected = names[(at + step + names.length + Number(at < 0 && step < 0)) % names.length];
    this.store.set({ selected });
    say(`Selected: ${selected}.`);
  }

  toggleHidden() {
    const { hidden, selected } = this.state;
    if (selected === null) return;
    if (!hidden.delete(selected)) hidden.add(selected);
    this.store.set({ hidden });
  }

  /** Gives the selected object another name; the server's too, if it knows the object. */
  async rename(/** @type {string} */ typed) {
    const { drafts, selected, hidden } = this.state;
    const name = typed.trim();
    if (selected === null || name === selected) return;
    if (!name) throw new Error("An object needs a name.");
    if (allObjects(this.state).some((each) => each.name === name)) throw new Error(`${name}: another object has this name.`);
    if (this.known(selected)) await this.change({ rename: [selected, name] });
    this.store.set({
      selected: name,
      objects: this.state.objects.map((each) => (each.name === selected ? { ...each, name } : each)),
      tracks: renamed(this.state.tracks, selected, name),
      drafts: renamed(drafts, selected, name),
      hidden: new Set(Array.from(hidden, (each) => (each === selected ? name : each))),
    });
    say(`${selected} is now ${name}.`);
  }

  async deleteObject() {
    const { drafts, selected } = this.state;
    if (selected === null) return;
    const known = this.known(selected);
    if (known && !(await confirmDeletion(`Delete ${selected} and all of its boxes in this run?`))) return;
    if (known) await this.change({ delete: selected });
    drafts.delete(selected);
    const objects = this.state.objects.filter((each) => each.name !== selected);
    this.store.set({ drafts, objects, selected: allObjects({ ...this.state, objects })[0]?.name ?? null });
    say(`${selected} is deleted.`);
  }

  async deleteRows() {
    const { selected, frame } = this.state;
    const track = this.state.tracks.get(selected ?? "");
    if (selected === null || !track?.count) return say("This object has no tracked boxes.");
    const range = await confirmDeletion(`Delete the boxes of ${selected} in these frames?`, [frame, lastFrame(track)]);
    if (!range) return undefined;
    const [from, to] = range;
    await this.change({ delete_rows: { object: selected, from, to } });
    return say(`The boxes of ${selected} in frames ${from} to ${to} are deleted.`);
  }

  known(/** @type {string} */ name) {
    return this.state.objects.some((each) => each.name === name);
  }

  change(/** @type {object} */ body) {
    return send(projectAddress(this.state.project ?? "", "/objects"), body);
  }
}

/** @returns {Box} */
function middle(/** @type {{width: number, height: number}} */ { width, height }) {
  return [width * 3, height * 3, width * 2, height * 2].map((each) => Math.round(each / 8));
}

/** @template T @returns {Map<string, T>} the same order with another name */
function renamed(/** @type {Map<string, T>} */ map, /** @type {string} */ old, /** @type {string} */ name) {
  return new Map(Array.from(map, ([key, value]) => [key === old ? name : key, value]));
}

/** @returns {number} */
function lastFrame(/** @type {import("./rows.js").Track} */ track) {
  let frame = track.length - 1;
  while (frame > 0 && !track.status(frame)) frame -= 1;
  return frame;
}
