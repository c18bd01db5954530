// Keys in what is ours: none reaches the graph, and arrows move the focus.

/**
 * Keeps key presses and the clipboard's events in an element. The host listens to both on the whole page, and would
 * delete, move or paste nodes while one works in the element.
 * @param {HTMLElement} content
 */
export function keepKeys(content) {
  for (const type of ["keydown", "copy", "cut", "paste"])
    content.addEventListener(type, (event) => event.stopPropagation());
}

/**
 * How far a key moves the focus in a table, in items; undefined for a key that moves nothing.
 * @param {string} key
 * @param {number} here the focused item
 * @param {number} count of all items
 * @param {number} columns
 * @returns {number | undefined}
 */
export function stride(key, here, count, columns) {
  /** @type {Record<string, number>} */
  const strides = {
    ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -here, End: count - 1 - here,
  };
  return strides[key];
}

/**
 * Leaves one item of a group in the Tab order; the arrows go to the others.
 * @param {HTMLElement} group
 * @param {HTMLElement | null | undefined} item
 */
export function makeCurrent(group, item) {
  if (!item) return;
  for (const other of group.querySelectorAll("[tabindex='0']")) /** @type {HTMLElement} */ (other).tabIndex = -1;
  item.tabIndex = 0;
}
