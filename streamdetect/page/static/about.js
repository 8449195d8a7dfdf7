// The running program: version, detectors and their bundles, licences.

import { address, get } from "./api.js";
import { h } from "./dom.js";
import { exact, moment, number, written } from "./format.js";
import { facts, present, section, table } from "./parts.js";
import { t } from "./strings.js";

/**
 * @param {import("./main.js").Page} page
 */
export async function show(page) {
  page.title(t("about"));
  const about = await page.ask(() => get("about"));
  page.main.append(
    h("h1", {}, t("about")),
    h("p", { class: "lead" }, t("about_text")),
    section(
      "streamdetect",
      facts(
        present([
          [t("version"), about.version],
          [t("python"), about.python],
          [
            t("running_since"),
            about.started && h("time", { title: exact(about.started) }, moment(about.started)),
          ],
        ]),
      ),
      h("p", {}, h("a", { href: address("openapi.json") }, t("api"))),
    ),
    section(t("detectors"), (about.detectors ?? []).map(detector)),
    section(
      t("licences"),
      table(
        [t("name"), t("version"), t("licence")],
        (about.licences ?? []).map((/** @type {any} */ one) => [one.name, one.version, one.licence]),
        "words",
      ),
    ),
  );
}

/** @param {any} detector */
function detector({ name, sensors, topics, bundle, settings }) {
  return h(
    "details",
    { open: true },
    h("summary", {}, name),
    facts(
      present([
        [t("sensors"), sensors === undefined ? null : number(sensors)],
        [
          t("topics"),
          topics?.length ? topics.map((/** @type {string} */ topic) => h("code", {}, topic)) : null,
        ],
        [t("architecture"), bundle?.architecture],
        [t("time_steps"), bundle?.time_steps],
        [t("features"), bundle?.features?.join(", ")],
        [t("bundle"), bundle && [`${bundle.name ?? ""} `, h("code", {}, bundle.fingerprint)]],
        ...Object.entries(settings ?? {}).map(
          /** @returns {[string, string]} */ ([key, value]) => [key.replaceAll("_", " "), written(value)],
        ),
      ]),
    ),
  );
}
