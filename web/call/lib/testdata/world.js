/**
 * A room without a server, for two and more Calls in one page. Signallers can be cut off; messages can be counted.
 */
import { Call, LocalMedia } from "../index.js";

export class Room {
  constructor() {
    this.id = "!room:test";
    /** @type {Map<string, any>} */
    this.signallers = new Map();
    this.log = [];
    this.count = 0;
    this.options = { iceServers: [], forms: ["slot", "conference"], mangle: (content) => content, delay: undefined };
  }

  state() {
    const at = 1_700_000_000_000;
    const events = [{
      type: "org.matrix.msc3401.call", state_key: "conf", sender: "@a:test", event_id: "$call", origin_server_ts: at,
      content: { "m.intent": "m.room", "m.type": "m.video" },
    }];
    const members = [];
    for (const { self, feeds, joinedAt } of this.signallers.values()) {
      members.push({ user_id: self.user_id, name: self.name });
      if (!feeds) continue;
      if (this.options.forms.includes("slot")) {
        events.push({
          type: "org.matrix.msc3401.call.member", state_key: `_${self.user_id}_${self.device_id}_m.call`, sender: self.user_id,
          event_id: "$slot" + joinedAt, origin_server_ts: at + joinedAt,
          content: {
            application: "m.call", call_id: "", device_id: self.device_id, membershipID: self.session_id,
            expires: 1e12, focus_active: { type: "full_mesh" }, foci_preferred: [],
          },
        });
      }
      if (this.options.forms.includes("conference")) {
        const device = {
          device_id: self.device_id, session_id: self.session_id, expires_ts: Date.now() + 3600_000,
          feeds: feeds.map((purpose) => ({ purpose })),
        };
        events.push({
          type: "org.matrix.msc3401.call.member", state_key: self.user_id, sender: self.user_id,
          event_id: "$conf" + joinedAt, origin_server_ts: at + joinedAt,
          content: { "m.calls": [{ "m.call_id": "conf", "m.devices": [device] }] },
        });
      }
    }
    return structuredClone({ events, members });
  }

  changed() {
    for (const signaller of this.signallers.values()) {
      setTimeout(() => signaller.isUp && signaller.handler?.state(this.state()));
    }
  }

  route(from, to, event, content) {
    const target = this.signallers.get(to.user_id + "/" + to.device_id);
    this.log.push({ from: from.user_id, to: to.user_id, event, content });
    if (target && !target.isUp) target.missed.push(() => this.route(from, to, event, content));
    if (!target?.isUp) return;
    setTimeout(() => target.handler?.signal({
      from: { user_id: from.user_id, device_id: from.device_id }, encrypted: true, event,
      content: this.options.mangle(structuredClone(content)),
    }), this.options.delay?.(this.log.length) ?? 5);
  }
}

export class RoomSignaller {
  constructor(room, name) {
    this.room = room;
    this.isUp = true;
    this.feeds = null;
    this.joinedAt = ++room.count;
    this.self = { user_id: `@${name.toLowerCase()}:test`, device_id: "DEV" + name.toUpperCase(), session_id: "s" + room.count, name };
    this.held = [];
    this.missed = [];
  }

  start(handler) {
    this.handler = handler;
    this.room.signallers.set(this.self.user_id + "/" + this.self.device_id, this);
    setTimeout(() => {
      this.welcome();
      handler.state(this.room.state());
    });
  }

  welcome() {
    this.handler.welcome({
      self: this.self, room: { id: this.room.id, name: "test", conf_id: "conf", slot_id: "m.call#ROOM" },
      ice_servers: this.room.options.iceServers, relay_only: this.room.options.relayOnly, max_members: 8, seat: "seat",
    });
  }

  /** Others than those that were refused, if the room has any. */
  async freshServers() {
    this.asked = (this.asked ?? 0) + 1;
    return this.room.options.freshServers ?? this.room.options.iceServers;
  }

  async enter(feeds) {
    if (!this.isUp) return new Promise(() => {});
    this.feeds = feeds;
    this.room.changed();
  }

  send(to, event, content) {
    if (!this.isUp) return new Promise((settle) => this.held.push(() => settle(this.send(to, event, content))));
    this.room.route(this.self, to, event, content);
    return Promise.resolve();
  }

  cut() {
    this.isUp = false;
    this.handler.down();
  }

  mend() {
    this.isUp = true;
    this.welcome();
    this.handler.up();
    for (const send of [...this.held.splice(0), ...this.missed.splice(0)]) send();
    this.room.changed();
  }

  report(report) {
    for (const signaller of this.room.signallers.values()) {
      if (signaller === this) continue;
      setTimeout(() => signaller.handler?.reports([{ party: this.self, at: Date.now(), report }]));
    }
  }

  async leave() {
    this.close();
    this.handler?.hangUp();
  }

  close() {
    this.room.signallers.delete(this.self.user_id + "/" + this.self.device_id);
    this.room.changed();
  }
}

/** A canvas that moves, for who has no camera. */
export function picture(width = 160, height = 120) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  let turn = 0;
  setInterval(() => {
    pen.fillStyle = `hsl(${turn++ * 7 % 360} 80% 50%)`;
    pen.fillRect(0, 0, width, height);
  }, 66);
  return canvas.captureStream(15);
}

/** Joins a Call to a room. */
export async function join(room, name, { media = new LocalMedia({ video: { width: 160, height: 120, frameRate: 15 } }), open = true, encryptFrames = room.options.encryptFrames } = {}) {
  if (open) await media.open();
  const signaller = new RoomSignaller(room, name);
  const call = new Call({ signaller, media, call: "test", encryptFrames });
  const says = [];
  call.addEventListener("say", ({ detail }) => says.push(detail.words));
  const party = { call, media, signaller, says, name };
  await call.join();
  return party;
}

/** What is told of all peers, small enough to print. */
export function describe(party) {
  const { state, peers } = party.call.snapshot();
  return {
    state, says: party.says, refusals: [...party.call.mesh?.refusals ?? []],
    peers: peers.map(({ key, state, words, streams, stats }) => ({
      key, state, words, stats,
      streams: streams.map(({ id, purpose, audioMuted, videoMuted, stream }) =>
        ({ id, purpose, audioMuted, videoMuted, tracks: stream.getTracks().map((track) => track.kind + (track.muted ? " muted" : "")) })),
    })),
  };
}

// What the tests say in their expressions.

const room = new Room();
const parties = [];

// Once a second is enough for people, not for tests that wait for it.
setInterval(() => parties.forEach(({ call }) => call.mesh?.measure()), 100);

/** Lets somebody join, known from then on as a variable. */
async function enter(name, options) {
  const before = parties.findIndex((party) => party.name === name);
  if (before >= 0) parties.splice(before, 1);
  const party = await join(room, name, options);
  parties.push(party);
  globalThis[name.toLowerCase()] = party;
}

/** How a party sees its peer: the only one, or the one named. */
const peer = (party, other) =>
  party.call.snapshot().peers.find(({ name }) => !other || name === other.name);
const camera = (party) => peer(party)?.streams.find(({ purpose }) => purpose === "m.usermedia");
const pc = (party) => [...party.call.mesh.peers.values()][0].connection.pc;
const ufrag = (party) => /a=ice-ufrag:(.*)/.exec(pc(party).localDescription.sdp)[1];

/** A message as far as a failing test needs it. */
const brief = ({ from, event, content: { offer, answer, description = offer ?? answer, seq, sdp_stream_metadata: metadata } }) =>
  [from, event, seq, description?.type, metadata, description?.sdp.match(/^a=(mid|sendrecv|sendonly|recvonly|inactive|msid:).*$/gm)];

const marks = new WeakMap();

/** Whether frames of another decode now: more of them than when it was last asked. */
function sees(party, other) {
  const is = peer(party, other);
  const connection = party.call.mesh.peers.get(is?.key)?.connection;
  if (!connection || is.state !== "connected") return false;
  const frames = is.stats?.framesDecoded ?? 0;
  const before = marks.get(connection) ?? marks.set(connection, frames).get(connection);
  if (frames <= before + 3) return false;
  marks.set(connection, frames);
  return true;
}

/** Whether a stream of a purpose has a picture that is not muted. */
const shows = (party, purpose) => peer(party)?.streams
  .some((stream) => stream.purpose === purpose && stream.stream.getVideoTracks().some((track) => !track.muted));

/** Lets a party hear: what nobody listens to has no level. */
function play(party) {
  const audio = new Audio();
  audio.srcObject = camera(party).stream;
  audio.play();
}

navigator.mediaDevices.getDisplayMedia = async () => picture();

Object.assign(globalThis, { room, parties, enter, peer, camera, pc, ufrag, sees, shows, play, describe, brief, Call, LocalMedia });
