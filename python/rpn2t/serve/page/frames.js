/** Frames from the server. Their files are kept, a few of them as pictures, and the newest wish comes first. */

import { frameBlob } from "./api.js";

const FILES = 100;
const PICTURES = 8;

export class Frames {
  /**
   * @param {string} path the video's
   * @param {(error: Error) => void} failed
   */
  constructor(path, failed) {
    this.path = path;
    this.failed = failed;
    /** @type {Map<number, Promise<Blob>>} in order of use, the oldest first */
    this.files = new Map();
    /** @type {Map<number, ImageBitmap>} */
    this.pictures = new Map();
    this.wanted = -1;
    this.busy = false;
  }

  /** @returns {ImageBitmap|null} the frame, if it is here */
  picture(/** @type {number} */ index) {
    return this.pictures.get(index) ?? null;
  }

  /** Gets a frame and calls back; if another one is wanted meanwhile, only that one comes. */
  async want(/** @type {number} */ index, /** @type {() => void} */ arrived) {
    this.wanted = index;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted >= 0 && !this.pictures.has(this.wanted)) {
      await this.fetch(this.wanted).catch((error) => {
        this.wanted = -1;
        this.failed(error);
      });
      arrived();
    }
    this.busy = false;
  }

  /** Gets a frame's file before it is wanted. */
  prepare(/** @type {number} */ index) {
    this.file(index).catch(() => {}); // said when it is wanted
  }

  async fetch(/** @type {number} */ index) {
    const picture = await createImageBitmap(await this.file(index));
    this.pictures.set(index, picture);
    for (const old of Array.from(this.pictures.keys()).slice(0, -PICTURES)) {
      this.pictures.get(old)?.close();
      this.pictures.delete(old);
    }
  }

  /** @returns {Promise<Blob>} */
  file(/** @type {number} */ index) {
    const file = this.files.get(index) ?? frameBlob(this.path, index);
    file.catch(() => this.files.delete(index));
    this.files.delete(index);
    this.files.set(index, file);
    for (const old of Array.from(this.files.keys()).slice(0, -FILES)) this.files.delete(old);
    return file;
  }
}
