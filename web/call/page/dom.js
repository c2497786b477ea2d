/**
 * Making elements. Text goes in as text nodes only; there is no way to markup from here.
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {{[name: string]: string|number|boolean|undefined|((event: any) => void)}} [attributes] functions are listeners, `true` an empty attribute, `false` none
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Drawn on a 24 by 24 field with a round pen. @type {{[name: string]: string}} */
const STROKES = {
  mic: "M12 3.2a2.8 2.8 0 0 1 2.8 2.8v5a2.8 2.8 0 0 1-5.6 0V6A2.8 2.8 0 0 1 12 3.2zM5.8 11a6.2 6.2 0 0 0 12.4 0M12 17.4v3.2",
  micOff: "M14.8 10.6V6a2.8 2.8 0 0 0-5.4-1M9.2 9.2V11a2.8 2.8 0 0 0 4 2.5M5.8 11a6.2 6.2 0 0 0 9.6 5.2M18.2 11a6 6 0 0 1-.6 2.6M12 17.4v3.2M4 4l16 16",
  camera: "M5 6.8h7.5a2 2 0 0 1 2 2v6.4a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8.8a2 2 0 0 1 2-2zM14.5 11l6-3.3v8.6l-6-3.3",
  cameraOff: "M9 6.8h3.5a2 2 0 0 1 2 2v3.2M14 16.5a2 2 0 0 1-1.5.7H5a2 2 0 0 1-2-2V8.8a2 2 0 0 1 2-2M14.5 11l6-3.3v8.6l-3-1.7M4 4l16 16",
  screen: "M4.5 4.5h15a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.5zM12 13.5v-6M9.3 10L12 7.3l2.7 2.7M8.5 20h7",
  devices: "M4 8h8.5M17 8h3M4 16h3M11.5 16H20M12.5 8a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0-4.4 0M7 16a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0-4.4 0",
  info: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17zM12 11.3v5M12 7.7v.1",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17a8.5 8.5 0 1 0 0-17zM9.6 9.5a2.5 2.5 0 1 1 3.8 2.1c-.9.6-1.4 1.1-1.4 2.1M12 16.6v.1",
  mesh: "M5.5 4.5h13a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM4.5 9.5h15M9.5 4.5v15M12.8 14.6l1.5 1.5 2.7-3",
  link: "M10.2 13.8a3.6 3.6 0 0 0 5.2.2l3-3a3.7 3.7 0 0 0-5.2-5.2l-1.1 1.1M13.8 10.2a3.6 3.6 0 0 0-5.2-.2l-3 3a3.7 3.7 0 0 0 5.2 5.2l1.1-1.1",
  leave: "M2.8 14.2c0-6 18.4-6 18.4 0v1.1a1 1 0 0 1-1.2 1l-3.3-.7a1 1 0 0 1-.8-1v-1.9a12 12 0 0 0-7.8 0v1.9a1 1 0 0 1-.8 1L4 16.3a1 1 0 0 1-1.2-1z",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  flows: "M5 12.7l4.6 4.6L19 7.8",
  stalled: "M12 4.5l8.5 14.5h-17zM12 10v4M12 16.5v.1",
  muted: "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16zM6.5 6.5l11 11",
  none: "M6.5 12h11",
  connecting: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  unknown: "M9.2 9a2.9 2.9 0 1 1 4.4 2.5c-1.1.7-1.6 1.3-1.6 2.5M12 17.6v.1",
  speaker: "M4 10v4h3.5l4.5 4V6L7.5 10zM15.3 9.2a4 4 0 0 1 0 5.6M17.8 6.7a7.5 7.5 0 0 1 0 10.6",
  shield: "M12 3.5l7 2.5v5.5c0 4.3-2.9 7.4-7 9-4.1-1.6-7-4.7-7-9V6zM8.8 12l2.3 2.3 4.2-4.5",
};

/** A picture beside words; it says nothing to a screen reader. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", STROKES[name] ?? "");
  svg.append(path);
  return svg;
}

/** Changes an icon only when it is another one. @param {Element} button @param {string} name */
export function setIcon(button, name) {
  const old = button.querySelector("svg.icon");
  if (old && !old.classList.contains(`icon-${name}`)) old.replaceWith(icon(name));
}

/** A name of somebody: text that keeps its own direction. @param {string} name */
export const bdi = (name) => el("bdi", {}, name);

/** Sets text only when it is another, so that live regions stay silent. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets or takes away an attribute, if that changes anything. @param {Element} element @param {string} name @param {string|null} value */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** A dialog with a title and a close button, shown until it is closed. @param {string} name @param {string} title @param {...Node} children */
export function dialog(name, title, ...children) {
  const close = el("button", { type: "button", class: "plain", "aria-label": "Close", click: () => box.close() }, icon("close"));
  const heading = el("h2", { id: `${name}-title` }, title);
  const box = el("dialog", { class: `dialog ${name}`, "aria-labelledby": `${name}-title` }, el("header", {}, heading, close), ...children);
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  return box;
}
