/**
 * Who is in which call of a room, from the room's state, its sticky events and the time: the same answers as the daemon's
 * signalling/membership, held to one list of examples. What single events claim is read by memberread.js and sticky.js;
 * the rules that all forms share stand here. Everything is pure.
 *
 * @typedef {import("./types.js").StateEvent} StateEvent
 * @typedef {import("./memberread.js").Claim} Claim
 *
 * @typedef {object} Member One joined device.
 * @property {string} user_id
 * @property {string} device_id
 * @property {string} session_id
 * @property {number} createdAt
 * @property {number} expiresAt what the member said; in the state it counts EXPIRY_SLACK longer
 * @property {string} focus transport type
 * @property {boolean} mesh it can be connected to directly
 * @property {string[]} feeds purposes
 * @property {string} eventId
 * @property {true} [forwards] it passes on what others send it
 * @property {import("./types.js").Party} [via] to whom it sends, and from whom it gets everything, instead of all
 *
 * @typedef {object} Session Those who are joined to one slot or conference.
 * @property {string} confId
 * @property {'calls'|'session'|'famedly'} form
 * @property {string} focus
 * @property {boolean} current false for live conferences that are older than another
 * @property {'open'|'closed'|'missing'} slot
 * @property {string} slotCallId names the session in an open slot; "" without
 * @property {Member[]} members oldest first
 *
 * @typedef {{sessions: Session[], next: number, closed: Set<string>}} Result next is when time alone changes the answer, 0 for
 *   never; closed are the IDs of slots that are.
 */
import { readMember } from "./memberread.js";
import { isNewer, isObject } from "./memberwords.js";
import { ends, readSlots, SLOT_GRACE } from "./slots.js";
import { readStickies } from "./sticky.js";

export { EXPIRY_SLACK } from "./memberread.js";
export { isMesh, sameSlot, SLOT_ROOM } from "./memberwords.js";

const CALL_TYPES = ["org.matrix.msc3401.call", "m.call"];
/** Of one device in one session the better form counts, as js-sdk moved from one to the next. */
const RANKS = { calls: 0, famedly: 0, memberships: 1, seed: 2, session: 2, sticky: 3 };

/** @param {{user_id: string, device_id: string}} party */
export const keyOf = (party) => party.user_id + "/" + party.device_id;

/** @param {string} key @returns {import("./types.js").Party} */
export function partyOf(key) {
  const at = key.indexOf("/", key.indexOf(":")); // a server's name has none
  return { user_id: key.slice(0, at), device_id: key.slice(at + 1) };
}

/**
 * @param {object} facts
 * @param {StateEvent[]} facts.events
 * @param {Set<string>} facts.joined user IDs whose room membership is "join"
 * @param {import("./types.js").StickyEvent[]} [facts.sticky]
 * @param {import("./slots.js").HeldSlot[]} [facts.held] what is remembered of slots, see holdSlots
 * @param {number} now
 * @returns {Result}
 */
export function compute({ events, joined, sticky = [], held = [] }, now) {
  const calls = readCallObjects(events);
  const slots = readSlots(events, held, now);
  const isLive = (/** @type {string} */ id) => calls.has(id) && !isTerminated(/** @type {StateEvent} */ (calls.get(id)));
  const claims = [...events.flatMap((event) => readMember(event, joined, isLive)), ...readStickies(sticky, joined, slots)];
  const alive = claims.filter((claim) => endsAt(claim) > now);
  const sessions = group(best(alive), calls, slots);
  const dates = [...alive.map(endsAt), ...sessions.map(({ confId }) => holdsUntil(slots.get(confId)))];
  const next = dates.reduce((least, at) => Math.min(least, at), Infinity);
  const closed = new Set([...slots].filter(([, { status }]) => status === "closed").map(([id]) => id));
  return { sessions, next: next === Infinity ? 0 : next, closed };
}

/** @param {import("./slots.js").CountedSlot} [slot] */
const holdsUntil = (slot) => slot?.since ? slot.since + SLOT_GRACE : Infinity;

/**
 * Whether another session has begun since one was computed in the same slot (D12). Members of both left the one and joined
 * the other.
 * @param {Session} is @param {Session} was
 */
export const succeeds = (is, was) => is.confId === was.confId && is.slot !== "closed" &&
  ends({ status: was.slot, callId: was.slotCallId }, { status: is.slot, callId: is.slotCallId });

/** @param {Claim} claim */
const endsAt = ({ member, slack }) => member.expiresAt + slack;

/** @param {StateEvent[]} events @returns {Map<string, StateEvent>} by conference ID, terminated ones too */
function readCallObjects(events) {
  const calls = new Map();
  for (const event of events) {
    if (!CALL_TYPES.includes(event.type) || event.state_key === "" || event.state_key.includes("#")) continue;
    const known = isObject(event.content) &&
      ["m.ring", "m.prompt", "m.room"].includes(event.content["m.intent"]) &&
      ["m.voice", "m.video"].includes(event.content["m.type"]);
    const twin = calls.get(event.state_key);
    if (known && (!twin || isNewer(event, twin))) calls.set(event.state_key, event);
  }
  return calls;
}

/** Presence ends a call, whatever is written there, except what means "not". @param {StateEvent} call */
function isTerminated(call) {
  const value = call.content["m.terminated"];
  return Array.isArray(value) || isObject(value) || Boolean(value);
}

/** Of one device's claims to one session one counts. @param {Claim[]} claims */
function best(claims) {
  /** @type {Map<string, Claim>} */
  const kept = new Map();
  for (const claim of claims) {
    const key = JSON.stringify([claim.confId, claim.member.user_id, claim.member.device_id]);
    const twin = kept.get(key);
    if (!twin || !isBetter(twin, claim)) kept.set(key, claim);
  }
  return [...kept.values()];
}

/** @param {Claim} a @param {Claim} b of two in one event the later counts */
function isBetter(a, b) {
  if (RANKS[a.form] !== RANKS[b.form]) return RANKS[a.form] > RANKS[b.form];
  return isNewer(a.event, b.event) || (a.event === b.event && a.form === "sticky" && a.member.session_id > b.member.session_id);
}

/** @param {Claim[]} claims @param {Map<string, StateEvent>} calls @param {Map<string, import("./slots.js").Slot>} slots @returns {Session[]} */
function group(claims, calls, slots) {
  const live = [...calls.values()].filter((call) => !isTerminated(call));
  const current = live.reduce((best, call) => !best || isNewer(call, best) ? call : best, /** @type {StateEvent|null} */ (null));
  /** @type {Map<string, Session>} */
  const sessions = new Map();
  for (const call of live) {
    sessions.set(call.state_key, {
      confId: call.state_key, form: "calls", focus: "full_mesh", current: call === current, slot: "missing", slotCallId: "", members: [],
    });
  }
  /** @type {Map<string, Claim[]>} */
  const rest = new Map();
  for (const claim of claims.sort(byAge)) {
    const conference = sessions.get(claim.confId);
    if (conference) conference.members.push(claim.member);
    else rest.set(claim.confId, [...(rest.get(claim.confId) ?? []), claim]);
  }
  for (const [confId, members] of rest) {
    const form = members[0].form === "famedly" ? "famedly" : "session";
    const { status, callId } = slots.get(confId) ?? { status: "missing", callId: "" };
    sessions.set(confId, {
      confId, form, focus: agreed(members), current: true, slot: status, slotCallId: callId, members: members.map(({ member }) => member),
    });
  }
  return [...sessions.values()].sort((a, b) => order(a.confId, b.confId));
}

/**
 * The type of transport on which the members of a slot meet (D6): a mesh if a sticky member, who agrees with each other for
 * itself, can be met in one; else that of the oldest who is written in the state.
 * @param {Claim[]} claims oldest first
 */
function agreed(claims) {
  const decides = claims.find(({ form, member }) => form === "sticky" && member.mesh) ?? claims.find(({ form }) => form !== "sticky") ?? claims[0];
  return decides.member.focus;
}

/** @param {string|number} a @param {string|number} b */
const order = (a, b) => a < b ? -1 : a > b ? 1 : 0;

/** @param {Claim} a @param {Claim} b */
const byAge = ({ member: a }, { member: b }) => order(a.createdAt, b.createdAt) || order(a.eventId, b.eventId) ||
  order(a.user_id, b.user_id) || order(a.device_id, b.device_id);
