/**
 * The state of one room as sync tells it: what a call needs, nothing else.
 * Pure: each step gives a new value, or the old one when nothing changed.
 */

import { CALL_TYPES } from "./membership.js";

/** Beside the call itself: who is there, whether it is encrypted, its name. */
const ROOM_TYPES = ["m.room.member", "m.room.encryption", "m.room.create", "m.room.join_rules", "m.room.name", "m.room.canonical_alias", "m.room.power_levels"];

/** @typedef {{type: string, state_key: string, sender: string, event_id: string, origin_server_ts: number, content: any}} StateEvent */
/** @typedef {{events: ReadonlyMap<string, StateEvent>}} Room */

/** @returns {Room} */
export const emptyRoom = () => ({ events: new Map() });

/**
 * The filter of our sync: one room, the types that count, no presence.
 * @param {string} roomId
 */
export const filterFor = (roomId) => ({ ...filterWith([]), room: { rooms: [roomId], ...filterWith([]).room } });

/**
 * The filter of our sync once the room is known: all rooms, for other calls
 * that ring. Members are given whole: a list that is filled as needed would
 * bring old state of the room we are in.
 * @param {readonly string[]} ringing types of events, beside state
 */
export function filterWith(ringing) {
  const nothing = { types: [] };
  const types = [...CALL_TYPES, ...ROOM_TYPES];
  return {
    presence: nothing, account_data: { types: ["m.ignored_user_list"] },
    room: {
      account_data: nothing, ephemeral: nothing,
      state: { types, lazy_load_members: false }, timeline: { types: [...types, "m.room.redaction", ...ringing], limit: 100, lazy_load_members: false },
    },
  };
}

/**
 * Takes in what a first sync response says of the room.
 * @param {Room} room
 * @param {any} joined `rooms.join[roomId]` of the response; may be missing
 * @returns {Room}
 */
export function begin(room, joined) {
  return take(room, [...listOf(joined?.state?.events), ...listOf(joined?.timeline?.events)].filter(isState));
}

/**
 * Takes in what a later response says. Its timeline only: a state section may
 * be older than what we know. Of two events written at once Synapse sends one
 * with, in that section, what the branch of the other held before; then, and
 * after a hole in the timeline, the homeserver has to be asked (`doubtful`).
 * @param {Room} room
 * @param {any} joined
 * @returns {{room: Room, doubtful: boolean}}
 */
export function advance(room, joined) {
  const doubtful = listOf(joined?.state?.events).length > 0 || joined?.timeline?.limited === true;
  return { room: take(room, listOf(joined?.timeline?.events).filter(isState)), doubtful };
}

/**
 * The room as the homeserver says when asked for its whole state.
 * @param {Room} room
 * @param {any} state
 * @returns {Room} the old one if nothing is different
 */
export function replace(room, state) {
  const types = [...CALL_TYPES, ...ROOM_TYPES];
  const told = listOf(state).filter((event) => isState(event) && types.includes(event.type));
  const fresh = take(emptyRoom(), told);
  const same = fresh.events.size === room.events.size && [...fresh.events].every(([key, { event_id }]) => room.events.get(key)?.event_id === event_id);
  return same ? room : fresh;
}

/**
 * @param {Room} room
 * @param {StateEvent[]} told later ones win
 * @returns {Room}
 */
export function take(room, told) {
  const events = new Map(room.events);
  let changed = false;
  for (const event of told) {
    const key = keyOf(event.type, event.state_key);
    if (events.get(key)?.event_id === event.event_id) continue;
    const { type, state_key, sender, event_id, origin_server_ts, content } = event;
    events.set(key, { type, state_key, sender, event_id, origin_server_ts, content });
    changed = true;
  }
  return changed ? { events } : room;
}

/**
 * @param {Room} room
 * @param {string} type
 * @param {string} [stateKey]
 * @returns {any} content, undefined when there is no such event
 */
export const contentOf = (room, type, stateKey = "") => room.events.get(keyOf(type, stateKey))?.content;

/**
 * What the library is told: call events, and joined users with their names.
 * @param {Room} room
 * @returns {{events: StateEvent[], members: {user_id: string, name: string}[]}}
 */
export function callState(room) {
  const all = [...room.events.values()];
  return { events: all.filter((event) => CALL_TYPES.includes(event.type)), members: membersOf(all) };
}

/** @param {StateEvent[]} events */
function membersOf(events) {
  return events.filter((event) => event.type === "m.room.member" && event.content?.membership === "join")
    .map((event) => ({ user_id: event.state_key, name: text(event.content.displayname) || event.state_key }));
}

/** @param {Room} room */
export const isEncrypted = (room) => contentOf(room, "m.room.encryption") !== undefined;

/** Anybody may come in. @param {Room} room */
export const isPublic = (room) => contentOf(room, "m.room.join_rules")?.join_rule === "public";

/** @param {Room} room @param {string} roomId */
export function nameOf(room, roomId) {
  return text(contentOf(room, "m.room.name")?.name) || text(contentOf(room, "m.room.canonical_alias")?.alias) || roomId;
}

/**
 * What is in one response beside the room.
 * @param {any} response
 */
export function outsideRooms(response) {
  const ignored = listOf(response?.account_data?.events).filter((event) => event?.type === "m.ignored_user_list").at(-1);
  return {
    next: text(response?.next_batch),
    toDevice: listOf(response?.to_device?.events).filter((event) => typeof event?.sender === "string" && typeof event.type === "string"),
    changed: listOf(response?.device_lists?.changed).filter(isText), left: listOf(response?.device_lists?.left).filter(isText),
    /** @type {Map<string, number>} */
    keyCounts: new Map(Object.entries(response?.device_one_time_keys_count ?? {}).map(([name, count]) => [name, Number(count)])),
    fallback: Array.isArray(response?.device_unused_fallback_key_types) ? new Set(response.device_unused_fallback_key_types.filter(isText)) : undefined,
    /** undefined: nothing new */
    ignored: ignored && Object.keys(ignored.content?.ignored_users ?? {}),
  };
}

/** @param {any} list @returns {any[]} */
const listOf = (list) => (Array.isArray(list) ? list : []);
/** @param {any} value @returns {value is string} */
const isText = (value) => typeof value === "string";
/** @param {any} value */
const text = (value) => (isText(value) ? value : "");
/** @param {any} event @returns {event is StateEvent} */
const isState = (event) => isText(event?.type) && isText(event.state_key) && isText(event.sender) && event.content && typeof event.content === "object";
/** @param {string} type @param {string} stateKey */
const keyOf = (type, stateKey) => `${type}\u0000${stateKey}`;
