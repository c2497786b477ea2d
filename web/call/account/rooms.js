/** The rooms an account is in, to choose from, and the way into one. */

import { stubbornly } from "./client.js";
import { CALL_MEMBER } from "./membership.js";
import { begin, emptyRoom, isEncrypted, nameOf } from "./room.js";

/** @typedef {{id: string, name: string, encrypted: boolean, calling: number}} Choice calling: how many member events of calls there are */

const TYPES = ["m.room.name", "m.room.canonical_alias", "m.room.encryption", CALL_MEMBER];

/**
 * The joined rooms, those with a call first. One request, whose token is not
 * used: nothing is taken from the call that may follow.
 * @param {import("./client.js").Homeserver} homeserver
 * @returns {Promise<Choice[]>}
 */
export async function joinedRooms(homeserver) {
  const nothing = { types: [] };
  const filter = JSON.stringify({
    presence: nothing, account_data: nothing,
    room: { account_data: nothing, ephemeral: nothing, state: { types: TYPES }, timeline: { types: TYPES, limit: 1 } },
  });
  const response = await stubbornly(() => homeserver.request("GET", ["v3", "sync"], { query: { filter, timeout: 0 }, timeoutMs: 60_000 }), { attempts: 3 });
  return choices(response);
}

/** @param {any} response @returns {Choice[]} */
export function choices(response) {
  const rooms = Object.entries(response?.rooms?.join ?? {}).map(([id, joined]) => {
    const room = begin(emptyRoom(), joined);
    const members = [...room.events.values()].filter(({ type, content }) => type === CALL_MEMBER && inAnyCall(content));
    return { id, name: nameOf(room, id), encrypted: isEncrypted(room), calling: members.length };
  });
  return rooms.sort((a, b) => Number(b.calling > 0) - Number(a.calling > 0) || a.name.localeCompare(b.name));
}

/** @param {any} content */
const inAnyCall = (content) => (Array.isArray(content["m.calls"]) ? content["m.calls"].length > 0 : Boolean(content.application));

/**
 * Goes into a room, by ID or alias; being in it already is fine.
 * @param {import("./client.js").Homeserver} homeserver
 * @param {string} room
 * @returns {Promise<string>} its ID
 */
export async function enterRoom(homeserver, room) {
  const given = room.trim();
  if (!/^[!#]\S+$/.test(given)) throw new Error("This is no room: an ID begins with ! and an alias with #.");
  const answer = await stubbornly(() => homeserver.request("POST", ["v3", "join", given], { body: {} }), { attempts: 5 });
  return answer.room_id;
}
