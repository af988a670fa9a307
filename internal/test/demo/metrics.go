package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// metrics waits for the end of a window, and shows the newest one of each device.
func (s *show) metrics(ctx context.Context, m *made) (int, error) {
	client := dynamodb.NewFromConfig(s.server.AWSConfig())
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := client.Scan(ctx, &dynamodb.ScanInput{TableName: &m.MetricsTableName})
		if err != nil {
			return 0, err
		}
		if len(out.Items) > 0 {
			printWindows(m.MetricsTableName, out.Items)
			return len(out.Items), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting for the end of a window of metrics: %w", ctx.Err())
		}
	}
}

func printWindows(table string, items []map[string]types.AttributeValue) {
	newest := map[string]map[string]types.AttributeValue{}
	for _, item := range items {
		device := text(item["device_id"])
		if newest[device] == nil || text(item["window_start"]) > text(newest[device]["window_start"]) {
			newest[device] = item
		}
	}
	heading("Metrics in DynamoDB ("+table+"), devices and windows", len(items))
	for _, device := range slices.Sorted(maps.Keys(newest)) {
		start, _, _ := strings.Cut(text(newest[device]["window_start"]), "#")
		fmt.Printf("    %s  %s to %s\n", device, start, text(newest[device]["window_end"]))
		measures, ok := newest[device]["measures"].(*types.AttributeValueMemberM)
		if !ok {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(measures.Value)) {
			fmt.Printf("      %s: %s\n", name, text(measures.Value[name]))
		}
	}
}
