/**
 * What the page says. Pure: facts in, sentences out.
 *
 * @typedef {import("../lib/types.js").Matrix} Matrix
 * @typedef {import("../lib/types.js").PeerStats} PeerStats
 * @typedef {import("../lib/types.js").Verdict} Verdict
 */

const LONGEST_NAME = 64; // graphemes
const LONGEST_TEXT = 512; // UTF-16 units; a single grapheme may have any number of marks

/** Characters that turn the direction of what follows, or are not seen at all (Unicode TR 9, section 2). */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A name as it may be shown. @param {unknown} name */
export function shown(name) {
  const plain = typeof name === "string" ? name.slice(0, LONGEST_TEXT).replace(UNSEEN, " ").replace(/\s+/g, " ").trim() : "";
  const graphemes = typeof Intl.Segmenter === "function"
    ? Array.from(new Intl.Segmenter().segment(plain), (part) => part.segment)
    : Array.from(plain);
  const short = graphemes.length > LONGEST_NAME ? `${graphemes.slice(0, LONGEST_NAME - 1).join("")}…` : plain;
  return short || "Somebody";
}

/** A name inside a sentence, kept apart from its direction by FSI and PDI. @param {unknown} name */
export const isolated = (name) => `\u2068${shown(name)}\u2069`;

/** A sentence of somebody else: cut, without characters that are not seen. @param {unknown} words */
export const sentence = (words) => typeof words === "string" ? words.slice(0, 300).replace(UNSEEN, " ").trim() : "";

/** One or two letters in place of a picture. @param {string} name */
export function initials(name) {
  const words = shown(name).split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  return words.slice(0, 2).map((word) => (word.match(/[\p{L}\p{N}]/u) ?? [""])[0].toUpperCase()).join("") || "·";
}

/**
 * Why we are not in the call, and the way on.
 * @type {{[code: string]: {title: string, words: string, action: "join"|"start"|"back", label: string}}}
 */
const REFUSALS = {
  no_such_call: { title: "No call at this link", words: "The link may be cut off, or the call may have ended long ago. Ask for the link again, or start a call of your own.", action: "start", label: "To the start page" },
  room_full: { title: "The call is full", words: "In a mesh everybody sends to everybody, so the number of people is limited. Try again when somebody has left.", action: "join", label: "Try again" },
  server_full: { title: "The server is full", words: "This server holds as many people as it can. Try again in a few minutes.", action: "join", label: "Try again" },
  not_allowed: { title: "You may not join this call", words: "The server does not let you in. Whoever runs it can tell you why.", action: "start", label: "To the start page" },
  homeserver_unreachable: { title: "The server cannot reach its homeserver", words: "The call lives in a Matrix room, and the homeserver that keeps it does not answer just now.", action: "join", label: "Try again" },
  replaced: { title: "The call is open elsewhere", words: "You opened this call in another tab or window, and it goes on there.", action: "join", label: "Take it back" },
  gone: { title: "Your place in the call has ended", words: "You were away for too long, so the others saw you leave. You can join again at once.", action: "join", label: "Join again" },
  version: { title: "This page is older than the server", words: "The server has been renewed since the page was loaded. Loading it again brings both together.", action: "join", label: "Load again" },
  too_fast: { title: "Too many tries", words: "The server asks for a short break. Wait a moment, then try again.", action: "join", label: "Try again" },
  no_store: { title: "This browser cannot keep its keys", words: "", action: "join", label: "Try again" },
  left: { title: "You left the call", words: "The others have been told.", action: "join", label: "Join again" },
};

/** @param {string} code @param {string} [words] of the server, for codes that have none here */
export function refusal(code, words) {
  if (Object.hasOwn(REFUSALS, code)) return { ...REFUSALS[code], words: REFUSALS[code].words || sentence(words) };
  return { title: "The call cannot be joined", words: sentence(words) || "The server did not say why.", action: /** @type {const} */ ("join"), label: "Try again" };
}

export const WRONG_PASS = { asked: "This call has a pass phrase. Whoever gave you the link knows it.", wrong: "That is not the pass phrase of this call. Look for capitals and spaces." };

const DEVICE = { audio: "microphone", video: "camera", both: "camera and microphone", screen: "screen" };

/**
 * Why there is no picture or sound of ours, and what can be done.
 * @param {string} code @param {keyof typeof DEVICE} kind
 */
export function deviceTrouble(code, kind) {
  const thing = DEVICE[kind] ?? DEVICE.both;
  switch (code) {
    case "denied": return `The browser does not let this page use your ${thing}. Allow it in the address bar, then choose “Try again” – or join without.`;
    case "missing": return `No ${thing} was found. Plug one in and try again – or join without; you see and hear the others all the same.`;
    case "busy": return `Your ${thing} is in use by another program. Close it there and try again – or join without.`;
    case "insecure": return `Browsers give camera and microphone only to pages that come over https, so that nobody on the way can listen in. Open this address with https:// – or join without; you see and hear the others all the same.`;
  }
  return `Your ${thing} could not be opened. Try again – or join without.`;
}

/** @param {number|null|undefined} bits per second */
export function bitrate(bits) {
  if (typeof bits !== "number" || !Number.isFinite(bits)) return "–";
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`;
}

/** @param {number|null|undefined} share 0 to 1 */
export const percent = (share) => typeof share === "number" && Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : "–";

/**
 * The facts of a connection, for people.
 * @param {PeerStats} stats
 * @param {import("../lib/types.js").Peer["via"]} [via]
 * @returns {[string, string][]}
 */
export function facts(stats, via) {
  const most = via && via.width > stats.width ? ` of ${via.width} × ${via.height}` : "";
  const picture = stats.width > 0 ? `${stats.width} × ${stats.height}${most}, ${Math.round(stats.fps)} per second` : "none";
  return [
    ...(via ? [/** @type {[string, string]} */ (["Way", `through ${isolated(via.name)}`])] : []),
    [via ? `Round trip to ${isolated(via.name)}` : "Round trip", typeof stats.rttMs === "number" ? `${stats.rttMs < 10 ? stats.rttMs.toFixed(1) : Math.round(stats.rttMs)} ms` : "–"],
    ["Loss", `${percent(stats.lossIn)} in, ${percent(stats.lossOut)} out`],
    ["Bit rate", via ? `${bitrate(stats.bitrateIn)} in` : `${bitrate(stats.bitrateIn)} in, ${bitrate(stats.bitrateOut)} out`],
    ["Picture", picture],
    ["Codecs", [stats.codecVideo, stats.codecAudio].filter(Boolean).map(sentence).join(", ") || "–"],
    ["Path", `${stats.path === "relay" ? "by a relay" : "direct"}, ${stats.protocol}`],
    ["Sent layers", String(stats.layersOut)],
  ];
}

/** @typedef {{label: string, words: string, mood: 'good'|'fair'|'bad'}} Known */

/**
 * What the two devices know of each other: what this browser knows, unless the other end knows less of us.
 * @param {{trust: import("../lib/proof.js").Trust, theirs?: string, name: string, via?: import("../lib/types.js").Peer["via"]}} peer theirs: what that device reports of ours
 * @returns {Known}
 */
export function trust({ trust, theirs, name, via }) {
  const who = isolated(name);
  if (via && (trust === "focus" || theirs === "focus")) return open(via, name);
  const known = via ? sealed(trust, via, name) : ours(trust, name);
  if (known.mood !== "good") return known;
  switch (theirs) {
    case "verified": case "encrypted": return { ...known, words: `${known.words} ${who}’s device says of ours that it does the same.` };
    case "server": return { label: "Not authenticated end to end", mood: "fair",
      words: `This browser itself opened every message of this call, but ${who}’s page leaves that to the server that it came from. That server vouches for you to ${who}, and a dishonest one could put itself between you.` };
    case "clear": return { label: "Call messages in clear text", mood: "bad",
      words: `A message of this call reached ${who} in clear text. Whoever runs a server between you could be in the middle and listen in. Say nothing that they must not hear.` };
  }
  return { ...known, words: `${known.words} What ${who}’s device knows of ours it has not said.` };
}

/** @typedef {NonNullable<import("../lib/types.js").Peer["via"]>} Way who passes sound and picture on */

/** That one could open them. @param {Way} via @param {string} name @returns {Known} */
function open({ name: focus }, name) {
  const by = isolated(focus);
  return { label: `Through ${by}, which could listen in`, mood: "fair",
    words: `${by} passes on sound and picture of ${isolated(name)}. Whoever runs it could see and hear them.` };
}

/** That one has no key, and who has. @param {import("../lib/proof.js").Trust} trust of the messages that brought the key @param {Way} via @param {string} name @returns {Known} */
function sealed(trust, { name: focus }, name) {
  const by = isolated(focus), who = isolated(name);
  const words = `${by} passes on sound and picture of ${who}. They are encrypted once more, and ${by} has no key.`;
  switch (trust) {
    case "verified": return { label: "Verified, end to end", mood: "good",
      words: `${words} You have verified ${who}, whose device gave this browser the key, encrypted.` };
    case "encrypted": return { label: "End to end, device not verified", mood: "good",
      words: `${words} This browser itself opened the message with the key, and took the keys that the homeserver gives out for ${who}’s device. To rule out that these are forged, verify ${who} in your usual Matrix client.` };
    case "server": return { label: "Not authenticated end to end", mood: "fair",
      words: `${words} The server that this page comes from has: it opens your messages for you, so whoever runs it could see and hear. Signing in with Matrix closes that gap.` };
  }
  return { label: "Not known yet", mood: "fair", words: `${words} Nor has this browser yet.` };
}

/** What this browser knows of who is at the other end. @param {import("../lib/proof.js").Trust} trust @param {string} name @returns {Known} */
function ours(trust, name) {
  const who = isolated(name);
  switch (trust) {
    case "verified": return { label: "Verified, end to end", mood: "good",
      words: `You have verified ${who}, and this browser checked the keys in every message of this call. Nobody between you can listen in, not even the servers.` };
    case "encrypted": return { label: "End to end, device not verified", mood: "good",
      words: `This browser itself opened every message of this call, and took the keys that the homeserver gives out for ${who}’s device. To rule out that these are forged, verify ${who} in your usual Matrix client.` };
    case "server": return { label: "Not authenticated end to end", mood: "fair",
      words: `Sound and picture are encrypted on their way, but the server vouches for ${who}. A dishonest server could put itself between you. Signing in with Matrix closes that gap.` };
    case "clear": return { label: "Call messages in clear text", mood: "bad",
      words: `Sound and picture are encrypted on their way, but ${who}’s program does not encrypt how they are agreed on. Whoever runs a server between you could be in the middle and listen in. Say nothing that they must not hear.` };
  }
  return { label: "Not known yet", mood: "fair", words: `Nothing of ${who}’s device has come that proves who it is.` };
}

/**
 * The mark of a pair in the matrix, by the word of both ends.
 * @param {import("../lib/proof.js").Mutual} mutual
 * @returns {{label: string, short: string, mood: 'good'|'fair'|'bad'}}
 */
export function pairTrust({ trust, ends }) {
  switch (trust) {
    case "clear": return { short: "clear text", mood: "bad", label: "Not authenticated: call messages went in clear text" };
    case "focus": return { short: "not from the focus", mood: "fair", label: "Encrypted as far as the member that passes it on, which could see and hear it" };
    case "server": return { short: "by a server", mood: "fair", label: "Not authenticated end to end: a server vouches" };
    case "unknown": return { short: "not known", mood: "fair", label: "Neither end has said what it knows of the other" };
  }
  if (ends < 2) return { short: "one end’s word", mood: "fair", label: "End to end by the word of one end; the other has not said" };
  return trust === "verified" ? { short: "verified", mood: "good", label: "End to end, both have verified each other" }
    : { short: "end to end", mood: "good", label: "End to end by the word of both" };
}

/** How many pairs are authenticated end to end, and what is with the others. @param {Matrix} matrix */
export function trustSummary({ parties, cells }) {
  const pairs = parties.flatMap((one, i) => parties.slice(i + 1).map((other) => ({ one, other, is: cells.get(`${one.key}>${other.key}`)?.trust ?? { trust: "unknown", ends: 0 } })));
  if (pairs.length === 0) return "";
  const clear = pairs.filter(({ is }) => is.trust === "clear"), server = pairs.filter(({ is }) => is.trust === "server"), focus = pairs.filter(({ is }) => is.trust === "focus");
  const good = pairs.filter(({ is }) => pairTrust(is).mood === "good"), unsaid = pairs.length - good.length - clear.length - server.length - focus.length;
  if (good.length === pairs.length) return pairs.length === 1 ? "You two are authenticated end to end." : `All ${pairs.length} pairs are authenticated end to end.`;
  if (server.length === pairs.length) return `${pairs.length === 1 ? "You two are not" : `None of the ${pairs.length} pairs is`} authenticated end to end: a server vouches, and could put itself between.`;
  const words = [`${good.length} of ${pairs.length} ${pairs.length === 1 ? "pair is" : "pairs are"} authenticated end to end.`];
  if (clear.length > 0) words.push(`${clear.slice(0, 2).map(({ one, other }) => `${isolated(one.name)} and ${isolated(other.name)}`).join(", ")}${clear.length > 2 ? " and more" : ""}: in clear text, servers could listen in.`);
  if (server.length > 0) words.push(`For ${server.length} a server vouches, and could put itself between them.`);
  if (focus.length > 0) words.push(`What ${focus.length} send each other, the member that passes it on could see and hear.`);
  if (unsaid > 0) words.push(`Of ${unsaid} not both ends have said what they know.`);
  return words.join(" ");
}

/** @type {{[verdict in Verdict]: string}} */
export const VERDICTS = { flows: "flows", muted: "muted", stalled: "stalled", none: "none", connecting: "connecting", unknown: "not known" };

/** Since when each direction has had a trouble. @typedef {Map<string, number>} Since */

/**
 * Keeps the time at which each medium of each direction stopped to be well.
 * @param {Since} before @param {Matrix} matrix @param {number} now milliseconds
 * @returns {Since} keyed "from>to kind verdict"
 */
export function sinceWhen(before, matrix, now) {
  /** @type {Since} */
  const after = new Map();
  for (const [pair, cell] of matrix.cells) {
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      const key = `${pair} ${kind} ${cell[kind]}`;
      if (isTrouble(cell[kind])) after.set(key, before.get(key) ?? now);
    }
  }
  return after;
}

/** @param {Verdict} verdict */
const isTrouble = (verdict) => verdict === "stalled" || verdict === "none";

/**
 * Sums the matrix up: all well, or the worst of it.
 * @param {Matrix} matrix @param {Since} since @param {number} now
 */
export function summary(matrix, since, now) {
  if (matrix.parties.length < 2) return "Nobody else is in the call yet.";
  /** @type {string[]} */
  const troubles = [];
  let all = 0, waiting = 0, muted = 0;
  for (const from of matrix.parties) {
    for (const to of matrix.parties) {
      if (from.key === to.key) continue;
      all++;
      const cell = matrix.cells.get(`${from.key}>${to.key}`);
      if (!cell || [cell.audio, cell.video].some((verdict) => verdict === "connecting" || verdict === "unknown")) waiting++;
      if (cell?.audio === "muted" && cell.video === "muted") muted++;
      const bad = cell ? /** @type {const} */ (["audio", "video"]).filter((kind) => isTrouble(cell[kind])) : [];
      if (!cell || bad.length === 0) continue;
      const began = Math.min(...bad.map((kind) => since.get(`${from.key}>${to.key} ${kind} ${cell[kind]}`) ?? now));
      const names = bad.map((kind) => (kind === "audio" ? "sound" : "picture")).join(" and ");
      const seconds = Math.round((now - began) / 1000);
      troubles.push(`From ${isolated(from.name)} to ${isolated(to.name)}: no ${names}${seconds > 0 ? ` for ${seconds} s` : ""}.`);
    }
  }
  if (troubles.length > 3) return `${troubles.slice(0, 3).join(" ")} And ${troubles.length - 3} more of ${all} directions.`;
  if (troubles.length > 0) return troubles.join(" ");
  if (waiting > 0) return `${all - waiting} of ${all} directions flow; of ${waiting} there is no word yet.`;
  if (muted > 0) return `${all - muted} of ${all} directions flow, ${muted} ${muted === 1 ? "is" : "are"} muted.`;
  return all === 2 ? "Both directions flow." : `All ${all} directions flow.`;
}

/** @param {number} others */
export const company = (others) => others === 0 ? "You are alone here" : `${others + 1} in the call`;
