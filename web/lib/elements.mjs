// How every element of ours is made.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, unknown>} Attributes functions are listeners; true is an attribute without a value */

/**
 * An HTML element with attributes, listeners and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {(Node | string)[]} children
 */
export function element(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/**
 * The same for a drawing's elements.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {Node[]} children
 */
export function svgElement(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Sets attributes; false, null and undefined leave one out.
 * @param {Element} target
 * @param {Attributes} attributes
 */
export function setAttributes(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") target.addEventListener(name, /** @type {EventListener} */ (value));
    else if (value === true) target.setAttribute(name, "");
    else if (value !== false && value != null) target.setAttribute(name, String(value));
  }
}

/**
 * @template {Element} E
 * @param {E} target
 * @param {Attributes} attributes
 * @param {(Node | string)[]} children
 */
function furnish(target, attributes, children) {
  setAttributes(target, attributes);
  target.append(...children);
  return target;
}
