// Elements with text that is never taken for HTML.

export const at = id => document.getElementById(id);

/** An element with some properties, and with children: elements, or what is shown as text. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.map(each => each instanceof Node ? each : String(each)));
  return made;
}
