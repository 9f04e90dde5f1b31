// The corpus's own tokenizer, in the page. A trained one lists every way of making each token, in the order of the
// tokens' ids, so that "merge the pair that makes the smallest id" is all there is to it.

const letterOfByte = (() => {
  const printable = (byte) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : 0x100 + others++));
})();
const byteOfLetter = new Map(letterOfByte.map((letter, byte) => [letter, byte]));

// Regular expressions of `tokenizers` call white space what Unicode does; JavaScript's \s is another set.
const piecePattern = (pattern) => new RegExp(pattern.replaceAll("\\s", "\\p{White_Space}"), "gu");

class Tokenizer {
  constructor({ vocab, pattern }) {
    this.ids = new Map(vocab);
    this.tokens = new Map(vocab.map(([token, id]) => [id, token]));
    this.pattern = piecePattern(pattern);
  }

  encode(text) {
    const ids = [];
    for (const [piece] of text.matchAll(this.pattern)) ids.push(...this.encodePiece(piece));
    return ids;
  }

  encodePiece(piece) {
    const letters = Array.from(new TextEncoder().encode(piece), (byte) => letterOfByte[byte]);
    const whole = this.ids.get(letters.join(""));
    if (whole !== undefined) return [whole];
    for (;;) {
      let best = Infinity, at = -1;
      for (let index = 0; index + 1 < letters.length; index += 1) {
        const id = this.ids.get(letters[index] + letters[index + 1]);
        if (id !== undefined && id < best) [best, at] = [id, index];
      }
      if (at < 0) return letters.map((letter) => this.ids.get(letter));
      letters.splice(at, 2, letters[at] + letters[at + 1]);
    }
  }

  bytes(id) { return Uint8Array.from([...this.tokens.get(id)], (letter) => byteOfLetter.get(letter)); }
}

// A token as text; bytes that are part of a character only are written in hexadecimal.
function spell(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return `‹${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}›`;
  }
}

widgets.tokenizer = (root, data) => {
  const tokenizer = new Tokenizer(data);
  const field = html("textarea", { rows: 4, "aria-label": "Text to tokenise", spellcheck: "false" });
  const said = live(), pieces = html("p", { class: "pieces" });
  const tell = () => {
    const text = field.value, ids = tokenizer.encode(text), bytes = new TextEncoder().encode(text).length;
    const words = text.split(/\p{White_Space}+/u).filter(Boolean).length;
    said.textContent = `${count(ids.length)} tokens of ${count(data.vocab.length)}; ${count(bytes)} bytes`
      + (ids.length ? `, ${(bytes / ids.length).toFixed(2)} a token; ${(ids.length / Math.max(words, 1)).toFixed(2)} tokens a word.` : ".");
    pieces.replaceChildren(...ids.slice(0, 2000).map((id, index) =>
      html("span", { class: `c${1 + (index % 6)}`, title: `id ${id}` }, html("b", {}, spell(tokenizer.bytes(id)).replaceAll("\n", "↵\n")))));
  };
  field.value = data.samples[0][1];
  field.addEventListener("input", tell);
  const samples = choice("Sample", data.samples.map(([name], index) => [String(index), name]), "0", (index) => {
    field.value = data.samples[Number(index)][1];
    tell();
  });
  tell();
  root.append(samples, field, said, pieces);
};
