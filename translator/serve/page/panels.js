// What is shown of one sentence below its translation.

import {at, element} from "./dom.js";
import {entropyOf, hasHead, mapOf, percent, pictures, weightsOf} from "./heads.js";
import {differences} from "./text.js";

const MOST_NAMED = 3;  // words that one looks at, in a line of text
const LEAST_NAMED = 0.05;  // of its attention

export const labelOf = token => ({"</s>": "end", "<s>": "begin"})[token] ?? token;

/** Names the words that a row of weights has most of. */
export function mostLookedAt(row, columns) {
  return row.map((weight, i) => [labelOf(columns[i]), weight]).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
    .filter(([, weight], i) => i === 0 || Math.abs(weight) >= LEAST_NAMED).slice(0, MOST_NAMED)
    .flatMap(([label, weight], i) => [i ? ", " : "", element("bdi", {}, label), ` ${percent(weight)}`]);
}

/** The beam's hypotheses, those with the same text once. */
export function drawHypotheses(sentence, model, onChoose) {
  const {hypotheses, translation} = sentence;
  const distinct = hypotheses.filter((each, i) => hypotheses.findIndex(other => other.text === each.text) === i);
  at("others").hidden = distinct.length < 2;
  at("hypotheses").replaceChildren(...distinct.map(({text, score}) => {
    const isChosen = text === translation;
    const parts = differences(text, translation ?? text, model.target.writes_spaces)
      .map(part => element(part.isNew ? "em" : "span", {}, part.text));
    const button = element("button", {type: "button", dir: "auto", ariaPressed: String(isChosen)},
      element("span", {className: "score", dir: "ltr"}, score === null ? "–" : score.toFixed(2).replace("-", "−")),
      element("span", {className: "hypothesis", lang: model.target.code}, ...parts));
    button.addEventListener("click", () => onChoose(text));
    return element("li", {}, button);
  }));
}

/** The map of what is chosen, and the pictures of the heads to choose from. */
export function drawAttention(sentence, model, state, onChoose) {
  const maps = sentence.inside?.attention[state.kind];
  if (sentence.inside) at("looking").hidden = !sentence.inside.attention.cross;
  if (!maps) return;
  if (!hasHead(maps, state.head)) state.head = null;
  const sides = {
    rows: (state.kind === "encoder" ? model.source : model.target).code,
    columns: (state.kind === "decoder" ? model.target : model.source).code,
  };
  at("map").replaceChildren(mapOf(maps, weightsOf(maps, state.head), labelOf, sides));
  at("heads").querySelector("legend").textContent =
    state.head ? `Layer ${state.head[0] + 1}, head ${state.head[1] + 1}` : "Mean of all heads";
  at("heads").querySelector(".scroll").replaceChildren(...pictures(maps, state.head, onChoose));
}

/** A line for each word of the translation. */
export function drawWords(sentence, model, head) {
  if (!sentence.inside) return;
  const {words, attention, source_share: shares} = sentence.inside;
  at("wordByWord").hidden = !attention.cross;
  if (!attention.cross) return;
  const weights = weightsOf(attention.cross, head), {columns} = attention.cross;
  const most = Math.log2(columns.length);
  at("words").tBodies[0].replaceChildren(...words.map((word, i) => {
    const entropy = entropyOf(weights[i]);
    const row = element("tr", {},
      element("th", {scope: "row", lang: model.target.code}, element("bdi", {}, word)), element("td", {}, ...mostLookedAt(weights[i], columns)),
      bar(`${entropy.toFixed(1)} bits`, entropy / most), shares ? bar(percent(shares[i]), shares[i]) : element("td", {}, sentence.lacksShares ? "–" : "…"));
    row.dataset.word = i;
    return row;
  }));
}

function bar(text, share) {
  const made = element("td", {className: "bar"}, element("span", {}, text));
  made.style.setProperty("--weight", Math.min(1, share || 0).toFixed(3));
  return made;
}
