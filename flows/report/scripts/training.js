// The learning rate by slider: warm-up, then a cosine, a straight line, or constant with a decay at the end (WSD).

const schedules = {
  cosine: (share, end) => end + (1 - end) * 0.5 * (1 + Math.cos(Math.PI * share)),
  linear: (share, end) => 1 - (1 - end) * share,
  wsd: (share, end) => (share < 0.8 ? 1 : 1 - (1 - end) * ((share - 0.8) / 0.2)),
};

function rateAt(step, { steps, peak, warmup, end, shape }) {
  const warm = Math.round(warmup * steps);
  if (step <= warm) return (peak * step) / warm;
  return peak * schedules[shape](steps > warm ? (step - warm) / (steps - warm) : 1, end);
}

widgets.rate = (root, data) => {
  const chosen = { steps: data.steps, peak: data.peak, warmup: data.warmup, end: data.end, shape: data.shape };
  const drawing = html("div"), said = live();
  const places = Array.from({ length: 201 }, (_, index) => Math.max(1, Math.round((data.steps * index) / 200)));
  const draw = () => {
    const most = Math.max(...data.curve.map(([, rate]) => rate), chosen.peak);
    const plot = new Plot("Learning rate against tokens seen", axis("tokens seen", 0, data.tokens * 1.02), axis("learning rate", 0, 1.1 * most), 260);
    plot.line(places.map((step) => [(step * data.tokens) / data.steps, rateAt(step, chosen)]), "c3");
    for (const [tokens, rate] of data.curve) plot.dot(tokens, rate, "ink", `as trained: ${rate.toPrecision(3)}`, 2);
    drawing.replaceChildren(plot.render());
    const area = places.reduce((sum, step) => sum + rateAt(step, chosen), 0) / places.length / chosen.peak;
    said.textContent = `${count(chosen.warmup * data.steps)} steps of warm-up, a peak of ${chosen.peak.toPrecision(3)}, ${(chosen.peak * chosen.end).toPrecision(3)} at the end; ${frac(area)} of the peak on average.`;
  };
  const peaks = Array.from({ length: 41 }, (_, index) => data.peak * 10 ** ((index - 20) / 20));
  draw();
  root.append(
    buttons("After the warm-up", [["cosine", "cosine"], ["linear", "straight line"], ["wsd", "constant, then decay"]], data.shape, (shape) => { chosen.shape = shape; draw(); }),
    slider("Peak", { steps: 40, start: 20, words: (place) => peaks[place].toPrecision(3), changed: (place) => { chosen.peak = peaks[place]; draw(); } }),
    slider("Warm-up", { steps: 50, start: Math.round(100 * data.warmup), words: (place) => frac(place / 100), changed: (place) => { chosen.warmup = place / 100; draw(); } }),
    slider("End, of the peak", { steps: 20, start: Math.round(20 * data.end), words: (place) => frac(place / 20), changed: (place) => { chosen.end = place / 20; draw(); } }),
    said, legend([["this schedule", "c3"], ["as trained", "ink"]]), drawing);
};
