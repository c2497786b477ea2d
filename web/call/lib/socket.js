/**
 * The way of a guest into the room: the daemon's websocket, protocol meshfocus.call.v1 (docs/protocol.md). A connection
 * that breaks is made again, and the seat taken again, before anybody notices; messages wait meanwhile.
 *
 * @typedef {import("./types.js").Handler} Handler
 * @typedef {import("./peer.js").Clock} Clock
 * @typedef {{frame: any, at: number, settle: () => void, give: (error: Error) => void}} Pending
 *
 * @typedef {object} SocketOptions
 * @property {string} url of the websocket; "https:" is taken too
 * @property {string} call
 * @property {string} name of the guest
 * @property {string} [pass]
 * @property {string} [seat] secret of an earlier visit, to have the same device again
 * @property {typeof WebSocket} [WebSocket]
 * @property {Clock} [clock]
 * @property {EventTarget} [page] where pagehide, online and so on happen; the window
 * @property {() => number} [random]
 */
import { systemClock } from "./clock.js";

const PROTOCOL = "meshfocus.call.v1";
const VERSION = 1;
const BACKOFF_FIRST = 200;
const BACKOFF_MOST = 5000;
const PING_EVERY = 5000;
/** A socket that says nothing for so long is dead; nobody else would tell. */
const SILENCE = 10_000;
/** The same, when there is a reason for doubt. */
const DOUBT = 3000;
const MAX_PENDING = 512;
/** What has waited longer helps nobody. */
const MAX_AGE = 120_000;
const LEAVE_WAIT = 1000;
const OPEN = 1;
/** Errors that answer an enter. */
const REFUSALS = ["room_full", "not_allowed", "homeserver_unreachable"];

export class SocketSignaller {
  /** @param {SocketOptions} options */
  constructor(options) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.page = options.page ?? globalThis;
    this.random = options.random ?? Math.random;
    this.seat = options.seat ?? "";
    this.session = "";
    /** @type {Handler|null} */
    this.handler = null;
    /** @type {WebSocket|null} */
    this.socket = null;
    this.isWelcome = false;
    this.isClosed = false;
    this.attempts = 0;
    this.lastId = 0;
    this.heardAt = 0;
    /** @type {number|undefined} of the last signal seen on this socket, so that none is lost on the way */
    this.got = undefined;
    /** @type {Map<number, Pending>} signals that are not acknowledged, by ID, in order */
    this.pending = new Map();
    /** @type {{settle: () => void, give: (error: Error) => void}|null} */
    this.entering = null;
    /** @type {any} the frame that says what our membership is to be */
    this.wish = null;
    this.isAway = false;
    this.cancelRetry = () => {};
    this.cancelPing = () => {};
    this.cancelDoubt = () => {};
    this.leftCall = () => {};
    /** @type {[string, (event: any) => void][]} */
    this.watched = [
      ["pagehide", () => this.goodbye()], ["pageshow", (event) => event.persisted && this.comeBack()],
      ["online", () => this.check()], ["resume", () => this.check()], ["visibilitychange", () => this.check()],
    ];
  }

  /** @param {Handler} handler */
  start(handler) {
    this.handler = handler;
    for (const [event, call] of this.watched) this.page.addEventListener(event, call);
    this.connect();
  }

  // The interface of a signaller.

  /** @param {string[]} feeds @param {import("./types.js").Party|null} [via] @returns {Promise<void>} */
  enter(feeds, via = null) {
    this.wish = { type: "enter", feeds, ...(via && { via }) };
    this.entering?.settle(); // the later wish counts for both
    return new Promise((settle, give) => {
      this.entering = { settle, give };
      this.write(this.wish);
    });
  }

  /** @param {import("./types.js").Party} to @param {string} event @param {any} content @returns {Promise<void>} */
  send(to, event, content) {
    const id = ++this.lastId;
    const frame = { type: "signal", id, to, event, content };
    return new Promise((settle, give) => {
      if (this.isClosed || this.pending.size >= MAX_PENDING) return give(new Error("the way to the server is closed"));
      this.pending.set(id, { frame, at: this.clock.now(), settle, give });
      this.write(frame);
    });
  }

  /** @param {import("./types.js").Report} report */
  report(report) {
    this.write({ type: "report", report });
  }

  /** @returns {Promise<void>} settles when the gateway has taken it, or soon */
  async leave() {
    await new Promise((/** @type {(value?: unknown) => void} */ settle) => {
      this.leftCall = settle;
      this.clock.after(LEAVE_WAIT, settle);
      if (!this.part()) settle();
    });
    this.close();
  }

  /** The gateway keeps hang-ups behind a leave until it is taken. */
  part() {
    const isHeard = this.write({ type: "leave" });
    this.handler?.hangUp?.();
    return isHeard;
  }

  close() {
    this.isClosed = true;
    for (const [event, call] of this.watched) this.page.removeEventListener(event, call);
    this.cancelRetry();
    this.drop();
    this.giveUp(() => true);
    this.entering?.give(new Error("closed"));
    this.entering = null;
  }

  /** Looks at once whether the connection lives: the page slept, or the network changed. */
  check() {
    if (this.isClosed || !this.handler) return;
    if (!this.socket) return this.connect();
    const asked = this.clock.now();
    if (!this.write(this.pingFrame())) return;
    this.cancelDoubt();
    this.cancelDoubt = this.clock.after(DOUBT, () => this.heardAt < asked && this.lose());
  }

  // The socket.

  connect() {
    this.cancelRetry();
    if (this.socket || this.isClosed || this.isAway) return;
    const Socket = this.options.WebSocket ?? WebSocket;
    const url = new URL(this.options.url);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new Socket(url.href, PROTOCOL);
    this.socket = socket;
    this.heardAt = this.clock.now();
    socket.onopen = () => socket === this.socket && this.hello();
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(data);
    socket.onclose = () => socket === this.socket && this.lose();
    this.ping();
  }

  hello() {
    const { call, name, pass } = this.options;
    /** @type {any} */
    const hello = { type: "hello", version: VERSION, call, name };
    if (pass) hello.pass = pass;
    if (this.seat) hello.seat = this.seat;
    if (this.seat && this.session) Object.assign(hello, { session: this.session, got: this.got });
    this.socket?.send(JSON.stringify(hello));
  }

  /** Sends a frame if there is somebody to hear it. @param {any} frame */
  write(frame) {
    if (!this.isWelcome || this.socket?.readyState !== OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  ping() {
    this.cancelPing = this.clock.after(PING_EVERY, () => {
      if (this.clock.now() - this.heardAt >= SILENCE) return this.lose();
      this.giveUpOld();
      this.write(this.pingFrame());
      this.ping();
    });
  }

  pingFrame() {
    return { type: "ping", id: ++this.lastId, got: this.got };
  }

  /** The connection is gone, or as good as. @param {number} [wait] at least */
  lose(wait = 0) {
    this.drop();
    this.giveUpOld();
    if (this.isClosed) return;
    const backoff = Math.min(BACKOFF_FIRST * 2 ** this.attempts++, BACKOFF_MOST) * (0.75 + this.random() / 2);
    this.cancelRetry = this.clock.after(Math.max(wait, backoff), () => this.connect());
    this.handler?.down();
  }

  drop() {
    this.cancelPing();
    this.cancelDoubt();
    const socket = this.socket;
    this.socket = null;
    this.isWelcome = false;
    socket?.close();
  }

  /** @param {(pending: Pending) => boolean} which */
  giveUp(which) {
    for (const [id, pending] of this.pending) {
      if (!which(pending)) continue;
      this.pending.delete(id);
      pending.give(new Error("the message could not be sent in time"));
    }
  }

  giveUpOld() {
    this.giveUp(({ at }) => this.clock.now() - at > MAX_AGE);
  }

  /** The page goes away: leave at once. What Chromium tells a page after that, such as that it is hidden, brings nobody back. */
  goodbye() {
    this.isAway = true;
    this.part();
    this.drop();
  }

  /** The browser had kept the page and shows it again. */
  comeBack() {
    this.session = "";
    this.isAway = false;
    this.connect();
  }

  // What the gateway says.

  /** @param {any} data */
  hear(data) {
    this.heardAt = this.clock.now();
    const frame = parse(data);
    switch (frame?.type) {
      case "welcome": return this.welcome(frame);
      case "state": return this.handler?.state({ events: frame.events ?? [], members: frame.members ?? [], sticky: frame.sticky ?? [] });
      case "distrust":
        for (const { user_id, device_id, words } of frame.devices ?? []) this.handler?.distrust?.({ user_id, device_id }, words);
        return;
      case "signal":
        this.got = frame.n ?? this.got;
        return this.handler?.signal(frame);
      case "sent": return this.sent(frame);
      case "reports": return this.handler?.reports(frame.reports ?? []);
      case "ice_servers": return this.handler?.iceServers(frame.ice_servers ?? []);
      case "entered":
        this.entering?.settle();
        this.entering = null;
        return;
      case "left": return this.leftCall();
      case "error": return this.trouble(frame);
    }
  }

  /** @param {any} welcome */
  welcome(welcome) {
    const back = this.session !== "";
    const same = welcome.self.session_id === this.session;
    this.attempts = 0;
    this.isWelcome = true;
    this.got = undefined; // a server that was started anew counts anew
    this.seat = welcome.seat ?? this.seat;
    this.session = welcome.self.session_id;
    if (!same) this.giveUp(() => true); // they name another session
    this.handler?.welcome(welcome);
    if (back) this.handler?.up();
    if (this.wish) this.write(this.wish);
    for (const { frame } of this.pending.values()) this.write(frame);
  }

  /** @param {{id: number, error?: {code: string, words: string}}} frame */
  sent({ id, error }) {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    if (error) pending?.give(Object.assign(new Error(error.words ?? error.code), { code: error.code, words: error.words ?? "" }));
    else pending?.settle();
  }

  /** @param {import("./types.js").Trouble} trouble */
  trouble(trouble) {
    this.handler?.trouble(trouble);
    if (trouble.fatal) this.close();
    else if (!this.isWelcome) this.lose(trouble.retry_after_ms);
    else if (REFUSALS.includes(trouble.code)) {
      this.entering?.give(Object.assign(new Error(trouble.words), { code: trouble.code }));
      this.entering = null;
    }
  }
}

/** @param {any} data */
function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
