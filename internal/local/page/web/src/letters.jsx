// The dead letters, with a way to send them again.
import { useEffect, useState } from "preact/hooks";
import { ask } from "./api.js";
import { Code, Problem, clock, pretty, useAnswer } from "./parts.jsx";

export function Letters() {
  const [again, reload] = useState(0);
  const [said, say] = useState({});
  const { data, error } = useAnswer("letters", again);
  useEffect(() => {
    const timer = setInterval(() => reload((n) => n + 1), 3000);
    return () => clearInterval(timer);
  }, []);
  const [known, keep] = useState(null);
  useEffect(() => {
    if (data) keep(data);
  }, [data]);
  const send = async (letter) => {
    try {
      await ask(`letters/${encodeURIComponent(letter.id)}/again`, {});
      say({ done: `Sent again: ${letter.again}.` });
    } catch (e) {
      say({ error: e.message });
    }
    reload((n) => n + 1);
  };
  const letters = known?.letters ?? [];
  return (
    <section aria-labelledby="letters">
      <h2 id="letters">Dead letters</h2>
      <p class="hint">Messages that could not be delivered. Looking at them leaves them in the queue.</p>
      <Problem text={error ?? said.error} />
      {said.done && <p class="yes" role="status">{said.done}</p>}
      {known && letters.length === 0 && <p>There are none.</p>}
      {letters.map((l) => (
        <article class="panel letter" key={l.id}>
          <h3>{l.reason}{l.thing ? ` · ${l.thing}` : ""}</h3>
          <dl class="facts">
            <dt>From</dt><dd>{l.source}</dd>
            {l.topic && <><dt>Topic</dt><dd>{l.topic}</dd></>}
            {l.time && <><dt>Arrived</dt><dd>{clock(l.time)}</dd></>}
            {l.detail && <><dt>Why</dt><dd class="error">{l.detail}</dd></>}
          </dl>
          <Code text={pretty(l.payload || l.text)} label={l.base64 ? "Payload, as base64" : "Payload"} />
          <button type="button" disabled={!l.again} onClick={() => send(l)} title={l.again}>Send again</button>
          {l.again && <span class="hint"> {l.again}, and removes the letter</span>}
        </article>
      ))}
    </section>
  );
}
