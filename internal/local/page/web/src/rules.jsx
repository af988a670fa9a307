// The topic rules, with a playground that asks the engine that runs them.
import { useState } from "preact/hooks";
import { ask } from "./api.js";
import { useStore } from "./store.js";
import { Code, Problem, pretty } from "./parts.jsx";

function Remarks({ list, kind }) {
  return (list ?? []).map((e) => (
    <div class={kind === "error" ? "problem" : "note"} role={kind === "error" ? "alert" : "note"}>
      Line {e.line}, column {e.column}: {e.message}
      <pre class="excerpt">{e.excerpt}</pre>
    </div>
  ));
}

function Outcome({ o }) {
  if (o.errors) return <Remarks list={o.errors} kind="error" />;
  return (
    <div>
      <Remarks list={o.warnings} kind="warning" />
      <Problem text={o.problem} />
      <p class={o.hears ? "yes" : "no"}>{o.hears ? "The rule hears this topic." : `The rule does not hear this topic: it listens to ${o.filter || "none"}.`}</p>
      {!o.problem && <p class={o.matched ? "yes" : "no"}>{o.matched ? "The message matches." : "The condition after WHERE does not hold."}</p>}
      {o.matched && <><h4>Output</h4><Code text={pretty(o.output ?? "")} label="Output" /></>}
      {(o.actions ?? []).map((a) => (
        <>
          <h4>Action {a.kind}</h4>
          <Problem text={a.error} />
          <Code text={JSON.stringify(a.members, null, 2)} label={"Action " + a.kind} />
        </>
      ))}
    </div>
  );
}

/** A topic that a filter matches, to begin with. */
const example = (sql) => (/FROM\s+'([^']*)'/i.exec(sql)?.[1] ?? "").replaceAll("+", "soil-001").replace("#", "x");

function Playground({ rule, prefix }) {
  const [sql, setSQL] = useState(rule.sql);
  const [topic, setTopic] = useState(example(rule.sql) || `${prefix}/soil-001/telemetry`);
  const [payload, setPayload] = useState('{\n  "data": { "temperature": 21.5, "humidity": 60 }\n}');
  const [base64, setBase64] = useState(false);
  const [client, setClient] = useState("");
  const [got, set] = useState({});
  const run = async (e) => {
    e?.preventDefault();
    try {
      set({ outcome: await ask("playground", { rule: rule.name, sql, version: rule.version, topic, payload, base64, client }) });
    } catch (error) {
      set({ error: error.message });
    }
  };
  const useLast = async () => {
    const filter = /FROM\s+'([^']*)'/i.exec(sql)?.[1] ?? "";
    try {
      const { messages } = await ask("messages?filter=" + encodeURIComponent(filter));
      const m = messages[0];
      if (!m) {
        set({ error: "No message on such a topic has come yet." });
        return;
      }
      setTopic(m.topic);
      setPayload(m.payload);
      setBase64(m.base64 ?? false);
      setClient(m.thing);
      set({});
    } catch (error) {
      set({ error: error.message });
    }
  };
  return (
    <form class="playground" onSubmit={run}>
      <label for={"sql-" + rule.name}>SQL</label>
      <textarea id={"sql-" + rule.name} rows="5" spellcheck={false} value={sql} onInput={(e) => setSQL(e.currentTarget.value)} />
      <label for={"topic-" + rule.name}>Topic</label>
      <input id={"topic-" + rule.name} value={topic} onInput={(e) => setTopic(e.currentTarget.value)} />
      <label for={"payload-" + rule.name}>Payload{base64 ? ", as base64" : ""}</label>
      <textarea id={"payload-" + rule.name} rows="5" spellcheck={false} value={payload} onInput={(e) => setPayload(e.currentTarget.value)} />
      <div class="bar">
        <button type="submit" class="main">Try it</button>
        <button type="button" onClick={useLast}>Use the last message</button>
        {sql !== rule.sql && <button type="button" onClick={() => setSQL(rule.sql)}>Back to the deployed SQL</button>}
      </div>
      <Problem text={got.error} />
      {got.outcome && <Outcome o={got.outcome} />}
    </form>
  );
}

export function Rules({ rest: [chosen] }) {
  const s = useStore();
  if (!s.pipeline) return <p>Loading …</p>;
  const rules = s.pipeline.rules ?? [];
  const rule = rules.find((r) => r.name === chosen) ?? rules[0];
  return (
    <section aria-labelledby="rules">
      <h2 id="rules">Rules</h2>
      <nav class="tabs" aria-label="Rules">
        {rules.map((r) => (
          <a href={"#/rules/" + encodeURIComponent(r.name)} aria-current={r.name === rule?.name ? "page" : undefined}>{r.name}</a>
        ))}
      </nav>
      {rule && (
        <div class="columns">
          <div>
            <h3>{rule.name}{rule.disabled ? " (disabled)" : ""}</h3>
            <Code text={rule.sql} label="SQL" />
            <h3>Actions</h3>
            {rule.actions.map((a) => <Code text={JSON.stringify(a, null, 2)} label="Action" />)}
            {rule.error_action && <><h3>Error action</h3><Code text={JSON.stringify(rule.error_action, null, 2)} label="Error action" /></>}
          </div>
          <div>
            <h3>Playground</h3>
            <p class="hint">The engine that runs the rules evaluates this. No action is carried out.</p>
            <Playground key={rule.name} rule={rule} prefix={s.pipeline.prefix} />
          </div>
        </div>
      )}
    </section>
  );
}
