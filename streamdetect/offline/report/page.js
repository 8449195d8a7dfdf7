"use strict";
(() => {
  const drawn = new Map();

  // The buttons by name: among plotly's own is one that uploads the chart.
  const buttons = [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];
  const options = { responsive: true, displaylogo: false, modeBarButtons: buttons, plotlyServerURL: "" };

  // A chart is drawn when it comes near the screen: fifty at once would take a browser many seconds.
  function draw(chart) {
    if (!drawn.has(chart.id)) {
      const figure = JSON.parse(document.getElementById(`${chart.id}-data`).textContent);
      drawn.set(chart.id, Plotly.newPlot(chart, figure.data, figure.layout, options));
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
