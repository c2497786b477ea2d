/**
 * The data channel to a member that forwards, on the connection with it: hands what is said to focusclient.js and does
 * what that decides.
 *
 * @typedef {import("./focusclient.js").Event} Event
 * @typedef {import("./signals.js").Description} Description
 * @typedef {import("./peer.js").Clock} Clock
 */
import { FocusClient } from "./focusclient.js";
import { CHANNEL } from "./focuswords.js";

export class FocusLine {
  /**
   * @param {object} options
   * @param {import("./connection.js").Connection} options.connection
   * @param {Clock} options.clock
   * @param {() => void} options.changed the channel opened or closed, or what the other end says of streams changed
   * @param {() => void} options.failed another call has to be made: there is no way back from an offer
   */
  constructor({ connection, clock, changed, failed }) {
    this.connection = connection;
    this.clock = clock;
    this.changed = changed;
    this.failed = failed;
    this.client = new FocusClient();
    this.cancelTimer = () => {};
    /** @type {Description|null} an offer that is not answered yet */
    this.offer = null;
    this.settled = () => this.answer();
    connection.pc.addEventListener("signalingstatechange", this.settled);
    this.channel = connection.pc.createDataChannel(CHANNEL);
    this.channel.onopen = () => {
      this.handle({ type: "open" });
      changed();
    };
    this.channel.onclose = () => changed();
    this.channel.onmessage = ({ data }) => this.handle({ type: "said", text: data });
  }

  /** Whether there is somebody at the other end who says what there is. */
  get isUp() {
    return this.channel.readyState === "open" && this.client.isTold;
  }

  /** @param {Event} event */
  handle(event) {
    for (const action of this.client.handle(event, this.clock.now())) this.act(action);
    this.cancelTimer();
    const at = this.client.deadline();
    if (at !== Infinity) this.cancelTimer = this.clock.after(Math.max(0, at - this.clock.now()), () => this.handle({ type: "tick" }));
  }

  /** @param {import("./focusclient.js").Action} action */
  act(action) {
    switch (action.do) {
      case "say":
        if (this.channel.readyState === "open") this.channel.send(action.text);
        return;
      case "answer":
        this.offer = action.description; // the one before, if it still waits, was withdrawn
        return this.answer();
      case "changed": return this.changed();
      case "rest": return this.connection.rest(action.rids);
      case "fail": return this.failed();
    }
  }

  /**
   * In turn with what else the connection does; candidates are of no use any more. An offer of ours that is under way goes
   * first, and the other end, which has withdrawn its own for that, makes another.
   */
  answer() {
    const { connection } = this, { pc } = connection;
    connection.work = connection.work.then(async () => {
      const { offer } = this;
      if (!connection.isOpen || !offer || pc.signalingState !== "stable") return;
      this.offer = null;
      if (version(offer) < version(pc.remoteDescription)) return;
      await pc.setRemoteDescription(offer);
      connection.protection?.look();
      await pc.setLocalDescription();
      connection.protection?.look();
      const { sdp } = /** @type {RTCSessionDescription} */ (pc.localDescription);
      this.handle({ type: "answered", description: { type: "answer", sdp } });
    }).catch(() => { if (connection.isOpen) this.failed(); });
  }

  close() {
    this.cancelTimer();
    this.connection.pc.removeEventListener("signalingstatechange", this.settled);
    this.channel.onopen = this.channel.onclose = this.channel.onmessage = null;
    this.channel.close();
  }
}

/** Which of its writer's a description is (RFC 3264, section 8). @param {Description|RTCSessionDescription|null} description */
const version = (description) => BigInt(/^o=\S+ \S+ (\d+) /m.exec(description?.sdp ?? "")?.[1] ?? 0);
