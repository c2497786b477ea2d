/**
 * The mark: four devices, six connections. Its colour in the tab says how the call is.
 */
import { el } from "./dom.js";

const LINES = "M7 7h18v18H7zM7 7l18 18M25 7L7 25";
const DOTS = [[7, 7], [25, 7], [7, 25], [25, 25]];
const NS = "http://www.w3.org/2000/svg";

export function mark() {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "mark-svg");
  svg.setAttribute("aria-hidden", "true");
  const lines = document.createElementNS(NS, "path");
  lines.setAttribute("d", LINES);
  svg.append(lines, ...DOTS.map(([x, y]) => {
    const dot = document.createElementNS(NS, "circle");
    for (const [name, value] of [["cx", x], ["cy", y], ["r", 4.5]]) dot.setAttribute(String(name), String(value));
    return dot;
  }));
  return svg;
}

export const brand = () => el("a", { class: "brand", href: "/" }, mark(), "meshfocus");

const COLOURS = { idle: "#7b8791", well: "#1f9d5c", busy: "#d98a1f", bad: "#d0443a" };

/** Title and icon of the tab. @param {string} title @param {keyof typeof COLOURS} mood */
export function showState(title, mood) {
  if (document.title !== title) document.title = title;
  const dots = DOTS.map(([x, y]) => `<circle cx='${x}' cy='${y}' r='5'/>`).join("");
  const svg = `<svg xmlns='${NS}' viewBox='0 0 32 32' fill='${COLOURS[mood]}' stroke='${COLOURS[mood]}'><path fill='none' stroke-width='2.5' d='${LINES}'/>${dots}</svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  const link = document.querySelector("link[rel=icon]");
  if (link && link.getAttribute("href") !== href) link.setAttribute("href", href);
}
