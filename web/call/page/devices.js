/**
 * The choice of camera, microphone and loudspeaker, before the call and during it.
 *
 * @typedef {import("../lib/media.js").LocalMedia} LocalMedia
 */
import { el } from "./dom.js";
import { memory } from "./memory.js";

const KINDS = /** @type {const} */ ([
  { kind: "video", label: "Camera", kept: "videoDevice" },
  { kind: "audio", label: "Microphone", kept: "audioDevice" },
  { kind: "output", label: "Loudspeaker", kept: "outputDevice" },
]);

export class DeviceChoice {
  /** @param {LocalMedia} media @param {(words: string) => void} trouble */
  constructor(media, trouble) {
    this.media = media;
    this.trouble = trouble;
    this.drawn = "";
    this.selects = KINDS.map(({ kind, label, kept }) => {
      const select = el("select", { change: () => this.choose(kept, select.value) });
      return { kind, kept, select, field: el("label", { class: "field" }, el("span", {}, label), select) };
    });
    this.element = el("div", { class: "devices" }, ...this.selects.map(({ field }) => field));
  }

  /** Reads the devices anew; the lists are drawn only when they differ. */
  async update() {
    const devices = await this.media.devices().catch(() => ({ audio: [], video: [], output: [] }));
    const text = JSON.stringify(devices);
    if (text === this.drawn) return;
    this.drawn = text;
    for (const { kind, kept, select, field } of this.selects) {
      const list = devices[kind];
      field.hidden = kind === "output" && (list.length === 0 || !("setSinkId" in HTMLMediaElement.prototype));
      select.disabled = list.length === 0;
      select.replaceChildren(...(list.length === 0
        ? [el("option", { value: "" }, "none found")]
        : list.map(({ id, label }, i) => el("option", { value: id }, label || `${kind === "video" ? "Camera" : kind === "audio" ? "Microphone" : "Loudspeaker"} ${i + 1}`))));
      const chosen = memory.devices[kept];
      if (list.some(({ id }) => id === chosen)) select.value = chosen ?? "";
    }
  }

  /** @param {"audioDevice"|"videoDevice"|"outputDevice"} kept @param {string} id */
  async choose(kept, id) {
    memory.devices = { ...memory.devices, [kept]: id };
    if (kept === "outputDevice") return void this.media.dispatchEvent(new Event("change"));
    try {
      await this.media.use({ [kept]: id });
    } catch (error) {
      this.trouble(/** @type {any} */ (error)?.words ?? "That device could not be opened.");
    }
  }
}
