"use strict";
(() => {
  const drawn = new Map();

  // The buttons by name: among plotly's own is one that uploads the chart.
  const buttons = [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
  const displayModeBar = matchMedia("(min-width: 40rem)").matches; // on a phone it would lie over the legend
  const options = { responsive: true, displaylogo: false, displayModeBar, modeBarButtons: buttons, plotlyServerURL: "" };

  // Charts take the page's colours, by day and by night.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  function resolved(name) {
    const probe = document.body.appendChild(document.createElement("span"));
    probe.style.color = `var(${name})`;
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  }
  function colours(layout) {
    const [text, line, card] = ["--text", "--line", "--card"].map(resolved);
    const changed = { "font.color": text, paper_bgcolor: card, "hoverlabel.bgcolor": card };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changed[`${name}.gridcolor`] = line;
    }
    return changed;
  }
  // Lines in the colour of text by day, by chart.
  const inked = new Map();
  async function paint(chart) {
    const changed = colours(chart.layout);
    await Plotly.relayout(chart, changed);
    if (inked.get(chart.id).length) {
      await Plotly.restyle(chart, { "line.color": changed["font.color"] }, inked.get(chart.id));
    }
  }
  dark.addEventListener("change", async () => {
    for (const [id, plot] of drawn) {
      await plot;
      await paint(document.getElementById(id));
    }
  });

  // A chart is drawn when it comes near the screen: fifty at once would take a browser many seconds.
  function draw(chart) {
    if (!drawn.has(chart.id)) {
      const figure = JSON.parse(document.getElementById(`${chart.id}-data`).textContent);
      const ink = (trace) => trace.line && trace.line.color === "#333333";
      inked.set(chart.id, [...figure.data.keys()].filter((place) => ink(figure.data[place])));
      const plot = Plotly.newPlot(chart, figure.data, figure.layout, options);
      drawn.set(chart.id, plot.then(() => paint(chart)));
    }
    return drawn.get(chart.id);
  }

  const charts = [...document.querySelectorAll(".chart")];
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        near.unobserve(entry.target);
        draw(entry.target);
      }
    }
  }, { rootMargin: "500px" });
  charts.forEach((chart) => near.observe(chart));
  addEventListener("beforeprint", () => charts.forEach(draw));

  // The part of a chart that a row is about.
  async function show(row) {
    const chart = document.getElementById(row.dataset.chart);
    await draw(chart);
    await Plotly.relayout(chart, { "xaxis.range": [Number(row.dataset.from), Number(row.dataset.to)] });
    document.querySelectorAll("tr.shown").forEach((other) => other.classList.remove("shown"));
    row.classList.add("shown");
    chart.closest("section").scrollIntoView();
  }

  function follow() {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.dataset.chart) {
      show(target);
    }
  }

  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("td a, th a");
    if (link && link.hash === location.hash) {
      follow(); // the same row once more: the address does not change
    }
  });
  follow();
})();
