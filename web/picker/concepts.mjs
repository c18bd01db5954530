// The host's saved concepts, and how one is shown.
import { element } from "../lib/elements.mjs";
import { api, showError } from "../lib/host.mjs";
import { say } from "../lib/words.mjs";

/** @import { Concept } from "../types/messages" */

const ROUTE = "/single_image_studio/concepts";
const ERROR_STAYS = 8000; // ms

/** @type {Concept[]} */
let concepts = [];
/** @type {Promise<void> | null} the request that is on its way */
let request = null;
/** @type {Set<() => void>} */
const listeners = new Set();

/** All concepts that are known, in the host's order. */
export function allConcepts() {
  return concepts;
}

/**
 * The concept of a name, as the host finds it: its own, else the one whose accents are spelled otherwise.
 * @param {string | undefined} name
 */
export function conceptOf(name) {
  const composed = name?.normalize("NFC");
  return concepts.find((known) => known.name === name)
    ?? concepts.find((known) => known.name.normalize("NFC") === composed);
}

/**
 * Calls a function whenever the host has told its concepts anew. Returns what ends that.
 * @param {() => void} listener
 */
export function onConcepts(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Asks the host for its concepts; those who ask meanwhile get the same answer. */
export function refresh() {
  request ??= ask().finally(() => { request = null; }).then(() => {
    listeners.forEach((listener) => listener());
    if (concepts.some((concept) => concept.pending)) refresh().catch(tell); // the host has read on meanwhile
  });
  return request;
}

/** `refresh`, for callers who have nobody to tell of an error: a message on the page does. */
export function refreshOrTell() {
  return refresh().catch(tell);
}

/** @param {Error} error */
export function tell(error) {
  showError("Single Image Studio", say("listFailed", { message: error.message }), ERROR_STAYS);
}

async function ask() {
  const answer = await api.fetchApi(ROUTE, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  concepts = await answer.json();
}

/**
 * Renames or deletes a concept on the host, and asks it for its list anew. Returns the new name; null for none.
 * @param {"rename" | "delete"} action
 * @param {{ name: string, new_name?: string }} request
 * @returns {Promise<string | null>}
 * @throws {Error} with the host's sentence when it refuses
 */
export async function change(action, request) {
  const headers = { "Content-Type": "application/json" };
  const answer = await api.fetchApi(`${ROUTE}/${action}`, { method: "POST", headers, body: JSON.stringify(request) });
  if (!answer.ok) throw new Error((await answer.text()) || `${answer.status} ${answer.statusText}`);
  const { name } = await answer.json();
  await refresh();
  return name;
}

/**
 * A concept's picture. Decoration: the name and class word beside it say the same.
 * @param {Concept} concept
 */
export function thumbnail(concept) {
  const query = new URLSearchParams({ name: concept.name, v: concept.version });
  const size = { width: 96, height: 96 };
  const src = api.apiURL(`${ROUTE}/thumbnail?${query}`);
  return element("img", { src, alt: "", ...size, loading: "lazy", draggable: "false" });
}

/**
 * Its class word and stage, or why it cannot be read.
 * @param {Concept} concept
 */
export function summary(concept) {
  if (concept.error) return concept.error;
  if (concept.pending) return "…";
  const stage = say(concept.stage === 1 ? "stage1" : "stage2");
  return `${concept.class_word} · ${stage.replace(" ", "\u00a0")}`;
}

/**
 * When it was made, or "" when nobody knows.
 * @param {Concept} concept
 * @param {Intl.DateTimeFormatOptions} style
 */
export function creationDate(concept, style) {
  const date = new Date(concept.created ?? "");
  return isNaN(date.valueOf()) ? "" : date.toLocaleString(undefined, style);
}
