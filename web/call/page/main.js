/**
 * The page of a guest: which view is shown, and the way from one to the next. The only place that makes a call.
 *
 *   /  start
 *   /c/<call>  pre-join ──> room ──> notice (left, full, replaced…) ──> pre-join or room
 *              a reload in the room leads back into it
 */
import { Call, LocalMedia, SocketSignaller } from "../lib/index.js";
import { showState } from "./brand.js";
import { memory } from "./memory.js";
import { noticeView } from "./notice.js";
import { PreJoin } from "./prejoin.js";
import { RoomView } from "./room.js";
import { startView } from "./start.js";

const VIDEO = { width: 640, height: 360, frameRate: 24 };

class Page {
  /** @param {string} name of the call */
  constructor(name) {
    this.name = name;
    this.title = name === "lobby" ? "The lobby" : "A call";
    this.media = new LocalMedia({ audio: true, video: VIDEO });
    /** @type {PreJoin|RoomView|null} */
    this.view = null;
    /** @type {Call|null} */
    this.call = null;
    /** @type {import("./prejoin.js").Entry} */
    this.entry = { name: memory.name, pass: "", via: new URLSearchParams(location.search).get("via") === "focus" };
  }

  begin() {
    const { seat } = memory;
    if (seat?.call !== this.name) return this.preJoin();
    this.media.setMuted({ audio: seat.audioMuted, video: seat.videoMuted });
    this.again(seat);
  }

  preJoin() {
    showState(`${this.title} · meshfocus`, "idle");
    const view = new PreJoin({ media: this.media, title: this.name === "lobby" ? this.title : "Ready to join?", open: () => this.openDevices(), via: this.entry.via, join: (entry) => this.enter(entry) });
    this.show(view);
    view.open();
    (view.name.value ? view.submit : view.name).focus();
  }

  /** Opens the devices of last time; those that are gone give way to others. */
  async openDevices() {
    const { audioDevice, videoDevice } = memory.devices;
    try {
      await this.media.open({ audioDevice, videoDevice });
    } catch (error) {
      if ((!audioDevice && !videoDevice) || /** @type {any} */ (error)?.code !== "missing") throw error;
      await this.media.open();
    }
  }

  /** Straight into the room, as after a reload. @param {import("./prejoin.js").Entry} entry */
  async again(entry) {
    this.enter(entry);
    this.room();
    await this.openDevices().catch((error) => /** @type {any} */ (this.view)?.say?.(error?.words));
  }

  /** @param {import("./prejoin.js").Entry} entry */
  enter({ name, pass, via }) {
    this.entry = { name, pass, via };
    const seat = memory.seat?.call === this.name ? memory.seat.seat : undefined;
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/call/socket`;
    const signaller = new SocketSignaller({ url, call: this.name, name, pass: pass || undefined, seat });
    const call = new Call({ signaller, media: this.media, call: this.name, via: via ? "focus" : "" });
    this.call = call;
    Object.assign(globalThis, { meshfocus: { call, media: this.media } }); // for the console of who looks for a fault
    call.addEventListener("change", () => { if (call === this.call) this.follow(call.snapshot()); });
    call.join().catch(() => {}); // told by the snapshot
  }

  /** @param {import("../lib/types.js").Snapshot} snapshot */
  follow({ state, error, seat }) {
    if (state === "joined") {
      const { audioMuted, videoMuted } = this.media;
      memory.seat = { ...this.entry, call: this.name, seat, audioMuted, videoMuted };
      if (!(this.view instanceof RoomView)) this.room();
    } else if (state === "refused") {
      this.refused(error ?? { code: "", words: "" });
    } else if (state === "left") { // by ourselves, or thrown out: then there is an error
      this.end(error ?? { code: "left" });
    }
  }

  /** @param {{code: string, words: string}} error */
  refused(error) {
    if (error.code !== "wrong_pass") return this.end(error);
    this.call = null;
    memory.seat = null;
    if (!(this.view instanceof PreJoin)) this.preJoin();
    if (this.view instanceof PreJoin) this.view.askPass();
  }

  room() {
    const { call, media, title } = this;
    if (!call) return;
    this.show(new RoomView({ call, media, title, link: `${location.origin}/c/${this.name}`, leave: () => { call.leave(); } }));
  }

  /** @param {{code: string, words?: string}} why */
  end(why) {
    this.call = null;
    if (why.code !== "replaced") memory.seat = null;
    this.media.close();
    this.media = new LocalMedia({ audio: true, video: VIDEO });
    this.show(null, noticeView(why, () => this.retry(why.code)));
    showState(`${this.title} · meshfocus`, why.code === "left" ? "idle" : "bad");
    document.querySelector("h1")?.focus();
  }

  /** @param {string} code */
  retry(code) {
    if (code === "version") return location.reload();
    if (code === "replaced" || code === "gone") return void this.again(this.entry);
    this.preJoin();
  }

  /** @param {PreJoin|RoomView|null} view @param {HTMLElement} [element] */
  show(view, element) {
    this.view?.close();
    this.view = view;
    document.body.replaceChildren(element ?? view?.element ?? "");
  }
}

const name = location.pathname.match(/^\/c\/([a-z2-7]+)$/)?.[1];
if (name) {
  new Page(name).begin();
} else {
  showState("meshfocus", "idle");
  document.body.replaceChildren(startView());
}
