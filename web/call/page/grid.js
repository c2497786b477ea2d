/**
 * The grid: keeps one view for each tile and gives them their places. Elements are put in once and never moved in the
 * document, only on the screen.
 *
 * @typedef {import("./tiles.js").Tile} Tile
 */
import { el } from "./dom.js";
import { place } from "./layout.js";
import { TileView } from "./tile.js";

const GAP = 8;
/** A page that is hidden for so long needs no pictures. */
const HIDDEN = 5000;

export class Grid {
  /**
   * @param {{sink: () => string, blocked: () => void, shown: (sizes: {key: string, purpose: string, width: number, height: number}[]) => void}} room
   *   shown: how large the pictures of others are, in device pixels
   */
  constructor(room) {
    this.room = room;
    /** @type {Map<string, TileView>} */
    this.views = new Map();
    /** @type {Tile[]} */
    this.tiles = [];
    this.allFacts = false;
    this.element = el("section", { class: "grid", "aria-label": "People in the call" });
    this.observer = new ResizeObserver(() => this.layOut());
    this.observer.observe(this.element);
    this.timer = 0;
    this.isHidden = false;
    this.onVisibility = () => this.hide(document.hidden);
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  /** @param {boolean} hidden */
  hide(hidden) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.isHidden = hidden;
      this.layOut();
    }, hidden ? HIDDEN : 0);
  }

  /** @param {Tile[]} tiles */
  update(tiles) {
    const keys = new Set(tiles.map((tile) => tile.key));
    for (const [key, view] of this.views) {
      if (keys.has(key)) continue;
      view.remove();
      this.views.delete(key);
    }
    /** @type {Element|null} */
    let next = null;
    for (const tile of tiles.slice().reverse()) {
      /** @type {TileView} */
      const view = this.views.get(tile.key) ?? this.add(tile, next);
      view.update(tile);
      next = view.element;
    }
    const changed = tiles.length !== this.tiles.length || tiles.some((tile, i) => tile.key !== this.tiles[i].key);
    this.tiles = tiles;
    if (changed) this.layOut();
  }

  /** @param {Tile} tile @param {Element|null} before */
  add(tile, before) {
    const view = new TileView(tile, this.room);
    this.views.set(tile.key, view);
    this.element.insertBefore(view.element, before);
    view.showFacts(this.allFacts);
    return view;
  }

  layOut() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (width === 0 || height === 0) return;
    const screens = this.tiles.filter((tile) => tile.kind === "screen");
    const cameras = this.tiles.filter((tile) => tile.kind === "camera");
    const boxes = place(screens.length, cameras.length, { width, height }, GAP);
    screens.forEach((tile, i) => this.views.get(tile.key)?.moveTo(boxes.screens[i]));
    cameras.forEach((tile, i) => this.views.get(tile.key)?.moveTo(boxes.cameras[i]));
    this.room.shown([...sizesOf(screens, boxes.screens, "m.screenshare", this.scale()), ...sizesOf(cameras, boxes.cameras, "m.usermedia", this.scale())]);
  }

  /** Device pixels of a CSS pixel. */
  scale() {
    return this.isHidden ? 0 : globalThis.devicePixelRatio || 1;
  }

  /** Opens or closes the details on all tiles. @param {boolean} open */
  showFacts(open) {
    this.allFacts = open;
    for (const view of this.views.values()) view.showFacts(open);
  }

  /** Starts every picture again, with its sound: after a click browsers allow it. */
  unblock() {
    for (const view of this.views.values()) view.start();
  }

  close() {
    this.observer.disconnect();
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisibility);
    for (const view of this.views.values()) view.remove();
    this.views.clear();
  }
}

/** @param {Tile[]} tiles @param {import("./layout.js").Box[]} boxes @param {string} purpose @param {number} scale */
const sizesOf = (tiles, boxes, purpose, scale) => tiles.flatMap(({ peer }, i) =>
  peer ? [{ key: peer.key, purpose, width: Math.round(boxes[i].width * scale), height: Math.round(boxes[i].height * scale) }] : []);
