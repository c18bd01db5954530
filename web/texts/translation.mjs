// Says the texts of a shipped workflow in another language. Pure data: no page, no graph.

/** @import { SavedWorkflow } from "../types/host" */

/**
 * What can be read in the shipped workflows, in one language: under the same keys in each.
 * @typedef {object} Texts
 * @property {Record<string, string>} titles
 * @property {Record<string, string>} groups
 * @property {Record<string, Record<string, string>>} notes
 */

const NOTE = "MarkdownNote";

export class Translation {
  /**
   * @param {Record<string, Texts>} languages
   * @param {string} language to say it in; English for one that is not there
   */
  constructor(languages, language) {
    const to = languages[language] ?? languages.en;
    const all = Object.values(languages);
    this.titles = meanings(all.map(({ titles }) => titles), to?.titles);
    this.groups = meanings(all.map(({ groups }) => groups), to?.groups);
    this.notes = meanings(all.map(({ notes }) => flat(notes)), to && flat(to.notes));
  }

  /**
   * Changes the texts that are as shipped, in whichever language; what a person has written stays.
   * @param {SavedWorkflow} workflow
   */
  apply({ nodes = [], groups = [] }) {
    for (const node of nodes) {
      if (node.title) node.title = said(this.titles, node.title);
      for (const input of node.inputs ?? []) if (input.label) input.label = said(this.titles, input.label);
      if (node.type === NOTE && Array.isArray(node.widgets_values))
        node.widgets_values[0] = said(this.notes, node.widgets_values[0]);
    }
    for (const group of groups) if (group.title) group.title = said(this.groups, group.title);
  }
}

/**
 * What to say for each text of any language.
 * @param {Record<string, string>[]} tables one a language
 * @param {Record<string, string>} [to]
 * @returns {Map<string, string>}
 */
function meanings(tables, to = {}) {
  const known = tables.flatMap((texts) => Object.entries(texts).filter(([key]) => key in to));
  return new Map(known.map(([key, text]) => [text, to[key]]));
}

/** @param {Record<string, Record<string, string>>} notes by workflow and title */
function flat(notes) {
  const entries = Object.entries(notes).flatMap(([workflow, texts]) =>
    Object.entries(texts).map(([title, text]) => [`${workflow}/${title}`, text]),
  );
  return Object.fromEntries(entries);
}

/**
 * @template T
 * @param {Map<T, T>} texts
 * @param {T} text
 * @returns {T}
 */
function said(texts, text) {
  return texts.get(text) ?? text;
}
