/**
 * One tile of the grid. Made once for its key and brought up to date in place: a video element that is made anew
 * flickers, and a button that is made anew loses the focus.
 *
 * @typedef {import("./tiles.js").Tile} Tile
 */
import { el, icon, setAttribute, setText } from "./dom.js";
import { facts, initials, trust } from "./words.js";

const HUES = 8; // classes hue-0 to hue-7 of the style sheet

export class TileView {
  /** @param {Tile} tile @param {{sink: () => string, blocked: () => void}} room */
  constructor(tile, room) {
    this.room = room;
    this.own = tile.own;
    this.video = el("video", { autoplay: true, playsinline: true, tabindex: "-1" });
    this.video.muted = tile.own;
    this.avatar = el("div", { class: "avatar", "aria-hidden": "true" });
    this.name = el("bdi", { class: "name" });
    this.screenMark = tile.kind === "screen" ? icon("screen") : null;
    this.mic = el("span", { class: "mark" }, icon("micOff"), el("span", { class: "unseen" }, "microphone off"));
    this.camera = el("span", { class: "mark" }, icon("cameraOff"), el("span", { class: "unseen" }, "camera off"));
    this.clear = el("span", { class: "mark clear" }, icon("stalled"), el("span", { class: "unseen" }, "call messages in clear text"));
    this.words = el("p", { class: "words" });
    this.facts = el("div", { class: "facts", role: "group", tabindex: "0", hidden: true });
    this.button = el("button", { type: "button", class: "info", "aria-expanded": "false", click: () => this.showFacts(Boolean(this.facts.hidden)) }, icon("info"));
    this.element = el("article", { class: `tile ${tile.kind} hue-${hue(tile.peer?.key ?? "")}` },
      this.video, this.avatar, this.words,
      el("div", { class: "plate" }, this.screenMark, this.name, this.clear, this.mic, this.camera),
      this.facts, this.own ? null : this.button);
    this.update(tile);
  }

  /** @param {Tile} tile */
  update(tile) {
    const name = tile.own ? `${tile.name} (you)` : tile.name;
    const label = tile.kind === "screen" ? (tile.own ? "Your screen" : `Screen of ${name}`) : name;
    const { classList } = this.element;
    setAttribute(this.element, "aria-label", label);
    setAttribute(this.button, "aria-label", `Connection details: ${label}`);
    setAttribute(this.facts, "aria-label", `Connection details of ${label}`);
    setText(this.name, label);
    setText(this.avatar, initials(tile.name));
    classList.toggle("own", tile.own);
    classList.toggle("speaking", Boolean(tile.speaking) && !tile.audioMuted);
    classList.toggle("blank", tile.videoMuted || tile.mood === "bad" || tile.stream === null);
    this.clear.hidden = !tile.peer || trust(tile.peer).mood !== "bad";
    this.mic.hidden = !tile.audioMuted;
    this.camera.hidden = !tile.videoMuted || tile.mood !== "well";
    setAttribute(this.words, "class", `words ${tile.mood}`);
    setText(this.words, tile.words);
    this.words.hidden = tile.words === "";
    this.play(tile.stream);
    this.peer = tile.peer;
    if (!this.facts.hidden) this.drawFacts();
  }

  /** @param {MediaStream|null} stream */
  play(stream) {
    const { video } = this;
    const sink = this.room.sink();
    // Firefox before 116 and Safari choose no loudspeaker.
    if (!this.own && "setSinkId" in video && video.sinkId !== sink) video.setSinkId(sink).catch(() => {});
    if (video.srcObject === stream) return;
    video.srcObject = stream;
    if (stream) this.start();
  }

  /** Starts the picture; a browser that wants a click first lets the silent picture run. */
  start() {
    this.video.muted = this.own;
    this.video.play().catch((error) => {
      if (error.name !== "NotAllowedError") return;
      this.video.muted = true;
      this.video.play().catch(() => {});
      this.room.blocked();
    });
  }

  /** @param {boolean} open */
  showFacts(open) {
    if (this.own) return;
    this.facts.hidden = !open;
    setAttribute(this.button, "aria-expanded", String(open));
    if (open) this.drawFacts();
  }

  drawFacts() {
    const { peer } = this;
    if (!peer) return;
    const { label, words, mood } = trust(peer);
    const rows = peer.stats ? facts(peer.stats, peer.via) : [];
    this.facts.replaceChildren(
      el("p", { class: `trust ${mood}` }, icon(mood === "bad" ? "stalled" : "shield"), el("span", {}, el("strong", {}, `${label}. `), words)),
      el("dl", {}, ...rows.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)])),
      rows.length === 0 ? el("p", {}, "No media connection yet.") : "");
  }

  /** @param {import("./layout.js").Box} box */
  moveTo({ x, y, width, height }) {
    const { style } = this.element;
    style.setProperty("--x", `${x}px`);
    style.setProperty("--y", `${y}px`);
    style.setProperty("--w", `${width}px`);
    style.setProperty("--h", `${height}px`);
    this.element.classList.toggle("small", width < 170 || height < 130);
  }

  remove() {
    this.video.srcObject = null;
    this.element.remove();
  }
}

/** A colour for the same device each time. @param {string} key */
function hue(key) {
  let sum = 0;
  for (const unit of key) sum = (sum * 31 + (unit.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}
