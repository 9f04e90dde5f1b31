// Uses of a word as dots, layer by layer; the sentences below are buttons, each of which marks its dot.

const STATIC = "static";
const senseColours = ["c1", "c2", "c3", "c4", "c5", "c6"];

// The plane of some points, with room around them; one point alone stands in the middle.
function plane(title, points, shares) {
  const along = (axis) => points.map((point) => point[axis]);
  const one = points.every(([x, y]) => x === points[0][0] && y === points[0][1]);
  const over = (axis, words) => (one ? axisOf(words, points[0][axis] - 1, points[0][axis] + 1) : axisOver(words, along(axis), { margin: 0.1 }));
  const words = (number, share) => (one ? `component ${number}` : `component ${number}: ${frac(share)} of the variance`);
  return new Plot(title, over(0, words("one", shares[0])), over(1, words("two", shares[1])), 380);
}
const axisOf = (label, low, high) => axis(label, low, high, { ticks: [] });

function staticView(word) {
  if (!word.static) return [html("p", {}, `The corpus uses “${word.word}” too rarely for a static vector.`)];
  const { names, points, cosines, shares } = word.static;
  const plot = plane(`The static vector of ${word.word} and its neighbours`, points, shares);
  points.forEach(([x, y], index) => {
    plot.dot(x, y, index ? "c0" : "c2", `${names[index]}: cosine ${cosines[index].toFixed(2)}`, index ? 4 : 7);
    plot.text(x, y, names[index], index ? "" : "c2", { end: x > (plot.x.low + plot.x.high) / 2, dx: x > (plot.x.low + plot.x.high) / 2 ? -9 : 9 });
  });
  return [plot.render(), table([["Nearest words"], ["Cosine", true]], names.slice(1).map((name, index) => [name, cosines[index + 1].toFixed(2)]))];
}

function usesView(word, layer, state) {
  const { points, shares } = word.layers[layer], labels = [...new Set(word.uses.map((use) => use.label))];
  const colour = (use) => senseColours[labels.indexOf(use.label) % senseColours.length];
  const plot = plane(`Uses of ${word.word} in layer ${layer}`, points, shares);
  const sentence = (use) => `${use.before}${use.word}${use.after}`;
  const order = word.uses.map((_, index) => index).filter((index) => index !== state.use);
  for (const index of [...order, ...(state.use === null ? [] : [state.use])])
    plot.dot(...points[index], colour(word.uses[index]), `${word.uses[index].label}: ${sentence(word.uses[index])}`, index === state.use ? 10 : word.uses[index].written ? 6 : 4);
  const different = new Set(points.map(String)).size;
  const said = live();
  said.textContent = different === 1
    ? `All ${word.uses.length} uses of “${word.word}” are one dot: layer ${layer} does not see the context.`
    : `${word.uses.length} uses of “${word.word}”, ${different} dots; large ones are sentences written for a sense, small ones the corpus's.`;
  return [legend(labels.map((label) => [label, senseColours[labels.indexOf(label) % senseColours.length]])), plot.render(), said];
}

function sentences(word, state) {
  const buttonOf = (use, index) => html("button", {
    type: "button", class: "use", "aria-pressed": String(state.use === index),
    onclick: (event) => {
      state.use = state.use === index ? null : index;
      for (const other of event.currentTarget.closest("ul").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
      event.currentTarget.setAttribute("aria-pressed", String(state.use === index));
      state.redraw();
    },
  }, html("span", { class: "soft" }, use.label), " ", use.before, html("b", {}, use.word), use.after);
  return html("ul", { class: "uses", tabindex: 0, "aria-label": `Uses of ${word.word}` }, word.uses.map((use, index) => html("li", {}, buttonOf(use, index))));
}

widgets.polysemy = (root, data) => {
  const state = { model: 0, word: 0, layer: STATIC, use: null, redraw: null };
  const view = html("div"), list = html("div"), controls = html("div");
  const wordOf = () => data.models[state.model].words[state.word];
  state.redraw = () => view.replaceChildren(...(state.layer === STATIC ? staticView(wordOf()) : usesView(wordOf(), Number(state.layer), state)));
  const draw = () => {
    state.use = null;
    state.redraw();
    list.replaceChildren(...(state.layer === STATIC ? [] : [html("h4", {}, "The uses; choose one to find its dot"), sentences(wordOf(), state)]));
  };
  const offer = () => {
    const words = data.models[state.model].words, layers = words[0].layers.length;
    state.word = Math.min(state.word, words.length - 1);
    if (state.layer !== STATIC) state.layer = String(Math.min(Number(state.layer), layers - 1));
    controls.replaceChildren(
      choice("Word", words.map((word, index) => [String(index), word.word]), String(state.word), (value) => { state.word = Number(value); draw(); }),
      buttons("Vectors", [[STATIC, "static: fastText"], ...Array.from({ length: layers }, (_, layer) => [String(layer), `layer ${layer}`])], state.layer, (value) => { state.layer = value; draw(); }));
    draw();
  };
  const used = data.models[0].words.map((word) => word.uses.filter((use) => !use.written).length + (word.static ? 0.5 : 0));
  state.word = used.indexOf(Math.max(...used));  // the word the corpus has most to show of
  state.layer = String(data.models[0].words[0].layers.length - 1);
  offer();
  if (data.models.length > 1)
    root.append(choice("Model", data.models.map((model, index) => [String(index), model.name]), "0", (value) => { state.model = Number(value); offer(); }));
  root.append(controls, view, list);
};
