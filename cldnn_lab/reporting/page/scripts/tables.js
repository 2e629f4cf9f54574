// The tables of settings and jobs.

// Metrics that are shown until the reader chooses others, besides the objective.
const SHOWN_AT_FIRST = ["test_loss", "seconds"];

/** The values of a column-wise table, a row at a time. */
function toRows(columns) {
  const names = Object.keys(columns);
  const rows = Array.from({length: names.length ? columns[names[0]].length : 0}, () => ({}));
  for (const name of names) columns[name].forEach((value, row) => (rows[row][name] = value));
  return rows;
}

/** Whether a value passes a filter: "> 0.9", "<= 3", "= adam", or a part of its text. */
function passes(filter, value) {
  const [, sign, wanted] = /^\s*(<=|>=|<|>|=)\s*(.+?)\s*$/.exec(filter) ?? [];
  if (!sign) return String(value ?? "").toLowerCase().includes(filter.trim().toLowerCase());
  if (sign === "=") return String(value) === wanted || (value != null && Number(wanted) === value);
  if (typeof value !== "number" || Number.isNaN(Number(wanted))) return false;
  return {"<": value < wanted, ">": value > wanted, "<=": value <= wanted, ">=": value >= wanted}[sign];
}

/** Numbers by their size, text by the alphabet, what is missing always last. */
function compare(a, b, rowA, rowB, column, direction) {
  if (a == null || b == null) return a == b ? 0 : (a == null) === (direction === "asc") ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, {numeric: true});
}

function makeColumn(name, {title = name, numeric = false, ...options} = {}) {
  const align = numeric ? {hozAlign: "right", headerHozAlign: "right"} : {};
  return {
    field: name,
    title: make("i", {}, title).innerHTML, // Tabulator prints it as HTML
    titleFormatter: () =>
      options.headerSort === false ? make("span", {}, title) : make("button", {type: "button", class: "sort"}, title),
    headerFilter: "input",
    headerFilterFunc: passes,
    headerFilterPlaceholder: "filter",
    headerFilterParams: {
      elementAttributes: {"aria-label": `filter by ${title}`, title: "a part of the text, or such as > 0.9"},
    },
    sorter: compare,
    formatter: (cell) => make("span", {title: cell.getValue()}, format(cell.getValue())),
    minWidth: 64,
    ...align,
    ...options,
  };
}

/** Of an override: its values as they were typed. */
function makeOverrideColumn(name, rows) {
  return makeColumn(name, {
    numeric: isNumeric(rows, name),
    formatter: (cell) => make("span", {title: cell.getValue()}, String(cell.getValue() ?? "–")),
  });
}

function makeTable(section, rows, columns, placeholder) {
  section.hidden = false;
  const table = new Tabulator(section.querySelector(".table"), {
    data: rows,
    columns,
    index: "$id",
    layout: "fitDataFill",
    maxHeight: Math.max(320, Math.round(innerHeight * 0.7)),
    nestedFieldSeparator: false,
    placeholder,
    printAsHtml: true,
    printRowRange: "active",
    renderHorizontal: "basic",
    columnHeaderSortMulti: true,
    debugInvalidOptions: false,
  });
  section.querySelector(".clear").addEventListener("click", () => table.clearHeaderFilter());
  return table;
}

function isShown(metric) {
  return metric === data.objective[0] || SHOWN_AT_FIRST.includes(metric);
}

function makeSettingsTable(onPick) {
  const columns = [
    makeColumn("$picked", {
      title: "curve",
      headerFilter: false,
      headerSort: false,
      print: false,
      frozen: true,
      width: 58,
      minWidth: 58,
      hozAlign: "center",
      formatter: (cell) => {
        const setting = cell.getData();
        const box = make("input", {
          type: "checkbox",
          "aria-label": `curve of ${setting.$name}`,
          onchange: (event) => onPick(setting.$id, event.target.checked),
        });
        box.checked = picked.has(setting.$id);
        return box;
      },
    }),
    makeColumn("$id", {
      title: "place",
      numeric: true,
      frozen: true,
      width: 84,
      headerFilter: false,
      formatter: (cell) =>
        make("a", {href: `#setting=${cell.getValue()}`, title: "show its jobs"}, String(cell.getValue())),
    }),
    ...data.swept.map((name) => makeOverrideColumn(name, settings)),
    makeColumn("n", {
      title: "completed",
      formatter: (cell) => {
        const {n, jobs, failed} = cell.getData();
        return make("span", {}, `${n} of ${jobs}`, failed ? make("span", {class: "status bad"}, ` ✕ ${failed} failed`) : null);
      },
    }),
    ...settingMetrics.map((metric) =>
      makeColumn(`${metric}_mean`, {
        title: metric,
        numeric: true,
        visible: isShown(metric),
        formatter: (cell) => {
          const setting = cell.getData();
          const [mean, deviation, low, high] = ["mean", "std", "low", "high"].map((part) => setting[`${metric}_${part}`]);
          const interval = formatInterval(low, high, deviation, mean);
          return make("span", {}, formatMean(mean, deviation), interval ? make("small", {}, interval) : null);
        },
      }),
    ),
  ];
  return makeTable(document.getElementById("settings"), settings, columns, "No setting passes these filters.");
}

function makeJobsTable() {
  const columns = [
    makeColumn("run", {
      title: "job",
      frozen: true,
      maxWidth: 130,
      formatter: (cell) => make("a", {href: toJobAddress(cell.getValue()), title: cell.getValue()}, cell.getValue()),
    }),
    makeColumn("status", {formatter: (cell) => makeStatus(cell.getValue())}),
    ...(jobs.some((job) => job.reason) ? [makeColumn("reason", {
      width: 220,
      formatter: (cell) => make("span", {title: cell.getValue()}, cell.getValue() ?? ""),
    })] : []),
    ...listJobOverrides().map((name) => makeOverrideColumn(name, jobs)),
    ...data.metrics.map((metric) =>
      makeColumn(metric, {visible: isShown(metric), ...(isNumeric(jobs, metric) ? {numeric: true} : {})}),
    ),
  ];
  return makeTable(document.getElementById("jobs"), jobs, columns, "No job passes these filters.");
}

/** Overrides that tell jobs apart. */
function listJobOverrides() {
  return data.overrides.filter((name) => data.swept.includes(name) || name === "seed");
}

function isNumeric(rows, name) {
  return rows.some((row) => typeof row[name] === "number") && !rows.some((row) => typeof row[name] === "string");
}

/** Check boxes that show and hide the metrics in both tables. */
function makeColumnChoices(settingsTable, jobsTable) {
  const choices = document.querySelector("#columns .choices");
  for (const metric of data.metrics) {
    const box = make("input", {
      type: "checkbox",
      onchange: () => {
        const change = box.checked ? "showColumn" : "hideColumn";
        jobsTable[change](metric);
        if (settingMetrics.includes(metric)) settingsTable[change](`${metric}_mean`);
      },
    });
    box.checked = isShown(metric);
    choices.append(make("label", {}, box, " ", metric));
  }
  if (!data.metrics.length) document.getElementById("columns").hidden = true;
}
