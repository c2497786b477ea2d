/**
 * Encrypts what the connections of a page send and opens what they receive, in a worker. It knows senders, receivers and keys;
 * whose key is whose, and when another is made, is framekeys.js's matter.
 *
 * @typedef {import("./frameformat.js").Outcome} Outcome
 */

/** What browsers can do: encoded transforms (WebRTC Encoded Transform, RTCRtpScriptTransform). */
export const canEncryptFrames = () => "RTCRtpScriptTransform" in globalThis;

export class FrameCryptor {
  /**
   * @param {object} events
   * @param {(party: string, outcome: Outcome) => void} events.outcome what becomes of a party's frames, at most once a second while it stays the same
   * @param {(words: string) => void} [events.trouble] for a developer
   */
  constructor({ outcome, trouble = () => {} }) {
    this.worker = new Worker(workerAddress(), { type: "module", name: "frames" });
    this.worker.onmessage = ({ data }) => {
      if (data.say === "outcome") outcome(data.party, data.outcome);
      else trouble(data.say === "unsent" ? `a frame of ${data.codec || "an unknown codec"} cannot be encrypted and was not sent` : data.words);
    };
    this.worker.onerror = (event) => trouble(String(event.message));
    this.connections = 0;
  }

  /** Encrypts with a key from now on. @param {number} index @param {Uint8Array<ArrayBuffer>} raw */
  use(index, raw) {
    this.worker.postMessage({ do: "use", index, raw });
  }

  /** A key of another party. @param {string} party @param {number} index @param {Uint8Array<ArrayBuffer>} raw */
  take(party, index, raw) {
    this.worker.postMessage({ do: "take", party, index, raw });
  }

  /** @param {string} party who has left */
  forget(party) {
    this.worker.postMessage({ do: "forget", party });
  }

  /** @param {RTCPeerConnection} pc @param {string} party the other end @returns {Protection} */
  protect(pc, party) {
    return new Protection(this.worker, pc, party, ++this.connections);
  }

  close() {
    this.worker.terminate();
  }
}

/**
 * One connection whose frames are encrypted.
 *
 * AV1, which cannot be, stays in the descriptions: all browsers put VP8 before it, and what Firefox 153 writes after
 * setCodecPreferences without AV1 is refused by Chromium (feedback for a payload type that is not there).
 */
export class Protection {
  /** @param {Worker} worker @param {RTCPeerConnection} pc @param {string} party @param {number} connection */
  constructor(worker, pc, party, connection) {
    this.worker = worker;
    this.pc = pc;
    this.party = party;
    this.connection = connection;
    /** @type {WeakMap<object, number>} */
    this.seen = new WeakMap();
  }

  /**
   * Takes the senders and receivers that there are by now: to be called whenever there may be more, before anything is sent.
   */
  look() {
    const { connection, party } = this;
    for (const line of this.pc.getTransceivers()) {
      this.attach(line.sender, { side: "send", connection, party });
      this.attach(line.receiver, { side: "receive", connection, party });
    }
    const formats = formatsOf(this.pc.localDescription?.sdp, this.pc.remoteDescription?.sdp);
    this.worker.postMessage({ do: "formats", connection, formats });
  }

  /** @param {any} end @param {import("./frameworker.js").Options} options */
  attach(end, options) {
    if (this.seen.has(end)) return;
    this.seen.set(end, ++ends);
    end.transform = new /** @type {any} */ (globalThis).RTCRtpScriptTransform(this.worker, { ...options, end: ends });
  }

  /** Whose frames a receiver gets, where the other end forwards them. @param {RTCRtpReceiver} receiver @param {string} party */
  setOwner(receiver, party) {
    this.look();
    this.worker.postMessage({ do: "owner", end: this.seen.get(receiver), party });
  }

  close() {
    this.worker.postMessage({ do: "end", connection: this.connection });
  }
}

/** Codecs by payload type. @param {(string|undefined)[]} descriptions @returns {Record<number, string>} */
export function formatsOf(...descriptions) {
  /** @type {Record<number, string>} */
  const formats = {};
  for (const sdp of descriptions) {
    for (const [, type, name] of sdp?.matchAll(/^a=rtpmap:(\d+) ([^/\r\n]+)/gm) ?? []) formats[Number(type)] = name.toLowerCase();
  }
  return formats;
}

/** Under a policy that asks for trusted types, an address of a script has to be one. */
function workerAddress() {
  const address = new URL("frameworker.js", import.meta.url).href;
  const types = /** @type {any} */ (globalThis).trustedTypes;
  if (!types) return address;
  policy ??= types.createPolicy("meshfocus-frames", { createScriptURL: (/** @type {string} */ url) => {
    if (url !== address) throw new TypeError("not the worker");
    return url;
  } });
  return policy.createScriptURL(address);
}

/** @type {any} */
let policy;
/** Senders and receivers so far, of all connections. */
let ends = 0;
