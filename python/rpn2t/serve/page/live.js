/** Keeps a run as the server has it: read once, then by its events. */

import { ask, isMissing, projectAddress } from "./api.js";
import { settleDrafts } from "./model.js";
import { putRows } from "./rows.js";
import { complain, say } from "./say.js";

const SILENT = "The server does not answer; the page tries it again and again.";

export class Live {
  /**
   * @param {import("./store.js").Store} store
   * @param {(job: import("./store.js").Job) => void} jobChanged
   * @param {(id: string) => void} deleted the run is no more
   */
  constructor(store, jobChanged, deleted) {
    this.store = store;
    this.jobChanged = jobChanged;
    this.deleted = deleted;
    /** @type {EventSource|null} */
    this.events = null;
    /** @type {import("./rows.js").Line[]|null} rows that came while the run was read; null: it is not */
    this.waiting = null;
    this.stale = false;
    this.silent = false;
  }

  /** Reads a run and follows it. @returns {Promise<void>} when it has been read, or is known to be no more */
  open(/** @type {string} */ id) {
    this.close();
    return new Promise((resolve, reject) => {
      const events = new EventSource(projectAddress(id, "/events"));
      this.events = events;
      const fail = (/** @type {unknown} */ error) => (this.missed(id, error) ? resolve() : reject(error));
      events.onopen = () => {
        if (this.silent) say("The server is there again.");
        this.silent = false;
        this.read(id).then(resolve, fail); // what came before the connection was made
      };
      events.onerror = () => this.lost(id, events).catch(fail);
      events.addEventListener("rows", (event) => this.rows(JSON.parse(event.data)));
      events.addEventListener("job", (event) => this.job(JSON.parse(event.data)));
      events.addEventListener("changed", () => this.read(id).catch((error) => this.missed(id, error) || complain(error)));
      events.addEventListener("deleted", () => this.gone(id));
    });
  }

  close() {
    this.events?.close();
    this.events = null;
    this.waiting = null;
    this.stale = false;
  }

  /** The connection is gone. The browser tries again, unless the server has refused it. */
  async lost(/** @type {string} */ id, /** @type {EventSource} */ events) {
    if (events !== this.events) return;
    if (!this.silent) complain(SILENT);
    this.silent = true;
    if (events.readyState !== EventSource.CLOSED) return;
    await ask(projectAddress(id)).catch((error) => {
      if (!isMissing(error)) complain(error); // says why
      throw error;
    });
  }

  /** @returns {boolean} whether the error says that the open run is no more, which is told then */
  missed(/** @type {string} */ id, /** @type {unknown} */ error) {
    if (!isMissing(error)) return false;
    if (this.store.state.project === id) this.gone(id);
    return true;
  }

  /** The run was deleted, and not by this page. */
  gone(/** @type {string} */ id) {
    this.close();
    this.silent = false;
    this.deleted(id);
  }

  /** Reads the run. Rows that come meanwhile are put on top. */
  async read(/** @type {string} */ id) {
    this.stale = true;
    if (this.waiting) return;
    const events = this.events;
    while (this.stale && events === this.events) {
      this.stale = false;
      this.waiting = [];
      try {
        const project = await ask(projectAddress(id));
        if (events === this.events) this.take(project);
      } finally {
        if (events === this.events) this.waiting = null;
      }
    }
  }

  take(/** @type {any} */ project) {
    const tracks = new Map();
    putRows(tracks, project.rows);
    putRows(tracks, this.waiting ?? []);
    const { selected, drafts } = this.store.state;
    settleDrafts({ ...this.store.state, tracks });
    const known = project.objects.some((/** @type {{name: string}} */ each) => each.name === selected) || drafts.has(selected ?? "");
    this.store.set({
      project: project.id, objects: project.objects, tracks, job: project.job,
      selected: known ? selected : project.objects[0]?.name ?? null,
    });
    if (project.job) this.jobChanged(project.job);
  }

  rows(/** @type {import("./rows.js").Line[]} */ lines) {
    const { state } = this.store;
    if (this.waiting) return void this.waiting.push(...lines);
    putRows(state.tracks, lines);
    settleDrafts(state);
    this.store.set({});
    const known = new Set(state.objects.map((each) => each.name));
    const fresh = lines.some(([name]) => !known.has(name));
    if (fresh && state.project) this.read(state.project).catch(complain); // another browser has begun an object
    return undefined;
  }

  job(/** @type {import("./store.js").Job} */ job) {
    this.store.set({ job });
    this.jobChanged(job);
  }
}
