// One message, from its topic to what it became.
import { useStore } from "./store.js";
import { Code, Problem, clock, ms, pretty, useAnswer } from "./parts.jsx";
import { label } from "./diagram.js";

export function Steps({ steps }) {
  return (
    <table>
      <thead>
        <tr>
          <th>Time</th>
          <th>From</th>
          <th>To</th>
          <th>What</th>
          <th>Took</th>
        </tr>
      </thead>
      <tbody>
        {steps.map((s) => (
          <tr class={s.error ? "bad" : ""}>
            <td class="time">{clock(s.time)}</td>
            <td>{label(s.from)}</td>
            <td>{label(s.to)}</td>
            <td>
              {s.what}
              {s.error && <div class="error">{s.error}</div>}
            </td>
            <td class="number">{ms(s.ms)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Why an alert was raised, or not: each condition with the values that it read. */
function Conditions({ trace, again }) {
  const { data, error } = useAnswer(`messages/${encodeURIComponent(trace)}/conditions`, again);
  if (error) return <Problem text={error} />;
  const list = data?.conditions ?? [];
  if (list.length === 0) return <p>{data ? "The pipeline has no alert rules." : "Loading …"}</p>;
  return (
    <table>
      <thead>
        <tr><th>Alert</th><th>Condition</th><th>Values</th><th>Result</th></tr>
      </thead>
      <tbody>
        {list.map((c) => (
          <tr class="condition">
            <td>{c.name}</td>
            <td class="content">{c.when}</td>
            <td class="content">
              {Object.entries(c.values ?? {}).map(([path, v]) => <div>{path} = {v === null ? "missing" : JSON.stringify(v)}</div>)}
            </td>
            <td class={c.holds ? "yes" : "no"}>
              {c.error ?? (c.holds ? "holds" : "does not hold")}
              {c.until && <div class="hint">no further notice before {clock(c.until)}</div>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Follow({ rest: [trace] }) {
  const s = useStore();
  const { data: m, error } = useAnswer("messages/" + encodeURIComponent(trace), Math.floor(s.version / 60));
  if (error) return <Problem text={error} />;
  if (!m) return <p>Loading …</p>;
  return (
    <section aria-labelledby="message">
      <h2 id="message">A message of {m.thing || "AWS IoT"}</h2>
      <dl class="facts">
        <dt>Topic</dt>
        <dd>{m.topic}</dd>
        <dt>Arrived</dt>
        <dd>{clock(m.time)}</dd>
        <dt>Trace</dt>
        <dd>{m.trace}</dd>
      </dl>
      <h3>Payload, {m.bytes} bytes{m.base64 ? ", as base64" : ""}{m.cut ? ", only the beginning" : ""}</h3>
      <Code text={pretty(m.payload)} label="Payload" />
      <h3>What became of it</h3>
      {m.steps?.length ? <Steps steps={m.steps} /> : <p>No rule has taken it.</p>}
      <h3>Why an alert, or why none</h3>
      <Conditions trace={trace} again={m.steps?.length ?? 0} />
    </section>
  );
}
