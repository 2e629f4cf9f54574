// Unpack, then fill the page from top to bottom.

let data, embedded, curves, settings, jobs, settingMetrics, jobsTable;
// The settings whose curves are drawn, each with the number of its colour and marker.
const picked = new Map();
const PICKED_AT_FIRST = 3;

async function unpack(id) {
  const bytes = Uint8Array.from(atob(get(id).textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function prepare() {
  settings = toRows(data.settings);
  jobs = toRows(data.jobs);
  settings.forEach((setting, row) => {
    setting.$id = row + 1;
    setting.$name = data.names[row];
  });
  jobs.forEach((job, row) => {
    job.$id = row;
    const setting = data.setting_of[row];
    job.$setting = setting == null ? null : setting + 1;
  });
  const [objective] = data.objective;
  data.metrics.sort((a, b) => (b === objective) - (a === objective));
  settingMetrics = data.metrics.filter((name) => `${name}_mean` in data.settings);
}

function fillHead() {
  const counts = new Map();
  for (const job of jobs) counts.set(job.status, (counts.get(job.status) ?? 0) + 1);
  const order = Object.keys(STATUS);
  const parts = [...counts].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  get("counts").append(make("strong", {}, count(jobs.length, "job")), ...parts.flatMap(([status, number]) => [" · ", `${number} `, makeStatus(status)]));
  const [objective, mode] = data.objective;
  const best = settings.find((setting) => setting[`${objective}_mean`] != null);
  if (best) {
    const text = formatMean(best[`${objective}_mean`], best[`${objective}_std`]);
    get("best").append("Best: ", make("a", {href: "#setting=" + best.$id}, best.$name), `: ${objective} ${text} over ${count(best.n, "job")}`);
  }
  const facts = [
    ["command", data.command && make("code", {}, data.command)],
    ["objective", `${objective}, ${mode === "min" ? "lower" : "higher"} is better`],
    ["began", formatTime(data.began)],
    ["last change", formatTime(data.changed)],
    ...data.environment.map((text) => ["ran on", text]),
  ];
  for (const [name, value] of facts) if (value) get("facts").append(make("dt", {}, name), make("dd", {}, value));
  const links = [...data.pictures, ...data.files.flatMap((files) => files.pictures ?? [])];
  const missing = links.filter((link) => !embedded[link]).length;
  get("made").textContent = `Written by cldnn_lab on ${formatTime(data.written)}.` + (missing
    ? ` ${links.length - missing} of ${links.length} pictures are in this file, those of the best settings; the others are shown while the run directories are beside it.`
    : "");
}

/** What went wrong, jobs of one reason together. */
function fillFailures() {
  const groups = new Map();
  for (const job of jobs.filter((one) => isBad(one.status))) {
    const key = JSON.stringify([job.status, job.reason]);
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  if (!groups.size) return;
  get("failures").hidden = false;
  const list = get("failures").querySelector("ul");
  for (const group of [...groups.values()].sort((a, b) => b.length - a.length)) {
    const links = group.slice(0, 30).flatMap((job) => [" ", make("a", {href: toJobAddress(job.run)}, job.run)]);
    const more = group.length > 30 ? ` and ${group.length - 30} more` : "";
    list.append(make("li", {}, makeStatus(group[0].status), `: ${group[0].reason ?? "no reason is known."}`, make("br"), `${count(group.length, "job")}:`, ...links, more));
  }
}

function fillPictures() {
  if (!data.pictures.length) return;
  get("pictures").hidden = false;
  get("pictures").append(...data.pictures.map(makePicture));
}

/** Leave the jobs of one setting in the table. */
function showJobsOf(setting) {
  jobsTable.setFilter("$setting", "=", setting.$id);
  get("only").textContent = `Only place ${setting.$id}, ${setting.$name}`;
  get("only").hidden = false;
  get("jobs").scrollIntoView();
}

function pick(id, on) {
  if (on) {
    const taken = new Set(picked.values());
    let slot = 0;
    while (taken.has(slot)) slot++;
    picked.set(id, slot);
  } else {
    picked.delete(id);
  }
  drawCurves();
}

function describeSettings() {
  const [objective] = data.objective;
  const swept = data.swept.length ? "Jobs that differ in nothing but their seed are one setting" : "All jobs are one setting, as they differ in nothing but their seed";
  return `${swept}. Best first by ${objective}. Mean ± standard deviation over the completed jobs, and below it the 95 % ` +
    "confidence interval of the mean (t distribution); a single job has neither. Place: click for its jobs. Heading: click to sort.";
}

async function start() {
  const [style, script, values, histories] = await Promise.all(["styles-of-others", "scripts-of-others", "data", "curves-data"].map(unpack));
  document.head.prepend(make("style", {}, style));
  document.head.append(make("script", {}, script));
  data = JSON.parse(values);
  curves = JSON.parse(histories);
  embedded = JSON.parse(get("picture-data").textContent);
  prepare();
  fillHead();
  fillFailures();
  settings.slice(0, PICKED_AT_FIRST).forEach((setting, slot) => picked.set(setting.$id, slot));
  get("settings-note").textContent = describeSettings();
  const settingsTable = makeSettingsTable(pick);
  jobsTable = makeJobsTable();
  makeColumnChoices(settingsTable, jobsTable);
  get("jobs").querySelector(".clear").addEventListener("click", () => {
    jobsTable.clearFilter();
    get("only").hidden = true;
    if (location.hash.startsWith("#setting=")) history.replaceState(null, "", "#");
  });
  startCurves();
  fillPictures();
  await new Promise((resolve) => jobsTable.on("tableBuilt", resolve));
  startJobs();
  get("message").remove();
  performance.mark("ready");
}

start().catch((error) => {
  get("message").textContent = typeof DecompressionStream === "undefined"
    ? "This browser is too old for this page: one of 2023 or later can show it."
    : `The page could not be shown: ${error.message}`;
  throw error;
});
