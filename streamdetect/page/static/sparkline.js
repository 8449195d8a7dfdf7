// The last values of a sensor as a small drawing over the band that is usual.

import { svg } from "./dom.js";

const WIDTH = 132;
const HEIGHT = 30;
const EDGE = 3;

/**
 * @param {(number | null)[]} values oldest first
 * @param {{lower: number | null, upper: number | null} | undefined} band
 * @returns {SVGElement}
 */
export function sparkline(values, band) {
  const known = values.filter((value) => value !== null);
  const drawing = svg("svg", {
    class: "sparkline",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  if (!known.length) {
    return drawing;
  }
  const { lower = null, upper = null } = band ?? {};
  const bounds = [...known, ...(lower === null || upper === null ? [] : [lower, upper])];
  const [low, high] = [Math.min(...bounds), Math.max(...bounds)];
  const y = (/** @type {number} */ value) =>
    high === low ? HEIGHT / 2 : EDGE + ((high - value) / (high - low)) * (HEIGHT - 2 * EDGE);
  const x = (/** @type {number} */ place) =>
    EDGE + (place / Math.max(values.length - 1, 1)) * (WIDTH - 2 * EDGE);
  if (lower !== null && upper !== null) {
    const height = Math.max(y(lower) - y(upper), 1).toFixed(1);
    drawing.append(svg("rect", { class: "usual", x: 0, y: y(upper).toFixed(1), width: WIDTH, height }));
  }
  let path = "";
  let drawn = false;
  values.forEach((value, place) => {
    if (value !== null) {
      path += `${drawn ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    }
    drawn = value !== null;
  });
  const last = values.findLastIndex((value) => value !== null);
  // Of no length, with round ends: a dot that stays round however wide the drawing is.
  const dot = `M${x(last).toFixed(1)} ${y(values[last] ?? 0).toFixed(1)}h0`;
  drawing.append(svg("path", { class: "course", d: path }), svg("path", { class: "newest", d: dot }));
  return drawing;
}
