/**
 * Which tiles there are, from what the call says. Pure.
 *
 * @typedef {import("../lib/types.js").Peer} Peer
 * @typedef {import("../lib/types.js").Snapshot} Snapshot
 *
 * @typedef {object} Tile
 * @property {string} key the same for the same picture of the same device
 * @property {'camera'|'screen'} kind
 * @property {boolean} own
 * @property {string} name as it may be shown
 * @property {MediaStream|null} stream
 * @property {boolean} audioMuted
 * @property {boolean} videoMuted
 * @property {boolean} speaking
 * @property {string} words what is going on; "" when all is well
 * @property {'well'|'busy'|'bad'} mood
 * @property {Peer|null} peer null for our own
 */
import { sentence, shown } from "./words.js";

/** @type {{[state: string]: string}} */
const STATES = { waiting: "waiting to be called…", calling: "calling…", connecting: "connecting…", connected: "", reconnecting: "reconnecting…", failed: "cannot be reached", refused: "refused the call" };

/**
 * @param {Snapshot} snapshot
 * @param {{camera: MediaStream|null, screen: MediaStream|null, audioMuted: boolean, videoMuted: boolean, speaking: boolean}} own
 * @returns {Tile[]} shared screens first, the others in the order of the snapshot, our own camera last
 */
export function tilesOf(snapshot, own) {
  const name = shown(snapshot.self?.name);
  const peers = snapshot.peers.map((peer) => ({ peer, name: shown(peer.name) }));
  const mine = { own: true, name, peer: null, words: "", mood: /** @type {const} */ ("well") };
  return [
    ...(own.screen ? [{ ...mine, key: "own screen", kind: /** @type {const} */ ("screen"), stream: own.screen, audioMuted: false, videoMuted: false, speaking: false }] : []),
    ...peers.flatMap(({ peer, name }) => screensOf(peer, name)),
    ...peers.map(({ peer, name }) => cameraOf(peer, name)),
    { ...mine, key: "own camera", kind: /** @type {const} */ ("camera"), stream: own.camera, audioMuted: own.audioMuted, videoMuted: own.videoMuted, speaking: own.speaking },
  ];
}

/** @param {Peer} peer @param {string} name @returns {Tile[]} */
function screensOf(peer, name) {
  return peer.streams.filter((stream) => stream.purpose === "m.screenshare" && !stream.videoMuted).map((stream) => ({
    ...stateOf(peer), key: `screen ${stream.id} ${peer.key}`, kind: "screen", own: false, name, stream: stream.stream,
    audioMuted: false, videoMuted: false, speaking: false, peer,
  }));
}

/** @param {Peer} peer @param {string} name @returns {Tile} */
function cameraOf(peer, name) {
  const stream = peer.streams.find((one) => one.purpose !== "m.screenshare");
  return {
    ...stateOf(peer), key: `camera ${peer.key}`, kind: "camera", own: false, name, stream: stream?.stream ?? null,
    audioMuted: stream?.audioMuted ?? false, videoMuted: stream?.videoMuted ?? true, speaking: peer.speaking, peer,
  };
}

/** @param {Peer} peer @returns {{words: string, mood: 'well'|'busy'|'bad'}} */
function stateOf(peer) {
  if (peer.state === "connected") return { words: "", mood: "well" };
  const bad = peer.state === "failed" || peer.state === "refused";
  return { words: sentence(peer.words) || STATES[peer.state] || "", mood: bad ? "bad" : "busy" };
}
