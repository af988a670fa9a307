"""Firmware as common tutorials write it for a sensor with paho-mqtt: it knows nothing of the pipeline but its topics."""

import json
import os
import ssl
import sys
import time

import paho.mqtt.client as mqtt

DEVICE = os.environ["THING"]
TELEMETRY = f"devices/{DEVICE}/telemetry"
STATUS = f"devices/{DEVICE}/status"
COMMANDS = f"devices/{DEVICE}/commands"


class Sensor:
    def __init__(self):
        options = {"client_id": DEVICE, "protocol": mqtt.MQTTv311}
        if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2
            options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
        self.client = mqtt.Client(**options)
        self.client.tls_set(
            ca_certs=os.environ["CA"], certfile=os.environ["CERT"], keyfile=os.environ["KEY"],
            tls_version=ssl.PROTOCOL_TLSv1_2,
        )
        self.client.on_connect = self.connected
        self.client.on_message = self.ordered
        self.client.will_set(STATUS, json.dumps({"state": "offline"}), qos=1)
        self.client.on_publish = self.published
        self.safe = False
        self.last = None

    def connected(self, client, userdata, flags, code):
        if code != 0:
            sys.exit(f"refused with code {code}")
        client.subscribe(COMMANDS, qos=1)
        client.publish(STATUS, json.dumps({"state": "online"}), qos=1)
        self.measure(63)

    def ordered(self, client, userdata, message):
        order = json.loads(message.payload)
        print(json.dumps({"what": "message", "value": {"topic": message.topic, "payload": message.payload.decode()}}))
        if order["action"] == "enter_safe_mode":
            self.safe = True
            self.last = self.measure(19).mid

    def published(self, client, userdata, mid):
        if mid == self.last:
            client.disconnect()

    def measure(self, temperature):
        reading = {
            "deviceId": DEVICE,
            "timestamp": int(time.time() * 1000),
            "data": {"temperature": temperature, "humidity": 40, "battery": 3.7},
        }
        return self.client.publish(TELEMETRY, json.dumps(reading), qos=1)

    def run(self):
        self.client.connect(os.environ["HOST"], int(os.environ["PORT"]), keepalive=60)
        self.client.loop_forever()


Sensor().run()
