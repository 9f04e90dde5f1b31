// Elements, numbers and controls that the figures share. Text from the lake only ever becomes text nodes.

const SVG = "http://www.w3.org/2000/svg";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const html = (name, attributes = {}, ...children) => build(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => build(document.createElementNS(SVG, name), attributes, children);

const count = (value) => Math.round(value).toLocaleString("en-US");
const frac = (value) => (value === 0 || Math.abs(value) >= 0.001 ? `${(100 * value).toFixed(1)}%` : `${(100 * value).toPrecision(2)}%`);

function short(value) {
  for (const [step, unit] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= step) return Math.abs(value) < 1e15 ? `${digits(value / step, 3)}${unit}` : power(value);
  return digits(value, 3);
}

function size(value) {
  for (const [step, unit] of [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]])
    if (value >= step) return `${(value / step).toFixed(1)} ${unit}`;
  return `${Math.round(value)} B`;
}

const digits = (value, places) => String(Number(value.toPrecision(places)));

function power(value) {
  if (value === 0) return "0";
  let exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  let mantissa = (value / 10 ** exponent).toPrecision(2);
  if (Math.abs(Number(mantissa)) >= 10) [mantissa, exponent] = [String(Number(mantissa) / 10), exponent + 1];
  const tens = `10${[...String(exponent)].map((mark) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(mark)]).join("")}`;
  return Number(mantissa) === 1 ? tens : `${Number(mantissa)} × ${tens}`;
}

let numbered = 0;

// A labelled slider over places 0..steps; `words` tells a place's value, `changed` is called with the place.
function slider(label, { steps, start, words, changed }) {
  const id = `control-${(numbered += 1)}`;
  const told = html("output", { for: id }, words(start));
  const input = html("input", { id, type: "range", min: 0, max: steps, step: 1, value: start, "aria-valuetext": words(start) });
  input.addEventListener("input", () => {
    const place = Number(input.value);
    told.textContent = words(place);
    input.setAttribute("aria-valuetext", words(place));
    changed(place);
  });
  return html("div", { class: "control" }, html("label", { for: id }, label), input, told);
}

// A labelled choice; options are [value, words], `changed` is called with the value.
function choice(label, options, start, changed) {
  const id = `control-${(numbered += 1)}`;
  const select = html("select", { id }, options.map(([value, words]) => html("option", { value, selected: value === start }, words)));
  select.addEventListener("change", () => changed(select.value));
  return html("div", { class: "control" }, html("label", { for: id }, label), select);
}

// Buttons of which one is pressed; `changed` is called with the value.
function buttons(label, options, start, changed) {
  const all = options.map(([value, words]) => html("button", {
    type: "button", "aria-pressed": String(value === start),
    onclick: (event) => {
      for (const other of all) other.setAttribute("aria-pressed", String(other === event.currentTarget));
      changed(value);
    },
  }, words));
  return html("div", { class: "control", role: "group", "aria-label": label }, html("span", { class: "name" }, label), html("div", { class: "buttons" }, all));
}

// A table; columns are [heading, is a number], rows lists of cells (text or nodes).
function table(columns, rows) {
  const cell = (value, index) => html("td", { class: columns[index][1] ? "n" : "" }, value ?? "");
  return html("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" },
    html("table", {},
      html("thead", {}, html("tr", {}, columns.map(([words, number]) => html("th", { scope: "col", class: number ? "n" : "" }, words)))),
      html("tbody", {}, rows.map((row) => html("tr", {}, row.map(cell))))));
}

const legend = (parts) => html("ul", { class: "legend" }, parts.map(([words, colour]) => html("li", {}, html("i", { class: colour }), words)));
const live = (attributes = {}) => html("p", { "aria-live": "polite", class: "said", ...attributes });

const widgets = {};
