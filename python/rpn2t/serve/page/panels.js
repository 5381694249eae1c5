/** Shows the state in the fields, lists and buttons beside the picture. */

import { allObjects, boxAt, draftCount, frameCount, isBusy } from "./model.js";
import { by } from "./say.js";

/**
 * @typedef {import("./store.js").State} State
 * @typedef {import("./store.js").Job} Job
 */

const FIELDS = /** @type {const} */ (["x", "y", "w", "h"]);

export function showPanels(/** @type {State} */ state) {
  showFrame(state);
  showJob(state);
  showObjects(state);
  showObject(state);
  showRuns(state);
}

/** Sets a field, unless the person is typing in it. */
export function setField(/** @type {string} */ id, /** @type {string|number} */ value) {
  const field = /** @type {HTMLInputElement} */ (by(id));
  if (document.activeElement !== field || field.type === "checkbox") field.value = String(value);
}

function setButton(/** @type {string} */ id, /** @type {boolean} */ enabled, /** @type {string|null} */ text = null) {
  const button = /** @type {HTMLButtonElement} */ (by(id));
  button.disabled = !enabled;
  if (text !== null) button.textContent = text;
}

function showFrame(/** @type {State} */ state) {
  const { source, frame, playing, follow } = state;
  const last = frameCount(state) - 1;
  setField("frame", frame);
  const time = source?.fps ? `, ${clock(frame / source.fps)}` : "";
  by("frame-of").textContent = `of 0 to ${last}${time}`;
  by("play").textContent = playing ? "Halt" : "Play";
  /** @type {HTMLInputElement} */ (by("follow")).checked = follow;
  const slider = by("timeline");
  slider.setAttribute("aria-valuemax", String(last));
  slider.setAttribute("aria-valuenow", String(frame));
  by("picture").setAttribute("aria-label", pictureText(state));
  by("hint").textContent = hint(state);
}

/** @returns {string} the frame and its boxes in words */
function pictureText(/** @type {State} */ state) {
  const boxes = allObjects(state).flatMap(({ name }) => {
    const shown = boxAt(state, name);
    return shown ? [`${name} at ${shown.box.join(", ")}, ${shown.status}`] : [];
  });
  return `Frame ${state.frame}. ${boxes.join("; ") || "No boxes"}.`;
}

function hint(/** @type {State} */ { byKeys, drawing, selected }) {
  if (byKeys) return `Arrow keys ${byKeys.sizing ? "size" : "move"} the box; b changes that, Enter keeps it`;
  if (drawing) return `Draw a box of ${selected ?? "a new object"}`;
  return "";
}

function showJob(/** @type {State} */ state) {
  const { job, direction, start, stop } = state;
  setField("direction", direction);
  setField("start", start ?? "");
  setField("stop", stop ?? "");
  const busy = isBusy(state);
  const count = draftCount(state);
  const here = count === 0 && state.objects.length > 0 ? "Track from here" : "Track";
  setButton("track", !busy, count > 1 ? `Track ${count} boxes` : here);
  setButton("pause", busy, job?.state === "paused" ? "Resume" : "Pause");
  setButton("end", busy);
  const progress = /** @type {HTMLProgressElement} */ (by("progress"));
  if (busy && !job?.total) progress.removeAttribute("value");
  else progress.value = job?.total ? job.done / job.total : 0;
  by("job-text").textContent = job ? jobText(job) : "Draw a box around each object, then press Track.";
  by("export").hidden = state.source === null;
}

/** @returns {string} how far the work is */
function jobText(/** @type {Job} */ job) {
  const done = `${job.done}${job.total ? ` of ${job.total}` : ""} frames`;
  if (job.state === "failed") return `Failed. ${job.error ?? ""}`;
  if (job.state === "done") return `Done: ${done}.`;
  if (job.state === "stopped") return `Stopped: ${done}.`;
  if (job.state === "paused") return `Paused: ${done}.`;
  if (job.phase === "waiting") return "Waiting until other work ends.";
  if (job.phase === "learning" && job.done === 0) return "Learning what the object looks like.";
  const left = job.left_s === null ? "" : `, ${clock(job.left_s)} left`;
  return `${done}, ${job.fps.toFixed(1)} a second${left}`;
}

/** The list of objects. Its entries stay, so that the focus does. */
function showObjects(/** @type {State} */ state) {
  const list = by("objects");
  const all = allObjects(state);
  while (list.children.length > all.length) list.lastElementChild?.remove();
  while (list.children.length < all.length) list.append(objectEntry());
  all.forEach((each, index) => {
    const button = /** @type {HTMLElement} */ (list.children[index].firstElementChild);
    const selected = each.name === state.selected;
    button.dataset.name = each.name;
    button.setAttribute("aria-pressed", String(selected));
    button.classList.toggle("hidden-object", state.hidden.has(each.name));
    const [colour, name, counts] = /** @type {HTMLElement[]} */ (Array.from(button.children));
    colour.style.background = each.colour;
    name.textContent = each.name;
    counts.textContent = objectText(state, each.name);
  });
  list.classList.toggle("none", all.length === 0);
  /** @type {HTMLElement} */ (by("draw")).setAttribute("aria-pressed", String(state.drawing));
}

function objectEntry() {
  const entry = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "object" });
  button.append(document.createElement("i"), document.createElement("b"), document.createElement("span"));
  entry.append(button);
  return entry;
}

/** @returns {string} how many boxes an object has */
function objectText(/** @type {State} */ state, /** @type {string} */ name) {
  const track = state.tracks.get(name);
  const drawn = state.drafts.get(name)?.size ?? 0;
  const parts = [];
  if (track?.count) parts.push(track.count === 1 ? "1 box" : `${track.count} boxes`);
  if (track?.lost) parts.push(`${track.lost} lost`);
  if (drawn) parts.push(`${drawn} to be tracked`);
  if (state.hidden.has(name)) parts.push("hidden");
  return parts.join(", ");
}

function showObject(/** @type {State} */ state) {
  const { selected, byKeys, frame } = state;
  const shown = byKeys ? { box: byKeys.box, status: "draft", score: null } : boxAt(state, selected);
  setField("name", selected ?? "");
  const { dataset } = by("numbers");
  const empty = shown ? "" : `${frame} ${selected}`;
  if (shown || dataset.empty !== empty) FIELDS.forEach((field, index) => setField(field, shown ? shown.box[index] : ""));
  dataset.empty = empty; // numbers that are typed in a frame without a box stay until there are four
  const status = { draft: "to be tracked", given: "first box", fixed: "corrected" }[shown?.status ?? ""] ?? shown?.status;
  const score = shown?.score == null ? "" : ` ${shown.score.toFixed(2)}`;
  by("box-status").textContent = shown ? `(${status}${score})` : "";
  /** @type {HTMLInputElement} */ (by("name")).disabled = selected === null;
  setButton("discard", state.drafts.get(selected ?? "")?.has(frame) ?? false);
  setButton("hide", selected !== null, state.hidden.has(selected ?? "") ? "Show" : "Hide");
  setButton("delete", selected !== null);
  setButton("delete-rows", Boolean(state.tracks.get(selected ?? "")?.count));
}

function showRuns(/** @type {State} */ { projects, project }) {
  const select = /** @type {HTMLSelectElement} */ (by("run"));
  const wanted = ["", ...projects.map((each) => each.id)];
  if (select.dataset.runs !== wanted.join("\n")) {
    select.dataset.runs = wanted.join("\n");
    select.replaceChildren(...wanted.map((id) => new Option(id || "new run", id)));
  }
  select.value = project ?? "";
  setButton("delete-run", project !== null);
}

/** @returns {string} seconds as minutes, or hours */
export function clock(/** @type {number} */ seconds) {
  const whole = Math.max(0, Math.round(10 * seconds) / 10);
  if (whole < 60) return `${whole.toFixed(1)} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = `${String(Math.floor(whole % 60)).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
