// The page: what is typed, what is shown, and what is said when something goes wrong.

import {Api} from "./api.js";
import {Choices} from "./choices.js";
import {at, element} from "./dom.js";
import {entropyOf, percent, weightsOf} from "./heads.js";
import {Output} from "./output.js";
import {drawAttention, drawHypotheses, drawWords, mostLookedAt} from "./panels.js";
import {Session} from "./session.js";

const WELCOME = "The translation appears as you type.";
const HINT = "Point at a word of the translation to see where it looks; choose it for other words in its place.";
const QUIET = 900;  // milliseconds without a change before a translation is read out

const api = new Api(), session = new Session(api), choices = new Choices();
const state = {kind: "cross", head: null, active: 0, models: []};
const output = new Output(session, () => state.head);
const active = () => session.sentences[Math.max(0, Math.min(state.active, session.sentences.length - 1))];

// What was typed, the languages and the API key survive a reload of the page, until its tab is closed; nothing else is kept.
const kept = {
  get: name => { try { return sessionStorage.getItem(name) ?? ""; } catch { return ""; } },
  set: (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* it is forgotten, then */ } },
};

function draw() {
  const translation = session.sentences.map(each => each.translation ?? each.stale ?? "").join("");
  output.draw();
  at("clear").hidden = !session.text;
  at("copy").hidden = !translation;
  at("restart").hidden = !session.sentences.some(isChanged);
  const count = [...session.text].length, most = session.limits.characters;
  at("count").textContent = count > 0.8 * most ? `${count.toLocaleString("en")} of ${most.toLocaleString("en")} characters` : "";
  at("count").classList.toggle("over", count > most);
  drawPanels();
  announce();
}

const isChanged = each => each.prefix !== null || (each.translation !== null && each.translation !== each.hypotheses[0]?.text);

function drawPanels() {
  const sentence = active();
  at("closer").hidden = !(sentence?.translation ?? sentence?.stale);
  if (!document.querySelector(".lit")) at("said").textContent = hintOf(sentence);
  if (!sentence?.translation) return;  // what was there stays until there is something new
  session.want(sentence, state.kind);
  drawHypotheses(sentence, session.model, text => session.choose(sentence, text));
  drawAttention(sentence, session.model, state, head => {
    state.head = head;
    drawPanels();
    at("heads").querySelector("input:checked")?.focus();
  });
  drawWords(sentence, session.model, state.head);
}

let announcing = null;
function announce() {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    at("announced").lang = session.model.target.code;
    at("announced").textContent = session.sentences.map(each => each.translation ?? "").join(" ");
  }, QUIET);
}

/** Says where a word looks; null is no word. */
function say(found) {
  const maps = found?.sentence?.inside?.attention.cross;
  markRow(found);
  if (!maps) {
    at("said").textContent = hintOf(active());
    return;
  }
  const row = weightsOf(maps, state.head)[found.number], shares = found.sentence.inside.source_share;
  at("said").replaceChildren(element("strong", {}, element("bdi", {}, maps.rows[found.number])), " looks at ",
    ...mostLookedAt(row, maps.columns), ` · entropy ${entropyOf(row).toFixed(1)} bits`,
    shares ? ` · ${percent(shares[found.number])} from the sentence` : "");
}

function hintOf(sentence) {
  if (!sentence) return WELCOME;
  if (!(sentence.translation ?? sentence.stale)) return "";
  return sentence.inside?.problem ? `This sentence cannot be looked into: ${sentence.inside.problem}.` : HINT;
}

function markRow(found) {
  for (const row of document.querySelectorAll("tr.lit")) row.classList.remove("lit");
  if (!found || found.sentence !== active()) return;
  const tables = [at("words"), ...state.kind === "encoder" ? [] : [at("map")]];
  for (const table of tables) table.querySelector(`tr[data-word="${found.number}"]`)?.classList.add("lit");
}

function tell(problem) {
  const line = at("status");
  if (!problem) {
    line.replaceChildren();
    at("keyForm").hidden ||= Boolean(api.key);
    return;
  }
  const again = element("button", {type: "button"}, "Try again");
  again.addEventListener("click", () => session.retry());
  const {status, message, wait} = problem;
  if (status === 0)
    line.replaceChildren("The server cannot be reached. Your text stays here, and is tried again every few seconds. ", again);
  else if (status === 429 || status === 503)
    line.replaceChildren(`The server is busy. Your text is next in ${wait} s. `, again);
  else if (status === 403) {
    line.replaceChildren(api.key ? "That API key is not valid." : "This server needs an API key.");
    at("keyForm").hidden = false;
  } else line.replaceChildren(`${message[0].toUpperCase()}${message.slice(1)}. Your text stays here. `, again);
}

function typed(pause) {
  kept.set("text", at("text").value);
  choices.close();
  session.setText(at("text").value, pause);
  const caret = at("text").selectionStart;
  let end = 0;
  const place = session.sentences.findIndex(each => (end += each.before.length + each.source.length) >= caret);
  state.active = place < 0 ? session.sentences.length - 1 : place;
  const {characters} = session.limits;
  if (session.isTooLong)
    at("status").textContent = `That is too long: this server takes ${characters.toLocaleString("en")} characters at a time. Your text stays here.`;
  else at("status").replaceChildren();
}

function useModel(number) {
  const model = state.models[number];
  kept.set("pair", nameOf(model));
  at("pair").value = number;
  at("sourceName").textContent = model.source.name;
  at("targetName").textContent = model.target.name;
  at("text").lang = at("shade").lang = model.source.code;
  state.head = null;
  at("swap").hidden = opposite(model) < 0;
  session.setModel(model);
}

const nameOf = ({source, target}) => `${source.code}-${target.code}`;

const opposite = model => state.models.findIndex(({source, target}) =>
  source.code === model.target.code && target.code === model.source.code);

function listen() {
  at("text").addEventListener("input", () => typed());
  at("clear").addEventListener("click", () => {
    at("text").value = "";
    typed(0);
    at("text").focus();
  });
  at("pair").addEventListener("change", () => useModel(Number(at("pair").value)));
  at("swap").addEventListener("click", () => {
    const text = at("output").textContent;
    useModel(opposite(session.model));
    at("text").value = text;
    typed(0);
  });
  at("kind").addEventListener("change", () => {
    state.kind = at("kind").value;
    drawPanels();
  });
  at("copy").addEventListener("click", copy);
  at("restart").addEventListener("click", () => {
    for (const each of session.sentences.filter(isChanged)) session.goOn(each, null);
    at("text").focus();
  });
  at("keyForm").addEventListener("submit", event => {
    event.preventDefault();
    useKey(at("key").value.trim());
    session.retry();
  });
  at("wordByWord").addEventListener("toggle", () => { if (at("wordByWord").open) session.wantShares(); });
  for (const id of ["map", "words"]) {
    at(id).addEventListener("pointerover", event => {
      const row = event.target.closest("tbody tr");
      if (!row || (id === "map" && state.kind === "encoder")) return;
      const found = {sentence: active(), number: Number(row.dataset.word)};
      output.light(found.sentence, found.number);
      say(found);
    });
    at(id).addEventListener("pointerleave", () => output.rest());
  }
  output.addEventListener("point", ({detail}) => {
    if (detail?.isFocus && detail.sentence !== active()) {
      state.active = session.sentences.indexOf(detail.sentence);
      drawPanels();
    }
    say(detail);
  });
  output.addEventListener("open", ({detail}) => {
    const {sentence, word, number} = detail;
    const before = sentence.translation.slice(0, word.dataset.start).trimEnd();
    choices.open(word, signal => session.alternatives(sentence, before, signal), async prefix => {
      await session.goOn(sentence, prefix);
      output.focus(sentence, number);
    });
  });
  choices.addEventListener("close", () => output.rest());
  session.addEventListener("change", draw);
  session.addEventListener("problem", ({detail}) => tell(detail));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawPanels);
}

function useKey(key) {
  api.key = key;
  kept.set("key", key);
}

async function copy() {
  const text = at("output").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // as where the page did not come over TLS
    getSelection().selectAllChildren(at("output"));
    document.execCommand("copy");
  }
  at("copy").textContent = "Copied";
  setTimeout(() => { at("copy").textContent = "Copy"; }, 1500);
}

async function start() {
  let served;
  try {
    served = await api.models();
  } catch {
    at("status").textContent = "The server cannot be reached. It is tried again every few seconds.";
    setTimeout(start, 3000);
    return;
  }
  at("status").replaceChildren();
  session.limits = served;
  state.models = served.models;
  at("pair").replaceChildren(...served.models.map(({source, target}, i) =>
    element("option", {value: i}, `${source.name} → ${target.name}`)));
  at("pair").hidden = served.models.length < 2;
  api.key = kept.get("key");
  at("keyForm").hidden = !served.key_required || Boolean(api.key);
  at("text").value ||= kept.get("text");
  session.text = at("text").value;
  listen();
  useModel(Math.max(0, state.models.findIndex(model => nameOf(model) === kept.get("pair"))));
  at("text").focus();
}

start();
