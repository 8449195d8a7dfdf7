// Numbers, times and spans of time as people of the chosen language write them.

import { language, t } from "./strings.js";

const MINUS = "\u2212";
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/**
 * As many decimals as tell the band's edges apart, else three digits: as the daemon's own messages have it.
 *
 * @param {{lower?: number | null, upper?: number | null, value?: unknown}} feature
 * @returns {number}
 */
export function decimals({ lower, upper, value }) {
  if (typeof lower === "number" && typeof upper === "number" && upper > lower) {
    return clip(1 - Math.floor(Math.log10(upper - lower)));
  }
  return typeof value === "number" && value ? clip(2 - Math.floor(Math.log10(Math.abs(value)))) : 0;
}

/** @param {number} places */
const clip = (places) => Math.min(Math.max(places, 0), 9);

/**
 * @param {unknown} value a number, or nothing
 * @param {number} [places]
 * @returns {string}
 */
export function number(value, places = 0) {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    return "–";
  }
  /** @type {Intl.NumberFormatOptions} */
  const shown = { minimumFractionDigits: places, maximumFractionDigits: places, signDisplay: "negative" };
  return new Intl.NumberFormat(language, shown).format(value).replace("-", MINUS);
}

/**
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function score(value) {
  return number(value, typeof value === "number" && value >= 100 ? 0 : value && value >= 10 ? 1 : 2);
}

/**
 * A number in at most four digits.
 *
 * @param {unknown} value
 * @returns {string}
 */
function brief(value) {
  return typeof value === "number"
    ? new Intl.NumberFormat(language, { maximumSignificantDigits: 4 }).format(value).replace("-", MINUS)
    : "–";
}

/**
 * The band, in the digits that tell its edges apart.
 *
 * @param {{lower?: number | null, upper?: number | null, expected?: number | null, value?: unknown}} feature
 * @returns {string}
 */
export function band(feature) {
  const { lower, upper, expected } = feature;
  const places = decimals(feature);
  if (typeof lower === "number" && typeof upper === "number") {
    return t("band", { lower: number(lower, places), upper: number(upper, places) });
  }
  return typeof expected === "number" ? number(expected, places) : "–";
}

/**
 * 45 s, 20 min, 1 h 30 min, 3 d.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (Math.round(seconds) < MINUTE) {
    return `${number(Math.max(seconds, 0))} s`;
  }
  const minutes = Math.round(seconds / MINUTE);
  if (minutes < DAY / MINUTE) {
    return minutes < MINUTE ? `${minutes} min` : two(Math.floor(minutes / 60), minutes % 60, "h", "min");
  }
  const hours = Math.round(seconds / HOUR);
  return two(Math.floor(hours / 24), hours % 24, t("days"), "h");
}

/**
 * @param {number} large
 * @param {number} small
 * @param {string} unit
 * @param {string} smaller
 */
function two(large, small, unit, smaller) {
  return `${number(large)} ${unit}${small ? ` ${small} ${smaller}` : ""}`;
}

/**
 * @param {string} from
 * @param {string | null} to now, if null
 * @returns {number} seconds
 */
export function between(from, to) {
  return ((to === null ? Date.now() : Date.parse(to)) - Date.parse(from)) / 1000;
}

/**
 * A time: the time of day if it is today, else with the date.
 *
 * @param {string | null | undefined} time
 * @returns {string}
 */
export function moment(time) {
  if (!time) {
    return "–";
  }
  const at = new Date(time);
  const today = at.toDateString() === new Date().toDateString();
  return (today ? CLOCK : DATED).format(at);
}

/**
 * The full date and time, for a tooltip.
 *
 * @param {string | null | undefined} time
 */
export const exact = (time) => (time ? EXACT.format(new Date(time)) : "");

/** @type {Intl.DateTimeFormatOptions} */
const hours = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const CLOCK = new Intl.DateTimeFormat(language, hours);
const DATED = new Intl.DateTimeFormat(language, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const EXACT = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });

/**
 * @param {number | null | undefined} bytes
 */
export function size(bytes) {
  if (typeof bytes !== "number") {
    return "–";
  }
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 3);
  return `${number(bytes / 1024 ** power, power ? 1 : 0)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}

/**
 * A setting as text, whatever its type.
 *
 * @param {unknown} value
 * @returns {string}
 */
export function written(value) {
  if (Array.isArray(value)) {
    return value.map(written).filter(Boolean).join(", ");
  }
  if (typeof value === "object" && value) {
    const { name, low, high, ...rest } = /** @type {Record<string, any>} */ (value);
    if ("low" in value || "high" in value) {
      return low === null && high === null ? "" : `${name} ${brief(low)} … ${brief(high)}`;
    }
    return Object.entries({ ...(name === undefined ? {} : { name }), ...rest })
      .map(([key, one]) => `${key}: ${written(one)}`)
      .join(", ");
  }
  return typeof value === "number" ? brief(value) : String(value ?? "–");
}
