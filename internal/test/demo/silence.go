package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
)

// silence lets soil-002, which has disconnected, fall silent and come back. Nobody waits ten minutes in a demo, so it
// makes what is known of the device older, as if they had passed.
func (s *show) silence(ctx context.Context, m *made, runtime *local.Runtime, roots *x509.CertPool,
	own *ownKeyDevice) error {
	fmt.Printf("\n  %s has disconnected. The demo makes its last message twelve minutes older, and waits for the notice.\n",
		own.name)
	client := dynamodb.NewFromConfig(s.server.AWSConfig())
	key := map[string]types.AttributeValue{"device_id": &types.AttributeValueMemberS{Value: own.name}}
	ago := &types.AttributeValueMemberN{
		Value: strconv.FormatInt(time.Now().Add(-12*time.Minute).UnixMilli(), 10)}
	_, err := client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &m.DeviceTableName, Key: key,
		UpdateExpression:          aws.String("SET last_seen = :ago, seen_slot = :ago, status_at = :ago"),
		ConditionExpression:       aws.String("attribute_exists(last_seen)"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":ago": ago},
	})
	if err != nil {
		return fmt.Errorf("making the last message of %s older: %w", own.name, err)
	}
	if err := s.told(ctx, m, "has sent nothing for"); err != nil {
		return err
	}
	if err := s.connect(ctx, runtime, roots, own); err != nil {
		return err
	}
	defer own.client.Disconnect(250)
	payload := fmt.Sprintf(`{"timestamp":%d,"data":{"temperature":22.5,"humidity":47}}`, time.Now().UnixMilli())
	if err := own.publish(payload); err != nil {
		return err
	}
	return s.told(ctx, m, "sends again")
}

// told waits until people have been told something, and shows it.
func (s *show) told(ctx context.Context, m *made, what string) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		notes, err := s.server.ReadNotifications(ctx, m.AlertTopicARN)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if strings.Contains(n.Message, what) {
				fmt.Printf("  People are told: %s\n", n.Subject)
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for a notice that a device %s: %w", what, ctx.Err())
		}
	}
}
