// Counts grouped as the reader asks, and a corpus's domains against what was asked of them.

const NOTHING = "none";

// Sums of a measure by group and colour: [[name, sum, Map of colour to sum]], largest first.
function grouped(cells, group, colour, measure) {
  const found = new Map();
  for (const cell of cells) {
    const name = cell[group] ?? NOTHING, value = cell[measure] ?? 0;
    if (!value) continue;
    const entry = found.get(name) ?? [0, new Map()];
    const part = colour < 0 ? "" : cell[colour] ?? NOTHING;
    entry[0] += value;
    entry[1].set(part, (entry[1].get(part) ?? 0) + value);
    found.set(name, entry);
  }
  return [...found].map(([name, [sum, parts]]) => [name, sum, parts]).sort((a, b) => b[1] - a[1]);
}

const WAYS_TO_WRITE = { count, bytes: size };

widgets.cube = (root, data) => {
  const keys = data.dimensions.map(([key]) => key), most = 15;
  const chosen = { measure: data.measures[0][0], group: data.group, colour: data.colour };
  const said = live(), shown = html("div");
  const place = (key) => keys.indexOf(key);
  const draw = () => {
    const index = data.measures.findIndex(([key]) => key === chosen.measure), [, words, kind] = data.measures[index];
    const tell = WAYS_TO_WRITE[kind], column = keys.length + index;
    const split = chosen.colour === chosen.group ? -1 : place(chosen.colour);
    const parts = split < 0 ? [] : grouped(data.cells, split, -1, column).map(([name]) => name), cut = parts.length > 1;
    const rows = grouped(data.cells, place(chosen.group), split, column);
    const whole = rows.reduce((sum, [, value]) => sum + value, 0);
    const label = (key) => data.dimensions[place(key)][1].toLowerCase();
    said.textContent = whole ? `${tell(whole)} ${kind === "bytes" ? words.replace("bytes ", "") : words}, by ${label(chosen.group)}${cut ? ` and ${label(chosen.colour)}` : split < 0 ? "" : `; all of one ${label(chosen.colour)}${parts.length ? `, ${parts[0]}` : ""}`}.` : `No ${words}.`;
    const colours = new Map(parts.slice(0, 6).map((name, number) => [name, `c${number + 1}`]));
    const rest = (entries) => entries.reduce((sum, [, value]) => sum + value, 0);
    const segments = ([name, sum, found]) => {
      if (!cut) return [[name, sum, "c1"]];
      const named = [...colours].map(([part, colour]) => [part, found.get(part) ?? 0, colour]);
      return [...named, ["others", sum - rest(named), "c0"]];
    };
    const longest = Math.max(...rows.map(([, value]) => value), 1);
    const bars = rows.slice(0, most).map((row) => html("div", { class: "stage" },
      html("span", { class: "name" }, row[0]),
      html("span", { class: "track" }, segments(row).filter(([, value]) => value > 0).map(([part, value, colour]) =>
        html("i", { class: colour, style: `width:${(100 * value) / longest}%`, title: `${row[0]}, ${part}: ${tell(value)}` }))),
      html("span", { class: "n" }, kind === "bytes" ? size(row[1]) : short(row[1])), html("span", { class: "n soft" }, frac(row[1] / whole))));
    const names = [...colours.keys(), ...(parts.length > colours.size ? ["others"] : [])];
    shown.replaceChildren(...[
      cut ? legend(names.map((name) => [name, colours.get(name) ?? "c0"])) : null,
      html("div", { class: "stages" }, bars),
      rows.length > most ? html("p", { class: "soft" }, `And ${count(rows.length - most)} more with ${tell(rest(rows.slice(most)))}.`) : null,
      cut ? table([[data.dimensions[place(chosen.group)][1]], ["All", true], ...names.map((name) => [name, true])],
        rows.slice(0, most).map((row) => [row[0], tell(row[1]), ...segments(row).slice(0, names.length).map(([, value]) => (value ? tell(value) : ""))])) : null,
    ].filter(Boolean));
  };
  draw();
  root.append(
    buttons("Count", data.measures.map(([key, words]) => [key, words]), chosen.measure, (value) => { chosen.measure = value; draw(); }),
    buttons("A bar is a", data.dimensions.map(([key, words]) => [key, words.toLowerCase()]), chosen.group, (value) => { chosen.group = value; draw(); }),
    buttons("Cut by", [["", "nothing"], ...data.dimensions.map(([key, words]) => [key, words.toLowerCase()])], chosen.colour, (value) => { chosen.colour = value; draw(); }),
    said, shown);
};

const COMPARED = {
  shares: ["shares", [["asked_frac", "asked", "c0"], ["given_frac", "given", "c1"]], frac],
  tokens: ["tokens", [["available_tokens", "there are", "c0"], ["given_tokens", "given", "c1"]], short],
  epochs: ["epochs", [["max_epochs", "at most", "c0"], ["epochs", "used", "c1"]], (value) => digits(value, 3)],
};

widgets.mixture = (root, data) => {
  const shown = html("div");
  const draw = (key) => {
    const [, pairs, tell] = COMPARED[key];
    const most = Math.max(...data.domains.flatMap((row) => pairs.map(([name]) => row[name] ?? 0)), 1e-12);
    shown.replaceChildren(legend(pairs.map(([, words, colour]) => [words, colour])), html("div", { class: "stages" },
      data.domains.flatMap((row) => [
        ...pairs.map(([name, words, colour], index) => html("div", { class: "stage" },
          html("span", { class: "name" }, index ? "" : row.domain),
          html("span", { class: "track" }, html("i", { class: colour, style: `width:${(100 * (row[name] ?? 0)) / most}%`, title: `${row.domain}, ${words}` })),
          html("span", { class: "n" }, row[name] === null ? "no cap" : tell(row[name])), html("span", { class: "soft" }, words))),
        row.reason ? html("p", { class: "why soft" }, row.reason) : null,
      ]).filter(Boolean)));
  };
  draw("shares");
  root.append(buttons("Compare", Object.entries(COMPARED).map(([key, [words]]) => [key, words]), "shares", draw), shown);
};
