// Draws the curves of a trace. The data is in #points and #happened, as replayed.go
// writes it.
(function () {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent) || [];
  const points = read("points"), happened = read("happened");
  const box = document.getElementById("charts");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const marks = { probe: "--c2", layers: "--c3", differs: "--bad" };
  let plots = [];
  let shown = null; // the instant that was asked for

  // lines under the curves where something happened
  function draw(u) {
    const { left, top, width, height } = u.bbox;
    const at = (time) => Math.round(u.valToPos(time, "x", true));
    u.ctx.save();
    for (const m of happened.concat(shown === null ? [] : [{ time: shown, class: "differs" }])) {
      const x = at(m.time);
      if (x < left || x > left + width || !marks[m.class]) continue;
      u.ctx.strokeStyle = style(marks[m.class]);
      u.ctx.lineWidth = m.class === "differs" ? 2 : 1;
      u.ctx.beginPath();
      u.ctx.moveTo(x, top);
      u.ctx.lineTo(x, top + height);
      u.ctx.stroke();
    }
    u.ctx.restore();
  }

  function plot(title, unit, lines, height) {
    const axis = { stroke: style("--faint"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    const value = (v) => (v == null ? "" : (v >= 100 ? v.toFixed(0) : v.toFixed(1)) + " " + unit);
    return new uPlot({
      title, width: box.clientWidth, height,
      scales: { x: { time: false }, y: { range: (u, low, high) => [0, (high || 1) * 1.05] } },
      axes: [{ ...axis, values: (u, v) => v.map((s) => s + " s") }, { ...axis, size: 60 }],
      cursor: { sync: { key: "trace" } },
      hooks: { drawClear: [draw] },
      series: [{ label: "at", value: (u, v) => (v == null ? "" : v.toFixed(2) + " s") }].concat(lines.map((l) => ({
        label: l.label, stroke: style(l.colour), width: l.width || 1.5, dash: l.dash, points: { show: false },
        paths: uPlot.paths.stepped({ align: 1 }), value: (u, v) => value(v),
      }))),
    }, [points.time].concat(lines.map((l) => l.values)), box);
  }

  function all() {
    plots.forEach((p) => p.destroy());
    const rates = [
      { label: "sent", values: points.sent, colour: "--line", width: 1 },
      { label: "came", values: points.delivered, colour: "--c1" },
      { label: "proven", values: points.confirmed, colour: "--c3", width: 1 },
      { label: "rate", values: points.rate, colour: "--c0", width: 2 },
    ];
    if (points.was.some((v, i) => v !== points.rate[i] && v > 0)) {
      rates.push({ label: "rate as it was", values: points.was, colour: "--bad", dash: [6, 4] });
    }
    plots = [
      plot("rates, kbit/s; upright: probes, and layers that were chosen", "kbit/s", rates, 280),
      plot("delays, ms", "ms", [{ label: "queue", values: points.queue, colour: "--c0" }, { label: "round trip", values: points.trip, colour: "--capacity", width: 1 }], 180),
      plot("lost, %", "%", [{ label: "lost", values: points.loss, colour: "--bad" }], 120),
    ];
  }

  function show(time) {
    const whole = [points.time[0], points.time[points.time.length - 1]];
    shown = time;
    plots[0].setScale("x", { min: Math.max(whole[0], time - 3), max: Math.min(whole[1], time + 3) });
    plots.slice(1).forEach((p) => p.setScale("x", { min: Math.max(whole[0], time - 3), max: Math.min(whole[1], time + 3) }));
    box.scrollIntoView({ block: "start" });
  }

  if (!points.time) return;
  all();
  document.getElementById("marks").addEventListener("click", (e) => {
    const row = e.target.closest("[data-time]");
    if (row) show(Number(row.dataset.time));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; all(); } });
})();
