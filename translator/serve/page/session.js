// The text, its sentences and their translations: what is known, what is asked for, and what is late.

import {RequestFailed} from "./api.js";
import {alternativesOf, sentencesOf} from "./text.js";

const PAUSE = 250;  // milliseconds without typing before the server is asked
const LONGEST = 600;  // milliseconds of typing, after which it is asked without a pause if it has answered what was asked
const MOST_HYPOTHESES = 5;
const RETRY = 3;  // seconds, where the server names none

/**
 * Tells listeners of `change` when there is something new, and of `problem` what went wrong; its `detail` is null once
 * all is well again.
 *
 * A sentence has `before`, `source`, `translation` (null while there is none), `stale` (what stood there before),
 * `hypotheses`, `prefix` (what the reader chose, or null), `inside`, the answer of /v1/inspect, and `lacksShares`, whether
 * the server finds no shares of the source for it.
 */
export class Session extends EventTarget {
  sentences = [];
  text = "";
  model = null;
  limits = null;
  #api;
  #running = null;  // aborts what was asked for and is not answered
  #timer = null;
  #since = null;  // when something was typed first that has not been asked for
  #wantsShares = false;
  #frame = null;

  constructor(api) {
    super();
    this.#api = api;
  }

  get isTooLong() {
    return [...this.text].length > this.limits.characters;
  }

  setModel(model) {
    this.model = model;
    this.sentences = [];
    this.setText(this.text, 0);
  }

  /** Takes the text as it is now, and asks for what is new in it after a pause. */
  setText(text, pause = PAUSE) {
    this.text = text;
    const before = this.sentences;
    const known = new Map();
    for (const each of before) known.set(each.source, [...known.get(each.source) ?? [], each]);
    this.sentences = sentencesOf(text, this.model.source.code).map((each, i) => {
      const same = known.get(each.source)?.shift();
      return same ? Object.assign(same, each) : fresh(each, before[i]);
    });
    this.#changed();
    this.#since ??= performance.now();
    const isOverdue = !this.#running && performance.now() - this.#since > LONGEST;
    this.#later(isOverdue ? 0 : pause / 1000, () => this.#translate());
  }

  /** Asks again for what is missing. */
  retry() {
    this.#later(0, () => this.#translate());
  }

  /** Takes another hypothesis for the translation. */
  choose(sentence, text) {
    Object.assign(sentence, {translation: text, inside: null, lacksShares: false});
    this.#changed();
    this.#inspect(sentence);
  }

  /** Goes on from a prefix, or from nothing where it is null. */
  async goOn(sentence, prefix) {
    Object.assign(sentence, {prefix, translation: null, stale: sentence.translation});
    this.#changed();
    await this.#translate();
  }

  /** What could stand in place of a word, given the translation before it. */
  async alternatives(sentence, before, signal) {
    const answer = await this.#api.translate({
      ...this.#languages, sentences: [sentence.source], prefixes: [before], token_scores: true,
      n_best: this.limits.largest_beam, options: {alternatives: true, beam_size: this.limits.largest_beam},
    }, signal);
    return alternativesOf(answer.translations[0].hypotheses, before, this.model.target.writes_spaces);
  }

  /** Has the share of the source come with the words from now on. */
  wantShares() {
    this.#wantsShares = true;
    this.sentences.forEach(each => this.#inspect(each));
  }

  /** Asks for another place of attention, if it is not there. */
  want(sentence, kind) {
    if (sentence.inside && !sentence.inside.attention[kind]) this.#inspect(sentence, kind);
  }

  get #languages() {
    return {source: this.model.source.code, target: this.model.target.code};
  }

  #later(seconds, action) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, 1000 * seconds);
  }

  /** Tells of all changes since the last frame at once. */
  #changed() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.dispatchEvent(new Event("change"));
    });
  }

  #tell(problem) {
    this.dispatchEvent(new CustomEvent("problem", {detail: problem}));
  }

  /** Asks for all sentences without a translation; what was asked for before is dropped. */
  async #translate() {
    clearTimeout(this.#timer);
    this.#since = null;
    this.#running?.abort();
    this.#running = null;
    if (this.isTooLong) return;
    const asking = this.#running = new AbortController(), {signal} = asking;
    const missing = this.sentences.filter(each => each.translation === null);
    try {
      for (const some of [missing.filter(each => each.prefix === null), missing.filter(each => each.prefix !== null)])
        if (some.length) await this.#translateAll(some, signal);
      this.#tell(null);
    } catch (error) {
      this.#failed(error);
      return;
    } finally {
      if (this.#running === asking) this.#running = null;
    }
    this.#changed();
    for (const each of this.sentences) this.#inspect(each);
  }

  async #translateAll(sentences, signal) {
    const body = {
      ...this.#languages, sentences: sentences.map(each => each.source),
      n_best: Math.min(MOST_HYPOTHESES, this.model.beam_size),
    };
    if (sentences[0].prefix !== null) body.prefixes = sentences.map(each => each.prefix);
    const answer = await this.#api.translate(body, signal);
    signal.throwIfAborted();
    answer.translations.forEach(({text, hypotheses}, i) => {
      Object.assign(sentences[i], {translation: text, stale: null, hypotheses, inside: null, lacksShares: false});
      showMeanwhile(sentences[i]);
    });
  }

  async #inspect(sentence, kind = null) {
    const {source, translation, inside} = sentence;
    const wantsShares = this.#wantsShares && !sentence.lacksShares;
    const hasAll = inside && (!kind || inside.attention[kind]) && (!wantsShares || inside.source_share);
    if (!translation?.trim() || hasAll || inside?.problem || sentence.isAsked) return;
    sentence.isAsked = true;
    let again = 0;
    try {
      const found = await this.#api.inspect({
        ...this.#languages, sentence: source, translation, source_share: wantsShares,
        attention: ["cross", ...kind && kind !== "cross" ? [kind] : []],
      });
      if (sentence.translation === translation) {
        Object.assign(found.attention, {...inside?.attention, ...found.attention});
        sentence.inside = found;
      }
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      if (passes(error)) again = error.retryAfter ?? RETRY;
      else if (wantsShares) sentence.lacksShares = true;  // it is asked again without them
      // A pair that is too long to look into is a translation all the same.
      else if (sentence.translation === translation) sentence.inside = {words: [], attention: {}, problem: error.message};
    } finally {
      sentence.isAsked = false;
    }
    this.#changed();
    // What is asked for may be more by now.
    setTimeout(() => { if (this.sentences.includes(sentence)) this.#inspect(sentence); }, 1000 * again);
  }

  #failed(error) {
    if (error.name === "AbortError") return;
    const wait = passes(error) ? error.retryAfter ?? RETRY : null;
    if (wait) this.#later(wait, () => this.#translate());
    this.#tell({status: error.status ?? null, message: error.message, wait});
  }
}

/** Whether it helps to ask again: nobody answered, or the server is busy or about to stop. */
const passes = error => [0, 429, 503].includes(error.status);

function fresh(each, before) {
  const stale = before ? before.translation ?? before.stale : null;
  const made = {...each, translation: null, stale, hypotheses: [], prefix: null, inside: null, lacksShares: false, isAsked: false, next: null};
  if (before) before.next = made;
  return made;
}

/** Shows a translation where the sentence has been typed on meanwhile, until that of the new one is there. */
function showMeanwhile(sentence) {
  let last = sentence;
  while (last.next) last = last.next;
  if (last !== sentence && last.translation === null) last.stale = sentence.translation;
}
