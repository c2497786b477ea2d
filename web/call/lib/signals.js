/**
 * Call messages between two devices, read and written: the envelope of MSC3401, decisions D18 to D20 and D27. Reading is
 * tolerant where published clients differ. Pure.
 *
 * @typedef {'invite'|'answer'|'select_answer'|'candidates'|'negotiate'|'metadata'|'hangup'|'reject'} Kind
 * @typedef {{type: 'offer'|'answer', sdp: string}} Description
 * @typedef {{candidate: string, sdpMid?: string|null, sdpMLineIndex?: number|null, usernameFragment?: string|null}} Candidate
 * @typedef {{[stream: string]: {purpose: string, audio_muted: boolean, video_muted: boolean}}} Metadata what streams are for
 *
 * @typedef {object} Body What one kind of message says or another.
 * @property {Description} [description]
 * @property {Candidate[]} [candidates]
 * @property {Metadata|null} [metadata]
 * @property {string} [reason]
 * @property {string} [selected] party ID
 * @property {{user: string, device: string}} [invitee] "" is anybody
 *
 * @typedef {object} Head
 * @property {Kind} kind
 * @property {string} callId
 * @property {number|null} seq
 * @property {string} messageId
 *
 * @typedef {object} Envelope
 * @property {string} confId
 * @property {string} slotId
 * @property {string} roomId
 * @property {string} deviceId
 * @property {string} partyId
 * @property {string} senderSession
 * @property {string} destSession
 *
 * @typedef {Head & Body} Draft A message before it is addressed.
 * @typedef {Draft & Envelope} Signal
 */

/** Starts the ID of every message we send, so that our own kind is known in glare (D22). */
export const MESSAGE_ID_PREFIX = "meshfocus-";
/** On invites and offers; js-sdk writes the same. */
export const LIFETIME = 60_000;
/** A to-device message has at most this many bytes. */
export const MAX_SIZE = 65_536;

const KEY_METADATA = "sdp_stream_metadata";
const KEY_METADATA_UNSTABLE = "org.matrix.msc3077.sdp_stream_metadata";
const KEY_MESSAGE_ID = "org.matrix.msgid";

/** @type {{[kind in Kind]: string}} */
const WORDS = {
  invite: "invite", answer: "answer", select_answer: "select_answer", candidates: "candidates", negotiate: "negotiate",
  metadata: "sdp_stream_metadata_changed", hangup: "hangup", reject: "reject",
};

/** @type {Map<string, Kind>} */
const KINDS = new Map([["org.matrix.call.sdp_stream_metadata_changed", "metadata"]]);
for (const kind of /** @type {Kind[]} */ (Object.keys(WORDS))) {
  KINDS.set("m.call." + WORDS[kind], kind);
  KINDS.set("com.famedly.call.member." + WORDS[kind], kind);
}

/** js-sdk holds back everything after a hole, Hydrogen never sees these two: they take no number (D20). */
const UNNUMBERED = new Set(["select_answer", "reject"]);

/** @param {Kind} kind whether messages of the kind take a number of their call */
export const isNumbered = (kind) => !UNNUMBERED.has(kind);

/** @param {any} value @param {number} [most] */
const text = (value, most = 255) => typeof value === "string" && value.length <= most ? value : "";

/**
 * Reads a message; null when it is none of ours or something essential is missing.
 * @param {string} event
 * @param {any} content
 * @returns {Signal|null}
 */
export function readSignal(event, content) {
  const kind = KINDS.get(event);
  if (!kind || typeof content !== "object" || content === null) return null;
  const body = readBody(kind, content);
  const deviceId = text(content.device_id);
  const signal = {
    kind, ...body,
    callId: text(content.call_id), confId: text(content.conf_id), slotId: text(content.slot_id),
    roomId: text(content.room_id), deviceId, partyId: text(content.party_id) || deviceId,
    senderSession: text(content.sender_session_id), destSession: text(content.dest_session_id),
    seq: Number.isSafeInteger(content.seq) && content.seq >= 0 ? content.seq : null,
    messageId: text(content[KEY_MESSAGE_ID]),
  };
  const isDart = event.startsWith("com.famedly.");
  const whole = body && signal.callId && (signal.confId || isDart) && signal.destSession;
  return whole && (kind !== "invite" || deviceId) ? signal : null;
}

/** @param {Kind} kind @param {any} content @returns {Body|null} */
function readBody(kind, content) {
  switch (kind) {
    case "invite":
      return withDescription(content, content.offer, ["offer"], {
        invitee: { user: text(content.invitee), device: text(content.invitee_device_id) },
      });
    case "answer":
      return withDescription(content, content.answer, ["answer"], {});
    case "negotiate":
      return withDescription(content, content.description, ["offer", "answer"], {});
    case "candidates":
      return Array.isArray(content.candidates) ? { candidates: content.candidates.filter(isCandidate) } : null;
    case "metadata": {
      const metadata = readMetadata(content);
      return metadata && { metadata };
    }
    case "select_answer":
      return { selected: text(content.selected_party_id) };
    default:
      return { reason: "reason" in content && content.reason !== null ? text(content.reason) || "unknown_error" : "user_hangup" };
  }
}

/** @param {any} content @param {any} is @param {string[]} types @param {Body} rest @returns {Body|null} */
function withDescription(content, is, types, rest) {
  if (typeof is !== "object" || is === null || typeof is.sdp !== "string" || is.sdp === "") return null;
  const type = is.type ?? (types.length === 1 ? types[0] : "");
  if (!types.includes(type)) return null;
  return { ...rest, description: { type, sdp: is.sdp }, metadata: readMetadata(content) };
}

/** @param {any} content @returns {Metadata|null} null: nothing was said, so there is one stream at most */
function readMetadata(content) {
  for (const key of [KEY_METADATA, KEY_METADATA_UNSTABLE]) {
    const streams = content[key];
    if (typeof streams !== "object" || streams === null || Array.isArray(streams)) continue;
    /** @type {Metadata} */
    const metadata = Object.create(null);
    for (const [id, stream] of Object.entries(streams)) {
      if (typeof stream !== "object" || stream === null) continue;
      metadata[id] = {
        purpose: text(stream.purpose), audio_muted: stream.audio_muted === true, video_muted: stream.video_muted === true,
      };
    }
    return metadata;
  }
  return null;
}

/**
 * What has no m-line, or is empty, marks the end of candidates; nobody waits for that, so it is left out here.
 * @param {any} entry
 */
function isCandidate(entry) {
  return typeof entry === "object" && entry !== null && typeof entry.candidate === "string" && entry.candidate !== "" &&
    (typeof entry.sdpMid === "string" || Number.isInteger(entry.sdpMLineIndex));
}

/**
 * Writes a message: the union of what published clients need on each (D19).
 * @param {Signal} signal
 * @returns {{event: string, content: any}}
 */
export function writeSignal(signal) {
  const { kind } = signal;
  /** @type {any} */
  const content = {
    call_id: signal.callId, version: "1", party_id: signal.partyId, conf_id: signal.confId, room_id: signal.roomId,
    device_id: signal.deviceId, sender_session_id: signal.senderSession, dest_session_id: signal.destSession,
    [KEY_MESSAGE_ID]: signal.messageId, ...writeBody(signal),
  };
  if (signal.slotId) content.slot_id = signal.slotId;
  if (signal.seq !== null) content.seq = signal.seq;
  if (signal.metadata) content[KEY_METADATA] = content[KEY_METADATA_UNSTABLE] = signal.metadata;
  return { event: "m.call." + WORDS[kind], content };
}

const CAPABILITIES = { "m.call.transferee": false, "m.call.dtmf": false };

/** @param {Signal} signal */
function writeBody(signal) {
  switch (signal.kind) {
    case "invite":
      return {
        offer: signal.description, lifetime: LIFETIME, capabilities: CAPABILITIES,
        invitee: signal.invitee?.user, invitee_device_id: signal.invitee?.device,
      };
    case "answer":
      return { answer: signal.description, capabilities: CAPABILITIES };
    case "negotiate":
      return { description: signal.description, lifetime: LIFETIME };
    case "candidates":
      return { candidates: signal.candidates };
    case "select_answer":
      return { selected_party_id: signal.selected };
    case "metadata":
      return {};
    default:
      return { reason: signal.reason };
  }
}

/**
 * What a message takes, near enough to bound it.
 * @param {Signal} signal
 */
export function sizeOf(signal) {
  const candidates = (signal.candidates ?? []).reduce((sum, entry) => sum + entry.candidate.length, 0);
  return 512 + (signal.description?.sdp.length ?? 0) + candidates + Object.keys(signal.metadata ?? {}).join("").length;
}
