// The charts of a sensor: a feature in its band, the score, the score of each view as a strip.

import { AXIS, Chart, colour, FONT } from "./chart.js";
import { h } from "./dom.js";
import { band, decimals, number, score } from "./format.js";
import { language, t } from "./strings.js";

/**
 * @typedef {import("./chart.js").Line} Line
 * @typedef {import("./chart.js").Frame} Frame
 * @typedef {import("./chart.js").Options} Options
 */

const FLOOR = 0.05; // scores below it are drawn there: a logarithmic axis has no 0
const ROW = 26; // px of a view
const AXIS_WIDTH = 58; // px; the same in all charts of a page, so that their times line up

/** The values of one feature, from the lowest to the highest of each step, over the band that is usual. */
export class FeatureChart extends Chart {
  /** @type {import("./types.js").SeriesFeature | null} */
  #feature = null;

  constructor() {
    super(220);
  }

  /**
   * @param {import("./types.js").SeriesFeature} feature
   * @param {Frame} frame
   */
  show(feature, frame) {
    this.#feature = feature;
    this.title.textContent = feature.unit ? `${feature.name} (${feature.unit})` : feature.name;
    this.picture.setAttribute("aria-label", t("chart_of", { name: feature.name }));
    const { upper, lower, max, min, expected, mean } = feature;
    this.update(frame, [upper, lower, max, min, expected, mean]);
  }

  /**
   * @override
   * @returns {Options}
   */
  options() {
    const line = (/** @type {string} */ stroke, /** @type {uPlot.Series} */ more = {}) => ({
      stroke: stroke && colour(stroke),
      width: stroke ? 1 : 0,
      points: { show: false },
      ...more,
    });
    return {
      series: [
        line("band-edge"),
        line("band-edge"),
        line(""),
        line(""),
        line("expected", { dash: [4, 4] }),
        line("ink", {
          width: 1.6,
          points: { show: this.frame.times.length < 3, size: 5, fill: colour("ink") },
        }),
      ],
      bands: [
        { series: [1, 2], fill: colour("band") },
        { series: [3, 4], fill: colour("spread") },
      ],
      axis: { values: plain, size: AXIS_WIDTH },
    };
  }

  /**
   * @override
   * @param {number} at
   * @param {string} time
   */
  say(at, time) {
    const [upper, lower, , , expected, mean] = this.lines.map((line) => line[at] ?? null);
    const facts = { upper, lower, expected, value: mean };
    const unit = this.#feature?.unit ? ` ${this.#feature.unit}` : "";
    const usual = band(facts);
    return [
      `${time}  `,
      h("b", {}, number(mean, decimals(facts)) + unit),
      usual === "–" ? "" : `  ${t("usually").toLocaleLowerCase(language)} ${usual}`,
    ];
  }
}

/** The largest score of all views, on a logarithmic axis with the limit at 1. */
export class ScoreChart extends Chart {
  constructor() {
    super(150);
    this.title.textContent = t("score");
    this.picture.setAttribute("aria-label", t("chart_score"));
  }

  /**
   * @param {Line[]} views
   * @param {Frame} frame
   */
  show(views, frame) {
    const largest = frame.times.map((_, at) => most(views.map((view) => view[at] ?? null)));
    this.update(frame, [
      largest.map((value) => (value === null ? null : Math.max(value, FLOOR))),
      frame.times.map(() => 1),
    ]);
  }

  /**
   * @override
   * @returns {Options}
   */
  options() {
    const top = () => Math.max(most(this.lines[0] ?? []) ?? 0, 2) * 1.4;
    return {
      scales: { y: { distr: 3, log: 10, range: () => [FLOOR, top()] } },
      series: [
        { stroke: colour("ink"), width: 1.6, points: { show: false } },
        { stroke: colour("bad"), width: 1, dash: [6, 4], points: { show: false } },
      ],
      axis: {
        splits: () => [0.1, 1, 10, 100, 1000].filter((split) => split < top()),
        values: (_, splits) => splits.map((split) => number(split, split < 1 ? 1 : 0)),
        size: AXIS_WIDTH,
      },
    };
  }

  /**
   * @override
   * @param {number} at
   * @param {string} time
   */
  say(at, time) {
    return [`${time}  `, h("b", {}, score(this.lines[0]?.[at]))];
  }
}

/** A strip for each view. Its colour is deeper for a higher score, and red above the limit. */
export class StripChart extends Chart {
  /** @type {string[]} */
  #names = [];

  constructor() {
    super(AXIS);
    this.title.textContent = t("score_of_views");
    this.picture.setAttribute("aria-label", t("chart_views"));
  }

  /**
   * @param {string[]} names as they are shown
   * @param {Line[]} views
   * @param {Frame} frame
   */
  show(names, views, frame) {
    this.#names = names;
    this.height = AXIS + ROW * names.length;
    this.update(frame, views);
  }

  /**
   * @override
   * @returns {Options}
   */
  options() {
    return {
      top: 0,
      points: { show: false },
      scales: { y: { range: () => [0, this.#names.length] } },
      series: this.#names.map(() => ({ paths: () => null, points: { show: false } })),
      axis: { splits: () => [], values: () => [], size: AXIS_WIDTH, grid: { show: false } },
      draw: (plot) => this.#paint(plot),
    };
  }

  /** @param {uPlot} plot */
  #paint(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const { step } = this.frame;
    const [calm, bad, ink] = [colour("accent"), colour("bad"), colour("dim")];
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.font = FONT.replace("11px", `${11 * ratio}px`);
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    this.lines.forEach((line, row) => {
      const top = bbox.top + row * ROW * ratio;
      ctx.globalAlpha = 1;
      ctx.fillStyle = ink;
      ctx.fillText(this.#names[row] ?? "", bbox.left + 2 * ratio, top + 2 * ratio);
      line.forEach((value, at) => {
        if (value !== null) {
          const time = this.frame.times[at] ?? 0;
          const left = plot.valToPos(time, "x", true);
          const right = plot.valToPos(
            Math.min(this.frame.times[at + 1] ?? time + step, time + step),
            "x",
            true,
          );
          ctx.fillStyle = value > 1 ? bad : calm;
          ctx.globalAlpha =
            value > 1 ? Math.min(0.65 + 0.1 * Math.log2(value), 1) : 0.08 + 0.4 * Math.max(value, 0);
          ctx.fillRect(left, top + 15 * ratio, Math.max(right - left, 1), 8 * ratio);
        }
      });
    });
    ctx.restore();
  }

  /**
   * @override
   * @param {number} at
   * @param {string} time
   */
  say(at, time) {
    const scored = this.lines.map((line, row) => ({ name: this.#names[row] ?? "", value: line[at] ?? null }));
    const highest = scored
      .filter(({ value }) => value !== null)
      .sort((one, other) => Number(other.value) - Number(one.value));
    const [first] = highest;
    return first ? [`${time}  ${first.name} `, h("b", {}, score(first.value))] : [time];
  }
}

/**
 * @param {Line} values
 * @returns {number | null}
 */
function most(values) {
  return values.reduce(
    (high, value) => (value === null || (high !== null && high >= value) ? high : value),
    null,
  );
}

/** @type {uPlot.Axis.DynamicValues} */
function plain(_plot, splits, _axis, _space, step) {
  let places = 0;
  while (places < 9 && Math.abs(step * 10 ** places - Math.round(step * 10 ** places)) > 1e-6) {
    places += 1;
  }
  return splits.map((split) => number(split, places));
}
