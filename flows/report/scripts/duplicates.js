// What a choice of bands and rows finds, and the pages with most copies.

const sharedBand = (similarity, bands, rows) => 1 - (1 - similarity ** rows) ** bands;

widgets.sCurve = (root, data) => {
  let { bands, rows, least } = data;
  const drawing = html("div"), said = live();
  const similarities = Array.from({ length: 71 }, (_, index) => 0.3 + index / 100);
  const curve = (b, r) => similarities.map((s) => [s, sharedBand(s, b, r)]);
  const draw = () => {
    const plot = new Plot("Chance that a pair shares a band, by similarity", axis("true Jaccard similarity", 0.3, 1), axis("probability", 0, 1), 340);
    for (const one of data.published) plot.line(curve(one.bands, one.rows), "c0 thin", one.name);
    plot.line([[least, 0], [least, 1]], "c2 dashed", `limit ${least}`);
    plot.line(curve(data.bands, data.rows), "c1 dashed", `this recipe, ${data.bands} × ${data.rows}`);
    plot.line(curve(bands, rows), "c1", `${bands} × ${rows}`);
    for (const one of data.measured) plot.dot(one.jaccard, one.found_prob, "c3", `${count(one.pairs)} pairs: ${one.found_prob.toFixed(4)}`);
    drawing.replaceChildren(plot.render());
    said.textContent = `${bands} bands of ${rows} rows, ${bands * rows} hashes: a pair at ${least.toFixed(2)} is found ${frac(sharedBand(least, bands, rows))} of the time; `
      + `one at ${(least + (1 - least) / 2).toFixed(2)}, ${frac(sharedBand(least + (1 - least) / 2, bands, rows))}; one at ${(least / 2).toFixed(2)} is compared in vain ${frac(sharedBand(least / 2, bands, rows))} of the time.`;
  };
  draw();
  root.append(
    slider("Bands", { steps: 63, start: bands - 1, words: (place) => `${place + 1}`, changed: (place) => { bands = place + 1; draw(); } }),
    slider("Rows a band", { steps: 19, start: rows - 1, words: (place) => `${place + 1}`, changed: (place) => { rows = place + 1; draw(); } }),
    slider("Jaccard limit", { steps: 69, start: Math.round(100 * least) - 30, words: (place) => (0.3 + place / 100).toFixed(2), changed: (place) => { least = 0.3 + place / 100; draw(); } }),
    legend([["these bands", "c1"], ["published recipes", "c0"], ["limit", "c2"], ["counted in this lake", "c3"]]), said, drawing);
};

widgets.clusters = (root, data) => {
  const clusters = new Map();
  for (const row of data.rows) clusters.set(row.survivor_id, [...(clusters.get(row.survivor_id) ?? []), row]);
  const shown = html("div", { "aria-live": "polite" });
  const show = (id) => {
    const rows = clusters.get(id);
    shown.replaceChildren(
      html("p", {}, `Kept: ${rows[0].survivor_url ?? id}. ${count(rows[0].copies)} copies${rows.length < rows[0].copies ? `, the ${rows.length} least like it:` : ":"}`),
      table([["Copy"], ["Kind"], ["Jaccard", true]], rows.map((row) => [row.url ?? "no URL", row.kind, row.jaccard === null ? "" : row.jaccard.toFixed(3)])));
  };
  const options = [...clusters].map(([id, rows]) => [id, `${count(rows[0].copies)} copies of ${(rows[0].survivor_url ?? id).slice(0, 90)}`]);
  show(options[0][0]);
  root.append(choice("Cluster", options, options[0][0], show), shown);
};
