/**
 * In the call: grid, toolbar, what goes on, dialogs. Needs a Call and its LocalMedia, from wherever they come.
 *
 * @typedef {import("../lib/call.js").Call} Call
 * @typedef {import("../lib/media.js").LocalMedia} LocalMedia
 */
import { brand, showState } from "./brand.js";
import { DeviceChoice } from "./devices.js";
import { dialog, el, icon, setText } from "./dom.js";
import { Grid } from "./grid.js";
import { memory } from "./memory.js";
import { Pairs } from "./pairs.js";
import { copyText } from "./start.js";
import { Story } from "./story.js";
import { tilesOf } from "./tiles.js";
import { canShare, Toolbar } from "./toolbar.js";
import { company, isolated, sentence, shown } from "./words.js";

const REDRAW_AFTER = 40; // milliseconds; changes come in flocks
const HEAR_EVERY = 250;
const SPEAKS_FROM = 0.06; // of the own microphone's level
const LOG_LINES = 60;

const KEYS = [["m", "microphone on and off"], ["v", "camera on and off"], ["s", "share the screen, or stop"], ["d", "connection details on all tiles"], ["p", "who receives whom"], ["Esc", "close what is open"], ["?", "this help"]];

export class RoomView {
  /**
   * @param {{call: Call, media: LocalMedia, title?: string, link?: string, leave: () => void, keys?: [string, string][]}} options
   *   link: what "copy link" copies, none without; keys: those that somebody else minds, for the help
   */
  constructor({ call, media, title = "", link = "", leave, keys = [] }) {
    this.call = call;
    this.media = media;
    this.fallbackTitle = title;
    this.link = link;
    this.story = new Story();
    this.above = "";
    this.speaking = false;
    this.timer = 0;
    this.title = el("h1", { class: "title" });
    this.count = el("span", { class: "count" });
    this.banner = el("p", { class: "banner", role: "status", hidden: true });
    this.sound = el("button", { type: "button", class: "primary sound", hidden: true, click: () => this.unblock() }, icon("speaker"), "Turn the sound on");
    this.grid = new Grid({ sink: () => memory.devices.outputDevice ?? "", blocked: () => { this.sound.hidden = false; }, shown: (sizes) => call.show(sizes) });
    this.pairs = new Pairs();
    this.choice = new DeviceChoice(media, (words) => this.say(words));
    this.deviceBox = dialog("device-box", "Camera and microphone", this.choice.element);
    this.help = dialog("help", "Keys", el("dl", { class: "keys" }, ...[...keys, ...KEYS].flatMap(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)])));
    this.log = el("ol", { class: "log" });
    this.logBox = dialog("log-box", "What went on", this.log);
    this.line = el("p", { class: "line", role: "status" });
    const actions = this.actions(leave);
    this.toolbar = new Toolbar(actions);
    this.keys = new Map([["m", actions.mute], ["v", actions.camera], ["s", actions.share], ["d", actions.details], ["p", actions.pairs], ["?", actions.help]]);
    this.onChange = () => { this.timer ||= window.setTimeout(() => this.draw(), REDRAW_AFTER); };
    this.onSay = (/** @type {any} */ event) => this.say(event.detail?.words);
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.key(event);
    this.hearing = window.setInterval(() => this.hear(), HEAR_EVERY);
    this.element = el("main", { class: "room" },
      el("header", { class: "bar" }, brand(), this.title, this.count),
      this.banner, this.sound, this.grid.element,
      el("div", { class: "story" }, this.line, el("button", { type: "button", class: "plain", click: () => this.logBox.showModal(), "aria-label": "Log of what went on" }, "Log")),
      this.toolbar.element, this.pairs.element, this.deviceBox, this.help, this.logBox);
    this.listen();
    this.draw();
  }

  /** @param {() => void} leave @returns {import("./toolbar.js").Actions} */
  actions(leave) {
    return {
      leave,
      mute: () => { this.mute("audio"); },
      camera: () => { this.mute("video"); },
      share: () => { this.shareScreen(); },
      devices: () => { this.choice.update(); this.deviceBox.showModal(); },
      details: () => this.showDetails(!this.grid.allFacts),
      pairs: () => this.showPairs(),
      copy: this.link ? () => { this.copyLink(); } : undefined,
      help: () => this.help.showModal(),
    };
  }

  listen() {
    this.call.addEventListener("change", this.onChange);
    this.call.addEventListener("say", this.onSay);
    this.media.addEventListener("change", this.onChange);
    this.media.addEventListener("ended", this.onSay);
    document.addEventListener("keydown", this.onKey);
  }

  draw() {
    clearTimeout(this.timer);
    this.timer = 0;
    const snapshot = this.call.snapshot();
    const { media } = this;
    const hasVideo = (media.camera?.getVideoTracks().length ?? 0) > 0, hasAudio = (media.camera?.getAudioTracks().length ?? 0) > 0;
    this.grid.update(tilesOf(snapshot, {
      camera: media.camera, screen: media.screen, speaking: this.speaking,
      audioMuted: media.audioMuted || !hasAudio, videoMuted: media.videoMuted || !hasVideo,
    }));
    this.toolbar.update(media, hasAudio, hasVideo);
    this.drawState(snapshot);
    this.pairs.update(snapshot.matrix, snapshot.self?.key ?? "", Date.now());
    for (const words of this.story.tell(snapshot)) this.write(words);
  }

  /** @param {import("../lib/types.js").Snapshot} snapshot */
  drawState({ state, room, peers, error, through }) {
    const title = room?.name ? shown(room.name) : this.fallbackTitle;
    setText(this.title, title);
    const way = through?.state === "through" ? ` · through ${isolated(through.name)}` : "";
    setText(this.count, state === "connecting" ? "connecting…" : company(peers.length) + way);
    const words = state === "reconnecting" ? "The server is gone. The call goes on; trying to reach the server again…" : sentence(error?.words);
    setText(this.banner, words);
    this.banner.hidden = words === "";
    const busy = state !== "joined" || peers.some((peer) => peer.state !== "connected");
    const bad = peers.some((peer) => peer.state === "failed");
    showState(this.above || `${title} · ${company(peers.length)}`, bad ? "bad" : busy ? "busy" : "well");
  }

  /** What the tab is called instead; "" for the call's own title. @param {string} above */
  entitle(above) {
    this.above = above;
    this.draw();
  }

  /** What others say, or the library of them. @param {unknown} words */
  say(words) {
    this.write(sentence(words));
  }

  /** @param {string} text of this page, where names are isolated already */
  write(text) {
    if (!text || text === this.line.textContent) return;
    setText(this.line, text);
    this.log.prepend(el("li", {}, el("time", {}, new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })), " ", text));
    while (this.log.children.length > LOG_LINES) this.log.lastChild?.remove();
  }

  hear() {
    const speaking = !this.media.audioMuted && this.media.level() > SPEAKS_FROM;
    if (speaking === this.speaking) return;
    this.speaking = speaking;
    this.draw();
  }

  // What the tools do.

  /** @param {"audio"|"video"} kind */
  async mute(kind) {
    const { media } = this;
    const has = (media.camera?.getTracks() ?? []).some((track) => track.kind === kind);
    if (!has) {
      await media.open(memory.devices).catch((error) => this.say(error?.words));
    } else {
      media.setMuted(kind === "audio" ? { audio: !media.audioMuted } : { video: !media.videoMuted });
      this.say(kind === "audio" ? `Your microphone is ${media.audioMuted ? "off" : "on"}.` : `Your camera is ${media.videoMuted ? "off" : "on"}.`);
    }
    if (memory.seat) memory.seat = { ...memory.seat, audioMuted: media.audioMuted, videoMuted: media.videoMuted };
    this.draw();
  }

  async shareScreen() {
    if (!canShare()) return;
    if (this.media.screen) this.media.unshare();
    else await this.media.share().catch((error) => { if (error?.code !== "denied") this.say(error?.words); });
    this.draw();
  }

  /** @param {boolean} shown */
  showDetails(shown) {
    this.grid.showFacts(shown);
    this.toolbar.drawDetails(shown);
  }

  unblock() {
    this.grid.unblock();
    this.sound.hidden = true;
  }

  showPairs() {
    this.pairs.toggle();
    this.draw();
  }

  async copyLink() {
    this.say((await copyText(this.link)) ? "The link of the call is copied." : `The browser does not let the page copy. The link is ${this.link}`);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest?.("input, select, textarea")) return;
    if (event.key === "Escape") return this.escape();
    const open = this.element.querySelector("dialog[open]");
    if (open) { // its own key closes it again
      if (event.key === "p" && open === this.pairs.element) this.pairs.toggle();
      return;
    }
    const action = this.keys.get(event.key);
    if (!action || event.repeat) return;
    event.preventDefault();
    action();
  }

  /** Dialogs close by themselves; what else is open is closed here. */
  escape() {
    if (this.element.querySelector("dialog[open]")) return;
    if (!this.toolbar.isOpen) return this.showDetails(false);
    this.toolbar.showMore(false);
    this.toolbar.more.focus();
  }

  close() {
    clearTimeout(this.timer);
    clearInterval(this.hearing);
    this.call.removeEventListener("change", this.onChange);
    this.call.removeEventListener("say", this.onSay);
    this.media.removeEventListener("change", this.onChange);
    this.media.removeEventListener("ended", this.onSay);
    document.removeEventListener("keydown", this.onKey);
    this.grid.close();
  }
}
