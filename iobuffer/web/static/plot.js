// Plots: uPlot in the page's own colours, and a small one for a row of a table.

import { html, uPlot, useEffect, useLayoutEffect, useRef } from "./vendor.min.js";

const HEIGHT_PX = 200;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const two = (n) => String(n).padStart(2, "0");

/** Times of the axis: 14:05, with seconds where they are closer than a minute. */
function hours(_, times) {
  const close = times.length > 1 && times[1] - times[0] < 60;
  return times.map((at) => {
    const date = new Date(at * 1000);
    return [date.getHours(), date.getMinutes(), ...(close ? [date.getSeconds()] : [])].map(two).join(":");
  });
}

/** From zero, and not only zero: what is shown is rates and counts. */
function fromZero(_, least, most) {
  return uPlot.rangeNum(0, most || 1, 0.1, true);
}

/**
 * A plot over time. `data` is uPlot's: [times, values, ...], null where nothing is known;
 * `series` are {label, stroke: a colour's name such as "--plot-1", scale, value}. Made
 * anew when the series or the theme change, and only fed when the data do. With `onPoint`
 * there is no legend: it is told the index of what is pointed at, or null.
 */
export function Plot({ data, series, axes, label, onPoint }) {
  const place = useRef(null);
  const plot = useRef(null);
  const shape = JSON.stringify(series.map((each) => [each.label, each.stroke, each.scale]));

  // Before anything is painted: what is gone by then has no width.
  useLayoutEffect(() => {
    const make = () => {
      plot.current?.destroy();
      const line = colour("--line");
      const text = colour("--muted");
      const axis = {
        stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 },
        font: "12px system-ui, sans-serif",
      };
      plot.current = new uPlot({
        width: Math.max(200, place.current.clientWidth),
        height: HEIGHT_PX,
        cursor: { drag: { x: false, y: false } },
        legend: { show: !onPoint },
        hooks: onPoint ? { setCursor: [(it) => onPoint(it.cursor.idx ?? null)] } : {},
        scales: { x: { time: true }, ...Object.fromEntries(series.map((each) => [each.scale, { range: fromZero }])) },
        axes: [{ ...axis, values: hours }, ...axes.map((each) => ({ ...axis, size: 64, ...each }))],
        series: [{}, ...series.map((each) => ({
          width: 1.5, points: { show: false }, ...each, stroke: colour(each.stroke),
        }))],
      }, data, place.current);
    };
    make();
    const theme = matchMedia("(prefers-color-scheme: dark)");
    theme.addEventListener("change", make);
    const sized = new ResizeObserver(() => {
      // It may be told of its own removal.
      if (place.current) plot.current.setSize({ width: Math.max(200, place.current.clientWidth), height: HEIGHT_PX });
    });
    sized.observe(place.current);
    return () => {
      sized.disconnect();
      theme.removeEventListener("change", make);
      plot.current.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => { plot.current?.setData(data); }, [data]);

  return html`<div class="plot" role="img" aria-label=${label} ref=${place}></div>`;
}

/** A small plot of numbers (null: unknown), oldest first, for a row of a table. */
export function Spark({ values, label }) {
  const width = 96;
  const height = 20;
  const known = values.filter((each) => each !== null);
  const top = Math.max(...known, 0) || 1;
  const step = width / Math.max(1, values.length - 1);
  // Where nothing is known the line has a gap.
  let path = "";
  let drawn = false;
  values.forEach((each, index) => {
    if (each === null) { drawn = false; return; }
    const y = height - 1 - (each / top) * (height - 3);
    path += `${drawn ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    drawn = true;
  });
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" width=${width} height=${height}
    role="img" aria-label=${label}><path d=${path} /></svg>`;
}
