/** Makes the page of its parts, and opens what the address names. */

import { Boxes } from "./boxes.js";
import { Chooser, lengthText } from "./chooser.js";
import { listen } from "./keys.js";
import { keep } from "./memory.js";
import { allObjects, boxAt, draftCount, halted, nearestFrame } from "./model.js";
import { setField, showPanels } from "./panels.js";
import { drawPicture } from "./picture.js";
import { Player } from "./player.js";
import { by, complain, guarded, say } from "./say.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { drawTimeline, followPointer } from "./timeline.js";
import { Work } from "./work.js";

const FORMATS = {
  csv: "boxes.csv, the whole table", json: "JSON", txt: "boxes.txt, OTB's format", mot: "MOT challenge",
  coco: "COCO", cvat: "CVAT", mp4: "MP4, a video with the boxes",
};

const BOX = ["x", "y", "w", "h"];

const store = new Store();
const player = new Player(store);
const boxes = new Boxes(store);
const work = new Work(store, player);
const chooser = new Chooser();
const picture = /** @type {HTMLCanvasElement} */ (by("picture"));
const timeline = /** @type {HTMLCanvasElement} */ (by("timeline"));
const stage = new Stage(picture, store, { draft: (name, box) => boxes.draft(name, box) });

function field(/** @type {string} */ id) {
  return /** @type {HTMLInputElement} */ (by(id));
}

/** Takes the number of a frame out of a field. It becomes the nearest frame, and that is said. */
function typedFrame(/** @type {string} */ id, /** @type {(frame: number|null) => void} */ take) {
  const { value } = field(id);
  const { frame, note } = nearestFrame(store.state, Number(value));
  take(value === "" ? null : frame);
  if (value === "" || !note) return;
  field(id).value = String(frame); // it may have the focus still
  say(note);
}

/** Takes a box out of its four fields, and shows there what became of it. */
function typedBox() {
  boxes.type(BOX.map((each) => parseFloat(field(each).value)));
  boxAt(store.state, store.state.selected)?.box.forEach((value, index) => (field(BOX[index]).value = String(value)));
}

const track = guarded(() => work.track());
const pause = guarded(() => work.pause());
const stop = guarded(() => work.control("stop"));
const help = () => /** @type {HTMLDialogElement} */ (by("help")).showModal();

/** Draws all that is seen. */
function show() {
  const { state } = store;
  if (!state.source) return;
  const { byKeys, selected } = state;
  const colour = allObjects(state).find((each) => each.name === selected)?.colour ?? "#ffffff";
  const sketch = stage.sketch ?? (byKeys && { name: selected ?? "new object", colour, box: byKeys.box });
  drawPicture(picture, state, player.picture(), sketch);
  drawTimeline(timeline, state);
  showPanels(state);
}

/** Opens what the address names: a video and a run, or the list of videos. */
async function route() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const video = parts.get("video");
  window.scrollTo(0, 0);
  by("chooser").hidden = video !== null;
  by("work").hidden = video === null;
  by("export").hidden = video === null;
  by("title").textContent = video ?? "RPN2T";
  document.title = video ? `${video} - RPN2T` : "RPN2T";
  if (video !== null) {
    await work.open(video, parts.get("run"));
    const { source } = store.state;
    if (source) by("title").textContent = `${source.name}  (${lengthText(source)})`;
  } else {
    const { source } = store.state;
    const left = draftCount(store.state);
    work.close();
    if (left > 0) say(`${source?.name}: ${left} drawn ${left === 1 ? "box waits" : "boxes wait"} there to be tracked.`);
    await chooser.show();
  }
}

/** What opens cannot be opened: the list of videos is there instead. */
async function routeOrList() {
  try {
    await route();
  } catch (error) {
    const shown = location.hash.length > 1;
    if (shown) history.replaceState(null, "", "#");
    if (shown) await route().catch(() => {});
    complain(error);
  }
}

function onClick(/** @type {string} */ id, /** @type {() => any} */ action) {
  by(id).addEventListener("click", guarded(action));
}

function onChange(/** @type {string} */ id, /** @type {() => any} */ action) {
  by(id).addEventListener("change", guarded(action));
}

function connectWork() {
  by("track").addEventListener("click", track);
  by("pause").addEventListener("click", pause);
  by("end").addEventListener("click", stop);
  onClick("delete-run", () => work.deleteRun());
  onChange("run", () => work.openRun(field("run").value || null));
  onChange("direction", () => store.set({ direction: field("direction").value }));
  onChange("start", () => typedFrame("start", (start) => store.set({ start })));
  onChange("stop", () => typedFrame("stop", (stop) => store.set({ stop })));
  const list = by("export-list");
  for (const [format, text] of Object.entries(FORMATS)) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.dataset.format = format;
    button.addEventListener("click", guarded(() => {
      /** @type {HTMLDetailsElement} */ (by("export")).open = false;
      work.download(format);
    }));
    const entry = document.createElement("li");
    entry.append(button);
    list.append(entry);
  }
}

function connectFrames() {
  onClick("play", () => player.toggle());
  onClick("back", () => player.step(-1));
  onClick("forth", () => player.step(1));
  onChange("frame", () => typedFrame("frame", (frame) => player.go(frame ?? store.state.frame)));
  onChange("follow", () => store.set({ follow: field("follow").checked }));
  onClick("zoom-in", () => stage.zoom(1.5));
  onClick("zoom-out", () => stage.zoom(1 / 1.5));
  onClick("zoom-fit", () => stage.zoom(0));
  followPointer(timeline, () => store.state, (frame) => player.go(frame));
}

function connectBoxes() {
  onClick("draw", () => boxes.draw());
  onClick("new", () => boxes.begin());
  onClick("discard", () => boxes.discard());
  onClick("hide", () => boxes.toggleHidden());
  onClick("delete", () => boxes.deleteObject());
  onClick("delete-rows", () => boxes.deleteRows());
  onChange("name", () => boxes.rename(field("name").value).finally(() => setField("name", store.state.selected ?? "")));
  for (const id of BOX) onChange(id, typedBox);
  by("numbers").addEventListener("focusin", () => store.set(halted(store.state)));
  const choose = (/** @type {Event} */ event) => {
    const name = /** @type {Element} */ (event.target).closest("button")?.dataset.name;
    if (name && name !== store.state.selected) store.set({ selected: name });
  };
  by("objects").addEventListener("click", choose);
  by("objects").addEventListener("focusin", choose); // Tab goes through the objects
}

function connectRest() {
  by("help-open").addEventListener("click", help);
  by("error-close").addEventListener("click", () => say(""));
  document.addEventListener("click", (event) => {
    const menu = /** @type {HTMLDetailsElement} */ (by("export"));
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  by("export").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    /** @type {HTMLDetailsElement} */ (by("export")).open = false;
    by("export").querySelector("summary")?.focus();
  });
  window.addEventListener("hashchange", routeOrList);
  new ResizeObserver(() => show()).observe(by("stage"));
  listen(store, { player, boxes, stage, track, pause, stop, help });
  store.on(show);
  store.on(keep);
  window.addEventListener("pagehide", () => keep(store.state)); // the last change may not have been drawn
}

connectWork();
connectFrames();
connectBoxes();
connectRest();
routeOrList();
