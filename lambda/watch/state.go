package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

const (
	// leaseMargin is how much longer than its invocation a run holds the lease.
	leaseMargin = 5 * time.Second
	// withoutDeadline is how long a run without a deadline holds it.
	withoutDeadline = time.Minute
	// maxLease is longer than any lease: one that ends later comes from a clock that was ahead.
	maxLease = 20 * time.Minute
)

// state is what runs know of each other: the item WatchItem.
type state struct {
	// pendingSince is when the first device was marked of which people may not have been told, in ms; 0: none. Devices
	// marked since then are told of once more.
	pendingSince int64
	// untold says that an earlier run left it behind.
	untold bool
	// swept is the time of the last run that looked at all devices, in ms; 0: there was none.
	swept int64
	// sweptWith is the mark of the limits that it looked with.
	sweptWith string
	// countedAt is when the devices were last counted, in ms.
	countedAt int64
}

// begin takes the lease and reads the state. It reports whether the lease was free.
func (r *run) begin(ctx context.Context) (bool, error) {
	length := withoutDeadline
	if r.left > 0 {
		length = r.left + leaseMargin
	}
	out, err := r.devices.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(r.table), Key: key(contract.WatchItem),
		UpdateExpression: aws.String("SET lease = :until, holder = :run"),
		// The run itself holds it if the answer to its first try was lost.
		ConditionExpression: aws.String("attribute_not_exists(lease) OR lease <= :now OR lease > :impossible OR " +
			"holder = :run"),
		ExpressionAttributeValues: values{
			":until": millis(r.clock.Add(length)), ":now": millis(r.clock),
			":impossible": millis(r.clock.Add(maxLease)), ":run": text(r.id),
		},
		ReturnValues: types.ReturnValueAllNew,
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("taking the lease in table %q: %w", r.table, err)
	}
	r.state = state{
		pendingSince: number(out.Attributes["pending_since"]),
		swept:        number(out.Attributes["swept"]),
		sweptWith:    content(out.Attributes["swept_with"]),
		countedAt:    number(out.Attributes["counted_at"]),
	}
	r.state.untold = r.state.pendingSince != 0
	return true, nil
}

// pending notes, before the first device is marked, that people have to be told.
func (r *run) pending(ctx context.Context) error {
	since := r.now.UnixMilli()
	if r.state.pendingSince != 0 && r.state.pendingSince <= since {
		return nil
	}
	_, err := r.devices.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(r.table), Key: key(contract.WatchItem),
		UpdateExpression:          aws.String("SET pending_since = :since"),
		ConditionExpression:       aws.String("holder = :run"),
		ExpressionAttributeValues: values{":since": millis(r.now), ":run": text(r.id)},
	})
	if err != nil {
		return fmt.Errorf("noting in table %q what has to be told: %w", r.table, err)
	}
	r.state.pendingSince = since
	return nil
}

// end writes the state and gives the lease back. If another run has taken the lease, because this one took too long,
// the state is that one's.
func (r *run) end(ctx context.Context) error {
	update := "SET lease = :free, swept = :swept, swept_with = :with, counted_at = :counted"
	set := values{
		":free": integer(0), ":swept": integer(r.state.swept), ":counted": integer(r.state.countedAt),
		":run": text(r.id), ":with": text(r.state.sweptWith),
	}
	if r.state.pendingSince == 0 {
		update += " REMOVE pending_since"
	} else {
		update += ", pending_since = :pending"
		set[":pending"] = integer(r.state.pendingSince)
	}
	_, err := r.devices.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(r.table), Key: key(contract.WatchItem),
		UpdateExpression: aws.String(update), ConditionExpression: aws.String("holder = :run"),
		ExpressionAttributeValues: set,
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		r.log.WarnContext(ctx, "the run took too long; another one has taken over")
		return nil
	}
	if err != nil {
		return fmt.Errorf("giving back the lease in table %q: %w", r.table, err)
	}
	return nil
}
