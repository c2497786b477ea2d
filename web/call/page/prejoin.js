/**
 * Before the call: see and hear oneself, choose, and go in.
 *
 * @typedef {import("../lib/media.js").LocalMedia} LocalMedia
 * @typedef {{name: string, pass: string, via: boolean}} Entry via: through a member that forwards
 */
import { brand } from "./brand.js";
import { DeviceChoice } from "./devices.js";
import { el, icon, setAttribute, setIcon, setText } from "./dom.js";
import { memory } from "./memory.js";
import { deviceTrouble, WRONG_PASS } from "./words.js";

const METER_EVERY = 80; // milliseconds
const BARS = 12;

export class PreJoin {
  /** @param {{media: LocalMedia, title: string, via: boolean, open: () => Promise<void>, join: (entry: Entry) => void}} options */
  constructor({ media, title, via, open, join }) {
    this.media = media;
    this.openDevices = open;
    this.join = join;
    this.isOpening = false;
    this.choice = new DeviceChoice(media, (words) => this.showTrouble(words));
    this.video = el("video", { autoplay: true, playsinline: true, tabindex: "-1", "aria-label": "Your camera" });
    this.video.muted = true;
    this.empty = el("p", { class: "empty" }, "Opening camera and microphone…");
    this.mic = toggle("mic", () => media.setMuted({ audio: !media.audioMuted }));
    this.camera = toggle("camera", () => media.setMuted({ video: !media.videoMuted }));
    this.bars = Array.from({ length: BARS }, () => el("i"));
    this.meter = el("div", { class: "meter", role: "img", "aria-label": "Level of your microphone" }, ...this.bars);
    this.trouble = el("p");
    this.again = el("button", { type: "button", click: () => this.open() }, "Try again");
    this.troubleBox = el("div", { class: "trouble", role: "alert", hidden: true }, this.trouble, this.again);
    this.name = el("input", { name: "name", autocomplete: "nickname", maxlength: 200, placeholder: "How the others see you" });
    this.name.value = memory.name;
    this.pass = el("input", { name: "pass", type: "password", autocomplete: "off", maxlength: 200, "aria-describedby": "pass-words" });
    this.passWords = el("p", { id: "pass-words", class: "hint", role: "status" });
    this.passField = el("div", { hidden: true }, el("label", { class: "field" }, el("span", {}, "Pass phrase"), this.pass), this.passWords);
    this.via = el("input", { type: "checkbox", name: "via", "aria-describedby": "via-words" });
    this.via.checked = via;
    this.ways = el("details", { open: via }, el("summary", {}, "More"),
      el("label", { class: "check" }, this.via, "Send through the forwarding member of this call"),
      el("p", { id: "via-words", class: "hint" }, "Your device sends once, not to each of the others. If nobody forwards, it connects directly."));
    this.submit = el("button", { type: "submit", class: "primary" }, "Join");
    this.without = el("p", { class: "hint" });
    this.element = el("main", { class: "view prejoin" }, brand(),
      el("h1", {}, title),
      el("div", { class: "columns" },
        el("section", { "aria-label": "Preview" },
          el("div", { class: "preview" }, this.video, this.empty, el("div", { class: "over" }, this.mic, this.camera, this.meter)),
          this.troubleBox),
        el("form", { class: "card stack", submit: (/** @type {Event} */ event) => this.send(event) },
          el("label", { class: "field" }, el("span", {}, "Your name"), this.name),
          this.passField, this.choice.element, this.ways, this.submit, this.without)));
    this.redraw = () => this.update();
    media.addEventListener("change", this.redraw);
    this.timer = setInterval(() => this.drawMeter(), METER_EVERY);
    this.update();
  }

  /** Asks for camera and microphone, and says why not. */
  async open() {
    this.isOpening = true;
    this.troubleBox.hidden = true;
    setText(this.empty, "Opening camera and microphone…");
    try {
      await this.openDevices();
    } catch (error) {
      const { code = "failed", kind = "both" } = /** @type {any} */ (error) ?? {};
      this.showTrouble(deviceTrouble(code, kind), code !== "insecure");
    }
    this.isOpening = false;
    setText(this.empty, "No camera");
    this.update();
  }

  /** @param {string} words @param {boolean} [again] */
  showTrouble(words, again = true) {
    setText(this.trouble, words);
    this.again.hidden = !again;
    this.troubleBox.hidden = false;
  }

  update() {
    const { media } = this;
    const hasVideo = (media.camera?.getVideoTracks().length ?? 0) > 0, hasAudio = (media.camera?.getAudioTracks().length ?? 0) > 0;
    if (this.video.srcObject !== media.camera) this.video.srcObject = media.camera;
    this.video.hidden = !hasVideo || media.videoMuted;
    this.empty.hidden = hasVideo && !media.videoMuted;
    if (hasVideo) setText(this.empty, "Your camera is off");
    drawToggle(this.mic, "mic", "microphone", media.audioMuted, hasAudio);
    drawToggle(this.camera, "camera", "camera", media.videoMuted, hasVideo);
    const lacks = [hasVideo ? "" : "camera", hasAudio ? "" : "microphone"].filter(Boolean).join(" and ");
    setText(this.without, lacks && !this.isOpening ? `You join without ${lacks}; you still see and hear the others.` : "");
    this.choice.update();
  }

  drawMeter() {
    const lit = this.media.audioMuted ? 0 : Math.round(Math.min(1, this.media.level() * 2.5) * BARS);
    this.bars.forEach((bar, i) => bar.classList.toggle("lit", i < lit));
  }

  /** @param {Event} event */
  send(event) {
    event.preventDefault();
    memory.name = this.name.value.trim();
    this.setBusy(true);
    this.join({ name: memory.name || this.name.value.trim() || "Guest", pass: this.pass.value, via: this.via.checked });
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.submit.disabled = busy;
    setText(this.submit, busy ? "Joining…" : "Join");
  }

  /** The call has a pass phrase: asks for it, or says that it was wrong. */
  askPass() {
    this.setBusy(false);
    setText(this.passWords, this.passField.hidden || this.pass.value === "" ? WRONG_PASS.asked : WRONG_PASS.wrong);
    this.passField.hidden = false;
    this.pass.focus();
    this.pass.select();
  }

  close() {
    clearInterval(this.timer);
    this.media.removeEventListener("change", this.redraw);
    this.video.srcObject = null;
  }
}

/** @param {string} name @param {() => void} click */
const toggle = (name, click) => el("button", { type: "button", class: "round", click }, icon(name));

/** @param {HTMLButtonElement} button @param {string} name @param {string} thing @param {boolean} off @param {boolean} has */
function drawToggle(button, name, thing, off, has) {
  setIcon(button, off || !has ? `${name}Off` : name);
  setAttribute(button, "aria-label", `Turn ${thing} off`);
  setAttribute(button, "aria-pressed", String(off));
  button.classList.toggle("off", off || !has);
  button.disabled = !has;
}
