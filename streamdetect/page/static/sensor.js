// One sensor: its values in their band, the score of each view, its incidents, what people answered.

import { answerable, answerButtons, muting, sensitivity } from "./answers.js";
import { get } from "./api.js";
import { FeatureChart, ScoreChart, StripChart } from "./charts.js";
import { h, setText } from "./dom.js";
import { band, decimals, exact, moment, number, written } from "./format.js";
import { incidentTable } from "./incidents.js";
import { Address, dot, facts, present, scoreBar, section, sensorText, throttled } from "./parts.js";
import { toGo } from "./sensors.js";
import { APART, seconds as unix, usualStep, withGaps } from "./series.js";
import { named, t } from "./strings.js";

/** @typedef {import("./types.js").OneSensor} OneSensor */

const RANGES = /** @type {const} */ ([
  ["hour_1", 3_600],
  ["hours_6", 21_600],
  ["day_1", 86_400],
  ["days_3", 259_200],
  ["week_1", 604_800],
  ["days_30", 2_592_000],
]);
const FEW = 6; // features that are drawn at once
const PAUSE = 2_000; // ms, at least, between two requests for what the daemon does not send by itself
const SERIES_PAUSE = 15_000;

/**
 * @param {import("./main.js").Page} page
 */
export async function show(page) {
  const query = { detector: page.query.get("detector") ?? "", sensor: page.query.get("sensor") ?? "" };
  page.title(query.sensor);
  await page.session;
  const sensor = new SensorPage(page, query);
  await sensor.refresh();
  await sensor.redraw();
  page.live(query, (event) => sensor.handle(event));
  for (const changed of ["answered", "session"]) {
    document.addEventListener(changed, () => Promise.all([sensor.refresh(), sensor.redraw()]));
  }
}

class SensorPage {
  /** @type {import("./types.js").Series | null} */
  #series = null;
  /** @type {string | null} */
  #newest = null;
  #step = 0;
  /** @type {import("./types.js").Reading | null} */
  #latest = null;
  #coming = 0;
  #ask = throttled(PAUSE, () => this.refresh());
  #askSeries = throttled(SERIES_PAUSE, () => this.redraw());
  #askBehind = throttled(PAUSE, () => this.redraw());
  #asked = 0;
  #all = false;
  /** @type {Map<string, FeatureChart>} */
  #charts = new Map();

  /**
   * @param {import("./main.js").Page} page
   * @param {{detector: string, sensor: string}} query
   */
  constructor(page, query) {
    this.page = page;
    this.query = query;
    this.address = new Address({ range: "86400" });
    this.state = h("p", { class: "state" });
    this.message = h("p", { class: "message", lang: "en" });
    this.values = h("div");
    this.latest = h("div");
    this.actions = h("div", { class: "actions" });
    this.ranges = h("div", { class: "chips", role: "group", "aria-label": t("range") });
    for (const [name, seconds] of RANGES) {
      this.ranges.append(
        h(
          "button",
          { type: "button", class: "chip", value: seconds, onclick: () => this.#choose(seconds) },
          t(name),
        ),
      );
    }
    this.gone = h("p", { class: "dim", hidden: true });
    this.features = h("div");
    this.more = h("button", { type: "button", hidden: true, onclick: () => this.#showAll() });
    this.scores = new ScoreChart();
    this.strips = new StripChart();
    this.incidents = h("div");
    this.views = h("tbody");
    this.answers = h("div");
    this.settings = h("div");
    page.main.append(
      h("div", { class: "head" }, h("div", {}, h("h1", {}, sensorText(query)), this.state), this.actions),
      this.message,
      h("div", { class: "now" }, this.values, this.latest),
      h(
        "section",
        { class: "card charts" },
        h("h2", { class: "unseen" }, t("range")),
        this.ranges,
        this.gone,
        this.features,
        this.more,
        this.scores.element,
        this.strips.element,
        h("p", { class: "dim hint" }, t("drag_to_zoom")),
      ),
      section(t("incidents"), this.incidents),
      h(
        "div",
        { class: "columns" },
        section(
          t("views"),
          h(
            "table",
            { class: "views" },
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                h("th", { scope: "col" }, t("view")),
                h("th", { scope: "col" }, t("score")),
                h("th", { scope: "col" }, t("judges")),
              ),
            ),
            this.views,
          ),
        ),
        h("div", {}, section(t("told"), this.answers), section(t("settings"), this.settings)),
      ),
    );
  }

  /** Fetch the present state of the sensor. */
  async refresh() {
    /** @type {OneSensor} */
    const found = await this.page.ask(() => get("sensor", this.query));
    this.#newest = found.time;
    this.#showNow(found);
    this.#showViews(found);
    this.#showTold(found);
  }

  /** Fetch the readings of the chosen time, and draw them. */
  async redraw() {
    const asked = ++this.#asked;
    const [from, to] = this.#span();
    const points = Math.min(Math.max(Math.round(this.features.clientWidth / 1.5), 200), 800);
    const query = { ...this.query, from: time(from), to: time(to), points };
    /** @type {import("./types.js").Series} */
    const series = await this.page.ask(() => get("series", query));
    if (asked !== this.#asked) {
      return;
    }
    this.#series = withGaps(series);
    this.#step = usualStep(series);
    this.#draw();
    const known = series.times.length > 0;
    this.gone.hidden = known && !series.gone_before;
    setText(
      this.gone,
      series.gone_before
        ? t("gone_before", { time: moment(series.gone_before) })
        : known
          ? ""
          : t("no_series"),
    );
    const incidents = [...series.incidents].sort((one, other) => (one.started < other.started ? 1 : -1));
    this.incidents.replaceChildren(
      incidentTable(incidents, { sensor: false, buttons: answerable() ? answerButtons : null }),
    );
  }

  /**
   * Handle an event of the daemon; a reading is drawn at once.
   *
   * @param {any} event
   */
  handle(event) {
    if (event.type === "reading" && !document.hidden) {
      this.#append(event);
    }
    this.#ask();
    if (event.type === "incident") {
      this.redraw();
    } else {
      this.#askSeries();
    }
  }

  /**
   * Draw a reading that has just arrived, unless readings before it are missing.
   *
   * @param {import("./types.js").Reading} reading
   */
  #append(reading) {
    const series = this.#series;
    const last = series?.times.at(-1);
    const after = last ? unix(reading.time) - unix(last) : 0;
    if (!series || (last && after <= 0)) {
      return;
    }
    if (after > APART * this.#step) {
      this.#askBehind();
      return;
    }
    this.#newest = reading.time;
    series.times.push(reading.time);
    for (const feature of series.features) {
      const now = reading.features.find(({ name }) => name === feature.name);
      const value = now?.value ?? null;
      for (const line of [feature.mean, feature.min, feature.max]) {
        line.push(value);
      }
      feature.expected.push(now?.expected ?? null);
      feature.lower.push(now?.lower ?? null);
      feature.upper.push(now?.upper ?? null);
    }
    for (const [name, line] of Object.entries(series.scores)) {
      line.push(reading.scores[name] ?? null);
    }
    this.#latest = reading;
    this.#coming ||= requestAnimationFrame(() => this.#drawLatest());
  }

  /** Draw once, however many readings have arrived since the last frame. */
  #drawLatest() {
    this.#coming = 0;
    this.#draw();
    this.#showValues(this.#latest?.features ?? []);
  }

  /** Start and end in Unix seconds, counted back from the newest reading, whose clock may not be ours. */
  #span() {
    const to = this.#newest ? unix(this.#newest) : Date.now() / 1000;
    return /** @type {[number, number]} */ ([to - Number(this.address.get("range")), to]);
  }

  #draw() {
    const series = this.#series;
    if (!series) {
      return;
    }
    const times = series.times.map(unix);
    const shades = series.incidents.map(({ started, ended }) => ({
      from: unix(started),
      to: ended ? unix(ended) : Number.POSITIVE_INFINITY,
    }));
    const frame = { times, shades, span: this.#span(), step: this.#step };
    const shown = this.#all ? series.features : series.features.slice(0, FEW);
    this.more.hidden = shown.length === series.features.length;
    setText(this.more, t("show_all_features", { n: series.features.length }));
    for (const feature of shown) {
      this.#chart(feature.name).show(feature, frame);
    }
    const scored = Object.entries(series.scores).filter(([, line]) => line.some((value) => value !== null));
    this.scores.show(
      scored.map(([, line]) => line),
      frame,
    );
    this.strips.show(
      scored.map(([name]) => named("view", name)),
      scored.map(([, line]) => line),
      frame,
    );
    for (const chart of [this.scores, this.strips]) {
      chart.element.hidden = scored.length === 0;
    }
    for (const chip of /** @type {Iterable<HTMLButtonElement>} */ (this.ranges.children)) {
      chip.setAttribute("aria-pressed", String(chip.value === this.address.get("range")));
    }
  }

  /** @param {string} name of a feature */
  #chart(name) {
    const known = this.#charts.get(name) ?? new FeatureChart();
    if (!this.#charts.has(name)) {
      this.#charts.set(name, known);
      this.features.append(known.element);
    }
    return known;
  }

  #showAll() {
    this.#all = true;
    this.#draw();
  }

  /** @param {number} seconds */
  #choose(seconds) {
    this.address.set({ range: String(seconds) });
    this.redraw();
  }

  /** @param {OneSensor} found */
  #showNow(found) {
    this.state.replaceChildren(
      dot(found.state),
      t(found.state),
      h("small", {}, toGo(found)),
      h("span", { class: "dim" }, found.detector),
      ...Object.entries(found.labels)
        .filter(([name]) => name !== "sensor")
        .map(([name, value]) => h("span", { class: "label" }, `${name}: ${value}`)),
    );
    setText(this.message, found.message ?? "");
    this.#showValues(found.features);
    this.latest.replaceChildren(
      h(
        "div",
        { class: "fact" },
        h("span", {}, t("score")),
        scoreBar(found.score),
        h("small", {}, found.view ? named("view", found.view) : ""),
      ),
      h(
        "div",
        { class: "fact" },
        h("span", {}, t("reading")),
        h("time", { datetime: found.time, title: exact(found.time) }, moment(found.time)),
      ),
    );
    this.#showActions(found);
  }

  /**
   * Replace the buttons only when they change: somebody may be using them.
   *
   * @param {OneSensor} found
   */
  #showActions(found) {
    const about = JSON.stringify([answerable(), found.mute, found.muted_until, found.sensitivity]);
    if (about !== this.actions.dataset.about) {
      const focused = this.actions.contains(document.activeElement);
      this.actions.dataset.about = about;
      this.actions.replaceChildren(...(answerable() ? [...muting(found), sensitivity(found)] : []));
      if (focused) {
        this.actions.querySelector("button")?.focus();
      }
    }
  }

  /** @param {import("./types.js").Feature[]} features */
  #showValues(features) {
    const shown = features
      .slice(0, FEW)
      .map((feature) =>
        h(
          "div",
          { class: `fact${outside(feature) ? " over" : ""}` },
          h("span", {}, features.length > 1 ? feature.name : t("value")),
          h("b", {}, number(feature.value, decimals(feature)), h("span", { class: "unit" }, feature.unit)),
          h("small", {}, usual(feature)),
        ),
      );
    this.values.replaceChildren(...shown);
  }

  /** @param {OneSensor} found */
  #showViews(found) {
    this.views.replaceChildren(
      ...found.views.map(({ name, score: value, judges, on }) =>
        h(
          "tr",
          { class: judges ? "" : "idle" },
          h("th", { scope: "row" }, named("view", name)),
          h("td", {}, scoreBar(value)),
          h("td", {}, t(on ? (judges ? "yes" : "not_yet") : "off")),
        ),
      ),
    );
  }

  /** @param {OneSensor} found */
  #showTold({ answers, settings }) {
    this.answers.replaceChildren(
      answers.length
        ? h(
            "ul",
            { class: "told" },
            answers.map(({ time: at, do: what, by, until, value: n }) =>
              h(
                "li",
                {},
                h("time", { datetime: at }, moment(at)),
                " ",
                h("b", {}, named("did", what)),
                until ? ` ${t("muted_until", { time: moment(until) })}` : "",
                n ? ` ${number(n, 1)}` : "",
                by ? h("span", { class: "dim" }, ` ${by}`) : "",
              ),
            ),
          )
        : h("p", { class: "dim" }, t("told_nothing")),
    );
    this.settings.replaceChildren(
      facts(present(Object.entries(settings).map(([name, value]) => [named("set", name), written(value)]))),
    );
  }
}

/** @param {import("./types.js").Feature} feature */
const outside = ({ value, lower, upper }) =>
  value !== null && ((lower !== null && value < lower) || (upper !== null && value > upper));

/** @param {import("./types.js").Feature} feature */
function usual(feature) {
  const shown = band(feature);
  return shown === "–" ? "" : `${t("usually").toLowerCase()} ${shown}`;
}

/** @param {number} seconds Unix */
const time = (seconds) => new Date(seconds * 1000).toISOString();
