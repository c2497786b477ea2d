// The status page: draws what /status/feed pushes once a second.

const svgNamespace = "http://www.w3.org/2000/svg";
const historyLength = 60;
const history = new Map(); // "from to" → incoming bit rates, newest last

function connect(delay = 500) {
  const url = new URL("/status/feed", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.onmessage = (event) => { delay = 500; show(JSON.parse(event.data)); };
  socket.onclose = () => {
    say("The daemon does not answer. This page tries again by itself.", true);
    setTimeout(() => connect(Math.min(delay * 2, 8000)), delay);
  };
}

function show(status) {
  const links = status.parties.flatMap((party) =>
    (party.links ?? []).map((link) => ({ from: party.party, role: party.role, ...link })));
  remember(links);
  say(headline(status, links));
  drawMesh(status.parties, links);
  fillTable(links);
  fillForwarding(status.forwarding);
  document.querySelector(".homeserver").textContent = status.homeserver;
  document.getElementById("join").textContent = joinCommand(status);
  document.getElementById("facts").textContent =
    `meshfocus ${status.version} · server name ${status.server_name} · media ports ${status.parties.map((party) => party.media_port).join(", ") || "–"} · ` +
    `${count(status.users, "user")}, ${count(status.rooms, "room")}, ${guests(status.calls)}${upstream(status.upstream)} · up ${duration(Date.parse(status.taken) - Date.parse(status.started))}`;
}

function headline(status, links) {
  const connected = links.filter((link) => link.state === "connected").length;
  const troubled = status.parties.find((party) => party.trouble);
  if (troubled) return `${short(troubled.party)}: ${troubled.trouble}`;
  if (links.length === 0) return "Nobody is in a call yet.";
  return `${connected} of ${count(links.length, "link")} connected, ${rate(sum(links, "in_bits_per_second"))} arriving.`;
}

function joinCommand(status) {
  const register = `curl -s -X POST ${status.homeserver}/_matrix/client/v3/register \\\n  -d '{"username":"me","password":"choose-one","auth":{"type":"m.login.dummy"}}'`;
  return `${register}\nMESHFOCUS_PASSWORD=choose-one meshfocus join --homeserver ${status.homeserver} \\\n  --user @me:${status.server_name} --record out '${status.lobby ?? "ROOM"}'`;
}

function guests(calls) {
  const away = calls.away ? `, ${calls.away} of them away` : "";
  return `${count(calls.seats, "guest")} in ${count(calls.calls_now, "call")}${away}, ${count(calls.links_made, "link")} to calls`;
}

// upstream says what is kept for a homeserver that we stand in front of.
function upstream(front) {
  if (!front) return "";
  return ` · in front of a homeserver that ${front.answers === false ? "does not answer" : "answers"}, ${count(front.events_waiting, "delayed event")}`;
}

// received says what arrives: the layers where a sender sends several.
function received(link) {
  const media = (link.media ?? []).join(", ") || "–";
  return (link.layers ?? []).length > 1 ? `${media} of ${link.layers.join(" + ")}` : media;
}

function say(text, gone = false) {
  const element = document.getElementById("headline");
  if (element.textContent !== text) element.textContent = text;
  element.className = gone ? "gone" : "";
}

function remember(links) {
  const seen = new Set();
  for (const link of links) {
    const key = `${link.from} ${link.peer}`;
    seen.add(key);
    const rates = history.get(key) ?? [];
    rates.push(link.in_bits_per_second);
    history.set(key, rates.slice(-historyLength));
  }
  for (const key of history.keys()) if (!seen.has(key)) history.delete(key);
}

// drawMesh puts every device on a circle and every pair as one line, as good
// as the worse of its two ends says.
function drawMesh(parties, links) {
  const svg = document.getElementById("mesh");
  const own = new Map(parties.map((party) => [party.party, party.role]));
  const names = [...new Set([...own.keys(), ...links.map((link) => link.peer)])].sort();
  const place = new Map(names.map((name, i) => {
    const angle = (2 * Math.PI * i) / names.length - (names.length === 2 ? Math.PI : Math.PI / 2);
    return [name, [320 + 210 * Math.cos(angle), 195 + 135 * Math.sin(angle)]];
  }));
  const pairs = new Map();
  for (const link of links) {
    const key = [link.from, link.peer].sort().join(" ");
    pairs.set(key, [...(pairs.get(key) ?? []), link]);
  }
  const parts = unseen(names, pairs).map(([a, b]) => {
    const [x1, y1] = place.get(a), [x2, y2] = place.get(b);
    return node("line", { x1, y1, x2, y2, class: "unseen" });
  });
  const labels = [];
  for (const ends of pairs.values()) {
    const [x1, y1] = place.get(ends[0].from), [x2, y2] = place.get(ends[0].peer);
    const worst = ends.map((end) => grade(end.state)).sort()[0];
    const traffic = sum(ends, "in_bits_per_second");
    parts.push(node("line", { x1, y1, x2, y2, class: worst, "stroke-width": 2 + Math.min(6, Math.log10(1 + traffic / 10000) * 2) }));
    // Off the middle, where lines cross.
    const label = node("text", { x: x1 + 0.4 * (x2 - x1), y: y1 + 0.4 * (y2 - y1) + 4, class: "small" });
    const delay = names.length > 4 ? "" : ` · ${milliseconds(Math.max(...ends.map((end) => end.rtt_ms)))}`;
    label.textContent = worst === "connected" ? rate(traffic) + delay : ends[0].state;
    labels.push(label);
  }
  parts.push(...labels);
  for (const [name, [x, y]] of place) {
    parts.push(node("circle", { cx: x, cy: y, r: 26, class: own.has(name) ? "own" : "" }));
    const title = node("text", { x, y: y + 46 });
    title.textContent = short(name);
    const subtitle = node("text", { x, y: y + 62, class: "small" });
    subtitle.textContent = own.get(name) ?? "elsewhere";
    const initial = node("text", { x, y: y + 5 });
    initial.textContent = short(name).slice(1, 2).toUpperCase();
    parts.push(title, subtitle, initial);
  }
  const title = node("title", { id: "mesh-title" });
  const connected = [...pairs.values()].filter((ends) => ends.every((end) => end.state === "connected")).length;
  title.textContent = `${count(names.length, "device")}, ${connected} of ${count(pairs.size, "pair")} connected`;
  svg.replaceChildren(title, ...parts);
}

// unseen lists the pairs of which this daemon holds neither end.
function unseen(names, pairs) {
  return names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b])).filter((pair) => !pairs.has(pair.join(" ")));
}

function fillTable(links) {
  document.getElementById("links-table").classList.toggle("estimated", links.some((link) => link.carries));
  const rows = links.map((link) => {
    const state = link.state + (link.reason && link.state !== "connected" ? ` (${link.reason})` : "");
    const loss = Math.max(link.loss_in_percent, link.loss_out_percent);
    const cells = [
      ["from", short(link.from)], ["to", short(link.peer)], ["state", state, `state ${grade(link.state)}`],
      ["in", rate(link.in_bits_per_second), "number"], ["out", rate(link.out_bits_per_second), "number"],
      ["RTT", milliseconds(link.rtt_ms), "number"], ["loss", `${loss.toFixed(1)} %`, "number"],
      ["receives", received(link)], ["sends", reasoned(link.sends || "–", link.because), "way words"], ["its way carries", carries(link.carries), "way words"],
      ["path", (link.path || "–") + (link.behind ? `, through ${short(link.behind)}` : "")],
    ];
    const row = line(cells);
    row.title = `${link.from} → ${link.peer}\n${secrecy(link)}, ` +
      `${link.messages_sent} messages sent, ${link.messages_received} received, connected in ${link.connect_ms} ms`;
    row.append(labelled("last minute, in", "", spark(history.get(`${link.from} ${link.peer}`) ?? [])));
    return row;
  });
  if (rows.length === 0) {
    rows.push(line([["", "no link yet"]]));
    rows[0].firstChild.colSpan = 12;
  }
  document.getElementById("links").replaceChildren(...rows);
}

// line makes a row of cells, each of which has the name of its column with it: where the
// page is narrow there are no columns.
function line(cells) {
  const row = document.createElement("tr");
  row.append(...cells.map(([name, text, kind = ""]) => labelled(name, kind, text)));
  return row;
}

function labelled(name, kind, content) {
  const cell = document.createElement("td");
  cell.dataset.name = name;
  cell.className = kind;
  cell.append(content);
  return cell;
}

// secrecy says who could see and hear what goes over a link.
function secrecy({ behind, encrypted }) {
  if (!behind) return `signalling ${encrypted ? "encrypted and authenticated" : "in clear text"}`;
  return `through ${behind}, which ${encrypted ? "has no key: frames are encrypted from end to end" : "could see and hear it"}`;
}

// fillForwarding shows who sends what by way of this process, and who gets what.
function fillForwarding(forwarding) {
  document.getElementById("forwarding").hidden = !forwarding;
  if (!forwarding) return;
  const waiting = forwarding.calls_waiting ? `; ${count(forwarding.calls_waiting, "call")} without, because there are too many` : "";
  document.getElementById("forwarding-words").textContent =
    `What others send is passed on in ${count(forwarding.sessions.length, "session")}, on port ${forwarding.port}${waiting}.`;
  document.getElementById("forwarded").replaceChildren(...forwarding.sessions.flatMap((session) => session.forwarded_parties.map((party) => {
    const speaks = session.speaker === party.party ? " (speaks)" : "";
    return line([
      ["call", session.session], ["who", short(party.party) + speaks], ["state", party.state],
      ["sends", party.sends.map(sent).join("; ") || "–", "words"], ["gets", party.gets.map(got).join("; ") || "–", "words"],
      ["its way carries", carries(party.carries), "words"],
    ]);
  })));
}

function sent(track) {
  const what = track.kind === "audio" ? "sound" : track.for;
  return `${what}${track.muted ? ", muted" : ""} ${track.layers.join(" + ")} to ${track.readers}`;
}

function got(share) {
  const lost = share.lost_in_percent >= 0.1 ? `, ${share.lost_in_percent.toFixed(1)} % lost` : "";
  return reasoned(`${short(share.owner)} ${share.layer || "nothing yet"}${lost}`, share.because);
}

// reasoned adds why there is nothing better, if there might be.
function reasoned(what, because) {
  return because && !because.startsWith("the best") ? `${what} (${because})` : what;
}

// reasons say in words why an estimate changed last (docs/metrics.md, why).
const reasons = {
  started: "a first guess", climbed: "it has room", proved: "a probe came through", yielded: "packets began to wait",
  cut: "more was sent", lost: "packets were lost", warned: "the network marked packets", contested: "somebody else fills it",
  silent: "no reports come", resumed: "reports come again", rerouted: "it is another way now",
};

// carries says what is thought of the way to a device.
function carries(way) {
  if (!way) return "–";
  const queue = way.queue_ms >= 1 ? `, queue ${Math.round(way.queue_ms)} ms` : "";
  const lost = way.dropped_in_percent >= 0.1 ? `, ${way.dropped_in_percent.toFixed(1)} % lost` : "";
  return `${rate(way.estimate_bits_per_second)}: ${reasons[way.why] ?? way.why}${queue}${lost}`;
}

function spark(rates) {
  const top = Math.max(1, ...rates);
  const points = rates.map((value, i) => `${120 - (120 * (rates.length - 1 - i)) / (historyLength - 1)},${21 - (20 * value) / top}`).join(" ");
  const svg = node("svg", { class: "spark", viewBox: "0 0 120 22", "aria-hidden": "true" });
  svg.append(node("polyline", { points }));
  return svg;
}

function node(name, attributes) {
  const element = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// grade sorts states into three; "broken" comes first in the alphabet of worst.
function grade(state) {
  if (state === "connected") return "connected";
  return ["calling", "lingering"].includes(state) ? "busy" : "broken";
}

const sum = (list, key) => list.reduce((total, item) => total + item[key], 0);
const short = (party) => party.replace(/:[^/]*\/.*$/, "");
const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const milliseconds = (ms) => (ms > 0 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : "–");
function rate(bits) {
  if (bits >= 1e6) return `${(bits / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bits / 1e3)} kbit/s`;
}
function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

connect();
