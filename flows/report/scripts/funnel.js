// The funnel: bars to choose a stage by; below them its rules, their overlap, and pages near their limits.

widgets.funnel = (root, data) => {
  const most = Math.max(...data.stages.map((stage) => stage.pages_in), 1);
  const panel = html("div", { class: "panel", "aria-live": "polite" }, html("p", { class: "hint" }, "Choose a stage."));
  const rows = data.stages.map((stage) => html("button", {
    type: "button", class: "stage", "aria-pressed": "false",
    onclick: (event) => {
      for (const row of rows) row.setAttribute("aria-pressed", String(row === event.currentTarget));
      panel.replaceChildren(...stagePanel(stage, data));
    },
  },
    html("span", { class: "name" }, stage.stage),
    html("span", { class: "track" },
      html("i", { class: "c1", style: `width:${(100 * stage.pages_out) / most}%` }),
      html("i", { class: "c2", style: `width:${(100 * stage.dropped) / most}%` })),
    html("span", { class: "n" }, count(stage.pages_out)),
    html("span", { class: "n soft" }, stage.dropped ? `−${count(stage.dropped)}` : "")));
  root.append(legend([["left", "c1"], ["dropped here", "c2"]]), html("div", { class: "stages" }, rows), panel);
};

function stagePanel(stage, data) {
  const rules = data.rules.filter((rule) => rule.stage === stage.stage && rule.failed_pages > 0);
  const said = html("p", {}, `${stage.stage}: ${count(stage.pages_in)} pages came, ${count(stage.dropped)} were dropped, ${frac(stage.kept_frac ?? 1)} kept.`);
  if (!rules.length) return [said, html("p", {}, stage.dropped ? "It has no rules with limits." : "None of its rules failed a page.")];
  const examples = html("div", { "aria-live": "polite" });
  const show = (rule) => examples.replaceChildren(...ruleExamples(rule, data));
  const cells = rules.map((rule) => [
    html("button", { type: "button", onclick: () => show(rule.rule) }, rule.rule),
    count(rule.failed_pages), count(rule.first_pages), count(rule.alone_pages), rule.knob ?? "",
  ]);
  const names = new Set(rules.map((rule) => rule.rule));
  const pairs = data.overlap.filter((pair) => names.has(pair.rule) || names.has(pair.other)).slice(0, 8);
  show(rules[0].rule);
  return [
    said,
    table([["Rule"], ["Pages that failed it", true], ["failed it first", true], ["failed nothing else", true], ["Knob"]], cells),
    ...(pairs.length ? [html("h4", {}, "Rules that fail the same pages"),
      table([["Rule"], ["and"], ["Pages that fail both", true], ["of those that fail either", true]],
        pairs.map((pair) => [pair.rule, pair.other, count(pair.both_pages), frac(pair.jaccard)]))] : []),
    examples,
  ];
}

function ruleExamples(rule, data) {
  const found = data.examples[rule] ?? [];
  const { low = null, high = null } = data.limits[rule] ?? {};
  const limits = [low === null ? null : `at least ${digits(low, 6)}`, high === null ? null : `at most ${digits(high, 6)}`].filter(Boolean);
  const heading = html("h4", {}, `Pages on either side of ${rule}${limits.length ? ` (${limits.join(", ")})` : ""}`);
  if (!found.length) return [heading, html("p", {}, "No page of the lake is near it.")];
  const cells = found.map((page) => [page.side, page.value === null ? "not near" : digits(page.value, 4), page.fate, page.url ?? "no URL"]);
  return [heading, table([["Side"], ["Value", true], ["Fate"], ["URL"]], cells), html("p", { class: "soft" }, "winnow why URL tells all values of a page, and its text.")];
}

const sideOf = (limit) => `${limit.rule}, ${limit.low ? "floor" : "ceiling"}`;

// Sliders over limits. A cell is the number of limits its pages pass, rule by rule, and the pages.
widgets.whatIf = (root, data) => {
  const chosen = data.limits.map((limit) => limit.now);
  const passes = (cell) => chosen.every((place, index) => cell[index] > place);
  const passing = () => data.cells.reduce((sum, cell) => sum + (passes(cell) ? cell[cell.length - 1] : 0), 0);
  const before = passing();
  const said = live(), bars = html("div", { class: "stages" });
  const tell = () => {
    const now = passing(), difference = now - before;
    const alone = data.limits.map((limit, index) => {
      const rest = (cell) => chosen.every((place, other) => other === index || cell[other] > place);
      return data.cells.reduce((sum, cell) => sum + (rest(cell) && cell[index] <= chosen[index] ? cell[cell.length - 1] : 0), 0);
    });
    said.textContent = `${count(now)} of ${count(data.pages)} pages pass all rules (${frac(now / Math.max(data.pages, 1))})`
      + (difference ? `: ${count(Math.abs(difference))} ${difference > 0 ? "more" : "fewer"} than with this corpus's limits.` : ", as in this corpus.");
    const most = Math.max(...alone, 1);
    bars.replaceChildren(...data.limits.map((limit, index) => html("div", { class: "stage" },
      html("span", { class: "name" }, sideOf(limit)),
      html("span", { class: "track" }, html("i", { class: "c2", style: `width:${(100 * alone[index]) / most}%` })),
      html("span", { class: "n" }, count(alone[index])), html("span", {}))));
  };
  const controls = data.limits.map((limit, index) => slider(sideOf(limit), {
    steps: limit.choices.length - 1, start: limit.now,
    words: (place) => `${limit.low ? "at least" : "at most"} ${digits(limit.choices[place], 4)}${place === limit.now ? " (now)" : ""}`,
    changed: (place) => { chosen[index] = place; tell(); },
  }));
  tell();
  root.append(...controls, said, html("h4", {}, "Pages that each of these rules alone keeps out"), bars,
    html("p", { class: "soft" }, `${count(data.others)} pages fail a rule that no slider here moves.`));
};
