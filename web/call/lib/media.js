/**
 * Camera, microphone and screen of this device. Streams keep their IDs whatever comes and goes, for peers know them by
 * those. Works without camera, microphone or permission: then silence is sent, and others are heard.
 */
export { MediaError } from "./mediaerror.js";
import { mediaError } from "./mediaerror.js";

/** @typedef {{id: string, label: string}} Device */
/** @typedef {'audio'|'video'} Kind */

/** Events: "change"; "ended" (detail.words: a device stopped by itself). */
export class LocalMedia extends EventTarget {
  /** @param {{audio?: boolean|MediaTrackConstraints, video?: boolean|MediaTrackConstraints}} [options] */
  constructor({ audio = true, video = true } = {}) {
    super();
    /** @type {{audio: boolean|MediaTrackConstraints, video: boolean|MediaTrackConstraints}} */
    this.wanted = { audio, video };
    this.stream = new MediaStream();
    this.shared = new MediaStream();
    this.audioMuted = false;
    this.videoMuted = false;
    /** @type {MediaStreamTrack|null} */
    this.silent = null;
    /** @type {AudioContext|null} */
    this.context = null;
    /** @type {AnalyserNode|null} */
    this.analyser = null;
    /** @type {MediaStreamAudioSourceNode|null} */
    this.metered = null;
    this.onDevices = () => this.tell();
    navigator.mediaDevices?.addEventListener("devicechange", this.onDevices);
  }

  /** Camera and microphone, or null when neither is open. */
  get camera() {
    return this.stream.getTracks().length > 0 ? this.stream : null;
  }

  /** What is shared of the screen, or null. */
  get screen() {
    return this.shared.getTracks().length > 0 ? this.shared : null;
  }

  /** What is sent as audio: the microphone, or silence, so that every offer has audio that sends. */
  get audio() {
    return this.stream.getAudioTracks()[0] ?? this.silence();
  }

  get video() {
    return this.stream.getVideoTracks()[0] ?? null;
  }

  /** What our streams are for, as peers are told (MSC3077). @returns {import("./signals.js").Metadata} */
  get metadata() {
    const { stream, screen } = this;
    /** @type {import("./signals.js").Metadata} */
    const metadata = {
      [stream.id]: {
        purpose: "m.usermedia",
        audio_muted: this.audioMuted || stream.getAudioTracks().length === 0,
        video_muted: this.videoMuted || stream.getVideoTracks().length === 0,
      },
    };
    if (screen) {
      metadata[screen.id] = {
        purpose: "m.screenshare", audio_muted: screen.getAudioTracks().length === 0, video_muted: false,
      };
    }
    return metadata;
  }

  /**
   * Opens what can be had of what is wanted. Throws a MediaError when something could not be opened; what could be is open
   * all the same.
   * @param {{audioDevice?: string, videoDevice?: string}} [devices]
   */
  async open({ audioDevice, videoDevice } = {}) {
    const audio = constraints(this.wanted.audio, audioDevice), video = constraints(this.wanted.video, videoDevice);
    if (!audio && !video) return;
    try {
      this.take(await capture({ audio, video }));
    } catch (error) {
      if (!audio || !video) throw mediaError(error, audio ? "audio" : "video");
      await this.openApart(audio, video, error);
    }
  }

  /** @param {MediaTrackConstraints|boolean} audio @param {MediaTrackConstraints|boolean} video @param {unknown} error */
  async openApart(audio, video, error) {
    const results = await Promise.allSettled([capture({ audio }), capture({ video })]);
    for (const result of results) if (result.status === "fulfilled") this.take(result.value);
    const [microphone, camera] = results;
    if (microphone.status === "rejected" && camera.status === "rejected") throw mediaError(error, "both");
    if (microphone.status === "rejected") throw mediaError(microphone.reason, "audio");
    if (camera.status === "rejected") throw mediaError(camera.reason, "video");
  }

  /** Puts new tracks in the place of those of their kind. @param {MediaStream} captured */
  take(captured) {
    for (const track of captured.getTracks()) {
      this.dropTracks(/** @type {Kind} */ (track.kind));
      track.enabled = track.kind === "audio" ? !this.audioMuted : !this.videoMuted;
      track.onended = () => this.lost(track);
      this.stream.addTrack(track);
    }
    this.tell();
  }

  /** @param {Kind} kind */
  dropTracks(kind) {
    for (const track of this.stream.getTracks().filter((track) => track.kind === kind)) {
      track.onended = null;
      track.stop();
      this.stream.removeTrack(track);
    }
  }

  /** A track that ended by itself: its device was pulled out, or permission taken away. @param {MediaStreamTrack} track */
  lost(track) {
    this.stream.removeTrack(track);
    const words = track.kind === "audio" ? "The microphone is gone; others hear nothing from you." :
      "The camera is gone; others do not see you.";
    this.dispatchEvent(new CustomEvent("ended", { detail: { kind: track.kind, words } }));
    this.tell();
  }

  /** Microphones, cameras and loudspeakers; without permission their labels are empty. */
  async devices() {
    const all = await (navigator.mediaDevices?.enumerateDevices() ?? []);
    const of = (/** @type {string} */ kind) => all.filter((device) => device.kind === kind)
      .map(({ deviceId, label }) => ({ id: deviceId, label }));
    return { audio: of("audioinput"), video: of("videoinput"), output: of("audiooutput") };
  }

  /** Changes devices while calls go on. @param {{audioDevice?: string, videoDevice?: string}} devices */
  async use({ audioDevice, videoDevice }) {
    if (audioDevice !== undefined) await this.reopen("audio", audioDevice);
    if (videoDevice !== undefined) await this.reopen("video", videoDevice);
  }

  /** @param {Kind} kind @param {string} device */
  async reopen(kind, device) {
    try {
      this.take(await capture({ [kind]: constraints(this.wanted[kind] || true, device) }));
    } catch (error) {
      throw mediaError(error, kind);
    }
  }

  /** @param {{audio?: boolean, video?: boolean}} muted */
  setMuted({ audio = this.audioMuted, video = this.videoMuted }) {
    this.audioMuted = audio;
    this.videoMuted = video;
    for (const track of this.stream.getTracks()) track.enabled = track.kind === "audio" ? !audio : !video;
    this.tell();
  }

  /** Shows the screen, or a window, that the person chooses. */
  async share() {
    if (!navigator.mediaDevices?.getDisplayMedia) throw mediaError(null, "screen");
    let captured;
    try {
      captured = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: true });
    } catch (error) {
      throw mediaError(error, "screen");
    }
    this.stopSharing();
    for (const track of captured.getTracks()) {
      if (track.kind === "video") {
        track.contentHint = "detail";
        track.onended = () => this.unshare();
      }
      this.shared.addTrack(track);
    }
    this.tell();
  }

  unshare() {
    this.stopSharing();
    this.tell();
  }

  stopSharing() {
    for (const track of this.shared.getTracks()) {
      track.onended = null;
      track.stop();
      this.shared.removeTrack(track);
    }
  }

  /** How loud the microphone is now, 0 to 1. */
  level() {
    const track = this.stream.getAudioTracks()[0];
    if (!track) return 0;
    const analyser = this.meter(track);
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return Math.min(1, Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) * 3);
  }

  /** @param {MediaStreamTrack} track */
  meter(track) {
    const context = this.audioContext();
    this.analyser ??= new AnalyserNode(context, { fftSize: 512 });
    if (this.metered?.mediaStream.getTracks()[0] !== track) {
      this.metered?.disconnect();
      this.metered = context.createMediaStreamSource(new MediaStream([track]));
      this.metered.connect(this.analyser);
    }
    return this.analyser;
  }

  audioContext() {
    this.context ??= new AudioContext();
    if (this.context.state === "suspended") this.context.resume().catch(() => {}); // until a person touches the page
    return this.context;
  }

  /** @returns {MediaStreamTrack} */
  silence() {
    if (this.silent?.readyState !== "live") {
      this.silent = this.audioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
    }
    return this.silent;
  }

  /** Stops everything. */
  close() {
    navigator.mediaDevices?.removeEventListener("devicechange", this.onDevices);
    this.dropTracks("audio");
    this.dropTracks("video");
    this.silent?.stop();
    this.context?.close().catch(() => {});
    this.context = this.analyser = this.metered = null;
    this.unshare();
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {boolean|MediaTrackConstraints} wanted @param {string|undefined} device @returns {boolean|MediaTrackConstraints} */
function constraints(wanted, device) {
  if (!wanted || !device) return wanted;
  return { ...(wanted === true ? {} : wanted), deviceId: { exact: device } };
}

/** @param {MediaStreamConstraints} what */
async function capture(what) {
  if (!navigator.mediaDevices?.getUserMedia) throw null;
  return navigator.mediaDevices.getUserMedia(what);
}
