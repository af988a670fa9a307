package processor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/stream"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

const (
	// takeover is how far apart the times of events can be that AWS IoT's version numbers put in order. Further apart,
	// the times count: the numbers of a client begin again when it was away for an hour, or for as long as its session
	// lasts.
	takeover = time.Minute
	// lostConnect is how much later a disconnection with a lower number must be if its connection was never seen.
	lostConnect = time.Hour
	// belated is how late an event is too late to say what the status is now. The watch function looks that far back
	// for devices that are offline, and twice as far; see contract.OfflineMargin.
	belated = contract.OfflineMargin / 2
)

// presence is what AWS IoT says of a device's connection [AWS 2.1 LCE].
type presence struct {
	connected bool
	session   string
	version   int64 // counts the connections of a client; the two events of a connection have the same
	at        int64 // AWS IoT's time, ms
	reason    string

	record int // where it comes from
}

// parsePresence reads the payload of an event. The error is a *telemetry.Error.
func parsePresence(thing string, payload []byte) (presence, error) {
	var e struct {
		ClientID          string `json:"clientId"`
		EventType         string `json:"eventType"`
		SessionIdentifier string `json:"sessionIdentifier"`
		VersionNumber     *int64 `json:"versionNumber"`
		Timestamp         int64  `json:"timestamp"`
		DisconnectReason  string `json:"disconnectReason"`
	}
	err := json.Unmarshal(payload, &e)
	known := e.EventType == "connected" || e.EventType == "disconnected"
	if err != nil || e.ClientID != thing || !known || e.SessionIdentifier == "" || e.VersionNumber == nil ||
		e.Timestamp <= 0 || e.Timestamp > math.MaxInt64/2 {
		return presence{}, &telemetry.Error{Reason: envelope.Unreadable(envelope.Presence),
			Detail: "the payload is not a lifecycle event of AWS IoT about this device"}
	}
	return presence{connected: e.EventType == "connected", session: e.SessionIdentifier, version: *e.VersionNumber,
		at: e.Timestamp, reason: e.DisconnectReason}, nil
}

// readPresence reads a record with an event. The error is a *telemetry.Error.
func (r *run) readPresence(record *stream.Record, index int) error {
	message, err := envelope.Open(record.PartitionKey, record.Data)
	if err != nil {
		return err
	}
	p, err := parsePresence(record.PartitionKey, message.Payload)
	if err != nil {
		return err
	}
	p.record = index
	r.presences = append(r.presences, p)
	return nil
}

// after reports whether p is newer than the last event that is known. Events come twice and out of order.
func (p *presence) after(last *presence) bool {
	later := time.Duration(p.at-last.at) * time.Millisecond
	switch {
	case p.version == last.version && p.session == last.session:
		return last.connected && !p.connected
	case p.version > last.version:
		return later > -takeover
	case p.connected:
		return later > takeover
	}
	return later > lostConnect
}

// newestPresences returns the newest event of each device of a batch.
func newestPresences(b *batch) map[string]*presence {
	newest := map[string]*presence{}
	for i := range b.presences {
		p := &b.presences[i]
		thing := b.records[p.record].PartitionKey
		if last, ok := newest[thing]; !ok || p.after(last) {
			newest[thing] = p
		}
	}
	return newest
}

// connection is what the table has of a device's connection.
type connection struct {
	presence
	any      bool // an event was stored before
	status   string
	statusAt int64
}

func storedConnection(item map[string]types.AttributeValue) connection {
	c := connection{status: content(item[contract.StatusAttribute]), statusAt: number(item["status_at"])}
	c.session = content(item[contract.SessionAttribute])
	c.version, c.at = number(item[contract.ConnectionVersionAttribute]), number(item[contract.PresenceAtAttribute])
	connected, isBool := item[contract.ConnectedAttribute].(*types.AttributeValueMemberBOOL)
	c.any, c.connected = isBool, isBool && connected.Value
	return c
}

// connect writes an event if it is newer than what is stored, and the device is known: AWS IoT tells of every client of
// the account, and a device is known once it has sent something. The first write assumes the usual; if the row is
// otherwise, the response contains it.
func (d *devices) connect(ctx context.Context, b *batch, thing string, p *presence) {
	arrival := b.records[p.record].ArrivalMillis
	offline := !p.connected && b.now.Sub(time.UnixMilli(arrival)) < belated
	in := d.expected(thing, p)
	if offline {
		setOffline(in, arrival)
	}
	for range maxRounds {
		_, err := d.client.UpdateItem(ctx, in)
		var other *types.ConditionalCheckFailedException
		switch {
		case err == nil:
			return
		case !errors.As(err, &other):
			b.fail(p.record, fmt.Errorf("updating device %q in table %q: %w", thing, d.table, err))
			return
		case other.Item[contract.LastSeenAttribute] == nil:
			b.stranger()
			return
		}
		stored := storedConnection(other.Item)
		if stored.any && !p.after(&stored.presence) {
			return
		}
		in = d.replacing(thing, p, &stored)
		if offline && stored.status == contract.StatusOnline && stored.statusAt <= arrival {
			setOffline(in, arrival)
		}
	}
	b.fail(p.record, fmt.Errorf("updating device %q in table %q: other writers kept changing the item", thing, d.table))
}

// expected is the write for a device whose last event is an older one.
func (d *devices) expected(thing string, p *presence) *dynamodb.UpdateItemInput {
	condition := "attribute_not_exists(connected) OR (connection_version < :version AND presence_at < :later)"
	in := d.event(thing, p)
	in.ExpressionAttributeValues[":later"] = millis(p.at + takeover.Milliseconds())
	if !p.connected {
		condition += " OR (connection_version = :version AND #session = :session AND connected = :true)"
		in.ExpressionAttributeValues[":true"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	*in.ConditionExpression += " AND (" + condition + ")"
	return in
}

// replacing is the write that replaces a certain event.
func (d *devices) replacing(thing string, p *presence, stored *connection) *dynamodb.UpdateItemInput {
	in := d.event(thing, p)
	if !stored.any {
		*in.ConditionExpression += " AND attribute_not_exists(connected)"
		return in
	}
	*in.ConditionExpression += " AND connection_version = :was_version AND #session = :was_session AND " +
		"connected = :was_connected"
	in.ExpressionAttributeValues[":was_version"] = millis(stored.version)
	in.ExpressionAttributeValues[":was_session"] = textValue(stored.session)
	in.ExpressionAttributeValues[":was_connected"] = &types.AttributeValueMemberBOOL{Value: stored.connected}
	return in
}

// event is what all writes of an event have.
func (d *devices) event(thing string, p *presence) *dynamodb.UpdateItemInput {
	set := "SET connected = :connected, connection_version = :version, #session = :session, presence_at = :at"
	values := map[string]types.AttributeValue{
		":connected": &types.AttributeValueMemberBOOL{Value: p.connected},
		":version":   millis(p.version), ":session": textValue(p.session), ":at": millis(p.at),
	}
	if !p.connected {
		set += ", disconnected_at = :at, disconnect_reason = :reason"
		values[":reason"] = textValue(p.reason)
	}
	return &dynamodb.UpdateItemInput{
		TableName:                           aws.String(d.table),
		Key:                                 map[string]types.AttributeValue{contract.DeviceKey: textValue(thing)},
		UpdateExpression:                    aws.String(set),
		ConditionExpression:                 aws.String("attribute_exists(last_seen)"),
		ExpressionAttributeNames:            map[string]string{"#session": contract.SessionAttribute},
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// setOffline makes a write set an online device offline as well, unless it has sent something since.
func setOffline(in *dynamodb.UpdateItemInput, arrival int64) {
	*in.UpdateExpression += ", #status = :offline, status_at = :arrival"
	*in.ConditionExpression += " AND #status = :online AND status_at <= :arrival"
	in.ExpressionAttributeNames["#status"] = contract.StatusAttribute // a reserved word
	in.ExpressionAttributeValues[":offline"] = textValue(contract.StatusOffline)
	in.ExpressionAttributeValues[":online"] = textValue(contract.StatusOnline)
	in.ExpressionAttributeValues[":arrival"] = millis(arrival)
}

// content returns a text, or "" for anything else.
func content(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
