/**
 * Stands for the library in tests: the same names, nobody at the other end. The query of the address says what is to
 * be played; globalThis.fake changes it while the page runs.
 *
 *   peers=4  camera=denied|missing|busy|insecure  refuse=<code>  pass=<phrase>  dull (no pictures)
 */
const query = new URLSearchParams(location.search);
const NAMES = ["Ann Lindqvist", "Bo Okafor", "Carla Reyes", "Dmitri Volkov", "Emine Aksoy", "Farid Haddad", "Grace Liu", "Hugo Martins", "Ines Duarte", "Jun Watanabe", "Kofi Mensah", "Lena Vogel"];
const SCENES = [
  ["#f6d9b8", "#e39a74", "#3d4f6b", "#5b3a2e", "#f0c19c"], ["#bcd8e8", "#6d9fc0", "#e7e0d0", "#221d1c", "#8d5b3f"],
  ["#e9dcf2", "#a98cc8", "#2f5d50", "#3a2218", "#d9a07a"], ["#d5e6d0", "#84b08a", "#8a3f3a", "#b98a4e", "#f1cdb0"],
  ["#fbe6c9", "#eab55f", "#35605a", "#1f1a1f", "#d8a27d"], ["#d3dcea", "#7489ad", "#c9a227", "#2b211d", "#a8744f"],
  ["#f4d6d6", "#cf8a8f", "#44546a", "#16151a", "#efc7a4"], ["#cfe6e6", "#62a3a5", "#7d4f6a", "#6d4a30", "#e6b48f"],
  ["#e8e3d3", "#b5a781", "#2f4f7a", "#4a2d22", "#c98d64"],
];

/** A room and somebody in it, who moves a little. */
function paint(context, [light, deep, shirt, hair, skin], seed, time) {
  const { width: w, height: h } = context.canvas;
  const wall = context.createLinearGradient(0, 0, w, h);
  wall.addColorStop(0, light);
  wall.addColorStop(1, deep);
  context.fillStyle = wall;
  context.fillRect(0, 0, w, h);
  furnish(context, seed, w, h);
  const sway = Math.sin(time / 900 + seed) * w * 0.008, nod = Math.sin(time / 600 + seed * 2) * h * 0.006;
  const x = w * (0.5 + ((seed % 3) - 1) * 0.03) + sway, y = h * 0.46 + nod, r = h * 0.17;
  context.fillStyle = shirt;
  context.beginPath();
  context.ellipse(x, h * 1.06, w * 0.245, h * 0.36, 0, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = skin;
  context.fillRect(x - r * 0.36, y + r * 0.6, r * 0.72, r * 1.05);
  context.fillStyle = hair;
  context.beginPath();
  if (seed % 2 === 0) context.ellipse(x, y + r * 0.35, r * 1.2, r * 1.5, 0, Math.PI * 0.98, Math.PI * 2.02);
  else context.arc(x, y - r * 0.22, r * 1.08, Math.PI, Math.PI * 2);
  if (seed % 2 === 0) context.roundRect(x - r * 1.2, y, r * 2.4, r * 1.25, r * 0.3);
  context.fill();
  context.fillStyle = skin;
  context.beginPath();
  context.ellipse(x, y, r * 0.86, r * 1.06, 0, 0, Math.PI * 2);
  context.fill();
  context.fillStyle = hair;
  context.beginPath();
  context.ellipse(x, y - r * 0.72, r * 0.84, r * 0.5, 0, Math.PI, Math.PI * 2);
  context.fill();
  face(context, x, y, r, hair);
}

function furnish(context, seed, w, h) {
  context.fillStyle = "#ffffff66";
  const left = seed % 2 ? 0.72 : 0.07;
  context.fillRect(w * left, h * 0.1, w * 0.2, h * 0.42);
  context.fillStyle = "#ffffff55";
  context.fillRect(w * (left + 0.1) - 2, h * 0.1, 4, h * 0.42);
  context.fillStyle = "#0000001c";
  const shelf = seed % 2 ? 0.06 : 0.7;
  context.fillRect(w * shelf, h * 0.36, w * 0.24, h * 0.02);
  for (let i = 0; i < 6; i++) context.fillRect(w * (shelf + 0.01 + i * 0.034), h * (0.2 + ((i * 7 + seed) % 5) * 0.014), w * 0.024, h * (0.16 - ((i * 7 + seed) % 5) * 0.014));
}

function face(context, x, y, r, dark) {
  context.fillStyle = "#2a211f";
  for (const side of [-1, 1]) {
    context.beginPath();
    context.arc(x + side * r * 0.32, y - r * 0.06, r * 0.075, 0, Math.PI * 2);
    context.fill();
  }
  context.strokeStyle = dark === "#16151a" ? "#5b2b28" : "#7a3d35";
  context.lineWidth = r * 0.07;
  context.lineCap = "round";
  context.beginPath();
  context.arc(x, y + r * 0.3, r * 0.26, Math.PI * 0.15, Math.PI * 0.85);
  context.stroke();
}

const canvases = [];
function picture(seed, width = 640, height = 360) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const scene = SCENES[seed % SCENES.length];
  canvases.push((time) => paint(context, scene, seed, time));
  paint(context, scene, seed, 0);
  return canvas.captureStream(10);
}
/** One moment of a scene as a JPEG, for cameras of real browsers. @param {number} seed @param {number} time @returns {string} data URL */
export function still(seed, time) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 640, height: 360 });
  paint(canvas.getContext("2d"), SCENES[seed % SCENES.length], seed, time);
  return canvas.toDataURL("image/jpeg", 0.92);
}

function slide() {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 1280, height: 720 });
  const c = canvas.getContext("2d");
  canvases.push(() => {
    c.fillStyle = "#fff"; c.fillRect(0, 0, 1280, 720);
    c.fillStyle = "#17724a"; c.fillRect(0, 0, 1280, 90);
    c.fillStyle = "#dfe3e6";
    for (let i = 0; i < 7; i++) c.fillRect(80, 160 + i * 70, 500 + ((i * 97) % 200), 26);
    c.fillStyle = "#84b08a";
    for (let i = 0; i < 5; i++) c.fillRect(840 + i * 75, 600 - 80 - i * 62, 48, 80 + i * 62);
  });
  return canvas.captureStream(5);
}
if (!query.has("dull")) setInterval(() => canvases.forEach((draw) => draw(performance.now())), 100);

export class MediaError extends Error {
  constructor(code, kind, words) { super(words); Object.assign(this, { code, kind, words }); }
}

export class LocalMedia extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { camera: null, screen: null, audioMuted: false, videoMuted: false });
    fake.media = this;
  }
  async open(devices) {
    fake.opened.push(devices ?? {});
    const code = query.get("camera");
    if (code && !fake.allowed) throw new MediaError(code, "both", "could not be opened");
    this.camera = picture(query.get("seed") ? Number(query.get("seed")) : 4);
    const tone = new AudioContext().createMediaStreamDestination();
    this.camera.addTrack(tone.stream.getAudioTracks()[0]);
    this.tell();
  }
  async devices() {
    const none = query.get("camera") === "missing";
    return {
      video: none ? [] : [{ id: "front", label: "Built-in camera" }, { id: "desk", label: "Desk camera" }],
      audio: none ? [] : [{ id: "built-in", label: "Built-in microphone" }, { id: "headset", label: "Headset" }],
      output: [{ id: "", label: "Built-in loudspeaker" }],
    };
  }
  setMuted({ audio = this.audioMuted, video = this.videoMuted }) { this.audioMuted = audio; this.videoMuted = video; this.tell(); }
  level() { return fake.level; }
  async use(devices) { fake.used.push(devices); }
  async share() { this.screen = slide(); this.tell(); }
  unshare() { this.screen = null; this.tell(); }
  close() { this.camera = null; this.screen = null; }
  tell() { this.dispatchEvent(new Event("change")); }
}

export class SocketSignaller {
  constructor(options) { this.options = options; }
}

export class Call extends EventTarget {
  constructor({ signaller, call, via }) {
    super();
    Object.assign(this, { options: signaller.options, name: call, state: "idle", error: null });
    fake.call = this;
    fake.calls.push({ ...signaller.options, via });
  }
  async join() {
    await Promise.resolve();
    const refuse = query.get("refuse"), pass = query.get("pass");
    if (fake.refuse !== null && (fake.refuse ?? refuse)) return this.to("refused", { code: fake.refuse ?? refuse, words: "The server said so.", fatal: true });
    if (pass && this.options.pass !== pass) return this.to("refused", { code: "wrong_pass", words: "wrong", fatal: true });
    this.to("joined");
    this.dispatchEvent(new CustomEvent("say", { detail: { words: "The test card is here." } }));
  }
  async leave() { this.to("left"); }
  to(state, error = null) { this.state = state; this.error = error; this.tell(); }
  tell() { this.dispatchEvent(new Event("change")); }
  show(sizes) { fake.shown = sizes; }
  snapshot() {
    const self = { user_id: "@me:x", device_id: "ME", session_id: "s", name: this.options.name, key: "@me:x/ME" };
    const parties = [{ key: self.key, name: self.name }, ...fake.peers.map(({ key, name }) => ({ key, name }))];
    return { state: this.state, error: this.error, self, room: { id: "!x", name: query.get("title") ?? "" }, call: this.name, seat: "seat-1", maxMembers: 12, peers: fake.peers, reports: new Map(), through: fake.through, matrix: { parties, cells: cellsOf(parties) } };
  }
}

function cellsOf(parties) {
  const cells = new Map();
  for (const from of parties) {
    for (const to of parties) {
      const proved = [from, to].map(({ key }) => fake.peers.find((peer) => peer.key === key)?.trust);
      const trust = { trust: ["clear", "server"].find((bad) => proved.includes(bad)) ?? (proved.includes(undefined) ? "encrypted" : "verified"), ends: 2 };
      if (from !== to) cells.set(`${from.key}>${to.key}`, { trust, audio: "flows", video: "flows", from: {}, to: {}, ...fake.cells[`${from.key}>${to.key}`] });
    }
  }
  return cells;
}

export function peerOf(i, more = {}) {
  const key = `@p${i}:x/D${i}`;
  return {
    key, user_id: `@p${i}:x`, device_id: `D${i}`, name: NAMES[i % NAMES.length], state: "connected", since: Date.now(), words: "", caller: i % 2 === 0,
    encrypted: true, authenticated: i % 3 === 0, trust: ["verified", "encrypted", "clear", "server"][i % 4], speaking: false, level: 0,
    streams: [{ id: `s${i}`, purpose: "m.usermedia", stream: picture(i), audioMuted: false, videoMuted: false }],
    stats: { rttMs: 8.4 + i * 6, lossIn: 0.002 * i, lossOut: 0, bitrateIn: 812000 + i * 91000, bitrateOut: 940000, width: 640, height: 360, fps: 24, codecVideo: "VP8", codecAudio: "opus", path: i === 2 ? "relay" : "direct", protocol: "udp", framesDecoded: 1000, bytesIn: 1, bytesOut: 1, layersOut: 3 },
    ...more,
  };
}

export const fake = {
  peers: [], cells: {}, level: 0, opened: [], used: [], calls: [], allowed: false, refuse: undefined, call: null, media: null, shown: [], through: null,
  /** @param {number} count */
  fill(count) {
    this.peers = this.peers.slice(0, count);
    while (this.peers.length < count) this.peers.push(peerOf(this.peers.length));
    this.call?.tell();
  },
  set(i, more) { this.peers = this.peers.map((peer, at) => (at === i ? { ...peer, ...more } : peer)); this.call?.tell(); },
  share(i) { const peer = this.peers[i]; this.set(i, { streams: [...peer.streams, { id: `scr${i}`, purpose: "m.screenshare", stream: slide(), audioMuted: true, videoMuted: false }] }); },
  say(words) { this.call.dispatchEvent(new CustomEvent("say", { detail: { words } })); },
};
globalThis.fake = fake;
fake.fill(Number(query.get("peers") ?? 0));
export const makeMatrix = () => ({ parties: [], cells: new Map() });
