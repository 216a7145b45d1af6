// Sentences and words of texts, as strings.

const PUNCTUATION = /[\p{P}\p{S}]/u;
// A full stop behind these ends no sentence: short titles, initials, numbers.
const OPEN_END = /(?:^|[\s("“„])(?:\p{L}|\p{N}+|Mr|Mrs|Ms|Dr|Prof|St|Nr|vs|e\.g|i\.e|z\.B|d\.h|bzw|ca)\.\s*$/u;

/** The sentences of a text, each with what stands before it; what stands behind the last one is left out. */
export function sentencesOf(text, language) {
  const found = [];
  let before = "", begun = "";
  const end = () => {
    const sentence = begun.trim();
    const [left, right] = sentence ? begun.split(sentence, 2) : [begun, ""];
    if (sentence) {
      found.push({before: before + left, source: sentence});
      before = right;
    } else before += begun;
    begun = "";
  };
  for (const segment of segmentsOf(text, language)) {
    begun += segment;
    if (!OPEN_END.test(begun) || /\n\s*$/.test(begun)) end();
  }
  end();
  return found;
}

function segmentsOf(text, language) {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  if (!Intl.Segmenter) return lines;
  const segmenter = new Intl.Segmenter(localeOf(language), {granularity: "sentence"});
  return lines.flatMap(line => [...segmenter.segment(line)].map(each => each.segment));
}

function localeOf(code) {
  try {
    return Intl.getCanonicalLocales(code.replaceAll("_", "-"))[0];
  } catch {
    return "en";
  }
}

/** A text in parts, of which those that are words have the word's number; `words` are in the text's order. */
export function partsOf(text, words) {
  const parts = [];
  let end = 0;
  words.forEach((word, number) => {
    const start = text.indexOf(word, end);
    if (start < 0) return;
    if (start > end) parts.push({text: text.slice(end, start), number: null, start: end});
    parts.push({text: word, number, start});
    end = start + word.length;
  });
  if (end < text.length) parts.push({text: text.slice(end), number: null, start: end});
  return parts;
}

/**
 * What could stand at a place of a translation, the likeliest first.
 *
 * Each hypothesis goes on differently behind `before`: the first subword that is not common to all is free. Several
 * subwords may begin the same word, whose probability is then the sum of theirs.
 */
export function alternativesOf(hypotheses, before, writesSpaces) {
  const free = commonLength(hypotheses.map(each => each.tokens ?? []));
  const found = new Map();
  for (const {text, tokens = [], token_log_probs: logProbs = []} of hypotheses) {
    if (!text.startsWith(before)) continue;
    const word = firstWord(text.slice(before.length), before, writesSpaces ? null : tokens[free]?.replace("▁", ""));
    if (!word) continue;
    const known = found.get(before + word) ?? {text: word.trim(), prefix: before + word, probability: 0};
    known.probability += Math.exp(logProbs[free] ?? -Infinity);
    found.set(known.prefix, known);
  }
  return [...found.values()].sort((a, b) => b.probability - a.probability);
}

/** The first word of a text with the space before it; nothing where it would go on with the word before. */
function firstWord(text, before, piece) {
  if (piece && text.startsWith(piece)) return piece;
  const [, space, chunk] = /^(\s*)(\S*)/u.exec(text);
  const [first] = chunk;
  if (!first) return "";
  if (piece !== null) return space + String.fromCodePoint(chunk.codePointAt(0));
  if (PUNCTUATION.test(first)) return space + first;
  if (before && !space && !PUNCTUATION.test(before.at(-1))) return "";
  return space + chunk.replace(/[\p{P}\p{S}]+$/u, "");
}

function commonLength(lists) {
  const [first = []] = lists;
  let length = 0;
  while (length < first.length && lists.every(list => list[length] === first[length])) length += 1;
  return length;
}

/** The words of `text`, or its characters, each with whether it is missing from `other`. */
export function differences(text, other, writesSpaces) {
  const split = each => writesSpaces ? each.match(/\s*\S+/g) ?? [] : [...each];
  const [mine, theirs] = [split(text), split(other)];
  // Longest common subsequence: length[i][j] is that of the parts from i and from j on.
  const length = Array.from({length: mine.length + 1}, () => new Array(theirs.length + 1).fill(0));
  const same = (i, j) => mine[i].trim() === theirs[j].trim();
  for (let i = mine.length - 1; i >= 0; i -= 1)
    for (let j = theirs.length - 1; j >= 0; j -= 1)
      length[i][j] = same(i, j) ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  let j = 0;
  return mine.map((part, i) => {
    while (j < theirs.length && !same(i, j) && length[i][j + 1] === length[i][j]) j += 1;
    const isCommon = j < theirs.length && same(i, j);
    if (isCommon) j += 1;
    return {text: part, isNew: !isCommon};
  });
}
