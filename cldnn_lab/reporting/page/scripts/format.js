// Values as text, and elements that hold it. Nothing from the data is ever read as HTML.

/** An element: make("a", {href: "#x"}, "text", another). Attributes that are null are left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const MINUS = (text) => text.replace("-", "−");

/** A number to four significant digits; other values as they are. */
function format(value) {
  if (value == null) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return MINUS(Math.abs(value) < 1e12 ? String(value) : value.toExponential(3));
  const size = Math.abs(value);
  return MINUS(size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4))));
}

/** A number with so many decimals, or in powers of ten where that would not say anything. */
function fix(value, decimals) {
  return MINUS(Math.abs(value) >= 1e6 || decimals > 6 ? value.toExponential(2) : value.toFixed(decimals));
}

/** Mean and standard deviation, to the second digit of the deviation. */
function formatMean(mean, deviation) {
  if (mean == null) return "–";
  if (deviation == null) return format(mean);
  return `${fix(mean, countDecimals(deviation, mean))} ± ${fix(deviation, countDecimals(deviation, mean))}`;
}

function formatInterval(low, high, deviation, mean) {
  if (low == null || high == null) return "";
  return `${fix(low, countDecimals(deviation, mean))} to ${fix(high, countDecimals(deviation, mean))}`;
}

function countDecimals(deviation, mean) {
  const scale = deviation || Math.abs(mean) / 100 || 1;
  return Math.max(0, 1 - Math.floor(Math.log10(scale)));
}

function formatTime(iso) {
  return iso ? iso.slice(0, 19).replace("T", " ") + " UTC" : "–";
}

const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

// A status is told by its word and by a shape; colour only repeats it.
const STATUS = {
  completed: ["✓", "good"],
  training: ["▶", "busy"],
  started: ["▷", "busy"],
  waiting: ["○", "idle"],
  pruned: ["◇", "idle"],
  interrupted: ["■", "bad"],
  diverged: ["▲", "bad"],
  killed: ["✚", "bad"],
  failed: ["✕", "bad"],
};

const isBad = (status) => (STATUS[status] ?? ["", "bad"])[1] === "bad";

function makeStatus(status) {
  const [shape, kind] = STATUS[status] ?? ["?", "bad"];
  return make("span", {class: `status ${kind}`}, make("span", {"aria-hidden": "true"}, shape), ` ${status}`);
}

/** A relative path as an address. */
const toAddress = (path) => path.split("/").map(encodeURIComponent).join("/");
const toJobAddress = (run) => "#job=" + toAddress(run);
