// The pipeline as a diagram, with what goes along its edges.
import { useMemo, useState } from "preact/hooks";
import { useStore } from "./store.js";
import { box, kind, label, layout, name } from "./diagram.js";
import { clock, ms, Problem, rate, useAnswer } from "./parts.jsx";

const short = (text, n) => (text.length > n ? text.slice(0, n - 1) + "…" : text);

function path(a, b, part) {
  if (a.x === b.x) { // one below the other
    const x = a.x + box.width / 2;
    return { d: `M${x},${a.y + box.height} L${x},${b.y}`, x, y: (a.y + box.height + b.y) / 2 };
  }
  const [x1, y1, x2, y2] = [a.x + box.width, a.y + box.height / 2, b.x, b.y + box.height / 2];
  const bend = Math.max(40, (x2 - x1) / 2);
  // The place of the label on the curve: not the same for all that leave a node, or they would cover each other.
  const t = part;
  const on = (p0, p1, p2, p3) => (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t * t * p2 + t ** 3 * p3;
  return {
    d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`,
    x: on(x1, x1 + bend, x2 - bend, x2), y: on(y1, y1, y2, y2),
  };
}

function Edge({ flow, spots, part, chosen, choose }) {
  const [a, b] = [spots.get(flow.from), spots.get(flow.to)];
  if (!a || !b) return null;
  const { d, x, y } = path(a, b, part);
  const quiet = !flow.count;
  const words = `${label(flow.from)} to ${label(flow.to)}: ${flow.count} messages, ${flow.errors ?? 0} failed`;
  const key = (e) => {
    if (e.key !== "Enter" && e.key !== " ") return;
    e.preventDefault();
    choose();
  };
  return (
    <g
      class={"edge" + (quiet ? " quiet" : "") + (flow.rate ? " busy" : "") + (flow.errors ? " bad" : "") + (chosen ? " chosen" : "")}
      role="button" tabindex={0} aria-label={words} aria-pressed={chosen} onClick={choose} onKeyDown={key}
      data-edge={flow.from + ">" + flow.to}
    >
      <path class="wide" d={d} />
      <path class="line" d={d} stroke-width={1.5 + Math.min(4, Math.log10(1 + (flow.rate ?? 0)) * 2)} />
      {!quiet && (
        <text x={x} y={y - 4} text-anchor="middle">
          {flow.count.toLocaleString("en")}
          {flow.rate ? ` · ${rate(flow.rate)}` : ""}
          {flow.ms ? ` · ${ms(flow.ms)}` : ""}
        </text>
      )}
      {flow.errors > 0 && (
        <text class="failed" x={x} y={y + 10} text-anchor="middle">
          {flow.errors} failed
        </text>
      )}
    </g>
  );
}

function Node({ spot }) {
  return (
    <g class={"node " + spot.id.split(":")[0]} data-node={spot.id}>
      <title>{label(spot.id)}</title>
      <rect x={spot.x} y={spot.y} width={box.width} height={box.height} rx="6" />
      <text class="kind" x={spot.x + 10} y={spot.y + 16}>{kind(spot.id)}</text>
      <text class="name" x={spot.x + 10} y={spot.y + 34}>{short(name(spot.id), 19)}</text>
    </g>
  );
}

function LastMessages({ from, to, version }) {
  const path = `edge?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
  const { data, error } = useAnswer(path, Math.floor(version / 2));
  return (
    <section class="panel" aria-labelledby="edge">
      <h2 id="edge">{label(from)} → {label(to)}</h2>
      <Problem text={error} />
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of the last messages on this edge">
        <table>
          <thead>
            <tr><th>Time</th><th>Device</th><th>What</th><th>Took</th><th>Content</th><th>Follow</th></tr>
          </thead>
          <tbody>
            {(data?.steps ?? []).map((s) => (
              <tr class={s.error ? "bad" : ""}>
                <td class="time">{clock(s.time)}</td>
                <td>{s.thing && <a href={"#/devices/" + encodeURIComponent(s.thing)}>{s.thing}</a>}</td>
                <td>
                  {s.what ?? s.topic}
                  {s.items > 1 ? ` (${s.items})` : ""}
                  {s.error && <div class="error">{s.error}</div>}
                </td>
                <td class="number">{ms(s.ms)}</td>
                <td class="content">{short(s.text ?? "", 200)}</td>
                <td>{s.trace && <a href={"#/message/" + encodeURIComponent(s.trace)}>follow</a>}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {data?.steps.length === 0 && <p>Nothing has gone this way yet.</p>}
      </div>
    </section>
  );
}

export function Flow() {
  const s = useStore();
  const [chosen, choose] = useState(null);
  const nodes = s.pipeline?.nodes ?? [];
  // In a fixed order: an element that moves in the document loses the focus.
  const edges = [...s.edges.values()].sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1));
  const { spots, width, height } = useMemo(() => layout(nodes, edges), [nodes, edges.length]);
  if (!s.pipeline) return <p>Loading …</p>;
  return (
    <>
      <h2 class="hidden">Flow</h2>
      <div class="scroll diagram" tabIndex={0} role="region" aria-label="Diagram of the pipeline">
        <svg viewBox={`0 0 ${width} ${height}`} role="group" aria-label="Pipeline">
          {edges.map((f, i) => (
            <Edge
              key={f.from + ">" + f.to} flow={f} spots={spots} part={[0.4, 0.62, 0.5][i % 3]}
              chosen={chosen?.from === f.from && chosen?.to === f.to}
              choose={() => choose({ from: f.from, to: f.to })}
            />
          ))}
          {[...spots.values()].map((spot) => <Node key={spot.id} spot={spot} />)}
        </svg>
      </div>
      {chosen
        ? <LastMessages from={chosen.from} to={chosen.to} version={s.version} />
        : <p class="hint">Choose an edge to see the last messages there, and what each became.</p>}
      <Latest messages={s.messages} skipped={s.skipped} />
    </>
  );
}

function Latest({ messages, skipped }) {
  return (
    <section class="panel" aria-labelledby="latest">
      <h2 id="latest">Latest messages</h2>
      {skipped > 0 && <p class="hint" role="note">{skipped.toLocaleString("en")} more in the last second are counted, but not listed.</p>}
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of the latest messages">
        <table>
          <thead>
            <tr><th>Time</th><th>Device</th><th>Topic</th><th>Bytes</th><th>Follow</th></tr>
          </thead>
          <tbody>
            {messages.slice(0, 20).map((m) => (
              <tr key={m.trace}>
                <td class="time">{clock(m.time)}</td>
                <td><a href={"#/devices/" + encodeURIComponent(m.thing)}>{m.thing}</a></td>
                <td>{m.topic}</td>
                <td class="number">{m.bytes}</td>
                <td><a href={"#/message/" + encodeURIComponent(m.trace)}>follow</a></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
