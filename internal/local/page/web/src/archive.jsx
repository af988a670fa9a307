// The objects of the pipeline's bucket, and the rows of Parquet files.
import { useState } from "preact/hooks";
import { Code, Problem, clock, useAnswer } from "./parts.jsx";

function Content({ path }) {
  const { data, error, loading } = useAnswer("archive/object?key=" + encodeURIComponent(path));
  if (loading) return <p>Loading …</p>;
  if (error) return <Problem text={error} />;
  if (data?.text !== undefined) return <Code text={data.text} label="Object" />;
  const rows = data?.rows ?? [];
  const names = [...new Set(rows.flatMap((r) => Object.keys(r.measures)))].sort();
  return (
    <>
      <p class="hint">{data?.count} rows{rows.length < data?.count ? `, the first ${rows.length} of them` : ""}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Rows">
        <table>
          <thead>
            <tr><th>Device</th><th>Time</th><th>Kind</th>{names.map((n) => <th>{n}</th>)}<th>Payload</th></tr>
          </thead>
          <tbody>
            {rows.map((r) => (
              <tr>
                <td>{r.thing}</td><td class="time">{clock(r.time)}</td><td>{r.kind}</td>
                {names.map((n) => <td class="number">{r.measures[n] === undefined ? "" : String(r.measures[n])}</td>)}
                <td class="content">{r.payload}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

export function Archive() {
  const [again, reload] = useState(0);
  const [chosen, choose] = useState(null);
  const { data, error } = useAnswer("archive", again);
  const objects = data?.objects ?? [];
  return (
    <section aria-labelledby="archive">
      <h2 id="archive">Archive</h2>
      <Problem text={error} />
      <div class="bar">
        <button type="button" onClick={() => reload(again + 1)}>Look again</button>
        {data?.bucket && <span class="hint">{data.count} objects in {data.bucket}</span>}
      </div>
      <div class="scroll short" tabIndex={0} role="region" aria-label="Objects">
        <table>
          <thead><tr><th>Time</th><th>Bytes</th><th>Object</th></tr></thead>
          <tbody>
            {objects.map((o) => (
              <tr key={o.key}>
                <td class="time">{clock(o.time)}</td><td class="number">{o.bytes}</td>
                <td class="content"><button type="button" class="plain" aria-pressed={o.key === chosen} onClick={() => choose(o.key)}>{o.key}</button></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {data && objects.length === 0 && <p>The archive has no objects yet.</p>}
      {chosen && <><h3 class="path">{chosen}</h3><Content key={chosen} path={chosen} /></>}
    </section>
  );
}
