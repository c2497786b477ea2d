/**
 * What one device reports of its links, and the table of who sees and hears whom that all reports make together. Pure.
 *
 * @typedef {import("./types.js").Report} Report
 * @typedef {import("./types.js").ReportLink} ReportLink
 * @typedef {import("./types.js").Verdict} Verdict
 * @typedef {import("./types.js").Cell} Cell
 *
 * @typedef {object} LinkFacts
 * @property {import("./types.js").Peer} peer
 * @property {{audio: Verdict, video: Verdict}} out as counted; "none" where there is nothing to send
 * @property {{audio: Verdict, video: Verdict}} in as counted
 * @property {{audio: boolean, video: boolean}} muted ours
 */
import { keyOf, partyOf } from "./members.js";
import { mutual } from "./proof.js";

/** Reports older than this say nothing of now. */
const STALE = 10_000;
const MAX_WORDS = 120;

/** @param {LinkFacts} facts @returns {ReportLink} */
export function makeLink({ peer, out, in: counted, muted }) {
  const { stats } = peer;
  const camera = peer.streams.find(({ purpose }) => purpose === "m.usermedia");
  /** @type {ReportLink} */
  const link = {
    user_id: peer.user_id, device_id: peer.device_id, state: peer.state, trust: peer.trust,
    out: { audio: muted.audio ? "muted" : out.audio, video: muted.video ? "muted" : out.video, bitrate: stats?.bitrateOut ?? 0 },
    in: {
      audio: camera?.audioMuted ? "muted" : has(camera, "audio") ? counted.audio : "none",
      video: camera?.videoMuted ? "muted" : has(camera, "video") ? counted.video : "none",
      bitrate: stats?.bitrateIn ?? 0, fps: stats?.fps ?? 0, width: stats?.width ?? 0, height: stats?.height ?? 0,
    },
  };
  if (peer.via) link.via = partyOf(peer.via.key);
  if (peer.words) link.words = shortened(peer.words);
  if (peer.state !== "connected") {
    const verdict = peer.state === "connecting" || peer.state === "calling" ? "connecting" : "none";
    for (const side of [link.out, link.in]) side.audio = side.video = verdict;
  }
  return link;
}

/** As many whole sentences as there is room for, if it is one at least. @param {string} words */
const shortened = (words) => words.length <= MAX_WORDS ? words : (/^.*[.]/.exec(words.slice(0, MAX_WORDS)) ?? [words.slice(0, MAX_WORDS)])[0];

/** @param {import("./types.js").PeerStream|undefined} camera @param {string} kind */
const has = (camera, kind) => camera?.stream.getTracks().some((track) => track.kind === kind) ?? false;

/**
 * Puts the reports of all parties together. What is received counts; what is sent explains it.
 * @param {{key: string, name: string}[]} parties
 * @param {Map<string, {at: number, report: Report}>} reports by party
 * @param {number} [now]
 * @returns {import("./types.js").Matrix}
 */
export function makeMatrix(parties, reports, now = Infinity) {
  /** @type {Map<string, Cell>} */
  const cells = new Map();
  for (const { key: from } of parties) {
    for (const { key: to } of parties) {
      if (from === to) continue;
      const there = linkOf(reports, from, to, now), back = linkOf(reports, to, from, now), sent = there?.out, got = back?.in;
      /** @type {Cell} */
      const cell = { trust: mutual(there?.trust, back?.trust), audio: verdict(sent?.audio, got?.audio), video: verdict(sent?.video, got?.video) };
      const via = there?.via ?? back?.via;
      if (via) cell.via = keyOf(via);
      if (sent) cell.from = sent;
      if (got) cell.to = got;
      const why = [there, back].find((link) => link?.state !== "connected" && link?.words)?.words;
      if (typeof why === "string") cell.words = why;
      cells.set(from + ">" + to, cell);
    }
  }
  return { parties, cells };
}

/** @param {Map<string, {at: number, report: Report}>} reports @param {string} of @param {string} about @param {number} [now] */
export function linkOf(reports, of, about, now = Infinity) {
  const entry = reports.get(of);
  if (!entry || (now !== Infinity && now - entry.at > STALE) || !Array.isArray(entry.report?.links)) return undefined;
  return entry.report.links.find((link) => link && keyOf(link) === about);
}

/**
 * @param {Verdict|undefined} sent by what the sender says
 * @param {Verdict|undefined} got by what the receiver says
 * @returns {Verdict}
 */
export function verdict(sent, got) {
  if (sent === "muted") return sent; // the receiver may not have heard of it, and black pictures flow
  if (got === "flows" || got === "muted") return got;
  if (sent === "none") return sent;
  if (got && got !== "unknown") return got;
  return sent === "stalled" || sent === "connecting" ? sent : "unknown";
}
