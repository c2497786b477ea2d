/** What is said of past calls. Pure: calls and instants in, sentences out. */
import { isolated } from "/call/page/words.js";

/** @typedef {import("./history.js").PastCall} PastCall */
/** @typedef {{name: (user: string) => string, self: string, locale?: string, timeZone?: string}} Reader */

const MOST_NAMES = 4;
const KINDS = { audio: "Voice call", video: "Video call", "": "Call" };
const WAYS = new Map([["full_mesh", "straight between the devices"], ["livekit", "over a media server (LiveKit)"], ["full_mesh+livekit", "partly over a media server (LiveKit)"]]);

/** @param {number} ms */
export function lasted(ms) {
  const minutes = Math.round(ms / 60_000), hours = Math.floor(minutes / 60);
  if (ms < 60_000) return `${Math.max(1, Math.round(ms / 1000))} s`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

/** Several in a row. @param {string[]} names @param {number} [most] */
export function row(names, most = MOST_NAMES) {
  const shown = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** @param {PastCall} call @param {Reader} reader */
export function title(call, { name, self }) {
  const who = (/** @type {string[]} */ users) => row(users.map((user) => (user === self ? "you" : isolated(name(user)))));
  const kind = KINDS[call.intent] ?? KINDS[""];
  return call.anchor ? `${kind}: ${who([call.initiator])} rang` : `${kind}: ${who(call.participants.map(({ user_id }) => user_id))}`;
}

/** @param {PastCall} call @param {Reader} reader */
export function when({ start, end, running, anchor }, reader) {
  const day = new Intl.DateTimeFormat(reader.locale, { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: reader.timeZone }).format(start);
  if (anchor) return `${day}, ${clock(start, reader)}`;
  return running ? `${day}, since ${clock(start, reader)}, still on (${lasted(end - start)} so far)` : `${day}, ${clock(start, reader)} to ${clock(end, reader)} (${lasted(end - start)})`;
}

/** @param {number} at @param {Reader} reader */
export const clock = (at, { locale, timeZone }) => new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit", timeZone }).format(at);

/** What came of it, and how. @param {PastCall} call @param {Reader} reader @returns {string[]} */
export function notes({ participants, missed, declined, topology, rung, slot, anchor }, { name, self }) {
  const by = (/** @type {string} */ did, /** @type {string[]} */ users) => {
    const others = row(users.filter((user) => user !== self).map((user) => isolated(name(user))));
    return [...(users.includes(self) ? [`you ${did} it`] : []), ...(others ? [`${others} ${did} it`] : [])];
  };
  return [
    ...by("missed", missed), ...by("declined", declined.filter((user) => !participants.some(({ user_id }) => user_id === user))), // who came anyway came
    ...(rung && missed.length + declined.length === 0 && !anchor ? ["all who were called came"] : []),
    ...(topology ? [WAYS.get(topology) ?? `over ${topology}`] : []),
    ...(anchor ? ["nothing but the ringing is left of it"] : []), ...(slot === "m.call#ROOM" ? [] : [`in ${isolated(slot)}`]),
  ];
}

/** How sure all of this is. @param {{back: number, unreadable: number, more: boolean}} page @param {Reader} reader */
export function certainty({ back, unreadable, more }, { locale, timeZone }) {
  const since = Number.isFinite(back) ? ` Read back to ${new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone }).format(back)}${more ? "" : ", the beginning"}.` : "";
  const sealed = unreadable > 0 ? ` ${unreadable} encrypted ${unreadable === 1 ? "event was" : "events were"} not looked into.` : "";
  return `Best effort: Matrix keeps no list of calls, so this one is put together from what is left in the room.${since}${sealed}`;
}
