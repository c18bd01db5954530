// A message that stays until it is closed or the next run begins; the host's own goes by itself, and shows addresses
// and backticks as plain text.
import { element } from "../lib/elements.mjs";
import { keepKeys } from "../lib/keys.mjs";
import { rich } from "../lib/rich.mjs";
import { say } from "../lib/words.mjs";
import "../lib/views.mjs"; // for its stylesheet

const list = element("section", { class: "sis-notices", "aria-label": say("errors") });
keepKeys(list);

/**
 * @param {string} title
 * @param {string} sentence in which `names` are code and addresses become links
 */
export function showNotice(title, sentence) {
  if (!list.isConnected) document.body.append(list);
  const text = element("p", {}, ...rich(sentence));
  const notice = element("div", { class: "sis-notice", role: "alert" }, element("b", {}, title), text);
  const close = () => notice.remove();
  notice.append(element("button", { type: "button", "aria-label": say("close"), click: close }, "✕"));
  list.append(notice);
}

/** Takes all messages away. */
export function clearNotices() {
  list.replaceChildren();
}
