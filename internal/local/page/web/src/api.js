// Speaks to iot-local. The token came in the address, behind #; it is kept for this tab only.

const key = "iot-local-token";

/** Takes the token out of the address, so that it is in no bookmark and no screenshot. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(key, given);
    history.replaceState(null, "", location.pathname + "#/flow");
  }
}

function headers() {
  return { Authorization: "Bearer " + (sessionStorage.getItem(key) ?? "") };
}

/** Asks for JSON. It throws an Error with the server's words. */
export async function ask(path, body, method = body === undefined ? "GET" : "POST") {
  const request = { method, headers: headers() };
  if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const answer = await fetch("/api/" + path, request);
  const text = await answer.text();
  let got = null;
  try {
    got = text ? JSON.parse(text) : null;
  } catch {
    throw new Error(`iot-local answered ${answer.status} with something that is not JSON`);
  }
  if (!answer.ok) {
    const error = new Error(got?.error ?? got?.detail ?? got?.message ?? `iot-local answered ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return got;
}

/** Reads the stream of events until it ends; told(name, data) gets each. Without a connection it throws. */
export async function listen(told, signal) {
  const answer = await fetch("/api/events", { headers: headers(), signal });
  if (!answer.ok) {
    const error = new Error(`iot-local answered ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      let name = "tick";
      let data = "";
      for (const line of rest.slice(0, end).split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        if (line.startsWith("data: ")) data += line.slice(6);
      }
      rest = rest.slice(end + 2);
      told(name, JSON.parse(data));
    }
  }
}
