// Curves of the picked settings: the mean over the seeds, and a band from the lowest seed to the highest.

// Drawn around 0,0; two crosses are lines, the others areas.
const MARKERS = ["M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "M-4-4h8v8h-8z", "M0-5L5 4H-5z", "M0-5L5 0L0 5L-5 0z", "M0 5L5-4H-5z", "M-4-4L4 4M4-4L-4 4"];
const MARKS_A_CURVE = 8;
const DASH = [7, 4];
// Distances of the ticks along an axis of whole numbers.
const WHOLE = Array.from({length: 12}, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();
const PRINTED_WIDTH = 680;
let chart = null;

const get = (id) => document.getElementById(id);
const getColour = (slot) => data.colours[slot % data.colours.length];
const getMarker = (slot) => MARKERS[slot % MARKERS.length];

/** The values of a curve at the places of a grid; null outside of it and in its gaps. */
function interpolate(xs, ys, grid) {
  let right = 0;
  return grid.map((x) => {
    while (right < xs.length && xs[right] < x) right++;
    if (right === xs.length || ys[right] == null) return null;
    if (xs[right] === x) return ys[right];
    if (right === 0 || ys[right - 1] == null) return null;
    const share = (x - xs[right - 1]) / (xs[right] - xs[right - 1]);
    return ys[right - 1] + share * (ys[right] - ys[right - 1]);
  });
}

/** Mean, lowest and highest at each place that all the curves reach: of fewer of them a mean would jump. */
function summarise(curves, grid) {
  const summary = {mean: [], low: [], high: [], empty: true};
  grid.forEach((_, place) => {
    const values = curves.map((curve) => curve[place]);
    const known = values.length > 0 && values.every((value) => value != null);
    if (known) summary.empty = false;
    summary.mean.push(known ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
    summary.low.push(known ? Math.min(...values) : null);
    summary.high.push(known ? Math.max(...values) : null);
  });
  return summary;
}

/** The histories of a setting's completed jobs, or of all of them while none is: the others end too soon. */
function listHistories(id) {
  const own = jobs.filter((job) => job.$setting === id && curves.jobs[job.$id]);
  const completed = own.filter((job) => job.status === "completed");
  return (completed.length ? completed : own).map((job) => curves.jobs[job.$id]);
}

/** What is to be drawn: a grid, and for each picked setting its summary of training and validation. */
function gatherCurves() {
  const metric = get("metric").value, axis = get("axis").value;
  const found = [...picked].map(([id, slot]) => ({
    slot,
    name: settings[id - 1].$name,
    histories: listHistories(id).filter((history) => history[axis]),
  }));
  const grid = [...new Set(found.flatMap((one) => one.histories.flatMap((history) => history[axis])))]
    .filter((x) => x != null).sort((a, b) => a - b);
  for (const one of found) {
    for (const [kind, name] of [["train", metric], ["validation", `val_${metric}`]]) {
      const lines = one.histories.filter((history) => history[name]).map((history) => interpolate(history[axis], history[name], grid));
      one[kind] = summarise(lines, grid);
    }
  }
  return {grid, found};
}

function drawCurves() {
  chart?.destroy();
  chart = null;
  const {grid, found} = gatherCurves();
  const logarithmic = get("logarithmic").checked;
  const positive = (values) => (logarithmic ? values.map((value) => (value > 0 ? value : null)) : values);
  const columns = [grid], series = [{}], bands = [], marked = [];
  const add = (values, options) => (columns.push(positive(values)), series.push({points: {show: false}, spanGaps: false, ...options}), series.length - 1);
  for (const one of found) {
    const colour = getColour(one.slot);
    const shown = ["train", "validation"].filter((kind) => get(kind).checked && !one[kind].empty);
    for (const kind of shown) {
      if (get("band").checked && kind === shown.at(-1) && one.histories.length > 1) {
        const high = add(one[kind].high, {}), low = add(one[kind].low, {});
        bands.push({series: [high, low], fill: colour + "2b"});
      }
      const index = add(one[kind].mean, {stroke: colour, width: kind === "train" ? 1.5 : 2, dash: kind === "train" ? DASH : []});
      marked.push([index, one.slot]);
    }
  }
  drawLegend(found, grid, null);
  const empty = !marked.length;
  get("curves-note").textContent = empty
    ? "Nothing to draw: tick “curve” beside a setting above."
    : "Mean over the seeds" + (bands.length ? "; the band reaches from the lowest seed to the highest" : "") +
      `. Dashed: train. Solid: ${data.validated_on}. Drag to zoom, double-click to go back.`;
  get("chart").hidden = empty;
  if (empty) return;
  const label = get("metric").value.replaceAll("_", " ") + (logarithmic ? " (log scale)" : "");
  const font = "12px system-ui, sans-serif";
  chart = new uPlot({
    width: get("chart").clientWidth,
    height: Math.min(380, Math.max(260, innerHeight * 0.5)),
    legend: {show: false},
    scales: {x: {time: false, ...(grid.length === 1 ? {range: [grid[0] - 1, grid[0] + 1]} : {})}, y: {distr: logarithmic ? 3 : 1}},
    axes: [
      {label: get("axis").value, font, labelFont: font, labelSize: 20, size: 34, ...(grid.every(Number.isInteger) ? {incrs: WHOLE} : {})},
      {label, font, labelFont: font, labelSize: 20, size: 56, values: (u, ticks) => ticks.map((tick) => (tick == null ? "" : format(tick)))},
    ],
    cursor: {points: {show: false}},
    series,
    bands,
    hooks: {
      draw: [(u) => marked.forEach(([index, slot], order) => drawMarks(u, index, slot, order / marked.length))],
      setCursor: [(u) => drawLegend(found, grid, u.cursor.idx)],
    },
  }, columns, get("chart"));
}

/** A few marks along a curve, those of different curves at different places. */
function drawMarks(u, index, slot, shift) {
  const first = u.valToIdx(u.scales.x.min), last = u.valToIdx(u.scales.x.max);
  const step = Math.max(1, (last - first) / MARKS_A_CURVE);
  const ratio = devicePixelRatio, path = new Path2D(getMarker(slot));
  u.ctx.save();
  u.ctx.fillStyle = u.ctx.strokeStyle = getColour(slot);
  u.ctx.setLineDash([]);
  for (let at = first + Math.floor(shift * Math.min(step, last - first)); at <= last; at += step) {
    const place = Math.round(at), value = u.data[index][place];
    if (value == null) continue;
    u.ctx.save();
    u.ctx.translate(u.valToPos(u.data[0][place], "x", true), u.valToPos(value, "y", true));
    u.ctx.scale(ratio, ratio);
    u.ctx.lineWidth = 2;
    u.ctx.fill(path);
    u.ctx.stroke(path);
    u.ctx.restore();
  }
  u.ctx.restore();
}

/** A line of the legend for each setting, with its values at a place of the grid, or its last ones. */
function drawLegend(found, grid, place) {
  const read = (summary, cut) => {
    const at = place ?? summary.mean.findLastIndex((value) => value != null);
    const mean = summary.mean[at];
    if (mean == null) return "–";
    return format(mean) + (cut > 1 ? ` (${format(summary.low[at])} to ${format(summary.high[at])})` : "");
  };
  const where = place == null ? "last" : `${get("axis").value} ${format(grid[place])}`;
  get("legend").replaceChildren(
    make("thead", {}, make("tr", {},
      make("th", {}, ""), make("th", {}, "setting"), make("th", {}, `train, ${where}`), make("th", {}, `${data.validated_on}, ${where}`))),
    make("tbody", {}, ...found.map((one) => make("tr", {},
      make("td", {}, makeSwatch(one.slot)),
      make("td", {}, one.name),
      make("td", {}, read(one.train, one.histories.length)),
      make("td", {}, read(one.validation, one.histories.length))))),
  );
  get("legend").hidden = !found.length;
}

function makeSwatch(slot) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const draw = (d, fill) => {
    const path = document.createElementNS(svg.namespaceURI, "path");
    for (const [name, value] of Object.entries({d, fill, stroke: getColour(slot), "stroke-width": 2})) path.setAttribute(name, value);
    svg.append(path);
  };
  for (const [name, value] of Object.entries({viewBox: "-16 -6 32 12", width: 32, height: 12, "aria-hidden": "true"})) svg.setAttribute(name, value);
  draw("M-16 0H16", "none");
  draw(getMarker(slot), getColour(slot));
  return svg;
}

function startCurves() {
  if (!curves.metrics.length || !settings.length) return;
  get("curves").hidden = false;
  get("validation-name").textContent = data.validated_on;
  get("metric").append(...curves.metrics.map((name) => make("option", {value: name}, name.replaceAll("_", " "))));
  get("axis").append(...curves.axes.map((name) => make("option", {value: name}, name)));
  for (const control of document.querySelectorAll("#curves select, #curves input")) control.addEventListener("change", drawCurves);
  new ResizeObserver(() => {
    const width = get("chart").clientWidth;
    if (chart && width && chart.width !== width) chart.setSize({width, height: chart.height});
  }).observe(get("curves"));
  addEventListener("beforeprint", () => chart?.setSize({width: PRINTED_WIDTH, height: chart.height}));
  addEventListener("afterprint", () => chart?.setSize({width: get("chart").clientWidth, height: chart.height}));
  drawCurves();
}
