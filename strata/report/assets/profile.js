"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const steps = report.steps;
  const ran = steps.map((_, i) => i).filter((i) => !steps[i].skipped);
  const blocks = report.arena.blocks;
  const peak = Math.max(report.arena.peak_bytes, 1);
  const finish = report.finish;
  const canvas = document.getElementById("map");
  const tip = document.getElementById("tip");

  const seconds = (s) => s >= 1 ? `${s.toPrecision(3)} s` : s >= 1e-3 ? `${(1e3 * s).toPrecision(3)} ms` :
    s >= 1e-6 ? `${(1e6 * s).toPrecision(3)} µs` : `${Math.round(1e9 * s)} ns`;
  const bytes = (b) => b < 1024 ? `${b} B` : b < 2 ** 20 ? `${(b / 1024).toPrecision(3)} KiB` : `${(b / 2 ** 20).toPrecision(3)} MiB`;

  // The kernels that take most time get colours of their own.
  const totals = new Map();
  for (const i of ran) totals.set(steps[i].kernel, (totals.get(steps[i].kernel) ?? 0) + steps[i].time_s);
  const kernels = [...totals].sort((a, b) => b[1] - a[1]).map(([kernel]) => kernel);
  const hues = [212, 24, 152, 282, 48, 338, 186, 96];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (kernel, pale) => {
    const at = kernels.indexOf(kernel);
    const [hue, strong] = at >= 0 && at < hues.length ? [hues[at], 58] : [220, 8];
    return `hsl(${hue} ${strong}% ${dark.matches ? 52 : 60}% / ${pale ? .32 : 1})`;
  };
  const legend = document.getElementById("kernels");
  const fill_legend = () => {
    legend.replaceChildren(...kernels.slice(0, hues.length + 1).map((kernel, at) => {
      const entry = document.createElement("span"), mark = document.createElement("i");
      mark.className = "kernel";
      mark.style.background = colour(kernel);
      entry.append(mark, at < hues.length ? kernel : "others");
      return entry;
    }));
  };

  // Positions of steps on the axis: by the wall clock, or one unit each.
  let by_time = true;
  const place = new Array(steps.length);
  let end = 1;
  const lay_out = () => {
    ran.forEach((i, at) => { place[i] = by_time ? [steps[i].start_s, steps[i].end_s] : [at, at + 1]; });
    // What is skipped lies where the step before it ended.
    steps.forEach((step, i) => { if (step.skipped) place[i] = i ? [place[i - 1][1], place[i - 1][1]] : [0, 0]; });
    end = by_time ? Math.max(finish.end_s, 1e-9) : Math.max(ran.length, 1);
  };
  let view = [0, 1];

  const axis_height = 24, lane = 44, gap = 12, map_height = 330, left = 64, right = 12;
  const height = axis_height + lane + gap + map_height + 10;
  let hits = [], hovered = null;

  const span = (block) => [
    place[block.first]?.[0] ?? end,
    block.last < steps.length ? place[block.last][1] : end,
  ];

  const draw = () => {
    const width = canvas.clientWidth, ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio);
    const css = getComputedStyle(document.documentElement);
    const ink = (name) => css.getPropertyValue(`--${name}`).trim();
    g.font = `11.5px ${ink("sans")}`;
    g.textBaseline = "middle";
    const plot = width - left - right;
    const x = (t) => left + (t - view[0]) / (view[1] - view[0]) * plot;
    hits = [];

    // Axis.
    const rough = (view[1] - view[0]) / Math.max(plot / 110, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    const unit = power * [1, 2, 5, 10].find((f) => f * power >= rough);
    g.fillStyle = ink("soft");
    g.strokeStyle = ink("line");
    g.textAlign = "center";
    for (let t = Math.ceil(view[0] / unit) * unit; t <= view[1]; t += unit) {
      if (!by_time && unit < 1 && Math.abs(t - Math.round(t)) > 1e-6) continue;
      g.beginPath(); g.moveTo(x(t), axis_height - 5); g.lineTo(x(t), height - 10); g.stroke();
      g.fillText(by_time ? (t < unit / 2 ? "0" : seconds(t)) : `step ${Math.round(t) + 1}`, Math.max(x(t), left + 4), 10);
    }
    g.textAlign = "right";
    g.fillText("steps", left - 8, axis_height + lane / 2);
    const top = axis_height + lane + gap;
    const y = (offset) => top + map_height * (1 - offset / peak);
    for (const part of [0, .25, .5, .75, 1]) g.fillText(bytes(Math.round(peak * part)), left - 8, y(peak * part) + (part === 1 ? 5 : part === 0 ? -5 : 0));

    g.save();
    g.beginPath(); g.rect(left, 0, plot, height); g.clip();
    g.textAlign = "left";
    const box = (a, b, from, to, style, label, hit) => {
      const x0 = x(a), w = Math.max(x(b) - x0, .6);
      if (x0 > width || x0 + w < left) return;
      g.fillStyle = style;
      g.fillRect(x0, from, w, to - from);
      if (w > 3) { g.strokeStyle = ink("bg"); g.lineWidth = 1; g.strokeRect(x0 + .5, from + .5, w - 1, to - from - 1); }
      if (w > 34 && to - from > 13) {
        g.save(); g.beginPath(); g.rect(x0, from, w - 4, to - from); g.clip();
        g.fillStyle = dark.matches ? "#fff" : "#14181d";
        g.fillText(label, Math.max(x0, left) + 6, (from + to) / 2);
        g.restore();
      }
      hits.push({ x0, x1: x0 + w, y0: from, y1: to, ...hit });
    };
    for (const i of ran) {
      box(...place[i], axis_height, axis_height + lane, colour(steps[i].kernel), steps[i].name, { step: i });
    }
    if (by_time) box(finish.start_s, finish.end_s, axis_height, axis_height + lane, ink("rejected"), "copy results", { copies: true });
    blocks.forEach((block, i) => {
      const kernel = steps[block.first]?.kernel;
      box(...span(block), y(block.offset + block.bytes), y(block.offset), colour(kernel, block.kind === "scratch"),
        block.kind === "scratch" ? "scratch" : block.values[0], { block: i });
    });
    g.strokeStyle = ink("ink");
    g.lineWidth = 2;
    for (const hit of hits) {
      const same = hovered && (hit.step ?? -1) === (hovered.step ?? -2) || hovered && (hit.block ?? -1) === (hovered.block ?? -2) ||
        hovered?.step !== undefined && hit.block !== undefined && blocks[hit.block].first === hovered.step;
      if (same) g.strokeRect(hit.x0 + 1, hit.y0 + 1, Math.max(hit.x1 - hit.x0 - 2, 1), hit.y1 - hit.y0 - 2);
    }
    g.restore();
  };

  const lines_of = (hit) => {
    if (hit.copies) return ["copy results", `${seconds(finish.end_s - finish.start_s)}`, "outputs and states that no step writes in place"];
    if (hit.step !== undefined) {
      const s = steps[hit.step];
      return [s.name, `${s.op}, ${s.kernel}`,
        `${seconds(s.time_s)} on average, ${(100 * s.share).toFixed(1)} %; here ${seconds(s.end_s - s.start_s)}`,
        `${(s.flops_per_s / 1e9).toPrecision(3)} GFLOP/s, ${(s.bytes_per_s / 1e9).toPrecision(3)} GB/s`,
        s.of_bound === null ? "no roofline bound: not in f32" :
          `roofline bound ${seconds(s.bound_s)} (${s.bound_by}): ${(100 * s.of_bound).toFixed(0)} %`,
        ...(s.beyond_bound ? [s.beyond_bound] : []),
        `gap before ${seconds(s.gap_s)}`,
        ...(s.sources.length ? [`from ${s.sources.join(", ")}`] : [])];
    }
    const b = blocks[hit.block];
    const name = (i) => steps[i]?.name ?? "the end";
    return [b.kind === "scratch" ? `scratch of ${b.scratch_of}` : b.values.join(", "),
      `${bytes(b.bytes)} at offset ${b.offset.toLocaleString("en-US")}`, `from ${name(b.first)} to ${name(b.last)}`];
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const show_tip = (hit, px, py) => {
    tip.hidden = !hit;
    if (!hit) return;
    const [title, ...rest] = lines_of(hit);
    const head = document.createElement("b");
    head.textContent = title;
    tip.replaceChildren(head, ...rest.map((text) => {
      const line = document.createElement("span");
      line.textContent = text;
      return line;
    }));
    tip.style.left = `${Math.max(4, Math.min(px + 14, canvas.clientWidth - tip.offsetWidth - 6))}px`;
    tip.style.top = `${Math.max(4, Math.min(py + 14, height - tip.offsetHeight - 4))}px`;
  };
  const clamp = (from, length) => {
    const size = Math.min(Math.max(length, end * 1e-6), end);
    const start = Math.min(Math.max(from, 0), end - size);
    view = [start, start + size];
  };

  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, view: [...view] };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = at(event);
    if (drag) {
      const size = drag.view[1] - drag.view[0];
      clamp(drag.view[0] - (event.clientX - drag.x) / (canvas.clientWidth - left - right) * size, size);
      show_tip(null);
    } else {
      hovered = hits.findLast((hit) => px >= hit.x0 && px <= hit.x1 && py >= hit.y0 && py <= hit.y1) ?? null;
      show_tip(hovered, px, py);
    }
    draw();
  });
  canvas.addEventListener("pointerleave", () => { hovered = null; show_tip(null); draw(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const part = Math.min(Math.max((at(event)[0] - left) / (canvas.clientWidth - left - right), 0), 1);
    const size = (view[1] - view[0]) * Math.exp(event.deltaY * .0015);
    clamp(view[0] + part * (view[1] - view[0] - Math.min(size, end)), size);
    draw();
  }, { passive: false });
  const whole = () => { view = [0, end]; draw(); };
  document.getElementById("whole").addEventListener("click", whole);
  const choose = (time) => {
    by_time = time;
    document.getElementById("by-time").setAttribute("aria-pressed", String(time));
    document.getElementById("by-step").setAttribute("aria-pressed", String(!time));
    lay_out();
    whole();
  };
  document.getElementById("by-time").addEventListener("click", () => choose(true));
  document.getElementById("by-step").addEventListener("click", () => choose(false));

  // Tables: sorting, and the step under the pointer in the map.
  const table = document.getElementById("steps");
  for (const head of table.querySelectorAll("th[data-key]")) {
    head.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => Number(row.cells[head.cellIndex].dataset.value);
      const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? -1 : 1) * (value(a) - value(b)));
      table.tBodies[0].append(...rows);
    });
  }
  for (const row of table.tBodies[0].rows) {
    row.addEventListener("pointerenter", () => { hovered = { step: Number(row.dataset.step) }; row.classList.add("lit"); draw(); });
    row.addEventListener("pointerleave", () => { hovered = null; row.classList.remove("lit"); draw(); });
  }

  const restyle = () => { fill_legend(); draw(); };
  dark.addEventListener("change", restyle);
  addEventListener("resize", draw);
  fill_legend();
  choose(true);
})();
