// Alert rules, and the notices as people get them.
import { useStore } from "./store.js";
import { Code, Problem, clock, useAnswer } from "./parts.jsx";

export function Alerts() {
  const s = useStore();
  const { data, error } = useAnswer("alerts", s.pipeline?.changes ?? 0);
  const notices = [...s.notices].reverse();
  const rules = Object.entries(data?.rules ?? {});
  return (
    <section aria-labelledby="alerts">
      <h2 id="alerts">Alerts</h2>
      <Problem text={error} />
      {rules.length === 0 ? <p>The pipeline has no alert rules.</p> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Alert rules">
          <table>
            <thead><tr><th>Rule</th><th>When</th><th>Severity</th><th>Message</th><th>Command</th></tr></thead>
            <tbody>
              {rules.map(([name, r]) => (
                <tr><td>{name}</td><td class="content">{r.when}</td><td>{r.severity}</td><td>{r.message}</td><td class="content">{r.command}</td></tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {Object.keys(data?.thresholds ?? {}).length > 0 && (
        <><h3>Thresholds</h3><Code text={JSON.stringify(data.thresholds, null, 2)} label="Thresholds" /></>
      )}
      <p class="hint">Why did a message raise no alert? Follow it from Flow or from its device: each condition is shown with the values it read.</p>
      <h2>Notices</h2>
      {s.pipeline && !s.pipeline.emulated && <p class="note" role="note">The pipeline is on AWS: notices go to the subscribers of its SNS topic, and are not seen here.</p>}
      {notices.length === 0 && <p>No notice yet.</p>}
      {notices.map((n) => (
        <article class="panel notice" key={n.number}>
          <h3><span class="time">{clock(n.time)}</span> {n.subject}</h3>
          <Code text={n.text} label="Notice" />
          {n.document?.trace_id && <p><a href={"#/message/" + encodeURIComponent(n.document.trace_id)}>Follow the message</a></p>}
        </article>
      ))}
    </section>
  );
}
