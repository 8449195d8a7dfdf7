// A chart over time, drawn by uPlot: its axis of times, shades, theme, and the text for a point.

import { h } from "./dom.js";
import { moment } from "./format.js";
import { language } from "./strings.js";

/** @typedef {(number | null)[]} Line */
/** @typedef {{from: number, to: number}} Shade Unix seconds */
/**
 * @typedef {object} Options what one kind of chart sets
 * @property {uPlot.Series[]} series
 * @property {uPlot.Axis} axis of the values
 * @property {uPlot.Scales} [scales]
 * @property {uPlot.Band[]} [bands]
 * @property {(plot: uPlot) => void} [draw] over it
 * @property {{show: boolean}} [points] under the pointer
 * @property {number} [top] px above it
 */
/** @typedef {{times: number[], span: [number, number], shades: Shade[], step: number}} Frame a step in seconds */

export const AXIS = 34; // px of the axis of times
export const FONT = '11px system-ui, "Segoe UI", sans-serif';

/** @type {Promise<typeof import("uplot")> | undefined} */
let library;

/** uPlot, which only pages with charts load. */
function load() {
  library ??= new Promise((resolve, reject) => {
    const script = h("script", { src: "static/uplot/uplot.iife.min.js" });
    script.onload = () => resolve(/** @type {any} */ (globalThis).uPlot);
    script.onerror = reject;
    document.head.append(h("link", { rel: "stylesheet", href: "static/uplot/uplot.min.css" }), script);
  });
  return library;
}

/** A chart with a line of text for the point under the pointer, or else the newest. */
export class Chart {
  /** @type {uPlot | null} */
  #plot = null;
  /** @type {Frame} */
  frame = { times: [], span: [0, 1], shades: [], step: 1 };
  /** @type {Line[]} */
  lines = [];
  #drawing = false;

  /** @param {number} height px */
  constructor(height) {
    this.height = height;
    this.picture = h("div", { class: "picture", role: "img" });
    this.title = h("h3");
    this.readout = h("p", { class: "readout" });
    this.element = h(
      "div",
      { class: "chart" },
      h("div", { class: "chart-head" }, this.title, this.readout),
      this.picture,
    );
    new ResizeObserver(() => this.#fit()).observe(this.picture);
    document.addEventListener("theme", () => this.#draw());
  }

  /**
   * Show other data. The zoom stays while the span keeps its length.
   *
   * @param {Frame} frame
   * @param {Line[]} lines
   */
  update(frame, lines) {
    const moved = frame.span[1] - frame.span[0] !== this.frame.span[1] - this.frame.span[0];
    const { min, max } = this.#plot?.scales.x ?? {};
    const zoomed = !moved && min !== undefined && (min !== this.frame.span[0] || max !== this.frame.span[1]);
    const same = lines.length === this.lines.length;
    this.frame = frame;
    this.lines = lines;
    if (this.#plot && same) {
      this.#plot.setData(this.#data(), !zoomed);
      if (zoomed) {
        this.#plot.redraw();
      }
    } else {
      this.#draw();
    }
    this.#say(null);
  }

  /** @returns {uPlot.AlignedData} */
  #data() {
    return [this.frame.times, ...this.lines];
  }

  async #draw() {
    if (this.#drawing || !this.lines.length) {
      return;
    }
    this.#drawing = true;
    const Plot = await load();
    this.#drawing = false;
    this.#plot?.destroy();
    const ink = colour("dim");
    const grid = { stroke: colour("line"), width: 1 };
    const own = this.options();
    this.#plot = new Plot(
      {
        width: this.picture.clientWidth || 300,
        height: this.height,
        padding: [own.top ?? 10, 18, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "time" }, y: false, points: own.points ?? {}, drag: { x: true, y: false } },
        scales: { x: { time: true, range: () => this.frame.span }, ...own.scales },
        axes: [
          { stroke: ink, grid, ticks: grid, font: FONT, size: AXIS, values: clock, space: 64 },
          { stroke: ink, grid, ticks: { show: false }, font: FONT, ...own.axis },
        ],
        series: [{}, ...own.series],
        bands: own.bands ?? [],
        hooks: {
          drawClear: [(plot) => this.#shade(plot)],
          draw: own.draw ? [own.draw] : [],
          setCursor: [(plot) => this.#say(plot.cursor.idx ?? null)],
        },
      },
      this.#data(),
      this.picture,
    );
  }

  #fit() {
    const width = this.picture.clientWidth;
    if (this.#plot && width && this.#plot.width !== width) {
      this.#plot.setSize({ width, height: this.height });
    }
  }

  /** @param {uPlot} plot */
  #shade(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = colour("incident");
    for (const { from, to } of this.frame.shades) {
      const left = Math.max(plot.valToPos(from, "x", true), bbox.left);
      const right = Math.min(plot.valToPos(to, "x", true), bbox.left + bbox.width);
      if (right > left) {
        ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height);
      }
    }
    ctx.restore();
  }

  /** @param {number | null} place under the pointer */
  #say(place) {
    const at = place ?? this.frame.times.length - 1;
    const time = this.frame.times[at];
    this.readout.replaceChildren(...(time === undefined ? [] : this.say(at, when(time))));
  }

  /** @returns {Options} */
  options() {
    throw new Error("each kind of chart has options of its own");
  }

  /**
   * @param {number} _at place
   * @param {string} _time
   * @returns {(Node | string)[]}
   */
  say(_at, _time) {
    return [];
  }
}

/**
 * A colour of the style sheet as a canvas takes it, in the theme that is shown.
 *
 * @param {string} name
 */
export function colour(name) {
  const probe = h("span", { hidden: true });
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

/** @param {number} seconds Unix */
const when = (seconds) => moment(new Date(seconds * 1000).toISOString());

/** @type {uPlot.Axis.DynamicValues} */
function clock(_plot, splits, _axis, _space, step) {
  const hours = new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    second: step < 60 ? "2-digit" : undefined,
    hourCycle: "h23",
  });
  const days = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
  return splits.map((split) => {
    const at = new Date(split * 1000);
    const midnight = at.getHours() + at.getMinutes() + at.getSeconds() === 0;
    return (midnight || step >= 86_400 ? days : hours).format(at);
  });
}
