/**
 * Whom we get through members that forward, and whether we go through one ourselves: keeps a Forwarded for each device that
 * comes that way. Of its mesh it takes the sessions and the peers; which pairs are not connected says via.js.
 *
 * @typedef {import("./mesh.js").Mesh} Mesh
 * @typedef {import("./peer.js").Peer} Peer
 */
import { sizeKey } from "./focusclient.js";
import { FocusLine } from "./focusline.js";
import { Forwarded, SOON } from "./forwarded.js";
import { keyOf } from "./members.js";
import { between, forwarderIn, Via } from "./via.js";
import { viaWords } from "./viawords.js";

/** Whoever forwards sends silence and reports: without a byte for so long it is gone. */
const QUIET = 2500;

export class Passage {
  /**
   * @param {Mesh} mesh
   * @param {boolean} can this browser is able to encrypt what the room asks to be encrypted
   * @param {() => void} changed our membership is to say something else of it
   */
  constructor(mesh, can, changed) {
    this.mesh = mesh;
    this.clock = mesh.clock;
    this.via = can ? new Via() : null;
    this.between = between;
    this.changed = changed;
    /** @type {import("./members.js").Member|null} who forwards, or would */
    this.forwarder = null;
    /** @type {Map<string, Forwarded>} whom we get through another, by device */
    this.behind = new Map();
    /** @type {Map<string, import("./focusclient.js").Size>} how large pictures are shown */
    this.sizes = new Map();
    this.isOpen = true;
    this.cancelTimer = () => {};
  }

  /** The data channel to a peer that is to forward for us; null to others. @param {Peer} peer @returns {FocusLine|null} */
  openLine(peer) {
    const { connection, negotiation } = peer;
    if (!connection || !this.via || !this.forwarder || keyOf(this.forwarder) !== peer.key) return null;
    const call = negotiation.call?.id ?? "";
    const line = new FocusLine({
      connection, clock: this.clock, changed: () => peer.streamsChanged(),
      failed: () => peer.handle({ type: "failed", call, step: negotiation.call?.step ?? 0, words: "the data channel failed" }),
    });
    line.handle({ type: "own", metadata: negotiation.metadata });
    return line;
  }

  /** Streams of a peer came or went, or it is said whose they are: frames are opened with the keys of their owners. @param {Peer} peer */
  lineChanged({ connection, line }) {
    for (const [receiver, stream] of line ? connection?.receivers ?? [] : []) {
      const owner = line?.client.streams.get(stream)?.owner;
      if (owner) connection?.protection?.setOwner(receiver, owner);
    }
    this.look();
  }

  /** @param {Map<string, import("./pairing.js").Behind>} behind */
  place(behind) {
    for (const key of this.behind.keys()) if (!behind.has(key)) this.behind.delete(key);
    for (const [key, { member, by }] of behind) {
      const was = this.behind.get(key);
      if (was?.by === by) was.member = member;
      else this.behind.set(key, new Forwarded(this.mesh.hostFor(), member, by, this.mesh.peers.get(key)?.shown === "connected"));
    }
  }

  /** Looks at the facts again, after any of them changed. */
  look() {
    if (!this.isOpen) return;
    const { mesh, via } = this, now = this.clock.now();
    this.forwarder = via && mesh.isEntered ? forwarderIn(mesh.sessions.filter(({ confId }) => mesh.isIn(confId)), mesh.self) : null;
    this.part(now);
    for (const peer of mesh.peers.values()) peer.line?.handle({ type: "want", owners: this.ownersBy(peer.key), sizes: this.sizes });
    if (via) this.follow(via, now);
  }

  /** Whether to go through the member that forwards. @param {Via} via @param {number} now */
  follow(via, now) {
    const { forwarder } = this, peer = forwarder && this.mesh.peers.get(keyOf(forwarder));
    peer?.openLine();
    const up = !!peer?.line?.isUp && peer.negotiation.state === "connected" && peer.silence() < QUIET;
    const starved = this.behind.size > 0 && [...this.behind.values()].every((one) => one.isStarved());
    const before = via.party;
    via.look({ forwarder, up, starved }, now);
    if (JSON.stringify(before) !== JSON.stringify(via.party)) this.changed();
    this.cancelTimer();
    const at = via.deadline(now);
    if (at !== Infinity) this.cancelTimer = this.clock.after(Math.max(0, at - now), () => this.look());
  }

  /** Whom a member forwards to us. @param {string} key */
  ownersBy(key) {
    return new Set([...this.behind.values()].filter(({ by }) => by === key).map((one) => one.key));
  }

  /** Ends direct calls with those who come through another, once they do. @param {number} now */
  part(now) {
    const { peers, invited } = this.mesh;
    for (const [key, one] of this.behind) {
      const peer = peers.get(key);
      if (!peer || (peer.negotiation.isLive && !one.comes() && now - one.since < SOON)) continue;
      peer.drop(); // it knows as well as we do
      peers.delete(key);
      invited.delete(key);
    }
  }

  /** How large pictures are shown. @param {import("./types.js").Shown[]} shown */
  show(shown) {
    this.sizes = new Map(shown.map(({ key, purpose, width, height }) => [sizeKey(key, purpose), { width, height }]));
    this.look();
  }

  /** The numbers of a connection with a member. @param {string} key @param {any[]} entries @param {number} now */
  take(key, entries, now) {
    for (const one of this.behind.values()) if (one.by === key) one.take(entries, now);
  }

  /** Each device once: through another as soon as it comes that way. @returns {(Peer|Forwarded)[]} */
  seen() {
    const { peers } = this.mesh;
    const behind = [...this.behind.values()].filter((one) => one.comes() || !peers.get(one.key)?.negotiation.isLive);
    const keys = new Set(behind.map(({ key }) => key));
    return [...[...peers.values()].filter(({ key }) => !keys.has(key)), ...behind];
  }

  /** @returns {import("./types.js").Through} */
  snapshot() {
    const { forwarder } = this, state = this.via?.state ?? "unable";
    const name = forwarder ? this.mesh.nameOf(forwarder) : "";
    return { state, key: forwarder ? keyOf(forwarder) : "", name, words: viaWords(state, name) };
  }

  close() {
    this.isOpen = false;
    this.cancelTimer();
    this.behind.clear();
  }
}
