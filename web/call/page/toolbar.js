/**
 * The controls of the call. On narrow windows all but the first few lie behind "More".
 *
 * @typedef {import("../lib/media.js").LocalMedia} LocalMedia
 * @typedef {{mute: () => void, camera: () => void, share: () => void, devices: () => void, details: () => void, pairs: () => void, copy?: () => void, help: () => void, leave: () => void}} Actions
 */
import { el, icon, setAttribute, setIcon, setText } from "./dom.js";

export const canShare = () => typeof navigator.mediaDevices?.getDisplayMedia === "function";

export class Toolbar {
  /** @param {Actions} actions */
  constructor(actions) {
    this.mic = tool("mic", "Mute", "m", actions.mute);
    this.camera = tool("camera", "Camera", "v", actions.camera);
    this.share = tool("screen", "Share", "s", actions.share);
    this.share.hidden = !canShare();
    this.details = tool("info", "Details", "d", actions.details);
    this.more = tool("more", "More", "", () => this.showMore(!this.isOpen));
    this.more.classList.add("more");
    const leave = tool("leave", "Leave", "", actions.leave);
    this.rest = el("div", { class: "rest", id: "more-tools", click: () => this.showMore(false) },
      tool("devices", "Devices", "", actions.devices), this.details, tool("mesh", "Pairs", "p", actions.pairs),
      actions.copy ? tool("link", "Copy link", "", actions.copy) : null, tool("help", "Keys", "?", actions.help));
    setAttribute(this.more, "aria-controls", "more-tools");
    setAttribute(this.more, "aria-expanded", "false");
    setAttribute(this.details, "aria-pressed", "false");
    this.element = el("nav", { class: "toolbar", "aria-label": "Call controls" },
      el("div", { class: "main-tools" }, this.mic, this.camera, this.share, this.more, leave), this.rest);
  }

  get isOpen() {
    return this.rest.classList.contains("open");
  }

  /** @param {boolean} open */
  showMore(open) {
    this.rest.classList.toggle("open", open);
    setAttribute(this.more, "aria-expanded", String(open));
  }

  /** @param {LocalMedia} media @param {boolean} hasAudio @param {boolean} hasVideo */
  update(media, hasAudio, hasVideo) {
    draw(this.mic, media.audioMuted || !hasAudio ? "micOff" : "mic", media.audioMuted, hasAudio ? ["Mute", "Muted"] : ["No microphone", "Muted"], hasAudio ? "Mute microphone" : "No microphone, try again");
    draw(this.camera, media.videoMuted || !hasVideo ? "cameraOff" : "camera", media.videoMuted, hasVideo ? ["Camera", "Camera off"] : ["No camera", "Camera off"], hasVideo ? "Turn camera off" : "No camera, try again");
    draw(this.share, "screen", media.screen !== null, ["Share", "Sharing"], "Share screen");
    this.mic.classList.toggle("off", media.audioMuted || !hasAudio);
    this.camera.classList.toggle("off", media.videoMuted || !hasVideo);
    this.share.classList.toggle("on", media.screen !== null);
  }

  /** @param {boolean} shown */
  drawDetails(shown) {
    setAttribute(this.details, "aria-pressed", String(shown));
    this.details.classList.toggle("on", shown);
  }
}

/** @param {string} name @param {string} label @param {string} key @param {() => void} click */
function tool(name, label, key, click) {
  return el("button", { type: "button", class: `tool tool-${name}`, click, "aria-keyshortcuts": key || undefined, title: key ? `${label} (${key})` : label }, icon(name), el("span", {}, label));
}

/** Eyes read the state; a screen reader hears the same name always, pressed or not. @param {HTMLElement} button @param {string} name @param {boolean} pressed @param {string[]} states off, on @param {string} label */
function draw(button, name, pressed, [off, on], label) {
  setIcon(button, name);
  setAttribute(button, "aria-pressed", String(pressed));
  setAttribute(button, "aria-label", label);
  const text = button.querySelector("span");
  if (text) setText(text, pressed ? on : off);
}
