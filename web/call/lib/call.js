/**
 * A call as one device sees it: what a page talks to.
 *
 * @typedef {import("./types.js").Signaller} Signaller
 * @typedef {import("./types.js").Snapshot} Snapshot
 * @typedef {import("./types.js").Welcome} Welcome
 * @typedef {import("./types.js").Trouble} Trouble
 * @typedef {import("./media.js").LocalMedia} LocalMedia
 */
import { systemClock } from "./clock.js";
import { canEncryptFrames } from "./framecryptor.js";
import { keyOf } from "./members.js";
import { Mesh } from "./mesh.js";
import { linkOf, makeMatrix } from "./report.js";

const LOOK_EVERY = 1000;
const HEAR_EVERY = 250;
const REPORT_EVERY = 2;
/** A clock that jumps further means that the page was frozen, or the lid closed. */
const SLEPT = 10_000;
const MAX_REPORTS = 64;
const ENTER_AGAIN = 5000;
const NO_FRAMES = {
  code: "no_frame_encryption", fatal: true,
  words: "In this call sound and picture are encrypted from end to end, and this browser cannot do that. Chromium from 141, Firefox from 117 and Safari from 15.4 can.",
};
const AWAY = { code: "unreachable", words: "The server cannot be reached at the moment; trying again.", fatal: false };

/**
 * Whose frames are encrypted once more: those of all, or those that go through a member that forwards, who could read what it
 * passes on. A gateway says what is wanted; otherwise it is done in encrypted rooms.
 * @param {{via: string, encryptFrames?: boolean}} options of a Call @param {Welcome} welcome @returns {'none'|'forwarded'|'all'}
 */
export function framesToEncrypt({ via, encryptFrames }, { room, encrypt_frames = false, encrypt_forwarded = room.encrypted }) {
  if (encryptFrames ?? encrypt_frames) return "all";
  return via !== "" && encryptFrames !== false && encrypt_forwarded ? "forwarded" : "none";
}

/** Events: "change" (there is something to draw) and "say" (detail.words: a line for people). */
export class Call extends EventTarget {
  /**
   * @param {object} options
   * @param {Signaller} options.signaller
   * @param {LocalMedia} options.media opened or not; it may be opened later
   * @param {string} [options.call] its name, for the snapshot
   * @param {boolean} [options.encryptFrames] encrypt sound and picture once more, from end to end; as the signaller says when it is left out
   * @param {''|'focus'} [options.via] "focus": send to the member that forwards, and get everything from it, if there is one
   * @param {import("./peer.js").Clock} [options.clock]
   */
  constructor({ signaller, media, call = "", encryptFrames, via = "", clock = systemClock }) {
    super();
    this.signaller = signaller;
    this.media = media;
    this.name = call;
    this.encryptFrames = encryptFrames;
    this.via = via;
    /** @type {typeof import("./passage.js")|null} loaded where it is wanted */
    this.passages = null;
    /** @type {import("./types.js").Shown[]} */
    this.shown = [];
    this.clock = clock;
    /** @type {import("./types.js").CallState} */
    this.state = "idle";
    /** @type {Trouble|null} */
    this.error = null;
    /** @type {Mesh|null} */
    this.mesh = null;
    /** @type {Map<string, {at: number, report: import("./types.js").Report}>} */
    this.reports = new Map();
    /** @type {Map<string, {name: string, state: string}>} as last announced */
    this.known = new Map();
    this.metadata = media.metadata;
    this.feeds = "";
    this.looks = 0;
    this.lookedAt = 0;
    this.isTold = true;
    /** @type {(() => void)[]} */
    this.stops = [];
    /** @type {{settle: () => void, give: (error: Error) => void}|null} */
    this.joining = null;
  }

  /** Enters the call. Settles once the membership is written; throws when the call cannot be entered. @returns {Promise<void>} */
  join() {
    if (this.state !== "idle") return Promise.reject(new Error("a Call joins once; make another to join again"));
    this.state = "connecting";
    this.watch();
    this.tell();
    return new Promise((settle, give) => {
      this.joining = { settle, give };
      const start = () => this.isOver() || this.signaller.start({
        welcome: (welcome) => this.welcome(welcome),
        state: (state) => this.isOver() || this.mesh?.state(state),
        signal: (message) => this.isOver() || this.mesh?.receive(message),
        reports: (reports) => this.hearReports(reports),
        iceServers: (servers) => this.mesh?.iceServers(servers),
        distrust: (party, words) => this.mesh?.distrust(party, words),
        trouble: (trouble) => this.trouble(trouble),
        down: () => this.link(false),
        up: () => this.link(true),
        hangUp: () => this.mesh?.leave(),
      });
      if (this.via === "") return start();
      import("./passage.js").then((passages) => { this.passages = passages; }).catch(() => {}).finally(start); // without it we meet directly
    });
  }

  /** Leaves for good: the others are told, and when they do not see our membership any more connections end. */
  async leave() {
    if (this.isOver()) return;
    this.error = null;
    this.finish("left");
    await this.signaller.leave().catch(() => {});
    this.mesh?.leave(); // if the signaller had us not do so
    this.signaller.close();
  }

  isOver() {
    return this.state === "left" || this.state === "refused";
  }

  /** @param {import("./types.js").CallState} state */
  finish(state) {
    this.state = state;
    for (const stop of this.stops) stop();
    this.stops = [];
    this.joining?.give(new Error(this.error?.words ?? "left"));
    this.joining = null;
    this.tell();
  }

  // What the signaller says.

  /** @param {Welcome} welcome */
  welcome(welcome) {
    if (this.isOver()) return;
    this.error = null;
    if (this.mesh?.isSelf(welcome)) this.mesh.resume(welcome);
    else this.begin(welcome);
    if (this.isOver()) return;
    this.feeds = "";
    this.enter();
  }

  /** @param {Welcome} welcome */
  begin(welcome) {
    this.mesh?.drop();
    this.known.clear();
    const wanted = framesToEncrypt(this, welcome), canEncrypt = canEncryptFrames(), { passages } = this;
    if (wanted === "all" && !canEncrypt) return this.trouble(NO_FRAMES);
    const encryptFrames = canEncrypt ? wanted : "none", canSeal = canEncrypt || wanted === "none";
    this.mesh = new Mesh({
      encryptFrames, passage: passages && ((mesh) => new passages.Passage(mesh, canSeal, () => this.enter())),
      signaller: this.signaller, clock: this.clock, welcome, source: this.media, metadata: this.media.metadata,
      changed: () => this.tell(),
    });
    this.mesh.passage?.show(this.shown);
  }

  /**
   * How large pictures are shown, in device pixels, so that no larger ones are asked of a member that forwards. Those of
   * which nothing is said come as large as they can, those of size 0 not at all.
   * @param {import("./types.js").Shown[]} shown
   */
  show(shown) {
    this.shown = shown;
    this.mesh?.passage?.show(shown);
  }

  /** Writes what we send, and to whom, into our membership, if that is news. @returns {Promise<void>} */
  async enter() {
    const feeds = ["m.usermedia", ...(this.media.screen ? ["m.screenshare"] : [])];
    const mesh = this.mesh, via = mesh?.passage?.via?.party ?? null;
    const wish = JSON.stringify([feeds, via]);
    if (!mesh || this.feeds === wish) return;
    this.feeds = wish;
    try {
      await this.signaller.enter(feeds, via);
    } catch (error) {
      return this.notEntered(/** @type {any} */ (error)?.code);
    }
    if (mesh !== this.mesh || this.isOver()) return;
    mesh.entered();
    if (this.state === "connecting") this.state = "joined";
    this.joining?.settle();
    this.joining = null;
    this.tell();
  }

  /** trouble() was told why. What may pass is tried again. @param {string|undefined} code */
  notEntered(code) {
    this.feeds = "";
    if (this.isOver()) return;
    if (code === "homeserver_unreachable") this.stops.push(this.clock.after(ENTER_AGAIN, () => this.enter()));
    else if (code && this.state === "connecting") {
      this.finish("refused");
      this.signaller.close();
    }
  }

  /** @param {boolean} up */
  link(up) {
    if (this.isOver()) return;
    this.mesh?.link(up);
    if (this.mesh && this.state !== "connecting") this.state = up ? "joined" : "reconnecting";
    this.error = up ? null : AWAY;
    this.tell();
  }

  /** @param {Trouble} trouble */
  trouble(trouble) {
    if (this.isOver()) return;
    this.error = trouble;
    this.say(trouble.words);
    if (!trouble.fatal) return this.tell();
    this.mesh?.leave();
    this.finish(this.state === "connecting" ? "refused" : "left");
  }

  /** @param {import("./types.js").PartyReport[]} reports */
  hearReports(reports) {
    for (const { party, at, report } of reports.slice(0, MAX_REPORTS)) {
      if (typeof party?.user_id !== "string" || !Array.isArray(report?.links)) continue;
      this.reports.set(keyOf(party), { at: Number(at) || this.clock.now(), report });
    }
    this.tell();
  }

  // What this device notices.

  watch() {
    const onMedia = () => this.mediaChanged(), onOnline = () => this.networkChanged();
    this.media.addEventListener("change", onMedia);
    globalThis.addEventListener?.("online", onOnline);
    this.stops.push(
      () => this.media.removeEventListener("change", onMedia),
      () => globalThis.removeEventListener?.("online", onOnline),
      this.every(LOOK_EVERY, () => this.look()),
      this.every(HEAR_EVERY, () => this.hear()),
    );
    this.lookedAt = this.clock.now();
  }

  /** @param {number} ms @param {() => void} call @returns {() => void} stop */
  every(ms, call) {
    let cancel = () => {};
    const again = () => {
      cancel = this.clock.after(ms, () => {
        again();
        call();
      });
    };
    again();
    return () => cancel();
  }

  /** The membership names what we send before any offer does. */
  async mediaChanged() {
    const was = this.metadata, is = this.metadata = this.media.metadata;
    const news = Object.keys(was).some((id) => JSON.stringify(was[id]) !== JSON.stringify(is[id]));
    await this.enter();
    this.mesh?.media(is, news);
    this.tell();
  }

  networkChanged() {
    this.signaller.check?.();
    this.mesh?.network(true);
  }

  /** Once a second. */
  async look() {
    const now = this.clock.now();
    if (now - this.lookedAt > SLEPT) {
      this.signaller.check?.();
      this.mesh?.network(false);
    }
    this.lookedAt = now;
    const { mesh } = this;
    if (!mesh) return;
    await mesh.measure();
    if (this.isOver() || mesh !== this.mesh) return;
    if (this.looks++ % REPORT_EVERY === 0) this.report(mesh);
    this.tell();
  }

  /** @param {Mesh} mesh */
  report(mesh) {
    const now = this.clock.now();
    const report = { links: mesh.links(this.media, now) };
    this.reports.set(keyOf(mesh.self), { at: now, report });
    this.signaller.report(report);
  }

  /** Several times a second: who speaks. */
  hear() {
    const now = this.clock.now();
    if (this.mesh?.hear(now)) this.tell();
  }

  // What is told.

  /** @param {string} words */
  say(words) {
    this.dispatchEvent(new CustomEvent("say", { detail: { words } }));
  }

  /** Says once, for all that happens in one turn, that something changed. */
  tell() {
    if (!this.isTold) return;
    this.isTold = false;
    queueMicrotask(() => {
      this.isTold = true;
      this.announce();
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Says who came, went, or cannot be reached. */
  announce() {
    const peers = new Map((this.mesh?.snapshot() ?? []).map((peer) => [peer.key, peer]));
    for (const [key, { name, state, words }] of peers) {
      const before = this.known.get(key)?.state;
      if (before === state) continue;
      this.known.set(key, { name, state });
      if (state === "connected") this.say(before === "reconnecting" ? `The connection with ${name} is back.` : `${name} is here.`);
      else if (words && (state === "failed" || state === "refused" || state === "reconnecting")) this.say(words);
    }
    for (const [key, { name }] of this.known) {
      if (peers.has(key)) continue;
      this.known.delete(key);
      this.say(`${name} left.`);
    }
  }

  /** Everything there is to draw, as it is now. @returns {Snapshot} */
  snapshot() {
    const { mesh } = this;
    const self = mesh && { ...mesh.welcome.self, key: keyOf(mesh.self) };
    const peers = this.isOver() ? [] : (mesh?.snapshot() ?? []).map((peer) => ({ ...peer, theirs: linkOf(this.reports, peer.key, self?.key ?? "")?.trust }));
    /** @type {import("./types.js").Matrix["parties"]} */
    const parties = peers.filter((peer) => peer.state !== "refused").map(({ key, name }) => ({ key, name }));
    if (self) parties.unshift({ key: self.key, name: self.name });
    return {
      state: this.state, error: this.error, self, call: this.name, peers, reports: this.reports,
      room: mesh && { id: mesh.welcome.room.id, name: mesh.welcome.room.name ?? "" },
      seat: mesh?.welcome.seat ?? "", maxMembers: mesh?.maxMembers() ?? 8,
      through: mesh?.passage?.snapshot() ?? null, matrix: makeMatrix(parties, this.reports),
    };
  }
}
