/**
 * Slots of a room (MSC4143): whether they are open, which session they name, and what is remembered of them, as
 * signalling/membership has it. Pure.
 *
 * @typedef {import("./types.js").StateEvent} StateEvent
 * @typedef {{status: 'open'|'closed'|'missing', callId: string}} Slot callId: the m.call.id of an open one, "" without
 * @typedef {Slot & {event?: StateEvent, since: number}} CountedSlot since: when it began to say otherwise; 0 when it counts as it says
 * @typedef {Slot & {slotId: string, since: number}} HeldSlot a slot that says that its session is over and counts as before
 */
import { canonicalSlot, isApplication, isNewer, isObject, nameOf } from "./memberwords.js";

const SLOT_TYPES = ["org.matrix.msc4143.rtc.slot", "m.rtc.slot"];
/** How long a slot counts as before when it says that its session is over: state resolution can take that back (D12). */
export const SLOT_GRACE = 5000;
/** @type {CountedSlot} */
const MISSING = { status: "missing", callId: "", since: 0 };

/**
 * @param {StateEvent[]} events @param {HeldSlot[]} held @param {number} now
 * @returns {Map<string, CountedSlot>} by slot ID in one spelling; of several spellings the last edited counts
 */
export function readSlots(events, held, now) {
  /** @type {Map<string, CountedSlot>} */
  const slots = new Map();
  for (const event of events) {
    if (!SLOT_TYPES.includes(event.type)) continue;
    const id = canonicalSlot(event.state_key), was = slots.get(id)?.event;
    if (!was || isNewer(event, was)) slots.set(id, { ...readSlot(event), event, since: 0 });
  }
  for (const { slotId, status, callId, since } of held) {
    const is = slots.get(slotId) ?? MISSING;
    if (since + SLOT_GRACE > now && ends({ status, callId }, is)) slots.set(slotId, { status, callId, event: is.event, since });
  }
  return slots;
}

/** Until June 2026 a slot with an application is open, since then status says so. What cannot be read is closed. @param {StateEvent} event @returns {Slot} */
function readSlot({ content, state_key }) {
  const application = isObject(content) && isObject(content.application) ? content.application : {};
  const at = state_key.indexOf("#");
  const open = isApplication(application.type) && ["open", undefined, null].includes(content.status) &&
    at >= 0 && state_key.slice(0, at) === application.type;
  return open ? { status: "open", callId: nameOf(application["m.call.id"]) } : { status: "closed", callId: "" };
}

/** Whether a session is over when its slot becomes another: closed, or with another name or none any more. @param {Slot} was @param {Slot} is */
export const ends = (was, is) => was.status !== "closed" && (is.status === "closed" || (was.callId !== "" && was.callId !== is.callId));

/**
 * What has to be remembered when other events of the same room are heard.
 * @param {{events: StateEvent[], held: HeldSlot[]}} earlier @param {StateEvent[]} events @param {number} now
 * @returns {HeldSlot[]}
 */
export function holdSlots(earlier, events, now) {
  const before = readSlots(earlier.events, earlier.held, now), after = readSlots(events, [], now);
  const ids = [...new Set([...before.keys(), ...after.keys()])].sort();
  return ids.flatMap((slotId) => {
    const was = before.get(slotId) ?? MISSING;
    if (!ends(was, after.get(slotId) ?? MISSING)) return [];
    return [{ slotId, status: was.status, callId: was.callId, since: was.since || now }];
  });
}
