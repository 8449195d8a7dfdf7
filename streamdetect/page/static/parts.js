// Small parts that several pages share.

import { h, setText } from "./dom.js";
import { number, score } from "./format.js";
import { t } from "./strings.js";

const TYPING = 200; // ms without a further key

/** The choices on a page, kept in its address, so that a link shows the same. */
export class Address {
  #usual;
  #chosen;

  /** @param {Record<string, string>} usual what is chosen when the address does not say */
  constructor(usual) {
    this.#usual = usual;
    this.#chosen = { ...usual };
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name in usual) {
        this.#chosen[name] = value;
      }
    }
  }

  /**
   * @param {string} name
   * @returns {string}
   */
  get(name) {
    return this.#chosen[name] ?? "";
  }

  /** @returns {Record<string, string>} */
  all() {
    return { ...this.#chosen };
  }

  /** @param {Record<string, string>} chosen */
  set(chosen) {
    Object.assign(this.#chosen, chosen);
    const url = new URL(location.href);
    for (const [name, value] of Object.entries(this.#chosen)) {
      if (value === this.#usual[name]) {
        url.searchParams.delete(name);
      } else {
        url.searchParams.set(name, value);
      }
    }
    history.replaceState(null, "", url);
  }
}

/**
 * Run an action soon after it is asked for, at most once in so many milliseconds, and only while the page is
 * visible.
 *
 * @param {number} pause ms
 * @param {() => void} act
 * @returns {() => void} asks for it
 */
export function throttled(pause, act) {
  let last = Date.now();
  let asked = false;
  const ask = () => {
    if (asked || document.hidden) {
      return;
    }
    asked = true;
    setTimeout(
      () => {
        asked = false;
        last = Date.now();
        act();
      },
      Math.max(last + pause - Date.now(), 0),
    );
  };
  document.addEventListener("visibilitychange", ask);
  return ask;
}

/** Shows which part of a long list is on the page, with buttons for the parts before and after it. */
export class Pager {
  #offset = 0;

  /**
   * @param {number} limit rows a page
   * @param {(offset: number) => void} turn
   */
  constructor(limit, turn) {
    this.limit = limit;
    this.text = h("span", { role: "status" });
    const step = (/** @type {number} */ by) => () => turn(Math.max(this.#offset + by * limit, 0));
    this.back = h("button", { type: "button", onclick: step(-1) }, t("previous"));
    this.on = h("button", { type: "button", onclick: step(1) }, t("next"));
    this.element = h(
      "nav",
      { class: "pager", "aria-label": t("pages"), hidden: true },
      this.text,
      this.back,
      this.on,
    );
  }

  /**
   * @param {number} offset
   * @param {number} total
   */
  show(offset, total) {
    this.#offset = offset;
    const to = Math.min(offset + this.limit, total);
    this.element.hidden = total === 0;
    setText(
      this.text,
      t("page_of", { from: number(Math.min(offset + 1, total)), to: number(to), total: number(total) }),
    );
    this.back.disabled = offset === 0;
    this.on.disabled = to >= total;
    this.back.hidden = this.on.hidden = total <= this.limit;
  }
}

/**
 * A search field that asks when nobody has typed for a moment.
 *
 * @param {string} placeholder
 * @param {string} value
 * @param {(text: string) => void} ask
 */
export function searchBox(placeholder, value, ask) {
  /** @type {number | undefined} */
  let typing;
  const typed = () => {
    clearTimeout(typing);
    typing = setTimeout(() => ask(box.value.trim()), TYPING);
  };
  const box = h("input", { type: "search", placeholder, value, oninput: typed });
  return box;
}

/** @param {string} state */
export const dot = (state) => h("span", { class: `dot ${state}`, "aria-hidden": "true" });

/** @param {{detector: string, sensor: string}} sensor */
export const sensorAddress = ({ detector, sensor }) => `sensor?${new URLSearchParams({ detector, sensor })}`;

/** @param {{id: string}} incident */
export const incidentAddress = ({ id }) => `incident?${new URLSearchParams({ id })}`;

/**
 * A sensor's id, which may wrap after each of its levels.
 *
 * @param {{sensor: string}} sensor
 */
export const sensorText = ({ sensor }) =>
  sensor.split(/(?<=[/.:_-])/).flatMap((part, place) => (place ? [h("wbr"), part] : [part]));

/**
 * A score with a bar. The middle of the bar is the limit.
 *
 * @param {number | null} value
 */
export function scoreBar(value) {
  const filled = h("span");
  filled.style.width = `${Math.min(Math.max((value ?? 0) / 2, 0), 1) * 100}%`;
  const over = value !== null && value > 1 ? " over" : "";
  return h(
    "span",
    { class: `scored${over}` },
    h("span", { class: "number" }, score(value)),
    h("span", { class: "bar", "aria-hidden": "true" }, filled),
  );
}

/**
 * Names and values.
 *
 * @param {[string, import("./dom.js").Child | import("./dom.js").Child[]][]} pairs
 */
export const facts = (pairs) =>
  h(
    "dl",
    {},
    pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );

/**
 * A part of a page under its heading.
 *
 * @param {string} title
 * @param {...(import("./dom.js").Child | import("./dom.js").Child[])} children
 */
export const section = (title, ...children) =>
  h("section", { class: "card" }, h("h2", {}, title), ...children);

/**
 * Those pairs that have a value.
 *
 * @param {[string, any][]} pairs
 */
export const present = (pairs) =>
  pairs.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "");

/**
 * A table whose first column holds names, and the others numbers or words.
 *
 * @param {string[]} head
 * @param {(import("./dom.js").Child | import("./dom.js").Child[])[][]} rows
 * @param {"" | "words"} [kind]
 */
export function table(head, rows, kind = "") {
  return h(
    "table",
    { class: `plain cards ${kind}` },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    h(
      "tbody",
      {},
      rows.map(([name, ...cells]) =>
        h(
          "tr",
          {},
          h("th", { scope: "row", class: "name" }, name),
          cells.map((cell, place) => h("td", { "data-name": head[place + 1] }, cell)),
        ),
      ),
    ),
  );
}
