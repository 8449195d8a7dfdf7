// The daemon's health: its connection, its throughput, the messages it rejected, the topics it receives.

import { get } from "./api.js";
import { h } from "./dom.js";
import { duration, exact, moment, number, size } from "./format.js";
import { dot, facts, present, section, sensorAddress, table } from "./parts.js";
import { t } from "./strings.js";

const PAUSE = 2_000; // ms

/**
 * @param {import("./main.js").Page} page
 */
export async function show(page) {
  page.title(t("health"));
  const place = h("div");
  page.main.append(h("h1", {}, t("health")), place);
  let seen = "";
  const refresh = async () => {
    const health = await page.ask(() => get("health"));
    if (JSON.stringify(health) !== seen) {
      seen = JSON.stringify(health);
      place.replaceChildren(...parts(health));
    }
  };
  await refresh();
  page.live({}, () => {});
  setInterval(() => document.hidden || refresh(), PAUSE);
}

/** @param {any} health */
function parts({
  ready,
  reason,
  connection,
  throughput,
  uptime_seconds: uptime,
  version,
  rejected,
  topics,
  sinks,
  history,
}) {
  return [
    h(
      "div",
      { class: "columns" },
      section(
        t("connection"),
        h(
          "p",
          { class: "state" },
          dot(connection?.connected ? "normal" : "anomalous"),
          connected(connection),
        ),
        h(
          "p",
          { class: "state" },
          dot(ready ? "normal" : "anomalous"),
          t(ready ? "ready" : "not_ready"),
          reason && `: ${reason}`,
        ),
        facts(
          present([
            [t("problem"), connection?.problem],
            [t("since"), connection?.since && moment(connection.since)],
            [t("client_id"), connection?.client_id],
            [t("uptime"), uptime && duration(uptime)],
            [t("version"), version],
          ]),
        ),
      ),
      section(
        t("throughput"),
        facts(
          present([
            [t("readings_per_second"), numeric(throughput?.readings_per_second, 1)],
            [t("messages_per_second"), numeric(throughput?.messages_per_second, 1)],
            [t("queue"), numeric(throughput?.queue)],
            [
              t("latency"),
              throughput?.latency_seconds != null && `${number(throughput.latency_seconds * 1000, 1)} ms`,
            ],
            [
              t("kept"),
              history && t("kept_of", { used: size(history.bytes), budget: size(history.budget_bytes) }),
            ],
            [t("kept_since"), oldest(history)],
            [t("problem"), history?.problem],
          ]),
        ),
      ),
    ),
    section(
      t("rejected"),
      rejected?.length
        ? h("ul", { class: "rejected" }, rejected.map(refused))
        : h("p", { class: "dim" }, t("rejected_none")),
    ),
    section(
      t("topics"),
      topics?.length
        ? table([t("topic"), t("detector"), t("sensor")], topics.map(heard), "words")
        : h("p", { class: "dim" }, t("topics_none")),
    ),
    sinks?.length &&
      section(
        t("sinks"),
        table(
          [t("sink"), t("pending"), t("undelivered")],
          sinks.map((/** @type {any} */ one) => [one.name, numeric(one.pending), numeric(one.failed)]),
        ),
      ),
  ].filter((part) => part instanceof Node);
}

/**
 * The time of the oldest reading that is kept.
 *
 * @param {any} history
 */
function oldest(history) {
  const [first] = (history?.steps ?? [])
    .map((/** @type {any} */ step) => step.oldest)
    .filter(Boolean)
    .sort();
  return first && moment(first);
}

/** @param {any} connection */
function connected(connection) {
  const host = [connection?.host, connection?.port].filter(Boolean).join(":");
  return t(connection?.connected ? "connected" : "disconnected", { host });
}

/**
 * A row for a topic: its detectors and its sensors, or why there are none.
 *
 * @param {any} topic
 */
function heard({ topic, sensors = [], problem }) {
  const detectors = [...new Set(sensors.map((/** @type {any} */ one) => one.detector))].join(", ");
  const known = sensors.filter((/** @type {any} */ one) => one.sensor !== null);
  const links = known.map((/** @type {any} */ one) => h("a", { href: sensorAddress(one) }, one.sensor));
  return [
    h("code", {}, topic),
    detectors || "–",
    problem ? h("span", { class: "wrong" }, problem) : links.length ? links : "–",
  ];
}

/**
 * One reason for which messages were rejected, with a sample.
 *
 * @param {any} rejection
 */
function refused({ detector, reason, count, last, topic, payload, path, detail }) {
  return h(
    "li",
    {},
    h(
      "div",
      { class: "head" },
      h("b", {}, reason.replaceAll("_", " ")),
      h("span", {}, number(count), last && [" · ", stamp(last)]),
    ),
    facts(
      present([
        [t("why"), detail && h("span", { lang: "en" }, detail)],
        [t("detector"), detector],
        [t("topic"), topic && h("code", {}, topic)],
        [t("path_missing"), path && h("code", {}, path)],
        [t("sample"), payload && h("pre", { tabindex: "0", "aria-label": t("sample") }, payload)],
      ]),
    ),
  );
}

/**
 * @param {unknown} value
 * @param {number} [places]
 */
const numeric = (value, places = 0) => (typeof value === "number" ? number(value, places) : null);

/** @param {string | null} time */
const stamp = (time) => (time ? h("time", { datetime: time, title: exact(time) }, moment(time)) : "–");
