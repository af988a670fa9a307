// One device: plots, shadow, commands, certificate, connects.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { ask } from "./api.js";
import { useStore } from "./store.js";
import { Code, Problem, ago, clock, pretty, useAnswer } from "./parts.jsx";
import { statusOf } from "./devices.jsx";

/** Plot draws one measure over time. */
function Plot({ name, points }) {
  const box = useRef(null);
  const plot = useRef(null);
  const last = points.at(-1)?.measures[name];
  useEffect(() => {
    const css = getComputedStyle(document.documentElement);
    const axis = { stroke: css.getPropertyValue("--plot-text"), grid: { stroke: css.getPropertyValue("--plot-line"), width: 1 }, ticks: { show: false } };
    const u = new uPlot(
      {
        width: box.current.clientWidth, height: 150, cursor: { y: false }, legend: { show: false },
        axes: [axis, { ...axis, size: 52 }],
        series: [{}, { stroke: css.getPropertyValue("--plot-series"), width: 1.6, points: { size: 4 } }],
      },
      [[], []],
      box.current,
    );
    plot.current = u;
    const watch = new ResizeObserver(() => u.setSize({ width: box.current?.clientWidth ?? 300, height: 150 }));
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      u.destroy();
    };
  }, []);
  useEffect(() => {
    const known = points.filter((p) => typeof p.measures[name] === "number");
    plot.current.setData([known.map((p) => p.at / 1000), known.map((p) => p.measures[name])]);
  }, [points]);
  return (
    <figure class="plot">
      <figcaption>{name} <b class="number">{String(last ?? "")}</b></figcaption>
      <div ref={box} role="img" aria-label={`${name} over time, last ${last}`} />
    </figure>
  );
}

function Commands({ device, hasAPI }) {
  const [text, set] = useState('{ "action": "irrigate" }');
  const [again, reload] = useState(0);
  const [said, say] = useState({});
  const { data, error } = useAnswer(hasAPI ? `v1/devices/${encodeURIComponent(device)}/commands` : null, again);
  useEffect(() => {
    const timer = setInterval(() => reload((n) => n + 1), 2000);
    return () => clearInterval(timer);
  }, []);
  const [known, keep] = useState([]);
  useEffect(() => {
    if (data) keep(data.commands ?? []);
  }, [data]);
  const send = async (e) => {
    e.preventDefault();
    try {
      const body = JSON.parse(text);
      await ask(`${hasAPI ? "v1/" : ""}devices/${encodeURIComponent(device)}/commands`, body);
      say({ done: "Sent." });
      reload((n) => n + 1);
    } catch (problem) {
      say({ error: problem.message });
    }
  };
  return (
    <section class="panel" aria-labelledby="commands">
      <h3 id="commands">Commands</h3>
      <form onSubmit={send}>
        <label for="command">Command, as JSON</label>
        <textarea id="command" rows="2" spellcheck={false} value={text} onInput={(e) => set(e.currentTarget.value)} />
        <button type="submit">Send</button>
      </form>
      <Problem text={said.error ?? error} />
      {said.done && <p class="yes" role="status">{said.done}</p>}
      {!hasAPI && <p class="hint">The pipeline has no device management API, so commands and answers are not remembered.</p>}
      {known.length > 0 && (
        <table>
          <thead><tr><th>Sent</th><th>Command</th><th>Status</th><th>Answer</th></tr></thead>
          <tbody>
            {known.map((c) => (
              <tr key={c.id}>
                <td class="time">{clock(c.created_at)}</td><td class="content">{JSON.stringify(c.payload)}</td>
                <td class={"command " + c.status}>{c.status}</td><td class="content">{c.answer ? JSON.stringify(c.answer) : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Shadow({ shadow }) {
  const { desired, reported, delta } = shadow.document.state ?? {};
  const part = (name, value) => (
    <div><h4>{name}</h4><Code text={value === undefined ? "–" : JSON.stringify(value, null, 2)} label={name} /></div>
  );
  return (
    <div>
      <h4>{shadow.name || "classic"}, version {shadow.document.version}</h4>
      <div class="thirds">{part("desired", desired)}{part("reported", reported)}{part("difference", delta)}</div>
    </div>
  );
}

export function Device({ name }) {
  const s = useStore();
  const live = s.devices.get(name);
  const [d, keep] = useState(null);
  const { data, error } = useAnswer("devices/" + encodeURIComponent(name), Math.floor(s.version / 2));
  useEffect(() => {
    if (data) keep(data);
  }, [data]);
  if (!d) return error ? <Problem text={error} /> : <p>Loading …</p>;
  const now = { ...d, ...(live?.count ? { seen: live.seen, connected: live.connected } : {}) };
  const measures = [...new Set(d.history.flatMap((p) => Object.keys(p.measures).filter((m) => typeof p.measures[m] === "number")))].sort();
  const messages = s.messages.filter((m) => m.thing === name).slice(0, 10);
  return (
    <section aria-labelledby="device">
      <p><a href="#/devices">All devices</a></p>
      <h2 id="device">{name}</h2>
      <Problem text={error} />
      <dl class="facts">
        <dt>Status</dt><dd class={"state " + statusOf(now)}>{statusOf(now)}</dd>
        <dt>Last seen</dt><dd>{ago(now.seen ?? d.state?.last_seen)}</dd>
        <dt>Topics</dt><dd>{d.topics.telemetry}</dd>
        {Object.entries(d.attributes).filter(([key]) => !key.startsWith("iot-pipeline")).map(([key, value]) => <><dt>{key}</dt><dd>{value}</dd></>)}
      </dl>
      <h3>Measures</h3>
      <p class="hint">{d.history.length} readings, from {d.store}</p>
      <div class="plots">{measures.slice(0, 24).map((m) => <Plot key={m} name={m} points={d.history} />)}</div>
      <Commands device={name} hasAPI={d.has_api} />
      <section class="panel" aria-labelledby="shadow">
        <h3 id="shadow">Shadow</h3>
        {d.shadows.length === 0 && <p>The device has no shadow.</p>}
        {d.shadows.map((x) => <Shadow key={x.name} shadow={x} />)}
      </section>
      <section class="panel" aria-labelledby="certificate">
        <h3 id="certificate">Certificate</h3>
        {d.certificates.map((c) => (
          <dl class="facts">
            <dt>ID</dt><dd class="content">{c.id}</dd><dt>Status</dt><dd>{c.status}</dd>
            <dt>Expires</dt><dd>{c.expires?.slice(0, 10)}</dd>
          </dl>
        ))}
      </section>
      <section class="panel" aria-labelledby="presence">
        <h3 id="presence">Connections</h3>
        {d.presence.length === 0 && <p>The device has not connected since iot-local started.</p>}
        <ul>{[...d.presence].reverse().map((p) => <li><span class="time">{clock(p.time)}</span> {p.kind} {p.detail}</li>)}</ul>
      </section>
      <section class="panel" aria-labelledby="messages">
        <h3 id="messages">Last messages</h3>
        <ul>
          {messages.map((m) => (
            <li key={m.trace}><span class="time">{clock(m.time)}</span> {m.topic} <a href={"#/message/" + encodeURIComponent(m.trace)}>follow</a></li>
          ))}
        </ul>
      </section>
      {d.state && <details><summary>Item of the device table</summary><Code text={JSON.stringify(d.state, null, 2)} label="Item" /></details>}
    </section>
  );
}
