// Requests of people to the daemon: login, mutes, sensitivity, and answers to alarms.

import { ApiError, logIn, logOut, send, who } from "./api.js";
import { h, setText } from "./dom.js";
import { number } from "./format.js";
import { t } from "./strings.js";

const SPANS = /** @type {const} */ ([
  ["mute_hour", 3_600],
  ["mute_shift", 8 * 3_600],
  ["mute_day", 86_400],
  ["mute_week", 7 * 86_400],
]);

/** The button to log in or out; none where nobody can log in. */
export function account() {
  const session = who();
  if (!session || !(session.ways?.length || session.login)) {
    return [];
  }
  const leave = async () => {
    await logOut();
    document.dispatchEvent(new Event("session"));
  };
  return [
    session.login
      ? h("button", { type: "button", onclick: leave }, t("log_out"))
      : h("button", { type: "button", onclick: () => askForLogin() }, t("log_in")),
  ];
}

/**
 * Ask for a token, or a name and a password.
 *
 * @returns {Promise<boolean>} whether somebody is logged in now
 */
function askForLogin() {
  const ways = who()?.ways ?? [];
  const field = (/** @type {"token" | "name" | "password"} */ name) =>
    h(
      "label",
      {},
      h("span", {}, t(name)),
      h("input", {
        name,
        type: name === "name" ? "text" : "password",
        autocomplete: name === "name" ? "username" : "current-password",
        required: ways.length === 1,
      }),
    );
  const wrong = h("p", { class: "wrong", role: "alert" });
  const form = h(
    "form",
    {},
    h("h2", { id: "log-in" }, t("log_in")),
    h("p", {}, t("log_in_why")),
    // A browser wants a name for each password.
    ways.includes("token") && [h("input", { autocomplete: "username", hidden: true }), field("token")],
    ways.includes("password") && [field("name"), field("password")],
    wrong,
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "submit", class: "main" }, t("log_in")),
      h("button", { type: "button", onclick: () => dialog.close() }, t("cancel")),
    ),
  );
  const dialog = h("dialog", { "aria-labelledby": "log-in" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = [...new FormData(form)].filter(([, value]) => value !== "");
    try {
      await logIn(Object.fromEntries(given));
      dialog.close();
    } catch (error) {
      setText(wrong, refusal(error));
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      document.dispatchEvent(new Event("session"));
      done(Boolean(who()?.may_write));
    });
  });
}

/** @param {unknown} error */
function refusal(error) {
  if (!(error instanceof ApiError)) {
    throw error;
  }
  if (error.status === 429) {
    return t("guessed_too_often", { seconds: error.after ?? 60 });
  }
  return error.status === 401 || error.status === 403
    ? t("wrong_login")
    : t("failed", { message: error.message });
}

/**
 * Tell the daemon something, after a login if need be, and say how it went.
 *
 * @param {string} path
 * @param {object} body
 * @param {string} done what to say when it is done
 */
async function answer(path, body, done) {
  if (!who()?.may_write && !(await askForLogin())) {
    return;
  }
  try {
    await send("POST", path, body);
    toast(done);
    document.dispatchEvent(new Event("answered"));
  } catch (error) {
    toast(refusal(error));
  }
}

/** @param {string} text */
function toast(text) {
  const shown = h("p", { class: "toast", role: "status" });
  document.body.append(shown);
  setText(shown, text); // only now, so that screen readers read it out
  setTimeout(() => shown.remove(), 6_000);
}

/** True if a visitor can change something here, perhaps after a login. */
export const answerable = () => Boolean(who()?.may_write || who()?.ways?.length);

/**
 * Mute a sensor for a while, or unmute it.
 *
 * @param {Pick<import("./types.js").Sensor, "sensor" | "muted" | "mute">} sensor
 * @returns {HTMLElement[]}
 */
export function muting({ sensor, muted, mute: glob }) {
  if (muted) {
    const back = () => answer("unmute", { glob }, t("done_unmute", { sensor }));
    return glob === null ? [] : [h("button", { type: "button", onclick: back }, t("unmute"))];
  }
  const select = h(
    "select",
    { "aria-label": t("mute_for") },
    SPANS.map(([name, seconds]) => h("option", { value: seconds }, t(name))),
  );
  const mute = () => answer("mute", { sensor, seconds: Number(select.value) }, t("done_mute", { sensor }));
  return [h("span", { class: "joined" }, h("button", { type: "button", onclick: mute }, t("mute")), select)];
}

/**
 * Set how sensitive the daemon is to a sensor's deviations.
 *
 * @param {import("./types.js").Sensor} sensor
 */
export function sensitivity({ sensor, sensitivity: now }) {
  const input = h("input", {
    type: "number",
    min: "0.1",
    max: "10",
    step: "0.1",
    value: now ?? 1,
    "aria-label": t("sensitivity"),
    title: t("sensitivity_why"),
  });
  const set = () => {
    const n = Number(input.value);
    return answer(
      "sensitivity",
      { sensor, sensitivity: n },
      t("done_sensitivity", { sensor, n: number(n, 1) }),
    );
  };
  return h(
    "span",
    { class: "joined" },
    h("span", { class: "name", title: t("sensitivity_why") }, t("sensitivity")),
    input,
    h("button", { type: "button", onclick: set }, t("sensitivity_set")),
  );
}

/**
 * The buttons that say whether an alarm was real.
 *
 * @param {import("./types.js").Incident} incident
 * @returns {HTMLElement[]}
 */
export function answerButtons({ id, label }) {
  const button = (/** @type {"true" | "false"} */ said, /** @type {string} */ text) =>
    h(
      "button",
      {
        type: "button",
        "aria-pressed": String(label === said),
        onclick: () =>
          answer(`incidents/${encodeURIComponent(id)}/feedback`, { answer: said }, t(`done_${said}`)),
      },
      text,
    );
  return [h("span", { class: "joined" }, button("true", t("true_alarm")), button("false", t("false_alarm")))];
}
