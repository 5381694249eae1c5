/** The list of videos and runs, and adding a video. */

import { ask, thumbnail, upload } from "./api.js";
import { clock } from "./panels.js";
import { by, complain, say } from "./say.js";

/** @typedef {{path: string, name: string, kind: string, bytes: number|null, runs: number}} Listed */

const RECENT = 6;
const MANY = 12; // videos; with more of them a field to find one helps

export class Chooser {
  constructor() {
    /** @type {Listed[]} */
    this.sources = [];
    this.limit = Infinity; // bytes of a video that is added
    this.details = new Details();
    by("find").addEventListener("input", () => this.filter());
    by("file").addEventListener("change", (event) => {
      const field = /** @type {HTMLInputElement} */ (event.target);
      this.add(field.files?.[0]).finally(() => (field.value = ""));
    });
    this.listenToDrops();
  }

  /** Reads the lists anew. */
  async show() {
    const [{ folder, sources, more, upload_limit }, { projects }] = await Promise.all([ask("/api/sources"), ask("/api/projects")]);
    this.sources = sources;
    this.limit = upload_limit ?? Infinity;
    by("videos-title").textContent = `Videos in ${folder}`;
    by("videos-note").textContent = note(sources.length, Boolean(more));
    by("find-label").hidden = sources.length <= MANY;
    this.details.forget();
    by("cards").replaceChildren(...sources.map((/** @type {Listed} */ each) => this.card(each)));
    by("recent").hidden = projects.length === 0;
    by("recent-list").replaceChildren(...projects.slice(0, RECENT).map(recentEntry));
    this.filter();
  }

  card(/** @type {Listed} */ source) {
    const link = element("a", "card", [], { href: `#${new URLSearchParams({ video: source.path })}` });
    const image = element("img", "", [], { src: thumbnail(source.path), alt: "", loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => image.classList.add("broken"));
    const runs = source.runs ? `, ${source.runs} ${source.runs === 1 ? "run" : "runs"}` : "";
    const where = source.path === source.name ? "" : source.path;
    const size = source.bytes === null ? "folder of frames" : bytes(source.bytes);
    const length = element("span", "soft", [`${size}${runs}`]);
    link.append(element("span", "thumb", [image]), element("b", "", [source.name]), element("span", "soft where", [where]), length);
    this.details.watch(link, source.path, (text, fine) => (length.textContent = fine ? `${text}, ${size}${runs}` : text));
    return element("li", "", [link]);
  }

  filter() {
    const wish = /** @type {HTMLInputElement} */ (by("find")).value.toLowerCase();
    this.sources.forEach((each, index) => {
      /** @type {HTMLElement} */ (by("cards").children[index]).hidden = !each.path.toLowerCase().includes(wish);
    });
  }

  /** Sends a video to the server and opens it. */
  async add(/** @type {File|undefined} */ file) {
    if (!file) return;
    if (file.size > this.limit) return complain(`${file.name}: ${bytes(file.size)}, but the limit is ${bytes(this.limit)}.`);
    const progress = /** @type {HTMLProgressElement} */ (by("upload"));
    Object.assign(progress, { hidden: false, value: 0 });
    say(`${file.name} is being copied.`);
    try {
      const { path } = await upload(file, (part) => (progress.value = part));
      location.hash = `#${new URLSearchParams({ video: path })}`;
    } catch (error) {
      complain(error);
    } finally {
      progress.hidden = true;
    }
    return undefined;
  }

  listenToDrops() {
    const over = (/** @type {boolean} */ is) => document.body.classList.toggle("dropping", is);
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      over(true);
    });
    document.addEventListener("dragleave", (event) => over(event.relatedTarget !== null));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      over(false);
      this.add(event.dataTransfer?.files[0]);
    });
  }
}

/** Asks for the length of videos that are seen, one after the other: the server may have to count their frames. */
class Details {
  constructor() {
    /** @type {Map<Element, () => Promise<void>>} */
    this.asks = new Map();
    this.queue = Promise.resolve();
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) this.start(target);
    });
  }

  forget() {
    this.seen.disconnect();
    this.asks.clear();
  }

  watch(/** @type {Element} */ target, /** @type {string} */ path, /** @type {(text: string, fine: boolean) => void} */ tell) {
    this.asks.set(target, async () => {
      try {
        tell(lengthText(await ask(`/api/source?${new URLSearchParams({ path })}`)), true);
      } catch (error) {
        tell(/** @type {Error} */ (error).message, false);
      }
    });
    this.seen.observe(target);
  }

  start(/** @type {Element} */ target) {
    this.seen.unobserve(target);
    this.queue = this.queue.then(() => this.asks.get(target)?.());
  }
}

/** @returns {string} how long and how large a video is */
export function lengthText(/** @type {import("./store.js").Source} */ { frames, fps, width, height }) {
  const long = frames === null ? "" : fps ? `${clock(frames / fps)}, ${frames} frames, ` : `${frames} frames, `;
  return `${long}${width} × ${height}`;
}

function note(/** @type {number} */ count, /** @type {boolean} */ more) {
  if (count === 0) return "There is no video here yet: drop one on this page.";
  return `You can also drop a video on this page.${more ? ` These are the first ${count}.` : ""}`;
}

function recentEntry(/** @type {import("./store.js").ProjectLine} */ { id, path, objects, frames, modified }) {
  const when = new Date(modified).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const what = `${path ?? "a video that is not in this folder"}, ${objects} ${objects === 1 ? "object" : "objects"}, ${frames} frames, ${when}`;
  const link = element("a", "", [element("b", "", [id]), element("span", "soft", [what])]);
  if (path !== null) link.setAttribute("href", `#${new URLSearchParams({ video: path, run: id })}`);
  return element("li", "", [link]);
}

/** @returns {string} a size that a person reads */
function bytes(/** @type {number} */ count) {
  const step = Math.min(3, Math.floor(Math.log10(Math.max(count, 1)) / 3));
  return `${(count / 1000 ** step).toFixed(step ? 1 : 0)} ${["B", "kB", "MB", "GB"][step]}`;
}

/** @returns {HTMLElement} */
function element(/** @type {string} */ tag, /** @type {string} */ className, /** @type {(string|Node)[]} */ inside, /** @type {object} */ attributes = {}) {
  const made = Object.assign(document.createElement(tag), attributes);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}
