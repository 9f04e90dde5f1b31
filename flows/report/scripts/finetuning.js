// Label efficiency: scores by labelled examples, or by what was spent, pre-training counted or not.

widgets.labels = (room, { curves }) => {
  const sets = [...new Set(curves.map((curve) => curve.data))];
  const state = { data: sets[0], by: "examples" };
  const place = html("div"), said = live();
  const costs = { examples: "training examples", flops: "fine-tuning, FLOP", all: "fine-tuning and pre-training, FLOP" };

  const at = (curve, series, point) =>
    state.by === "examples" ? point.examples : point.flops + (state.by === "all" && series.pretrained ? curve.before ?? NaN : 0);

  function draw() {
    const shown = curves.filter((curve) => curve.data === state.data);
    const all = shown.flatMap((curve) => curve.series.flatMap((series) => series.points.map((point) => ({ curve, series, point, x: at(curve, series, point) }))));
    const y = axisOver(shown[0].metric, all.map(({ point }) => point.value), { margin: 0.35 }); // an interval of two seeds is cut
    const x = axisOver(costs[state.by], all.map((one) => one.x), { log: true, powers: state.by !== "examples" });
    const plot = new Plot(`Score on ${state.data}`, x, y);
    const lines = shown.flatMap((curve) => curve.series.map((series) => ({ curve, series })));
    for (const [number, { curve, series }] of lines.entries()) {
      const beside = 1 + 0.06 * (number / Math.max(lines.length - 1, 1) - 0.5); // intervals of the same examples can be told apart
      plot.line(series.points.map((point) => [at(curve, series, point) * beside, point.value]), `${series.colour}${series.pretrained ? "" : " dashed"}`, series.name);
      for (const point of series.points) {
        const where = at(curve, series, point) * beside;
        if (point.low !== null) plot.line([[where, Math.max(point.low, y.low)], [where, Math.min(point.high, y.high)]], `${series.colour} thin`);
        plot.dot(where, point.value, series.colour, `${curve.name}, ${series.name}: ${point.words}`);
      }
    }
    const names = new Map(shown.flatMap((curve) => curve.series.map((series) => [series.name, series.colour])));
    place.replaceChildren(legend([...names]), plot.render());
    const most = Math.max(...all.map(({ point }) => point.examples));
    const best = all.filter(({ point }) => point.examples === most).sort((a, b) => b.point.value - a.point.value)[0];
    const unknown = state.by === "all" && shown.some((curve) => curve.before === null) ? " What pre-training cost is not known of every model." : "";
    said.textContent = `${state.data}: with ${count(most)} examples the best is the ${best.series.name}, ${best.point.value.toFixed(3)} ${best.curve.metric}.${unknown}`;
  }

  const controls = [
    sets.length > 1 ? choice("Data", sets.map((name) => [name, name]), state.data, (value) => { state.data = value; draw(); }) : null,
    buttons("Against", [["examples", "examples"], ["flops", "its own compute"], ["all", "all compute"]], state.by, (value) => { state.by = value; draw(); }),
  ];
  room.append(...controls.filter(Boolean), said, place);
  draw();
};
