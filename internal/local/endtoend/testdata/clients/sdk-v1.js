// A device with AWS's device SDK v1 (MQTT 3.1.1): telemetry, a command, and its classic shadow.
'use strict';
const iot = require('aws-iot-device-sdk');

const { THING, HOST, PORT, CA, CERT, KEY } = process.env;
const say = (what, value) => console.log(JSON.stringify({ what, value }));

const thing = iot.thingShadow({
  keyPath: KEY, certPath: CERT, caPath: CA, clientId: THING, host: HOST, port: Number(PORT), protocol: 'mqtts',
});
thing.on('error', (e) => { console.error(e); process.exit(1); });
thing.on('timeout', (name, token) => { console.error('no answer for', name, token); process.exit(1); });

const tokens = {};
thing.on('status', (name, status, token, state) => {
  say(`${tokens[token]} ${status}`, state.state);
  if (tokens[token] === 'desired') {
    tokens[thing.update(THING, { state: { reported: { interval: 5 } } })] = 'reported';
  }
  if (tokens[token] === 'reported') {
    tokens[thing.get(THING)] = 'get';
  }
  if (tokens[token] === 'get') {
    thing.unregister(THING);
    thing.end(false, () => process.exit(0));
  }
});
thing.on('delta', (name, state) => say('delta', state.state));
thing.on('message', (topic, payload) => {
  say('message', { topic, payload: payload.toString() });
  thing.register(THING, {}, () => {
    tokens[thing.update(THING, { state: { desired: { interval: 5 } } })] = 'desired';
  });
});
thing.on('connect', () => {
  thing.subscribe(`devices/${THING}/commands`, { qos: 1 }, (e, granted) => {
    say('granted', granted.map((g) => g.qos));
    const reading = { deviceId: THING, timestamp: Date.now(), data: { temperature: 61, humidity: 40 } };
    thing.publish(`devices/${THING}/telemetry`, JSON.stringify(reading), { qos: 1 });
  });
});
