package processor

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// keepReturned is how long the note of a return waits for the watch function, which looks every minute.
const keepReturned = 7 * 24 * time.Hour

// noteReturn notes for the watch function that a silent device has sent something. It comes before the device's own
// update: a failure in between makes people hear of the return twice, not never.
func (d *devices) noteReturn(ctx context.Context, s *state, stored map[string]types.AttributeValue) error {
	name := contract.ReturnedPrefix + s.thing
	_, err := d.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(d.table),
		Key:       map[string]types.AttributeValue{contract.DeviceKey: textValue(name)},
		UpdateExpression: aws.String(
			"SET #status = :returned, last_seen = :seen, seen_slot = :seen, silent_since = :since, " +
				"expires_at = :expires"),
		ExpressionAttributeNames: map[string]string{"#status": contract.StatusAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":returned": textValue(contract.StatusReturned), ":seen": millis(s.seenAt),
			":since":   millis(number(stored[contract.LastSeenAttribute])),
			":expires": millis(time.UnixMilli(s.seenAt).Add(keepReturned).Unix()),
		},
	})
	if err != nil {
		return fmt.Errorf("writing item %q of table %q: %w", name, d.table, err)
	}
	return nil
}
