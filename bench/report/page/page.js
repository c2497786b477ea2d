// Draws the curves of a scenario when it is opened, those of chapters at once, and
// both again when the width or the colours change. The data is in #curves, as
// chart.go writes it.
(function () {
  "use strict";
  const all = JSON.parse(document.getElementById("curves").textContent);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new Map(); // element → its plots

  const nines = { 0: "0", 0.30103: "50 %", 1: "90 %", 2: "99 %", 3: "99.9 %", 4: "99.99 %", 4.5: "all" };
  const part = (x) => (x >= 4.5 ? "all" : +(100 * (1 - Math.pow(10, -x))).toFixed(3) + " %");
  const short = (v) => (v >= 1e6 ? v / 1e6 + " M" : v >= 1e3 ? v / 1e3 + " k" : String(+v.toPrecision(3)));
  const axes = {
    nines: { label: "not above", splits: () => Object.keys(nines).map(Number).sort((a, b) => a - b), values: (u, at) => at.map((x) => nines[x] || ""), value: part },
    seconds: { label: "s", values: (u, at) => at.map((s) => s + " s"), value: (x) => x + " s" },
    rate: { label: "packets/s", values: (u, at) => at.map(short), value: short },
    many: { label: "how many", values: (u, at) => at.map(short), value: short },
  };

  function plot(box, chart) {
    const axis = { stroke: style("--faint"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    const x = axes[chart.axis];
    const wide = chart.axis === "rate" || chart.axis === "many";
    const beside = chart.x.map((v, i) => (chart.notes ? chart.notes[i] + ", " + x.value(v) : x.value(v)));
    const lowest = Math.min(...chart.lines.flatMap((l) => l.values.filter((v) => v > 0)));
    return new uPlot({
      title: chart.title, width: box.clientWidth, height: box.clientWidth < 500 ? 200 : 260,
      scales: {
        x: { time: false, range: (u, low, high) => (wide ? [0, high * 1.05] : [low, high]) },
        y: chart.log ? { distr: 3, range: (u, low, high) => [Math.max(low, lowest) / 1.3, high * 1.3] } : { range: (u, low, high) => [0, (high || 1) * 1.05] },
      },
      axes: [{ ...axis, splits: x.splits, values: x.values }, { ...axis, size: 60, values: (u, at) => at.map((v) => (v == null ? "" : short(v))) }],
      cursor: { sync: { key: chart.axis === "seconds" ? box.dataset.chart : null } },
      series: [{ label: x.label, value: (u, v, s, i) => (v == null ? "" : beside[i == null ? chart.x.indexOf(v) : i] || x.value(v)) }].concat(chart.lines.map((l) => ({
        label: l.name, stroke: style("--c" + l.colour), width: 1.75, spanGaps: true,
        paths: chart.apart ? () => null : undefined, points: { show: wide, size: 8, fill: style("--c" + l.colour) },
        value: (u, v) => (v == null ? "" : String(+v.toPrecision(4))),
      }))),
    }, [chart.x].concat(chart.lines.map((l) => l.values.map((v) => (chart.log && !(v > 0) ? null : v)))), box);
  }

  function draw(box) {
    (drawn.get(box) || []).forEach((p) => p.destroy());
    drawn.delete(box);
    if (all[box.dataset.chart] && box.clientWidth) drawn.set(box, all[box.dataset.chart].map((c) => plot(box, c)));
  }

  const boxes = Array.from(document.querySelectorAll(".charts"));
  const holder = (box) => box.closest("details");
  const open = (wanted) => { if (wanted && "open" in wanted) { wanted.open = true; wanted.scrollIntoView(); } };
  const named = () => document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (const box of boxes) {
    if (holder(box)) holder(box).addEventListener("toggle", () => holder(box).open && !drawn.has(box) && draw(box));
  }
  const again = () => boxes.filter((b) => drawn.has(b)).forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; again(); } });
  addEventListener("hashchange", () => open(named()));
  document.querySelectorAll(".what a").forEach((a) => a.addEventListener("click", () => open(document.getElementById(a.textContent)))); // also the second time
  boxes.filter((b) => !holder(b) || holder(b).open).forEach(draw);
  if (location.hash) open(named());
})();
