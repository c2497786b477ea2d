// Draws the curves of a case when it is opened, and again when the width or the
// colours change. The data is in #curves, as page.go writes it.
(function () {
  "use strict";
  const all = JSON.parse(document.getElementById("curves").textContent);
  const names = Array.from(document.querySelectorAll("[data-controller]"), (e) => e.dataset.controller);
  names.forEach((name, i) => {
    document.querySelector(`[data-controller="${CSS.escape(name)}"]`).style.setProperty("--own", `var(--c${i % 4})`);
  });
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (name) => style(`--c${names.indexOf(name) % 4}`);
  const drawn = new Map(); // element → its plots

  function plot(box, title, unit, x, lines, height) {
    const axis = { stroke: style("--faint"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    return new uPlot({
      title, width: box.clientWidth, height,
      scales: { x: { time: false }, y: { range: (u, low, high) => [0, (high || 1) * 1.05] } },
      axes: [{ ...axis, values: (u, v) => v.map((s) => s + " s") }, { ...axis, size: 56 }],
      cursor: { sync: { key: box.dataset.case } },
      series: [{ label: "s", value: (u, v) => (v == null ? "" : v.toFixed(1)) }].concat(lines.map((l) => ({
        label: l.label, stroke: l.stroke, width: l.width || 1.5, dash: l.dash, points: { show: false },
        paths: l.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
        value: (u, v) => (v == null ? "" : v + " " + unit),
      }))),
    }, [x].concat(lines.map((l) => l.values)), box);
  }

  function draw(box) {
    (drawn.get(box) || []).forEach((p) => p.destroy());
    drawn.delete(box);
    const chart = all[box.dataset.case];
    if (!chart || !box.clientWidth) return;
    const x = chart.capacity.map((_, i) => Math.round(i * chart.step * 100) / 100);
    const capacity = { label: "capacity", values: chart.capacity, stroke: style("--capacity"), dash: [4, 3], steps: true };
    const tall = box.clientWidth < 500 ? 180 : 240;
    const plots = [
      plot(box, "media received, kbit/s", "kbit/s", x, [capacity].concat(
        chart.lines.map((l) => ({ label: l.name, values: l.received, stroke: colour(l.name) }))), tall),
      plot(box, "queue, ms", "ms", x,
        chart.lines.map((l) => ({ label: l.name, values: l.queue, stroke: colour(l.name), width: 1 })), tall * 0.75),
    ];
    const own = chart.lines.find((l) => l.name === names[0]);
    if (own && own.flows) {
      plots.push(plot(box, `flows of ${own.name}, kbit/s`, "kbit/s", x, own.flows.map((f, i) => ({
        label: "flow " + (i + 1), values: f, stroke: style(`--c${i % 4}`), dash: i > 3 ? [6, 3] : undefined,
      })), tall * 0.75));
    }
    drawn.set(box, plots);
  }

  const boxes = Array.from(document.querySelectorAll(".charts"));
  for (const box of boxes) {
    box.parentElement.addEventListener("toggle", () => box.parentElement.open && !drawn.has(box) && draw(box));
  }
  const again = () => boxes.filter((b) => drawn.has(b)).forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; again(); } });
  const named = () => document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const open = (wanted) => { if (wanted) { wanted.open = true; wanted.scrollIntoView(); } };
  addEventListener("hashchange", () => open(named()));
  document.querySelectorAll(".glance a").forEach((a) => a.addEventListener("click", () => open(document.getElementById(a.textContent)))); // also the second time
  if (named()) open(named()); else document.querySelector("main > details").open = true;
  boxes.filter((b) => b.parentElement.open && !drawn.has(b)).forEach(draw);
})();
