"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const print = matchMedia("print");
  const page = document.documentElement;
  const onPaper = () => page.classList.contains("on-paper");
  const finger = matchMedia("(pointer: coarse)");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Charts: the figures come without colours, which depend on the page's.

  const theme = () => (dark.matches && !onPaper()
    ? { which: 1, text: "#c9d0d9", line: "#313842", zero: "#8b95a3", page: "#14171b" }
    : { which: 0, text: "#3c4552", line: "#e4e8ec", zero: "#7b8494", page: "#ffffff" });

  function coloured(trace, { which }) {
    const meta = trace.meta;
    if (!meta) return trace;
    const colour = meta.colour[which];
    const painted = { ...trace, line: { ...trace.line, color: colour }, marker: { ...trace.marker, color: colour } };
    if (meta.dash) painted.line.dash = meta.dash;
    if (meta.band) painted.fillcolor = colour + "2b";
    for (const bars of ["error_x", "error_y"]) if (trace[bars]) painted[bars] = { ...trace[bars], color: colour };
    return painted;
  }

  function laidOut(layout, colours) {
    const axis = { gridcolor: colours.line, linecolor: colours.line, zerolinecolor: colours.line, automargin: true };
    const made = {
      height: 340, margin: { l: 56, r: 12, t: 12, b: 48 }, showlegend: false, hovermode: "closest",
      dragmode: finger.matches ? false : "zoom",
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: colours.text },
      hoverlabel: { bgcolor: colours.page, bordercolor: colours.zero, font: { color: colours.text }, align: "left" },
    };
    for (const name of Object.keys(made)) if (/^[xy]axis\d*$/.test(name)) made[name] = { ...axis, ...made[name] };
    if (layout.meta && layout.meta.zero) made.xaxis.zerolinecolor = colours.zero;
    return made;
  }

  // Plotly begins a logarithmic axis right below its lowest line, where there may be no tick.
  function fromTheTickBelow(layout, traces) {
    for (const name of Object.keys(layout)) {
      const axis = layout[name];
      if (!/^yaxis/.test(name) || axis.type !== "log" || !axis.tickvals) continue;
      const own = traces.filter((trace) => trace.visible && `yaxis${(trace.yaxis || "y").slice(1)}` === name);
      const values = own.flatMap((trace) => trace.y.filter((value) => value > 0)).sort((a, b) => a - b);
      const below = axis.tickvals.filter((tick) => tick <= values[0]).pop();
      if (!below) continue;
      const [low, high] = [below, values[values.length - 1]].map(Math.log10);
      layout[name] = { ...axis, range: [low - 0.02 * (high - low), high + 0.05 * (high - low)] };
    }
    return layout;
  }

  function shown(trace, chart) {
    const meta = trace.meta || {};
    const linked = chart.closest(".linked");
    const button = linked && all("[data-group]", linked).find((one) => one.dataset.group === meta.group);
    if (!button) return true;
    const off = (part) => linked.querySelector(`[data-shows="${part}"][aria-pressed="false"]`);
    return button.getAttribute("aria-pressed") === "true" && !["training", "band"].some((part) => meta[part] && off(part));
  }

  function draw(chart) {
    const figure = JSON.parse(chart.querySelector("script").textContent);
    const colours = theme();
    const traces = figure.data.map((trace) => ({ ...coloured(trace, colours), visible: shown(trace, chart) }));
    const settings = { responsive: true, displaylogo: false, displayModeBar: finger.matches ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
    // Plotly keeps the width it has, but when the window changes; paper is of another.
    const layout = { ...fromTheTickBelow(laidOut(figure.layout, colours), traces), width: chart.clientWidth };
    Plotly.react(chart.querySelector(".plot"), traces, layout, settings);
    delete chart.querySelector(".plot").layout.width;
    chart.dataset.drawn = "";
  }

  const inSight = (chart) => !chart.closest("details:not([open])");
  const drawAgain = () => all(".chart[data-drawn]").forEach(draw);
  all(".chart").filter(inSight).forEach(draw);
  all("details").forEach((details) => details.addEventListener("toggle", () => {
    if (details.open) all(".chart:not([data-drawn])", details).filter(inSight).forEach(draw);
  }));
  dark.addEventListener("change", drawAgain);

  // The legend: buttons that show and hide a group's lines in all charts beside them.

  all(".linked").forEach((linked) => {
    const redraw = () => all(".chart", linked).forEach(draw);
    const press = (button, on) => button.setAttribute("aria-pressed", String(on));
    all("[aria-pressed]", linked).forEach((button) => button.addEventListener("click", () => {
      press(button, button.getAttribute("aria-pressed") === "false");
      redraw();
    }));
    all("[data-all]", linked).forEach((button) => button.addEventListener("click", () => {
      all("[data-group]", linked).forEach((one) => press(one, button.dataset.all === "true"));
      redraw();
    }));
  });

  // Tables: a click on a heading sorts, a second one the other way round; what has no value stays below.

  function sort(table, column, descending) {
    const numbers = table.tHead.rows[0].cells[column].classList.contains("number");
    const value = (row) => row.cells[column].dataset.sort;
    const order = (a, b) => (numbers ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
    const rows = [...table.tBodies[0].rows].sort((first, second) => {
      const [a, b] = [value(first), value(second)];
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return descending ? order(b, a) : order(a, b);
    });
    table.tBodies[0].append(...rows);
  }

  all("table.sortable").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
      // The first look at a figure is for the largest, at a name from A on.
      const before = head.getAttribute("aria-sort");
      const descending = before === "none" ? head.classList.contains("number") : before === "ascending";
      heads.forEach((one) => one.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(table, column, descending);
    }));
  });

  all("[data-open]").forEach((button) => button.addEventListener("click", () => {
    all("details.run").forEach((run) => { run.open = button.dataset.open === "true"; });
  }));

  // On paper the rest of a list is open, and of the runs those that the reader has opened.

  let opened = [];
  function printing(now) {
    if (now === onPaper()) return;
    page.classList.toggle("on-paper", now);
    if (now) opened = all("details:not(.run, [open])");
    opened.forEach((details) => { details.open = now; });
    all(".chart").filter(inSight).forEach(draw);
  }
  print.addEventListener("change", () => printing(print.matches));
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
})();
