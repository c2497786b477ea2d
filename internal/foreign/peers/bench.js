// The common vocabulary of the peers: what a test tells a page, and what the
// page sees of its calls. Each kind of peer brings an adapter to its library:
//
//   join(options)            be a member; answers {user_id, device_id, session_id}
//   leave()                  leave, so that join(options) can follow
//   mute({audio, video})     each true, false or left out
//   share(), unshare()       the screen
//   restart(user_id)         ask for an ICE restart of the call with a user
//   links()                  [{user_id, device_id, connection, words, streams}], with
//                            streams [{purpose, stream, audioMuted, videoMuted}]
//
// What a kind cannot do it leaves out.

/** Makes every library's camera a small one: many pages share two processor cores. */
function shrinkCamera() {
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  const [width, height] = new URLSearchParams(location.search).get('camera')?.split('x').map(Number) ?? [320, 240];
  const camera = { width, height, frameRate: 15 };
  devices.getUserMedia = (want) => open({ audio: Boolean(want?.audio), video: want?.video ? camera : false });
}

/** Lets every connection of the page use relays only, whatever the library asks for. */
export function relayOnly() {
  const strict = (configuration) => ({ ...configuration, iceTransportPolicy: 'relay' });
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) { super(strict(configuration)); }

    setConfiguration(configuration) { super.setConfiguration(strict(configuration)); }
  };
}

/** A screen for browsers that have none to show: a field that changes colour. */
function inventScreen() {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [320, 180];
    const brush = canvas.getContext('2d');
    let turn = 0;
    const paint = () => {
      turn += 1;
      for (let column = 0; column < 8; column++) {
        brush.fillStyle = `hsl(${turn * 15 + column * 45} 90% ${30 + column * 5}%)`;
        brush.fillRect(column * 40, 0, 40, 180);
      }
    };
    paint();
    const stream = canvas.captureStream(10);
    const timer = setInterval(() => stream.active ? paint() : clearInterval(timer), 100);
    return stream;
  };
}

/** Eyes for one remote stream: it is played, and looked at now and then. */
class Eye {
  constructor(stream) {
    this.screen = document.createElement('video');
    this.screen.srcObject = stream;
    this.screen.autoplay = true;
    this.screen.width = 160;
    document.body.append(this.screen);
    this.canvas = new OffscreenCanvas(32, 24);
    this.brush = this.canvas.getContext('2d', { willReadFrequently: true });
  }

  /** How bright and how varied the picture is (0 to 255), and how far from the one before. */
  look() {
    const { videoWidth: width, videoHeight: height } = this.screen;
    if (!width) return { width: 0, height: 0, mean: 0, spread: 0, change: 0 };
    this.brush.drawImage(this.screen, 0, 0, 32, 24);
    const pixels = this.brush.getImageData(0, 0, 32, 24).data;
    const grey = new Float64Array(32 * 24);
    for (let i = 0; i < grey.length; i++) grey[i] = (pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2]) / 3;
    const mean = average(grey);
    const spread = Math.sqrt(average(grey.map((g) => (g - mean) ** 2)));
    const change = this.before ? average(grey.map((g, i) => Math.abs(g - this.before[i]))) : 0;
    this.before = grey;
    return { width, height, mean, spread, change };
  }

  close() {
    this.screen.srcObject = null;
    this.screen.remove();
  }
}

const average = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

/** Counters of a connection, in both directions. */
async function count(connection) {
  const sum = {
    sent: { audio_bytes: 0, video_bytes: 0 }, received: { audio_bytes: 0, video_bytes: 0 },
    frames: 0, energy: 0, layers: 0, path: '', ufrag: '',
  };
  const report = await connection.getStats();
  for (const entry of report.values()) {
    if (entry.type === 'outbound-rtp') {
      sum.sent[`${entry.kind}_bytes`] += entry.bytesSent;
      if (entry.kind === 'video' && entry.bytesSent > 0) sum.layers += 1;
    }
    if (entry.type === 'inbound-rtp') {
      sum.received[`${entry.kind}_bytes`] += entry.bytesReceived;
      sum.frames += entry.framesDecoded ?? 0;
      sum.energy += entry.totalAudioEnergy ?? 0;
    }
    if (entry.type === 'transport') sum.ufrag = entry.iceLocalUsernameFragment ?? '';
    if (entry.type === 'transport' && entry.selectedCandidatePairId) {
      const pair = report.get(entry.selectedCandidatePairId);
      const ends = [pair?.localCandidateId, pair?.remoteCandidateId];
      sum.path = ends.map((id) => report.get(id)?.candidateType ?? '?').join(' ');
    }
  }
  return sum;
}

/** Serves an adapter to the test as window.peer. */
export function serve(adapter) {
  shrinkCamera();
  inventScreen();
  const eyes = new Map();

  const look = (stream) => {
    if (!eyes.has(stream)) eyes.set(stream, new Eye(stream));
    return eyes.get(stream).look();
  };
  const describe = async ({ user_id, device_id, connection, words, streams }) => ({
    user_id, device_id, words,
    state: connection?.connectionState ?? 'none',
    ...(connection ? await count(connection) : {}),
    streams: streams.map((s) => ({
      purpose: s.purpose, audio_muted: Boolean(s.audioMuted), video_muted: Boolean(s.videoMuted), ...look(s.stream),
    })),
  });
  const links = async () => {
    const all = adapter.links();
    const shown = new Set(all.flatMap((link) => link.streams.map((s) => s.stream)));
    for (const [stream, eye] of eyes) {
      if (!shown.has(stream)) { eye.close(); eyes.delete(stream); }
    }
    return Promise.all(all.map(describe));
  };
  // Keys are uploaded before what is left of them is stored: who dies in between
  // comes back with others under the same names, which no homeserver takes.
  performance.setResourceTimingBufferSize(10000);
  const settled = () => {
    const uploads = performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/keys/upload'));
    return performance.now() - (uploads.at(-1)?.responseEnd ?? 0) > 1500;
  };
  const verbs = { links, settled };
  window.peer = new Proxy(adapter, { get: (target, name) => verbs[name] ?? target[name]?.bind?.(target) });
}

/** Waits for a condition and answers what it gave. */
export async function until(what, condition, limit = 20000) {
  for (const end = performance.now() + limit; performance.now() < end;) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
