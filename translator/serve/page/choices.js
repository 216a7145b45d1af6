// A menu of what could stand in place of a word.

import {at, element} from "./dom.js";
import {percent} from "./heads.js";

/** Dispatches `close`. */
export class Choices extends EventTarget {
  #box = at("choices");
  #word = null;
  #asking = null;

  constructor() {
    super();
    this.#box.addEventListener("keydown", event => this.#key(event));
    document.addEventListener("pointerdown", event => {
      if (!this.#box.contains(event.target)) this.close();
    });
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  /** Opens it at a word, given what asks for the alternatives, with a signal, and what takes the one that is chosen. */
  async open(word, ask, onChoose) {
    this.close();
    this.#word = word;
    this.#asking = new AbortController();
    const {signal} = this.#asking;
    const current = word.textContent;
    word.setAttribute("aria-expanded", "true");
    const title = element("p", {className: "title", id: "choicesTitle"},
      element("span", {}, "Instead of ", element("bdi", {}, current)));
    this.#show(title, element("p", {className: "waiting", role: "status"}, "Looking …"));
    try {
      const all = await ask(signal), found = all.filter(each => each.text !== current);
      if (signal.aborted) return;
      const itself = all.find(each => each.text === current);
      if (itself) title.append(element("span", {className: "probability"}, of(itself.probability)));
      if (!found.length) {
        this.#show(title, element("p", {role: "status"}, "There is nothing else."));
        return;
      }
      const menu = element("ul", {role: "menu"}, ...found.map(each => {
        const choice = element("button", {type: "button", role: "menuitem", tabIndex: -1},
          element("bdi", {}, each.text), element("span", {className: "probability"}, of(each.probability)));
        choice.addEventListener("click", () => {
          this.close();
          onChoose(each.prefix);
        });
        return element("li", {role: "none"}, choice);
      }));
      menu.setAttribute("aria-labelledby", "choicesTitle");
      this.#show(title, menu);
      this.#items[0].focus({preventScroll: true});
    } catch (error) {
      if (!signal.aborted) this.#show(title, element("p", {role: "status"}, `That did not work: ${error.message}.`));
    }
  }

  close() {
    if (!this.isOpen) return;
    this.#asking.abort();
    this.#box.hidden = true;
    this.#word.removeAttribute("aria-expanded");
    this.dispatchEvent(new Event("close"));
  }

  get #items() {
    return [...this.#box.querySelectorAll("[role=menuitem]")];
  }

  #show(...children) {
    this.#box.replaceChildren(...children);
    this.#box.hidden = false;
    const paper = this.#box.parentElement.getBoundingClientRect(), word = this.#word.getBoundingClientRect();
    const isRight = getComputedStyle(this.#word).direction === "rtl";
    const left = isRight ? word.right - this.#box.offsetWidth : word.left;
    const most = Math.max(0, paper.width - this.#box.offsetWidth);
    this.#box.style.left = `${Math.min(most, Math.max(0, left - paper.left))}px`;
    this.#box.style.top = `${word.bottom - paper.top + 6}px`;
  }

  #key(event) {
    const items = this.#items, place = items.indexOf(document.activeElement);
    const next = {
      ArrowDown: (place + 1) % items.length, ArrowUp: (place - 1 + items.length) % items.length,
      Home: 0, End: items.length - 1,
    }[event.key];
    if (event.key === "Escape" || event.key === "Tab") {
      this.#word.focus();
      this.close();
      if (event.key === "Tab") return;
    } else if (next === undefined || !items.length) return;
    else items[next].focus();
    event.preventDefault();
    event.stopPropagation();
  }
}

/** A percentage; a small one with its first digit. */
function of(probability) {
  if (probability >= 0.01) return percent(probability);
  return probability < 0.0001 ? "< 0.01%" : `${Number((100 * probability).toPrecision(1))}%`;
}
