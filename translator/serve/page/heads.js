// What heads look at: the weights of one or of all, as a map, and small pictures of each to choose from.

import {element} from "./dom.js";

const LARGEST_PICTURE = 44;  // pixels

const mean = matrices => matrices[0].map((row, i) =>
  row.map((_, j) => matrices.reduce((sum, matrix) => sum + matrix[i][j], 0) / matrices.length));

/** The weights of a head, `[layer, head]` from 0 on, or the mean of all where that is null: [rows][columns]. */
export function weightsOf(maps, chosen) {
  return chosen ? maps.weights[chosen[0]][chosen[1]] : mean(maps.weights.flat());
}

/** In bits: 0 where all weight is on one word, the logarithm of their number where all have the same. */
export function entropyOf(row) {
  const sizes = row.map(Math.abs), sum = sizes.reduce((a, b) => a + b, 0);
  return sizes.reduce((bits, size) => size ? bits - size / sum * Math.log2(size / sum) : bits, 0);
}

/** Whether the model has the head. */
export const hasHead = (maps, chosen) => !chosen || Boolean(maps.weights[chosen[0]]?.[chosen[1]]);

/** Shows how much weight something has: CSS makes a shade of it. */
export function shade(where, weight, largest = 1) {
  where.style.setProperty("--weight", Math.min(1, Math.abs(weight) / largest).toFixed(3));
}

/** A table of weights, a row for each word that looks. */
export function mapOf(maps, weights, labels, sides) {
  const largest = Math.max(1e-9, ...weights.flat().map(Math.abs));
  const head = element("tr", {}, element("td"), ...maps.columns.map(label => {
    const isUpright = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u.test(label);
    return element("th", {className: isUpright ? "" : "turned", lang: sides.columns}, element("bdi", {}, labels(label)));
  }));
  const rows = maps.rows.map((label, i) => {
    const row = element("tr", {}, element("th", {lang: sides.rows}, element("bdi", {}, labels(label))),
      ...weights[i].map((weight, j) => {
        const cell = element("td", {title: `${labels(label)} → ${labels(maps.columns[j])}: ${percent(weight)}`});
        shade(cell, weight, largest);
        return cell;
      }));
    row.dataset.word = i;
    return row;
  });
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
  table.setAttribute("aria-hidden", "true");  // "Word by word" says it in words
  return table;
}

export const percent = weight => `${Math.round(100 * weight)}%`;

/** Radio buttons: the mean of all heads, and each by itself. */
export function pictures(maps, chosen, onChoose) {
  const largest = Math.max(1e-9, ...maps.weights.flat(3).map(Math.abs));
  const one = (name, value, weights) => {
    const input = element("input", {type: "radio", name: "head", className: "unseen"});
    input.checked = String(value) === String(chosen);
    input.addEventListener("change", () => onChoose(value));
    return element("label", {className: "head", title: name}, input, picture(weights, largest),
      element("span", {className: "unseen"}, name));
  };
  const layers = maps.weights.map((heads, layer) => element("div", {className: "layer"},
    element("span", {className: "number", ariaHidden: "true"}, layer + 1),
    ...heads.map((weights, head) => one(`Layer ${layer + 1}, head ${head + 1}`, [layer, head], weights))));
  const all = element("div", {className: "layer"}, element("span", {className: "number", ariaHidden: "true"}, "all"),
    one("Mean of all heads", null, weightsOf(maps, null)));
  return [all, ...layers];
}

function picture(weights, largest) {
  const canvas = element("canvas", {width: weights[0].length, height: weights.length});
  const scale = LARGEST_PICTURE / Math.max(canvas.width, canvas.height);
  canvas.style.setProperty("--width", `${(canvas.width * scale).toFixed(1)}px`);
  canvas.style.setProperty("--height", `${(canvas.height * scale).toFixed(1)}px`);
  const [red, green, blue] = getComputedStyle(document.documentElement).getPropertyValue("--tint").trim().split(/\s+/);
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  weights.flat().forEach((weight, i) =>
    image.data.set([red, green, blue, 255 * Math.min(1, Math.abs(weight) / largest)].map(Number), 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}
