/**
 * Sticky memberships (MSC4143, MSC4354): all generations of the content, as signalling/membership reads them. Pure.
 *
 * @typedef {import("./slots.js").Slot} Slot
 * @typedef {import("./memberread.js").Claim} Claim
 * @typedef {import("./types.js").StickyEvent} StickyEvent
 * @typedef {{sticky: StickyEvent, join: any|null}} Entry of the sticky map; without a join it only keeps its place
 */
import { arrayOf, canonicalSlot, forwardingOf, isApplication, isMesh, isName, isObject, isSlotPart, nameOf } from "./memberwords.js";

const MEMBER_TYPES = ["org.matrix.msc4143.rtc.member", "m.rtc.member"];

/**
 * @param {StickyEvent[]} stickies in any order, old ones and duplicates allowed
 * @param {Set<string>} joined @param {Map<string, Slot>} slots
 * @returns {Claim[]}
 */
export function readStickies(stickies, joined, slots) {
  /** @type {Map<string, Entry>} */
  const places = new Map();
  for (const sticky of stickies) {
    const { content } = sticky;
    if (!MEMBER_TYPES.includes(sticky.type) || !isObject(content) || Object.keys(content).length === 0) continue; // redacted
    const key = stickyKey(content);
    if (!key) continue;
    const place = JSON.stringify([sticky.sender, sticky.type, key]), was = places.get(place);
    if (!was || isAfter(sticky, was.sticky)) places.set(place, { sticky, join: readJoin(content) });
  }
  return [...places.values()].flatMap((entry) => claimOf(entry, joined, slots));
}

/** The key under either name (MSC4354); "" when there is none. @param {any} content */
export function stickyKey(content) {
  const stable = nameOf(content.sticky_key), unstable = nameOf(content.msc4354_sticky_key);
  return stable && unstable && stable !== unstable ? "" : stable || unstable;
}

/** Of one place what stays longest counts. @param {StickyEvent} a @param {StickyEvent} b */
function isAfter(a, b) {
  const [endsA, endsB] = [a, b].map((sticky) => sticky.origin_server_ts + (sticky.duration ?? 0));
  if (endsA !== endsB) return endsA > endsB;
  return a.event_id !== b.event_id ? a.event_id > b.event_id : a.until > b.until;
}

/** What a join says, in any generation; null for a leave and for what cannot be read. @param {any} content */
export function readJoin(content) {
  const { member, application } = content;
  const said = isObject(member) ? member.membership ?? undefined : undefined;
  if (said !== undefined ? said !== "join" : (application ?? undefined) === undefined) return null;
  if (!isObject(member) || !isName(member.id) || !isObject(application) || !isApplication(application.type)) return null;
  const slot = nameOf(content.slot_id), at = slot.indexOf("#");
  if (at < 0 || slot.slice(0, at) !== application.type || !isSlotPart(slot.slice(at + 1))) return null;
  const transports = readTransports(content);
  return transports && {
    slot, id: member.id, user: nameOf(member.user_id ?? member.claimed_user_id), device: nameOf(member.device_id ?? member.claimed_device_id), ...transports,
  };
}

/** @param {any} content @returns {{published: string[], subscribes: string[], mesh: any}|null} types of transports, and the published mesh */
function readTransports({ transports, rtc_transports }) {
  const types = (/** @type {any} */ list) => arrayOf(list).filter((focus) => isObject(focus) && typeof focus.type === "string").map((focus) => nameOf(focus.type));
  if (transports !== undefined && transports !== null) {
    if (!isObject(transports)) return null;
    return { published: types(transports.published), mesh: meshIn(transports.published), subscribes: arrayOf(transports.can_subscribe).filter((type) => typeof type === "string") };
  }
  if (!Array.isArray(rtc_transports)) return null;
  return { published: types(rtc_transports), mesh: meshIn(rtc_transports), subscribes: types(rtc_transports) };
}

/** @param {any} list */
const meshIn = (list) => arrayOf(list).find((focus) => isObject(focus) && isName(focus.type) && isMesh(focus.type));

/** @param {Entry} entry @param {Set<string>} joined @param {Map<string, Slot>} slots @returns {Claim[]} */
function claimOf({ sticky, join }, joined, slots) {
  const device = join?.device || sticky.device || "";
  const counts = join && (!join.user || join.user === sticky.sender) && joined.has(sticky.sender) && // D7
    device && (!sticky.device || sticky.device === device) && slots.get(canonicalSlot(join.slot))?.status !== "closed";
  if (!counts) return [];
  const mesh = [...join.published, ...join.subscribes].find(isMesh);
  const member = {
    user_id: sticky.sender, device_id: device, session_id: join.id, createdAt: sticky.origin_server_ts, expiresAt: sticky.until,
    focus: mesh ?? join.published[0] ?? join.subscribes[0] ?? "", mesh: mesh !== undefined, feeds: [], eventId: sticky.event_id,
    ...(mesh !== undefined ? forwardingOf(join.mesh) : {}),
  };
  return [{ event: sticky, confId: canonicalSlot(join.slot), form: "sticky", member, slack: 0 }];
}
