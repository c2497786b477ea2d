/**
 * A page that says why there is no call, and the way on.
 */
import { brand } from "./brand.js";
import { el } from "./dom.js";
import { refusal, sentence } from "./words.js";

/** @param {{code: string, words?: string}} trouble @param {() => void} join what a second try does */
export function noticeView({ code, words }, join) {
  const { title, words: why, action, label } = refusal(code, sentence(words));
  const way = action === "start"
    ? el("a", { class: "button primary", href: "/" }, label)
    : el("button", { type: "button", class: "primary", click: join }, label);
  return el("main", { class: "view notice" }, brand(),
    el("section", { class: "card", "aria-labelledby": "notice-title" },
      el("h1", { id: "notice-title", tabindex: "-1" }, title), el("p", { role: "status" }, why),
      el("div", { class: "row" }, way, action === "start" ? null : el("a", { class: "button", href: "/" }, "To the start page"))));
}
