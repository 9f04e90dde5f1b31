// What each GPU must hold, as `model/memory_plan.py` counts it: the same operations in the same order, so that the page
// and `winnow memory` agree to the byte.

function memoryNeed(model, layout) {
  const { gpus, tensor, pipeline, fsdp, precision, length, batch, checkpointing, flash, parts } = layout;
  const shards = fsdp ? Math.max(1, Math.floor(gpus / (tensor * pipeline))) : 1;
  const [compute, stream] = { float32: [4, 4], bf16: [2, 4], pure_bf16: [2, 2] }[precision];
  const parameters = model.parameters / (tensor * pipeline), held = parameters / shards;
  const each = precision === "pure_bf16" ? 2 : 4;
  const head = (model.vocab * model.width) / tensor;
  const copies = precision !== "bf16" ? 0 : shards === 1 ? 2 * parameters : 2 * (model.unit / tensor);
  const values = model.values + (flash ? 0 : model.scores * length);
  const block = (batch * length * (compute * values + stream * model.float32)) / tensor;
  const row = (batch * length * stream * model.width) / tensor;
  const again = checkpointing === "full";
  const logits = (Math.min(batch * length, model.chunk) * model.vocab * (precision === "float32" ? 4 : 8)) / tensor;
  const need = {
    weights: each * held, optimizer: 8 * held, copies, gradients: each * held,
    activations: model.layers * (again ? row : block) + 4 * row,
    logits: logits + 4 * head, head_gradient: 4 * head, recomputed: again ? block : 0,
    waiting: parts > 1 || pipeline > 1 ? each * held : 0,
  };
  need.going_back = Math.max(need.logits, need.head_gradient + need.recomputed);
  const computing = need.waiting + need.copies + need.activations + need.going_back;
  need.total = need.weights + need.optimizer + Math.max(computing, need.gradients);
  return need;
}

function memoryToWrite(model, { tensor, pipeline, precision, length, batch }) {
  const each = precision === "float32" ? 4 : 2, cut = tensor * pipeline;
  return (each * model.parameters) / cut + (model.cached * each * length * batch) / cut;
}

const exactly = (value) => html("span", { title: `${count(value)} bytes` }, size(value));

const HELD = [
  ["weights", "weights", "c1"], ["optimizer", "AdamW's moments", "c4"], ["gradients", "gradients", "c5"],
  ["copies", "copies in bf16", "c6"], ["activations", "activations", "c3"], ["going_back", "loss or block under way", "c2"],
  ["waiting", "gradients of parts that are done", "c5"],
];
const MOMENTS = [["at the loss", ["weights", "optimizer", "waiting", "copies", "activations", "going_back"]], ["at the update", ["weights", "optimizer", "gradients"]]];

function memoryBars(need) {
  const sums = MOMENTS.map(([, parts]) => parts.reduce((sum, part) => sum + need[part], 0)), most = Math.max(...sums);
  return html("div", { class: "stages" }, MOMENTS.map(([words, parts], index) => html("div", { class: "stage" },
    html("span", { class: "name" }, words),
    html("span", { class: "track" }, HELD.filter(([part]) => parts.includes(part)).map(([part, name, colour]) =>
      html("i", { class: colour, style: `width:${(100 * need[part]) / most}%`, title: `${name}: ${size(need[part])}` }))),
    html("span", { class: "n" }, size(sums[index])), html("span", {}))));
}

function memoryCards(cards, need) {
  return html("div", { class: "stages" }, cards.map((card) => html("div", { class: "stage wide" },
    html("span", { class: "name" }, `${card.name}, ${card.bytes / 1e9} GB`),
    html("span", { class: "track" }, html("i", { class: need <= card.bytes ? "c3" : "c2", style: `width:${Math.min(100, (100 * need) / card.bytes)}%` })),
    html("span", { class: "answer" }, need <= card.bytes ? `fits: ${frac(need / card.bytes)} of it` : `does not fit: ${(need / card.bytes).toFixed(1)} times as much`))));
}

const memoryCommand = (name, { gpus, tensor, pipeline, fsdp, precision, length, batch, checkpointing, flash, parts }) =>
  `winnow memory ${name} --gpus ${gpus} --tp ${tensor} --pp ${pipeline}${fsdp ? " --fsdp" : ""} --precision ${precision} --seq ${length} --batch ${batch}${parts > 1 ? ` --parts ${parts}` : ""} --checkpointing ${checkpointing}${flash ? "" : " --no-flash"}`;

widgets.memory = (root, data) => {
  let name = data.start;
  const layout = { gpus: 1, tensor: 1, pipeline: 1, fsdp: false, precision: "bf16", length: 2048, batch: 1, checkpointing: "none", flash: true, parts: 1 };
  const said = live(), shown = html("div");
  const draw = () => {
    const model = data.models[name], cut = layout.tensor * layout.pipeline;
    if (layout.gpus % cut) {
      said.textContent = `${count(layout.gpus)} GPUs are no multiple of ${layout.tensor} that share a layer times ${layout.pipeline} stages: take more GPUs, or share less.`;
      return shown.replaceChildren();
    }
    const need = memoryNeed(model, layout), writing = memoryToWrite(model, layout);
    said.textContent = `${name}, ${count(model.parameters)} parameters on ${layout.gpus === 1 ? "one GPU" : `${count(layout.gpus)} GPUs`}: ${size(need.total)} of each to train, ${size(writing)} to write ${layout.batch === 1 ? "a text" : `${layout.batch} texts`} of ${count(layout.length)} tokens.`;
    shown.replaceChildren(
      legend(HELD.slice(0, 6).map(([, words, colour]) => [words, colour])), memoryBars(need),
      html("h4", {}, "Training on a card"), memoryCards(data.cards, need.total),
      table([["Of each GPU"], ["Holds", true]], [
        ...HELD.slice(0, 5).map(([part, words]) => [words, exactly(need[part])]),
        ["logits and the output matrix's gradient", exactly(need.logits)], ["a block computed again", exactly(need.recomputed)],
        ["to train, when most is held", exactly(need.total)], ["to write: weights, keys and values", exactly(writing)]]),
      model.preset ? html("p", { class: "soft" }, html("code", {}, memoryCommand(name, layout))) : html("p", { class: "soft" }, "A model trained here; published ones have a name that winnow memory knows."));
  };
  const powers = (label, key, most, first = 0) => slider(label, {
    steps: most - first, start: Math.log2(layout[key]) - first, words: (place) => count(2 ** (first + place)),
    changed: (place) => { layout[key] = 2 ** (first + place); draw(); },
  });
  const options = (label, key, choices) => buttons(label, choices, layout[key], (value) => { layout[key] = value; draw(); });
  draw();
  root.append(
    choice("Model", Object.entries(data.models).map(([key, model]) => [key, `${key}, ${short(model.parameters)}`]), name, (value) => { name = value; draw(); }),
    powers("GPUs", "gpus", 12), powers("GPUs that share a layer (tensor)", "tensor", 4), powers("Stages (pipeline)", "pipeline", 4),
    options("Weights over the other GPUs", "fsdp", [[false, "each holds them"], [true, "cut (FSDP)"]]),
    options("Precision", "precision", [["float32", "float32"], ["bf16", "bf16 over float32"], ["pure_bf16", "bf16 alone"]]),
    powers("Tokens of a sequence", "length", 17, 7), powers("Sequences a GPU at once", "batch", 8),
    powers("Parts of a step, one after another", "parts", 6),
    options("Going back", "checkpointing", [["none", "all kept"], ["full", "blocks computed again"]]),
    options("Attention", "flash", [[true, "Flash"], [false, "keeps its scores"]]),
    said, shown);
};
