/**
 * The device's keys, and what is locked with them: a thin layer over the
 * OlmMachine of matrix-sdk-crypto-wasm (vendor/VENDORED.md), which holds them
 * in this browser's IndexedDB.
 *
 * The machine does no requests; it hands them out and is given the answers.
 * All that changes it runs one after the other, in the order it was asked for.
 * When the store closes under it, it is opened anew, and what was being done is
 * done again: nothing of it had left the machine.
 */

import { MatrixError, stubbornly } from "./client.js";
import { isMediaKey, receiving, sendingTo } from "./policy.js";
import { StoreTrouble, isOfStore, persistently } from "./store.js";

/** @typedef {import("./policy.js").DeviceFacts & {curve?: string}} Facts */
/** @typedef {import("./membership.js").Party} Party */
/** @typedef {{from: Party, encrypted: boolean, verified: boolean, event: string, content: any}} Opened */
/** @typedef {{event: any, processed?: any, until: number}} Waiting */
/** @typedef {{toDevice: any[], changed: string[], left: string[], keyCounts: Map<string, number>, fallback?: Set<string>}} Told */
/** @typedef {(content: any, sender: string) => import("./policy.js").Mode} ModeOf */

/** How long a message waits for its sender's keys when the homeserver does not give them: an invite's life. */
const HOLD_MS = 60_000;
const HOLD_MOST = 256;
/** How long after a query for a user's keys a stranger's message may cause the next. */
const QUERY_AGAIN_MS = 10_000;

/** A message that may not or cannot be sent. */
export class Refusal extends Error {
  /** @param {string} code @param {string} words a sentence for people */
  constructor(code, words) {
    super(words);
    this.name = "Refusal";
    this.code = code;
    this.words = words;
  }
}

export class Vault {
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  /** @type {Map<string, number>} when a user's keys were asked for out of turn */
  #queried = new Map();
  /** @type {Waiting[]} messages whose sender's keys the homeserver would not tell; in order */
  #held = [];
  /** @type {Set<string>} devices that have sent us Olm: they cannot fall back */
  #encrypting = new Set();
  /** @type {Set<string>} */
  #followed = new Set();
  /** The store closed, and there is no machine. */
  #isLost = false;
  /** Counted since the vault was opened. */
  stats = { sealed: 0, clearSent: 0, opened: 0, clearTaken: 0, refused: 0, unreadable: 0 };

  /**
   * Opens the keys of a device, or makes them; then they are published.
   * @param {{lib: any, homeserver: import("./client.js").Homeserver, self: Party, store?: string,
   *   trust?: import("./policy.js").Trust, refused?: (words: string, about?: {party: Party, why: string}) => void, signal?: AbortSignal, now?: () => number}} options
   *   lib is the loaded library; without store the keys are in memory only
   * Throws a StoreTrouble when the browser does not keep keys.
   */
  static async open(options) {
    const vault = new Vault(options, await Vault.#load(options));
    await vault.#inTurn(async () => {
      await vault.machine.markAllTrackedUsersAsDirty(); // nobody told us of changes while we were away
      await stubbornly(() => vault.#flush(true), { signal: options.signal });
    });
    return vault;
  }

  /** @param {Parameters<typeof Vault.open>[0]} options */
  static #load({ lib, self, store }) {
    return persistently(() => lib.OlmMachine.initialize(new lib.UserId(self.user_id), new lib.DeviceId(self.device_id), store));
  }

  /** @param {Parameters<typeof Vault.open>[0]} options @param {any} machine */
  constructor(options, machine) {
    this.options = options;
    this.lib = options.lib;
    this.homeserver = options.homeserver;
    this.self = options.self;
    this.trust = options.trust ?? "cross_signed";
    this.refused = options.refused ?? (() => {});
    this.now = options.now ?? (() => Date.now());
    this.machine = machine;
    this.first = this.fingerprint;
  }

  /** The device's own Ed25519 key: the same for as long as the store lives. */
  get fingerprint() {
    return this.machine.identityKeys.ed25519.toBase64();
  }

  /** Whether others who ask for cross-signing take this device (decision D24). */
  isSigned() {
    return this.#inTurn(async () => {
      const facts = await this.#facts(this.self.user_id, this.self.device_id);
      return !facts.ownerCrossSigns || facts.crossSigned;
    });
  }

  close() {
    return this.#inTurn(async () => this.machine.close()).catch((err) => {
      if (!(err instanceof StoreTrouble)) throw err; // what is not open need not be closed
    });
  }

  /**
   * Keeps the device lists of these users up to date, so that their messages
   * can be read: the machine drops what a device sends that it does not know.
   * @param {string[]} users
   */
  follow(users) {
    const strangers = users.filter((user) => !this.#followed.has(user));
    if (strangers.length === 0) return Promise.resolve();
    return this.#inTurn(async () => {
      await this.machine.updateTrackedUsers(this.#ids(strangers));
      await this.#flush();
      strangers.forEach((user) => this.#followed.add(user));
    });
  }

  /**
   * Takes one sync response: changes of devices first, so that a new device's
   * message can be read; then the messages in order. What may not be believed
   * is dropped, counted and said to `refused`.
   * @param {Told} told
   * @param {ModeOf} mode which applies to a message
   * @returns {Promise<Opened[]>}
   */
  receive(told, mode) {
    const until = this.now() + HOLD_MS;
    /** @type {Waiting[]} */
    const news = told.toDevice.map((event) => ({ event, until }));
    return this.#inTurn(async () => {
      const lists = new this.lib.DeviceLists(this.#ids(told.changed), this.#ids(told.left));
      await this.machine.receiveSyncChanges("[]", lists, told.keyCounts, told.fallback);
      await this.#flush();
      const taken = await this.#takeAll(news, told, mode);
      await this.#flush(); // one-time keys that the messages used up
      return taken;
    });
  }

  /** @param {Waiting[]} news @param {Told} told @param {ModeOf} mode */
  async #takeAll(news, told, mode) {
    const before = this.#held;
    this.#held = [];
    /** @type {Opened[]} */
    const taken = [];
    try {
      for (const item of [...before, ...news]) {
        const opened = await this.#openOrHold(item, told, mode);
        if (opened) taken.push(opened);
      }
    } catch (err) {
      this.#held = before;
      throw err;
    }
    return taken;
  }

  /** Messages wait for keys: the next response should come soon. */
  get waiting() {
    return this.#held.length > 0;
  }

  /**
   * Locks a message for one device, or says that it goes in cleartext
   * (decision D23). Messages to one device have to be sent in the order in
   * which they were sealed. Throws a Refusal when it may not be sent.
   * @param {Party} to
   * @param {string} event
   * @param {any} content
   * @param {import("./policy.js").Mode} mode
   * @returns {Promise<{type: string, content: any}>}
   */
  seal(to, event, content, mode) {
    return this.#inTurn(async () => {
      let facts = await this.#facts(to.user_id, to.device_id);
      if (!facts.known && await this.#query(to.user_id)) facts = await this.#facts(to.user_id, to.device_id);
      const way = sendingTo(isMediaKey(event) ? "require" : mode, facts, this.trust);
      if (way.how === "refuse") throw new Refusal(way.code, way.words);
      if (way.how === "clear") {
        this.stats.clearSent++;
        return { type: event, content };
      }
      const sealed = await this.#seal(to, event, content);
      this.stats.sealed++;
      return { type: "m.room.encrypted", content: sealed };
    });
  }

  /**
   * Opens an event of an encrypted room; undefined when its keys are not here,
   * or are those of another user than its sender.
   * @param {string} room @param {any} event as sync brought it
   * @returns {Promise<any>} the event as its sender wrote it, with the `device` that locked it if that is proven (decision D7)
   */
  openInRoom(room, event) {
    return this.#inTurn(async () => {
      const { lib } = this;
      try {
        const opened = await this.machine.decryptRoomEvent(JSON.stringify(event), new lib.RoomId(room), new lib.DecryptionSettings(lib.TrustRequirement.Untrusted));
        const { type, content } = JSON.parse(opened.event);
        const doubt = opened.shieldState(true)?.code;
        if (doubt === lib.ShieldStateCode.MismatchedSender) return undefined;
        const unproven = doubt === lib.ShieldStateCode.AuthenticityNotGuaranteed || doubt === lib.ShieldStateCode.UnknownDevice;
        return { ...event, type, content, device: unproven ? undefined : opened.senderDevice?.toString() };
      } catch (err) {
        if (isOfStore(err)) throw err;
        return undefined;
      }
    });
  }

  /**
   * Locks an event for the devices of users in a room, after they got its key.
   * @param {string} room @param {string[]} users @param {string} event @param {any} content @returns {Promise<any>} content of m.room.encrypted
   */
  async sealForRoom(room, users, event, content) {
    await this.follow(users);
    return this.#inTurn(async () => {
      const { lib } = this;
      const claim = await this.machine.getMissingSessions(this.#ids(users));
      if (claim) await this.#perform(claim);
      for (const request of await this.machine.shareRoomKey(new lib.RoomId(room), this.#ids(users), new lib.EncryptionSettings())) await this.#perform(request);
      return JSON.parse(await this.machine.encryptRoomEvent(new lib.RoomId(room), event, JSON.stringify(content)));
    });
  }

  /** @param {Party} to @param {string} event @param {any} content */
  async #seal(to, event, content) {
    const claim = await this.machine.getMissingSessions(this.#ids([to.user_id]));
    if (claim) await this.#perform(claim);
    const device = await this.machine.getDevice(new this.lib.UserId(to.user_id), new this.lib.DeviceId(to.device_id));
    try {
      return JSON.parse(await device.encryptToDeviceEvent(event, content));
    } catch (err) {
      if (isOfStore(err)) throw err;
      throw new Refusal("no_session", "No encrypted connection to this device can be made: it has no one-time key left on its homeserver.");
    } finally {
      device.free();
    }
  }

  /**
   * A message whose sender's keys are not to be had now waits, and all later
   * ones of that sender behind it.
   * @param {Waiting} item @param {Told} told @param {ModeOf} mode
   */
  async #openOrHold(item, told, mode) {
    const behind = this.#held.some(({ event }) => event.sender === item.event.sender);
    try {
      if (!behind) return await this.#open(item, told, mode);
    } catch (err) {
      if (!(err instanceof MatrixError)) throw err;
    }
    if (this.now() < item.until && this.#held.length < HOLD_MOST) this.#held.push(item);
    else this.#drop(item.event.sender, "its sender's keys could not be had", "unreadable");
    return undefined;
  }

  /**
   * @param {Waiting} item @param {Told} told @param {ModeOf} mode
   * @returns {Promise<Opened|undefined>}
   */
  async #open(item, told, mode) {
    const kinds = this.lib.ProcessedToDeviceEventType;
    const event = item.event;
    item.processed ??= await this.#process(event, told);
    if (item.processed?.type === kinds.UnableToDecrypt) {
      const again = await this.#query(event.sender);
      if (again) item.processed = await this.#process(event, told);
    }
    const processed = item.processed;
    if (processed?.type !== kinds.Decrypted && processed?.type !== kinds.PlainText) {
      return this.#drop(event.sender, "it could not be read", "unreadable");
    }
    const encrypted = processed.type === kinds.Decrypted;
    const inner = JSON.parse(processed.rawEvent);
    if (!concerns(inner)) return undefined; // keys and the like, done with
    const arrived = {
      encrypted, sender: String(event.sender), claimed: textOf(inner.content?.device_id),
      device: encrypted ? processed.encryptionInfo.senderDevice?.toString() : undefined,
      encrypts: this.#encrypting.has(`${event.sender}/${inner.content?.device_id}`),
    };
    const facts = encrypted ? await this.#proven(arrived, processed.encryptionInfo.senderCurve25519Key) : unknown;
    const required = isMediaKey(inner.type) ? "require" : mode(inner.content, arrived.sender);
    const verdict = receiving(required, arrived, facts, this.trust);
    if ("refuse" in verdict) return this.#drop(arrived.sender, verdict.refuse, "refused", arrived.device ?? arrived.claimed);
    this.stats[encrypted ? "opened" : "clearTaken"]++;
    if (encrypted) this.#encrypting.add(`${event.sender}/${arrived.device}`);
    return { from: verdict.from, encrypted, verified: encrypted && facts.verified, event: inner.type, content: inner.content };
  }

  /** @param {string} sender @param {string} why @param {"refused"|"unreadable"} kind @param {string} [device] @returns {undefined} */
  #drop(sender, why, kind, device) {
    this.stats[kind]++;
    const about = device ? { party: { user_id: sender, device_id: device }, why } : undefined;
    this.refused(`A message from ${sender} was dropped: ${why.replace(/\.$/, "")}.`, about);
  }

  /** @param {any} event @param {Told} told */
  async #process(event, told) {
    const [processed] = await this.machine.receiveSyncChanges(JSON.stringify([event]), new this.lib.DeviceLists(), told.keyCounts, told.fallback);
    return processed;
  }

  /**
   * What is published about the device whose keys opened a message; not known
   * when the published keys are others (decision D7).
   * @param {{sender: string, device?: string}} arrived
   * @param {string} curve
   */
  async #proven({ sender, device }, curve) {
    if (!device) return unknown;
    let facts = await this.#facts(sender, device);
    if (facts.curve !== curve && await this.#query(sender)) facts = await this.#facts(sender, device);
    return facts.curve === curve ? facts : unknown;
  }

  /** @param {string} user @param {string} device @returns {Promise<Facts>} */
  async #facts(user, device) {
    const found = await this.machine.getDevice(new this.lib.UserId(user), new this.lib.DeviceId(device));
    if (!found) return unknown;
    const identity = await this.machine.getIdentity(new this.lib.UserId(user));
    try {
      if (found.isDeleted()) return unknown;
      return {
        known: true, ownerCrossSigns: identity !== undefined, crossSigned: found.isCrossSignedByOwner(), verified: found.isVerified(),
        curve: found.getKey(this.lib.DeviceKeyAlgorithmName.Curve25519)?.toBase64(),
      };
    } finally { // each holds the store open until then
      found.free();
      identity?.free();
    }
  }

  /**
   * Asks for a user's devices out of turn; false when that was done just now.
   * @param {string} user
   */
  async #query(user) {
    const now = this.now();
    if (now - (this.#queried.get(user) ?? -Infinity) < QUERY_AGAIN_MS) return false;
    await this.#perform(this.machine.queryKeysForUsers(this.#ids([user])));
    this.#queried.set(user, now);
    return true;
  }

  /**
   * Does the requests the machine has ready. One that fails stays ready.
   * @param {boolean} [strict] a failure is thrown
   */
  async #flush(strict = false) {
    for (const request of await this.machine.outgoingRequests()) {
      try {
        await this.#perform(request);
      } catch (err) {
        if (strict) throw err;
      }
    }
  }

  /** @param {any} request */
  async #perform(request) {
    const kinds = this.lib.RequestType;
    const paths = {
      [kinds.KeysUpload]: ["v3", "keys", "upload"], [kinds.KeysQuery]: ["v3", "keys", "query"], [kinds.KeysClaim]: ["v3", "keys", "claim"],
      [kinds.SignatureUpload]: ["v3", "keys", "signatures", "upload"],
      [kinds.ToDevice]: ["v3", "sendToDevice", request.event_type, request.txn_id],
    };
    const path = paths[request.type];
    if (!path) return; // room messages and key backup are none of ours
    const method = request.type === kinds.ToDevice ? "PUT" : "POST";
    const answer = await this.homeserver.request(method, path, { body: JSON.parse(request.body) });
    await this.machine.markRequestAsSent(request.id, request.type, JSON.stringify(answer));
  }

  /** Fresh each time: the machine consumes them. @param {string[]} users */
  #ids(users) {
    return users.flatMap((user) => {
      try { return [new this.lib.UserId(user)]; } catch { return []; }
    });
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  #inTurn(work) {
    const mine = this.#last.then(() => this.#withStore(work));
    this.#last = mine.catch(() => {});
    return mine;
  }

  /**
   * Does it once more with a machine that the store has been read into anew, when the store closed under the one before.
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #withStore(work) {
    if (this.#isLost) await this.#reload();
    try {
      return await work();
    } catch (err) {
      if (!this.options.store || !isOfStore(err)) throw err;
    }
    await this.#reload();
    return work().catch((err) => {
      this.#isLost = isOfStore(err);
      throw this.#isLost ? new StoreTrouble(err) : err;
    });
  }

  async #reload() {
    if (!this.#isLost) this.machine.close();
    this.#isLost = true;
    const machine = await Vault.#load(this.options);
    if (machine.identityKeys.ed25519.toBase64() !== this.first) {
      machine.close();
      throw new StoreTrouble(new Error("there are other keys in it"));
    }
    this.machine = machine;
    this.#isLost = false;
  }
}

/** @type {Facts} */
const unknown = Object.freeze({ known: false, ownerCrossSigns: false, crossSigned: false, verified: false });

/** The type of the reports that meshfocus devices exchange. */
export const REPORT = "org.meshfocus.call.report";

/** @param {any} inner */
function concerns(inner) {
  const type = textOf(inner?.type) ?? "";
  return (type.startsWith("m.call.") || type.startsWith("org.matrix.call.") || type === REPORT || isMediaKey(type)) && inner.content && typeof inner.content === "object";
}

/** @param {any} value @returns {string|undefined} */
const textOf = (value) => (typeof value === "string" && value ? value : undefined);
