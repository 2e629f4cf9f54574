// One job over the page: what it was told, what came out, its pictures and config. Its address is #job=<its run>.

/** A picture, embedded or linked. */
function makePicture(link) {
  const name = link.split("/").at(-1).replace(/\.png$/, "").replaceAll("_", " ");
  const picture = make("img", {src: embedded[link] ?? toAddress(link), alt: name, loading: "lazy"});
  const caption = make("figcaption", {}, name);
  if (!embedded[link]) {
    caption.append(" (not in this file)");
    picture.addEventListener("error", () => picture.replaceWith(make("p", {class: "note"}, `${link} is not beside this page.`)));
  }
  return make("figure", {}, picture, caption);
}

/** Names and values as a table. */
function makeValues(names, row, write = format) {
  return make("table", {class: "values"}, make("tbody", {}, ...names.map((name) =>
    make("tr", {}, make("th", {scope: "row"}, name), make("td", {}, write(row[name]))))));
}

function makeDetails(title, ...content) {
  return make("details", {}, make("summary", {}, title), ...content);
}

function showJob(job) {
  const files = data.files[job.$id];
  const panel = get("job");
  const step = (by, word) => {
    const other = jobs[job.$id + by];
    return other ? make("a", {class: "button", href: toJobAddress(other.run)}, word) : null;
  };
  const overrides = data.overrides.filter((name) => job[name] != null);
  const metrics = data.metrics.filter((name) => job[name] != null);
  const main = metrics.filter(isShown);
  panel.replaceChildren(make("article", {},
    make("nav", {class: "tools"},
      step(-1, "‹ previous"), step(1, "next ›"),
      make("button", {type: "button", class: "close", onclick: () => panel.close()}, "Close")),
    make("h2", {id: "job-title", tabindex: "-1"}, `Job ${job.run}`),
    make("p", {}, makeStatus(job.status), job.reason ? `: ${job.reason}` : ""),
    job.$setting ? make("p", {}, make("a", {href: `#setting=${job.$setting}`}, "All jobs of its setting")) : null,
    make("div", {class: "columns"},
      make("section", {}, make("h3", {}, "Overrides"), overrides.length ? makeValues(overrides, job, String) : make("p", {}, "none")),
      main.length ? make("section", {}, make("h3", {}, "Result"), makeValues(main, job)) : null),
    make("div", {class: "pictures"}, ...(files.pictures ?? []).map(makePicture)),
    files.log ? make("section", {}, make("h3", {}, "End of its log"), make("pre", {}, files.log)) : null,
    metrics.length ? makeDetails("All metrics", makeValues(metrics, job)) : null,
    files.config ? makeDetails("Config", make("pre", {}, files.config)) : null,
    files.folder ? make("p", {}, "Run directory: ", make("a", {href: toAddress(files.folder) + "/"}, files.folder))
      : make("p", {class: "note"}, job.status === "waiting" ? "It has no run directory yet." : "Its run directory is elsewhere."),
  ));
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
  get("job-title").focus({preventScroll: true});
}

/** Do what the address asks for. */
function followAddress() {
  const [, kind, value] = /^#(job|setting)=(.+)$/.exec(location.hash) ?? [];
  const job = kind === "job" ? jobs.find((one) => one.run === decodeURIComponent(value)) : null;
  if (job) return showJob(job);
  get("job").close();
  if (kind === "setting" && settings[value - 1]) showJobsOf(settings[value - 1]);
}

function startJobs() {
  get("job").addEventListener("close", () => {
    if (location.hash.startsWith("#job=")) history.replaceState(null, "", "#");
  });
  get("job").addEventListener("click", (event) => event.target === get("job") && get("job").close()); // beside the panel
  addEventListener("hashchange", followAddress);
  followAddress();
}
