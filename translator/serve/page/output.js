// The translation, word by word, and shades behind the words of the sentence that one of them looks at.

import {at, element} from "./dom.js";
import {shade, weightsOf} from "./heads.js";
import {partsOf} from "./text.js";

const STEPS = {ArrowRight: 1, ArrowLeft: -1};

/** Dispatches `point` and `open`, with `{sentence, number, word}` in `detail`; `point` with null where there is none. */
export class Output extends EventTarget {
  #session;
  #box = at("output");
  #shade = at("shade");
  #shown = "";  // what is drawn, so that words keep their focus
  #shaded = "";
  #head;
  #wanted = null;  // the word that gets the focus once it is there

  constructor(session, head) {
    super();
    this.#session = session;
    this.#head = head;
    this.#box.addEventListener("pointerover", event => this.#point(event.target));
    this.#box.addEventListener("pointerleave", () => this.rest());
    this.#box.addEventListener("focusin", event => this.#point(event.target, true));
    this.#box.addEventListener("focusout", () => this.#point(null));
    this.#box.addEventListener("click", event => this.#open(event.target));
    this.#box.addEventListener("keydown", event => this.#key(event));
    at("text").addEventListener("pointermove", event => this.#pointAtSource(event));
    at("text").addEventListener("pointerleave", () => this.#lightWords(null));
  }

  draw() {
    this.#drawWords();
    this.#drawShade();
  }

  /** Points at the word that has the focus, or whose menu is open, if there is one. */
  rest() {
    this.#point(document.activeElement);
  }

  /** Shades what a word looks at; null takes the shades away. */
  light(sentence, number) {
    for (const lit of this.#box.querySelectorAll(".lit")) lit.classList.remove("lit");
    for (const part of this.#shade.querySelectorAll("span")) shade(part, 0);
    const maps = sentence?.inside?.attention.cross;
    if (!maps) return;
    const place = this.#session.sentences.indexOf(sentence);
    this.#box.querySelector(`[data-sentence="${place}"][data-word="${number}"]`)?.classList.add("lit");
    const row = weightsOf(maps, this.#head())[number];
    const largest = Math.max(...row.map(Math.abs));
    for (const part of this.#shade.querySelectorAll(`[data-sentence="${place}"]`))
      shade(part, row[part.dataset.word], largest);
  }

  /** Shades the words of the translation that look at a word of the sentence: the one under the pointer. */
  #pointAtSource({clientX, clientY}) {
    const isThere = ({left, right, top, bottom}) => left <= clientX && clientX < right && top <= clientY && clientY < bottom;
    this.#lightWords([...this.#shade.querySelectorAll("span")].find(part => [...part.getClientRects()].some(isThere)));
  }

  #lightWords(part) {
    for (const word of this.#words) shade(word, 0);
    if (!part) return;
    const {sentence, word: column} = part.dataset;
    const weights = weightsOf(this.#session.sentences[sentence].inside.attention.cross, this.#head());
    const largest = Math.max(...weights.map(row => Math.abs(row[column])));
    for (const word of this.#words)
      if (word.dataset.sentence === sentence) shade(word, weights[word.dataset.word][column], largest);
  }

  /** Has the keyboard go on from a word of a sentence, as soon as it is there. */
  focus(sentence, number) {
    this.#wanted = {sentence: this.#session.sentences.indexOf(sentence), word: number};
    this.#focusWanted();
  }

  #focusWanted() {
    if (!this.#wanted || ![document.body, null].includes(document.activeElement)) {
      this.#wanted = null;
      return;
    }
    const words = [...this.#box.querySelectorAll(`[data-sentence="${this.#wanted.sentence}"]`)];
    if (!words.length) return;
    const {word} = this.#wanted;
    this.#wanted = null;
    this.#enter(words[Math.min(word, words.length - 1)]);
  }

  #drawWords() {
    const {sentences, model} = this.#session;
    const state = JSON.stringify(sentences.map(each =>
      [each.before, each.translation, each.stale, each.prefix, each.inside?.words]));
    if (state === this.#shown) return;
    this.#shown = state;
    if (this.#box.contains(document.activeElement)) this.#wanted = {...document.activeElement.dataset};
    this.#box.lang = model.target.code;
    this.#box.replaceChildren(...sentences.flatMap((sentence, place) => [
      gapOf(sentence, place, model),
      element("span", {className: sentence.translation === null ? "stale" : ""}, ...wordsOf(sentence, place)),
    ]));
    const [first] = this.#words;
    if (first) first.tabIndex = 0;
    this.#focusWanted();
  }

  #drawShade() {
    const {sentences, text} = this.#session;
    const state = JSON.stringify([text, sentences.map(each => each.inside?.words)]);
    if (state === this.#shaded) return;
    this.#shaded = state;
    const parts = sentences.flatMap((sentence, place) => {
      const columns = sentence.inside?.attention.cross?.columns.slice(0, -1) ?? [];
      return [sentence.before, ...partsOf(sentence.source, columns).map(({text, number}) => {
        if (number === null) return text;
        const word = element("span", {}, text);
        Object.assign(word.dataset, {sentence: place, word: number});
        return word;
      })];
    });
    const rest = text.slice(sentences.reduce((sum, each) => sum + each.before.length + each.source.length, 0));
    this.#shade.replaceChildren(...parts, `${rest}\u200b`);  // so that an empty last line has its height
  }

  get #words() {
    return [...this.#box.querySelectorAll(".word")];
  }

  #of(target) {
    const word = target?.closest?.(".word");
    if (!word) return null;
    return {sentence: this.#session.sentences[word.dataset.sentence], number: Number(word.dataset.word), word};
  }

  #point(target, isFocus = false) {
    const found = this.#of(target) ?? this.#of(this.#box.querySelector("[aria-expanded]"));
    this.light(found?.sentence, found?.number);
    this.dispatchEvent(new CustomEvent("point", {detail: found && {...found, isFocus}}));
  }

  #open(target) {
    const found = this.#of(target);
    if (!found || found.word.closest(".stale")) return;
    this.#enter(found.word);
    this.dispatchEvent(new CustomEvent("open", {detail: found}));
  }

  #enter(word) {
    for (const each of this.#words) each.tabIndex = -1;
    word.tabIndex = 0;
    word.focus();
  }

  #key(event) {
    const word = event.target.closest(".word");
    if (!word) return;
    const words = this.#words, isRight = getComputedStyle(word).direction === "rtl";
    const step = (STEPS[event.key] ?? 0) * (isRight ? -1 : 1);
    const next = event.key === "Home" ? words[0] : event.key === "End" ? words.at(-1)
      : step ? words[words.indexOf(word) + step] : null;
    if (next) this.#enter(next);
    else if (["Enter", " ", "ArrowDown"].includes(event.key)) this.#open(word);
    else if (event.key === "Escape") word.blur();
    else return;
    event.preventDefault();
  }
}

/** What stands between two translations: line ends as in the text, else what the language puts there. */
function gapOf(sentence, place, model) {
  if (place === 0 || sentence.before.includes("\n")) return sentence.before;
  return model.target.writes_spaces ? " " : "";
}

function wordsOf(sentence, place) {
  const text = sentence.translation ?? sentence.stale ?? "";
  const words = sentence.translation === null ? [] : sentence.inside?.words ?? [];
  const chosen = sentence.prefix?.length ?? 0;
  return partsOf(text, words).map(({text, number, start}) => {
    if (number === null) return text;
    const className = start < chosen && sentence.translation.startsWith(sentence.prefix) ? "word chosen" : "word";
    const word = element("span", {className, tabIndex: -1, role: "button", ariaHasPopup: "menu"}, text);
    Object.assign(word.dataset, {sentence: place, word: number, start});
    return word;
  });
}
