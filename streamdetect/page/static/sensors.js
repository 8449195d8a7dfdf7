// The list of sensors, the most urgent on top. The server searches, sorts and cuts it into parts.

import { get } from "./api.js";
import { arrange, h, setAttribute, setText } from "./dom.js";
import { band, decimals, duration, exact, moment, number } from "./format.js";
import { Address, dot, Pager, scoreBar, searchBox, sensorAddress, sensorText, throttled } from "./parts.js";
import { sparkline } from "./sparkline.js";
import { named, t } from "./strings.js";

/** @typedef {import("./types.js").Sensor} Sensor */

const LIMIT = 50;
const STATES = /** @type {const} */ (["anomalous", "silent", "warming_up", "muted", "normal"]);
const SORTS = /** @type {const} */ (["state", "name", "score", "time"]);
const DEFAULT_ORDER = { state: "asc", name: "asc", score: "desc", time: "desc" };
const PAUSE = 2_000; // ms, at least, between two requests for the list

/**
 * @param {import("./main.js").Page} page
 */
export async function show(page) {
  const list = new List(page);
  await list.refresh();
  page.live(
    {},
    throttled(PAUSE, () => list.refresh()),
  );
}

class List {
  #rows = new Map();
  #asked = 0;

  /** @param {import("./main.js").Page} page */
  constructor(page) {
    this.page = page;
    this.address = new Address({ state: "", q: "", detector: "", sort: "state", order: "", offset: "0" });
    this.chips = h("div", { class: "chips", role: "group", "aria-label": t("by_state") });
    for (const state of ["", ...STATES]) {
      this.chips.append(this.#chip(state));
    }
    this.search = searchBox(t("search_sensors"), this.address.get("q"), (q) => this.#choose({ q }));
    this.detector = h(
      "select",
      {
        id: "detector",
        onchange: () => this.#choose({ detector: this.detector.value }),
      },
      h("option", { value: "" }, t("every_detector")),
    );
    this.sort = h(
      "select",
      { id: "sort", onchange: () => this.#choose({ sort: this.sort.value, order: "" }) },
      SORTS.map((sort) =>
        h("option", { value: sort, selected: sort === this.address.get("sort") }, t(`sort_${sort}`)),
      ),
    );
    this.heads = new Map(
      SORTS.map((sort) => [
        sort,
        h("button", { type: "button", onclick: () => this.#sort(sort) }, t(HEADS[sort])),
      ]),
    );
    this.body = h("tbody");
    this.empty = h("p", { class: "empty", hidden: true });
    this.pager = new Pager(LIMIT, (offset) => this.#choose({ offset: String(offset) }));
    const head = (/** @type {string} */ name, /** @type {unknown} */ content) =>
      h("th", { scope: "col", class: name }, /** @type {any} */ (content));
    page.main.append(
      h("h1", {}, t("sensors")),
      this.chips,
      h(
        "div",
        { class: "filters" },
        h("label", { class: "wide" }, h("span", {}, t("search")), this.search),
        h("label", {}, h("span", {}, t("detector")), this.detector),
        h("label", {}, h("span", {}, t("sort_by")), this.sort),
      ),
      h(
        "table",
        { class: "sensors cards" },
        h("caption", { class: "unseen" }, t("sensors")),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            head("state", this.heads.get("state")),
            head("name", this.heads.get("name")),
            head("lately", t("lately")),
            head("value", t("value")),
            head("usual", t("usually")),
            head("score", this.heads.get("score")),
            head("time", this.heads.get("time")),
          ),
        ),
        this.body,
      ),
      this.empty,
      this.pager.element,
    );
  }

  /** Fetch the chosen part of the list. An answer to an older request is not shown. */
  async refresh() {
    const asked = ++this.#asked;
    /** @type {import("./types.js").Sensors} */
    const found = await this.page.ask(() =>
      get("sensors", { ...this.address.all(), order: this.#order(), limit: LIMIT }),
    );
    if (asked === this.#asked) {
      this.#show(found);
    }
  }

  /** @param {import("./types.js").Sensors} found */
  #show(found) {
    const heard = STATES.reduce(
      (sum, state) => sum + (state === "muted" ? 0 : (found.counts[state] ?? 0)),
      0,
    );
    for (const chip of this.chips.children) {
      const state = chip.getAttribute("data-state") ?? "";
      const count = state ? (found.counts[/** @type {import("./types.js").State} */ (state)] ?? 0) : heard;
      setText(/** @type {Element} */ (chip.lastElementChild), number(count));
      setAttribute(chip, "aria-pressed", String(this.address.get("state") === state));
      chip.classList.toggle("none", count === 0);
    }
    for (const name of found.detectors ?? []) {
      if (![...this.detector.options].some((option) => option.value === name)) {
        this.detector.append(
          h("option", { value: name, selected: name === this.address.get("detector") }, name),
        );
      }
    }
    const sort = this.address.get("sort");
    this.sort.value = sort;
    for (const [name, button] of this.heads) {
      setAttribute(
        /** @type {Element} */ (button.parentElement),
        "aria-sort",
        name === sort ? `${this.#order()}ending` : null,
      );
    }
    const rows = new Map(
      found.sensors.map((sensor) => [key(sensor), this.#rows.get(key(sensor)) ?? new Row(sensor)]),
    );
    for (const sensor of found.sensors) {
      rows.get(key(sensor)).update(sensor);
    }
    this.#rows = rows;
    arrange(
      this.body,
      [...rows.values()].map((row) => row.element),
    );
    this.empty.hidden = rows.size > 0;
    setText(this.empty, t(heard ? "none_found" : "none_yet"));
    this.pager.show(Number(this.address.get("offset")), found.total);
  }

  #order() {
    const sort = /** @type {keyof typeof DEFAULT_ORDER} */ (this.address.get("sort"));
    return this.address.get("order") || DEFAULT_ORDER[sort] || "asc";
  }

  /** @param {typeof SORTS[number]} sort */
  #sort(sort) {
    const turned = this.#order() === "asc" ? "desc" : "asc";
    this.#choose({ sort, order: this.address.get("sort") === sort ? turned : "" });
  }

  /** @param {Record<string, string>} chosen */
  #choose(chosen) {
    this.address.set({ offset: "0", ...chosen });
    this.refresh();
  }

  /** @param {string} state */
  #chip(state) {
    const text = t(/** @type {any} */ (state || "all"));
    return h(
      "button",
      { type: "button", class: "chip", "data-state": state, onclick: () => this.#choose({ state }) },
      state && dot(state),
      h("span", {}, text),
      h("b"),
    );
  }
}

const HEADS = /** @type {const} */ ({ state: "state", name: "sensor", score: "score", time: "reading" });

/** @param {Sensor} sensor */
const key = (sensor) => JSON.stringify([sensor.detector, sensor.sensor]);

/** A sensor's row; its cells are written again when something has changed. */
class Row {
  #seen = "";

  /** @param {Sensor} sensor */
  constructor(sensor) {
    this.state = h("td", { class: "state" });
    this.link = h("a", { href: sensorAddress(sensor) }, sensorText(sensor));
    this.message = h("div", { class: "message", lang: "en" });
    this.lately = h("td", { class: "lately" });
    this.value = h("td", { class: "value" });
    this.usual = h("td", { class: "usual", "data-name": t("usually") });
    this.score = h("td", { class: "score", "data-name": t("score") });
    this.time = h("td", { class: "time", "data-name": t("reading") });
    this.element = h(
      "tr",
      {},
      this.state,
      h(
        "th",
        { scope: "row", class: "name" },
        this.link,
        h("div", { class: "dim" }, sensor.detector),
        this.message,
      ),
      this.lately,
      this.value,
      this.usual,
      this.score,
      this.time,
    );
  }

  /** @param {Sensor} sensor */
  update(sensor) {
    const seen = JSON.stringify(sensor);
    if (seen === this.#seen) {
      return;
    }
    this.#seen = seen;
    const [feature] = sensor.features;
    this.element.className = sensor.state;
    this.state.replaceChildren(dot(sensor.state), t(sensor.state), h("small", {}, toGo(sensor)));
    setText(this.message, sensor.message ?? "");
    this.lately.replaceChildren(sparkline(sensor.sparkline, feature));
    this.value.replaceChildren(...(feature ? value(feature, sensor.features.length) : ["–"]));
    this.usual.replaceChildren(feature ? band(feature) : "–");
    this.score.replaceChildren(
      scoreBar(sensor.score),
      h("small", {}, sensor.view && sensor.score !== null ? named("view", sensor.view) : ""),
    );
    this.time.replaceChildren(
      sensor.time
        ? h("time", { datetime: sensor.time, title: exact(sensor.time) }, moment(sensor.time))
        : "–",
    );
  }
}

/**
 * @param {import("./types.js").Feature} feature
 * @param {number} count of all
 */
function value(feature, count) {
  const several = count > 1;
  return [
    h("span", { class: "number" }, number(feature.value, decimals(feature))),
    h("span", { class: "unit" }, feature.unit),
    several && h("small", {}, `${feature.name} ${t("more_features", { n: count - 1 })}`),
  ].filter((part) => part !== false);
}

/**
 * How long a sensor still learns, or is muted.
 *
 * @param {Sensor} sensor
 */
export function toGo({ warm_up: left, muted, muted_until: until, state }) {
  if (muted) {
    return until ? t("muted_until", { time: moment(until) }) : t("muted");
  }
  if (state !== "warming_up" || !left) {
    return "";
  }
  return left.seconds === null
    ? t("readings_to_go", { n: number(left.readings) })
    : t("to_go", { time: duration(left.seconds) });
}
