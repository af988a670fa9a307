package broker

import (
	"errors"
	"net"

	"github.com/mochi-mqtt/server/v2/packets"
)

// clientInitiated is the reason of a client that says that it disconnects.
const clientInitiated = "CLIENT_INITIATED_DISCONNECT"

// disconnectReason is why a connection ended, as AWS IoT names it [AWS 2.1 LCE]. Ended is the broker's own reason.
func disconnectReason(takenOver bool, ended string, err error) string {
	var network net.Error
	switch {
	case takenOver:
		return "DUPLICATE_CLIENTID"
	case ended != "":
		return ended
	case err == nil:
		return clientInitiated
	case errors.As(err, &network) && network.Timeout():
		return "MQTT_KEEP_ALIVE_TIMEOUT"
	case errors.As(err, new(packets.Code)):
		return "CLIENT_ERROR" // it broke the protocol
	}
	return "CONNECTION_LOST"
}

// reasonOf is why the broker closes a connection with that code.
func reasonOf(code packets.Code) string {
	switch code {
	case packets.ErrNotAuthorized:
		return "AUTH_ERROR"
	case packets.ErrServerShuttingDown:
		return "SERVER_INITIATED_DISCONNECT"
	}
	return "CLIENT_ERROR"
}
