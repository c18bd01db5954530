// What Edit Grid has drawn or will draw, and how high it is on the node.
import { widgetOf } from "../lib/page.mjs";
import { say } from "../lib/words.mjs";

/** @import { GraphNode } from "../types/host" */
/** @import { Cell, GridOutput } from "../types/messages" */

const [GAP, HEAD, SIDE] = [3, 18, 34]; // as in style.css
const PADDING = 28; // left and right of the table
const TALLEST = 1.5; // of the table's width
const MOST_CELLS = 400;

/** @typedef {{ cells: Cell[], sheets: GridOutput["sheets"], best: number[] }} Cells row by row */
/** @typedef {Cells & GridOutput["layout"][number]} Grid */

/**
 * The grid of a run's output, or null when that has none.
 * @param {GridOutput | null | undefined} output
 * @returns {Grid | null}
 */
export function gridOf(output) {
  if (!output?.cells?.length || !output.sheets?.length || !output.layout?.length) return null;
  const cells = output.cells.map((text) => JSON.parse(text));
  return { cells, sheets: output.sheets, best: output.best ?? [], ...output.layout[0] };
}

/**
 * The grid as it will look, from the node's own widgets: so that the node keeps its size when it has run.
 * @param {GraphNode} node
 * @returns {Grid | null}
 */
export function plannedGrid(node) {
  const [alphas, ratios] = [numbersOf(node, "alphas"), numbersOf(node, "source_ratios")];
  const count = alphas.length * ratios.length;
  if (![...alphas, ...ratios].every(Number.isFinite) || !count || count > MOST_CELLS) return null;
  const cells = ratios.flatMap((source_ratio) => alphas.map((alpha) => ({ alpha, source_ratio })));
  return { cells, sheets: [], best: [], columns: alphas.length, rows: ratios.length, width: 1, height: 1 };
}

/**
 * @param {GraphNode} node
 * @param {string} name of a widget with numbers in a text
 */
function numbersOf(node, name) {
  const texts = String(widgetOf(node, name)?.value ?? "").split(/[\s,;]+/).filter(Boolean);
  return [...new Set(texts.map(Number))];
}

/**
 * The height that style.css gives a grid on a node of some width.
 * @param {Grid | null} grid
 * @param {number} width
 */
export function heightOf(grid, width) {
  if (!grid) return 0;
  const room = width - PADDING;
  const shape = grid.width / grid.height;
  const cell = Math.min((room - SIDE) / grid.columns - GAP, ((TALLEST * room) / grid.rows) * shape);
  return HEAD + grid.rows * (cell / shape + GAP);
}

/**
 * A cell's values, in words.
 * @param {Cell} cell
 */
export function cellWords(cell) {
  return say("cell", { alpha: cell.alpha, ratio: cell.source_ratio });
}

/**
 * Where a cell's picture is in its sheet.
 * @param {Grid} grid
 * @param {number} index
 */
export function positionOf({ columns, rows }, index) {
  const across = columns > 1 ? (index % columns) / (columns - 1) : 0;
  const down = rows > 1 ? Math.floor(index / columns) / (rows - 1) : 0;
  return `${across * 100}% ${down * 100}%`;
}
