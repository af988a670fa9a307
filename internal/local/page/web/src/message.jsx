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
    </section>
  );
}
