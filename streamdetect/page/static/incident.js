// One incident: why, how it went, what happened at the same time.

import { answerable, answerButtons, muting } from "./answers.js";
import { get } from "./api.js";
import { FeatureChart, StripChart } from "./charts.js";
import { h } from "./dom.js";
import { band, between, decimals, duration, exact, moment, number } from "./format.js";
import { incidentTable } from "./incidents.js";
import { dot, facts, scoreBar, section, sensorAddress, sensorText } from "./parts.js";
import { apartAround, ofReadings, seconds, usualStep, withGaps } from "./series.js";
import { named, t } from "./strings.js";

/** @typedef {import("./types.js").Incident} Incident */

const AROUND = 1_800; // s before and after it that are shown at least
const SHARE = 0.75; // of its duration, shown before and after it where that is more
const POINTS = 500;
const FEW = 4; // features that are drawn

/**
 * @param {import("./main.js").Page} page
 */
export async function show(page) {
  const id = page.query.get("id") ?? "";
  const place = h("div");
  page.main.append(place);
  const path = `incidents/${encodeURIComponent(id)}`;
  const refresh = async () => {
    /** @type {Incident} */
    const incident = await page.ask(() => get(path));
    page.title(incident.message);
    place.replaceChildren(...(await parts(page, incident)));
  };
  await page.session;
  await refresh();
  page.live({}, ({ type, incident }) => {
    if (type === "incident" && incident?.id === id) {
      refresh();
    }
  });
  document.addEventListener("answered", refresh);
  document.addEventListener("session", refresh);
}

/**
 * @param {import("./main.js").Page} page
 * @param {Incident} incident
 * @returns {Promise<Node[]>}
 */
async function parts(page, incident) {
  const { severity, ended, message, group = [], label } = incident;
  return [
    h(
      "div",
      { class: "head" },
      h(
        "div",
        {},
        h("h1", { lang: "en" }, message),
        h(
          "p",
          { class: "state" },
          dot(`${severity}${ended ? " closed" : ""}`),
          `${t(severity)}, ${t(ended ? "closed" : "open").toLocaleLowerCase()}`,
          h("a", { href: sensorAddress(incident) }, sensorText(incident)),
          label && h("span", { class: "label" }, t(label === "true" ? "answered_true" : "answered_false")),
        ),
      ),
      h(
        "div",
        { class: "actions" },
        answerable() && [
          ...answerButtons(incident),
          ...muting({ sensor: incident.sensor, muted: false, mute: null }),
        ],
      ),
    ),
    await charts(page, incident),
    h(
      "div",
      { class: "columns" },
      section(t("why"), why(incident), scores(incident)),
      section(t("course"), course(incident)),
    ),
    section(
      t("group"),
      group.length
        ? incidentTable(group, { sensor: true, buttons: null })
        : h("p", { class: "dim" }, t("alone")),
    ),
  ];
}

/**
 * @param {import("./main.js").Page} page
 * @param {Incident} incident
 */
async function charts(page, { detector, sensor, started, ended, newest, feature, unit, readings }) {
  const begin = seconds(started);
  const end = seconds(ended ?? newest);
  const around = Math.max(AROUND, (end - begin) * SHARE);
  const span = /** @type {[number, number]} */ ([begin - around, ended ? end + around : end + around / 4]);
  const [from, to] = span.map((at) => new Date(at * 1000).toISOString());
  /** @type {import("./types.js").Series} */
  const past = await page.ask(() => get("series", { detector, sensor, from, to, points: POINTS }));
  const reaches = past.times.some((time) => seconds(time) >= begin - past.step && seconds(time) <= end);
  // The series of all sensors may be too young, or gone; an incident keeps readings of its own.
  const own = reaches || !readings ? null : ofReadings(readings, (name) => unitOf(unit, name));
  const kept = own ?? past;
  const series = own ? withGaps(own, apartAround(own, end - begin)) : withGaps(past);
  const place = h("section", { class: "card charts" }, h("h2", { class: "unseen" }, t("range")));
  if (!series.times.length) {
    place.append(h("p", { class: "dim" }, t("no_series")));
    return place;
  }
  const times = series.times.map(seconds);
  const frame = {
    times,
    span,
    step: usualStep(kept),
    shades: [{ from: begin, to: ended ? end : Number.POSITIVE_INFINITY }],
  };
  const worstFirst = [...series.features].sort(
    (one, other) => Number(other.name === feature) - Number(one.name === feature),
  );
  for (const one of worstFirst.slice(0, FEW)) {
    const chart = new FeatureChart();
    place.append(chart.element);
    chart.show(one, frame);
  }
  const scored = Object.entries(series.scores).filter(([, line]) => line.some((value) => value !== null));
  if (scored.length) {
    const strips = new StripChart();
    place.append(strips.element);
    strips.show(
      scored.map(([name]) => named("view", name)),
      scored.map(([, line]) => line),
      frame,
    );
  }
  return place;
}

/**
 * @param {string | Record<string, string> | null} unit
 * @param {string} feature
 */
const unitOf = (unit, feature) => (typeof unit === "string" ? unit : (unit?.[feature] ?? ""));

/** @param {Incident} incident */
function why(incident) {
  const { kind, direction, feature, unit, started, ended, peak, reason, value } = incident;
  const of = (/** @type {any} */ some) =>
    some && typeof some === "object" ? (some[feature ?? ""] ?? null) : (some ?? null);
  const told = {
    value: of(value),
    expected: of(incident.expected),
    lower: of(incident.lower),
    upper: of(incident.upper),
  };
  const places = decimals({ ...told, value: of(peak?.value) ?? told.value });
  const direct = direction ? ` ${named("direction", direction)}` : "";
  const withUnit = (/** @type {string} */ text) => (text === "–" || !unit ? text : `${text} ${unit}`);
  /** @type {[string, import("./dom.js").Child][]} */
  const pairs = [
    [t("kind"), kind ? `${named("kind", kind)}${direct}` : "–"],
    [t("value"), withUnit(number(told.value, places))],
    [t("usually"), withUnit(band(told))],
    [t("worst"), withUnit(number(of(peak?.value), places))],
    [t("started"), h("time", { datetime: started, title: exact(started) }, moment(started))],
    [t("lasted"), ended ? duration(between(started, ended)) : t("goes_on")],
  ];
  if (feature && typeof value === "object") {
    pairs.splice(1, 0, [t("feature"), feature]);
  }
  if (ended) {
    pairs.push([t("over"), reason ? named("reason", reason) : "–"]);
  }
  return facts(pairs);
}

/** @param {Incident} incident */
function scores({ views }) {
  const sorted = Object.entries(views ?? {}).sort(([, one], [, other]) => Number(other) - Number(one));
  return h(
    "table",
    { class: "views" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("view")), h("th", { scope: "col" }, t("worst")))),
    h(
      "tbody",
      {},
      sorted.map(([name, score]) =>
        h("tr", {}, h("th", { scope: "row" }, named("view", name)), h("td", {}, scoreBar(score))),
      ),
    ),
  );
}

/** @param {Incident} incident */
function course({ edges = [] }) {
  return h(
    "ol",
    { class: "course" },
    edges.map(({ time, edge, message }) =>
      h(
        "li",
        {},
        h("time", { datetime: time, title: exact(time) }, moment(time)),
        h("b", {}, named("edge", edge)),
        h("span", { lang: "en" }, message),
      ),
    ),
  );
}
