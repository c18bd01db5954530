// A text with a button that copies it.
import { copy } from "./clipboard.mjs";
import { element } from "./elements.mjs";
import { say } from "./words.mjs";

/**
 * @param {string} before what stands before the text
 * @param {string} text
 */
export function copyLine(before, text) {
  const said = element("span", { class: "sis-unseen", role: "status" });
  const name = { "aria-label": say("copyNow", { text }) };
  const button = element("button", { type: "button", class: "sis-copy", ...name, click: copyAndSay }, say("copy"));
  async function copyAndSay() {
    const word = (await copy(text)) ? say("copied") : say("copyFailed");
    said.textContent = button.textContent = word;
    button.removeAttribute("aria-label"); // what is read out is what is seen
  }
  const words = element("span", {}, before, element("code", {}, text));
  return element("div", { class: "sis-saved" }, words, button, said);
}
