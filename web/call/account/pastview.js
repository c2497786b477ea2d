/** The past calls of a room, on the page: a room to choose, a page of calls, older ones and back. */
import { bdi, el, icon, setText } from "/call/page/dom.js";
import { shown } from "/call/page/words.js";
import { Past } from "./past.js";
import { certainty, clock, lasted, notes, title, when } from "./pastwords.js";

/** @typedef {import("./history.js").PastCall} PastCall */

export class PastView {
  /** @type {Past|undefined} */
  #past;
  #turn = 0;

  /** @param {{homeserver: import("./client.js").Homeserver, self: string, rooms: import("./rooms.js").Choice[]}} options */
  constructor({ homeserver, self, rooms }) {
    this.homeserver = homeserver;
    this.self = self;
    this.room = el("select", { id: "past-room", change: () => this.begin() }, ...rooms.map(({ id, name }) => el("option", { value: id }, shown(name))));
    this.said = el("p", { class: "faint", role: "status" });
    this.list = el("ol", { class: "past", "aria-label": "Past calls" });
    this.newest = el("button", { type: "button", hidden: true, click: () => this.begin() }, "Newest calls");
    this.older = el("button", { type: "button", hidden: true, click: () => this.turn() }, "Older calls");
    this.sure = el("p", { class: "faint" });
    this.element = el("details", { id: "past", class: "card", toggle: () => { if (this.element.open && !this.#past) this.begin(); } },
      el("summary", {}, el("h2", {}, "Past calls")),
      el("div", { class: "stack" }, el("label", { class: "field" }, el("span", {}, "Room"), this.room), this.said, this.list, el("div", { class: "row" }, this.older, this.newest), this.sure));
    this.element.hidden = rooms.length === 0;
  }

  /** Starts from the newest call of the chosen room. */
  begin() {
    this.#past = new Past({ homeserver: this.homeserver, roomId: this.room.value, self: this.self });
    return this.turn(true);
  }

  /** Shows the next page in the place of the last. @param {boolean} [first] */
  async turn(first = false) {
    const past = this.#past, mine = ++this.#turn;
    if (!past) return;
    setText(this.said, "Reading the room…");
    this.older.disabled = this.newest.disabled = true;
    try {
      const page = await past.older(), name = await past.names(page.calls);
      if (mine === this.#turn) this.#show(page, name, first);
    } catch (err) {
      if (mine === this.#turn) setText(this.said, `The room cannot be read: ${err instanceof Error ? err.message : err}.`);
    } finally {
      if (mine === this.#turn) this.older.disabled = this.newest.disabled = false;
    }
  }

  /** @param {import("./past.js").Page} page @param {(user: string) => string} name @param {boolean} first */
  #show(page, name, first) {
    const reader = { name, self: this.self }, { calls, more } = page;
    const none = more ? "No call in this part of the room." : first ? "No call in this room, as far as can be told." : "No older call.";
    const which = first ? (more ? " newest" : "") : " older";
    setText(this.said, calls.length === 0 ? none : calls.length === 1 ? `One${which} call.` : `${calls.length}${which} calls.`);
    this.list.replaceChildren(...calls.map((call) => itemOf(call, reader)));
    this.older.hidden = !more;
    this.newest.hidden = first;
    setText(this.sure, certainty(page, reader));
  }
}

/** @param {PastCall} call @param {import("./pastwords.js").Reader} reader */
function itemOf(call, reader) {
  const mood = call.missed.includes(reader.self) ? "missed" : call.running ? "running" : "";
  return el("li", { class: mood },
    el("p", { class: "what" }, icon(call.intent === "audio" ? "mic" : "camera"), el("strong", {}, title(call, reader))),
    el("p", { class: "faint" }, when(call, reader)),
    el("p", {}, notes(call, reader).join(" · ")),
    call.participants.length > 0 ? el("details", {}, el("summary", {}, "Who was there when"), el("ul", {}, ...call.participants.flatMap(({ user_id, parts }) =>
      parts.map((part) => el("li", {}, bdi(shown(user_id === reader.self ? "You" : reader.name(user_id))), " on ", bdi(shown(part.device_id)),
        `, ${clock(part.start, reader)} to ${part.running ? "now" : clock(part.end, reader)} (${lasted(part.end - part.start)})`))))) : null);
}
