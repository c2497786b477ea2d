import assert from "node:assert/strict";
import { test } from "node:test";
import { SocketSignaller } from "../socket.js";
import { FakeClock } from "./clock.js";

/** Stands for the gateway's end of all sockets of one signaller. */
class Gateway {
  constructor(options = {}) {
    const gateway = this;
    this.sockets = [];
    this.told = [];
    this.hangsUp = false;
    this.clock = new FakeClock();
    this.page = new EventTarget();
    this.Socket = class {
      constructor(url, protocol) {
        Object.assign(this, { url, protocol, readyState: 0, frames: [] });
        gateway.sockets.push(this);
      }
      send(text) { this.frames.push(JSON.parse(text)); }
      close() { this.readyState = 3; }
    };
    this.signaller = new SocketSignaller({
      url: "https://example.org/call/socket", call: "lobby", name: "Anna", random: () => 0.5, WebSocket: this.Socket, clock: this.clock,
      page: this.page, ...options,
    });
    const note = (name) => (...args) => this.told.push([name, ...args]);
    this.signaller.start({
      welcome: note("welcome"), state: note("state"), signal: note("signal"), reports: note("reports"), iceServers: note("iceServers"),
      trouble: note("trouble"), distrust: note("distrust"), down: note("down"), up: note("up"),
      hangUp: () => { if (this.hangsUp) this.signaller.send(to, "m.call.hangup", {}).catch(() => {}); },
    });
  }

  get socket() { return this.sockets.at(-1); }
  get names() { return this.told.map(([name]) => name); }
  tell(frame) { this.socket.onmessage({ data: JSON.stringify(frame) }); }
  types() { return this.socket.frames.map(({ type }) => type); }

  open() {
    this.socket.readyState = 1;
    this.socket.onopen();
  }

  welcome(session = "s1", more = {}) {
    this.open();
    this.tell({ type: "welcome", seat: "secret", self: { user_id: "@a:x", device_id: "D", session_id: session, name: "Anna" }, ...more });
  }
}

const to = { user_id: "@b:x", device_id: "B" };

test("says hello, enters, sends, and settles when the homeserver has it", async () => {
  const gateway = new Gateway({ pass: "word", seat: "old" });
  assert.equal(gateway.socket.url, "wss://example.org/call/socket");
  const entered = gateway.signaller.enter(["m.usermedia"]);
  gateway.welcome();
  assert.deepEqual(gateway.socket.frames[0], { type: "hello", version: 1, call: "lobby", name: "Anna", pass: "word", seat: "old" });
  assert.deepEqual(gateway.types(), ["hello", "enter"]);
  gateway.tell({ type: "entered" });
  await entered;
  const good = gateway.signaller.send(to, "m.call.invite", { a: 1 }), bad = gateway.signaller.send(to, "m.call.invite", {});
  const [{ id, ...frame }, { id: other }] = gateway.socket.frames.slice(-2);
  assert.deepEqual(frame, { type: "signal", to, event: "m.call.invite", content: { a: 1 } });
  gateway.tell({ type: "sent", id });
  gateway.tell({ type: "sent", id: other, error: { code: "bad_message", words: "Not that." } });
  await good;
  await assert.rejects(bad, /Not that/);
});

test("comes back to its seat and session, and says again what nobody confirmed", () => {
  const gateway = new Gateway();
  gateway.welcome();
  gateway.signaller.enter(["m.usermedia"]);
  gateway.signaller.send(to, "m.call.invite", {});
  gateway.socket.onclose();
  gateway.signaller.send(to, "m.call.candidates", {});
  assert.equal(gateway.sockets.length, 1);
  gateway.clock.run(200);
  assert.equal(gateway.sockets.length, 2);
  gateway.welcome("s1", { resumed: true });
  assert.deepEqual(gateway.socket.frames[0], { type: "hello", version: 1, call: "lobby", name: "Anna", seat: "secret", session: "s1" });
  assert.deepEqual(gateway.socket.frames.slice(1).map((frame) => frame.event ?? frame.type), ["enter", "m.call.invite", "m.call.candidates"]);
  assert.deepEqual(gateway.names, ["welcome", "down", "welcome", "up"]);
});

test("what was said in a session that is over is given up", async () => {
  const gateway = new Gateway();
  gateway.welcome();
  const sending = gateway.signaller.send(to, "m.call.invite", {});
  gateway.socket.onclose();
  gateway.clock.run(300);
  gateway.welcome("s2");
  assert.deepEqual(gateway.types(), ["hello"]);
  await assert.rejects(sending);
});

test("says what it has seen, so that nothing is lost on the way", () => {
  const gateway = new Gateway();
  gateway.welcome();
  gateway.tell({ type: "signal", n: 7, from: to, encrypted: true, event: "m.call.hangup", content: {} });
  gateway.clock.run(5000);
  assert.equal(gateway.socket.frames.at(-1).got, 7);
  gateway.socket.onclose();
  gateway.clock.run(300);
  gateway.welcome();
  assert.equal(gateway.socket.frames[0].got, 7);
  gateway.clock.run(5000);
  assert.equal(gateway.socket.frames.at(-1).got, undefined, "a server that was started anew counts anew");
});

test("being refused is an answer to enter", async () => {
  const gateway = new Gateway();
  gateway.welcome();
  const entered = gateway.signaller.enter([]);
  gateway.tell({ type: "error", code: "room_full", words: "The call is full.", fatal: false });
  await assert.rejects(entered, { code: "room_full" });
});

test("tries less and less often", () => {
  const gateway = new Gateway();
  const times = [];
  for (let i = 0; i < 8; i++) {
    times.push(gateway.clock.time);
    const count = gateway.sockets.length;
    gateway.socket.onclose();
    while (gateway.sockets.length === count) gateway.clock.run(50);
  }
  assert.deepEqual(times.slice(1).map((at, i) => at - times[i]), [200, 400, 800, 1600, 3200, 5000, 5000]);
});

test("notices a socket that is dead without saying so", () => {
  const gateway = new Gateway();
  gateway.welcome();
  for (let i = 0; i < 6; i++) {
    gateway.clock.run(5000);
    assert.equal(gateway.types().at(-1), "ping");
    gateway.tell({ type: "pong", id: gateway.socket.frames.at(-1).id });
  }
  assert.equal(gateway.sockets.length, 1);
  gateway.clock.run(10_300);
  assert.deepEqual(gateway.names, ["welcome", "down"]);
  assert.equal(gateway.sockets.length, 2);
});

test("looks at once when the network is back or the page wakes", () => {
  const gateway = new Gateway();
  gateway.welcome();
  gateway.clock.run(100);
  gateway.page.dispatchEvent(new Event("online"));
  assert.equal(gateway.types().at(-1), "ping");
  gateway.clock.run(3100);
  assert.deepEqual(gateway.names, ["welcome", "down"]);
  gateway.page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(gateway.sockets.length, 2, "does not wait for its turn");
});

test("a page that goes away leaves; one that comes back joins anew", () => {
  const gateway = new Gateway();
  gateway.welcome();
  const { socket } = gateway;
  gateway.hangsUp = true;
  gateway.page.dispatchEvent(new Event("pagehide"));
  assert.deepEqual(socket.frames.slice(-2).map(({ type }) => type), ["leave", "signal"], "in this order");
  for (const after of ["visibilitychange", "online"]) gateway.page.dispatchEvent(new Event(after));
  gateway.clock.run(60_000);
  assert.equal(gateway.sockets.length, 1);
  gateway.page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  gateway.open();
  assert.deepEqual(gateway.socket.frames[0], { type: "hello", version: 1, call: "lobby", name: "Anna", seat: "secret" });
});

test("leaving waits for the gateway, but not long", async () => {
  for (const answers of [true, false]) {
    const gateway = new Gateway();
    gateway.welcome();
    gateway.hangsUp = true;
    const left = gateway.signaller.leave();
    assert.deepEqual(gateway.types().slice(-2), ["leave", "signal"], "in this order");
    if (answers) gateway.tell({ type: "left" });
    else gateway.clock.run(1000);
    await left;
    gateway.clock.run(60_000);
    assert.equal(gateway.sockets.length, 1);
  }
});

test("a fatal error ends it; another one makes it wait as told", () => {
  const gateway = new Gateway();
  gateway.open();
  gateway.tell({ type: "error", code: "server_full", words: "Full.", fatal: false, retry_after_ms: 7000 });
  gateway.clock.run(6900);
  assert.equal(gateway.sockets.length, 1);
  gateway.clock.run(200);
  assert.equal(gateway.sockets.length, 2);
  gateway.open();
  gateway.tell({ type: "error", code: "no_such_call", words: "No.", fatal: true });
  gateway.clock.run(60_000);
  assert.equal(gateway.sockets.length, 2);
  assert.deepEqual(gateway.names, ["trouble", "down", "trouble"]);
});

test("messages that wait do not wait for ever, nor without number", async () => {
  const gateway = new Gateway();
  const all = Array.from({ length: 513 }, () => gateway.signaller.send(to, "m.call.candidates", {}));
  const ends = Promise.allSettled(all);
  await assert.rejects(all[512]);
  for (let i = 0; i < 30; i++) {
    gateway.socket.onclose();
    gateway.clock.run(6000);
  }
  assert.ok((await ends).every(({ status }) => status === "rejected"));
});

test("what is no frame is nobody's", () => {
  const gateway = new Gateway();
  gateway.welcome();
  for (const data of ["", "null", "[]", "{", '{"type":"news"}', '{"type":"sent","id":99}']) gateway.socket.onmessage({ data });
  assert.deepEqual(gateway.names, ["welcome"]);
});

test("hands on sticky members, and which devices are not listened to", () => {
  const gateway = new Gateway();
  gateway.welcome();
  const sticky = { type: "m.rtc.member", state_key: "", sender: "@b:x", event_id: "$m", origin_server_ts: 1, content: {}, until: 9 };
  gateway.tell({ type: "state", events: [], members: [], sticky: [sticky] });
  gateway.tell({ type: "state", events: [], members: [] });
  gateway.tell({ type: "distrust", devices: [{ ...to, words: "It is not signed." }] });
  gateway.tell({ type: "distrust", devices: [] });
  assert.deepEqual(gateway.told.slice(1), [
    ["state", { events: [], members: [], sticky: [sticky] }], ["state", { events: [], members: [], sticky: [] }], ["distrust", to, "It is not signed."],
  ]);
});
