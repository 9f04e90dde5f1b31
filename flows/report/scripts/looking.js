// A look into a trained model (`winnow probe`): one passage step by step, who attends to whom, what it says.

const spellOf = (data) => (id) => {
  const piece = (data.pieces[id] ?? `#${id}`).replaceAll("\n", "↵").replaceAll("\t", "⇥");
  return piece.trim() ? piece : piece.replaceAll(" ", "␣") || "∅";
};

// Probabilities at a temperature, of the ids told; the rest comes as (logit, how many).
function probabilities({ top, rest }, temperature = 1) {
  const most = top[0][1];
  const weight = (logit) => Math.exp((logit - most) / temperature);
  const others = rest.reduce((sum, [logit, number]) => sum + number * weight(logit), 0);
  const whole = top.reduce((sum, [, logit]) => sum + weight(logit), 0) + others;
  return { told: top.map(([id, logit]) => [id, weight(logit) / whole]), others: others / whole };
}

function barList(rows, marked = -1) {
  const most = Math.max(...rows.map(([, share]) => share), 1e-9);
  return html("div", { class: "stages" }, rows.map(([words, share, id]) => html("div", { class: "stage" },
    html("span", { class: "name" }, words),
    html("span", { class: "track" }, html("i", { class: id === marked && marked >= 0 ? "c3" : "c1", style: `width:${(100 * share) / most}%` })),
    html("span", { class: "n" }, frac(share)), html("span", {}))));
}

function sayings(distribution, data, temperature, marked, most = 10) {
  const spell = spellOf(data), { told, others } = probabilities(distribution, temperature);
  const shown = told.slice(0, most), rest = others + told.slice(most).reduce((sum, [, share]) => sum + share, 0);
  return barList([...shown.map(([id, share]) => [spell(id), share, id]), ["all others", rest, -1]], marked);
}

function passage(data, ids, chosen, pick) {
  const spell = spellOf(data);
  return html("div", { class: "buttons passage" }, ids.map((id, index) =>
    html("button", { type: "button", "aria-pressed": String(index === chosen), onclick: () => pick(index), title: `id ${id}` }, spell(id))));
}

// Numbers of vectors as a strip of colours: blue below zero, orange above.
function strip(rows, names) {
  const most = Math.max(...rows.flat().map(Math.abs), 1e-9);
  return html("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Vectors" }, html("table", { class: "strip" }, html("tbody", {},
    rows.map((row, index) => html("tr", {}, html("th", { scope: "row" }, names[index]),
      row.map((value) => html("td", { title: value.toFixed(3) }, html("i", { class: value < 0 ? "c1" : "c2", style: `opacity:${(Math.abs(value) / most).toFixed(3)}` }))))))));
}

const STEPS = {
  ids: ["1 ids", (data) => [html("p", {}, "Text is cut into tokens, and each becomes its number in the vocabulary."),
    table([["Token"], ["Id", true]], data.ids.map((id) => [spellOf(data)(id), count(id)]))]],
  embedding: ["2 embeddings", (data) => [html("p", {}, `Each id picks a row of the embedding matrix; the first ${data.embedding[0].length} numbers of each:`),
    strip(data.embedding, data.ids.map(spellOf(data)))]],
  blocks: ["3 blocks", (data) => [html("p", {}, "Every block adds to the stream what attention and the feed-forward part find. Its size, root mean square, block after block:"),
    table([["Token"], ...data.blocks.map((block) => [`block ${block + 1}`, true])], data.ids.map((id, place) => [spellOf(data)(id), ...data.stream_rms.map((row) => row[place].toFixed(2))])),
    html("p", {}, "The stream after the last block:"), strip(data.stream[data.stream.length - 1], data.ids.map(spellOf(data)))]],
  logits: ["4 logits", (data, state) => [html("p", {}, "The stream times the output matrix scores every token of the vocabulary; softmax makes probabilities of them. Choose a position:"),
    passage(data, data.ids, state.place, (place) => { state.place = place; state.draw(); }),
    sayings(data.next[state.place], data, 1, data.targets[state.place] ?? -1, 8)]],
  loss: ["5 loss", (data) => {
    const rows = data.ids.map((id, place) => [spellOf(data)(id), data.targets[place] === null ? "" : spellOf(data)(data.targets[place]), data.target_nats[place]]);
    const scored = rows.filter(([, , nats]) => nats !== null);
    return [html("p", {}, `The loss of a position is minus the log of the probability its target got; the passage's is their mean, ${(scored.reduce((sum, [, , nats]) => sum + nats, 0) / scored.length).toFixed(3)} nats a token.`),
      table([["Token"], [data.kind === "encoder" ? "Target: itself" : "Target: the next"], ["Nats", true], ["Probability", true]],
        rows.map(([token, target, nats]) => [token, target, nats === null ? "" : nats.toFixed(3), nats === null ? "" : frac(Math.exp(-nats))]))];
  }],
  update: ["6 update", (data) => [
    html("p", {}, `Backwards through the network comes a gradient for every weight; one step of AdamW at a rate of ${digits(data.update.learning_rate, 3)} on this passage alone takes its loss from ${data.update.before.toFixed(3)} to ${data.update.after.toFixed(3)}.`),
    table([["Part"], ["Weights", true], ["Norm of weights", true], ["Norm of gradient", true]],
      data.update.parts.map((part) => [part.part, count(part.parameters), part.weights.toPrecision(3), part.gradient.toPrecision(3)]))]],
};

widgets.steps = (root, data) => {
  const panel = html("div", { class: "panel", "aria-live": "polite" });
  const state = { step: "ids", place: Math.floor(data.ids.length / 2), draw: () => panel.replaceChildren(...STEPS[state.step][1](data, state)) };
  state.draw();
  root.append(buttons("Step", Object.entries(STEPS).map(([key, [words]]) => [key, words]), "ids", (step) => { state.step = step; state.draw(); }), panel);
};

widgets.attention = (root, data) => {
  let block = 0, head = 0;
  const drawing = html("div"), spell = spellOf(data), words = data.ids.map((id) => spell(id).slice(0, 8));
  const draw = () => drawing.replaceChildren(square(words, (row, column) => data.attention[block][head][row][column],
    `Attention of block ${data.blocks[block] + 1}, head ${head + 1}`));
  draw();
  root.append(
    choice("Block", data.blocks.map((number, index) => [String(index), `${number + 1}`]), "0", (value) => { block = Number(value); draw(); }),
    choice("Head", data.attention[0].map((_, index) => [String(index), `${index + 1}`]), "0", (value) => { head = Number(value); draw(); }),
    drawing);
};

widgets.writing = (root, data) => {
  let step = 0, temperature = 1;
  const spell = spellOf(data), text = html("p", { class: "pieces" }), said = live(), bars = html("div");
  const prompt = data.ids.slice(0, data.written.prompt);
  const draw = () => {
    text.replaceChildren(html("b", {}, prompt.map(spell).join("")), ...data.written.ids.slice(0, step).map((id) => html("span", { class: "c3" }, html("b", {}, spell(id)))));
    const { told, others } = probabilities(data.written.steps[step], temperature);
    const bits = -[...told.map(([, share]) => share), others].reduce((sum, share) => sum + (share > 0 ? share * Math.log2(share) : 0), 0);
    said.textContent = `Token ${step + 1} of ${data.written.steps.length}: the likeliest, ${JSON.stringify(spell(told[0][0]))}, has ${frac(told[0][1])}; at least ${bits.toFixed(1)} bits of choice.`;
    bars.replaceChildren(sayings(data.written.steps[step], data, temperature, data.written.ids[step], 12));
  };
  draw();
  root.append(
    slider("Token", { steps: data.written.steps.length - 1, start: 0, words: (place) => `${place + 1}`, changed: (place) => { step = place; draw(); } }),
    slider("Temperature", { steps: 38, start: 18, words: (place) => (0.1 + place * 0.05).toFixed(2), changed: (place) => { temperature = 0.1 + place * 0.05; draw(); } }),
    text, said, bars);
};

const WAYS = { mask: "hidden behind the mask (80 % of those chosen)", random: "replaced by a token drawn at random (10 %)", kept: "left as it is (10 %)" };

widgets.masked = (root, data) => {
  let turn = 0;
  const spell = spellOf(data), shown = html("div");
  const draw = () => {
    const one = data.masked[turn], hidden = new Map(data.masked.map((other) => [other.place, other]));
    const place = one.said.top.findIndex(([id]) => id === one.id);
    shown.replaceChildren(
      html("p", { class: "pieces" }, data.ids.map((id, index) => html("span", { class: hidden.has(index) ? (index === one.place ? "c2" : "c1") : "c0" }, html("b", {}, hidden.has(index) ? spell(hidden.get(index).shown) : spell(id))))),
      html("p", { class: "said", "aria-live": "polite" }, `${JSON.stringify(spell(one.id))} was ${WAYS[one.way]}. ${place === 0 ? "The model says it first." : place > 0 ? `The model says it in place ${place + 1}.` : "It is not among what the model says first."}`),
      sayings(one.said, data, 1, one.id, 8));
  };
  draw();
  root.append(slider("Chosen token", { steps: data.masked.length - 1, start: 0, words: (place) => `${place + 1} of ${data.masked.length}`, changed: (place) => { turn = place; draw(); } }), shown);
};
