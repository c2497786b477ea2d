/**
 * The sound of an incoming call, made of two tones by WebAudio: there is no file. It is silent until a person has allowed it
 * here, which is also the click that browsers want before a page may sound.
 */

const ALLOWED = "meshfocus.ring.sound";
/** Two tones, a pause: heard over a room's noise without being an alarm. Hz, s. */
const TONES = [[660, 0, 0.35], [550, 0.4, 0.35]];
const EVERY_MS = 2_400;
const LOUDNESS = 0.18;

export class Doorbell {
  /** @type {AudioContext|undefined} */
  #context;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #timer;

  /** @param {Storage} [storage] @param {() => AudioContext} [make] */
  constructor(storage = localStorage, make = () => new AudioContext()) {
    this.storage = storage;
    this.make = make;
    /** How often it has sounded, for who looks by the console. */
    this.strokes = 0;
  }

  get allowed() {
    return this.storage.getItem(ALLOWED) === "yes";
  }

  /** Called from a click: sounds once, so that one knows what will come. @param {boolean} yes */
  allow(yes) {
    this.storage.setItem(ALLOWED, yes ? "yes" : "no");
    if (!yes) return this.stop();
    this.#wake();
    this.#stroke();
  }

  /** Rings until stopped, if that was allowed. */
  ring() {
    if (this.#timer !== undefined || !this.allowed) return;
    this.#wake();
    this.#stroke();
    this.#timer = setInterval(() => this.#stroke(), EVERY_MS);
  }

  get ringing() {
    return this.#timer !== undefined;
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #wake() {
    this.#context ??= this.make();
    this.#context.resume?.().catch(() => {}); // after a reload browsers want a click first
  }

  #stroke() {
    const context = this.#context;
    if (!context) return;
    this.strokes++;
    for (const [pitch, after, length] of TONES) {
      const tone = context.createOscillator(), volume = context.createGain(), begins = context.currentTime + after;
      tone.type = "sine";
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, begins);
      volume.gain.linearRampToValueAtTime(LOUDNESS, begins + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.001, begins + length);
      tone.connect(volume).connect(context.destination);
      tone.start(begins);
      tone.stop(begins + length);
    }
  }
}
