"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const value = (estimate) => (typeof estimate === "number" ? estimate : estimate.value);
  const measured = report.candidates.filter((c) => c.status !== "failed");
  const { baseline, chosen } = report.verdict;
  const role = (c) =>
    c.id === chosen ? "chosen" : c.id === baseline ? "original" :
    c.status === "rejected" ? "rejected" : c.front ? "front" : "kept";

  const accuracy = (c) => 100 * value(c.accuracy);
  // One unit for each axis, as in the tables.
  const original = report.candidates.find((c) => c.id === baseline);
  const base_s = value(original.latency_s);
  const [second, time_unit] = base_s < 1e-3 ? [1e6, "µs"] : base_s < 10 ? [1e3, "ms"] : [1, "s"];
  const [byte, size_unit] = original.file_bytes < 2 ** 22 ? [2 ** -10, "KiB"] : [2 ** -20, "MiB"];
  const latency = (c) => second * value(c.latency_s);
  const size = (c) => byte * c.file_bytes;
  const count = (n) => n.toLocaleString("en-US");

  const describe = (c) => {
    const interval = c.accuracy.low == null || c.accuracy.high == null ? "" :
      ` (${(100 * c.accuracy.low).toFixed(1)} to ${(100 * c.accuracy.high).toFixed(1)})`;
    const lines = [
      `accuracy ${accuracy(c).toFixed(2)} %${interval}`,
      `latency ${latency(c).toFixed(2)} ${time_unit}`,
      `file ${size(c).toFixed(2)} ${size_unit}, memory ${(c.peak_bytes / 1024).toFixed(1)} KiB`,
    ];
    const shown = 4;
    lines.push(...c.changes.slice(0, shown));
    if (c.changes.length > shown) lines.push(`and ${c.changes.length - shown} more`);
    if (c.note) lines.push(c.note);
    return lines.map((line) => (line.length > 72 ? `${line.slice(0, 71)}…` : line));
  };

  // The staircase of what is best in the two directions of one chart.
  const staircase = (x) => {
    const sorted = [...measured].sort((a, b) => x(a) - x(b) || accuracy(b) - accuracy(a));
    const steps = [];
    for (const c of sorted) {
      if (steps.length && accuracy(c) <= steps[steps.length - 1].y) continue;
      steps.push({ x: x(c), y: accuracy(c) });
    }
    return steps;
  };

  let charts = [];
  const draw = () => {
    for (const chart of charts) chart.destroy();
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(`--${name}`).trim();
    Chart.defaults.font.family = css.getPropertyValue("--sans").trim();
    Chart.defaults.font.size = 12.5;
    Chart.defaults.color = colour("soft");
    Chart.defaults.animation = false;

    const looks = {
      rejected: { pointStyle: "circle", radius: 3.5, borderColor: colour("rejected"), backgroundColor: "transparent", borderWidth: 1.5 },
      kept: { pointStyle: "circle", radius: 4, borderColor: colour("surface"), backgroundColor: colour("kept"), borderWidth: 1 },
      front: { pointStyle: "circle", radius: 5, borderColor: colour("surface"), backgroundColor: colour("accent"), borderWidth: 1 },
      original: { pointStyle: "rectRot", radius: 7, borderColor: colour("surface"), backgroundColor: colour("ink"), borderWidth: 1.5 },
      chosen: { pointStyle: "circle", radius: 8.5, borderColor: colour("surface"), backgroundColor: colour("chosen"), borderWidth: 2 },
    };
    // Chart.js draws the first data set on top.
    const points = (roles, x, y) => roles.map((name) => ({
      ...looks[name], hoverRadius: looks[name].radius + 2, type: "scatter",
      data: measured.filter((c) => role(c) === name).map((c) => ({ x: x(c), y: y(c), candidate: c })),
    }));
    const line = (data, name, extra) => ({
      type: "line", data, borderColor: colour(name), borderWidth: 1.5, pointRadius: 0, pointHitRadius: 0, ...extra,
    });
    const axis = (title, extra) => ({
      title: { display: true, text: title, color: colour("soft") },
      grid: { color: colour("line"), drawTicks: false, borderColor: colour("line") },
      ticks: { padding: 6, maxTicksLimit: 7 }, ...extra,
    });
    const options = (x, y) => ({
      responsive: true, maintainAspectRatio: false,
      layout: { padding: { top: 10, right: 12 } },
      interaction: { mode: "nearest", intersect: true },
      scales: { x, y },
      plugins: {
        legend: { display: false },
        tooltip: {
          filter: (item) => Boolean(item.raw.candidate),
          displayColors: false, padding: 11, cornerRadius: 7, caretSize: 5,
          backgroundColor: colour("ink"), titleColor: colour("bg"), bodyColor: colour("bg"),
          callbacks: {
            title: (items) => (items.length ? items[0].raw.candidate.name : ""),
            label: (item) => describe(item.raw.candidate),
          },
        },
      },
    });

    const xs = (x) => measured.map(x);
    const scatter = (id, x, title) => {
      const low = Math.min(...xs(x)), high = Math.max(...xs(x));
      const margin = 0.05 * (high - low) || 0.05 * high || 1;
      const floor = accuracy(original) - 100 * report.limits.max_drop;
      const ends = [{ x: low - margin, y: floor }, { x: high + margin, y: floor }];
      const steps = staircase(x);
      steps.push({ x: high + margin, y: steps[steps.length - 1].y });
      return new Chart(document.getElementById(id), {
        data: { datasets: [
          ...points(["chosen", "original", "front", "kept", "rejected"], x, accuracy),
          line(steps, "accent", { stepped: true }),
          line(ends, "bad", { borderDash: [5, 4] }),
        ] },
        options: options(
          axis(title, { type: "linear", min: low - margin, max: high + margin, ticks: { padding: 6, maxTicksLimit: 7, includeBounds: false } }),
          axis("accuracy [%]", { grace: "6%" })),
      });
    };

    let smallest = Infinity;
    const best = [];
    for (const c of measured) {
      if (c.status === "kept") smallest = Math.min(smallest, size(c));
      if (smallest < Infinity) best.push({ x: c.id, y: smallest });
    }
    const byOrder = (c) => c.id;
    charts = [
      scatter("chart-latency", latency, `latency [${time_unit}]`),
      scatter("chart-bytes", size, `file [${size_unit}]`),
      new Chart(document.getElementById("chart-search"), {
        data: { datasets: [
          ...points(["chosen", "original", "front", "kept", "rejected"], byOrder, size),
          line(best, "chosen", { stepped: true }),
        ] },
        options: options(
          axis("candidate", { type: "linear", min: -0.5, max: Math.max(...xs(byOrder)) + 0.5, ticks: { precision: 0, padding: 6, includeBounds: false } }),
          axis(`file [${size_unit}]`, { beginAtZero: true })),
      }),
    ];
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  const copy = document.getElementById("copy");
  if (navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(report.command);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }
})();
