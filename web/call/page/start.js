/**
 * The start page: the lobby, a new call, or signing in.
 */
import { el, icon } from "./dom.js";
import { memory } from "./memory.js";
import { sentence } from "./words.js";
import { brand } from "./brand.js";

/** @returns {HTMLElement} */
export function startView() {
  const name = el("input", { name: "name", autocomplete: "nickname", maxlength: 200, required: true, placeholder: "How the others see you" });
  name.value = memory.name;
  const title = el("input", { name: "title", autocomplete: "off", maxlength: 200, placeholder: "Team meeting" });
  const pass = el("input", { name: "pass", type: "text", autocomplete: "off", maxlength: 200, placeholder: "none" });
  const result = el("div", { class: "result", role: "status" });
  const keep = () => { memory.name = name.value.trim(); };

  const lobby = el("form", { class: "stack", submit: (/** @type {Event} */ event) => { event.preventDefault(); keep(); location.assign("/c/lobby"); } },
    el("label", { class: "field" }, el("span", {}, "Your name"), name),
    el("button", { type: "submit", class: "primary" }, "Join the lobby"));
  const fresh = el("form", { class: "stack", submit: async (/** @type {Event} */ event) => { event.preventDefault(); keep(); await make({ name: title.value.trim(), pass: pass.value }, result); } },
    el("label", { class: "field" }, el("span", {}, "Name of the call ", el("i", {}, "optional")), title),
    el("label", { class: "field" }, el("span", {}, "Pass phrase ", el("i", {}, "optional")), pass),
    el("button", { type: "submit" }, "Start a new call"), result);

  return el("main", { class: "view start" }, brand(),
    el("h1", {}, "Calls without a middleman"),
    el("p", { class: "lead" }, "Sound and picture go straight from every device to every other. The server only passes the words by which they find each other."),
    el("div", { class: "cards" },
      el("section", { class: "card", "aria-labelledby": "lobby-title" }, el("h2", { id: "lobby-title" }, "The lobby"), el("p", { class: "faint" }, "Open to everybody who can reach this server. A test card is always there, so you see and hear at once whether all works."), lobby),
      el("section", { class: "card", "aria-labelledby": "new-title" }, el("h2", { id: "new-title" }, "A call of your own"), el("p", { class: "faint" }, "You get a link that nobody can guess. Whoever has it may come in."), fresh)),
    el("p", { class: "faint centre" }, "Have a Matrix account? ", el("a", { href: "/account/" }, "Sign in with Matrix"), ", and the server cannot even read by which words you find each other. ", el("a", { href: "/status" }, "Status")));
}

/** Asks the server for a new call and shows its link. @param {{name: string, pass: string}} wanted @param {HTMLElement} result */
async function make(wanted, result) {
  try {
    const response = await fetch("/call/new", {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...(wanted.name && { name: wanted.name }), ...(wanted.pass && { pass: wanted.pass }) }),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok || !/^[a-z2-7]{26}$/.test(answer.call)) throw new Error(sentence(answer.words));
    showLink(`${location.origin}/c/${answer.call}`, result);
  } catch (error) {
    const words = error instanceof TypeError ? "The server does not answer. Look whether it still runs, then try again." : error instanceof Error && error.message;
    result.replaceChildren(el("p", { class: "trouble" }, words || "The server would not make a call just now. Try again in a minute."));
  }
}

/** @param {string} link @param {HTMLElement} result */
function showLink(link, result) {
  const field = el("input", { readonly: true, "aria-label": "Link of the call", class: "link", focus: () => field.select() });
  field.value = link;
  const copy = el("button", { type: "button", click: async () => { copy.lastChild?.replaceWith((await copyText(link, field)) ? "Copied" : "Press Ctrl+C"); } }, icon("link"), "Copy link");
  result.replaceChildren(el("p", {}, "Your call is ready. Send this link to those you want to meet:"),
    field, el("div", { class: "row" }, copy, el("a", { class: "button primary", href: new URL(link).pathname }, "Go in")));
}

/** Copies by the clipboard, else by selecting. @param {string} text @param {HTMLInputElement} [field] */
export async function copyText(text, field) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // refused, or there is none on plain http
    field?.select();
    return false;
  }
}
