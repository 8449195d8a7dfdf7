// The words of the page in the chosen language. To add a language, add a table like de.js and a line here; the
// type checker finds the words that are missing.

import { de } from "./de.js";
import { en } from "./en.js";

/** @type {Record<string, typeof en>} */
export const languages = { en, de };

/** The chosen language, else the first of the browser's languages that has a table. */
export const language =
  [localStorage.getItem("language"), ...navigator.languages]
    .map((name) => name?.split("-")[0] ?? "")
    .find((name) => name in languages) ?? "en";

const words = languages[language] ?? en;

/**
 * A text in the chosen language.
 *
 * @param {keyof typeof en} key
 * @param {Record<string, string | number>} [values] for what is in {braces}
 * @returns {string}
 */
export function t(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/**
 * The text for a name that the daemon uses, such as a view's; the name itself if there is no text.
 *
 * @param {string} group
 * @param {string} name
 * @returns {string}
 */
export function named(group, name) {
  const key = `${group}_${name}`;
  return key in words ? words[/** @type {keyof typeof en} */ (key)] : name.replaceAll("_", " ");
}
