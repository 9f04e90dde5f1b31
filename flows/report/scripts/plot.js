// Drawings with two axes, as `flows/report/svg.py` makes them for the figures that stand still.

const FRAME = { width: 720, left: 66, right: 18, top: 14, bottom: 52 };

function axis(label, low, high, { log = false, powers = false, ticks = null, words = null } = {}) {
  const place = log ? (value) => Math.log(value / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
  const value = log ? (share) => low * (high / low) ** share : (share) => low + share * (high - low);
  const tell = words ?? (powers ? power : short);
  const marks = (ticks ?? (log ? logTicks(low, high) : linearTicks(low, high))).map((at) => [at, tell(at)]);
  return { label, low, high, log, place, value, marks };
}

function axisOver(label, values, { margin = 0.06, ...options } = {}) {
  const found = values.filter((value) => Number.isFinite(value) && (value > 0 || !options.log));
  const [low, high] = found.length ? [Math.min(...found), Math.max(...found)] : [1, 10];
  if (options.log) {
    const room = Math.max(margin * Math.log10(high / low), 0.05);
    return axis(label, low / 10 ** room, high * 10 ** room, options);
  }
  const room = margin * (high - low) || Math.abs(high) * margin || 1;
  return axis(label, low - room, high + room, options);
}

function linearTicks(low, high, wanted = 6) {
  const rough = (high - low) / wanted;
  const scale = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * scale).find((size) => size >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at <= Math.floor(high / step + 1e-9); at += 1) found.push(Number((at * step).toPrecision(12)));
  return found;
}

function logTicks(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first >= 2) {
    const every = Math.ceil((last - first + 1) / 8);
    return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) => 10 ** (first + index * every));
  }
  const factors = high / low > 4 ? [1, 2, 5] : [1, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9];
  const found = [];
  for (let exponent = first - 1; exponent <= last; exponent += 1)
    for (const factor of factors) if (factor * 10 ** exponent >= low && factor * 10 ** exponent <= high) found.push(factor * 10 ** exponent);
  return found;
}

class Plot {
  constructor(title, x, y, height = 400) {
    Object.assign(this, { title, x, y, height, drawn: [] });
  }

  holds(x, y) {
    const within = (a, value) => Number.isFinite(value) && (value > 0 || !a.log) && a.place(value) >= -1e-9 && a.place(value) <= 1 + 1e-9;
    return within(this.x, x) && within(this.y, y);
  }

  px(value) { return FRAME.left + this.x.place(value) * (FRAME.width - FRAME.left - FRAME.right); }
  py(value) { return this.height - FRAME.bottom - this.y.place(value) * (this.height - FRAME.top - FRAME.bottom); }

  line(points, colour, tip) {
    let pen = "M", path = "";
    for (const [x, y] of points) {
      if (!this.holds(x, y)) { pen = "M"; continue; }
      path += `${pen}${this.px(x).toFixed(1)} ${this.py(y).toFixed(1)}`;
      pen = "L";
    }
    if (path) this.drawn.push(svg("path", { class: `line ${colour}`, d: path }, tip ? svg("title", {}, tip) : null));
  }

  band(low, high, colour) {
    const clip = ([x, y]) => [x, Math.min(Math.max(y, this.y.low), this.y.high)];
    const corners = [...low, ...[...high].reverse()].map(clip).filter(([x, y]) => this.holds(x, y));
    const points = corners.map(([x, y]) => `${this.px(x).toFixed(1)},${this.py(y).toFixed(1)}`).join(" ");
    this.drawn.push(svg("polygon", { class: `band ${colour}`, points }));
  }

  dot(x, y, colour, tip, radius = 4.5) {
    if (this.holds(x, y)) this.drawn.push(svg("circle", { class: `dot ${colour}`, cx: this.px(x).toFixed(1), cy: this.py(y).toFixed(1), r: radius }, svg("title", {}, tip)));
  }

  bar(left, right, top, colour, tip, bottom = this.y.low) {
    const x0 = this.px(left), y0 = this.py(bottom), y1 = this.py(Math.min(top, this.y.high));
    this.drawn.push(svg("rect", { class: `bar ${colour}`, x: x0, y: Math.min(y0, y1), width: Math.max(this.px(right) - x0, 1), height: Math.abs(y0 - y1) }, svg("title", {}, tip)));
  }

  text(x, y, words, colour = "", { dx = 8, dy = 4, end = false } = {}) {
    if (this.holds(x, y)) this.drawn.push(svg("text", { class: `word ${colour}`, x: this.px(x) + dx, y: this.py(y) + dy, "text-anchor": end ? "end" : "start" }, words));
  }

  render() {
    const floor = this.height - FRAME.bottom, end = FRAME.width - FRAME.right, middle = (floor + FRAME.top) / 2;
    const parts = [svg("title", {}, this.title)];
    for (const [value, words] of this.x.marks)
      parts.push(svg("line", { class: "grid", x1: this.px(value), x2: this.px(value), y1: FRAME.top, y2: floor }),
        svg("text", { class: "tick", x: this.px(value), y: floor + 18, "text-anchor": "middle" }, words));
    for (const [value, words] of this.y.marks)
      parts.push(svg("line", { class: "grid", x1: FRAME.left, x2: end, y1: this.py(value), y2: this.py(value) }),
        svg("text", { class: "tick", x: FRAME.left - 8, y: this.py(value) + 4, "text-anchor": "end" }, words));
    parts.push(svg("line", { class: "axis", x1: FRAME.left, x2: end, y1: floor, y2: floor }), ...this.drawn,
      svg("text", { class: "label", x: (FRAME.left + end) / 2, y: this.height - 10, "text-anchor": "middle" }, this.x.label),
      svg("text", { class: "label", x: 14, y: middle, "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` }, this.y.label));
    const drawing = svg("svg", { viewBox: `0 0 ${FRAME.width} ${this.height}`, role: "img", "aria-label": this.title }, parts);
    return html("div", { class: "scroll plot", tabindex: 0, role: "group", "aria-label": this.title }, drawing);
  }
}
