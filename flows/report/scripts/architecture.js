// Block diagrams, with the keys and values shared one way or another; and who sees whom.

function diagram(towers) {
  const box = (one) => html("div", { class: "box" },
    html("span", {}, one.name), html("code", {}, one.shape), html("span", { class: "n soft" }, one.params ? short(one.params) : ""));
  return html("div", { class: "towers" }, towers.map((tower) => html("div", { class: "tower" },
    html("h4", {}, tower.title),
    [...tower.after].reverse().map(box),
    html("div", { class: "repeat" }, html("span", { class: "times" }, `${tower.times} ×`), [...tower.block].reverse().map(box)),
    [...tower.before].reverse().map(box))));
}

const SHARING = { own: "as published", mha: "MHA", gqa: "GQA", mqa: "MQA" };

widgets.architecture = (root, data) => {
  const contexts = Array.from({ length: 11 }, (_, index) => 2 ** (10 + index));
  let name = data.start, sharing = "own", context = contexts[3], sequences = 1;
  const shown = html("div"), said = live(), caches = html("div"), controls = html("div");
  const draw = () => {
    const model = data.models[name], one = model.variants[sharing] ?? model.variants.own;
    const heads = one.heads ? `; ${one.heads[0]} query heads and ${one.heads[1]} of keys and values, ${one.heads[2]} wide` : "";
    said.textContent = `${name}: ${count(one.total)} parameters${heads}.`;
    const cached = Object.entries(model.variants).filter(([, variant]) => variant.kv_bytes);
    const most = Math.max(...cached.map(([, variant]) => variant.kv_bytes), 1);
    caches.replaceChildren(...(cached.length ? [
      html("h4", {}, `KV cache in bfloat16: ${count(context)} positions, ${sequences === 1 ? "one sequence" : `${sequences} sequences`}`),
      ...cached.map(([key, variant]) => html("div", { class: "stage" },
        html("span", { class: "name" }, `${SHARING[key]}, ${variant.heads[1]} heads`),
        html("span", { class: "track" }, html("i", { class: key === sharing ? "c1" : "c0", style: `width:${(100 * variant.kv_bytes) / most}%` })),
        html("span", { class: "n" }, size(variant.kv_bytes * context * sequences)),
        html("span", { class: "n soft" }, `${count(variant.kv_bytes)} B each`)))] : [html("p", { class: "soft" }, "Nothing is cached: it does not write word by word.")]));
    shown.replaceChildren(diagram(one.towers));
  };
  const share = () => {
    const variants = data.models[name].variants;
    if (!(sharing in variants)) sharing = "own";
    controls.replaceChildren(buttons("Keys and values", Object.keys(variants).map((key) => [key, SHARING[key]]), sharing, (value) => { sharing = value; draw(); }));
  };
  share();
  draw();
  root.append(
    choice("Model", Object.entries(data.models).map(([key, model]) => [key, `${key}, ${short(model.total)}`]), name, (value) => { name = value; share(); draw(); }),
    controls,
    slider("Positions", { steps: contexts.length - 1, start: 3, words: (place) => count(contexts[place]), changed: (place) => { context = contexts[place]; draw(); } }),
    slider("Sequences at once", { steps: 8, start: 0, words: (place) => String(2 ** place), changed: (place) => { sequences = 2 ** place; draw(); } }),
    said, caches, shown);
};

// A square of who attends to whom; `shade(row, column)` is 0..1.
function square(words, shade, title) {
  const side = 26, left = 64, top = 64, length = words.length;
  const parts = [svg("title", {}, title)];
  words.forEach((word, index) => parts.push(
    svg("text", { class: "small", x: left - 8, y: top + side * index + 17, "text-anchor": "end" }, word),
    svg("text", { class: "small", x: 0, y: 0, transform: `translate(${left + side * index + 17} ${top - 8}) rotate(-60)` }, word)));
  for (let row = 0; row < length; row += 1)
    for (let column = 0; column < length; column += 1) {
      const value = shade(row, column);
      parts.push(svg("rect", { class: "bar c1", x: left + side * column, y: top + side * row, width: side - 2, height: side - 2, opacity: (0.06 + 0.94 * value).toFixed(3) },
        svg("title", {}, `${words[row]} to ${words[column]}: ${value.toFixed(3)}`)));
    }
  const extent = `0 0 ${left + side * length + 24} ${top + side * length + 4}`;
  return html("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": title },
    svg("svg", { viewBox: extent, class: "square", style: `width:${left + side * length + 24}px`, role: "img", "aria-label": title }, parts));
}

const MASKS = {
  causal: ["causal", (row, column) => column <= row],
  both: ["both directions", () => true],
  documents: ["causal, within a document", (row, column, data) => column <= row && documentOf(row, data) === documentOf(column, data)],
  prefix: ["prefix", (row, column, data) => column <= row || (row < data.prefix && column < data.prefix)],
};

const documentOf = (place, data) => data.words.slice(0, place).filter((word) => word === data.end).length;

widgets.masks = (root, data) => {
  const drawing = html("div"), said = live();
  const show = (key) => {
    const [name, sees] = MASKS[key];
    const pairs = data.words.flatMap((_, row) => data.words.map((__, column) => sees(row, column, data))).filter(Boolean).length;
    said.textContent = `${name}: ${pairs} of ${data.words.length ** 2} pairs are seen.`;
    drawing.replaceChildren(square(data.words, (row, column) => (sees(row, column, data) ? 1 : 0), `Mask: ${name}`));
  };
  show("causal");
  root.append(buttons("Mask", Object.entries(MASKS).map(([key, [name]]) => [key, name]), "causal", show), said, drawing);
};
