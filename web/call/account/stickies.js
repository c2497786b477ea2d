/**
 * Sticky events (MSC4354) as sync brings them: in a section of their own, or in the timeline with a mark. What they say is
 * read by the call library; here they are kept until they run out. Those of encrypted rooms are kept locked until their key
 * has come, which may be after them. Instants are arguments; nothing is asked for.
 */

/** The longest stickiness; more is not believed. */
const STICKIEST = 3_600_000;
const ENCRYPTED = "m.room.encrypted";
const TYPES = ["org.matrix.msc4143.rtc.member", "m.rtc.member", ENCRYPTED];
/** Bounds what one room can have us keep. */
const MOST = 1000;
/** Of which so many may be locked: each is tried whenever keys may have come. */
const LOCKED_MOST = 256;

/** @typedef {import("../lib/types.js").StickyEvent} StickyEvent */
/** @typedef {ReadonlyMap<string, StickyEvent>} Stickies by event ID; one that is locked has the type m.room.encrypted, which says nothing to the library */

/**
 * @param {Stickies} known @param {any} joined `rooms.join[roomId]` of a response @param {number} now
 * @returns {Stickies} the old one when nothing changed
 */
export function stuck(known, joined, now) {
  const told = [joined?.sticky?.events, joined?.msc4354_sticky?.events, joined?.timeline?.events].flatMap((list) => (Array.isArray(list) ? list : []));
  const after = new Map([...known].filter(([, { until }]) => until > now));
  for (const event of told) {
    if (event?.type === "m.room.redaction") after.delete(event.redacts ?? event.content?.redacts);
    const sticky = read(event, now);
    if (sticky && sticky.until > now && !after.has(sticky.event_id) && hasRoom(after, sticky)) after.set(sticky.event_id, sticky);
  }
  const same = after.size === known.size && [...after.keys()].every((id) => known.has(id));
  return same ? known : after;
}

/**
 * Opens what is locked, as far as the keys are here.
 * @param {Stickies} known
 * @param {(event: any) => Promise<{type: string, content: any, device?: string}|undefined>} open
 * @returns {Promise<Stickies>} the old one when nothing could be opened
 */
export async function unlocked(known, open) {
  const after = new Map(known);
  for (const [id, sticky] of locked(known)) {
    const { type, sender, event_id, origin_server_ts, content } = sticky;
    const opened = await open({ type, sender, event_id, origin_server_ts, content });
    if (opened) after.set(id, { ...sticky, type: opened.type, content: opened.content, device: opened.device });
  }
  return locked(after).length < locked(known).length ? after : known;
}

/** @param {Stickies} known */
const locked = (known) => [...known].filter(([, { type }]) => type === ENCRYPTED);

/** @param {Stickies} known @param {StickyEvent} sticky */
const hasRoom = (known, { type }) => known.size < MOST && (type !== ENCRYPTED || locked(known).length < LOCKED_MOST);

/** @param {any} event @param {number} now @returns {StickyEvent|undefined} */
function read(event, now) {
  const asked = (event?.sticky ?? event?.msc4354_sticky)?.duration_ms;
  const whole = TYPES.includes(event?.type) && event.state_key === undefined && typeof event.event_id === "string" && typeof event.sender === "string";
  if (!whole || !(asked > 0) || !Number.isFinite(event.origin_server_ts)) return undefined;
  const duration = Math.min(asked, STICKIEST);
  const left = event.unsigned?.sticky_duration_remaining_ms ?? event.unsigned?.msc4354_sticky_duration_ttl_ms;
  const until = Number.isFinite(left) ? now + Math.min(left, STICKIEST) : Math.min(event.origin_server_ts, now) + duration;
  const { type, sender, event_id, origin_server_ts, content } = event;
  return { type, state_key: "", sender, event_id, origin_server_ts, content, until, duration };
}
