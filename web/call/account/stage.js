/**
 * From the chosen room into the call and back: the call page's own views, with
 * a signaller of ours behind them.
 *
 *   entrance ──> pre-join ──> room ──> notice ──> pre-join, or entrance
 */

import { Call, LocalMedia } from "/call/lib/index.js";
import { showState } from "/call/page/brand.js";
import { memory } from "/call/page/memory.js";
import { noticeView } from "/call/page/notice.js";
import { PreJoin } from "/call/page/prejoin.js";
import { RoomView } from "/call/page/room.js";

/** The room that this tab is in a call of: a reload leads back into it. */
const HERE = "meshfocus.account.here";
const RING_KEY = "r";
const VIDEO = { width: 640, height: 360, frameRate: 24 };

/**
 * @typedef {object} Entrance
 * @property {string} title of the room
 * @property {string} room ID or alias, as it was chosen
 * @property {string} name ours
 * @property {string} link leads others with an account here
 * @property {() => import("../lib/types.js").Signaller} signaller a fresh one for each call
 * @property {import("./ringview.js").RingView} rings incoming calls, shown wherever we are
 * @property {() => Promise<void>} quiet ends the sync that hears them outside of a call: ours does
 * @property {() => void} listen begins it again
 * @property {() => void} back to the choice of rooms
 */

export class Stage {
  /** @param {Entrance} entrance @param {LocalMedia} [media] of the call that we come from */
  constructor(entrance, media = new LocalMedia({ audio: true, video: VIDEO })) {
    this.entrance = entrance;
    this.media = media;
    /** @type {PreJoin|RoomView|null} */
    this.view = null;
    /** @type {Call|null} */
    this.call = null;
    this.above = "";
    this.via = new URLSearchParams(location.search).get("via") === "focus";
    /** @type {Promise<void>} our leaving, as far as it has come */
    this.parting = Promise.resolve();
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
  }

  preJoin() {
    const { title, name } = this.entrance;
    const guestName = memory.name;
    showState(`${title} · meshfocus`, "idle");
    const view = new PreJoin({ media: this.media, title, via: this.via, open: () => this.media.open(), join: ({ via }) => { memory.name = guestName; this.via = via; this.enter(); } });
    view.name.value = name;
    view.name.readOnly = true; // it is the account's
    this.show(view, view.element);
    view.open();
    view.submit.focus();
  }

  /** Straight into the call, as after a reload or from another call. */
  async again() {
    await this.enter();
    this.room();
    if (!this.media.camera) await this.media.open().catch((error) => this.say(error?.words));
  }

  async enter() {
    await this.entrance.quiet();
    sessionStorage.setItem(HERE, JSON.stringify({ room: this.entrance.room, title: this.entrance.title }));
    const call = new Call({ signaller: this.entrance.signaller(), media: this.media, via: this.via ? "focus" : "" });
    this.call = call;
    Object.assign(globalThis, { meshfocus: { .../** @type {any} */ (globalThis).meshfocus, call, media: this.media } }); // for who looks by the console
    call.addEventListener("change", () => { if (call === this.call) this.follow(call.snapshot()); });
    call.join().catch(() => {}); // told by the snapshot
  }

  /** @param {import("../lib/types.js").Snapshot} snapshot */
  follow({ state, error }) {
    if (state === "joined" && !(this.view instanceof RoomView)) this.room();
    else if (state === "refused" || state === "left") this.end(error ?? { code: "left" });
  }

  room() {
    const { call, media, entrance } = this;
    if (!call) return;
    const view = new RoomView({
      call, media, title: entrance.title, link: entrance.link, leave: () => { this.parting = call.leave(); },
      keys: [[RING_KEY, "to the call that rings"]],
    });
    this.show(view, view.element);
  }

  /** Leaves for another call; what is open of camera and microphone goes along. @returns {Promise<LocalMedia>} */
  async away() {
    const { call } = this;
    this.call = null;
    this.media.unshare(); // the screen was meant for those here
    await call?.leave();
    this.view?.close();
    document.removeEventListener("keydown", this.onKey);
    return this.media;
  }

  /** Somebody calls: that goes before what is open, and before the name of the call. @param {string} title of the page; "" when nothing rings */
  ring(title) {
    if (title && title !== this.above) document.querySelectorAll("dialog[open]").forEach((box) => /** @type {HTMLDialogElement} */ (box).close());
    this.above = title;
    if (this.view instanceof RoomView) this.view.entitle(title);
    else document.title = title || `${this.entrance.title} · meshfocus`;
  }

  /** @param {string} words */
  say(words) {
    if (this.view instanceof RoomView) this.view.say(words);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const typing = /** @type {Element} */ (event.target).closest?.("input, select, textarea");
    if (event.key !== RING_KEY || event.ctrlKey || event.metaKey || event.altKey || typing || document.querySelector("dialog[open]")) return;
    this.entrance.rings.focus();
  }

  /** @param {{code: string, words?: string}} why */
  end(why) {
    const { call, entrance } = this;
    if (why.code !== "left") call?.signaller.close(); // else our leaving does
    this.call = null;
    this.parting.then(() => { if (!this.call) entrance.listen(); });
    sessionStorage.removeItem(HERE);
    this.media.close();
    this.media = new LocalMedia({ audio: true, video: VIDEO });
    this.show(null, noticeView(why, () => (why.code === "signed_out" ? entrance.back() : this.preJoin())));
    showState(`${entrance.title} · meshfocus`, why.code === "left" ? "idle" : "bad");
    document.querySelector("h1")?.focus();
  }

  /** @param {PreJoin|RoomView|null} view @param {HTMLElement} element */
  show(view, element) {
    this.view?.close();
    this.view = view;
    const { rings } = this.entrance, bar = element.querySelector(".bar");
    if (bar) bar.after(rings.element);
    else element.prepend(rings.element);
    if (view instanceof RoomView) view.entitle(this.above);
    document.body.replaceChildren(element);
  }
}

/** The call this tab was in before it was loaded again. @returns {{room: string, title: string}|undefined} */
export function calling() {
  try {
    const here = JSON.parse(sessionStorage.getItem(HERE) ?? "null");
    return typeof here?.room === "string" && typeof here.title === "string" ? here : undefined;
  } catch {
    return undefined;
  }
}
