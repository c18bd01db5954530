// What Python sends to the page.

/**
 * A concept in the list (page/concept_list.py); one that cannot be read, or is `pending`, has nothing else but `name`
 * and `version`.
 */
export interface Concept {
  name: string;
  version: string;
  class_word?: string;
  phrase?: string;
  stage?: 1 | 2;
  created?: string;
  error?: string;
  /** Its file has not been read yet: then there is its name alone. */
  pending?: boolean;
}

/** A cell of Edit Grid. */
export interface Cell {
  alpha: number;
  source_ratio: number;
}

/**
 * What Edit Grid puts out: each cell as JSON, and for each picture of the batch a sheet of all cells and the number of
 * the cell that is proposed; runs of earlier versions, and those that could not tell, have none.
 */
export interface GridOutput {
  cells: string[];
  sheets: Record<string, string>[];
  layout: { columns: number; rows: number; width: number; height: number }[];
  best?: number[];
}

/** One step of a node's run, in words. */
export interface Moment {
  phase: "learning" | "inverting" | "optimising" | "measuring" | "reconstructing";
  step: number;
  steps: number;
  picture: number;
  pictures: number;
}

export interface Preview {
  done: number;
  phase: string;
  step: number;
  src: string;
}

/** What a run is (page/live.py). */
export interface RunFacts {
  node: string;
  workflow: string | null | undefined;
  prompt_id: string;
  kind: "stage1" | "stage2" | "text" | "inversion";
  began: number;
  /** "lost" is ours: the server no longer knows the run. */
  state: "running" | "done" | "cancelled" | "failed" | "lost";
  moment: Moment | null;
  done: number;
  total: number;
  elapsed: number;
  remaining: number | null;
}

/**
 * How a term of the loss is shown.
 * colour: an ink of style.css ("text", "orange", "blue", "green"), legible on every palette, or any CSS colour.
 * words: by language, or one text for all. dash: an SVG stroke-dasharray.
 */
export interface Term {
  colour?: string;
  words?: string | Record<string, string>;
  dash?: string;
}

/** A run's news, or its whole history. `terms` may be left out: the page then uses its own table. */
export interface RunMessage extends RunFacts {
  x: number[];
  series: Record<string, (number | null)[]>;
  previews: Preview[];
  subject?: string | null;
  terms?: Record<string, Term> | null;
}

/** One warning (support/warnings.py): the id of its sentence, the values in it, and the sentence in English. */
export interface Warning {
  id: string;
  values: Record<string, string | number>;
  text: string;
}

/** A warning as it arises (page/warnings.py), at a node of any pack. */
export interface WarningMessage extends Warning {
  node: string;
  prompt_id: string;
  workflow: string | null;
}

/** Where a concept was found in the pictures that are sampled now (page/regions.py), at the node that applies it. */
export interface RegionsMessage {
  node: string;
  prompt_id: string | null;
  workflow: string | null;
  name: string;
  pictures: string[];
}

/** The host's own event of a node that failed. */
export interface Failure {
  prompt_id: string;
  node_id: string;
  node_type?: string;
  exception_type?: string;
  exception_message: string;
}

/** The host's own event of a node that has run, or whose result is reused. */
export interface NodeResult {
  node: string;
  display_node?: string;
  prompt_id: string;
  output: { warnings?: Warning[] } | null;
}

/** What Save Concept and Save Inversion put out. */
export interface SavedOutput {
  phrase?: string[];
  saved_inversion?: string[];
}

/** What the words of Mask from Prompt found in one picture. */
export interface Finds {
  width: number;
  height: number;
  picture: Record<string, string>;
  finds: { phrase: string; label: string; score: number; box: number[]; selected: boolean }[];
}

/** What Mask from Prompt puts out: `Finds` of each picture as JSON. */
export interface MaskOutput {
  finds?: string[];
}
