// A device with AWS's device SDK v2 (MQTT 5): telemetry with user properties, a command, and a named shadow.
'use strict';
const { iot, mqtt5, iotshadow } = require('aws-iot-device-sdk-v2');

const { THING, HOST, PORT, CA, CERT, KEY } = process.env;
const say = (what, value) => console.log(JSON.stringify({ what, value }));
const once = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));

async function main() {
  const config = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(HOST, CERT, KEY)
    .withCertificateAuthorityFromPath(undefined, CA)
    .withPort(Number(PORT))
    .withConnectProperties({ clientId: THING, keepAliveIntervalSeconds: 60 })
    .build();
  const client = new mqtt5.Mqtt5Client(config);
  client.on('connectionFailure', (e) => { console.error(e.error, e.connack); process.exit(1); });
  const connected = once(client, 'connectionSuccess');
  client.start();
  const { connack, settings } = await connected;
  say('connack', {
    reason: connack.reasonCode, maximumQos: connack.maximumQos, aliases: settings.topicAliasMaximumToServer,
  });

  const command = once(client, 'messageReceived');
  const suback = await client.subscribe({
    subscriptions: [{ topicFilter: `devices/${THING}/commands`, qos: mqtt5.QoS.AtLeastOnce }],
  });
  say('suback', suback.reasonCodes);
  const puback = await client.publish({
    topicName: `devices/${THING}/telemetry`, qos: mqtt5.QoS.AtLeastOnce,
    payload: JSON.stringify({ deviceId: THING, timestamp: Date.now(), data: { temperature: 62, humidity: 40 } }),
    contentType: 'application/json', userProperties: [{ name: 'site', value: 'hall-3' }],
  });
  say('puback', { reason: puback.reasonCode, userProperties: puback.userProperties ?? [] });
  const { message } = await command;
  say('message', { topic: message.topicName, payload: Buffer.from(message.payload).toString() });

  const shadows = iotshadow.IotShadowClientv2.newFromMqtt5(client, {
    maxRequestResponseSubscriptions: 5, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 60,
  });
  const shadow = { thingName: THING, shadowName: 'config' };
  const deltas = shadows.createNamedShadowDeltaUpdatedStream(shadow);
  const subscribed = once(deltas, 'subscriptionStatus');
  const delta = once(deltas, 'incomingPublish');
  deltas.open();
  await subscribed;
  await shadows.updateNamedShadow({ ...shadow, state: { desired: { interval: 7 } } });
  say('delta', (await delta).message.state);
  await shadows.updateNamedShadow({ ...shadow, state: { reported: { interval: 7 } } });
  const got = await shadows.getNamedShadow(shadow);
  say('get', got.state);
  deltas.close();
  shadows.close();
  const stopped = once(client, 'stopped');
  client.stop();
  await stopped;
  say('stopped', true);
}

// The library keeps the process alive for its own threads.
main().then(() => process.exit(0)).catch((e) => { console.error(e); process.exit(1); });
