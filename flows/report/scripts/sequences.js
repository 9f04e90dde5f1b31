// Packed sequences: a bar for each, cut where documents meet; below, the chosen one's stretches with their documents.

const letterOf = (index) => (index < 26 ? "" : String.fromCharCode(64 + Math.floor(index / 26))) + String.fromCharCode(65 + (index % 26));

function stretchPanel(stretch, data) {
  const index = stretch.document, { id, url, domain } = data.documents[index];
  const how = [`${count(stretch.tokens)} tokens`, domain, stretch.goes_on ? "goes on from the sequence before" : null, stretch.ends === null ? null : stretch.ends ? "ends here" : "cut here"];
  return html("section", { class: `stretch c${1 + (index % 6)}`, "aria-label": `Document ${letterOf(index)}` },
    html("p", { class: "of" }, html("b", {}, letterOf(index)), ` ${how.filter(Boolean).join(" · ")}`, html("br"), html("code", {}, url ?? `no URL; document ${id}`)),
    html("p", { class: "text" }, stretch.text));
}

function sequencePanel(sequence, data) {
  const { stretches, padding, opening } = sequence;
  const filled = data.width - padding;
  return [
    html("p", {}, `Sequence ${sequence.number} of ${sequence.split}: ${stretches.length === 1 ? "one document" : `${stretches.length} documents`}, ${count(filled)} of ${count(data.width)} tokens (${frac(filled / data.width)}), ${padding ? `${count(padding)} of padding` : "no padding"}.`),
    opening.tokens ? html("p", { class: "soft" }, `It opens with ${opening.text}.`) : null,
    ...stretches.map((stretch) => stretchPanel(stretch, data)),
  ].filter(Boolean);
}

widgets.sequences = (root, data) => {
  const panel = html("div", { class: "panel", "aria-live": "polite" });
  const rows = data.sequences.map((sequence, place) => html("button", {
    type: "button", class: "stage", "aria-pressed": "false", onclick: () => pick(place),
    onkeydown: (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !rows[place + step]) return;
      event.preventDefault();
      rows[place + step].focus();
      pick(place + step);
    },
  },
    html("span", { class: "name" }, `${sequence.split} ${sequence.number}`),
    html("span", { class: "track cut" }, sequence.stretches.map(({ document, tokens }) =>
      html("i", { class: `c${1 + (document % 6)}`, style: `width:${(100 * tokens) / data.width}%`, title: `${letterOf(document)}: ${count(tokens)} tokens` }))),
    html("span", { class: "n" }, sequence.stretches.map(({ document }) => letterOf(document)).join(" ")), html("span", {})));
  const pick = (place) => {
    rows.forEach((row, index) => row.setAttribute("aria-pressed", String(index === place)));
    panel.replaceChildren(...sequencePanel(data.sequences[place], data));
  };
  pick(0);
  root.append(html("div", { class: "stages sequences" }, rows), panel);
};
