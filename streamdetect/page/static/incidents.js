// The list of incidents, open and closed, one by one or in groups.

import { answerable, answerButtons } from "./answers.js";
import { get } from "./api.js";
import { h, setAttribute } from "./dom.js";
import { between, duration, exact, moment, number } from "./format.js";
import {
  Address,
  dot,
  incidentAddress,
  Pager,
  scoreBar,
  searchBox,
  sensorAddress,
  sensorText,
  throttled,
} from "./parts.js";
import { named, t } from "./strings.js";

/** @typedef {import("./types.js").Incident} Incident */

const LIMIT = 50;
const PAUSE = 2_000; // ms, at least, between two requests for the list
const STATES = /** @type {const} */ (["", "open", "closed"]);
const LABELS = /** @type {const} */ (["", "none", "true", "false"]);

/**
 * @param {import("./main.js").Page} page
 */
export async function show(page) {
  page.title(t("incidents"));
  await page.session;
  const list = new List(page);
  await list.refresh();
  page.live(
    {},
    throttled(PAUSE, () => list.refresh()),
  );
  document.addEventListener("answered", () => list.refresh());
  document.addEventListener("session", () => list.refresh());
}

class List {
  #asked = 0;

  /** @param {import("./main.js").Page} page */
  constructor(page) {
    this.page = page;
    this.address = new Address({
      state: "",
      q: "",
      label: "",
      groups: "",
      detector: "",
      sensor: "",
      offset: "0",
    });
    this.states = h("div", { class: "chips", role: "group", "aria-label": t("state") });
    for (const state of STATES) {
      const text = t(state || "all");
      this.states.append(
        h(
          "button",
          { type: "button", class: "chip", value: state, onclick: () => this.#choose({ state }) },
          text,
        ),
      );
    }
    this.together = h(
      "button",
      {
        type: "button",
        class: "chip",
        onclick: () => this.#choose({ groups: this.address.get("groups") ? "" : "1" }),
      },
      t("together"),
    );
    this.states.append(h("span", { class: "gap" }), this.together);
    this.search = searchBox(t("search_incidents"), this.address.get("q"), (q) => this.#choose({ q }));
    this.label = h(
      "select",
      { onchange: () => this.#choose({ label: this.label.value }) },
      LABELS.map((label) =>
        h("option", { value: label, selected: label === this.address.get("label") }, answerText(label)),
      ),
    );
    this.list = h("div");
    this.pager = new Pager(LIMIT, (offset) => this.#choose({ offset: String(offset) }));
    page.main.append(
      h("h1", {}, t("incidents")),
      this.states,
      h(
        "div",
        { class: "filters" },
        h("label", { class: "wide" }, h("span", {}, t("search")), this.search),
        h("label", {}, h("span", {}, t("answer")), this.label),
      ),
      this.list,
      this.pager.element,
    );
  }

  /** Fetch the chosen part of the list. An answer to an older request is not shown. */
  async refresh() {
    const asked = ++this.#asked;
    const { groups, ...query } = this.address.all();
    const found = await this.page.ask(() => get(groups ? "groups" : "incidents", { ...query, limit: LIMIT }));
    if (asked === this.#asked) {
      this.#show(found);
    }
  }

  /** @param {{total: number, incidents?: Incident[], groups?: import("./types.js").Group[]}} found */
  #show({ total, incidents, groups }) {
    for (const chip of /** @type {Iterable<Element>} */ (this.states.querySelectorAll("button"))) {
      const pressed =
        chip === this.together
          ? "1" === this.address.get("groups")
          : /** @type {HTMLButtonElement} */ (chip).value === this.address.get("state");
      setAttribute(chip, "aria-pressed", String(pressed));
    }
    const focused = this.list.contains(document.activeElement)
      ? document.activeElement?.getAttribute("href")
      : null;
    const buttons = answerable() ? answerButtons : null;
    this.list.replaceChildren(
      ...(groups
        ? groups.map((group) => groupCard(group, buttons))
        : [incidentTable(incidents ?? [], { sensor: true, buttons })]),
    );
    if (groups && !groups.length) {
      this.list.append(h("p", { class: "empty" }, t("no_incidents")));
    }
    if (focused) {
      [...this.list.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    }
    this.pager.show(Number(this.address.get("offset")), total);
  }

  /** @param {Record<string, string>} chosen */
  #choose(chosen) {
    this.address.set({ offset: "0", ...chosen });
    this.refresh();
  }
}

/** @param {string} label */
function answerText(label) {
  return (
    { "": t("all"), none: t("unanswered"), true: t("true_alarm"), false: t("false_alarm") }[label] ?? label
  );
}

/**
 * @param {import("./types.js").Group} group
 * @param {((incident: Incident) => HTMLElement[]) | null} buttons
 */
function groupCard({ incidents, started, ended }, buttons) {
  return h(
    "section",
    { class: "card group" },
    h(
      "h2",
      {},
      t("group_of", { n: number(incidents.length) }),
      h("small", {}, `${moment(started)} · ${ended ? duration(between(started, ended)) : t("goes_on")}`),
    ),
    incidentTable(incidents, { sensor: true, buttons }),
  );
}

/**
 * A table with a row for each incident.
 *
 * @param {Incident[]} incidents
 * @param {{sensor: boolean, buttons: ((incident: Incident) => HTMLElement[]) | null}} parts
 */
export function incidentTable(incidents, { sensor, buttons }) {
  if (!incidents.length) {
    return h("p", { class: "empty" }, t("no_incidents"));
  }
  const head = (/** @type {string} */ name, /** @type {string} */ text) =>
    h("th", { scope: "col", class: name }, text);
  return h(
    "table",
    { class: "incidents cards" },
    h("caption", { class: "unseen" }, t("incidents")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        head("severity", t("severity")),
        head("name", t("incident")),
        head("time", t("started")),
        head("lasted", t("lasted")),
        head("score", t("worst")),
        buttons && head("answer", t("answer")),
      ),
    ),
    h(
      "tbody",
      {},
      incidents.map((incident) => row(incident, sensor, buttons)),
    ),
  );
}

/**
 * @param {Incident} incident
 * @param {boolean} withSensor whether to name the sensor
 * @param {((incident: Incident) => HTMLElement[]) | null} buttons
 */
function row(incident, withSensor, buttons) {
  const { started, ended, severity, message, label, peak, score, kind } = incident;
  const state = ended ? "closed" : severity;
  return h(
    "tr",
    { class: state },
    h("td", { class: "severity" }, dot(`${severity}${ended ? " closed" : ""}`), t(severity)),
    h(
      "th",
      { scope: "row", class: "name" },
      h("a", { href: incidentAddress(incident), lang: "en" }, message),
      h(
        "div",
        { class: "dim" },
        withSensor && h("a", { href: sensorAddress(incident) }, sensorText(incident)),
        withSensor && " · ",
        kind ? named("kind", kind) : "",
        label && ` · ${t(label === "true" ? "answered_true" : "answered_false")}`,
        incident.muted && ` · ${t("muted")}`,
      ),
    ),
    h(
      "td",
      { class: "time", "data-name": t("started") },
      h("time", { datetime: started, title: exact(started) }, moment(started)),
    ),
    h(
      "td",
      { class: "lasted", "data-name": t("lasted") },
      ended ? duration(between(started, ended)) : t("goes_on"),
    ),
    h("td", { class: "score", "data-name": t("worst") }, scoreBar(peak?.score ?? score)),
    buttons && h("td", { class: "answer" }, buttons(incident)),
  );
}
