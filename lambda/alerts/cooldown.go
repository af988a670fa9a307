package alerts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// keepCooldown is how long a cooldown's item outlives the cooldown: an alert that is still active must stay known.
const keepCooldown = 30 * 24 * time.Hour

// cooldowns remembers which rule has announced an alert for which device, one item per pair.
//
// If the function fails after it claims the cooldown, Lambda retries the event with the same request ID. The item
// therefore holds the ID of the claiming request, and whether the notice was sent. Until it was, the same request can
// claim again, so no alert is lost to its own cooldown.
type cooldowns struct {
	client tableAPI
	table  string
}

// claimed is the result of a claim.
type claimed struct {
	granted    bool
	suppressed int // notices held back since the last one
}

func cooldownKey(rule, thing string) map[string]types.AttributeValue {
	return itemKey(contract.CooldownPrefix + rule + "#" + thing)
}

// claim asks to announce an alert now. If the rule announced one for this device within the cooldown, the alert is
// counted as suppressed instead.
func (c *cooldowns) claim(ctx context.Context, r *rule, thing, request string, now time.Time) (claimed, error) {
	until := now.Add(r.cooldown)
	out, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(c.table),
		Key:       cooldownKey(r.name, thing),
		UpdateExpression: aws.String(
			"SET #until = :until, active = :yes, expires_at = :expires, claim = :request, announced = :no, " +
				// So that an index lists the alerts by when they were raised.
				"#status = :alert, last_seen = :now, seen_slot = :now",
		),
		ConditionExpression: aws.String("attribute_not_exists(#until)" +
			" OR (#until <= :now AND NOT (claim = :request AND announced = :yes))" +
			" OR (claim = :request AND announced = :no)"),
		ExpressionAttributeNames: map[string]string{"#until": "until", "#status": contract.StatusAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":until": integer(
				until.UnixMilli(),
			), ":now": integer(now.UnixMilli()), ":expires": integer(until.Add(keepCooldown).Unix()),
			":request": &types.AttributeValueMemberS{Value: request}, ":yes": boolean(true), ":no": boolean(false),
			":alert": &types.AttributeValueMemberS{Value: contract.StatusAlert},
		},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err == nil {
		return claimed{granted: true, suppressed: count(out.Attributes["suppressed"])}, nil
	}
	var running *types.ConditionalCheckFailedException
	if !errors.As(err, &running) {
		return claimed{}, fmt.Errorf("claiming the cooldown of alert %q for %q: %w", r.name, thing, err)
	}
	if by, ok := running.Item["claim"].(*types.AttributeValueMemberS); ok && by.Value == request {
		return claimed{}, nil // this very event was announced before the function failed on something else
	}
	if _, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(c.table),
		Key:       cooldownKey(r.name, thing),
		UpdateExpression: aws.String("SET expires_at = if_not_exists(expires_at, :expires) ADD suppressed " +
			":one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":expires": integer(until.Add(keepCooldown).Unix()),
			":one": integer(1)},
	}); err != nil {
		return claimed{}, fmt.Errorf("counting a suppressed alert %q for %q: %w", r.name, thing, err)
	}
	return claimed{}, nil
}

// announced marks a claim as announced, and subtracts the suppressed alerts that the notice mentioned from the count.
func (c *cooldowns) announced(ctx context.Context, r *rule, thing, request string, told int) error {
	_, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           aws.String(c.table),
		Key:                 cooldownKey(r.name, thing),
		UpdateExpression:    aws.String("SET announced = :yes ADD suppressed :told"),
		ConditionExpression: aws.String("claim = :request"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":yes": boolean(
				true,
			), ":told": integer(int64(-told)), ":request": &types.AttributeValueMemberS{Value: request},
		},
	})
	var other *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &other) { // with a cooldown of no length another request may have claimed since
		return fmt.Errorf("closing the claim of alert %q for %q: %w", r.name, thing, err)
	}
	return nil
}

// isActive reports whether the rule's last notice about the device was an alert.
func (c *cooldowns) isActive(ctx context.Context, r *rule, thing string) (bool, error) {
	out, err := c.client.GetItem(ctx,
		&dynamodb.GetItemInput{TableName: aws.String(c.table), Key: cooldownKey(r.name, thing)})
	if err != nil {
		return false, fmt.Errorf("reading the cooldown of alert %q for %q: %w", r.name, thing, err)
	}
	active, ok := out.Item["active"].(*types.AttributeValueMemberBOOL)
	return ok && active.Value, nil
}

// resolved records that the end of the alert was announced. The cooldown keeps running, and an alert that it suppresses
// does not become active: a flapping sensor causes one alert and one resolved notice per cooldown, not one per change.
func (c *cooldowns) resolved(ctx context.Context, r *rule, thing string) error {
	_, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 aws.String(c.table),
		Key:                       cooldownKey(r.name, thing),
		UpdateExpression:          aws.String("SET active = :no"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":no": boolean(false)},
	})
	if err != nil {
		return fmt.Errorf("marking alert %q for %q as resolved: %w", r.name, thing, err)
	}
	return nil
}

func integer(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func boolean(v bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: v} }

func count(v types.AttributeValue) int {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, err := strconv.Atoi(n.Value)
	if err != nil {
		return 0
	}
	return value
}
