// The frame of every page: its links, whether it is live, language, colours, login.

import { account } from "./answers.js";
import { ApiError, listen, refreshSession } from "./api.js";
import { h, setAttribute, setText } from "./dom.js";
import { language, languages, t } from "./strings.js";

/**
 * @typedef {object} Page
 * @property {HTMLElement} main where its content goes
 * @property {URLSearchParams} query of its address
 * @property {Promise<unknown>} session resolved when it is known who is logged in
 * @property {<Answer>(question: () => Promise<Answer>) => Promise<Answer>} ask repeats the question until the daemon answers
 * @property {(query: Record<string, string>, told: (event: any) => void) => void} live listens to the daemon's events
 * @property {(title: string) => void} title of the window
 */

const AGAIN = 3_000; // ms
const PAGES = /** @type {const} */ ({
  sensors: "",
  incidents: "incidents",
  health: "health",
  about: "about",
});

const notice = h("p", { class: "notice", role: "status", hidden: true });
const live = h("span", { class: "live", role: "status" });
const main = h("main", { id: "main", tabindex: "-1" });

const base = new URL(document.baseURI).pathname;
const place = location.pathname.slice(base.length);

/** The module of the page that this address names. */
async function pageModule() {
  switch (place) {
    case "":
      return import("./sensors.js");
    case "sensor":
      return import("./sensor.js");
    case "incidents":
      return import("./incidents.js");
    case "incident":
      return import("./incident.js");
    case "health":
      return import("./health.js");
    case "about":
      return import("./about.js");
    default:
      throw new ApiError(404, "");
  }
}

/** @type {Page} */
const page = {
  main,
  query: new URLSearchParams(location.search),
  session: Promise.resolve(),
  async ask(question) {
    for (;;) {
      try {
        const answer = await question();
        notice.hidden = true;
        return answer;
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status && error.status < 500)) {
          throw error;
        }
        tell(t("no_answer"));
        await new Promise((again) => setTimeout(again, error.after ? error.after * 1000 : AGAIN));
      }
    }
  },
  live(query, told) {
    listen(query, {
      message: told,
      state(isLive) {
        live.classList.toggle("off", !isLive);
        setText(live, t(isLive ? "live" : "not_live"));
      },
    });
  },
  title(title) {
    document.title = `${title} – streamdetect`;
  },
};

/** @param {string} text */
function tell(text) {
  notice.hidden = false;
  setText(notice, text);
}

function links() {
  return Object.entries(PAGES).map(([name, address]) => {
    const here = place === address || (address ? `${place}s` === address : place === "sensor");
    return h(
      "a",
      { href: address || "./", "aria-current": here && "page" },
      t(/** @type {keyof typeof PAGES} */ (name)),
    );
  });
}

/** The choice of a language; the page reloads in it. */
function languageChoice() {
  const select = h(
    "select",
    {
      "aria-label": t("choose_language"),
      onchange() {
        localStorage.setItem("language", select.value);
        location.reload();
      },
    },
    Object.entries(languages).map(([code, table]) =>
      h("option", { value: code, lang: code, selected: code === language }, table.language),
    ),
  );
  return select;
}

/** The choice between light and dark. */
function themeChoice() {
  const select = h(
    "select",
    {
      "aria-label": t("theme"),
      onchange() {
        localStorage.setItem("theme", select.value);
        setAttribute(document.documentElement, "data-theme", select.value === "auto" ? null : select.value);
        document.dispatchEvent(new Event("theme"));
      },
    },
    /** @type {const} */ (["auto", "light", "dark"]).map((name) =>
      h(
        "option",
        { value: name, selected: name === (localStorage.getItem("theme") ?? "auto") },
        t(`theme_${name}`),
      ),
    ),
  );
  return select;
}

async function begin() {
  document.documentElement.lang = language;
  const skip = h(
    "a",
    { class: "skip", href: `${location.pathname}${location.search}#main`, onclick: () => main.focus() },
    t("skip"),
  );
  const who = h("span");
  document.body.replaceChildren(
    skip,
    h(
      "header",
      {},
      h(
        "a",
        { class: "brand", href: "./" },
        h("img", { src: "static/icon.svg", alt: "", width: 26, height: 26 }),
        "streamdetect",
      ),
      h("nav", { "aria-label": t("nav") }, links()),
      h("div", { class: "tools" }, live, languageChoice(), themeChoice(), who),
    ),
    notice,
    main,
  );
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    document.dispatchEvent(new Event("theme")),
  );
  addEventListener("unhandledrejection", (event) => failed(event));
  document.addEventListener("session", () => who.replaceChildren(...account()));
  page.session = page.ask(refreshSession);
  page.session.then(() => who.replaceChildren(...account()));
  const module = await pageModule();
  await Promise.all([page.session, module.show(page)]);
}

/**
 * Shows an error of the API that no page caught. Any other error is a bug, and goes to the console.
 *
 * @param {{reason: unknown, preventDefault: () => void}} event
 */
function failed(event) {
  if (event.reason instanceof ApiError) {
    event.preventDefault();
    tell(event.reason.status === 404 ? t("not_found") : t("failed", { message: event.reason.message }));
  }
}

await begin().catch((reason) => {
  if (!(reason instanceof ApiError)) {
    throw reason;
  }
  failed({ reason, preventDefault: () => {} });
});
