// L(N, D) = E + A / N^alpha + B / D^beta, and the best use of C = 6 N D by it.

class Law {
  constructor([E, A, B, alpha, beta]) { Object.assign(this, { E, A, B, alpha, beta }); }

  loss(params, tokens) { return this.E + this.A * params ** -this.alpha + this.B * tokens ** -this.beta; }

  // Hoffmann et al. 2022, (4); no best size where one of the two terms does nothing.
  bestParams(flops) {
    if (!(this.A > 0 && this.B > 0 && this.alpha > 0 && this.beta > 0)) return NaN;
    const both = this.alpha + this.beta;
    return ((this.alpha * this.A) / (this.beta * this.B)) ** (1 / both) * (flops / 6) ** (this.beta / both);
  }

  bestLoss(flops) {
    const params = this.bestParams(flops);
    return this.loss(params, flops / 6 / params);
  }
}

const between = (values, level) => {
  const found = values.filter(Number.isFinite).sort((a, b) => a - b);
  const at = (share) => found[Math.min(found.length - 1, Math.max(0, Math.ceil(share * found.length) - 1))];
  return [at((1 - level) / 2), at((1 + level) / 2)];
};

widgets.scaling = (root, data) => {
  const laws = Object.fromEntries(Object.entries(data.laws).map(([name, constants]) => [name, new Law(constants)]));
  const forms = data.draws.map((draws) => draws.map((constants) => new Law(constants)));
  // As in model/scaling/fit.py: of two forms that the runs cannot tell apart an interval holds both.
  const interval = (read) => {
    const ends = forms.map((draws) => between(draws.map(read), data.level));
    return [Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))];
  };
  const largest = Math.max(...data.runs.map(([params, tokens]) => 6 * params * tokens));
  const low = Math.floor(Math.log10(Math.min(...data.runs.map(([params, tokens]) => 6 * params * tokens)))), high = 26;
  const budgets = Array.from({ length: 61 }, (_, index) => 10 ** (low + ((high - low) * index) / 60));
  const drawing = html("div"), said = live(), steps = 10 * (high - low), start = Math.round(10 * (Math.log10(largest) - low));
  const budget = (place) => 10 ** (low + place / 10);
  let name = "ladder", flops = budget(start), smaller = 1;

  const draw = () => {
    const law = laws[name], params = law.bestParams(flops);
    const x = axis("compute C = 6ND, FLOP", 10 ** low, 10 ** high, { log: true, powers: true });
    const y = axisOver("parameters N", [...data.runs.map(([n]) => n), ...data.models.map((model) => model.params), 1e12], { log: true });
    const plot = new Plot("Best size by compute", x, y, 420);
    const reach = budgets.filter((budget) => budget <= data.limit * largest);
    const bands = reach.map((budget) => interval((one) => one.bestParams(budget)));
    if (forms.length) plot.band(reach.map((budget, index) => [budget, bands[index][0]]), reach.map((budget, index) => [budget, bands[index][1]]), "c1");
    plot.line(budgets.map((budget) => [budget, laws.chinchilla.bestParams(budget)]), "c0", "Chinchilla's published fit");
    plot.line(reach.map((budget) => [budget, laws.ladder.bestParams(budget)]), "c1", "this ladder's fit");
    plot.line(budgets.filter((budget) => budget >= data.limit * largest).map((budget) => [budget, laws.ladder.bestParams(budget)]), "c1 dashed", "this ladder's fit, beyond its reach");
    plot.line([[flops, y.low], [flops, y.high]], "ink dashed");
    for (const [n, d, loss] of data.runs) plot.dot(6 * n * d, n, "c1", `run of ${short(n)} parameters, ${short(d)} tokens: ${loss.toFixed(3)}`, 3);
    for (const model of data.models) plot.dot(6 * model.params * model.tokens, model.params, "c2", `${model.name}, ${model.year}: ${short(model.params)} parameters, ${short(model.tokens)} tokens`);
    if (Number.isFinite(params)) plot.dot(flops, params / smaller, "c3", "the model chosen", 6);
    drawing.replaceChildren(plot.render());
    said.replaceChildren(...words(law, params).map((line) => html("span", { class: "line" }, line)));
  };

  const words = (law, best) => {
    if (!Number.isFinite(best)) return ["This law has no best size: its runs say nothing of parameters or of tokens."];
    const params = best / smaller, tokens = flops / 6 / params;
    const known = name === "ladder" && forms.length > 0;
    const sizes = known ? interval((one) => one.bestParams(flops)) : null;
    const ratio = known ? interval((one) => flops / 6 / one.bestParams(flops) ** 2) : null;
    const unit = name === "ladder" ? data.unit : "nats a token";
    const lines = [`${power(flops)} FLOP: ${short(params)} parameters and ${short(tokens)} tokens${sizes && smaller === 1 ? ` (N from ${short(sizes[0])} to ${short(sizes[1])}, D/N from ${short(ratio[0])} to ${short(ratio[1])})` : ""}; loss ${law.loss(params, tokens).toFixed(3)} ${unit}.`];
    if (smaller > 1) {
      const reached = law.loss(params, tokens), atBest = equivalent(law, reached);
      lines.push(`${smaller.toFixed(1)} times smaller than the best: ${(law.loss(params, tokens) - law.bestLoss(flops)).toFixed(3)} worse at the same cost; the same loss could be had for ${frac(atBest / flops)} of the compute. Each token served costs ${frac(1 / smaller)} of what the best model's would.`);
    }
    if (name === "ladder" && flops > data.limit * largest) lines.push(`A guess: ${short(flops / largest)} times the largest run.`);
    if (data.unique) lines.push(tokens > data.unique ? `This corpus has ${short(data.unique)} unique tokens: ${digits(tokens / data.unique, 3)} epochs of it. Up to about four repeat almost for free (Muennighoff et al. 2023); sixteen bring hardly more.` : `This corpus has ${short(data.unique)} unique tokens: enough.`);
    return lines;
  };

  // Least compute that reaches a loss, by bisection in its logarithm.
  const equivalent = (law, loss) => {
    let from = 1, to = Math.log10(flops);
    for (let turn = 0; turn < 60; turn += 1) {
      const middle = (from + to) / 2;
      if (law.bestLoss(10 ** middle) > loss) from = middle; else to = middle;
    }
    return 10 ** to;
  };

  draw();
  root.append(
    buttons("Law", [["ladder", "this ladder's"], ["chinchilla", "Chinchilla's"]], name, (value) => { name = value; draw(); }),
    slider("Compute", { steps, start, words: (place) => `${power(budget(place))} FLOP`, changed: (place) => { flops = budget(place); draw(); } }),
    slider("Smaller than the best", { steps: 40, start: 0, words: (place) => `${(10 ** (place / 20)).toFixed(1)} times`, changed: (place) => { smaller = 10 ** (place / 20); draw(); } }),
    said, legend([["this ladder", "c1"], ["Chinchilla's fit", "c0"], ["published models", "c2"], ["chosen", "c3"]]), drawing);
};
